import Signal
import Testing

@testable import Detection

@Suite struct ModelTests {
    @Test("A model survives its bytes")
    func roundTrip() throws {
        for model in [try Bench.white.get(), try Bench.correlated.get()] {
            let again = try TrainedModel(decoding: model.encoded)
            #expect(again == model)
            #expect(again.checksum == model.checksum)
        }
        #expect(try Bench.white.get().checksum != Bench.correlated.get().checksum)
    }

    @Test("A model of another feature set is refused by name")
    func foreign() throws {
        var bytes = try Bench.white.get().encoded
        bytes[2] = 9
        #expect(throws: CodingFault.checksum) { try TrainedModel(decoding: bytes) }
        #expect(throws: CodingFault.featureSet(found: 9, wanted: WindowFeatures.version)) {
            try TrainedModel(decoding: Self.resealed(bytes))
        }
        bytes[0] = 200
        #expect(throws: CodingFault.format(found: 200, wanted: 1)) {
            try TrainedModel(decoding: Self.resealed(bytes))
        }
    }

    @Test("Cut or flipped bytes are refused")
    func damaged() throws {
        let bytes = try Bench.white.get().encoded
        var random = SeededGenerator(seed: 41)
        for _ in 0..<20 {
            var flipped = bytes
            flipped[random.below(bytes.count)] ^= UInt8(1 << random.below(8))
            #expect(throws: CodingFault.self) { try TrainedModel(decoding: flipped) }
            let cut = Array(bytes.prefix(random.below(bytes.count)))
            #expect(throws: CodingFault.self) { try TrainedModel(decoding: cut) }
        }
        #expect(throws: CodingFault.self) { try TrainedModel(decoding: []) }
    }

    @Test("Hostile bytes under a true checksum never trap, neither read nor at work")
    func hostile() throws {
        let settings = try Bench.settings(
            anomaly: AnomalySettings(forest: ForestSettings(trees: 3))
        )
        let bytes = try Bench.train(settings).encoded
        var random = SeededGenerator(seed: 42)
        // All that stands outside the forest, which has a checksum of its own.
        let places = Array(0..<min(420, bytes.count)) + Array(bytes.count - 420..<bytes.count)
        var accepted = 0
        for _ in 0..<400 {
            var torn = bytes
            for _ in 0...random.below(3) {
                let place = places[random.below(places.count)]
                torn[place] = [0, 0xFF, 0x7F, 0x80, UInt8(random.below(256))][random.below(5)]
            }
            guard let model = try? TrainedModel(decoding: Self.resealed(torn)) else { continue }
            accepted += 1
            var detectors = InstrumentDetectors(settings: settings, model: model)
            _ = detectors.run(from: 0, 90) { 50 + Double($0 % 5) }
            let state = detectors.snapshot(at: Bench.time(90))
            // A model of nonsense may give a state of nonsense, which is refused.
            try? detectors.restore(state, at: Bench.time(90))
        }
        #expect(accepted > 20)
    }

    @Test("Hostile detector state under a true checksum never traps, neither read nor at work")
    func hostileState() throws {
        let settings = try Bench.settings()
        let model = try Bench.white.get()
        var whole = InstrumentDetectors(settings: settings, model: model)
        _ = whole.run(from: 1_000, 200) { 60 + Double($0 % 3) }
        let bytes = whole.snapshot(at: Bench.time(1_200))
        var random = SeededGenerator(seed: 43)
        var accepted = 0
        for _ in 0..<1_000 {
            var torn = Array(bytes.dropLast(4))
            for _ in 0...random.below(4) {
                torn[random.below(torn.count)] =
                    [0, 0xFF, 0x7F, 0x80, UInt8(random.below(256))][random.below(5)]
            }
            var writer = ByteWriter()
            writer.append(torn)
            writer.write(UInt32(truncatingIfNeeded: checksum(torn)))
            var detectors = InstrumentDetectors(settings: settings, model: model)
            let now = Bench.time(random.below(3) == 0 ? 0 : 5_000)
            guard (try? detectors.restore(writer.bytes, at: now)) != nil else { continue }
            accepted += 1
            for second in 1..<80 {
                let reading = Bench.reading(50 + Double(second % 4), at: 5_000 + second)
                _ = detectors.process(reading, at: Bench.time(5_000 + second))
            }
            _ = detectors.calibrated(at: Bench.time(5_100))
            _ = detectors.snapshot(at: Bench.time(5_100))
        }
        #expect(accepted > 200)
    }

    static func resealed(_ bytes: [UInt8]) -> [UInt8] {
        var writer = ByteWriter()
        writer.append(bytes.dropLast(8))
        writer.write(checksum(bytes.dropLast(8)))
        return writer.bytes
    }
}

