import Alerts
import GatewayCore
import Signal

/// The journal of a world, as `ReadingStore` promises it to the gateway: what was synced is there at
/// the next start, what was only written may be, and what it lets go it tells until that is on record.
struct WorldJournal {
    /// One run of the gateway.
    private struct Run {
        var epoch: UInt64
        /// Rows from `first` on; earlier ones have been pruned, a hole was never stored.
        var rows: [SequencedReading?] = []
        var first: UInt64 = 1
        var records: [SequencedRecord] = []
        var offered: [ClosedRange<UInt64>] = []
        var lastReading: UInt64 = 0
        var floor: UInt64 = 0
        /// What is to be added to wall times that were not to be trusted.
        var correction: Nanoseconds?

        func corrected(_ stamp: Stamp) -> Stamp {
            guard let correction, !stamp.clock.isTrusted else { return stamp }
            return Stamp(
                monotonic: stamp.monotonic,
                wall: stamp.wall + correction,
                clock: .synced
            )
        }
    }

    private var runs: [Run] = []
    private var delivery: [Position: DeliveryMark] = [:]
    private var detectorState: [UInt8]?
    private var openAlerts: [AlertID: AlertTransition] = [:]
    /// Gaps that no record tells of yet.
    private var gaps: [GapRecord] = []
    private var damage: String?
    private var models = WorldPlan.models
    private var rows = 0
    /// Rows not delivered that are kept at the most.
    let quota: Int

    init(quota: Int) { self.quota = quota }

    // MARK: Writing

    /// COMMIT has taken effect; answers the gaps to be told with it.
    mutating func apply(_ commit: Commit) -> [GapRecord] {
        if runs.last?.epoch != commit.epoch { runs.append(Run(epoch: commit.epoch)) }
        let index = runs.count - 1
        for row in commit.readings where row.sequence > runs[index].lastReading {
            if runs[index].rows.isEmpty { runs[index].first = row.sequence }
            // A hole is what was given up before it could be stored: a gap record tells of it.
            let end = runs[index].first + UInt64(runs[index].rows.count)
            if end < row.sequence {
                runs[index].rows += repeatElement(nil, count: Int(row.sequence - end))
            }
            runs[index].rows.append(row)
            runs[index].lastReading = row.sequence
            rows += 1
        }
        for record in commit.records
        where record.sequence > runs[index].records.last?.sequence ?? 0 {
            runs[index].records.append(record)
            switch record.body {
            case .alert(let step):
                openAlerts[step.alert] = step.state == .resolved ? nil : step
            case .gap(let gap): gaps.removeAll { $0 == gap }
            case .audit: break
            }
        }
        runs[index].offered += commit.offers.map(\.range)
        for mark in commit.delivery {
            delivery[Position(epoch: mark.epoch, sequence: UInt64(mark.stream.rawValue))] = mark
            if mark.stream == .readings { prune(mark) }
        }
        if let state = commit.detectorState { detectorState = state }
        var told: [GapRecord] = []
        while rows > quota, let gap = giveUp() {
            gaps.append(gap)
            told.append(gap)
        }
        return told
    }

    mutating func correct(_ epoch: UInt64, by offset: Nanoseconds) {
        guard let index = runs.lastIndex(where: { $0.epoch == epoch }) else { return }
        runs[index].correction = offset
    }

    /// Rows that are delivered go, many at a time.
    private mutating func prune(_ mark: DeliveryMark) {
        guard let index = runs.lastIndex(where: { $0.epoch == mark.epoch }) else { return }
        runs[index].floor = max(runs[index].floor, mark.floor)
        let through = min(mark.floor, runs[index].lastReading)
        guard through >= runs[index].first + 5_000 else { return }
        remove(Int(through - runs[index].first + 1), from: index)
    }

    private mutating func remove(_ count: Int, from index: Int) {
        let gone = min(count, runs[index].rows.count)
        rows -= runs[index].rows[..<gone].count { $0 != nil }
        runs[index].rows.removeFirst(gone)
        runs[index].first += UInt64(gone)
        let first = runs[index].first
        runs[index].offered.removeAll { $0.upperBound < first }
    }

    /// Above the quota the oldest rows go, delivered or not.
    private mutating func giveUp() -> GapRecord? {
        guard let index = runs.firstIndex(where: { !$0.rows.isEmpty }) else { return nil }
        let first = runs[index].first
        let count = min(1_000, runs[index].rows.count)
        remove(count, from: index)
        let last = first + UInt64(count) - 1
        guard last > runs[index].floor else { return giveUp() }
        return GapRecord(
            epoch: runs[index].epoch,
            first: max(first, runs[index].floor + 1),
            last: last,
            from: nil,
            to: nil,
            cause: .quota
        )
    }

