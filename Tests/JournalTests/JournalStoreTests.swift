import Alerts
import Foundation
import GatewayCore
import Signal
import TestSupport
import Testing

@testable import Journal

@Suite struct JournalStoreTests {
    let folder: TemporaryFolder
    init() throws { folder = try TemporaryFolder() }

    func settings(
        quota: Int64 = 1 << 30,
        rawDays: Int? = 7,
        name: String = "journal.db"
    ) -> JournalSettings {
        JournalSettings(
            path: folder.file(name),
            quotaBytes: quota,
            rawDays: rawDays
        )
    }

    func open(
        _ settings: JournalSettings? = nil,
        connections: [String] = ["cmms"],
        ballast: Int64 = 0
    ) async throws -> (store: JournalStore, opening: StoreOpening) {
        try await JournalStore.open(
            settings ?? self.settings(),
            connections: connections,
            ballastBytes: ballast
        )
    }

    static func rows(_ range: ClosedRange<UInt64>, start: Int64 = 1_700_000_000)
        -> [SequencedReading]
    {
        range.map { sequence in
            let at = Int64(sequence / 8) * 1_000_000_000
            return SequencedReading(
                sequence: sequence,
                reading: Reading(
                    instrument: InstrumentID(rawValue: UInt32(sequence % 8 + 1)),
                    stamp: Stamp(
                        monotonic: MonotonicTime(nanoseconds: at),
                        wall: WallTime(nanosecondsSince1970: start * 1_000_000_000 + at),
                        clock: .synced
                    ),
                    raw: Int64(4_000 + sequence % 16_000),
                    current: LoopCurrent(milliamps: Double(4_000 + sequence % 16_000) / 1000),
                    value: Double(sequence % 16_000) / 1600,
                    quality: .good
                )
            )
        }
    }

    static func mark(
        _ floor: UInt64,
        epoch: UInt64 = 1,
        stream: StoreStream = .readings,
        ranges: [ClosedRange<UInt64>] = []
    ) -> DeliveryMark {
        DeliveryMark(
            connection: "cmms",
            stream: stream,
            epoch: epoch,
            floor: floor,
            ranges: ranges
        )
    }

    @discardableResult
    func commit(_ store: JournalStore, _ commit: Commit) async -> CommitOutcome {
        await withCheckedContinuation { continuation in
            store.commit(commit) { continuation.resume(returning: $0) }
        }
    }

    func fetch(
        _ store: JournalStore,
        stream: StoreStream = .readings,
        epoch: UInt64 = 1,
        _ range: ClosedRange<UInt64>,
        limit: Int = 500
    ) async throws -> Fetched {
        try await withCheckedContinuation { continuation in
            store.fetch(stream, epoch: epoch, range: range, limit: limit, for: "cmms") {
                continuation.resume(returning: $0)
            }
        }.get()
    }

    func fill(_ store: JournalStore, epoch: UInt64 = 1, commits: Int, each: UInt64 = 16) async {
        for number in 0..<UInt64(commits) {
            let range = (number * each + 1)...((number + 1) * each)
            let outcome = await commit(
                store,
                Commit(
                    id: number + 1,
                    epoch: epoch,
                    readings: Self.rows(range),
                    delivery: number == 0 ? [Self.mark(0, epoch: epoch)] : [],
                    now: WallTime(nanosecondsSince1970: 1_700_000_000_000_000_000)
                )
            )
            guard case .success = outcome.result else {
                Issue.record("commit \(number): \(outcome.result)")
                return
            }
        }
    }

    @Test("what was committed is there after a restart, with its marks and its offers")
    func reopen() async throws {
        let (store, first) = try await open()
        #expect(first.epochs.isEmpty)
        await commit(
            store,
            Commit(
                id: 1,
                epoch: 9,
                readings: Self.rows(1...20),
                offers: [LiveOffer(connection: "cmms", range: 1...12)],
                delivery: [Self.mark(5, epoch: 9, ranges: [8...9])]
            )
        )
        await commit(store, Commit(id: 2, epoch: 9, readings: Self.rows(21...30)))
        await store.close()

        let (again, opening) = try await open()
        #expect(opening.epochs == [.init(epoch: 9, lastReading: 30, lastRecord: 0)])
        #expect(opening.delivery == [Self.mark(5, epoch: 9, ranges: [8...9])])
        #expect(opening.damage == nil)
        let fetched = try await fetch(again, epoch: 9, 6...25)
        guard case .readings(let rows) = fetched.rows else { return }
        #expect(rows == Self.rows(6...25))
        #expect(fetched.offered == [6...12])
        #expect(fetched.through == 25)
        await again.close()
    }