@Suite struct BaselineTests {
    private func refusal(
        _ baseline: Baseline,
        _ settings: DetectorSettings,
        allowingBadQuality: Bool = false,
        openAlerts: Int = 0,
        allowingOpenAlerts: Bool = false
    ) -> TrainingRefusal? {
        var random = SeededGenerator(seed: 1)
        do throws(TrainingRefusal) {
            _ = try TrainedModel.train(
                on: baseline,
                settings: settings,
                allowingBadQuality: allowingBadQuality,
                openAlerts: openAlerts,
                allowingOpenAlerts: allowingOpenAlerts,
                using: &random
            )
            return nil
        } catch { return error }
    }

    @Test("Fewer than 256 windows are refused, and it is said how many are missing")
    func tooFew() throws {
        let settings = try Bench.settings()
        var noise = Noise(seed: 51)
        let short = Bench.baseline(settings, readings: 200 * 60) { _ in noise.next() }
        #expect(refusal(short, settings) == .tooFewWindows(have: 200, need: 256))
        #expect(refusal(short, settings)?.description.contains("56 are missing") == true)
        let enough = Bench.baseline(settings) { _ in noise.next() }
        #expect(refusal(enough, settings) == nil)
        let handful = Bench.baseline(settings, readings: 20) { _ in noise.next() }
        #expect(
            refusal(handful, settings)
                == .tooFewReadings(have: 20, need: TrainedModel.leastReadings)
        )
        #expect(refusal(Baseline(settings: settings), settings) != nil)
    }

    @Test("Windows are counted inside stretches; what a gap cuts off is lost")
    func gaps() throws {
        let settings = try Bench.settings()
        var baseline = Baseline(settings: settings)
        var noise = Noise(seed: 52)
        // 300 stretches of 90 s with a minute of silence between them: one window each.
        for part in 0..<300 {
            for second in 0..<90 {
                baseline.add(noise.next(), code: nil, at: Bench.time(part * 150 + second))
            }
        }
        #expect(baseline.stretches.count == 300)
        #expect(baseline.disjointWindows(settings: settings) == 300)
        #expect(baseline.covered < 300 * 90)
        #expect(refusal(baseline, settings) == nil)
    }

    @Test(
        "Readings that are not good refuse the span, or are left out when told",
        arguments: Quality.allCases.filter { $0 != .good }
    )
    func badQuality(quality: Quality) throws {
        let settings = try Bench.settings(anomaly: AnomalySettings(leastWindows: 4))
        var noise = Noise(seed: 53)
        var baseline = Bench.baseline(settings, readings: 400) { _ in noise.next() }
        baseline.add(Bench.reading(99, at: 401, quality: quality), at: Bench.time(401))
        #expect(refusal(baseline, settings) == .badQuality(readings: 1))
        #expect(refusal(baseline, settings, allowingBadQuality: true) == nil)
        #expect(baseline.readings == 400 && baseline.values.allSatisfy { $0 < 60 })
    }

    @Test("Alerts open in the span refuse it unless told otherwise")
    func openAlerts() throws {
        let settings = try Bench.settings(anomaly: AnomalySettings(leastWindows: 4))
        var noise = Noise(seed: 54)
        let baseline = Bench.baseline(settings, readings: 400) { _ in noise.next() }
        #expect(refusal(baseline, settings, openAlerts: 2) == .openAlerts(2))
        #expect(refusal(baseline, settings, openAlerts: 2, allowingOpenAlerts: true) == nil)
    }

    @Test("A baseline takes no more readings than its limit")
    func limited() throws {
        var baseline = Baseline(settings: try Bench.settings())
        for second in 0..<Baseline.mostReadings + 5 {
            baseline.add(Double(second % 3), code: nil, at: Bench.time(second))
        }
        #expect(baseline.readings == Baseline.mostReadings && baseline.surplusReadings == 5)
    }

    @Test("The report tells level, spread and correlation of the baseline")
    func report() throws {
        let settings = try Bench.settings()
        var noise = Noise(correlation: 0.6, seed: 55)
        let baseline = Bench.baseline(settings) { _ in noise.next() }
        var random = SeededGenerator(seed: 1)
        let report = try TrainedModel.train(on: baseline, settings: settings, using: &random).report
        #expect(abs(report.mean - Bench.level) < 0.05)
        #expect(abs(report.deviation - Bench.spread) < 0.03)
        #expect(abs(report.correlation - 0.6) < 0.03)
        #expect(report.windows == 256 && report.period == nil)
        // n (1 − φ)/(1 + φ) independent values.
        #expect(0.5...1.3 ~= report.independent / (Double(Bench.enough) * 0.25))
    }
}
