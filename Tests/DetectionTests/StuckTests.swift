import Signal
import Testing

@testable import Detection

@Suite struct StuckTests {
    /// A quiet signal behind a 12-bit converter: spread 0.02 % of the span, steps of 0.024 %.
    private struct Quiet {
        var noise: Noise
        mutating func next() -> (code: Int64, value: Double) {
            let code = Int64(((Bench.level + 0.02 * noise.next()) * 40.96).rounded())
            return (code, Double(code) / 40.96)
        }
    }

    private func learned(_ settings: DetectorSettings, seed: UInt64) throws -> TrainedModel {
        var quiet = Quiet(noise: Noise(seed: seed))
        var baseline = Baseline(settings: settings)
        for second in 0..<Bench.enough {
            let (code, value) = quiet.next()
            baseline.add(value, code: code, at: Bench.time(second))
        }
        var random = SeededGenerator(seed: 1)
        return try TrainedModel.train(on: baseline, settings: settings, using: &random).model
    }

    @Test("A quiet healthy signal is not stuck in seven days; by the plain setting it always is")
    func quiet() throws {
        func found(_ stuck: StuckSettings, days: Int) throws -> Int {
            let settings = try Bench.settings(stuck: stuck, only: .stuck)
            var detectors = InstrumentDetectors(
                settings: settings,
                model: try learned(settings, seed: 21)
            )
            var quiet = Quiet(noise: Noise(seed: 22))
            var count = 0
            for second in 0..<days * 86_400 {
                let (code, value) = quiet.next()
                let reading = Bench.reading(value, at: second, code: code)
                count += detectors.process(reading, at: Bench.time(second)).count
            }
            return count
        }
        #expect(try found(.fromBaseline, days: 7) == 0)
        #expect(try found(.textbook, days: 1) > 0)
    }

    @Test("A frozen code is found as fast as the baseline allows, and its first change ends it")
    func frozen() throws {
        let settings = try Bench.settings(only: .stuck)
        let model = try learned(settings, seed: 23)
        var detectors = InstrumentDetectors(settings: settings, model: model)
        var quiet = Quiet(noise: Noise(seed: 24))
        var found: [Told] = []
        var held = (code: Int64(0), value: 0.0)
        for second in 0..<2_000 {
            let next = quiet.next()
            if second <= 600 || second > 1_800 { held = next }
            let code = second == 1_801 ? held.code + 1 : held.code
            let reading = Bench.reading(held.value, at: second, code: code)
            for finding in detectors.process(reading, at: Bench.time(second)) {
                found.append(Told(second: second, finding: finding))
            }
        }
        #expect(found.map(\.finding.phase) == [.onset, .clear])
        let first = try #require(found.first)
        #expect(first.finding.condition == .frozen && first.finding.severity == .critical)
        let limit = Int(max(60, 3 * model.stuck.longestRun))
        #expect(600 + limit - 10...600 + limit ~= first.second)
        #expect(first.finding.since <= Bench.time(600))
        #expect(first.finding.explanation.contains("longest such run in its baseline"))
        #expect(found.last.map { $0.second } ?? 0 >= 1_801)
    }

    @Test("Silence is a gap, not a stuck value")
    func silence() throws {
        let settings = try Bench.settings(only: .stuck)
        var detectors = InstrumentDetectors(settings: settings)
        var found: [Finding] = []
        // Ten minutes still, two hours of silence, ten minutes of the same value again.
        for second in Array(0..<600) + Array(7_800..<8_400) {
            let reading = Bench.reading(50, at: second, code: 2_048)
            found += detectors.process(reading, at: Bench.time(second))
        }
        #expect(found.isEmpty)
        for second in 8_400..<8_701 {
            let reading = Bench.reading(50, at: second, code: 2_048)
            found += detectors.process(reading, at: Bench.time(second))
        }
        #expect(found.map(\.condition) == [.frozen])
    }

    @Test("Without a baseline a value is stuck after 15 minutes")
    func untrained() throws {
        var detectors = InstrumentDetectors(settings: try Bench.settings(only: .stuck))
        let found = detectors.run(from: 0, 2_000) { _ in 50 }
        #expect(found.map(\.second) == [900])
    }

    @Test("The plain setting has its own deadband and time")
    func plain() throws {
        let stuck = StuckSettings.plain(deadband: 0.01, time: .seconds(120))
        var detectors = InstrumentDetectors(
            settings: try Bench.settings(stuck: stuck, only: .stuck)
        )
        let inside = detectors.run(from: 0, 200) { 50 + ($0 % 2 == 0 ? 0.4 : -0.4) }
        #expect(inside.map(\.second) == [120])
        let outside = detectors.run(from: 200, 400) { 50 + ($0 % 2 == 0 ? 1.2 : -1.2) }
        #expect(outside.map(\.finding.phase) == [.clear])
    }

    @Test("Noise far below the baseline's is told apart from a frozen value")
    func noiseLost() throws {
        let settings = try Bench.settings(only: .stuck)
        var detectors = InstrumentDetectors(settings: settings, model: try Bench.white.get())
        var noise = Noise(seed: 25)
        let found = detectors.run(from: 0, 1_800) { second in
            Bench.level + Bench.spread * noise.next() * (600..<1_200 ~= second ? 0.02 : 1)
        }
        #expect(found.map(\.finding.condition) == [.noiseLost, .noiseLost])
        #expect(found.map(\.finding.phase) == [.onset, .clear])
        #expect(600..<960 ~= found.first?.second ?? 0)
    }
}
