import GatewayCore
import Signal

/// One way to take one or two registers, and the currents that it would mean.
public struct Interpretation: Hashable, Sendable {
    /// `u16`, `float32 low word first`, …; several where they come to the same number.
    public var names: [String]
    /// One or two.
    public var words: Int
    /// The number in the registers' own scale, as text; `nan` and `inf` for such floats.
    public var number: String
    public var currents: [SupposedCurrent]
}

/// The current that a number would mean under one scaling.
public struct SupposedCurrent: Hashable, Sendable {
    /// `µA`, `4–20 mA = 0…65535`, …
    public var scaling: String
    /// As a profile would declare it.
    public var encoding: RawEncoding
    /// In mA; nil where the number is none.
    public var milliamps: Double?

    /// Whether a healthy loop can carry this current: 3.5 to 21 mA.
    public var isPlausible: Bool {
        milliamps.map { (3.5...21).contains($0) } ?? false
    }
}

extension Interpretation {
    /// Every way to take the register `first`, and with `second` (the next register) the pair.
    public static func all(first: UInt16, second: UInt16?) -> [Interpretation] {
        var all = single(first)
        if let second { all += pairs(first, second) }
        return all
    }

    private static func single(_ word: UInt16) -> [Interpretation] {
        let formats: [(String, RawEncoding.Format)] = [
            ("u16", .unsigned), ("s16", .twosComplement), ("sign-magnitude", .signMagnitude),
            ("offset-binary", .offsetBinary),
        ]
        return merged(
            formats.map { name, format in
                let scalings = Scaling.single.filter { $0.suits(format) }
                return Interpretation(
                    name: name,
                    words: 1,
                    pattern: [word],
                    format: format,
                    order: .highFirst,
                    scalings: scalings
                )
            }
        )
    }

    private static func pairs(_ first: UInt16, _ second: UInt16) -> [Interpretation] {
        let formats: [(String, RawEncoding.Format, [Scaling])] = [
            ("u32", .unsigned, Scaling.pair), ("s32", .twosComplement, Scaling.pair),
            ("float32", .float32, Scaling.float),
        ]
        return RawEncoding.WordOrder.allCases.flatMap { order in
            merged(
                formats.map { name, format, scalings in
                    Interpretation(
                        name: "\(name) \(order.rawValue)",
                        words: 2,
                        pattern: [first, second],
                        format: format,
                        order: order,
                        scalings: scalings
                    )
                }
            )
        }
    }

    private init(
        name: String,
        words: Int,
        pattern: [UInt16],
        format: RawEncoding.Format,
        order: RawEncoding.WordOrder,
        scalings: [Scaling]
    ) {
        names = [name]
        self.words = words
        currents = scalings.map { scaling in
            let encoding = RawEncoding(
                format: format,
                words: words,
                wordOrder: order,
                low: scaling.low,
                high: scaling.high
            )
            return SupposedCurrent(
                scaling: scaling.name,
                encoding: encoding,
                milliamps: encoding.decode(pattern).milliamps
            )
        }
        let plain = RawEncoding(
            format: format,
            words: words,
            wordOrder: order,
            low: .init(raw: 0, milliamps: 0),
            high: .init(raw: 1, milliamps: 1)
        ).decode(pattern)
        number =
            format == .float32
            ? "\(Float(bitPattern: UInt32(truncatingIfNeeded: plain.raw)))" : "\(plain.raw)"
    }

    /// Ways that give the same number, such as u16 and s16 below 32768, are one.
    private static func merged(_ all: [Interpretation]) -> [Interpretation] {
        var merged: [Interpretation] = []
        for one in all {
            if let index = merged.firstIndex(where: { $0.number == one.number }) {
                merged[index].names += one.names
                let known = merged[index].currents.map(\.scaling)
                merged[index].currents += one.currents.filter { !known.contains($0.scaling) }
            } else {
                merged.append(one)
            }
        }
        return merged
    }
}

/// A common way to write a current as a number: two points of a line.
private struct Scaling {
    var name: String
    var low: RawEncoding.Point
    var high: RawEncoding.Point
    var signedOnly = false
    var unsignedOnly = false

    init(
        _ name: String,
        _ low: (Double, Double),
        _ high: (Double, Double),
        signedOnly: Bool = false,
        unsignedOnly: Bool = false
    ) {
        self.name = name
        self.low = RawEncoding.Point(raw: low.0, milliamps: low.1)
        self.high = RawEncoding.Point(raw: high.0, milliamps: high.1)
        self.signedOnly = signedOnly
        self.unsignedOnly = unsignedOnly
    }

    func suits(_ format: RawEncoding.Format) -> Bool {
        let isSigned = format != .unsigned
        return isSigned ? !unsignedOnly : !signedOnly
    }

    /// The scalings met in modules of the field, from the plainest on.
    static let single = [
        Scaling("µA", (0, 0), (20_000, 20)),
        Scaling("0.01 mA", (0, 0), (2000, 20)),
        Scaling("0.1 mA", (0, 0), (200, 20)),
        Scaling("1/32 mA", (0, 0), (640, 20)),
        Scaling("0–20 = 0…65535", (0, 0), (65535, 20), unsignedOnly: true),
        Scaling("4–20 = 0…65535", (0, 4), (65535, 20), unsignedOnly: true),
        Scaling("±20 = ±32767", (0, 0), (32767, 20), signedOnly: true),
        Scaling("4–20 = 0…32760", (0, 4), (32760, 20)),
        Scaling("0–20 = 0…30000", (0, 0), (30000, 20)),
        Scaling("0–20 = 0…27648", (0, 0), (27648, 20)),
        Scaling("4–20 = 0…27648", (0, 4), (27648, 20)),
        Scaling("0–20 = 0…4095", (0, 0), (4095, 20)),
        Scaling("4–20 = 0…4095", (0, 4), (4095, 20)),
        Scaling("0–20 = 0…1023", (0, 0), (1023, 20)),
        Scaling("4–20 = 0…1000 ‰", (0, 4), (1000, 20)),
        Scaling("4–20 = 0…10000", (0, 4), (10_000, 20)),
    ]
    static let pair = [
        Scaling("nA", (0, 0), (20_000_000, 20)),
        Scaling("µA", (0, 0), (20_000, 20)),
    ]
    static let float = [
        Scaling("mA", (0, 0), (20, 20)),
        Scaling("A", (0, 0), (0.02, 20)),
        Scaling("4–20 = 0…100 %", (0, 4), (100, 20)),
        Scaling("4–20 = 0…1", (0, 4), (1, 20)),
    ]
}
