import Signal
import Testing

@testable import Detection

@Suite struct DriftTests {
    static let begin = 100_000

    private func detectors(_ model: TrainedModel) throws -> InstrumentDetectors {
        InstrumentDetectors(settings: try Bench.settings(only: .drift), model: model)
    }

    @Test(
        "A drift is told with its direction, onset, and a rate with its standard error",
        arguments: [1.0, -1.0]
    )
    func ramp(sign: Double) throws {
        var detectors = try detectors(try Bench.white.get())
        var noise = Noise(seed: 5)
        let slope = sign * 0.01 * Bench.spread
        let onset = Self.begin + 600
        let found = detectors.run(from: Self.begin, 2_400) { second in
            Bench.level + Bench.spread * noise.next() + slope * Double(max(0, second - onset))
        }
        let first = try #require(found.first)
        #expect(first.finding.phase == .onset)
        #expect(first.finding.explanation.contains(sign > 0 ? "drifted up" : "drifted down"))
        #expect(first.finding.value != nil && first.finding.severity == .warning)
        #expect(onset..<onset + 240 ~= first.second)
        // The sums leave zero somewhat after a slow drift began, and never before all history.
        #expect(first.finding.since >= Bench.time(onset - 60))
        #expect(first.finding.since <= Bench.time(first.second))
        #expect((first.finding.numbers["shift"] ?? 0) * sign > 0)
        let rated = found.compactMap { entry -> (Double, Double)? in
            guard let rate = entry.finding.numbers["rate_per_s"],
                let error = entry.finding.numbers["rate_error_per_s"]
            else { return nil }
            #expect(entry.finding.phase == .update)
            #expect(entry.finding.explanation.contains(" ± "))
            return (rate, error)
        }
        #expect(!rated.isEmpty && rated.count <= DriftDetector.mostRates)
        for (rate, error) in rated {
            #expect(error > 0 && abs(rate) > 3 * error)
            #expect(0.5...1.4 ~= rate / slope)
        }
    }

    @Test(
        "Ramps of 0.01 σ/s are found within the time that their noise allows",
        arguments: [(0.0, 120), (0.5, 180), (0.9, 300)]
    )
    func delay(correlation: Double, most: Int) throws {
        let model = try Bench.train(try Bench.settings(), correlation: correlation)
        var delays: [Int] = []
        for seed in 0..<15 {
            var detectors = try detectors(model)
            var noise = Noise(correlation: correlation, seed: 100 + UInt64(seed))
            let found = detectors.run(from: Self.begin, 1_500) { second in
                Bench.level
                    + Bench.spread
                    * (noise.next() + 0.01 * Double(max(0, second - Self.begin - 600)))
            }
            delays.append((found.first?.second ?? .max / 2) - Self.begin - 600)
        }
        #expect(delays.sorted()[7] <= most, "delays \(delays.sorted())")
    }

    @Test(
        "Noise like the baseline's raises nothing by default, and the textbook's chart plenty",
        arguments: [0.0, 0.9]
    )
    func quiet(correlation: Double) throws {
        func alarms(_ drift: DriftSettings) throws -> Int {
            let settings = try Bench.settings(drift: drift, only: .drift)
            let model = try Bench.train(settings, correlation: correlation)
            var detectors = InstrumentDetectors(settings: settings, model: model)
            var noise = Noise(correlation: correlation, seed: 77)
            let found = detectors.run(from: Self.begin, 6 * 3_600) { _ in
                Bench.level + Bench.spread * noise.next()
            }
            return found.count { $0.finding.phase == .onset }
        }
        #expect(try alarms(.standard) == 0)
        #expect(try alarms(.textbook) > (correlation == 0 ? 15 : 400))
    }

    @Test("A level that comes back ends the drift, however long and far it was away")
    func returns() throws {
        var detectors = try detectors(try Bench.white.get())
        var noise = Noise(seed: 9)
        let end = Self.begin + 3_600
        let found = detectors.run(from: Self.begin, 3_900) { second in
            Bench.level + Bench.spread * (noise.next() + (second < end ? 20 : 0))
        }
        #expect(found.count { $0.finding.phase == .onset } == 1)
        let clear = try #require(found.last)
        #expect(clear.finding.phase == .clear)
        #expect(end..<end + 300 ~= clear.second)
        #expect(!detectors.status.drifting)
    }

