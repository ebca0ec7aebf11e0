import Alerts
import Signal

// What the heart needs from outside. Each protocol is kept by one real adapter and by the
// simulation; every call returns at once and answers later through its closure, on any thread.

// MARK: Fieldbus

/// One transaction on a bus: read `count` cells of one table of one unit.
public struct BusRequest: Hashable, Sendable {
    /// Echoed in the reply.
    public var id: UInt64
    public var unit: UnitAddress
    public var table: RegisterTable
    public var address: UInt16
    /// 1 to 125 registers, or 1 to 2000 bits.
    public var count: UInt16
    public var responseTimeout: Nanoseconds
    /// Silence to keep before sending, counted from the bus's last activity, beside RTU's own.
    public var quietBefore: Nanoseconds

    public init(
        id: UInt64,
        unit: UnitAddress,
        table: RegisterTable,
        address: UInt16,
        count: UInt16,
        responseTimeout: Nanoseconds,
        quietBefore: Nanoseconds = .zero
    ) {
        self.id = id
        self.unit = unit
        self.table = table
        self.address = address
        self.count = count
        self.responseTimeout = responseTimeout
        self.quietBefore = quietBefore
    }
}

/// Why a transaction gave no values, named by what to do next.
public enum BusFault: Error, Hashable, Sendable {
    /// No byte came in time: ask again next cycle; the others on the bus go on.
    case silent
    /// The unit answered with an exception code.
    case refused(code: UInt8)
    /// A reply came but is not the answer to this request; it was thrown away whole.
    case garbled(Garble)
    /// The port or connection is gone or cannot be opened: `errno`.
    case linkLost(errno: Int32)
    /// Another process holds the port.
    case portBusy(holder: String)

    /// What was wrong with a reply.
    public enum Garble: String, Hashable, Sendable, CaseIterable {
        case crc, unit, function, length, transaction, unrequested
    }
}

/// The answer to one request.
public struct BusReply: Sendable {
    public var request: BusRequest
    /// One word per register, or 0/1 per bit: exactly `request.count` of them.
    public var outcome: Result<[UInt16], BusFault>
    /// When the last byte was there, or the fault was known.
    public var received: Stamp
    /// Bytes found on the line that belonged to no request: late replies, noise, a second master.
    public var strayBytes: Int
    /// True where the stray bytes were a whole valid frame: a late reply.
    public var strayWasReply: Bool

    public init(
        request: BusRequest,
        outcome: Result<[UInt16], BusFault>,
        received: Stamp,
        strayBytes: Int = 0,
        strayWasReply: Bool = false
    ) {
        self.request = request
        self.outcome = outcome
        self.received = received
        self.strayBytes = strayBytes
        self.strayWasReply = strayWasReply
    }
}

/// The last exchange with one unit, byte by byte: for whoever looks for a fault on the line.
public struct BusFrames: Hashable, Sendable {
    /// As it was sent.
    public var request: [UInt8]
    /// All that came after it, be it no answer at all; the first `Limits.frameBytes` of it.
    public var reply: [UInt8]
    /// When the exchange was over.
    public var at: WallTime

    public init(request: [UInt8], reply: [UInt8], at: WallTime) {
        self.request = request
        self.reply = reply
        self.at = at
    }
}

/// One bus: one thread, one owner, one transaction at a time.
public protocol ModbusBus: Sendable {
    /// Queues a transaction; `reply` is called exactly once, on the bus's own thread.
    ///
    /// The link is opened when needed. After `linkLost` the next request tries to open it again:
    /// how often is the caller's to decide.
    func submit(_ request: BusRequest, reply: @escaping @Sendable (BusReply) -> Void)
    /// Closes the link after the transaction under way; later requests answer `linkLost`.
    func close()
}

// MARK: Journal

/// The streams of the journal, each with its own sequence from 1 in every epoch.
public enum StoreStream: UInt8, Hashable, Sendable, Codable, CaseIterable {
    case readings = 0
    /// Alerts, gaps and audit entries.
    case records = 1
}

/// Where a record stands: the epoch it was made in and its number there.
public struct Position: Hashable, Sendable, Codable {
    public var epoch: UInt64
    public var sequence: UInt64

    public init(epoch: UInt64, sequence: UInt64) {
        self.epoch = epoch
        self.sequence = sequence
    }
}

