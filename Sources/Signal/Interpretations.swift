/// One way to read one or two registers as a loop current: for finding out what an unknown module
/// means by its numbers.
public struct Interpretation: Hashable, Sendable {
    /// How the words are read, in words: `u16 µA`, `float32 low word first`.
    public var name: String
    /// The encoding behind it.
    public var encoding: RawEncoding

    /// The current that `words` would mean, in mA; nil where there are too few of them or the number
    /// is not finite.
    public func milliamps(_ words: ArraySlice<UInt16>) -> Double? {
        words.count < encoding.words ? nil : encoding.decode(words).milliamps
    }

    /// Whether a live 4–20 mA loop could show this current, NE 43 failure currents included.
    public static func isPlausible(_ milliamps: Double) -> Bool {
        (3.5...22.5).contains(milliamps)
    }

    /// Every way that known modules write a current.
    public static let all: [Interpretation] = oneWord + twoWords

    private static let oneWord: [Interpretation] = [
        make("u16, µA", .unsigned, (0, 0), (20_000, 20)),
        make("u16, 0.01 mA", .unsigned, (0, 0), (2_000, 20)),
        make("u16, 0–65535 = 4–20 mA", .unsigned, (0, 4), (65_535, 20)),
        make("u16, 0–65535 = 0–20 mA", .unsigned, (0, 0), (65_535, 20)),
        make("u16, 0–30000 = 0–20 mA", .unsigned, (0, 0), (30_000, 20)),
        make("u16, 0–4095 = 0–20 mA", .unsigned, (0, 0), (4_095, 20)),
        make("s16, ±32767 = ±20 mA", .twosComplement, (-32_767, -20), (32_767, 20)),
        make("s16, 1/32 mA", .twosComplement, (0, 0), (640, 20)),
        make("offset binary, ±20 mA", .offsetBinary, (-32_768, -20), (32_767, 20)),
        make("sign and magnitude, 0–31774 = 4–20 mA", .signMagnitude, (0, 4), (31_774, 20)),
    ]

    private static let twoWords: [Interpretation] = RawEncoding.WordOrder.allCases.flatMap {
        order in
        [
            make("float32 mA, \(order.rawValue)", .float32, (0, 0), (1, 1), order),
            make("s32 nA, \(order.rawValue)", .twosComplement, (0, 0), (20_000_000, 20), order),
            make("u32 µA, \(order.rawValue)", .unsigned, (0, 0), (20_000, 20), order),
        ]
    }

    private static func make(
        _ name: String, _ format: RawEncoding.Format, _ low: (Double, Double),
        _ high: (Double, Double), _ order: RawEncoding.WordOrder? = nil
    ) -> Interpretation {
        Interpretation(
            name: name,
            encoding: RawEncoding(
                format: format, words: order == nil ? 1 : 2, wordOrder: order ?? .highFirst,
                low: .init(raw: low.0, milliamps: low.1),
                high: .init(raw: high.0, milliamps: high.1)))
    }
}
