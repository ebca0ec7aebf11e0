import Signal

/// What one connection has sent and delivered of one stream, and what comes next.
///
/// For every run of the gateway that still matters it keeps two sets: what is delivered, which is
/// what the journal remembers, and what has been sent on the present link, delivered or not. The
/// next thing to send is the first gap of the second.
struct DeliveryLane<Row: Sequenced>: Sendable {
    /// One run of the gateway.
    struct Run: Sendable {
        let epoch: UInt64
        /// Highest sequence that the journal has stored.
        var stored: UInt64
        /// Delivered, refused for good or thinned.
        var delivered: SequenceSet
        /// Sent on this link, and all that is delivered.
        var sent: SequenceSet
        /// Of the present run: what was sent before its commit, or promised in it.
        var offered = SequenceSet()
        /// Whether the journal's mark is older than `delivered`.
        var isDirty = false

        /// How much the journal holds that is not delivered.
        var backlog: UInt64 { delivered.missing(upTo: stored) }
    }

    /// A row read from the journal, waiting for room.
    struct Waiting: Sendable {
        var row: Row
        var epoch: UInt64
        var historical: Bool
    }

    /// A range that the broker refused.
    struct Refusal: Sendable {
        var epoch: UInt64
        var range: ClosedRange<UInt64>
        var count: Int
        /// How many deliveries the lane had when it was refused first.
        var deliveriesBefore: UInt64
        /// When it is to be sent again; nil: it is under way.
        var retryAt: MonotonicTime?
    }

    /// What to send next.
    enum Next {
        /// Rows of the present run that are still in memory, not before `range`.
        case recent(ClosedRange<UInt64>)
        /// Rows read from the journal.
        case waiting
        /// Nothing is at hand: this must be read first.
        case fetch(epoch: UInt64, ClosedRange<UInt64>)
        case nothing
    }

    let stream: StoreStream
    /// Whether old rows are to go before new ones, or beside them.
    private let wantsOrder: Bool
    /// Whether backlog waits, as it must while the times in it cannot be trusted. Live rows then go
    /// beside it, whatever the order wanted.
    var holdsBacklog = false
    /// Oldest run first; the last is the present one.
    private(set) var runs: [Run]
    private(set) var waiting: [Waiting] = []
    private var waitingHead = 0
    private(set) var isFetching = false
    /// What is being read was asked for before the times in it were corrected.
    private var isOutdated = false
    private var fetchNotBefore = MonotonicTime.zero
    /// Of the present run: what comes before is backlog; only where the lane is not ordered.
    private var liveFrom: UInt64 = 1
    private(set) var refusals: [Refusal] = []
    private(set) var deliveries: UInt64 = 0

    /// A lane with `marks` from the journal for the runs in `epochs`, about to begin run `epoch`.
    ///
    /// A connection that the journal knows nothing of starts with the present run.
    init(
        stream: StoreStream,
        isOrdered: Bool,
        epoch: UInt64,
        earlier: [(epoch: UInt64, last: UInt64)],
        marks: [DeliveryMark]
    ) {
        self.stream = stream
        wantsOrder = isOrdered
        runs = []
        for run in earlier {
            guard let mark = marks.first(where: { $0.epoch == run.epoch }) else { continue }
            let set = SequenceSet(floor: mark.floor, ranges: mark.ranges)
            guard set.missing(upTo: run.last) > 0 else { continue }
            runs.append(
                Run(epoch: run.epoch, stored: run.last, delivered: set, sent: set)
            )
        }
        // The first mark of a run is written with its first commit, so that a restart knows of it.
        runs.append(
            Run(
                epoch: epoch,
                stored: 0,
                delivered: SequenceSet(),
                sent: SequenceSet(),
                isDirty: true
            )
        )
    }

