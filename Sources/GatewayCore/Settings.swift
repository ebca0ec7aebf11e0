import Alerts
import Signal

/// Everything the gateway is told: the decoded and checked configuration, plain data.
///
/// `Profiles` makes it from YAML; nothing here needs checking again.
public struct GatewaySettings: Hashable, Sendable {
    /// The gateway's name: one topic level, part of every reading's identity.
    public var gateway: String
    public var buses: [BusSettings]
    public var modules: [ModuleSettings]
    public var instruments: [InstrumentSettings]
    public var connections: [ConnectionSettings]
    public var journal: JournalSettings
    public var relay: RelaySettings
    public var page: PageSettings
    /// Trust the hardware clock without NTP: times count as right from the start.
    public var trustsRTC: Bool
    /// How alerts are treated.
    public var alerts: AlertPolicy
    /// How detectors work where an instrument does not say otherwise.
    public var detection: DetectionSettings

    public init(
        gateway: String,
        buses: [BusSettings] = [],
        modules: [ModuleSettings] = [],
        instruments: [InstrumentSettings] = [],
        connections: [ConnectionSettings] = [],
        journal: JournalSettings = JournalSettings(),
        relay: RelaySettings = RelaySettings(),
        page: PageSettings = PageSettings(),
        trustsRTC: Bool = false,
        alerts: AlertPolicy? = nil,
        detection: DetectionSettings = DetectionSettings()
    ) {
        self.gateway = gateway
        self.buses = buses
        self.modules = modules
        self.instruments = instruments
        self.connections = connections
        self.journal = journal
        self.relay = relay
        self.page = page
        self.trustsRTC = trustsRTC
        self.alerts = alerts ?? AlertPolicy(relay: relay.rules)
        self.detection = detection
    }
}

// MARK: Buses

/// A bus by its place in the configuration.
public struct BusID: RawRepresentable, Hashable, Sendable, Codable, Comparable {
    public var rawValue: Int
    public init(rawValue: Int) { self.rawValue = rawValue }
    public static func < (a: BusID, b: BusID) -> Bool { a.rawValue < b.rawValue }
}

/// One serial port or one TCP address: one thread, one owner, one transaction at a time.
public struct BusSettings: Hashable, Sendable {
    public var id: BusID
    public var name: String
    public var link: BusLink
    /// How long to wait for a whole reply.
    public var responseTimeout: Nanoseconds
    /// Silence kept after a reply before the next request, beside RTU's own 3.5 characters.
    public var turnaround: Nanoseconds
    /// Further silence when the next request goes to another unit.
    public var unitChangeGap: Nanoseconds

    public init(
        id: BusID,
        name: String,
        link: BusLink,
        responseTimeout: Nanoseconds = .seconds(1),
        turnaround: Nanoseconds = .zero,
        unitChangeGap: Nanoseconds = .zero
    ) {
        self.id = id
        self.name = name
        self.link = link
        self.responseTimeout = responseTimeout
        self.turnaround = turnaround
        self.unitChangeGap = unitChangeGap
    }
}

/// What a bus runs over.
public enum BusLink: Hashable, Sendable {
    case rtu(SerialSettings)
    /// An IPv4 or IPv6 literal, checked, and a port.
    case tcp(host: String, port: UInt16)
}

/// A serial port as Modbus RTU uses it: eight data bits.
public struct SerialSettings: Hashable, Sendable {
    public enum Parity: String, Hashable, Sendable { case none, even, odd }
    /// Who turns the transceiver round.
    public enum Direction: String, Hashable, Sendable {
        /// The adapter senses it; nothing is asked of the kernel.
        case automatic
        /// The kernel's RS-485 mode (TIOCSRS485), DE active while RTS is high.
        case kernel
        /// The kernel's RS-485 mode with RTS low while sending.
        case kernelInverted = "kernel-inverted"
        /// libmodbus toggles RTS around each frame: high while sending.
        case rts
        /// libmodbus toggles RTS around each frame: low while sending.
        case rtsInverted = "rts-inverted"
    }
    /// A path, preferably below `/dev/serial/by-id`, so that a re-plugged adapter is found again.
    public var path: String
    /// Bits per second, 1200 to 115200.
    public var baud: Int
    public var parity: Parity
    /// 1 or 2.
    public var stopBits: Int
    public var direction: Direction

