import GatewayCore
import Signal

extension World {
    /// A commit is handed to the journal.
    mutating func begin(_ commit: Commit) throws(WorldFinding) {
        try checks.look(at: commit, now: now, plant: plant)
        mix(UInt64(commit.readings.count) << 16 | UInt64(commit.records.count))
        let operations = WorldDisk.operations(commit)
        var length = has(.hungJournal) ? Nanoseconds.seconds(25) : milliseconds(4...12)
        if has(.hungForHours) { length = max(length, disk.hangsUntil - now) }
        func after(_ share: Double) -> MonotonicTime {
            now + Nanoseconds(Int64(Double(length.count) * share))
        }
        disk.writing = WorldDisk.Writing(
            commit: commit,
            began: now,
            written: after(0.6),
            synced: after(0.95),
            frames: operations - 1
        )
        if let (kind, share) = disk.snaps(operations) {
            switch kind {
            case .powerFails: return coming.add(.powerFails, at: after(share))
            case .cannotWrite:
                tell("journal: operation \(Int(share * Double(operations)) + 1) fails")
                later(length, .committed(commit, .failure(.other("write")), isDurable: false))
                return
            case .mediumFails:
                tell("journal: the medium fails at its \(share >= 0.95 ? "sync" : "write")")
                let isDurable = chance(0.5)
                later(length, .committed(commit, .failure(.medium("5")), isDurable: isDurable))
                return
            case .damaged:
                tell("journal: damage is met")
                later(length, .committed(commit, .failure(.corrupt("page")), isDurable: false))
                return
            }
        }
        guard !has(.diskFull), !has(.fullForHours) else {
            later(length, .committed(commit, .failure(.full), isDurable: false))
            return
        }
        let status = StoreStatus(databaseBytes: 1, logBytes: 1, oldest: nil)
        later(length, .committed(commit, .success(status), isDurable: true))
    }

    mutating func committed(
        _ commit: Commit,
        _ result: Result<StoreStatus, StoreFault>,
        isDurable: Bool
    ) throws(WorldFinding) {
        disk.writing = nil
        var told: [GapRecord] = []
        if isDurable {
            let gaps = journal.apply(commit)
            checks.stored(commit, told: gaps)
            try checks.look(at: commit.delivery)
            told = untold + gaps
            untold = []
        }
        if case .failure(.corrupt) = result {
            checks.setAside()
            journal.damage("page")
        }
        let lost = if case .success = result { told } else { [GapRecord]() }
        if case .failure = result { untold = told }
        try handle(.committed(CommitOutcome(id: commit.id, result: result, lost: lost)))
    }

    mutating func fetched(
        _ stream: StoreStream,
        _ epoch: UInt64,
        _ range: ClosedRange<UInt64>
    ) throws(WorldFinding) {
        let result: Result<Fetched, StoreFault> =
            has(.failingReads) && chance(0.5)
            ? .failure(.other("read"))
            : .success(journal.fetch(stream, epoch: epoch, range: range))
        try handle(.fetched(ConnectionID(rawValue: 0), stream, asked: range, result))
    }

    mutating func powerFails() {
        let phase =
            switch disk.writing {
            case nil: ""
            case let writing? where now < writing.written: " between two writes of the journal"
            case let writing? where now < writing.synced:
                " between the journal's writes and its sync"
            default: " after the journal's sync"
            }
        tell("the power fails\(phase)")
        die(hasPower: false)
    }
}