/// A reading with its number.
public struct SequencedReading: Hashable, Sendable {
    public var sequence: UInt64
    public var reading: Reading

    public init(sequence: UInt64, reading: Reading) {
        self.sequence = sequence
        self.reading = reading
    }
}

/// A record of the second stream with its number.
public struct SequencedRecord: Hashable, Sendable {
    public var sequence: UInt64
    public var stamp: Stamp
    public var body: RecordBody

    public init(sequence: UInt64, stamp: Stamp, body: RecordBody) {
        self.sequence = sequence
        self.stamp = stamp
        self.body = body
    }
}

/// What a record says.
public enum RecordBody: Hashable, Sendable, Codable {
    case alert(AlertTransition)
    case gap(GapRecord)
    case audit(AuditEntry)
}

/// Readings that are gone for good, and why: published like any other record.
public struct GapRecord: Hashable, Sendable, Codable {
    public enum Cause: String, Hashable, Sendable, Codable {
        /// The byte quota: the oldest went first.
        case quota
        /// The store could not take them and memory was full.
        case storeFault = "store-fault"
        /// The store was found damaged and set aside.
        case corruption
    }
    public var epoch: UInt64
    /// First and last sequence lost, both included.
    public var first: UInt64
    public var last: UInt64
    public var from: WallTime?
    public var to: WallTime?
    public var cause: Cause

    public init(
        epoch: UInt64,
        first: UInt64,
        last: UInt64,
        from: WallTime?,
        to: WallTime?,
        cause: Cause
    ) {
        self.epoch = epoch
        self.first = first
        self.last = last
        self.from = from
        self.to = to
        self.cause = cause
    }
}

/// Who changed what.
public struct AuditEntry: Hashable, Sendable, Codable {
    public var who: String
    /// `alert.acknowledge`, `config.reload`, …
    public var action: String
    /// What it was done to: a tag, an alert, a file.
    public var subject: String
    public var old: String?
    public var new: String?

    public init(who: String, action: String, subject: String, old: String?, new: String?) {
        self.who = who
        self.action = action
        self.subject = subject
        self.old = old
        self.new = new
    }
}

/// The end of the audit log's chain: what tells whether anything was cut off.
public struct AuditHead: Hashable, Sendable, Codable {
    /// Entries so far.
    public var entries: UInt64
    /// SHA-256 of the last one, over all before it: 32 bytes.
    public var hash: [UInt8]

    public init(entries: UInt64, hash: [UInt8]) {
        self.entries = entries
        self.hash = hash
    }

    /// The hash in hexadecimal.
    public var text: String {
        hash.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}

/// What one connection has delivered of one stream of one epoch.
public struct DeliveryMark: Hashable, Sendable {
    /// The connection's name.
    public var connection: String
    public var stream: StoreStream
    public var epoch: UInt64
    /// Everything up to and including this is delivered.
    public var floor: UInt64
    /// Delivered beyond the floor: ascending, disjoint, at most `Limits.deliveredRanges`.
    public var ranges: [ClosedRange<UInt64>]

    public init(
        connection: String,
        stream: StoreStream,
        epoch: UInt64,
        floor: UInt64,
        ranges: [ClosedRange<UInt64>] = []
    ) {
        self.connection = connection
        self.stream = stream
        self.epoch = epoch
        self.floor = floor
        self.ranges = ranges
    }
}

/// Readings of a commit that a connection was offered as live: they are never marked historical.
public struct LiveOffer: Hashable, Sendable {
    public var connection: String
    public var range: ClosedRange<UInt64>

    public init(connection: String, range: ClosedRange<UInt64>) {
        self.connection = connection
        self.range = range
    }
}

/// Everything that one transaction of the journal writes. All of it or nothing.
public struct Commit: Sendable {
    /// Echoed in the answer.
    public var id: UInt64
    public var epoch: UInt64
    /// Consecutive sequences, ascending; may be empty.
    public var readings: [SequencedReading]
    /// Ascending; may be empty.
    public var records: [SequencedRecord]
    public var offers: [LiveOffer]
    /// Every mark that changed since the last commit.
    public var delivery: [DeliveryMark]
    /// The detectors' state, when it is time to save it.
    public var detectorState: [UInt8]?
    /// Settings of the journal that this commit deletes: what they asked for is in its records.
    public var settles: [String] = []
    /// The civil time of this commit, if the clock may be used for calendar things.
    public var now: WallTime?