    public init(
        path: String,
        baud: Int = 9600,
        parity: Parity = .none,
        stopBits: Int = 1,
        direction: Direction = .automatic
    ) {
        self.path = path
        self.baud = baud
        self.parity = parity
        self.stopBits = stopBits
        self.direction = direction
    }

    /// Bits on the wire for one character: start, eight data, parity, stop.
    public var bitsPerCharacter: Int { 1 + 8 + (parity == .none ? 0 : 1) + stopBits }
    /// The time `characters` take on the wire.
    public func time(characters: Double) -> Nanoseconds {
        .seconds(characters * Double(bitsPerCharacter) / Double(baud))
    }
    /// The silence that ends a frame: 3.5 characters, and 1.75 ms above 19200 baud
    /// (MODBUS over Serial Line V1.02, 2.5.1.1).
    public var silentInterval: Nanoseconds {
        baud > 19200 ? Nanoseconds(1_750_000) : time(characters: 3.5)
    }
}

// MARK: Modules

/// A Modbus unit address, 0 to 255 (0 and 248–255 only over TCP).
public struct UnitAddress: RawRepresentable, Hashable, Sendable, Codable, Comparable {
    public var rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }
    public static func < (a: UnitAddress, b: UnitAddress) -> Bool { a.rawValue < b.rawValue }
}

/// The four tables of the Modbus data model; raw values are the function codes that read them.
public enum RegisterTable: UInt8, Hashable, Sendable, Codable, CaseIterable {
    case coils = 1
    case discreteInputs = 2
    case holding = 3
    case input = 4

    /// Whether its cells are single bits.
    public var isBits: Bool { self == .coils || self == .discreteInputs }
}

/// One I/O module on a bus.
public struct ModuleSettings: Hashable, Sendable {
    /// The name in the configuration, unique.
    public var name: String
    public var bus: BusID
    public var unit: UnitAddress
    /// The profile's name, for people.
    public var profile: String
    public var map: ModuleMap
    /// How often every channel in use is read.
    public var period: Nanoseconds
    /// Overrides the bus's response timeout.
    public var responseTimeout: Nanoseconds?
    /// How often a failed read is tried again within its cycle, 0 to 3.
    public var retries: Int

    public init(
        name: String,
        bus: BusID,
        unit: UnitAddress,
        profile: String,
        map: ModuleMap,
        period: Nanoseconds = .seconds(1),
        responseTimeout: Nanoseconds? = nil,
        retries: Int = 0
    ) {
        self.name = name
        self.bus = bus
        self.unit = unit
        self.profile = profile
        self.map = map
        self.period = period
        self.responseTimeout = responseTimeout
        self.retries = retries
    }
}

/// A module's registers as its profile describes them, already resolved for this unit (firmware,
/// slot position, base address).
public struct ModuleMap: Hashable, Sendable {
    /// Channel by channel, in the module's own order; a channel's number is its index plus one.
    public var channels: [ChannelMap]
    /// The most registers the module gives in one reply, 1 to 125.
    public var maxRegisters: Int
    /// The most unasked registers that may be read between two wanted ones: 0 forbids bridging.
    public var bridgeableGap: Int
    /// Least time between two requests to this module.
    public var requestGap: Nanoseconds
    /// How long the module is deaf after a configuration write.
    public var deafAfterWrite: Nanoseconds
    /// Registers that tell this module from another, checked at start and after silence.
    public var identity: [RegisterCheck]
    /// Registers (data format, range code) that must hold what the scaling assumes.
    public var assumptions: [RegisterCheck]

    public init(
        channels: [ChannelMap],
        maxRegisters: Int = 125,
        bridgeableGap: Int = 8,
        requestGap: Nanoseconds = .zero,
        deafAfterWrite: Nanoseconds = .zero,
        identity: [RegisterCheck] = [],
        assumptions: [RegisterCheck] = []
    ) {
        self.channels = channels
        self.maxRegisters = maxRegisters
        self.bridgeableGap = bridgeableGap
        self.requestGap = requestGap
        self.deafAfterWrite = deafAfterWrite
        self.identity = identity
        self.assumptions = assumptions
    }
}

/// Where one channel's value and status are, and what they mean.
public struct ChannelMap: Hashable, Sendable {
    public var table: RegisterTable
    /// 0-based protocol address of the first word.
    public var address: UInt16
    public var encoding: RawEncoding
    /// Status outside the value word: registers, discrete inputs or coils.
    public var status: [StatusSource]

