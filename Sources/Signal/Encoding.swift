/// What a module itself says about a channel, apart from the value.
public enum ChannelCondition: String, Hashable, Sendable, Codable, CaseIterable {
    case ok
    case wireBreak = "wire-break"
    case shortCircuit = "short-circuit"
    case underRange = "under-range"
    case overRange = "over-range"
    case moduleFault = "module-fault"
    case notConfigured = "not-configured"
    /// The module uses one code for several states, such as full scale, open and disabled.
    case ambiguous
}

/// One reading of a status word: `(word & mask) == value` means `condition`.
public struct StatusMeaning: Hashable, Sendable {
    public var mask: UInt16
    public var value: UInt16
    public var condition: ChannelCondition

    public init(mask: UInt16, value: UInt16, condition: ChannelCondition) {
        self.mask = mask
        self.value = value
        self.condition = condition
    }
}

/// A range of raw codes that are no measurement, checked before any scaling.
///
/// Codes are compared as the unsigned bit pattern of all words, before sign and mask.
public struct CodeMeaning: Hashable, Sendable {
    public var codes: ClosedRange<UInt32>
    public var condition: ChannelCondition

    public init(codes: ClosedRange<UInt32>, condition: ChannelCondition) {
        self.codes = codes
        self.condition = condition
    }
}

/// How a module writes a current into registers.
public struct RawEncoding: Hashable, Sendable {
    public enum Format: String, Hashable, Sendable, CaseIterable {
        case unsigned
        case twosComplement = "twos-complement"
        /// Zero stands for the lowest value; the middle code for zero.
        case offsetBinary = "offset-binary"
        /// Top bit is the sign, the rest the magnitude.
        case signMagnitude = "sign-magnitude"
        /// IEEE 754 single precision in two words.
        case float32
    }
    /// Order of two words, and of the bytes inside each.
    public enum WordOrder: String, Hashable, Sendable, CaseIterable {
        case highFirst = "high-first"
        case lowFirst = "low-first"
        case highFirstSwapped = "high-first-swapped"
        case lowFirstSwapped = "low-first-swapped"
    }
    /// One point of the line from code to current.
    public struct Point: Hashable, Sendable {
        public var raw: Double
        public var milliamps: Double
        public init(raw: Double, milliamps: Double) {
            self.raw = raw
            self.milliamps = milliamps
        }
    }

    public var format: Format
    /// 1 or 2.
    public var words: Int
    public var wordOrder: WordOrder
    /// Bits of the pattern that are value; the others are cleared before the sign is taken.
    public var mask: UInt32
    /// Two points of the line from code to mA: signed codes after format and mask.
    public var low: Point
    public var high: Point
    /// Status bits inside the (first) value word.
    public var statusBits: [StatusMeaning]
    /// Codes that are no measurement.
    public var codes: [CodeMeaning]
    /// Whether currents below 4 mA show in the code; where not, NE 43 low cannot be told from 4 mA.
    public var seesBelowLiveZero: Bool

    public init(
        format: Format, words: Int = 1, wordOrder: WordOrder = .highFirst,
        mask: UInt32 = .max, low: Point, high: Point, statusBits: [StatusMeaning] = [],
        codes: [CodeMeaning] = [], seesBelowLiveZero: Bool = true
    ) {
        self.format = format
        self.words = words
        self.wordOrder = wordOrder
        self.mask = mask
        self.low = low
        self.high = high
        self.statusBits = statusBits
        self.codes = codes
        self.seesBelowLiveZero = seesBelowLiveZero
    }
}
