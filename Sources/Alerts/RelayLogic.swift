import Signal

/// Why the relay is safe.
public enum RelayReason: Hashable, Sendable {
    /// Not every source has completed its first cycle since the start.
    case starting(FeedSource)
    /// A source shows no progress.
    case stalled(FeedSource)
    /// An alert demands it.
    case alert(AlertID)
    /// A test by this person.
    case test(by: String)
    /// Nothing demands it any more; a delay or the dwell is not over.
    case delay
}

/// Something the relay's logic did, for the log and the audit.
public enum RelayEvent: Hashable, Sendable {
    case changed(RelayDemand, [RelayReason])
    case horn(Bool)
    case firstOut(AlertID)
    case silenced(by: String)
    case testBegan(by: String, length: Nanoseconds)
    case testEnded(by: String)
    case stalled(FeedSource)
    case resumed(FeedSource)
}

/// Why the relay's logic refused something.
public enum RelayRefusal: Error, Hashable, Sendable, CustomStringConvertible {
    case badLength(longest: Nanoseconds)
    case alreadySafe
    case noTest

    /// What is wrong, and what to do instead.
    public var description: String {
        switch self {
        case .badLength(let longest):
            "a test must be longer than 0 and at most \(Int(longest.seconds)) s"
        case .alreadySafe:
            "the relay is safe already: a test would show nothing; wait until it is energised"
        case .noTest: "no test is running"
        }
    }
}

/// What came of one call.
public struct RelayOutput: Hashable, Sendable {
    /// What the output must show from now on.
    public var demand: RelayDemand
    /// Whether the horn must sound.
    public var horn: Bool
    /// What happened, in order; empty mostly.
    public var events: [RelayEvent]
}

/// Decides what the alarm output shows. Fail-safe: energised means alive and no alarm.
///
/// Going safe never waits, except for an on-delay that was asked for. Being energised again waits
/// for the off-delay, for `minimumDwell` in safe, and for twice that since it was last energised:
/// so a flood cannot make the relay chatter, and no alarm is ever late for it. Latches and
/// acknowledgements are the alerts' own (`AlertDesk`); a horn is silenced here, apart from both.
public struct RelayLogic: Sendable {
    private struct Feed: Sendable {
        var token: UInt64?
        var progressAt: MonotonicTime
        var hasCycled = false
        var isStalled = false
    }
    private struct Test: Sendable {
        var by: String
        var ends: MonotonicTime
    }

    /// What drives it, and how quickly.
    public let rules: RelayRules
    /// What the output must show.
    public private(set) var demand = RelayDemand.safe
    /// Whether the horn must sound.
    public private(set) var horn = false
    /// The alert that came first since no alert drove the relay.
    public private(set) var firstOut: AlertID?

    private var feeds: [FeedSource: Feed] = [:]
    /// Alerts that now drive the relay, worst first as the desk gives them.
    private var drivers: [AlertID] = []
    private var driverSince: MonotonicTime?
    private var lastDriver: MonotonicTime?
    /// Alerts that the horn may sound for, with how often each has called.
    private var callers: [AlertID: UInt64] = [:]
    /// Calls that have been silenced.
    private var silenced: [AlertID: UInt64] = [:]
    private var test: Test?
    private var safeSince: MonotonicTime
    private var energisedAt: MonotonicTime?

    /// A relay that starts safe, and stays so until polling, detection and journal have each
    /// completed a cycle.
    ///
    /// - takingOver: what the output shows already. One that is energised stays so unless an alert
    ///   drives it, or a source has not completed a cycle within its stall limit.
    public init(
        rules: RelayRules,
        takingOver shown: RelayDemand = .safe,
        at now: MonotonicTime
    ) {
        self.rules = rules
        safeSince = now
        demand = shown
        if shown == .energised { energisedAt = now }
        for source in FeedSource.allCases {
            feeds[source] = Feed(progressAt: now, hasCycled: shown == .energised)
        }
    }

    // MARK: What comes in

    /// Takes the open alerts, whenever the desk's `revision` has changed.
    public mutating func update(_ alerts: [OpenAlert], at now: MonotonicTime) -> RelayOutput {
        var events: [RelayEvent] = []
        var first: OpenAlert?
        drivers.removeAll(keepingCapacity: true)
        callers.removeAll(keepingCapacity: true)
        var isCovered = false
        for alert in alerts where covers(alert) {
            isCovered = true
            if drives(alert) {
                drivers.append(alert.id)
                if first.map({ isEarlier(alert, $0) }) ?? true { first = alert }
            }
            if !alert.isAcknowledged, alert.annunciations > 0 {
                callers[alert.id] = alert.annunciations
            }
        }
        silenced = silenced.filter { callers[$0.key] != nil }
        if let first, firstOut == nil {
            firstOut = first.id
            events.append(.firstOut(first.id))
        } else if !isCovered {
            firstOut = nil
        }
        return decide(at: now, events)
    }

    /// Takes the sources' progress. Each token is any number that changes whenever its source has
    /// done a full round: every bus polled, every reading judged, the journal answered, be it with
    /// an error.
    public mutating func feed(
        polling: UInt64,
        detection: UInt64,
        journal: UInt64,
        at now: MonotonicTime
    ) -> RelayOutput {
        for (source, token) in zip(FeedSource.allCases, [polling, detection, journal]) {
            guard var feed = feeds[source], feed.token != token else { continue }
            // The first token only says where the count begins.
            if feed.token != nil { feed.hasCycled = true }
            feed.token = token
            feed.progressAt = now
            feeds[source] = feed
        }
        return decide(at: now, [])
    }