    public init(
        id: UInt64,
        epoch: UInt64,
        readings: [SequencedReading] = [],
        records: [SequencedRecord] = [],
        offers: [LiveOffer] = [],
        delivery: [DeliveryMark] = [],
        detectorState: [UInt8]? = nil,
        now: WallTime? = nil
    ) {
        self.id = id
        self.epoch = epoch
        self.readings = readings
        self.records = records
        self.offers = offers
        self.delivery = delivery
        self.detectorState = detectorState
        self.now = now
    }
}

/// Why the journal could not do what it was asked.
public enum StoreFault: Error, Hashable, Sendable {
    /// No space: try again later; memory holds what it can.
    case full
    /// The medium failed (`SQLITE_IOERR`): nothing more may be trusted to this process's cache.
    case medium(String)
    /// The database is damaged; it is set aside at the next start.
    case corrupt(String)
    /// Anything else.
    case other(String)
}

/// The journal's answer to a commit.
public struct CommitOutcome: Sendable {
    public var id: UInt64
    public var result: Result<StoreStatus, StoreFault>
    /// What the quota pruned before it was delivered; empty mostly.
    public var lost: [GapRecord]

    public init(id: UInt64, result: Result<StoreStatus, StoreFault>, lost: [GapRecord] = []) {
        self.id = id
        self.result = result
        self.lost = lost
    }
}

/// The journal in numbers.
public struct StoreStatus: Hashable, Sendable, Codable {
    public var databaseBytes: Int64
    public var logBytes: Int64
    /// Oldest position still stored, by epoch order.
    public var oldest: Position?
    /// The end of the audit log; nil: it has none yet.
    public var audit: AuditHead?

    public init(
        databaseBytes: Int64,
        logBytes: Int64,
        oldest: Position?,
        audit: AuditHead? = nil
    ) {
        self.audit = audit
        self.databaseBytes = databaseBytes
        self.logBytes = logBytes
        self.oldest = oldest
    }
}

/// A piece of the journal, read for publishing.
public struct Fetched: Sendable {
    public enum Rows: Sendable {
        case readings([SequencedReading])
        case records([SequencedRecord])
    }
    public var epoch: UInt64
    public var rows: Rows
    /// Which of the readings the asking connection was once offered as live.
    public var offered: [ClosedRange<UInt64>]
    /// Where to read on: everything stored in the wanted range up to and including this was given
    /// (or is gone for good).
    public var through: UInt64

    public init(epoch: UInt64, rows: Rows, offered: [ClosedRange<UInt64>], through: UInt64) {
        self.epoch = epoch
        self.rows = rows
        self.offered = offered
        self.through = through
    }
}

/// What the journal holds when it is opened.
public struct StoreOpening: Sendable {
    /// An earlier run, in the order of the runs.
    public struct Epoch: Hashable, Sendable {
        public var epoch: UInt64
        /// Highest stored sequences; 0: none.
        public var lastReading: UInt64
        public var lastRecord: UInt64

        public init(epoch: UInt64, lastReading: UInt64, lastRecord: UInt64) {
            self.epoch = epoch
            self.lastReading = lastReading
            self.lastRecord = lastRecord
        }
    }
    /// Oldest first; only those that still hold anything, and always the newest.
    public var epochs: [Epoch]
    public var delivery: [DeliveryMark]
    /// The last transition of every alert that is not resolved.
    public var openAlerts: [AlertTransition]
    public var detectorState: [UInt8]?
    /// The models in use.
    public var models: [KeptModel]
    /// The latest calibration of each instrument.
    public var calibrations: [CalibrationRecord]
    /// The latest baseline of each instrument.
    public var baselines: [BaselineMark]
    /// Why the old file was set aside, if it was; where it is now.
    public var damage: String?