    public init(
        table: RegisterTable,
        address: UInt16,
        encoding: RawEncoding,
        status: [StatusSource] = []
    ) {
        self.table = table
        self.address = address
        self.encoding = encoding
        self.status = status
    }
}

/// A register or bit beside the value that tells the channel's state.
public struct StatusSource: Hashable, Sendable {
    public var table: RegisterTable
    public var address: UInt16
    /// Tried in order; the first whose `(word & mask) == value` holds wins; none: the channel is ok.
    public var meanings: [StatusMeaning]

    public init(table: RegisterTable, address: UInt16, meanings: [StatusMeaning]) {
        self.table = table
        self.address = address
        self.meanings = meanings
    }
}

/// A register whose content is known beforehand.
public struct RegisterCheck: Hashable, Sendable {
    public var table: RegisterTable
    public var address: UInt16
    /// The words expected from `address` on.
    public var expected: [UInt16]
    /// Bits that count, one mask per word; empty: all.
    public var masks: [UInt16]
    /// What it is, for people: `module name 0x4117`.
    public var meaning: String
    /// The channel, from 1, that this matters to; nil: the whole module. A channel that no
    /// instrument uses may be set as it likes.
    public var channel: Int?

    public init(
        table: RegisterTable,
        address: UInt16,
        expected: [UInt16],
        masks: [UInt16] = [],
        meaning: String,
        channel: Int? = nil
    ) {
        self.table = table
        self.address = address
        self.expected = expected
        self.masks = masks
        self.meaning = meaning
        self.channel = channel
    }

    /// Whether `words`, read from `address` on, are what is expected.
    public func holds(for words: [UInt16]) -> Bool {
        guard words.count >= expected.count else { return false }
        return expected.indices.allSatisfy { index in
            let mask = index < masks.count ? masks[index] : 0xFFFF
            return words[index] & mask == expected[index] & mask
        }
    }
}

// MARK: Instruments

/// The four kinds of instrument that the register knows.
public enum InstrumentType: String, Hashable, Sendable, Codable, CaseIterable {
    case pressure, temperature, flow, level
}

/// How much the plant depends on an instrument.
public enum Criticality: String, Hashable, Sendable, Codable, CaseIterable {
    case low, medium, high, critical
}

/// One line of the instrument register.
public struct InstrumentSettings: Hashable, Sendable {
    /// Given by the journal when the instrument is first registered.
    public var id: InstrumentID
    public var tag: Tag
    public var type: InstrumentType
    /// What is measured, in words: `Boiler feed pressure`.
    public var measuredVariable: String
    public var span: Span
    /// The usual process value, in the span's unit.
    public var nominal: Double?
    public var location: String
    public var associatedEquipment: String
    /// Free text, as on the nameplate: `0.1 %`.
    public var accuracyClass: String
    public var criticality: Criticality
    public var processUnit: String
    /// Days between calibrations; nil: none wanted.
    public var calibrationIntervalDays: Int?
    /// Name of the module, and the channel on it from 1.
    public var module: String
    public var channel: Int
    public var extraction: Extraction
    /// Milliamps added to the current before all else: a trim of the card.
    public var trim: Trim
    /// First-order damping time constant; zero: none.
    public var damping: Nanoseconds
    public var ne43: NE43Limits
    /// Process limits in the span's unit.
    public var limits: ProcessLimits
    /// The fastest believable change in units per second; nil: not checked.
    public var rateOfChangeLimit: Double?
    /// How often a reading is expected; a gap is reported after twice this.
    public var expectedInterval: Nanoseconds
    /// How its detectors work.
    public var detection: DetectionSettings

