import Alerts
import Foundation
import GatewayCore
import Signal
import TestSupport
import Testing

@testable import Journal

@Suite struct FaultTests {
    let folder: TemporaryFolder
    init() throws { folder = try TemporaryFolder() }

    var settings: JournalSettings { JournalSettings(path: folder.file("journal.db")) }

    func open(
        _ settings: JournalSettings? = nil,
        connections: [String] = ["cmms"],
        tuning: Writer.Tuning? = nil
    ) async throws -> (store: JournalStore, opening: StoreOpening) {
        var chosen = tuning ?? Writer.Tuning()
        if tuning == nil { chosen.ballastBytes = 0 }
        return try await JournalStore.open(
            settings ?? self.settings,
            connections: connections,
            tuning: chosen
        )
    }

    /// Copies the files as a killed process leaves them.
    func copyOfOpen(as name: String, suffixes: [String] = ["", "-wal", ".open"]) throws
        -> JournalSettings
    {
        for suffix in suffixes {
            try FileManager.default.copyItem(
                atPath: folder.file("journal.db") + suffix,
                toPath: folder.file(name) + suffix
            )
        }
        return JournalSettings(path: folder.file(name))
    }

    func fill(
        _ store: JournalStore,
        seconds: Int,
        plant: inout SamplePlant,
        epoch: UInt64 = 1
    ) async {
        for number in 0..<(seconds / 2) {
            let outcome = await store.commit(
                Commit(id: UInt64(number), epoch: epoch, readings: plant.next(seconds: 2))
            )
            #expect(outcome.fault == nil)
        }
    }

    @Test("a second process is told that the journal is taken")
    func locked() async throws {
        let (store, _) = try await open()
        await #expect(throws: StoreFault.self) { _ = try await open() }
        await store.close()
        let (again, _) = try await open()
        await again.close()
    }

    @Test("a log that vanished from under an unclosed journal is damage, not a fresh start")
    func logGone() async throws {
        let (store, _) = try await open()
        var plant = SamplePlant(channels: 8)
        await fill(store, seconds: 10, plant: &plant)
        let copy = try copyOfOpen(as: "copy.db", suffixes: ["", ".open"])
        await store.close()
        let (again, opening) = try await open(copy)
        #expect(opening.damage?.contains("log is gone") == true)
        #expect(opening.epochs.isEmpty)
        await again.close()
    }

    @Test("a journal that was closed needs no log")
    func closedWithoutLog() async throws {
        let (store, _) = try await open()
        var plant = SamplePlant(channels: 8)
        await fill(store, seconds: 10, plant: &plant)
        await store.close()
        #expect(StoreFile.size(folder.file("journal.db-wal")) == 0)
        let (again, opening) = try await open()
        #expect(opening.damage == nil)
        #expect(opening.epochs.last?.lastReading == plant.sequence)
        await again.close()
    }

    @Test("a crash inside a checkpoint is no damage: the log has what the file lacks")
    func crashInCheckpoint() async throws {
        let (store, _) = try await open()
        var plant = SamplePlant(channels: 16)
        await fill(store, seconds: 60, plant: &plant)
        let crashed = try copyOfOpen(as: "copy.db")
        // The first page tells the new size; the other pages did not make it to the file.
        let log = try Data(contentsOf: URL(fileURLWithPath: crashed.path + "-wal"))
        var file = try Data(contentsOf: URL(fileURLWithPath: crashed.path))
        var offset = 32
        var lastFirstPage: Data?
        while offset + 24 + Schema.pageBytes <= log.count {
            if log[offset..<offset + 4].elementsEqual([0, 0, 0, 1]) {
                lastFirstPage = log[(offset + 24)..<(offset + 24 + Schema.pageBytes)]
            }
            offset += 24 + Schema.pageBytes
        }
        file.replaceSubrange(0..<Schema.pageBytes, with: try #require(lastFirstPage))
        try file.write(to: URL(fileURLWithPath: crashed.path))
        let (again, opening) = try await open(crashed)
        #expect(opening.damage == nil)
        #expect(opening.epochs.last?.lastReading == plant.sequence)
        await again.close()
        await store.close()
    }

    @Test("a first page torn inside a checkpoint is no damage: the log has it whole")
    func tornFirstPage() async throws {
        let (store, _) = try await open()
        var plant = SamplePlant(channels: 16)
        await fill(store, seconds: 60, plant: &plant)
        let torn = try copyOfOpen(as: "copy.db")
        var file = try Data(contentsOf: URL(fileURLWithPath: torn.path))
        file.replaceSubrange(
            0..<512,
            with: (0..<512).map { UInt8(truncatingIfNeeded: $0 * 37 + 5) }
        )
        try file.write(to: URL(fileURLWithPath: torn.path))
        let (again, opening) = try await open(torn)
        #expect(opening.damage == nil)
        #expect(opening.epochs.last?.lastReading == plant.sequence)
        await again.close()
        await store.close()
    }

    @Test("a file that is cut off is damage though its log holds other pages")
    func cutOffWithLog() async throws {
        let (store, _) = try await open()
        var plant = SamplePlant(channels: 64)
        await fill(store, seconds: 300, plant: &plant)
        await store.close()
        let (again, _) = try await open()
        await fill(again, seconds: 4, plant: &plant, epoch: 2)
        let copy = try copyOfOpen(as: "copy.db")
        let whole = try Data(contentsOf: URL(fileURLWithPath: copy.path))
        try whole.prefix(whole.count / 2).write(to: URL(fileURLWithPath: copy.path))
        let (fresh, opening) = try await open(copy)
        #expect(opening.damage?.contains("cut off") == true)
        await fresh.close()
        await again.close()
    }

    @Test("at most two damaged stores are kept, with their logs")
    func keptAside() async throws {
        for round in 0..<4 {
            try Data("not a database \(round)".utf8).write(
                to: URL(fileURLWithPath: folder.file("journal.db"))
            )
            let files = StoreFile(path: folder.file("journal.db"))
            _ = try files.setAside(at: Int64(round) * 1_000_000_000, because: "the header is odd")
        }
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
        #expect(
            names == [
                "journal.db.2-the-header-is-odd.damaged", "journal.db.3-the-header-is-odd.damaged",
            ]
        )
    }

