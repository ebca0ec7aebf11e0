import GatewayCore
import Signal

/// How sure the facts of a profile are.
public enum Confidence: String, Hashable, Sendable, CaseIterable {
    /// Read in driver code, a captured fixture or the vendor's manual.
    case high
    /// Read in one secondary source, or pieced together: check before trusting a plant to it.
    case medium
}

/// One I/O module as its profile file describes it.
public struct ModuleProfile: Hashable, Sendable {
    /// The buses a module is sold for.
    public enum Bus: String, Hashable, Sendable, CaseIterable { case rtu, tcp, both }

    /// The file's name without its ending, and what the configuration calls it.
    public var id: String
    /// Who makes it.
    public var vendor: String
    /// The maker's name for it.
    public var model: String
    /// One line about it.
    public var summary: String
    /// How sure the facts are.
    public var confidence: Confidence
    /// Where the facts are from.
    public var sources: [String]
    /// What a technician should know before wiring or setting it.
    public var notes: [String]
    /// What it is attached to.
    public var bus: Bus
    /// How it leaves the factory, where it is known.
    public var serial: FactorySerial?
    /// What tells this module from another.
    public var identification: [Identification]
    /// Where it tells its firmware.
    public var firmwareRegister: FirmwareRegister?
    /// Its registers: one layout, or one for each range of firmware.
    public var layouts: [Layout]

    /// Serial settings a module leaves the factory with.
    public struct FactorySerial: Hashable, Sendable {
        /// The unit address.
        public var unit: Int?
        /// Bits per second.
        public var baud: Int
        /// The parity bit.
        public var parity: SerialSettings.Parity
        /// 1 or 2.
        public var stopBits: Int
    }

    /// Registers that tell this module from another.
    public struct Identification: Hashable, Sendable {
        /// What they must hold.
        public enum Content: Hashable, Sendable {
            /// These words.
            case words(RegisterCheck)
            /// A text with `wanted` somewhere in it.
            case text(CharacterPacking, wanted: String)
        }
        /// The table they are in.
        public var table: RegisterTable
        /// 0-based address of the first.
        public var address: UInt16
        /// How many.
        public var count: Int
        /// What they must hold.
        public var content: Content
        /// Whether the running gateway insists on it; else only `probe` looks.
        public var isRequired: Bool
        /// What it is, for people.
        public var meaning: String

        /// The words that they must hold; nil where a text is wanted.
        public var check: RegisterCheck? {
            if case .words(let check) = content { check } else { nil }
        }

        /// Whether `words`, read from `address` on, are this module's.
        public func matches(_ words: [UInt16]) -> Bool {
            switch content {
            case .words(let check): check.holds(for: words)
            case .text(let packing, let wanted):
                words.count >= count && packing.text(of: words).contains(wanted)
            }
        }
    }

    /// Where a module tells its firmware version.
    public struct FirmwareRegister: Hashable, Sendable {
        /// How the version is written.
        public enum Form: String, Hashable, Sendable, CaseIterable {
            /// One character in the low byte of each register.
            case characters
            /// Two characters in each register, high byte first.
            case packedCharacters = "packed-characters"
            /// 204 is 2.04.
            case hundredths
            /// 0x0123 is 1.2.3.
            case hexDigits = "hex-digits"
            /// 0xA104 is A1.04: a letter and digits.
            case letterDigits = "letter-digits"
        }
        /// The table it is in.
        public var table: RegisterTable
        /// 0-based address of the first word.
        public var address: UInt16
        /// How many words.
        public var count: Int
        /// How the version is written.
        public var form: Form

        /// A register of the four.
        public init(table: RegisterTable, address: UInt16, count: Int, form: Form) {
            self.table = table
            self.address = address
            self.count = count
            self.form = form
        }

