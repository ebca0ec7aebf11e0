import Foundation
import GatewayCore
import Runtime
import Signal
import TestSupport
import Testing

@testable import Journal

@Suite struct TrendTests {
    let folder: TemporaryFolder
    init() throws { folder = try TemporaryFolder() }
    var settings: JournalSettings {
        JournalSettings(path: folder.file("journal.db"), rawDays: nil)
    }
    static let minute: Int64 = 60_000_000_000

    func open(_ tuning: Writer.Tuning = Writer.Tuning()) async throws -> JournalStore {
        var tuning = tuning
        tuning.ballastBytes = 0
        return try await JournalStore.open(settings, connections: [], tuning: tuning).store
    }

    /// A plant whose cycle is ten seconds, so that days are soon over.
    struct Slow {
        var now: Int64
        var sequence: UInt64 = 0
        var clock = ClockState.synced
        var random = SplitMix(seed: 5)

        mutating func next(_ count: Int, step: Int64 = 10_000_000_000) -> [SequencedReading] {
            (0..<count).flatMap { _ in
                now += step
                return (1...3).map { id -> SequencedReading in
                    sequence += 1
                    let quality: Quality =
                        Int.random(in: 0..<50, using: &random) == 0 ? .wireBreak : .good
                    let value = Double(id) * 10 + Double.random(in: -1...1, using: &random)
                    return SequencedReading(
                        sequence: sequence,
                        reading: Reading(
                            instrument: InstrumentID(rawValue: UInt32(id)),
                            stamp: Stamp(
                                monotonic: MonotonicTime(
                                    nanoseconds: now - 1_600_000_000_000_000_000
                                ),
                                wall: WallTime(nanosecondsSince1970: now),
                                clock: clock
                            ),
                            raw: nil,
                            current: nil,
                            value: quality == .good ? value : nil,
                            quality: quality
                        )
                    )
                }
            }
        }
    }

    /// What a trend must say, made from the readings one by one.
    func truth(
        _ readings: [SequencedReading],
        _ id: UInt32,
        from: Int64,
        to: Int64,
        width: Int64,
        offset: Int64 = 0
    ) -> [Int64: Rollup] {
        var buckets: [Int64: Rollup] = [:]
        for entry in readings where entry.reading.instrument.rawValue == id {
            let stamp = entry.reading.stamp
            let at = stamp.wall.nanosecondsSince1970 + (stamp.clock.isTrusted ? 0 : offset)
            guard at >= from, at < to else { continue }
            let start = at - at % width
            let single = Rollup(entry.reading.value, quality: entry.reading.quality)
            if buckets[start]?.merge(single) == nil { buckets[start] = single }
        }
        return buckets
    }

    func expectSame(_ points: [TrendPoint], _ truth: [Int64: Rollup]) {
        #expect(points.count == truth.count)
        for point in points {
            guard let expected = truth[point.at.nanosecondsSince1970] else {
                Issue.record("no bucket is expected at \(point.at)")
                continue
            }
            #expect(point.rollup.count == expected.count)
            #expect(point.rollup.worst == expected.worst)
            guard let a = point.rollup.values, let b = expected.values else {
                #expect(point.rollup.values == nil && expected.values == nil)
                continue
            }
            for (x, y) in [(a.lowest, b.lowest), (a.highest, b.highest), (a.mean, b.mean)] {
                #expect(abs(x - y) < 1e-5)
            }
        }
    }

    func commit(_ readings: [SequencedReading], epoch: UInt64 = 1, to store: JournalStore) async {
        let outcome = await store.commit(
            Commit(
                id: readings.first?.sequence ?? 0,
                epoch: epoch,
                readings: readings,
                now: readings.last?.reading.stamp.wall
            )
        )
        #expect(outcome.fault == nil)
    }

