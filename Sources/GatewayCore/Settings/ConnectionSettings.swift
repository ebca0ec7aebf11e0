import Signal

/// A connection by its place in the configuration.
public struct ConnectionID: RawRepresentable, Hashable, Sendable, Codable, Comparable {
    public var rawValue: Int
    public init(rawValue: Int) { self.rawValue = rawValue }
    public static func < (a: ConnectionID, b: ConnectionID) -> Bool { a.rawValue < b.rawValue }
}

/// One MQTT destination with its own delivery state.
public struct ConnectionSettings: Hashable, Sendable {
    public enum PayloadForm: String, Hashable, Sendable { case cmms, batch }
    /// Where a tag's backlog goes relative to its live readings.
    public enum Backlog: String, Hashable, Sendable {
        /// Before them: times per tag only ever rise.
        case ordered
        /// Beside them, marked historical.
        case interleaved
        /// Beside them, on a sibling topic.
        case sibling
    }
    public enum PublishWhen: String, Hashable, Sendable {
        /// As soon as decided (the live lane).
        case read
        /// Only after the commit that holds it.
        case stored
    }
    public enum MQTTVersion: String, Hashable, Sendable { case v311 = "3.1.1", v5 = "5" }

    public var id: ConnectionID
    /// Unique name; the delivery state is kept under it.
    public var name: String
    /// Tried in order until one answers.
    public var brokers: [BrokerAddress]
    public var version: MQTTVersion
    public var clientID: String
    public var username: String?
    /// A file that holds the password: never the password itself.
    public var passwordFile: String?
    public var tls: TLSSettings?
    public var form: PayloadForm
    /// First topic levels: `cimms/instruments`.
    public var topicRoot: String
    public var backlog: Backlog
    public var publish: PublishWhen
    /// Most messages sent and not yet acknowledged, 1 to 1000.
    public var inFlight: Int
    /// How long an acknowledgement may take before the link is given up.
    public var ackDeadline: Nanoseconds
    public var keepAlive: Nanoseconds
    /// Most readings a second, all tags together; nil: no limit.
    public var totalRate: Double?
    /// Least time between two readings of one tag; nil: all.
    public var perTagInterval: Nanoseconds?
    /// Share of the link's rate that a backlog may take while live readings flow: readings/s.
    public var backlogRate: Double?
    /// Accept commands from `…/gateways/<id>/commands/#`.
    public var acceptsCommands: Bool

    public init(
        id: ConnectionID,
        name: String,
        brokers: [BrokerAddress],
        version: MQTTVersion = .v5,
        clientID: String,
        username: String? = nil,
        passwordFile: String? = nil,
        tls: TLSSettings? = nil,
        form: PayloadForm = .cmms,
        topicRoot: String = "cimms/instruments",
        backlog: Backlog? = nil,
        publish: PublishWhen = .read,
        inFlight: Int = 200,
        ackDeadline: Nanoseconds = .seconds(30),
        keepAlive: Nanoseconds = .seconds(15),
        totalRate: Double? = nil,
        perTagInterval: Nanoseconds? = nil,
        backlogRate: Double? = nil,
        acceptsCommands: Bool = false
    ) {
        self.id = id
        self.name = name
        self.brokers = brokers
        self.version = version
        self.clientID = clientID
        self.username = username
        self.passwordFile = passwordFile
        self.tls = tls
        self.form = form
        self.topicRoot = topicRoot
        self.backlog = backlog ?? (form == .cmms ? .ordered : .interleaved)
        self.publish = publish
        self.inFlight = inFlight
        self.ackDeadline = ackDeadline
        self.keepAlive = keepAlive
        self.totalRate = totalRate
        self.perTagInterval = perTagInterval
        self.backlogRate = backlogRate
        self.acceptsCommands = acceptsCommands
    }
}

/// A broker's host (a name or a literal) and port.
public struct BrokerAddress: Hashable, Sendable {
    public var host: String
    public var port: UInt16
    public init(host: String, port: UInt16) {
        self.host = host
        self.port = port
    }
}

/// TLS towards a broker; the host name is always checked.
public struct TLSSettings: Hashable, Sendable {
    /// PEM file of the authorities; nil: the system's.
    public var caFile: String?
    public var certificateFile: String?
    public var keyFile: String?
    public init(caFile: String? = nil, certificateFile: String? = nil, keyFile: String? = nil) {
        self.caFile = caFile
        self.certificateFile = certificateFile
        self.keyFile = keyFile
    }
}