    private var isOrdered: Bool { wantsOrder && !holdsBacklog }
    /// The present run.
    var present: Run { runs[runs.count - 1] }
    /// Rows stored and not delivered, all runs together.
    var backlog: UInt64 { runs.reduce(0) { $0 + $1.backlog } }
    /// The soonest retry of a refused range or a failed fetch. Once its time has come, a fetch may
    /// still have to wait for room: that is told by an acknowledgement, and by no clock.
    func nextDeadline(at now: MonotonicTime) -> MonotonicTime {
        var soonest = refusals.compactMap(\.retryAt).min() ?? .distantFuture
        if fetchNotBefore > now, !isFetching { soonest = min(soonest, fetchNotBefore) }
        return soonest
    }

    // MARK: What comes next

    /// The next live thing to send: rows of the present run that are still in memory.
    ///
    /// - eligible: highest sequence that may be sent.
    mutating func nextLive(firstInMemory: UInt64, eligible: UInt64) -> Next {
        guard !isHeld else { return .nothing }
        if isOrdered {
            guard !hasWaiting, !isFetching, olderRunsAreSent else { return .nothing }
            guard let gap = present.sent.firstGap(upTo: eligible) else { return .nothing }
            return gap.lowerBound >= firstInMemory ? .recent(gap) : .nothing
        }
        if liveFrom < firstInMemory { liveFrom = firstInMemory }
        guard let gap = present.sent.firstGap(from: liveFrom, upTo: eligible) else {
            return .nothing
        }
        return .recent(gap)
    }

    /// The next piece of backlog: rows at hand, or what to read.
    mutating func nextBacklog(firstInMemory: UInt64, at now: MonotonicTime) -> Next {
        guard !isHeld, !holdsBacklog else { return .nothing }
        if hasWaiting { return .waiting }
        guard !isFetching, now >= fetchNotBefore else { return .nothing }
        for run in runs.dropLast() {
            if let gap = run.sent.firstGap(upTo: run.stored) {
                return .fetch(epoch: run.epoch, gap)
            }
        }
        let end: UInt64
        if isOrdered {
            end = present.stored
        } else {
            guard liveFrom > 1 else { return .nothing }
            end = min(present.stored, liveFrom - 1)
        }
        guard end > 0, let gap = present.sent.firstGap(upTo: end) else { return .nothing }
        if isOrdered, gap.lowerBound >= firstInMemory { return .nothing }
        return .fetch(epoch: present.epoch, gap)
    }

    /// Whether everything before `sequence` of the present run has been sent on this link.
    func isCaughtUp(before sequence: UInt64) -> Bool {
        olderRunsAreSent
            && (sequence <= 1 || present.sent.firstGap(upTo: sequence - 1) == nil)
    }

    /// Too many ranges are refused: nothing more is sent until one of them was tried again.
    var isHeld: Bool {
        refusals.count >= Limits.refusedRanges
            && refusals.lazy.filter { $0.retryAt != nil }.count >= Limits.refusedRanges
    }

    private var olderRunsAreSent: Bool {
        runs.dropLast().allSatisfy { $0.sent.firstGap(upTo: $0.stored) == nil }
    }

    private var hasWaiting: Bool { waitingHead < waiting.count }

    /// Takes the next rows of one run and mark from those read, at most `limit`.
    mutating func takeWaiting(limit: Int) -> [Waiting] {
        guard hasWaiting else { return [] }
        let first = waiting[waitingHead]
        var taken: [Waiting] = []
        while waitingHead < waiting.count, taken.count < limit {
            let item = waiting[waitingHead]
            guard item.epoch == first.epoch, item.historical == first.historical else { break }
            waitingHead += 1
            // It may have gone out by another way since it was read.
            if runs.first(where: { $0.epoch == item.epoch })?.sent.contains(item.row.sequence)
                == true
            {
                continue
            }
            taken.append(item)
        }
        if waitingHead >= waiting.count {
            waiting.removeAll(keepingCapacity: true)
            waitingHead = 0
        }
        return taken
    }

    // MARK: What happened

    mutating func fetchStarted() { isFetching = true }

