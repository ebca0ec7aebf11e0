/// From current to process value.
public enum Extraction: Hashable, Sendable {
    case linear
    /// Flow from differential pressure: the square root of the fraction, zero below the cut-off.
    ///
    /// - lowFlowCutOff: share of full flow below which the flow is reported as zero, 0 to 0.5.
    case squareRoot(lowFlowCutOff: Double)
}

/// A two-point correction of a card's current: `corrected = measured * gain + offset`.
public struct Trim: Hashable, Sendable {
    /// Milliamps added.
    public var offset: Double
    /// Factor, about 1.
    public var gain: Double

    public init(offset: Double, gain: Double) {
        self.offset = offset
        self.gain = gain
    }

    /// No correction.
    public static let none = Trim(offset: 0, gain: 1)
}

/// The currents that NE 43 (or a vendor's own set) gives a meaning to, in mA.
public struct NE43Limits: Hashable, Sendable {
    /// At or below: failure, low.
    public var failLow: Double
    /// Below: saturated low; between `failLow` and this: undefined.
    public var measureLow: Double
    /// Above: undefined; up to this: saturated high.
    public var measureHigh: Double
    /// At or above: failure, high.
    public var failHigh: Double
    /// How long a failure current must last before it is one.
    public var dwell: Nanoseconds

    public init(
        failLow: Double = 3.6, measureLow: Double = 3.8, measureHigh: Double = 20.5,
        failHigh: Double = 21.0, dwell: Nanoseconds = .seconds(4)
    ) {
        self.failLow = failLow
        self.measureLow = measureLow
        self.measureHigh = measureHigh
        self.failHigh = failHigh
        self.dwell = dwell
    }

    /// NAMUR NE 43: ≤ 3.6 and ≥ 21.0 mA failed, 3.8–20.5 mA measuring, 4 s dwell.
    public static let namur = NE43Limits()
}