    @Test("an unclean end loses nothing that was committed")
    func uncleanEnd() async throws {
        let (store, _) = try await open()
        await fill(store, commits: 10)
        // What a killed process leaves: the files as they are, log and all.
        for suffix in ["", "-wal"] {
            try FileManager.default.copyItem(
                atPath: folder.file("journal.db") + suffix,
                toPath: folder.file("copy.db") + suffix
            )
        }
        let (copy, opening) = try await open(settings(name: "copy.db"))
        #expect(opening.epochs.last?.lastReading == 160)
        let fetched = try await fetch(copy, 1...160)
        guard case .readings(let rows) = fetched.rows else { return }
        #expect(rows == Self.rows(1...160))
        await store.close()
        await copy.close()
    }

    @Test(
        "any range can be read, a piece at a time, across many rows and runs",
        arguments: [1, 7, 500]
    )
    func pieces(limit: Int) async throws {
        let (store, _) = try await open()
        await fill(store, epoch: 1, commits: 30)
        await fill(store, epoch: 2, commits: 20, each: 9)
        var got: [UInt64] = []
        var next: UInt64 = 5
        while next <= 170 {
            let fetched = try await fetch(store, epoch: 2, next...170, limit: limit)
            guard case .readings(let rows) = fetched.rows else { return }
            got += rows.map(\.sequence)
            #expect(fetched.through >= next)
            next = fetched.through + 1
        }
        #expect(got == Array(5...170))
        await store.close()
    }

    @Test("of a mark with more ranges than a journal keeps, the newest are kept: repeats, no loss")
    func manyRanges() async throws {
        let (store, _) = try await open()
        let ranges = (1...UInt64(Limits.deliveredRanges + 36)).map { ($0 * 4)...($0 * 4 + 1) }
        await commit(
            store,
            Commit(
                id: 1,
                epoch: 9,
                readings: Self.rows(1...500),
                delivery: [Self.mark(2, epoch: 9, ranges: ranges)]
            )
        )
        await store.close()
        let (again, opening) = try await open()
        #expect(opening.delivery.first?.floor == 2)
        #expect(opening.delivery.first?.ranges == Array(ranges.suffix(Limits.deliveredRanges)))
        await again.close()
    }

    @Test("records come back in order, and open alerts are known at the next start")
    func records() async throws {
        let (store, _) = try await open()
        let stamp = Self.rows(1...1)[0].reading.stamp
        func alert(_ number: UInt64, _ state: AlertState) -> RecordBody {
            .alert(
                AlertTransition(
                    alert: AlertID(epoch: 1, number: number),
                    instrument: nil,
                    subject: "PT-101",
                    type: .drift,
                    severity: .warning,
                    state: state,
                    value: 4.5,
                    explanation: "drifts",
                    raisedAt: stamp,
                    at: stamp,
                    by: "system",
                    note: nil
                )
            )
        }
        let gap = RecordBody.gap(
            GapRecord(epoch: 1, first: 4, last: 9, from: nil, to: nil, cause: .quota)
        )
        let bodies = [
            alert(1, .raised), alert(2, .raised), gap, alert(1, .acknowledged), alert(2, .resolved),
        ]
        let records = bodies.enumerated().map {
            SequencedRecord(sequence: UInt64($0.offset + 1), stamp: stamp, body: $0.element)
        }
        await commit(store, Commit(id: 1, epoch: 1, records: records))
        let fetched = try await fetch(store, stream: .records, 2...5)
        guard case .records(let rows) = fetched.rows else { return }
        #expect(rows == Array(records[1...]))
        await store.close()
        let (again, opening) = try await open()
        #expect(opening.openAlerts.map(\.alert.number) == [1])
        #expect(opening.openAlerts.first?.state == .acknowledged)
        #expect(opening.epochs.last?.lastRecord == 5)
        await again.close()
    }