    @Test("trends by the minute, hour and day are those of all readings, across restarts")
    func bruteForce() async throws {
        let start: Int64 = 1_700_000_000_000_000_000 / 86_400_000_000_000 * 86_400_000_000_000
        var plant = Slow(now: start + 3_000_000_000)
        var all: [SequencedReading] = []
        var store = try await open()
        for part in 0..<110 {
            let readings = plant.next(250)
            for start in stride(from: 0, to: readings.count, by: 60) {
                let piece = Array(readings[start..<min(start + 60, readings.count)])
                await commit(piece, to: store)
            }
            all += readings
            if part % 40 == 13 {
                await store.close()
                store = try await open()
            }
        }
        let reader = try JournalReader(settings.path)
        let end = start + 4 * 86_400_000_000_000
        for (points, width, from, to) in [
            (96, 60 * Self.minute, start, end),
            (4, 1440 * Self.minute, start, end),
            (600, 6 * Self.minute, start + 10 * 60 * Self.minute, start + 70 * 60 * Self.minute),
        ] {
            for id in [1, 3] as [UInt32] {
                let trend = try reader.trend(
                    instrument: InstrumentID(rawValue: id),
                    from: WallTime(nanosecondsSince1970: from),
                    to: WallTime(nanosecondsSince1970: to),
                    points: points
                )
                #expect(trend.points.count <= points)
                expectSame(trend.points, truth(all, id, from: from, to: to, width: width))
            }
        }
        // The last hour by the reading: no peak is lost.
        let to = plant.now + 1
        let raw = try reader.trend(
            instrument: InstrumentID(rawValue: 2),
            from: WallTime(nanosecondsSince1970: to - 60 * Self.minute),
            to: WallTime(nanosecondsSince1970: to),
            points: 100
        )
        #expect(raw.level == nil && raw.points.count <= 100 && raw.points.count > 80)
        let wanted = truth(
            all,
            2,
            from: to - 60 * Self.minute,
            to: to,
            width: .max
        ).values.first?.values
        #expect(raw.points.compactMap { $0.rollup.values?.highest }.max() == wanted?.highest)
        #expect(raw.points.compactMap { $0.rollup.values?.lowest }.min() == wanted?.lowest)
        let found = try reader.verify()
        #expect(found.faults.isEmpty)
        #expect(found.readings == Int64(all.count))
        #expect(try reader.statistics().readings == Int64(all.count))
        await store.close()
    }

    @Test(
        "readings from before the clock was set are rolled up where they belong once it is",
        arguments: [ClockState.unset, .restored]
    )
    func correction(clock: ClockState) async throws {
        let right: Int64 = 1_700_000_040_000_000_000
        let wrong: Int64 = clock == .unset ? 5_000_000_000 : right - 5_400_000_000_000
        var tuning = Writer.Tuning()
        tuning.rebuildMinutes = 7
        let store = try await open(tuning)
        // An earlier run whose hours the wrong clock runs into.
        var earlier = Slow(now: right - 9_000_000_000_000)
        var all = earlier.next(500)
        await commit(all, to: store)
        var plant = Slow(now: wrong)
        plant.clock = clock
        let before = plant.next(300)
        for start in stride(from: 0, to: before.count, by: 90) {
            await commit(
                Array(before[start..<min(start + 90, before.count)]),
                epoch: 2,
                to: store
            )
        }
        let offset = right - wrong
        try await store.correct(epoch: 2, offset: Nanoseconds(offset))
        plant.now += offset
        plant.clock = .synced
        let after = plant.next(200)
        await commit(after, epoch: 2, to: store)
        try await store.settle()
        all += before + after

        let reader = try JournalReader(settings.path)
        let from = right - 9_600_000_000_000
        let to = plant.now + 1
        for id in [1, 2] as [UInt32] {
            let minutes = try reader.rollups(
                .minute,
                InstrumentID(rawValue: id),
                from: WallTime(nanosecondsSince1970: from),
                to: WallTime(nanosecondsSince1970: to)
            )
            let points = minutes.map {
                TrendPoint(at: RollupLevel.minute.start(of: $0.key), rollup: $0.value)
            }
            expectSame(
                points,
                truth(all, id, from: from, to: to, width: Self.minute, offset: offset)
            )
            let hours = try reader.rollups(
                .hour,
                InstrumentID(rawValue: id),
                from: WallTime(nanosecondsSince1970: from - 3_600_000_000_000),
                to: WallTime(nanosecondsSince1970: to + 3_600_000_000_000)
            )
            let inHours = hours.map {
                TrendPoint(at: RollupLevel.hour.start(of: $0.key), rollup: $0.value)
            }
            expectSame(
                inHours,
                truth(all, id, from: 0, to: .max, width: 60 * Self.minute, offset: offset)
            )
        }
        // What is fetched is corrected too, and says so.
        let fetched = try await store.all(epoch: 2, 1...900)
        #expect(fetched[0].reading.stamp.wall == before[0].reading.stamp.wall + Nanoseconds(offset))
        #expect(fetched.allSatisfy { $0.reading.stamp.clock == .synced })
        await store.close()
        let again = try await open(tuning)
        #expect(try await again.all(epoch: 2, 1...900) == fetched)
        await again.close()
    }