    /// Changes one byte inside the body of the row that holds `sequence`.
    func damage(row sequence: UInt64) throws {
        let database = try Database(path: folder.file("journal.db"), mode: .readWrite)
        let key = RowKey(run: 1, sequence: sequence).rowid
        let found = try database.first(
            "SELECT key, body FROM block WHERE key <= ? ORDER BY key DESC LIMIT 1",
            .integer(key)
        ) { ($0.integer(0), $0.blob(1)) }
        let (row, whole) = try #require(found)
        var body = whole
        body[body.count / 2] ^= 4
        try database.run("UPDATE block SET body=? WHERE key=?", .blob(body), .integer(row))
    }

    @Test("a damaged row is passed over and told as a gap until the gap is on record")
    func damagedRow() async throws {
        let (store, _) = try await open()
        var plant = SamplePlant(channels: 10)
        let before = plant
        await fill(store, seconds: 40, plant: &plant)
        await store.close()
        try damage(row: 105)

        let (again, opening) = try await open()
        #expect(opening.damage == nil)
        var expected = before
        let all = expected.next(seconds: 40)
        let found = try await again.all(1...400)
        #expect(found == all.filter { !(101...120).contains($0.sequence) })
        let outcome = await again.commit(Commit(id: 1, epoch: 2))
        let gap = try #require(outcome.lost.first)
        #expect(outcome.lost.count == 1)
        #expect(gap.first == 101 && gap.last == 120 && gap.cause == .corruption && gap.epoch == 1)
        await again.close()

        // It was told, but nobody put it on record: it is told again.
        let (third, _) = try await open()
        let stamp = all[0].reading.stamp
        let told = await third.commit(Commit(id: 1, epoch: 3))
        #expect(told.lost == [gap])
        let record = SequencedRecord(sequence: 1, stamp: stamp, body: .gap(gap))
        await third.commit(Commit(id: 2, epoch: 3, records: [record]))
        await third.close()
        let (fourth, _) = try await open()
        #expect(await fourth.commit(Commit(id: 1, epoch: 4)).lost.isEmpty)
        await fourth.close()
    }

    @Test("damage met while running ends the writing and is set aside at the next start")
    func damageWhileRunning() async throws {
        let (store, _) = try await open()
        var plant = SamplePlant(channels: 8)
        await fill(store, seconds: 4, plant: &plant)
        await store.met(.corrupt("database disk image is malformed"))
        let outcome = await store.commit(
            Commit(id: 9, epoch: 1, readings: plant.next(seconds: 1))
        )
        #expect(outcome.fault == .corrupt("database disk image is malformed"))
        await store.close()
        let (again, opening) = try await open()
        #expect(opening.damage?.contains("malformed") == true)
        await again.close()
        let (third, calm) = try await open()
        #expect(calm.damage == nil)
        await third.close()
    }

