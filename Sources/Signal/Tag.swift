/// An instrument's tag as ISA-5.1 writes it, such as `PT-101` or `U2.FIC-310A`.
///
/// A tag is a topic level, a key and a label: 1–64 characters, letters, digits, `-`, `_`, `.`, and
/// never `/`, `+`, `#`, blanks or control characters.
public struct Tag: Hashable, Sendable, Codable, Comparable, CustomStringConvertible {
    /// The tag as written.
    public let text: String

    /// The tag that `text` writes, or nil where it holds a character a tag cannot have.
    public init?(_ text: String) {
        guard (1...64).contains(text.utf8.count), text.utf8.allSatisfy(Tag.allows) else {
            return nil
        }
        self.text = text
    }

    /// Decodes a string; one that is no tag is an error.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let tag = Tag(text) else {
            throw DecodingError.dataCorruptedError(
                in: container,
                debugDescription: "'\(text)' is not a tag"
            )
        }
        self = tag
    }

    /// Encodes the tag as a string.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }

    /// The tag as written.
    public var description: String { text }
    /// Order of the text.
    public static func < (a: Tag, b: Tag) -> Bool { a.text < b.text }

    private static func allows(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"),
            UInt8(ascii: "."):
            true
        default: false
        }
    }
}

/// An instrument's number in the register: small, given once, never used again.
public struct InstrumentID: RawRepresentable, Hashable, Sendable, Codable, Comparable {
    /// The number, from 1.
    public var rawValue: UInt32

    /// The instrument numbered `rawValue`.
    public init(rawValue: UInt32) { self.rawValue = rawValue }
    /// Order of the numbers.
    public static func < (a: InstrumentID, b: InstrumentID) -> Bool { a.rawValue < b.rawValue }
}

/// The calibrated range of an instrument: lower and upper range value and their unit.
public struct Span: Hashable, Sendable, Codable {
    /// Lower range value: the process value at 4 mA.
    public let lrv: Double
    /// Upper range value: the process value at 20 mA.
    public let urv: Double
    /// The engineering unit of both, as the register writes it (`bar`, `°C`, `m³/h`).
    public let unit: String

    /// A range, or nil where a limit is not finite or `urv` is not above `lrv`.
    ///
    /// A reverse-acting loop is an extraction, not an inverted range.
    public init?(lrv: Double, urv: Double, unit: String) {
        guard lrv.isFinite, urv.isFinite, urv > lrv, (urv - lrv).isFinite else { return nil }
        self.lrv = lrv
        self.urv = urv
        self.unit = unit
    }

    /// `urv - lrv`, always above zero.
    public var width: Double { urv - lrv }
}
