import Signal

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
