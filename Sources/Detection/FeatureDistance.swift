import RealModule

/// How far a window lies from its baseline: what the forest cannot tell beyond its training range.
///
/// A Mahalanobis distance over three features that hardly depend on each other (the mean, the
/// logarithm of the spread, the autocorrelation), with a ridge so that few windows suffice.
public struct FeatureDistance: Hashable, Sendable {
    /// The weight of the ridge: 0 the sample's own correlations, 1 none.
    static let ridge = 0.1
    /// The number of features that the distance is made of.
    static let dimensions = 3

    /// The spread of the middle window.
    var usualSpread: Double
    var centre: SIMD3<Double>
    var scale: SIMD3<Double>
    /// The inverse of the correlation matrix: diagonal, and the elements 01, 02, 12.
    var diagonal: SIMD3<Double>
    var offDiagonal: SIMD3<Double>
    /// Mean and standard deviation of each of the ten features, for explanations.
    var usual: [SIMD2<Double>]

    /// The distance of `window` in standard deviations, never below 0.
    public func callAsFunction(_ window: WindowFeatures) -> Double {
        let z = (parts(window) - centre) / scale
        var square = 0.0
        for index in 0..<3 { square += diagonal[index] * z[index] * z[index] }
        square +=
            2
            * (offDiagonal[0] * z[0] * z[1] + offDiagonal[1] * z[0] * z[2]
                + offDiagonal[2] * z[1] * z[2])
        return max(0, square).squareRoot()
    }

    /// How far the mean of `window` is off, in deviations of the windows' means.
    func shift(_ window: WindowFeatures) -> Double { (window[.mean] - centre[0]) / scale[0] }

    /// Whether the mean or the spread is farther off than the autocorrelation.
    func isLevelOrSpread(_ window: WindowFeatures) -> Bool {
        let z = (parts(window) - centre) / scale
        return max(abs(z[0]), abs(z[1])) >= abs(z[2])
    }

    /// The feature that is farthest from its usual value, and how many deviations it is off.
    public func farthest(_ window: WindowFeatures) -> (feature: WindowFeature, deviations: Double) {
        var worst = (feature: WindowFeature.mean, deviations: 0.0)
        for feature in WindowFeature.allCases {
            let usual = usual[feature.rawValue]
            guard usual[1] > 0 else { continue }
            let deviations = (window[feature] - usual[0]) / usual[1]
            if abs(deviations) > abs(worst.deviations) { worst = (feature, deviations) }
        }
        return worst
    }

    /// The mean; the spread against its usual one, as a logarithm above and linear below, for its
    /// upper tail is long and its lower one ends at nothing; Fisher's transform of the correlation.
    private func parts(_ window: WindowFeatures) -> SIMD3<Double> {
        let ratio = window[.standardDeviation] / usualSpread
        return SIMD3(
            window[.mean],
            ratio > 1 ? Double.log(ratio) : ratio - 1,
            Double.atanh(clip(window[.autocorrelation], -0.999, 0.999))
        )
    }

    /// The distance from `windows` of readings with these `statistics`.
    ///
    /// - Parameter samples: readings in a window.
    init(
        windows: [WindowFeatures],
        statistics: SeriesStatistics,
        samples: Double
    ) {
        let noise = max(statistics.deviation, abs(statistics.mean) * 1e-9, 1e-12)
        let spreads = windows.map { $0[.standardDeviation] }.sorted()
        let middle = spreads.isEmpty ? 0 : spreads[spreads.count / 2]
        usualSpread = max(middle, statistics.step / 12.0.squareRoot(), 1e-3 * noise)
        centre = .zero
        scale = SIMD3(repeating: 1)
        diagonal = SIMD3(repeating: 1)
        offDiagonal = .zero
        usual = WindowFeature.allCases.map { feature in
            let moments = SeriesStatistics.clippedMoments(windows.map { $0[feature] })
            return SIMD2(moments.mean, moments.deviation)
        }
        let points = windows.map(parts)
        // Where readings follow a first-order process, a mean cannot be surer than this.
        let phi = max(statistics.correlation, 0)
        let sure = noise * min(1, ((1 + phi) / (1 - phi) / samples).squareRoot())
        let floors = SIMD3(sure, 0.02, 0.01)
        for index in 0..<3 {
            let moments = SeriesStatistics.clippedMoments(points.map { $0[index] })
            centre[index] = moments.mean
            scale[index] = max(moments.deviation, floors[index])
        }
        var products = SIMD3<Double>.zero
        for point in points {
            var z = (point - centre) / scale
            for index in 0..<3 { z[index] = clip(z[index], -4, 4) }
            products += SIMD3(z[0] * z[1], z[0] * z[2], z[1] * z[2])
        }
        let r = products / Double(points.count) * (1 - Self.ridge)
        // The inverse of a symmetric 3 × 3 matrix with ones on its diagonal.
        let determinant = 1 + 2 * r[0] * r[1] * r[2] - r[0] * r[0] - r[1] * r[1] - r[2] * r[2]
        guard determinant > 1e-3 else { return }
        diagonal = SIMD3(1 - r[2] * r[2], 1 - r[1] * r[1], 1 - r[0] * r[0]) / determinant
        offDiagonal =
            SIMD3(r[1] * r[2] - r[0], r[0] * r[2] - r[1], r[0] * r[1] - r[2]) / determinant
    }

    func encode(into writer: inout ByteWriter) {
        writer.write(usualSpread)
        for vector in [centre, scale, diagonal, offDiagonal] {
            for index in 0..<3 { writer.write(vector[index]) }
        }
        for pair in usual {
            writer.write(pair[0])
            writer.write(pair[1])
        }
    }

    init(from reader: inout ByteReader) throws(CodingFault) {
        usualSpread = try reader.readFinite()
        var vectors: [SIMD3<Double>] = []
        for _ in 0..<4 {
            let x = try reader.readFinite()
            let y = try reader.readFinite()
            vectors.append(SIMD3(x, y, try reader.readFinite()))
        }
        (centre, scale, diagonal, offDiagonal) = (vectors[0], vectors[1], vectors[2], vectors[3])
        guard usualSpread > 0, scale.min() > 0 else { throw .damaged("a spread of a distance") }
        usual = []
        for _ in 0..<WindowFeatures.count {
            let mean = try reader.readFinite()
            usual.append(SIMD2(mean, try reader.readFinite()))
        }
    }
}