        /// The version that `words`, read from `address` on, tell; nil where they tell none.
        public func version(of words: [UInt16]) -> String? {
            guard let first = words.first else { return nil }
            switch form {
            case .characters, .packedCharacters:
                let packing: CharacterPacking = form == .characters ? .one : .two
                let text = packing.text(of: words)
                return text.isEmpty ? nil : text
            case .hundredths:
                let cents = first % 100
                return "\(first / 100).\(cents < 10 ? "0" : "")\(cents)"
            case .hexDigits:
                let digits = Array(hex(first))
                let major = String(digits[..<2].drop { $0 == "0" })
                return "\(major.isEmpty ? "0" : major).\(digits[2]).\(digits[3])"
            case .letterDigits:
                let digits = hex(first).uppercased()
                return "\(digits.prefix(2)).\(digits.suffix(2))"
            }
        }

        private func hex(_ word: UInt16) -> String {
            let text = String(word, radix: 16)
            return String(repeating: "0", count: 4 - text.count) + text
        }
    }

    /// The registers of one range of firmware.
    public struct Layout: Hashable, Sendable {
        /// The firmware it is for; nil: any.
        public var firmware: FirmwareRange?
        /// The channels.
        public var channels: Channels
        /// The input ranges the module can be set to, at least one.
        public var ranges: [InputRange]
        /// Where the module tells each channel's range code, where it does.
        public var rangeRegister: RegisterPattern?
        /// What must hold for the scaling to be right, whatever the range.
        public var assumptions: [Assumption]
        /// What the module bears.
        public var limits: ReadLimits
    }

    /// What a module bears in reading.
    public struct ReadLimits: Hashable, Sendable {
        /// The most registers in one reply.
        public var maxRegisters = 125
        /// The most unasked registers between two wanted ones; 0: none may be read.
        public var bridgeableGap = 8
        /// Least time between two requests.
        public var requestGap = Nanoseconds.zero
        /// How long the module is deaf after a configuration write.
        public var deafAfterWrite = Nanoseconds.zero
    }

    /// The channels of a layout.
    public struct Channels: Hashable, Sendable {
        /// How many there are.
        public var count: Int
        /// Where their values are.
        public var place: RegisterPattern
        /// Whether addresses count from the `base` that the configuration gives: the place of the
        /// module in its coupler's process image.
        public var isSlotRelative: Bool
        /// Status outside the value words.
        public var status: [Status]
    }

    /// A status beside the values.
    public struct Status: Hashable, Sendable {
        /// Where it is.
        public var place: RegisterPattern
        /// What it can say.
        public var meanings: [Meaning]

        /// One thing that a status can say.
        public struct Meaning: Hashable, Sendable {
            /// The bits that say it.
            public enum Bits: Hashable, Sendable {
                /// `word & mask == value`.
                case masked(mask: UInt16, value: UInt16)
                /// The bit with the channel's number, counted from 0, is `isSet`.
                case channelBit(isSet: Bool)
            }
            /// The bits that say it.
            public var bits: Bits
            /// What they say.
            public var condition: ChannelCondition
        }
    }

    /// One input range a module can be set to.
    public struct InputRange: Hashable, Sendable {
        /// What the configuration calls it: `4-20mA`.
        public var name: String
        /// The module's own code for it.
        public var code: UInt16?
        /// From register to mA.
        public var encoding: RawEncoding
        /// Whether it is meant where the configuration names none.
        public var isDefault: Bool
        /// What must hold for its scaling to be right.
        public var assumptions: [Assumption]
        /// What a technician should know who chooses it.
        public var advice: String?
    }

    /// Registers that must hold what the scaling assumes.
    public struct Assumption: Hashable, Sendable {
        /// Where they are: for each channel, or once.
        public var place: RegisterPattern
        /// Whether there is one for each channel.
        public var isPerChannel: Bool
        /// The words expected.
        public var expected: [UInt16]
        /// Bits that count; empty: all.
        public var masks: [UInt16]
        /// What it is, for people.
        public var meaning: String
    }
}

/// A table and the address of something in it, channel by channel.
public struct RegisterPattern: Hashable, Sendable {
    /// How the addresses follow one another.
    public enum Addresses: Hashable, Sendable {
        /// `first + stride × index`.
        case stride(first: Int, stride: Int)
        /// Each as it is.
        case list([Int])
    }
    /// The table.
    public var table: RegisterTable
    /// 0-based protocol addresses.
    public var addresses: Addresses

