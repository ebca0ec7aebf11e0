import Signal

/// What the alarm output must show.
public enum RelayDemand: String, Hashable, Sendable, Codable {
    /// Coil on: alive and no alarm.
    case energised
    /// Coil off: alarm, or not alive.
    case safe
}

/// The threads whose progress feeds the relay.
public enum FeedSource: String, Hashable, Sendable, Codable, CaseIterable {
    case polling, detection, journal
}

/// Which alerts drive the relay, and how quickly it may follow them.
public struct RelayRules: Hashable, Sendable {
    /// The severities that drive it.
    public var severities: Set<Severity>
    /// The process units whose instruments drive it; empty: all of them.
    public var areas: Set<String>
    /// Whether alerts about the gateway itself (a full disk, an absent broker) drive it too.
    public var includesGateway: Bool
    /// How long an alarm must last before the relay goes safe; zero: at once.
    public var onDelay: Nanoseconds
    /// How long the plant must be free of alarms before the relay is energised again.
    public var offDelay: Nanoseconds
    /// Least time that the relay stays safe, and half the least time between two energisings.
    /// Going safe never waits for it.
    public var minimumDwell: Nanoseconds
    /// Driving alerts stay latched until they are reset by hand.
    public var isLatching: Bool
    /// Stay safe until every driving alert is acknowledged, even when its condition has gone.
    public var holdsUntilAcknowledged: Bool
    /// How long each source may show no progress before the relay goes safe.
    public var stallLimits: [FeedSource: Nanoseconds]
    /// The longest test of the relay.
    public var longestTest: Nanoseconds

    /// The stall limit of a source that `stallLimits` leaves out.
    public static let defaultStallLimit = Nanoseconds.seconds(10)

    /// Critical alerts of every process unit, at once, one change a second.
    public init(
        severities: Set<Severity> = [.critical],
        areas: Set<String> = [],
        includesGateway: Bool = false,
        onDelay: Nanoseconds = .zero,
        offDelay: Nanoseconds = .zero,
        minimumDwell: Nanoseconds = .seconds(1),
        isLatching: Bool = false,
        holdsUntilAcknowledged: Bool = false,
        stallLimits: [FeedSource: Nanoseconds] = [:],
        longestTest: Nanoseconds = .seconds(60)
    ) {
        self.severities = severities
        self.areas = areas
        self.includesGateway = includesGateway
        self.onDelay = onDelay
        self.offDelay = offDelay
        self.minimumDwell = minimumDwell
        self.isLatching = isLatching
        self.holdsUntilAcknowledged = holdsUntilAcknowledged
        self.stallLimits = stallLimits
        self.longestTest = longestTest
    }

    /// How long `source` may show no progress.
    public func stallLimit(of source: FeedSource) -> Nanoseconds {
        stallLimits[source] ?? RelayRules.defaultStallLimit
    }

    /// Whether an alert of this severity, process unit and instrument may drive the relay at all.
    public func covers(severity: Severity, area: String, instrument: InstrumentID?) -> Bool {
        guard severities.contains(severity) else { return false }
        return instrument == nil ? includesGateway : areas.isEmpty || areas.contains(area)
    }
}