    @Test("instrument numbers are given once and never again")
    func register() async throws {
        let tags = ["PT-1", "PT-2", "PT-3"].compactMap { Tag($0) }
        let (store, _) = try await open()
        let first = try await store.register(tags)
        await store.close()
        let (again, _) = try await open()
        let more = try await again.register(tags + ["TT-9"].compactMap { Tag($0) })
        for tag in tags { #expect(first[tag] == more[tag]) }
        #expect(Set(more.values).count == 4)
        await again.close()
    }

    @Test("above the quota the oldest readings go, and a gap record says which were not delivered")
    func quota() async throws {
        let (store, _) = try await open(settings(quota: 200_000))
        var lost: [GapRecord] = []
        var last: UInt64 = 0
        for number in 0..<UInt64(800) {
            let range = (number * 40 + 1)...((number + 1) * 40)
            last = range.upperBound
            let outcome = await commit(
                store,
                Commit(
                    id: number + 1,
                    epoch: 1,
                    readings: Self.rows(range),
                    delivery: number == 0 ? [Self.mark(0)] : number == 3 ? [Self.mark(100)] : []
                )
            )
            lost += outcome.lost
        }
        let bytes = StoreFile.size(folder.file("journal.db"))
        #expect(bytes < 400_000)
        #expect(!lost.isEmpty)
        #expect(lost.allSatisfy { $0.cause == .quota && $0.epoch == 1 })
        // The first reading left is the one after the last that was given up.
        let upTo = lost.map(\.last).max() ?? 0
        let fetched = try await fetch(store, 1...last, limit: 1)
        guard case .readings(let rows) = fetched.rows else { return }
        #expect(rows.first?.sequence == upTo + 1)
        #expect(lost.first.map { $0.first <= 101 } == true)
        await store.close()
    }

    @Test("what is old and delivered goes; what is old and not delivered stays")
    func retention() async throws {
        let (store, _) = try await open(settings(rawDays: 1))
        let old = Self.rows(1...3200, start: 1_600_000_000)
        let now = WallTime(nanosecondsSince1970: 1_700_000_000_000_000_000)
        for number in 0..<200 {
            let readings = Array(old[(number * 16)..<((number + 1) * 16)])
            await commit(
                store,
                Commit(
                    id: UInt64(number + 1),
                    epoch: 1,
                    readings: readings,
                    delivery: number == 0 ? [Self.mark(0)] : number == 100 ? [Self.mark(800)] : [],
                    now: now
                )
            )
        }
        let fetched = try await fetch(store, 1...3200, limit: 1)
        guard case .readings(let rows) = fetched.rows else { return }
        #expect(rows.first?.sequence == 801)
        await store.close()
    }

    @Test(
        "a damaged store is set aside and a fresh one begun",
        arguments: ["empty", "text", "header", "truncated", "foreign", "gone"]
    )
    func damage(kind: String) async throws {
        let (store, _) = try await open()
        await fill(store, commits: 200)
        await store.close()
        let path = folder.file("journal.db")
        let file = URL(fileURLWithPath: path)
        switch kind {
        case "empty": try Data().write(to: file)
        case "text": try Data("these are not the bytes you want\n".utf8).write(to: file)
        case "header":
            var bytes = try Data(contentsOf: file)
            bytes.replaceSubrange(0..<16, with: Data(repeating: 7, count: 16))
            try bytes.write(to: file)
        case "truncated": try Data(contentsOf: file).prefix(5_000).write(to: file)
        case "foreign":
            try FileManager.default.removeItem(at: file)
            let other = try Database(path: path, mode: .readWrite)
            try other.execute("CREATE TABLE other(x); INSERT INTO other VALUES(1)")
        default:
            try FileManager.default.removeItem(at: file)
            try Data("log without database".utf8).write(to: URL(fileURLWithPath: path + "-wal"))
        }
        let (again, opening) = try await open()
        #expect(opening.damage != nil)
        #expect(opening.epochs.isEmpty)
        let outcome = await commit(again, Commit(id: 1, epoch: 2, readings: Self.rows(1...8)))
        guard case .success = outcome.result else {
            Issue.record("\(outcome.result)")
            return
        }
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
        #expect(names.contains { $0.contains(".damaged") })
        await again.close()
    }

    @Test("a flipped byte costs the row it is in, and is never taken for a reading")
    func flippedByte() async throws {
        let (store, _) = try await open()
        await fill(store, commits: 50)
        await store.close()
        let file = URL(fileURLWithPath: folder.file("journal.db"))
        var bytes = try Data(contentsOf: file)
        // In the middle of the rows' bodies.
        let place = bytes.count / 2 + 300
        bytes[place] ^= 0x10
        try bytes.write(to: file)
        let (again, opening) = try await open()
        if opening.damage == nil {
            let fetched = try await fetch(again, 1...800, limit: 2_000)
            guard case .readings(let rows) = fetched.rows else { return }
            let good = Dictionary(
                uniqueKeysWithValues: Self.rows(1...800).map { ($0.sequence, $0) }
            )
            #expect(rows.allSatisfy { good[$0.sequence] == $0 })
            #expect(rows.count >= 800 - 32)
        }
        await again.close()
    }

    @Test("a full disk is reported, nothing stored is lost, and it recovers when space returns")
    func fullDisk() async throws {
        let mount = folder.file("small")
        try FileManager.default.createDirectory(atPath: mount, withIntermediateDirectories: true)
        let mounting = try ChildProcess(
            "mount",
            ["-t", "tmpfs", "-o", "size=600k", "tmpfs", mount]
        )
        guard try mounting.wait() == 0 else {
            print("SKIPPED: mounting a tmpfs is not permitted here")
            return
        }
        defer { _ = try? ChildProcess("umount", ["-l", mount]).wait() }
        let (store, _) = try await open(settings(name: "small/journal.db"))
        var stored: UInt64 = 0
        var failures = 0
        for number in 0..<UInt64(2_000) where failures < 3 {
            let range = (number * 40 + 1)...((number + 1) * 40)
            let outcome = await commit(
                store,
                Commit(
                    id: number + 1,
                    epoch: 1,
                    readings: Self.rows(range),
                    delivery: number == 0 ? [Self.mark(0)] : []
                )
            )
            switch outcome.result {
            case .success: stored = range.upperBound
            case .failure(let fault):
                failures += 1
                #expect(fault == .full)
            }
            if failures > 0 { break }
        }
        #expect(failures == 1)
        _ = try ChildProcess("mount", ["-o", "remount,size=4m", mount]).wait()
        let range = (stored + 1)...(stored + 40)
        let outcome = await commit(store, Commit(id: 9_999, epoch: 1, readings: Self.rows(range)))
        guard case .success = outcome.result else {
            Issue.record("after space returned: \(outcome.result)")
            return
        }
        var next: UInt64 = 1
        while next <= range.upperBound {
            let fetched = try await fetch(store, next...range.upperBound)
            guard case .readings(let rows) = fetched.rows else { return }
            #expect(rows == Self.rows(next...fetched.through))
            next = fetched.through + 1
        }
        await store.close()
    }
}

extension JournalStoreTests {
    @Test("a reader beside the writer sees every reading, and verifies what is whole")
    func reader() async throws {
        let (store, _) = try await open()
        _ = try await store.register((1...8).compactMap { Tag("PT-\($0)") })
        await fill(store, commits: 20)
        let reader = try JournalReader(folder.file("journal.db"))
        var sequences: [UInt64] = []
        try reader.forEachReading { row in
            sequences.append(row.sequence)
            #expect(row.tag == "PT-\(row.sequence % 8 + 1)")
            return true
        }
        #expect(sequences == Array(1...320))
        let found = try reader.verify()
        #expect(found.faults == [])
        #expect(found.readings == 320)
        let numbers = try reader.statistics()
        #expect(numbers.readings == 320)
        #expect(numbers.runs.map(\.epoch) == [1])
        // Damage behind the reader's back is found.
        let writer = try Database(path: folder.file("journal.db"), mode: .readWrite)
        let key = RowKey(run: 1, sequence: 97).rowid
        try writer.run("UPDATE block SET body = zeroblob(40) WHERE key = ?", .integer(key))
        let damaged = try JournalReader(folder.file("journal.db")).verify()
        #expect(damaged.faults.contains { $0.hasPrefix("run 1, row at 97:") })
        await store.close()
    }
}