    /// Lets time pass; to be called at `nextDeadline` at the latest.
    public mutating func advance(to now: MonotonicTime) -> RelayOutput { decide(at: now, []) }

    /// Silences the horn for what it sounds for now; the next alert sounds it anew.
    public mutating func silence(by: String, at now: MonotonicTime) -> RelayOutput {
        silenced = callers
        return decide(at: now, [.silenced(by: by)])
    }

    /// Shows the safe state for a time, to prove that the circuit behind the relay works.
    ///
    /// The other way round is no test: nothing may energise a relay that is to be safe.
    public mutating func startTest(
        by: String,
        length: Nanoseconds,
        at now: MonotonicTime
    ) throws(RelayRefusal) -> RelayOutput {
        guard length > .zero, length <= rules.longestTest else {
            throw .badLength(longest: rules.longestTest)
        }
        guard demand == .energised else { throw .alreadySafe }
        test = Test(by: by, ends: now + length)
        return decide(at: now, [.testBegan(by: by, length: length)])
    }

    /// Ends a test before its time.
    public mutating func endTest(
        by: String,
        at now: MonotonicTime
    ) throws(RelayRefusal) -> RelayOutput {
        guard test != nil else { throw .noTest }
        test = nil
        return decide(at: now, [.testEnded(by: by)])
    }

    // MARK: What comes out

    /// When the test under way ends; nil: none is.
    public var testEnds: MonotonicTime? { test?.ends }

    /// When `advance` is due at the latest.
    public var nextDeadline: MonotonicTime {
        var next = MonotonicTime.distantFuture
        for (source, feed) in feeds where feed.token != nil && !feed.isStalled {
            next = min(next, feed.progressAt + rules.stallLimit(of: source) + Nanoseconds(1))
        }
        if let test { next = min(next, test.ends) }
        if demand == .energised {
            if let driverSince { next = min(next, driverSince + rules.onDelay) }
        } else if mandates.isEmpty, drivers.isEmpty {
            next = min(next, mayEnergiseAt)
        }
        return next
    }

    /// Why the relay is safe; empty when it is energised. At most `AlertLimits.reasonsNamed`
    /// alerts are named.
    public var reasons: [RelayReason] {
        guard demand == .safe else { return [] }
        var reasons = mandates
        reasons += drivers.prefix(AlertLimits.reasonsNamed).map(RelayReason.alert)
        return reasons.isEmpty ? [.delay] : reasons
    }

    /// How many alerts drive the relay now.
    public var driverCount: Int { drivers.count }

    // MARK: How it decides

    /// Whether an open alert may drive the relay or sound the horn; `update` needs no others.
    public func covers(_ alert: OpenAlert) -> Bool {
        guard alert.suppression == nil, !alert.isNotice else { return false }
        // While the condition is there its own severity counts; afterwards the worst it had.
        let severity = alert.isActive && !alert.isLatched ? alert.presentSeverity : alert.severity
        return rules.covers(
            severity: severity,
            area: alert.area,
            instrument: alert.key.instrument
        )
    }

    private func drives(_ alert: OpenAlert) -> Bool {
        alert.isActive || alert.isLatched
            || (rules.holdsUntilAcknowledged && !alert.isAcknowledged)
    }

    private func isEarlier(_ a: OpenAlert, _ b: OpenAlert) -> Bool {
        a.id.epoch == b.id.epoch ? a.id < b.id : a.raisedAt.wall < b.raisedAt.wall
    }

    /// What makes the relay safe whatever the alerts say.
    private var mandates: [RelayReason] {
        var reasons: [RelayReason] = []
        for source in FeedSource.allCases {
            guard let feed = feeds[source] else { continue }
            if feed.isStalled {
                reasons.append(.stalled(source))
            } else if !feed.hasCycled {
                reasons.append(.starting(source))
            }
        }
        if let test { reasons.append(.test(by: test.by)) }
        return reasons
    }

    /// The earliest moment at which nothing but demand can keep the relay safe.
    private var mayEnergiseAt: MonotonicTime {
        var at = safeSince + rules.minimumDwell
        if let energisedAt { at = max(at, energisedAt + rules.minimumDwell * 2) }
        if let lastDriver { at = max(at, lastDriver + rules.offDelay) }
        return at
    }

    private mutating func decide(
        at now: MonotonicTime,
        _ earlier: [RelayEvent]
    ) -> RelayOutput {
        var events = earlier
        for source in FeedSource.allCases {
            guard var feed = feeds[source], feed.token != nil else { continue }
            let isStalled = now - feed.progressAt > rules.stallLimit(of: source)
            guard isStalled != feed.isStalled else { continue }
            feed.isStalled = isStalled
            feeds[source] = feed
            events.append(isStalled ? .stalled(source) : .resumed(source))
        }
        if let running = test, running.ends <= now {
            test = nil
            events.append(.testEnded(by: "its time"))
        }
        if drivers.isEmpty {
            driverSince = nil
        } else {
            driverSince = driverSince ?? now
            lastDriver = now
        }

        let isForced = !mandates.isEmpty
        let isAlarm = driverSince.map { now - $0 >= rules.onDelay } ?? false
        switch demand {
        case .energised where isForced || isAlarm:
            demand = .safe
            safeSince = now
            events.append(.changed(.safe, reasons))
        case .safe where !isForced && drivers.isEmpty && now >= mayEnergiseAt:
            demand = .energised
            energisedAt = now
            events.append(.changed(.energised, []))
        default: break
        }
        let sounds = callers.contains { silenced[$0.key, default: 0] < $0.value }
        if sounds != horn {
            horn = sounds
            events.append(.horn(sounds))
        }
        return RelayOutput(demand: demand, horn: horn, events: events)
    }
}
