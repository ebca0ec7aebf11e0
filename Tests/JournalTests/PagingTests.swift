import GatewayCore
import Signal
import TestSupport
import Testing

@testable import Journal

@Suite struct PagingTests {
    @Test(
        "every stored reading of a span is on exactly one page",
        arguments: [60, 1_000, 5_000, 100_000]
    )
    func pages(limit: Int) async throws {
        let folder = try TemporaryFolder()
        let path = folder.file("journal.db")
        let (journal, _) = try await JournalStore.open(
            JournalSettings(path: path),
            connections: [],
            ballastBytes: 0
        )
        let id = InstrumentID(rawValue: 1)
        var sequence: UInt64 = 0
        for minute in 0..<360 {
            var rows: [SequencedReading] = []
            for second in 0..<60 {
                sequence += 1
                let at = Int64(minute * 60 + second) * 1_000_000_000
                rows.append(
                    SequencedReading(
                        sequence: sequence,
                        reading: Reading(
                            instrument: id,
                            stamp: Stamp(
                                monotonic: MonotonicTime(nanoseconds: at),
                                wall: WallTime(
                                    nanosecondsSince1970: 1_767_225_600_000_000_000 + at
                                ),
                                clock: .synced
                            ),
                            raw: at,
                            current: nil,
                            value: Double(second),
                            quality: .good
                        )
                    )
                )
            }
            let commit = Commit(id: UInt64(minute), epoch: 17, readings: rows)
            let outcome = await withCheckedContinuation { continuation in
                journal.commit(commit) { continuation.resume(returning: $0) }
            }
            _ = try outcome.result.get()
        }
        await journal.close()
        let reader = try JournalReader(path)
        var seen: [UInt64] = []
        var after: Position?
        repeat {
            let page = try reader.rows(
                instrument: id,
                from: WallTime(nanosecondsSince1970: 1_767_225_600_000_000_000),
                to: WallTime(nanosecondsSince1970: 1_767_225_600_000_000_000 + 21_600_000_000_000),
                after: after,
                limit: limit
            )
            seen += page.rows.map(\.sequence)
            after = page.next
        } while after != nil
        let missing = Set(1...sequence).subtracting(seen).sorted()
        #expect(missing.isEmpty, "\(missing.count): \(missing.prefix(3)) … \(missing.suffix(3))")
        #expect(seen.count == Set(seen).count)
    }
}