    public init(
        epochs: [Epoch] = [],
        delivery: [DeliveryMark] = [],
        openAlerts: [AlertTransition] = [],
        detectorState: [UInt8]? = nil,
        models: [KeptModel] = [],
        calibrations: [CalibrationRecord] = [],
        baselines: [BaselineMark] = [],
        damage: String? = nil
    ) {
        self.models = models
        self.calibrations = calibrations
        self.baselines = baselines
        self.epochs = epochs
        self.delivery = delivery
        self.openAlerts = openAlerts
        self.detectorState = detectorState
        self.damage = damage
    }
}

/// The journal: one writing connection on its own thread.
public protocol ReadingStore: Sendable {
    /// Writes one transaction; answers when COMMIT has returned or failed.
    func commit(_ commit: Commit, reply: @escaping @Sendable (CommitOutcome) -> Void)
    /// Reads at most `limit` rows of `range` for `connection`, in order of sequence.
    func fetch(
        _ stream: StoreStream,
        epoch: UInt64,
        range: ClosedRange<UInt64>,
        limit: Int,
        for connection: String,
        reply: @escaping @Sendable (Result<Fetched, StoreFault>) -> Void
    )
}

// MARK: Uplink

/// One message for a broker, by content: the uplink knows topics and forms.
public struct OutgoingMessage: Sendable {
    /// Echoed in the acknowledgement; unique per connection and process.
    public var id: UInt64
    public var content: Content

    public enum Content: Sendable {
        /// One reading (`cmms` form).
        case reading(SequencedReading, epoch: UInt64, historical: Bool)
        /// Several readings in one message (`batch` form).
        case batch([SequencedReading], epoch: UInt64, historical: Bool)
        case record(SequencedRecord, epoch: UInt64)
        /// Health once a minute: JSON text.
        case health(String)
        /// The answer to a command: its id, and JSON text.
        case response(command: String, body: String)
    }

    public init(id: UInt64, content: Content) {
        self.id = id
        self.content = content
    }
}

/// What became of a published message.
public enum PublishOutcome: Hashable, Sendable {
    /// PUBACK below 0x80; `hadSubscribers` is false where MQTT 5 said 0x10.
    case delivered(hadSubscribers: Bool)
    /// PUBACK of 0x80 or above: this message, on a healthy connection, was refused.
    case refused(reason: UInt8)
    /// Larger than the broker takes: never sent.
    case tooLarge
    /// The connection went first: send it again when it is back.
    case unsent
}

/// Why a connection is down: distinct, for people.
public enum DownReason: Hashable, Sendable {
    case notYetTried
    /// TCP: refused, unreachable, timed out; `errno`.
    case unreachable(errno: Int32)
    case nameNotFound(host: String)
    /// CONNACK with this reason code.
    case refusedByBroker(reason: UInt8)
    case tlsUnknownAuthority
    case tlsNameMismatch
    case tlsCertificateExpired
    case tlsOther(String)
    /// No acknowledgement within the deadline.
    case acknowledgementOverdue
    /// The broker closed, or the link broke.
    case linkLost(String)
    case stopped
}

/// A command that came from above.
public struct UplinkCommand: Hashable, Sendable {
    /// The last topic level: `acknowledge`, `resend`, …
    public var name: String
    /// JSON text, unchecked, at most `Limits.commandBytes`.
    public var payload: String
    public var retained: Bool

    public init(name: String, payload: String, retained: Bool) {
        self.name = name
        self.payload = payload
        self.retained = retained
    }
}

/// News from a connection.
public enum BrokerEvent: Sendable {
    /// Connected to this broker of the list; the birth message is out.
    case up(broker: BrokerAddress)
    /// Down; everything sent and not acknowledged was answered `unsent` before this.
    case down(DownReason, retryIn: Nanoseconds)
    case acknowledged(id: UInt64, PublishOutcome)
    case command(UplinkCommand)
}

/// One connection to a broker, with its own thread and its own reconnect.
public protocol Broker: Sendable {
    /// Hands messages over; never blocks. Sent in this order. While down they answer `unsent`.
    func publish(_ messages: [OutgoingMessage])
    /// Says good-bye (a clean disconnect that keeps the last will from being sent) and stops.
    func stop()
}

// MARK: Relay

/// The alarm output.
public protocol AlarmRelay: Sendable {
    /// Makes the output show `demand`; returns within 1 ms or hands over to its own thread.
    ///
    /// Energised must be repeated before `RelaySettings.feedTimeout` is over: an output that is not
    /// told again goes safe by itself, so that a hung gateway cannot look alive.
    func show(_ demand: RelayDemand)
    /// Drives safe and lets go.
    func release()
}