    /// Rows came from the journal; `isUp` tells whether the link they were read for still stands.
    mutating func fetched(
        _ rows: [Row],
        of fetched: Fetched,
        asked: ClosedRange<UInt64>,
        isUp: Bool
    ) {
        isFetching = false
        fetchNotBefore = .zero
        defer { isOutdated = false }
        guard !isOutdated else { return }
        guard let index = runs.firstIndex(where: { $0.epoch == fetched.epoch }) else { return }
        // What the journal does not hold any more will never come: it counts as delivered.
        var expected = asked.lowerBound
        for row in rows where asked.contains(row.sequence) {
            if row.sequence > expected { settle(index, expected...(row.sequence - 1)) }
            expected = max(expected, row.sequence + 1)
        }
        let through = min(fetched.through, asked.upperBound)
        if through >= expected { settle(index, expected...through) }
        guard isUp else { return }
        let offered = SequenceSet(floor: 0, ranges: fetched.offered)
        for row in rows where asked.contains(row.sequence) {
            waiting.append(
                Waiting(
                    row: row,
                    epoch: fetched.epoch,
                    historical: !offered.contains(row.sequence)
                )
            )
        }
    }

    mutating func fetchFailed(at now: MonotonicTime) {
        isFetching = false
        isOutdated = false
        fetchNotBefore = now + .seconds(1)
    }

    /// Forgets what was read and not yet sent, so that it is read again.
    mutating func readAgain() {
        waiting.removeAll(keepingCapacity: true)
        waitingHead = 0
        isOutdated = isFetching
    }

    /// Rows were handed to the link.
    mutating func sent(_ range: ClosedRange<UInt64>, epoch: UInt64) {
        guard let index = runs.firstIndex(where: { $0.epoch == epoch }) else { return }
        runs[index].sent.insert(range)
    }

    /// The part of `range` that goes out as live: all of it where backlog and live are one line.
    func live(_ range: ClosedRange<UInt64>) -> ClosedRange<UInt64>? {
        guard !isOrdered else { return range }
        return range.upperBound >= liveFrom
            ? max(range.lowerBound, liveFrom)...range.upperBound : nil
    }

    /// Rows of the present run were sent before their commit was made up, or will be right after.
    mutating func offered(_ range: ClosedRange<UInt64>) {
        runs[runs.count - 1].offered.insert(range)
    }

    /// Forgets offers that no row in memory needs any more.
    mutating func forgetOffers(before sequence: UInt64) {
        guard sequence > 1 else { return }
        let kept = runs[runs.count - 1].offered.ranges.filter { $0.upperBound >= sequence }
        let floor = runs[runs.count - 1].offered.floor
        runs[runs.count - 1].offered = SequenceSet(floor: floor, ranges: kept)
    }

    /// Delivered, thinned or given up: it is never sent again.
    mutating func delivered(_ range: ClosedRange<UInt64>, epoch: UInt64) {
        guard let index = runs.firstIndex(where: { $0.epoch == epoch }) else { return }
        settle(index, range)
        deliveries += 1
        refusals.removeAll { $0.epoch == epoch && $0.range == range }
    }

    /// Refused by a healthy broker; true where the range is given up for good.
    ///
    /// One message that the broker will never take must not block the others, but a broker that
    /// takes nothing at all is a fault to wait out: a range is given up only when others got
    /// through meanwhile, or when it can never fit.
    mutating func refused(
        _ range: ClosedRange<UInt64>,
        epoch: UInt64,
        forGood: Bool,
        at now: MonotonicTime
    ) -> Bool {
        let known = refusals.firstIndex { $0.epoch == epoch && $0.range == range }
        var refusal =
            known.map { refusals[$0] }
            ?? Refusal(
                epoch: epoch,
                range: range,
                count: 0,
                deliveriesBefore: deliveries,
                retryAt: nil
            )
        refusal.count += 1
        let others = deliveries > refusal.deliveriesBefore
        if forGood || (refusal.count >= Limits.refusals && others) {
            if let known { refusals.remove(at: known) }
            if let index = runs.firstIndex(where: { $0.epoch == epoch }) { settle(index, range) }
            return true
        }
        refusal.retryAt = now + Nanoseconds.seconds(1) * (1 << min(refusal.count, 6))
        if let known { refusals[known] = refusal } else { refusals.append(refusal) }
        return false
    }