    @Test("rows of an instrument come page by page, each once and in order")
    func pages() async throws {
        var plant = Slow(now: 1_700_000_000_000_000_000)
        let store = try await open()
        var all: [SequencedReading] = []
        for _ in 0..<40 {
            let readings = plant.next(30)
            await commit(readings, to: store)
            all += readings
        }
        _ = try await store.register([try #require(Tag("PT-1")), try #require(Tag("TT-2"))])
        let reader = try JournalReader(settings.path)
        let from = WallTime(nanosecondsSince1970: 1_700_000_000_000_000_000 + 20 * Self.minute)
        let to = WallTime(nanosecondsSince1970: 1_700_000_000_000_000_000 + 150 * Self.minute)
        let wanted = all.filter {
            $0.reading.instrument.rawValue == 2 && $0.reading.stamp.wall >= from
                && $0.reading.stamp.wall < to
        }
        var found: [UInt64] = []
        var after: Position?
        repeat {
            let page = try reader.rows(
                instrument: InstrumentID(rawValue: 2),
                from: from,
                to: to,
                after: after,
                limit: 37
            )
            #expect(page.rows.count <= 37)
            #expect(page.rows.allSatisfy { $0.tag == "TT-2" })
            found += page.rows.map(\.sequence)
            after = page.next
        } while after != nil
        let expected = wanted.map(\.sequence)
        #expect(found.count == expected.count)
        #expect(zip(found, expected).first { $0 != $1 } == nil)
        #expect(found.last == expected.last)
        await store.close()
    }

    @Test("an export that takes its time neither stops the writer nor lets the log grow")
    func readerBesideWriter() async throws {
        var tuning = Writer.Tuning()
        tuning.checkpointFrames = 60
        let store = try await open(tuning)
        var plant = SamplePlant(channels: 64)
        for number in 0..<100 {
            await store.commit(
                Commit(id: UInt64(number), epoch: 1, readings: plant.next(seconds: 2))
            )
        }
        let reader = try JournalReader(settings.path)
        var rows = 0
        var largest: Int64 = 0
        let finished = Mailbox<Void>()
        try reader.forEachReading { _ in
            rows += 1
            // In the middle of the export, the writer goes on.
            if rows % 2_000 == 0, rows <= 12_000 {
                for number in 0..<30 {
                    let readings = plant.next(seconds: 2)
                    store.commit(Commit(id: UInt64(number), epoch: 1, readings: readings)) {
                        #expect($0.fault == nil)
                        finished.post(())
                    }
                    _ = finished.take(until: monotonicNow() + 30_000_000_000)
                    largest = max(largest, StoreFile.size(settings.path + "-wal"))
                }
            }
            return true
        }
        #expect(rows >= 12_800)
        #expect(largest < 8 * 60 * 1_100, "the log grew to \(largest) bytes")
        await store.close()
    }
}

extension JournalStore {
    /// Waits until rollups are made anew.
    func settle() async throws {
        let deadline = monotonicNow() + 60_000_000_000
        while isCorrecting {
            guard monotonicNow() < deadline else { throw TestFailure("still correcting") }
            await Task.yield()
        }
    }
}