    @Test("after a medium fault nothing more is written by this process")
    func mediumFault() async throws {
        let (store, _) = try await open()
        var plant = SamplePlant(channels: 8)
        await fill(store, seconds: 4, plant: &plant)
        await store.met(.medium("disk I/O error"))
        let outcome = await store.commit(
            Commit(id: 9, epoch: 1, readings: plant.next(seconds: 1))
        )
        #expect(outcome.fault == .medium("disk I/O error"))
        await #expect(throws: StoreFault.medium("disk I/O error")) {
            _ = try await store.fetch(.readings, epoch: 1, 1...5, limit: 5)
        }
        await store.close()
        let (again, opening) = try await open()
        #expect(opening.damage == nil)
        #expect(opening.epochs.last?.lastReading == 32)
        await again.close()
    }

    @Test("a folder that cannot be written is named, and nothing is made up instead")
    func unwritable() async throws {
        let mount = folder.file("sealed")
        try FileManager.default.createDirectory(atPath: mount, withIntermediateDirectories: true)
        let mounting = try ChildProcess("mount", ["-t", "tmpfs", "-o", "ro", "tmpfs", mount])
        guard try mounting.wait() == 0 else {
            print("SKIPPED: mounting a tmpfs is not permitted here")
            return
        }
        defer { _ = try? ChildProcess("umount", ["-l", mount]).wait() }
        do {
            let (store, _) = try await open(JournalSettings(path: "\(mount)/journal.db"))
            await store.close()
            Issue.record("a journal where nothing can be written")
        } catch let fault as StoreFault {
            #expect(fault.words.contains(mount), "\(fault.words)")
        }
        // Found damaged, it cannot even be moved aside: that is told as well.
        _ = try ChildProcess("mount", ["-o", "remount,rw", mount]).wait()
        let path = try folder.write("no database", to: "sealed/journal.db")
        try folder.write("", to: "sealed/journal.db.lock")
        _ = try ChildProcess("mount", ["-o", "remount,ro", mount]).wait()
        await #expect(throws: StoreFault.self) {
            _ = try await open(JournalSettings(path: path))
        }
    }

    @Test("a newer release's file is set aside, not written to")
    func newerSchema() async throws {
        let (store, _) = try await open()
        await store.close()
        do {
            let database = try Database(path: settings.path, mode: .readWrite)
            try database.execute("PRAGMA user_version=\(Schema.version + 1)")
        }
        let (again, opening) = try await open()
        #expect(opening.damage?.contains("newer Loopgate") == true)
        await again.close()
    }

    @Test("a small disk that fills up takes readings again once old ones are delivered")
    func fullDiskWithBallast() async throws {
        let mount = folder.file("small")
        try FileManager.default.createDirectory(atPath: mount, withIntermediateDirectories: true)
        let mounting = try ChildProcess("mount", ["-t", "tmpfs", "-o", "size=3m", "tmpfs", mount])
        guard try mounting.wait() == 0 else {
            print("SKIPPED: mounting a tmpfs is not permitted here")
            return
        }
        defer { _ = try? ChildProcess("umount", ["-l", mount]).wait() }
        var tuning = Writer.Tuning()
        tuning.ballastBytes = 512 << 10
        tuning.checkpointFrames = 200
        tuning.flushEvery = .seconds(20)
        let settings = JournalSettings(path: "\(mount)/journal.db")
        let (store, _) = try await open(settings, tuning: tuning)
        #expect(StoreFile.size("\(mount)/journal.db.ballast") == 512 << 10)
        var plant = SamplePlant(channels: 64)
        var stored: UInt64 = 0
        var fault: StoreFault?
        var sent: [SequencedReading] = []
        for number in 0..<5_000 where fault == nil {
            sent = plant.next(seconds: 2)
            let outcome = await store.commit(
                Commit(id: UInt64(number), epoch: 1, readings: sent)
            )
            fault = outcome.fault
            if fault == nil { stored = plant.sequence }
        }
        #expect(fault == .full)
        #expect(StoreFile.size("\(mount)/journal.db.ballast") == 0)
        // Delivered now: the next commit makes room by itself, without a byte more of disk.
        let mark = DeliveryMark(connection: "cmms", stream: .readings, epoch: 1, floor: stored)
        var recovered: StoreFault? = .full
        for number in 0..<20 where recovered != nil {
            recovered = await store.commit(
                Commit(
                    id: UInt64(10_000 + number),
                    epoch: 1,
                    readings: sent,
                    delivery: [mark]
                )
            ).fault
        }
        #expect(recovered == nil)
        #expect(try await store.all((stored + 1)...(stored + 128)) == sent)
        await store.close()
    }
}

extension JournalStore {
    /// As if SQLite had answered so.
    func met(_ fault: StoreFault) {
        _ = result { _ throws -> Void in throw fault }
    }
}
