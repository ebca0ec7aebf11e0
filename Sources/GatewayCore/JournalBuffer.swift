import Signal

/// Decides when to commit, and what: everything since the last commit, once per interval, or at
/// once when a record waits.
struct JournalBuffer: Sendable {
    /// How the journal fares.
    enum Standing: Hashable, Sendable {
        case working
        /// No space, or another fault that may pass: memory holds what it can.
        case failing(StoreFault, since: MonotonicTime)
    }

    let interval: Nanoseconds
    private(set) var standing = Standing.working
    private(set) var status: StoreStatus?
    private(set) var commits: UInt64 = 0
    private(set) var failures: UInt64 = 0
    /// Highest sequence that is part of a commit, returned or under way.
    private(set) var committingReadings: UInt64 = 0
    private(set) var committingRecords: UInt64 = 0
    /// Highest sequence whose commit has returned.
    private(set) var storedReadings: UInt64 = 0
    private(set) var storedRecords: UInt64 = 0
    private(set) var isCommitting = false
    private var due: MonotonicTime
    private var lastBegun: MonotonicTime?
    private var lastID: UInt64 = 0

    init(interval: Nanoseconds, at now: MonotonicTime) {
        self.interval = interval
        due = now + interval
    }

    /// When a commit may next be due.
    func nextDeadline(recordsWait: Bool) -> MonotonicTime {
        guard !isCommitting else { return .distantFuture }
        guard recordsWait, case .working = standing, let lastBegun else { return due }
        return min(due, lastBegun + Self.leastSpacing)
    }

    /// Whether a commit should be made now.
    func isDue(recordsWait: Bool, at now: MonotonicTime) -> Bool {
        guard !isCommitting else { return false }
        if now >= due { return true }
        guard recordsWait, case .working = standing else { return false }
        return lastBegun.map { now >= $0 + Self.leastSpacing } ?? true
    }

    /// Notes that a commit of everything up to these sequences is under way; its number.
    mutating func begin(
        readings: UInt64,
        records: UInt64,
        at now: MonotonicTime
    ) -> UInt64 {
        precondition(!isCommitting, "one commit at a time")
        isCommitting = true
        lastBegun = now
        committingReadings = readings
        committingRecords = records
        due = now + interval
        lastID += 1
        return lastID
    }

    /// Nothing was there to commit: look again after an interval.
    mutating func idle(at now: MonotonicTime) { due = now + interval }

    /// Takes the answer to the commit under way; nil where it is not the one.
    mutating func ended(_ outcome: CommitOutcome, at now: MonotonicTime) -> Bool? {
        guard isCommitting, outcome.id == lastID else { return nil }
        isCommitting = false
        switch outcome.result {
        case .success(let status):
            self.status = status
            commits += 1
            standing = .working
            storedReadings = committingReadings
            storedRecords = committingRecords
            return true
        case .failure(let fault):
            failures += 1
            // What was offered stays offered: the next commit holds the same readings.
            committingReadings = storedReadings
            committingRecords = storedRecords
            if case .failing(_, let since) = standing {
                standing = .failing(fault, since: since)
            } else {
                standing = .failing(fault, since: now)
            }
            due = now + Swift.max(interval, Self.retrySpacing)
            return false
        }
    }

    /// Makes the next commit due at once.
    mutating func hurry(at now: MonotonicTime) { due = Swift.min(due, now) }

    private static let leastSpacing = Nanoseconds.milliseconds(1000 / Limits.commitsPerSecond)
    private static let retrySpacing = Nanoseconds.seconds(2)
}
