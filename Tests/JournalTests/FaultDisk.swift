import Alerts
import CFaultVFS
import Foundation
import GatewayCore
import Signal
import TestSupport
import Testing

@testable import Journal

/// The disk under a journal, which loses power and fails on demand; one at a time in a process.
final class FaultDisk {
    let folder: TemporaryFolder
    /// What the disk holds after each power cut, a folder each.
    let cuts: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
        cuts = try TemporaryFolder()
        guard faultvfs_install(folder.path) == 0 else { throw TestFailure("no VFS to sit on") }
    }

    deinit { faultvfs_remove() }

    var operations: Int64 { faultvfs_operations() }

    func fail(_ range: ClosedRange<Int64>, _ fault: faultvfs_fault) {
        faultvfs_fail(range.lowerBound, range.upperBound, fault)
    }

    /// As `faultvfs_cut`, into `cuts`; `first` 0: at once.
    func cut(first: Int64 = 0, stride: Int64 = 1, most: Int = 1, seed: UInt64) {
        faultvfs_cut(first, stride, Int32(most), cuts.path, seed)
    }

    var cutCount: Int { Int(faultvfs_cuts()) }

    func journal(afterCut number: Int) -> JournalSettings {
        JournalSettings(path: cuts.file("\(number)/journal.db"))
    }
}

/// A gateway's worth of commits: readings of two seconds each, an alert with every fifth; what was
/// not stored goes along with the next, as the gateway does it.
struct CommitLoad {
    var plant: SamplePlant
    let epoch: UInt64
    /// Everything ever produced, in order.
    private(set) var readings: [SequencedReading] = []
    private(set) var records: [SequencedRecord] = []
    /// How many of them a commit has returned for.
    private(set) var stored = (readings: 0, records: 0)
    private(set) var commits: UInt64 = 0

    /// Whether the broker has had half of what is stored.
    private let delivers: Bool

    init(seed: UInt64, epoch: UInt64 = 1, delivers: Bool = true) {
        plant = SamplePlant(channels: 16, seed: seed)
        self.epoch = epoch
        self.delivers = delivers
    }

    /// Checkpoints, flushes and time-index entries come every few commits.
    static var busy: Writer.Tuning {
        var tuning = Writer.Tuning()
        tuning.ballastBytes = 0
        tuning.checkpointFrames = 40
        tuning.flushEvery = .seconds(14)
        return tuning
    }

    mutating func commit(to store: JournalStore) async -> CommitOutcome {
        commits += 1
        readings += plant.next(seconds: 2)
        if commits % 5 == 0, let stamp = readings.last?.reading.stamp {
            let number = UInt64(records.count + 1)
            let transition = AlertTransition(
                alert: AlertID(epoch: epoch, number: number),
                instrument: InstrumentID(rawValue: 1),
                subject: "PT-101",
                type: .ruleViolation,
                severity: .critical,
                state: .raised,
                value: 9.5,
                explanation: "9.5 bar is above high-high (9 bar).",
                raisedAt: stamp,
                at: stamp,
                by: "system",
                note: nil
            )
            records.append(
                SequencedRecord(sequence: number, stamp: stamp, body: .alert(transition))
            )
        }
        let commit = Commit(
            id: commits,
            epoch: epoch,
            readings: Array(readings[stored.readings...]),
            records: Array(records[stored.records...]),
            delivery: [
                DeliveryMark(
                    connection: "cmms",
                    stream: .readings,
                    epoch: epoch,
                    floor: delivers ? UInt64(stored.readings / 2) : 0
                )
            ]
        )
        let outcome = await store.commit(commit)
        if outcome.fault == nil { stored = (readings.count, records.count) }
        return outcome
    }

    /// Expects of a journal all that was stored, bit for bit, and beyond it nothing but what was
    /// under way.
    func expect(
        in store: JournalStore,
        readings least: Int,
        records leastRecords: Int,
        _ what: Comment
    ) async throws {
        let found = try await store.all(epoch: epoch, 1...UInt64(max(1, readings.count)))
        #expect(found.count >= least, what)
        #expect(found.elementsEqual(readings.prefix(found.count)), what)
        let fetched = try await store.fetch(
            .records,
            epoch: epoch,
            1...UInt64(max(1, records.count)),
            limit: records.count + 1
        )
        guard case .records(let rows) = fetched.rows else { return }
        #expect(rows.count >= leastRecords, what)
        #expect(rows.elementsEqual(records.prefix(rows.count)), what)
    }
}
