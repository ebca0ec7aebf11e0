import Alerts
import GatewayCore
import Signal
import TestSupport
import Testing

@testable import Journal

@Suite("Records page by page")
struct RecordPageTests {
    private let folder: TemporaryFolder
    private var path: String { folder.file("journal.db") }
    init() throws { folder = try TemporaryFolder() }

    /// Three steps each of 20 alerts of two instruments, and one gap.
    private func fill() async throws {
        let (journal, _) = try await JournalStore.open(
            JournalSettings(path: path),
            connections: [],
            ballastBytes: 0
        )
        var records: [SequencedRecord] = []
        func add(_ body: RecordBody) {
            let sequence = UInt64(records.count + 1)
            records.append(SequencedRecord(sequence: sequence, stamp: stamp(sequence), body: body))
        }
        for state in AlertState.allCases {
            for number in 1...20 {
                add(.alert(step(UInt64(number), state, at: UInt64(records.count + 1))))
            }
        }
        add(.gap(GapRecord(epoch: 1, first: 1, last: 2, from: nil, to: nil, cause: .quota)))
        let commit = Commit(id: 1, epoch: 1, records: records)
        let outcome = await withCheckedContinuation { continuation in
            journal.commit(commit) { continuation.resume(returning: $0) }
        }
        _ = try outcome.result.get()
        await journal.close()
    }

    private func stamp(_ second: UInt64) -> Stamp {
        Stamp(
            monotonic: MonotonicTime(nanoseconds: Int64(second) * 1_000_000_000),
            wall: WallTime(nanosecondsSince1970: 1_767_225_600_000_000_000 + Int64(second)),
            clock: .synced
        )
    }

    private func step(_ number: UInt64, _ state: AlertState, at second: UInt64) -> AlertTransition {
        AlertTransition(
            alert: AlertID(epoch: 1, number: number),
            instrument: InstrumentID(rawValue: number % 2 == 0 ? 2 : 1),
            subject: "PT-101",
            type: .ruleViolation,
            severity: .warning,
            state: state,
            value: nil,
            explanation: "",
            raisedAt: stamp(number),
            at: stamp(second),
            by: "4711",
            note: nil
        )
    }

    @Test("Of every alert its last step comes once, newest first", arguments: [1, 7, 20, 100])
    func latestOnly(limit: Int) async throws {
        try await fill()
        let reader = try JournalReader(path)
        var seen: [UInt64] = []
        var before: Position?
        repeat {
            let page = try reader.recordPage(
                kind: .alert,
                latestOnly: true,
                before: before,
                limit: limit
            )
            for (_, record) in page.rows {
                guard case .alert(let step) = record.body else { continue }
                #expect(step.state == .resolved)
                seen.append(step.alert.number)
            }
            before = page.next
        } while before != nil
        #expect(seen == (1...20).reversed())
    }

    @Test("An instrument's records and an alert's records are found by their indices")
    func indices() async throws {
        try await fill()
        let reader = try JournalReader(path)
        #expect(
            try reader.records(kind: .alert, instrument: InstrumentID(rawValue: 2), limit: 99).count
                == 30
        )
        #expect(try reader.records(alert: AlertID(epoch: 1, number: 3), limit: 99).count == 3)
        let plan = try reader.archive.database.rows(
            "EXPLAIN QUERY PLAN SELECT key FROM record WHERE key < 9 AND instrument = 1 ORDER BY key DESC"
        ) { $0.text(3) }
        #expect(plan.contains { $0.contains("record_of_instrument") }, "\(plan)")
        #expect(!plan.contains { $0.contains("TEMP B-TREE") }, "\(plan)")
    }

    @Test("After a position of a run that is gone there is nothing, rather than everything again")
    func goneRun() async throws {
        try await fill()
        let reader = try JournalReader(path)
        let gone = Position(epoch: 99, sequence: 5)
        let records = try reader.recordPage(before: gone, limit: 10)
        #expect(records.rows.isEmpty && records.next == nil)
        let rows = try reader.rows(
            instrument: nil,
            from: WallTime(nanosecondsSince1970: 0),
            to: WallTime(nanosecondsSince1970: .max),
            after: gone,
            limit: 10
        )
        #expect(rows.rows.isEmpty && rows.next == nil)
    }
}
