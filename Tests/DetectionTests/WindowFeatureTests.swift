import Testing

@testable import Detection

@Suite struct WindowFeatureTests {
    @Test("The ten features agree with the golden windows", .enabled(if: GoldenTable.isThere))
    func golden() throws {
        let samples = try GoldenTable("golden/windows.csv")
        let windows = try samples.numbers("window")
        let times = try samples.numbers("t_s")
        let values = try samples.numbers("value")
        let meta = try GoldenTable("golden/windows_meta.csv")
        let nominal = try meta.optionals("nominal")
        let lower = try meta.optionals("range_min")
        let upper = try meta.optionals("range_max")
        let notes = try meta.texts("note")
        let expected = try GoldenTable("golden/features.csv")
        #expect(nominal.count == 50)
        for window in nominal.indices {
            let rows = windows.indices.filter { Int(windows[$0]) == window }
            let features = WindowFeatures(
                count: rows.count,
                nominal: nominal[window],
                lower: lower[window],
                upper: upper[window]
            ) { (times[rows[$0]], values[rows[$0]]) }
            for feature in WindowFeature.allCases {
                let wanted = try expected.numbers(feature.name)[window]
                let delicate: Set<WindowFeature> = [.trendSlope, .autocorrelation, .rateOfChange]
                let loose = notes[window].contains("cancellation") && delicate.contains(feature)
                let tolerance = loose ? 1e-6 : 1e-9
                let error = abs(features[feature] - wanted)
                #expect(
                    error <= max(tolerance * abs(wanted), 1e-12),
                    "window \(window), \(feature.name): \(features[feature]), not \(wanted)"
                )
            }
        }
    }

    @Test("A constant window has no spread, no correlation and no variation")
    func constant() {
        let window = WindowFeatures(count: 60, nominal: 0.1, lower: 0, upper: 1) {
            (Double($0), 0.1)
        }
        #expect(window[.standardDeviation] == 0)
        #expect(window[.autocorrelation] == 0)
        #expect(window[.coefficientOfVariation] == 0)
        #expect(window[.minimum] == window[.maximum])
    }

    @Test("Samples without a span of time have no rate and no slope")
    func noTime() {
        let window = WindowFeatures(count: 4, nominal: nil, lower: nil, upper: nil) {
            (7, Double($0))
        }
        #expect(window[.rateOfChange] == 0)
        #expect(window[.trendSlope] == 0)
        #expect(window[.rangeUtilisation] == 0.5)
    }
}
