/// The ten numbers that stand for a window of readings, in the order in which models store them.
public enum WindowFeature: Int, CaseIterable, Sendable {
    case mean, standardDeviation, minimum, maximum, rateOfChange, deviationFromNominal,
        trendSlope, autocorrelation, coefficientOfVariation, rangeUtilisation

    /// The name that models, exports and sentences use.
    public var name: String {
        switch self {
        case .mean: "mean"
        case .standardDeviation: "std"
        case .minimum: "min"
        case .maximum: "max"
        case .rateOfChange: "rate_of_change"
        case .deviationFromNominal: "deviation_from_nominal"
        case .trendSlope: "trend_slope"
        case .autocorrelation: "autocorrelation_lag1"
        case .coefficientOfVariation: "coeff_of_variation"
        case .rangeUtilisation: "range_utilisation"
        }
    }
}

/// What a window of readings looked like.
///
/// Definitions, with n values v at times t in seconds, m their mean and s their population
/// standard deviation:
/// - mean m, std s, min, max;
/// - rate_of_change: (last − first) / (t_last − t_first), 0 without a span of time;
/// - deviation_from_nominal: |m − nominal|, 0 where no nominal value is known;
/// - trend_slope: least-squares slope against time, per second; the rate of change below 3 values;
/// - autocorrelation_lag1: Σ(vᵢ−m)(vᵢ₊₁−m) / ((n−1)s²), clipped to ±1, 0 below 3 values or at s = 0;
/// - coeff_of_variation: s / |m|, at most 10, 0 where |m| ≤ 1e-9;
/// - range_utilisation: (m − lower range value) / span clipped to −0.5…1.5, 0.5 without a span.
public struct WindowFeatures: Hashable, Sendable {
    /// The number of features.
    public static let count = 10
    /// Changes whenever a definition above changes: a model of another version is refused.
    public static let version: UInt16 = 1

    private var lanes: SIMD16<Double>

    /// The value of one feature.
    public subscript(_ feature: WindowFeature) -> Double { lanes[feature.rawValue] }
    /// The value of the feature numbered `index`, 0 to 9.
    public subscript(index: Int) -> Double { lanes[index] }

    /// Ten values in the order of `WindowFeature`.
    public init(_ values: [Double]) {
        precondition(values.count == Self.count, "a window has ten features")
        lanes = .zero
        for (index, value) in values.enumerated() { lanes[index] = value }
    }

    /// The features of `count` samples, given one by one in order of time.
    ///
    /// - Parameters:
    ///   - nominal: the usual process value, if one is known.
    ///   - lower, upper: the range; without both, or with none between them, it counts as unknown.
    ///   - sample: the time in seconds (from any zero) and the value of a sample, 0 to `count - 1`.
    @inline(__always)
    public init(
        count: Int,
        nominal: Double?,
        lower: Double?,
        upper: Double?,
        sample: (Int) -> (time: Double, value: Double)
    ) {
        precondition(count > 0, "a window holds at least one sample")
        let n = Double(count)
        let first = sample(0)
        let last = sample(count - 1)
        var timeSum = 0.0
        var minimum = first.value
        var maximum = first.value
        for index in 0..<count {
            let (time, value) = sample(index)
            timeSum += time - first.time
            if value < minimum { minimum = value }
            if value > maximum { maximum = value }
        }
        let mean = pairwiseSum(0..<count) { sample($0).value } / n
        let timeMean = timeSum / n
        var squares = 0.0
        var products = 0.0
        var timeSquares = 0.0
        var timeProducts = 0.0
        var previous = 0.0
        for index in 0..<count {
            let (time, value) = sample(index)
            let deviation = value - mean
            let lead = time - first.time - timeMean
            squares += deviation * deviation
            products += deviation * previous
            timeSquares += lead * lead
            timeProducts += lead * deviation
            previous = deviation
        }
        // A constant window has no spread at all, whatever the rounding of its mean.
        let spread = count > 1 && minimum != maximum ? (squares / n).squareRoot() : 0
        let elapsed = last.time - first.time
        let rate = count >= 2 && elapsed > 0 ? (last.value - first.value) / elapsed : 0

        lanes = .zero
        set(.mean, mean)
        set(.standardDeviation, spread)
        set(.minimum, minimum)
        set(.maximum, maximum)
        set(.rateOfChange, rate)
        set(.deviationFromNominal, nominal.map { abs(mean - $0) } ?? 0)
        set(.trendSlope, count >= 3 && elapsed > 0 ? timeProducts / timeSquares : rate)
        if count >= 3, spread > 0 {
            set(.autocorrelation, clip(products / ((n - 1) * (spread * spread)), -1, 1))
        }
        if abs(mean) > 1e-9 { set(.coefficientOfVariation, clip(spread / abs(mean), 0, 10)) }
        if let lower, let upper, upper > lower {
            set(.rangeUtilisation, clip((mean - lower) / (upper - lower), -0.5, 1.5))
        } else {
            set(.rangeUtilisation, 0.5)
        }
    }

    private mutating func set(_ feature: WindowFeature, _ value: Double) {
        lanes[feature.rawValue] = value
    }
}

/// `value` inside `low...high`; not-a-number gives `low`.
@inline(__always)
func clip(_ value: Double, _ low: Double, _ high: Double) -> Double {
    value > low ? (value < high ? value : high) : low
}

/// The sum of `term` over `range`, in halves down to blocks of 128 and there in eight partial sums.
///
/// The rounding error grows with the logarithm of the count only, and it is the order in which
/// numpy adds: means of values far from zero then agree with it to the last digit.
@inline(__always)
func pairwiseSum(_ range: Range<Int>, _ term: (Int) -> Double) -> Double {
    guard range.count > 128 else { return blockSum(range, term) }
    return pairwiseSumOfHalves(range, term)
}

private func pairwiseSumOfHalves(_ range: Range<Int>, _ term: (Int) -> Double) -> Double {
    guard range.count > 128 else { return blockSum(range, term) }
    let half = range.count / 2
    let middle = range.lowerBound + half - half % 8
    return pairwiseSumOfHalves(range.lowerBound..<middle, term)
        + pairwiseSumOfHalves(middle..<range.upperBound, term)
}

@inline(__always)
private func blockSum(_ range: Range<Int>, _ term: (Int) -> Double) -> Double {
    guard range.count >= 8 else {
        var sum = 0.0
        for index in range { sum += term(index) }
        return sum
    }
    let whole = range.lowerBound + range.count / 8 * 8
    var partial = SIMD8<Double>.zero
    for block in stride(from: range.lowerBound, to: whole, by: 8) {
        for lane in 0..<8 { partial[lane] += term(block + lane) }
    }
    var sum =
        ((partial[0] + partial[1]) + (partial[2] + partial[3]))
        + ((partial[4] + partial[5]) + (partial[6] + partial[7]))
    for index in whole..<range.upperBound { sum += term(index) }
    return sum
}