    /// The address for the channel with this index from 0; nil beyond a list.
    public func address(_ index: Int) -> Int? {
        switch addresses {
        case .stride(let first, let stride): first + stride * index
        case .list(let list): list.indices.contains(index) ? list[index] : nil
        }
    }
}

/// How characters are packed into registers.
public enum CharacterPacking: Int, Hashable, Sendable, CaseIterable {
    /// One in the low byte of each register.
    case one = 1
    /// Two in each register, high byte first.
    case two = 2

    /// The text in `words` up to its first zero, without blanks around it.
    public func text(of words: [UInt16]) -> String {
        let bytes: [UInt8] =
            switch self {
            case .one: words.map { UInt8(truncatingIfNeeded: $0) }
            case .two: words.flatMap { [UInt8($0 >> 8), UInt8(truncatingIfNeeded: $0)] }
            }
        let used = bytes.prefix { $0 != 0 }.filter { (0x20..<0x7F).contains($0) }
        let text = String(decoding: used, as: UTF8.self)
        return String(text.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
    }

    /// The words that hold `text`, without what follows it; an odd last half is left out.
    public func words(of text: String) -> [UInt16] {
        let bytes = Array(text.utf8)
        switch self {
        case .one: return bytes.map(UInt16.init)
        case .two:
            return stride(from: 0, to: bytes.count - bytes.count % 2, by: 2).map {
                UInt16(bytes[$0]) << 8 | UInt16(bytes[$0 + 1])
            }
        }
    }
}

/// A firmware version: whole numbers between dots, compared number by number.
public struct FirmwareVersion: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The numbers, most significant first, without zeros at the end.
    public let numbers: [Int]
    /// The version as written.
    public let description: String

    /// The version that `text` writes, such as `4.32` or `v1.10.3`; nil where it is none.
    public init?(_ text: String) {
        let digits = text.hasPrefix("v") || text.hasPrefix("V") ? text.dropFirst() : text[...]
        var numbers: [Int] = []
        for part in digits.split(separator: ".", omittingEmptySubsequences: false) {
            guard !part.isEmpty, part.allSatisfy({ $0.isASCII && $0.isNumber }),
                let number = Int(part)
            else { return nil }
            numbers.append(number)
        }
        guard (1...4).contains(numbers.count) else { return nil }
        while numbers.count > 1, numbers.last == 0 { numbers.removeLast() }
        self.numbers = numbers
        description = text
    }

    /// Whether two versions are the same: 4.0 is 4.
    public static func == (a: FirmwareVersion, b: FirmwareVersion) -> Bool {
        a.numbers == b.numbers
    }
    /// Hashes what is compared.
    public func hash(into hasher: inout Hasher) { hasher.combine(numbers) }
    /// Whether `a` is the older.
    public static func < (a: FirmwareVersion, b: FirmwareVersion) -> Bool {
        a.numbers.lexicographicallyPrecedes(b.numbers)
    }
}

/// The firmware a layout is for: from a version on, or before one.
public enum FirmwareRange: Hashable, Sendable, CustomStringConvertible {
    /// This version and all later ones.
    case from(FirmwareVersion)
    /// All versions before this one.
    case before(FirmwareVersion)

    /// The range that `text` writes: `>= 4.32` or `< 4.32`.
    public init?(_ text: String) {
        let isFrom = text.hasPrefix(">=")
        guard isFrom || text.hasPrefix("<") else { return nil }
        let rest = text.dropFirst(isFrom ? 2 : 1).drop { $0 == " " }
        guard let version = FirmwareVersion(String(rest)) else { return nil }
        self = isFrom ? .from(version) : .before(version)
    }

    /// Whether `version` is one of these.
    public func contains(_ version: FirmwareVersion) -> Bool {
        switch self {
        case .from(let first): version >= first
        case .before(let end): version < end
        }
    }

    /// The range as a profile writes it.
    public var description: String {
        switch self {
        case .from(let version): ">= \(version)"
        case .before(let version): "< \(version)"
        }
    }
}