    @Test("No sum exceeds its limit by more than one clipped value, whatever comes")
    func bounded() throws {
        let model = try Bench.white.get()
        var detectors = try detectors(model)
        let most = model.drift.charts[0].h + DriftModel.clipping
        var random = SeededGenerator(seed: 8)
        for second in 0..<5_000 {
            let value = random.below(50) == 0 ? 1e12 : 80.0
            _ = detectors.process(
                Bench.reading(value, at: Self.begin + second),
                at: Bench.time(Self.begin + second)
            )
            for sum in detectors.status.driftSums ?? [] { #expect(0...most ~= sum) }
        }
    }

    @Test("One spike, however high, is no drift")
    func spike() throws {
        var detectors = try detectors(try Bench.white.get())
        var noise = Noise(seed: 10)
        let found = detectors.run(from: Self.begin, 3_600) { second in
            second == Self.begin + 1_800 ? 99 : Bench.level + Bench.spread * noise.next()
        }
        #expect(found.isEmpty)
    }

    @Test("Restored state goes on as if nothing had happened, on another clock")
    func restored() throws {
        let model = try Bench.white.get()
        func value(_ second: Int, _ noise: inout Noise) -> Double {
            Bench.level + Bench.spread * (noise.next() + 0.01 * Double(second - Self.begin))
        }
        for cut in [40, 110, 400] {
            var whole = try detectors(model)
            var noise = Noise(seed: 11)
            _ = whole.run(from: Self.begin, cut) { value($0, &noise) }
            let bytes = whole.snapshot(at: Bench.time(Self.begin + cut))
            var again = try detectors(model)
            try again.restore(bytes, at: Bench.time(cut))
            #expect(again.status.driftSums == whole.status.driftSums)
            #expect(again.status.drifting == whole.status.drifting)
            var copy = noise
            let expected = whole.run(from: Self.begin + cut, 900) { value($0, &noise) }
            let got = again.run(from: cut, 900) { value($0 + Self.begin, &copy) }
            #expect(!expected.isEmpty)
            #expect(got.map(\.second) == expected.map { $0.second - Self.begin })
            #expect(got.map(\.finding.explanation) == expected.map(\.finding.explanation))
        }
    }

    @Test("A passed calibration ends the drift; a fault that is still there shows sooner than new")
    func calibration() throws {
        let model = try Bench.white.get()
        func delay(_ detectors: inout InstrumentDetectors, from begin: Int) -> Int? {
            var noise = Noise(seed: 12)
            return detectors.run(from: begin, 900) { _ in
                Bench.level + Bench.spread * (1.5 + noise.next())
            }.first { $0.finding.phase == .onset }.map { $0.second - begin }
        }
        var detectors = try detectors(model)
        let fresh = try #require(delay(&detectors, from: Self.begin))
        #expect(detectors.status.drifting)
        let ended = detectors.calibrated(at: Bench.time(Self.begin + 900))
        #expect(ended.map(\.phase) == [.clear])
        #expect(ended.first?.condition == .drift)
        #expect(!detectors.status.drifting)
        let again = try #require(delay(&detectors, from: Self.begin + 900))
        #expect(again < fresh)
        #expect(detectors.calibrated(at: Bench.time(Self.begin + 2_000)).count == 1)
        #expect(detectors.calibrated(at: Bench.time(Self.begin + 2_000)).isEmpty)
    }

    @Test("A baseline too short for its slow noise is called so, and anomalies stay in shadow")
    func tooShort() throws {
        let settings = try Bench.settings()
        var noise = Noise(correlation: 0.9998, seed: 13)
        let baseline = Bench.baseline(settings) { _ in noise.next() }
        var random = SeededGenerator(seed: 42)
        let (model, report) = try TrainedModel.train(
            on: baseline,
            settings: settings,
            using: &random
        )
        #expect(report.notes.contains { $0.hasPrefix("The baseline is too short for drift") })
        #expect(report.independent < DriftModel.leastIndependent)
        #expect(model.drift.charts.isEmpty && model.anomaly?.isProvisional == true)
        var detectors = InstrumentDetectors(settings: settings, model: model)
        let found = detectors.run(from: Self.begin, 600) { second in
            second < Self.begin + 100 ? 50 + Double(second % 2) : 95 + Double(second % 7)
        }
        let odd = found.filter { $0.finding.condition == .anomaly }
        #expect(!odd.isEmpty && odd.allSatisfy { $0.finding.isShadow })
    }

    @Test("A periodic baseline is called so, and its cycle is no drift")
    func periodic() throws {
        func shape(_ second: Int, _ noise: inout Noise) -> Double {
            (second % 300 < 150 ? 4 : -4) + noise.next()
        }
        func alarms(_ drift: DriftSettings) throws -> (Int, BaselineReport) {
            let settings = try Bench.settings(drift: drift, only: .drift)
            var noise = Noise(seed: 14)
            let baseline = Bench.baseline(settings) { shape($0, &noise) }
            var random = SeededGenerator(seed: 42)
            let (model, report) = try TrainedModel.train(
                on: baseline,
                settings: settings,
                using: &random
            )
            var detectors = InstrumentDetectors(settings: settings, model: model)
            let found = detectors.run(from: Bench.enough, 4 * 3_600) {
                Bench.level + Bench.spread * shape($0, &noise)
            }
            return (found.count { $0.finding.phase == .onset }, report)
        }
        let (shipped, report) = try alarms(.standard)
        #expect(shipped == 0)
        #expect(abs((report.period ?? 0) - 300) <= 6)
        #expect(report.notes.contains { $0.hasPrefix("The baseline repeats every 5 min") })
        #expect(try alarms(.plain(k: 0.5, h: 20)).0 > 40)
    }

    @Test("The predicted false-alarm rate is what was wanted, or what the baseline itself shows")
    func predicted() throws {
        #expect(abs(try Bench.white.get().drift.predictedFalseAlarmsPerDay - 1 / 30) < 1e-9)
        let textbook = try Bench.train(try Bench.settings(drift: .textbook), correlation: 0.9)
        #expect(textbook.drift.predictedFalseAlarmsPerDay > 1_000)
    }

    @Test("A constant baseline has no noise to judge drift by, and is called so")
    func constant() throws {
        let settings = try Bench.settings()
        let baseline = Bench.baseline(settings) { _ in 0 }
        var random = SeededGenerator(seed: 1)
        let (model, report) = try TrainedModel.train(
            on: baseline,
            settings: settings,
            using: &random
        )
        #expect(model.drift.charts.isEmpty)
        #expect(report.notes.contains { $0.contains("constant") })
    }
}