    /// Makes refused ranges whose rest is over part of the backlog again.
    mutating func retryRefused(at now: MonotonicTime) {
        for index in refusals.indices {
            guard let retry = refusals[index].retryAt, retry <= now else { continue }
            refusals[index].retryAt = nil
            let refusal = refusals[index]
            if let run = runs.firstIndex(where: { $0.epoch == refusal.epoch }) {
                runs[run].sent.remove(refusal.range)
            }
        }
    }

    /// Never sent after all, though the link stands.
    mutating func unsent(_ range: ClosedRange<UInt64>, epoch: UInt64) {
        guard let index = runs.firstIndex(where: { $0.epoch == epoch }) else { return }
        runs[index].sent.remove(range)
        for part in runs[index].delivered.intersection(range) { runs[index].sent.insert(part) }
    }

    /// The link is gone: whatever is not delivered must be sent again.
    mutating func linkLost() {
        for index in runs.indices { runs[index].sent = runs[index].delivered }
        waiting.removeAll()
        waitingHead = 0
        refusals.removeAll()
    }

    /// A link stands: what comes from now on is live, the rest is backlog.
    ///
    /// - firstLive: the first sequence that is still fresh.
    mutating func linkUp(firstLive: UInt64) {
        liveFrom = max(1, firstLive)
    }

    /// The journal has stored the present run up to `sequence`.
    mutating func stored(upTo sequence: UInt64) {
        let index = runs.count - 1
        runs[index].stored = max(runs[index].stored, sequence)
    }

    /// The marks that the journal should write, and the runs it belongs to.
    func dirtyMarks(connection: String) -> [DeliveryMark] {
        runs.filter(\.isDirty).map { run in
            DeliveryMark(
                connection: connection,
                stream: stream,
                epoch: run.epoch,
                floor: run.delivered.floor,
                ranges: Array(run.delivered.ranges.prefix(Limits.deliveredRanges))
            )
        }
    }

    /// The marks just given out are on their way to the journal; a failed commit dirties them again.
    mutating func marksTaken() {
        for index in runs.indices { runs[index].isDirty = false }
    }

    /// The journal has the marks: earlier runs that are delivered whole are forgotten.
    mutating func marksStored() {
        let last = runs.count - 1
        runs = runs.enumerated().filter { index, run in
            index == last || run.isDirty || run.backlog > 0
        }.map(\.element)
    }

    /// The journal did not take the marks.
    mutating func marksLost() {
        for index in runs.indices { runs[index].isDirty = true }
    }

    /// Makes everything from `sequence` of run `epoch` on undelivered again; false for a run that
    /// the journal does not hold, or a sequence that it never stored.
    ///
    /// - earlier: the runs before this one that the journal still holds something of, oldest first.
    mutating func rewind(
        to sequence: UInt64,
        epoch: UInt64,
        earlier: [(epoch: UInt64, last: UInt64)]
    ) -> Bool {
        guard sequence > 0 else { return false }
        if !runs.contains(where: { $0.epoch == epoch }) {
            guard let place = earlier.firstIndex(where: { $0.epoch == epoch }) else { return false }
            let last = earlier[place].last
            guard last >= sequence else { return false }
            let whole = SequenceSet(floor: last, ranges: [])
            let order = Dictionary(
                uniqueKeysWithValues: earlier.enumerated().map { ($1.epoch, $0) }
            )
            let index = runs.firstIndex { order[$0.epoch].map { $0 > place } ?? true } ?? 0
            runs.insert(Run(epoch: epoch, stored: last, delivered: whole, sent: whole), at: index)
        }
        guard let index = runs.firstIndex(where: { $0.epoch == epoch }),
            sequence <= runs[index].stored
        else { return false }
        runs[index].delivered.remove(sequence...runs[index].stored)
        runs[index].sent.remove(sequence...runs[index].stored)
        runs[index].isDirty = true
        return true
    }

    private mutating func settle(_ index: Int, _ range: ClosedRange<UInt64>) {
        runs[index].delivered.insert(range)
        runs[index].sent.insert(range)
        runs[index].isDirty = true
    }
}
