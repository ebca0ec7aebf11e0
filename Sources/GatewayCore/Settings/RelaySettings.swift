import Alerts
import Signal

/// The alarm output of the box.
public struct RelaySettings: Hashable, Sendable {
    public enum Output: Hashable, Sendable {
        /// No hardware: demand is logged and shown.
        case log
        /// A libgpiod line: chip (label, name or path), line (name or offset).
        case gpio(chip: String, line: String, activeLow: Bool)
        /// One bit of a process image (Revolution Pi).
        case processImage(path: String, byte: Int, bit: Int)
        /// A sysfs file that takes one text or the other.
        case sysfs(path: String, energised: String, safe: String)
        /// A coil on a Modbus TCP server.
        case coil(host: String, port: UInt16, unit: UInt8, address: UInt16)
    }
    /// What a lamp on the box shows.
    public enum Indication: String, Hashable, Sendable, CaseIterable {
        /// The gateway is alive and nothing in it has failed.
        case healthy
        /// An alarm that drives the relay is active or not yet acknowledged.
        case alarm
        /// At least one broker is connected.
        case uplink
    }
    /// A lamp and the output that lights it.
    public struct Lamp: Hashable, Sendable {
        /// What it shows.
        public var indication: Indication
        /// `energised` is lit.
        public var output: Output

        /// A lamp that shows `indication`.
        public init(indication: Indication, output: Output) {
            self.indication = indication
            self.output = output
        }
    }
    /// A line that toggles while the gateway is alive, for an external watchdog relay.
    public struct Heartbeat: Hashable, Sendable {
        /// The line.
        public var output: Output
        /// Time between two edges.
        public var halfPeriod: Nanoseconds

        /// A heartbeat on `output`.
        public init(output: Output, halfPeriod: Nanoseconds = .milliseconds(500)) {
            self.output = output
            self.halfPeriod = halfPeriod
        }
    }

    /// The line, bit, file or coil that the relay hangs on.
    public var output: Output
    /// Least time that the output stays safe; going safe never waits for it.
    public var minimumDwell: Nanoseconds
    /// The severities that drive it.
    public var severities: Set<Severity>
    /// The process units whose instruments drive it; empty: all.
    public var areas: Set<String>
    /// Whether alerts about the gateway itself drive it too.
    public var includesGateway: Bool
    /// How long an alarm must last before the output goes safe; zero: at once.
    public var onDelay: Nanoseconds
    /// How long the plant must be free of alarms before the output is energised again.
    public var offDelay: Nanoseconds
    /// Driving alerts stay latched until they are reset by hand.
    public var isLatching: Bool
    /// Stay safe until every driving alert is acknowledged.
    public var holdsUntilAcknowledged: Bool
    /// How long polling, detection and journal may each show no progress.
    public var stallLimits: [FeedSource: Nanoseconds]
    /// The output goes safe by itself when it was not told energised again for this long.
    public var feedTimeout: Nanoseconds
    /// How often an output that can forget (a coil, a file) is written again.
    public var refresh: Nanoseconds
    /// A line that toggles while the gateway is alive; nil: none.
    public var heartbeat: Heartbeat?
    /// Lamps on the box.
    public var lamps: [Lamp]
    /// The longest test of the output.
    public var longestTest: Nanoseconds

    /// Log only, critical alerts, at once: what a box without an alarm output needs.
    public init(
        output: Output = .log,
        minimumDwell: Nanoseconds = .seconds(1),
        severities: Set<Severity> = [.critical],
        areas: Set<String> = [],
        includesGateway: Bool = false,
        onDelay: Nanoseconds = .zero,
        offDelay: Nanoseconds = .zero,
        isLatching: Bool = false,
        holdsUntilAcknowledged: Bool = false,
        stallLimits: [FeedSource: Nanoseconds] = [:],
        feedTimeout: Nanoseconds = .seconds(5),
        refresh: Nanoseconds = .seconds(2),
        heartbeat: Heartbeat? = nil,
        lamps: [Lamp] = [],
        longestTest: Nanoseconds = .seconds(60)
    ) {
        self.output = output
        self.minimumDwell = minimumDwell
        self.severities = severities
        self.areas = areas
        self.includesGateway = includesGateway
        self.onDelay = onDelay
        self.offDelay = offDelay
        self.isLatching = isLatching
        self.holdsUntilAcknowledged = holdsUntilAcknowledged
        self.stallLimits = stallLimits
        self.feedTimeout = feedTimeout
        self.refresh = refresh
        self.heartbeat = heartbeat
        self.lamps = lamps
        self.longestTest = longestTest
    }

    /// What of this the relay's logic needs.
    public var rules: RelayRules {
        RelayRules(
            severities: severities,
            areas: areas,
            includesGateway: includesGateway,
            onDelay: onDelay,
            offDelay: offDelay,
            minimumDwell: minimumDwell,
            isLatching: isLatching,
            holdsUntilAcknowledged: holdsUntilAcknowledged,
            stallLimits: stallLimits,
            longestTest: longestTest
        )
    }
}