    public init(
        id: InstrumentID,
        tag: Tag,
        type: InstrumentType,
        measuredVariable: String = "",
        span: Span,
        nominal: Double? = nil,
        location: String = "",
        associatedEquipment: String = "",
        accuracyClass: String = "",
        criticality: Criticality = .medium,
        processUnit: String = "",
        calibrationIntervalDays: Int? = nil,
        module: String,
        channel: Int,
        extraction: Extraction = .linear,
        trim: Trim = .none,
        damping: Nanoseconds = .zero,
        ne43: NE43Limits = .namur,
        limits: ProcessLimits = ProcessLimits(),
        rateOfChangeLimit: Double? = nil,
        expectedInterval: Nanoseconds = .seconds(1),
        detection: DetectionSettings = DetectionSettings()
    ) {
        self.id = id
        self.tag = tag
        self.type = type
        self.measuredVariable = measuredVariable
        self.span = span
        self.nominal = nominal
        self.location = location
        self.associatedEquipment = associatedEquipment
        self.accuracyClass = accuracyClass
        self.criticality = criticality
        self.processUnit = processUnit
        self.calibrationIntervalDays = calibrationIntervalDays
        self.module = module
        self.channel = channel
        self.extraction = extraction
        self.trim = trim
        self.damping = damping
        self.ne43 = ne43
        self.limits = limits
        self.rateOfChangeLimit = rateOfChangeLimit
        self.expectedInterval = expectedInterval
        self.detection = detection
    }
}

/// Alarm limits in the unit of the span, each optional: low-low < low < high < high-high.
public struct ProcessLimits: Hashable, Sendable, Codable {
    public var lowLow: Double?
    public var low: Double?
    public var high: Double?
    public var highHigh: Double?
    /// Deadband on the return path, in the span's unit; nil: the default of the signal type.
    public var deadband: Double?
    /// How long a limit must be exceeded; nil: the default of the signal type.
    public var onDelay: Nanoseconds?
    /// How long the value must be back; nil: the default of the signal type.
    public var offDelay: Nanoseconds?

    public init(
        lowLow: Double? = nil,
        low: Double? = nil,
        high: Double? = nil,
        highHigh: Double? = nil,
        deadband: Double? = nil,
        onDelay: Nanoseconds? = nil,
        offDelay: Nanoseconds? = nil
    ) {
        self.lowLow = lowLow
        self.low = low
        self.high = high
        self.highHigh = highHigh
        self.deadband = deadband
        self.onDelay = onDelay
        self.offDelay = offDelay
    }
}

// MARK: Uplink

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

// MARK: Journal, relay, page

/// Where and how long readings are kept.
public struct JournalSettings: Hashable, Sendable {
    /// The database file.
    public var path: String
    /// 1 to 30 s.
    public var commitInterval: Nanoseconds
    /// The most bytes the journal may take, database and log together.
    public var quotaBytes: Int64
    /// Retention in days; nil: for ever.
    public var rawDays: Int?
    public var minuteDays: Int?
    public var hourDays: Int?
    public var dayDays: Int?

    public init(
        path: String = "/var/lib/loopgate/journal.db",
        commitInterval: Nanoseconds = .seconds(2),
        quotaBytes: Int64 = 4 << 30,
        rawDays: Int? = 7,
        minuteDays: Int? = 90,
        hourDays: Int? = 730,
        dayDays: Int? = nil
    ) {
        self.path = path
        self.commitInterval = commitInterval
        self.quotaBytes = quotaBytes
        self.rawDays = rawDays
        self.minuteDays = minuteDays
        self.hourDays = hourDays
        self.dayDays = dayDays
    }
}

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

/// The local page's listener.
public struct PageSettings: Hashable, Sendable {
    public var host: String
    public var port: UInt16
    /// Serve `/health` and `/metrics` without login.
    public var opensHealth: Bool
    /// The file of Chart.js, which draws the trends.
    public var chart: String

    /// How the page proves itself; nil: plain HTTP.
    public var certificate: Certificate?
    /// Names the page answers to, beside address literals and the machine's own.
    public var names: [String]

    /// Where the page's certificate comes from.
    public enum Certificate: Hashable, Sendable {
        /// The gateway makes one at its first start.
        case selfMade
        /// PEM files: the certificate with those that vouch for it, and its key.
        case files(certificate: String, key: String)
    }

    public init(
        host: String = "127.0.0.1",
        port: UInt16 = 8080,
        opensHealth: Bool = true,
        chart: String = "/usr/share/javascript/chart.js/chart.min.js",
        certificate: Certificate? = nil,
        names: [String] = []
    ) {
        self.host = host
        self.port = port
        self.opensHealth = opensHealth
        self.chart = chart
        self.certificate = certificate
        self.names = names
    }

    /// Whether nobody but this machine can connect.
    public var isLoopback: Bool { host == "::1" || host.hasPrefix("127.") }
}