    /// The file is damaged: at the next start it is set aside with all that it holds.
    mutating func damage(_ reason: String) {
        runs = []
        delivery = [:]
        openAlerts = [:]
        gaps = []
        detectorState = nil
        models = []
        rows = 0
        damage = reason
    }

    // MARK: Reading

    func fetch(
        _ stream: StoreStream,
        epoch: UInt64,
        range: ClosedRange<UInt64>
    ) -> Fetched {
        let limit = Limits.fetchRows
        var fetched = Fetched(
            epoch: epoch,
            rows: stream == .readings ? .readings([]) : .records([]),
            offered: [],
            through: range.upperBound
        )
        guard let index = runs.lastIndex(where: { $0.epoch == epoch }) else { return fetched }
        let run = runs[index]
        let isPresent = index == runs.count - 1
        switch stream {
        case .readings:
            if isPresent { fetched.through = min(fetched.through, run.lastReading) }
            let begin = max(range.lowerBound, run.first)
            let end = min(range.upperBound, run.lastReading)
            guard begin <= end else { break }
            let from = Int(begin - run.first)
            let to = min(Int(end - run.first) + 1, run.rows.count)
            guard from < to else { break }
            let rows = run.rows[from..<min(to, from + limit)].compactMap { row in
                row.map { row in
                    var row = row
                    row.reading.stamp = run.corrected(row.reading.stamp)
                    return row
                }
            }
            fetched.rows = .readings(rows)
            if to - from > limit { fetched.through = begin + UInt64(limit) - 1 }
            fetched.offered = run.offered.filter { $0.overlaps(range) }
        case .records:
            if isPresent {
                fetched.through = min(fetched.through, run.records.last?.sequence ?? 0)
            }
            let rows = run.records.filter { range.contains($0.sequence) }
            if rows.count > limit { fetched.through = rows[limit - 1].sequence }
            fetched.rows = .records(Array(rows.prefix(limit)))
        }
        return fetched
    }

    /// What the next run finds, and the gaps to be told with its first commit.
    mutating func open() -> (opening: StoreOpening, untold: [GapRecord]) {
        defer { damage = nil }
        let opening = StoreOpening(
            epochs: runs.map {
                .init(
                    epoch: $0.epoch,
                    lastReading: $0.lastReading,
                    lastRecord: $0.records.last?.sequence ?? 0
                )
            },
            delivery: delivery.values.sorted {
                ($0.epoch, $0.stream.rawValue) < ($1.epoch, $1.stream.rawValue)
            },
            openAlerts: openAlerts.values.sorted { $0.alert < $1.alert },
            detectorState: detectorState,
            models: models,
            damage: damage
        )
        return (opening, gaps)
    }
}

/// The medium under the journal: writes, a sync, and what is left where it ends in between.
///
/// Every commit is a number of frames and one sync, in virtual time; a frame carries a checksum, as
/// those of SQLite's log do, so a commit is there at the next start if all of its frames are.
struct WorldDisk {
    /// What happens at an operation that was chosen beforehand.
    enum Trap { case cannotWrite, mediumFails, damaged, powerFails }

    /// A commit under way.
    struct Writing {
        var commit: Commit
        var began: MonotonicTime
        /// When the last frame is written, and when it is synced.
        var written: MonotonicTime
        var synced: MonotonicTime
        var frames: Int
    }
    var writing: Writing?
    /// No operation ends before this.
    var hangsUntil = MonotonicTime.zero
    /// The operation (a frame's write, or a sync) at which it happens, counted from now.
    var trap: (kind: Trap, operations: Int)?

    /// The operations that a commit takes: its frames, and the sync.
    static func operations(_ commit: Commit) -> Int {
        2 + (commit.readings.count + 15) / 16 + commit.records.count
    }

    /// The share of this commit's operations done before the trap snaps; nil: it does not.
    mutating func snaps(_ operations: Int) -> (kind: Trap, share: Double)? {
        guard let (kind, left) = trap else { return nil }
        guard left < operations else {
            trap = (kind, left - operations)
            return nil
        }
        trap = nil
        return (kind, Double(left) / Double(operations))
    }

    /// What is left of the commit under way when the process ends at `now`: nil where nothing is.
    ///
    /// - hasPower: the page cache outlives the process; without power each frame that was not synced
    ///   is there, missing or scrambled by chance.
    func survives(
        at now: MonotonicTime,
        hasPower: Bool,
        random: inout SeededGenerator
    ) -> Commit? {
        guard let writing, now >= writing.written else { return nil }
        if now >= writing.synced || hasPower { return writing.commit }
        let isWhole = (0..<writing.frames).allSatisfy { _ in random.next() % 4 > 0 }
        return isWhole ? writing.commit : nil
    }
}
