/// A small generator with a fixed seed (SplitMix64), so that a failing case comes back.
struct Seeded: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

/// Damages files the way disks, editors and hurried hands do.
enum Fuzz {
    /// Bytes that mean something to YAML, and some that mean trouble.
    private static let spice: [[UInt8]] =
        [
            "\t", "\n", "  ", ": ", ":", "- ", "? ", "[", "]", "{", "}", "&a ", "*a", "<<: *a", "!",
            "!!binary ", "|\n", ">-\n", "'", "\"", "#", "%", "@", "`", "\\", "\\u0000", "---\n",
            "...\n",
            "~", "null", ".nan", "-.inf", "1e999", "-0", "0x", "9999999999999999999", "\r",
            "\u{85}",
            "\u{2028}", "\u{FEFF}", "é", "𝄞", ",", "a: &a [*a]",
        ].map { Array($0.utf8) } + [[0], [0xFF], [0xC3], [0xED, 0xA0, 0x80], [0x1B]]

    /// Between 0 and 400 bytes at random, half of them spice.
    static func noise(using random: inout Seeded) -> [UInt8] {
        var bytes: [UInt8] = []
        for _ in 0..<Int.random(in: 0...200, using: &random) {
            if Bool.random(using: &random) {
                bytes += spice.randomElement(using: &random) ?? []
            } else {
                bytes.append(UInt8.random(in: .min ... .max, using: &random))
            }
        }
        return bytes
    }

    /// `valid` with one to eight cuts, doublings, flips and insertions.
    static func damaged(_ valid: [UInt8], using random: inout Seeded) -> [UInt8] {
        var bytes = valid
        for _ in 0..<Int.random(in: 1...8, using: &random) where !bytes.isEmpty {
            let start = Int.random(in: 0..<bytes.count, using: &random)
            let end = min(bytes.count, start + Int.random(in: 1...40, using: &random))
            switch Int.random(in: 0..<5, using: &random) {
            case 0: bytes.removeSubrange(start..<end)
            case 1: bytes.insert(contentsOf: bytes[start..<end], at: start)
            case 2: bytes[start] = UInt8.random(in: .min ... .max, using: &random)
            case 3: bytes.insert(contentsOf: spice.randomElement(using: &random) ?? [], at: start)
            default:
                let slice = Array(bytes[start..<end])
                bytes.removeSubrange(start..<end)
                let target = Int.random(in: 0...bytes.count, using: &random)
                bytes.insert(contentsOf: slice, at: target)
            }
        }
        return bytes
    }
}
