import Foundation

/// A generator whose whole sequence follows from its seed (SplitMix64, Steele et al. 2014), so that
/// a run of the plant can be had again.
public struct SeededGenerator: RandomNumberGenerator, Hashable, Sendable {
    private var state: UInt64

    /// The sequence of `seed`.
    public init(seed: UInt64) { state = seed }

    /// The next 64 bits.
    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// A generator of its own for part number `index`: parts do not disturb each other.
    public static func part(_ index: Int, of seed: UInt64) -> SeededGenerator {
        var mixer = SeededGenerator(seed: seed ^ UInt64(truncatingIfNeeded: index) &* 0xD134_2543)
        return SeededGenerator(seed: mixer.next())
    }
}

extension RandomNumberGenerator {
    /// Evenly spread in (0, 1]: never zero, so its logarithm is finite.
    mutating func unit() -> Double {
        (Double(next() >> 11) + 1) * 0x1p-53
    }

    /// Two independent standard normal numbers (Box and Muller 1958).
    mutating func normals() -> (Double, Double) {
        let radius = (-2 * log(unit())).squareRoot()
        let angle = 2 * Double.pi * unit()
        return (radius * cos(angle), radius * sin(angle))
    }

    /// The logarithm of an even number in (0, 1]: minus an exponential of mean one.
    mutating func logarithm() -> Double { log(unit()) }

    /// Evenly spread in `range`.
    mutating func even(in range: ClosedRange<Double>) -> Double {
        range.lowerBound + (range.upperBound - range.lowerBound) * unit()
    }
}
