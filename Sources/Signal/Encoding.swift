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
    /// The bits that count.
    public var mask: UInt16
    /// What those bits must be.
    public var value: UInt16
    /// What they mean then.
    public var condition: ChannelCondition

    /// A meaning of the three.
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
    /// The codes, first and last included.
    public var codes: ClosedRange<UInt32>
    /// What they mean.
    public var condition: ChannelCondition

    /// A meaning of the two.
    public init(codes: ClosedRange<UInt32>, condition: ChannelCondition) {
        self.codes = codes
        self.condition = condition
    }
}

/// How a module writes a current into registers.
public struct RawEncoding: Hashable, Sendable {
    /// How a pattern of bits stands for a number.
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
        /// The signed code.
        public var raw: Double
        /// The current in mA.
        public var milliamps: Double
        /// A point of the two.
        public init(raw: Double, milliamps: Double) {
            self.raw = raw
            self.milliamps = milliamps
        }
    }

    /// How the pattern stands for a number.
    public var format: Format
    /// 1 or 2.
    public var words: Int
    /// Order of the words, where there are two.
    public var wordOrder: WordOrder
    /// Bits of the pattern that are value; the others are cleared before the sign is taken.
    public var mask: UInt32
    /// One of the two points of the line from code to mA: signed codes after format and mask.
    public var low: Point
    /// The other point of the line; its code is another one.
    public var high: Point
    /// Status bits inside the (first) value word.
    public var statusBits: [StatusMeaning]
    /// Codes that are no measurement.
    public var codes: [CodeMeaning]
    /// Whether currents below 4 mA show, in the code or in a status of the module; where not, NE 43
    /// low cannot be told from 4 mA, and a code at its lower end is ambiguous.
    public var seesBelowLiveZero: Bool

    /// An encoding of the parts, unchecked.
    public init(
        format: Format,
        words: Int = 1,
        wordOrder: WordOrder = .highFirst,
        mask: UInt32 = .max,
        low: Point,
        high: Point,
        statusBits: [StatusMeaning] = [],
        codes: [CodeMeaning] = [],
        seesBelowLiveZero: Bool = true
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
