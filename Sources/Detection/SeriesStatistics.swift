import RealModule

/// What is needed to know of a series of readings before a deviation of its level can be judged.
struct SeriesStatistics: Hashable {
    /// The mean.
    let mean: Double
    /// The standard deviation about it, single outliers clipped; never below the step's share.
    let deviation: Double
    /// The lag-1 autocorrelation.
    let correlation: Double
    /// The smallest difference between two consecutive values that is not zero.
    let step: Double
    /// By how much the variance of a long mean exceeds that of independent values, as it is found
    /// in means of growing length; never below 1.
    let longRun: Double
    /// How many values there are.
    let count: Int

    /// As many independent values as would tell as much about the mean.
    var independent: Double { Double(count) / longRun }

    /// Statistics of `values`, which follow each other inside each of `stretches` only.
    ///
    /// - Parameter leastDeviation: a floor for the deviation.
    init(_ values: [Double], stretches: [Range<Int>], leastDeviation: Double = 0) {
        count = values.count
        var least = Double.infinity
        for stretch in stretches {
            for index in stretch.dropFirst() {
                let difference = abs(values[index] - values[index - 1])
                if difference > 0, difference < least { least = difference }
            }
        }
        step = least.isFinite ? least : 0
        let (mean, spread) = Self.clippedMoments(values)
        self.mean = mean
        // A converter that steps by q adds noise of q/√12 of its own.
        deviation = max(spread, step / 12.0.squareRoot(), leastDeviation)
        let bound = 4 * deviation
        let deviations = values.map { clip($0 - mean, -bound, bound) }
        var products = 0.0
        var squares = 0.0
        for stretch in stretches {
            for index in stretch.dropFirst() {
                products += deviations[index] * deviations[index - 1]
            }
        }
        for value in deviations { squares += value * value }
        correlation = squares > 0 ? clip(products / squares, -0.999, 0.999) : 0
        longRun = Self.longRun(
            deviations,
            stretches: stretches,
            variance: squares / Double(max(values.count, 1))
        )
    }

    /// Mean and standard deviation with values beyond four deviations clipped, three times over:
    /// rare spikes of a real baseline must not blunt the detectors.
    static func clippedMoments(_ values: [Double]) -> (mean: Double, deviation: Double) {
        guard let first = values.first else { return (0, 0) }
        var low = -Double.infinity
        var high = Double.infinity
        var mean = first
        var deviation = 0.0
        for _ in 0..<4 {
            var sum = 0.0
            var squares = 0.0
            for value in values {
                let part = clip(value, low, high) - first
                sum += part
                squares += part * part
            }
            let n = Double(values.count)
            mean = first + sum / n
            deviation = max(0, squares / n - (sum / n) * (sum / n)).squareRoot()
            low = mean - 4 * deviation
            high = mean + 4 * deviation
        }
        return (mean, deviation)
    }

    /// The variance of overlapping means of 4, 8, 16, … values, times their length, over that of
    /// the values: 1 for independent ones, (1 + φ)/(1 − φ) in the limit for a first-order process,
    /// and growing without end where the level wanders. The largest counts.
    private static func longRun(
        _ deviations: [Double],
        stretches: [Range<Int>],
        variance: Double
    ) -> Double {
        guard variance > 0 else { return 1 }
        var sums = [0.0]
        sums.reserveCapacity(deviations.count + 1)
        for value in deviations { sums.append(sums[sums.count - 1] + value) }
        var largest = 1.0
        var length = 4
        while deviations.count / length >= 10 {
            var total = 0.0
            var means = 0
            var stretched = 0
            for stretch in stretches where stretch.count >= length {
                stretched += stretch.count
                var begin = stretch.lowerBound
                while begin + length <= stretch.upperBound {
                    let mean = (sums[begin + length] - sums[begin]) / Double(length)
                    total += mean * mean
                    means += 1
                    begin += max(1, length / 4)
                }
            }
            let disjoint = Double(stretched) / Double(length)
            guard disjoint >= 10 else { break }
            let ratio =
                Double(length) * total / Double(means) / variance * disjoint / (disjoint - 1)
            largest = max(largest, ratio)
            length *= 2
        }
        return largest
    }

    /// The length of the strongest cycle of `values` in readings, if there is one: at least two
    /// whole cycles whose shape repeats (correlation above 0.5 after one, above 0.3 after two).
    static func period(of values: ArraySlice<Double>) -> Int? {
        let values = Array(values)
        // Long series are looked at through means, so that the work stays bounded.
        let factor = max(1, values.count / 4_096)
        var series: [Double] = []
        for begin in stride(from: 0, through: values.count - factor, by: factor) {
            series.append(values[begin..<begin + factor].reduce(0, +) / Double(factor))
        }
        guard series.count >= 32 else { return nil }
        let (mean, deviation) = clippedMoments(series)
        guard deviation > 0 else { return nil }
        let centred = series.map { clip($0 - mean, -4 * deviation, 4 * deviation) }
        func correlation(_ lag: Int) -> Double {
            var products = 0.0
            var left = 0.0
            var right = 0.0
            for index in lag..<centred.count {
                products += centred[index] * centred[index - lag]
                left += centred[index - lag] * centred[index - lag]
                right += centred[index] * centred[index]
            }
            let norm = (left * right).squareRoot()
            return norm > 0 ? products / norm : 0
        }
        let longest = series.count * 10 / 21
        guard longest > 4 else { return nil }
        let correlations = (0...longest).map(correlation)
        // Past the first dip, so that slow decay is not taken for a cycle.
        guard let dip = correlations.firstIndex(where: { $0 < 0.2 }) else { return nil }
        var best: Int?
        for lag in dip...longest where correlations[lag] > 0.5 {
            if lag > 0, correlations[lag - 1] > correlations[lag] { continue }
            if lag < longest, correlations[lag + 1] > correlations[lag] { continue }
            if let found = best, correlations[lag] < correlations[found] + 0.05 { continue }
            best = lag
        }
        guard let lag = best, lag >= 3 else { return nil }
        if lag * 2 < centred.count * 2 / 3, correlation(lag * 2) < 0.3 { return nil }
        return lag * factor
    }
}
