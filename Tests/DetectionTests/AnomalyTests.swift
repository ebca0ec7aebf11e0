import Signal
import Testing

@testable import Detection

@Suite struct AnomalyTests {
    static let begin = 100_000

    private func detectors(
        _ model: TrainedModel,
        shadow: Set<DetectorKind> = [],
        thresholds: AnomalyThresholds = .standard
    ) throws -> InstrumentDetectors {
        let settings = try Bench.settings(
            anomaly: AnomalySettings(thresholds: thresholds),
            only: .anomaly,
            shadow: shadow
        )
        return InstrumentDetectors(settings: settings, model: model)
    }

    enum Fault: String, CaseIterable, CustomTestStringConvertible {
        case level, spread, oscillation
        var testDescription: String { rawValue }
        func apply(_ noise: Double, _ second: Int) -> Double {
            switch self {
            case .level: noise + 3
            case .spread: noise * 3
            case .oscillation: noise * 0.3 + (second / 15 % 2 == 0 ? 1.0 : -1.0)
            }
        }
    }

    @Test(
        "Windows unlike the baseline are told within two of their length, and so is their end",
        arguments: Fault.allCases
    )
    func fault(fault: Fault) throws {
        var detectors = try detectors(try Bench.white.get())
        var noise = Noise(seed: 31)
        let (on, off) = (Self.begin + 600, Self.begin + 1_200)
        let found = detectors.run(from: Self.begin, 1_800) { second in
            let clean = noise.next()
            return Bench.level
                + Bench.spread * (on..<off ~= second ? fault.apply(clean, second) : clean)
        }
        let first = try #require(found.first)
        let last = try #require(found.last)
        #expect(found.count { $0.finding.phase == .onset } == 1)
        #expect(first.finding.phase == .onset && on..<on + 120 ~= first.second)
        #expect(last.finding.phase == .clear && off..<off + 120 ~= last.second)
        #expect(first.finding.explanation.contains("unlike the baseline"))
        #expect((first.finding.numbers["distance"] ?? 0) > 0)
    }

    @Test(
        "Noise like the baseline's raises nothing; the scores 0.5 and 0.7 do",
        arguments: [0, 0.9]
    )
    func quiet(correlation: Double) throws {
        func onsets(_ forest: ForestSettings, _ thresholds: AnomalyThresholds) throws -> Int {
            let settings = try Bench.settings(
                anomaly: AnomalySettings(forest: forest, thresholds: thresholds),
                only: .anomaly
            )
            let model = try Bench.train(settings, correlation: correlation)
            var detectors = InstrumentDetectors(settings: settings, model: model)
            var noise = Noise(correlation: correlation, seed: 32)
            return detectors.run(from: Self.begin, 6 * 3_600) { _ in
                Bench.level + Bench.spread * noise.next()
            }.count { $0.finding.phase == .onset }
        }
        #expect(try onsets(ForestSettings(), .standard) == 0)
        #expect(try onsets(.textbook, .textbook) > 5)
    }

    @Test("The distance goes on where the forest's score ends")
    func extrapolates() throws {
        let model = try #require(try Bench.white.get().anomaly)
        func window(_ shift: Double) throws -> WindowFeatures {
            var noise = Noise(seed: 33)
            let values = (0..<60).map { _ in Bench.level + Bench.spread * (noise.next() + shift) }
            let span = try Bench.settings().span
            return WindowFeatures(count: 60, nominal: nil, lower: span.lrv, upper: span.urv) {
                (Double($0), values[$0])
            }
        }
        let (near, far) = (try window(8), try window(80))
        #expect(abs(model.forest.score(far) - model.forest.score(near)) < 0.03)
        #expect(model.distance(far) > 8 * model.distance(near))
        #expect(model.distance(far) > 2 * model.distanceLimit)
    }

    @Test("In shadow the same findings come, marked not to be alarmed")
    func shadow() throws {
        func found(_ shadow: Set<DetectorKind>) throws -> [Finding] {
            var detectors = try detectors(try Bench.white.get(), shadow: shadow)
            return detectors.run(from: Self.begin, 300) { 60 + Double($0 % 3) }.map(\.finding)
        }
        var plain = try found([])
        let shadowed = try found([.anomaly])
        #expect(!plain.isEmpty)
        #expect(plain.allSatisfy { !$0.isShadow } && shadowed.allSatisfy { $0.isShadow })
        for index in plain.indices { plain[index].isShadow = true }
        #expect(plain == shadowed)
    }

    @Test("After a gap no window spans the hole")
    func gap() throws {
        var detectors = try detectors(try Bench.white.get())
        var noise = Noise(seed: 34)
        func value(_: Int) -> Double { Bench.level + Bench.spread * noise.next() }
        _ = detectors.run(from: Self.begin, 300, value: value)
        let before = try #require(detectors.lastScore)
        // Another level after ten minutes: the first half window says nothing yet.
        let resumed = Self.begin + 900
        _ = detectors.run(from: resumed, 29) { 52 + value($0) }
        #expect(detectors.lastScore == before)
        _ = detectors.run(from: resumed + 29, 60) { 52 + value($0) }
        #expect(detectors.lastScore != before)
    }

    @Test("Held-back windows set the limits, and the same seed gives the same model")
    func seeded() throws {
        let settings = try Bench.settings()
        let model = try Bench.train(settings, seed: 1)
        #expect(model == (try Bench.white.get()))
        #expect(model != (try Bench.train(settings, seed: 2)))
        let anomaly = try #require(model.anomaly)
        #expect(anomaly.heldBackWindows * 3 >= anomaly.trainingWindows - 100)
        #expect(anomaly.forest.trees == 150)
        #expect(0.4..<0.99 ~= anomaly.scoreLimit && anomaly.distanceLimit > 3)
    }

    @Test("Rarer false alarms cost wider limits")
    func wanted() throws {
        func limit(_ days: Double) throws -> Double {
            let anomaly = AnomalySettings(thresholds: .wanted(daysBetweenFalseAlarms: days))
            let model = try Bench.train(try Bench.settings(anomaly: anomaly))
            return try #require(model.anomaly).distanceLimit
        }
        let limits = [try limit(0.1), try limit(30), try limit(3_650)]
        #expect(limits == limits.sorted() && limits[0] < limits[2])
    }
}
