import Foundation
import GatewayCore
import Journal
import Runtime
import Signal

/// What a trend costs where a week of 64 instruments at one reading a second is stored.
enum TrendBenchmark {
    /// A span and how long its trend takes, in milliseconds.
    struct Cost {
        var hours: Int
        var points: Int
        var median: Double
        var worst: Double
    }

    private static let instruments = 64
    private static let days = 7
    /// Seconds of readings in one commit.
    private static let secondsPerCommit = 30

    /// Fills a journal in a folder of its own, reads trends of it, and takes it away again.
    static func run() async throws -> [Cost] {
        let folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("loopgate-trends-\(getpid())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.appendingPathComponent("journal.db").path
        let end = wallNow() / 1_000_000_000
        try await fill(path, from: end - Int64(days) * 86_400, to: end)
        let reader = try JournalReader(path)
        return try [1, 6, 24, 72, 168].map { hours in
            try measure(reader, hours, to: end)
        }
    }

    private static func measure(_ reader: JournalReader, _ hours: Int, to end: Int64) throws -> Cost
    {
        var points = 0
        let times = try (0..<20).map { round in
            let begin = monotonicNow()
            let trend = try reader.trend(
                instrument: InstrumentID(rawValue: UInt32(1 + round % instruments)),
                from: WallTime(nanosecondsSince1970: (end - Int64(hours) * 3_600) * 1_000_000_000),
                to: WallTime(nanosecondsSince1970: end * 1_000_000_000),
                points: 600
            )
            points = trend.points.count
            return Double(monotonicNow() - begin) / 1e6
        }.sorted()
        return Cost(hours: hours, points: points, median: times[10], worst: times[19])
    }

    private static func fill(_ path: String, from: Int64, to: Int64) async throws {
        let (journal, _) = try await JournalStore.open(
            JournalSettings(path: path, quotaBytes: 8 << 30, rawDays: nil),
            connections: [],
            ballastBytes: 0
        )
        var random = SystemRandomNumberGenerator()
        var values = (0..<instruments).map { 50 + Double($0) }
        var sequence: UInt64 = 0
        var number: UInt64 = 0
        for begin in stride(from: from, to: to, by: secondsPerCommit) {
            var rows: [SequencedReading] = []
            rows.reserveCapacity(instruments * secondsPerCommit)
            for second in begin..<min(to, begin + Int64(secondsPerCommit)) {
                for index in values.indices {
                    // A walk in steps of a 16-bit converter.
                    values[index] += Double(Int.random(in: -4...4, using: &random)) * 0.0025
                    sequence += 1
                    rows.append(
                        SequencedReading(
                            sequence: sequence,
                            reading: reading(of: index, values[index], at: second)
                        )
                    )
                }
            }
            number += 1
            let commit = Commit(id: number, epoch: 1, readings: rows)
            let outcome = await withCheckedContinuation { continuation in
                journal.commit(commit) { continuation.resume(returning: $0) }
            }
            _ = try outcome.result.get()
        }
        await journal.close()
    }

    private static func reading(of index: Int, _ value: Double, at second: Int64) -> Reading {
        Reading(
            instrument: InstrumentID(rawValue: UInt32(index + 1)),
            stamp: Stamp(
                monotonic: MonotonicTime(nanoseconds: (second - 1_700_000_000) * 1_000_000_000),
                wall: WallTime(nanosecondsSince1970: second * 1_000_000_000),
                clock: .synced
            ),
            raw: Int64((value * 400).rounded()),
            current: LoopCurrent(milliamps: 4 + value * 0.16),
            value: value,
            quality: .good
        )
    }
}
