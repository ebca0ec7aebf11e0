import RealModule

/// A small random source that gives the same numbers for the same seed on every machine
/// (SplitMix64, Steele, Lea and Flood 2014).
public struct SeededGenerator: RandomNumberGenerator, Hashable, Sendable {
    private var state: UInt64

    /// A source that starts from `seed`.
    public init(seed: UInt64) { state = seed }

    /// The next 64 random bits.
    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    /// A number from 0 (included) to 1 (excluded), all 53 bits random.
    public mutating func uniform() -> Double { Double(next() >> 11) * 0x1p-53 }

    /// A whole number from 0 to `bound - 1`; `bound` must be above zero.
    public mutating func below(_ bound: Int) -> Int {
        precondition(bound > 0, "a number below zero values does not exist")
        return Int(next().multipliedFullWidth(by: UInt64(bound)).high)
    }

    /// A normal deviate of mean 0 and standard deviation 1 (Box and Muller's transform).
    public mutating func normal() -> Double {
        let radius = (-2 * Double.log(1 - uniform())).squareRoot()
        return radius * Double.cos(2 * .pi * uniform())
    }
}
