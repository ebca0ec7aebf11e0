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

    /// A correction of the two.
    public init(offset: Double, gain: Double) {
        self.offset = offset
        self.gain = gain
    }

    /// No correction.
    public static let none = Trim(offset: 0, gain: 1)
}

extension Extraction {
    /// The share of the span that `fraction` of the live-zero current means: 0 at LRV, 1 at URV.
    ///
    /// The linear share may lie outside 0 to 1. The square root of a negative share is 0, for a
    /// differential pressure below zero is no flow; so is a flow below the cut-off.
    public func share(ofFraction fraction: Double) -> Double {
        switch self {
        case .linear: return fraction
        case .squareRoot(let cutOff):
            guard fraction > 0 else { return 0 }
            let flow = fraction.squareRoot()
            return flow < cutOff ? 0 : flow
        }
    }

    /// The fraction of the live-zero current that shows `share` of the span: the inverse.
    public func fraction(ofShare share: Double) -> Double {
        switch self {
        case .linear: share
        case .squareRoot: share > 0 ? share * share : 0
        }
    }
}

extension Trim {
    /// The corrected current in mA.
    public func applied(to milliamps: Double) -> Double { milliamps * gain + offset }
}
