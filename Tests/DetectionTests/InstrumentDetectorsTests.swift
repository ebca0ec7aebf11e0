import Signal
import Testing

@testable import Detection

@Suite struct InstrumentDetectorsTests {
    static let begin = 100_000

    private func whole() throws -> InstrumentDetectors {
        InstrumentDetectors(settings: try Bench.settings(), model: try Bench.white.get())
    }

    @Test(
        "Bad and doubtful readings change nothing",
        arguments: Quality.allCases.filter {
            ![
                .good, .drifting, .rateOfChange, .saturatedLow, .saturatedHigh, .settling,
            ].contains($0)
        }
    )
    func skipped(quality: Quality) throws {
        var detectors = try whole()
        var noise = Noise(seed: 61)
        _ = detectors.run(from: Self.begin, 60) { _ in Bench.level + Bench.spread * noise.next() }
        let before = detectors.snapshot(at: Bench.time(Self.begin))
        for second in 60..<2_000 {
            let reading = Bench.reading(120, at: Self.begin + second, quality: quality)
            #expect(detectors.process(reading, at: Bench.time(Self.begin + second)).isEmpty)
        }
        let none = Bench.reading(nil, at: Self.begin + 2_001)
        #expect(detectors.process(none, at: Bench.time(Self.begin + 2_001)).isEmpty)
        #expect(detectors.snapshot(at: Bench.time(Self.begin)) == before)
    }

    @Test(
        "While the loop is saturated only the limits are watched",
        arguments: [(Quality.saturatedHigh, 103.1), (.saturatedLow, -1.3)]
    )
    func saturated(quality: Quality, value: Double) throws {
        func found(_ quality: Quality) throws -> Set<FindingCondition> {
            var detectors = try whole()
            var conditions: Set<FindingCondition> = []
            for second in 0..<3_600 {
                let reading = Bench.reading(value, at: second, code: 7, quality: quality)
                for finding in detectors.process(reading, at: Bench.time(second)) {
                    conditions.insert(finding.condition)
                }
            }
            return conditions
        }
        let side = value > 50 ? FindingCondition.high : .low
        #expect(try found(quality) == [side])
        // The same values in good quality are what all detectors are for.
        #expect(try found(.good).isSuperset(of: [side, .drift, .frozen, .anomaly]))
    }

    @Test("Out of service holds the detectors, and coming back is a fresh start after the gap")
    func outOfService() throws {
        var detectors = try whole()
        var noise = Noise(seed: 62)
        func value(_: Int) -> Double { Bench.level + Bench.spread * noise.next() }
        #expect(detectors.run(from: Self.begin, 600, value: value).isEmpty)
        for second in 600..<1_800 {
            let reading = Bench.reading(0, at: Self.begin + second, quality: .outOfService)
            #expect(detectors.process(reading, at: Bench.time(Self.begin + second)).isEmpty)
        }
        #expect(detectors.run(from: Self.begin + 1_800, 1_800, value: value).isEmpty)
    }

    @Test("Readings that come out of order or twice are not judged twice")
    func order() throws {
        var detectors = try whole()
        var noise = Noise(seed: 63)
        _ = detectors.run(from: Self.begin, 60) { _ in Bench.level + Bench.spread * noise.next() }
        let before = detectors.status
        for second in [59, 30, 0, -90_000] {
            let reading = Bench.reading(70, at: Self.begin + second)
            _ = detectors.process(reading, at: Bench.time(Self.begin + second))
        }
        #expect(detectors.status == before)
    }

    @Test("Without a model the limits and the plain stuck rule run, and nothing else")
    func untrained() throws {
        var detectors = InstrumentDetectors(settings: try Bench.settings())
        let found = detectors.run(from: 0, 1_000) { _ in 101 }
        #expect(Set(found.map(\.finding.condition)) == [.high, .frozen])
        #expect(!detectors.status.hasModel && detectors.status.driftSums == nil)
        #expect(!detectors.status.judgesDrift)
        // That there is a chart is known before the first reading, that there is none as well.
        #expect(try whole().status.judgesDrift)
        var short = try Bench.white.get()
        short.drift.charts = []
        let silent = InstrumentDetectors(settings: try Bench.settings(), model: short)
        #expect(silent.status.hasModel && !silent.status.judgesDrift)
    }

    @Test("Another model ends what the old one had open and begins afresh")
    func adopt() throws {
        var detectors = try whole()
        let found = detectors.run(from: Self.begin, 600) { 60 + 0.5 * Double($0 % 3) }
        let open = Set(found.map(\.finding.condition)).intersection([.drift, .anomaly])
        #expect(open == [.drift, .anomaly])
        let ended = detectors.adopt(
            try Bench.correlated.get(),
            at: Bench.time(Self.begin + 600)
        )
        #expect(Set(ended.map(\.condition)) == open && ended.allSatisfy { $0.phase == .clear })
        #expect(!detectors.status.drifting && !detectors.status.anomalous)
        #expect(detectors.lastScore == nil)
    }

    @Test("A detector that is off finds nothing", arguments: DetectorKind.allCases)
    func disabled(kind: DetectorKind) throws {
        var settings = try Bench.settings()
        func kinds() throws -> Set<DetectorKind> {
            var detectors = InstrumentDetectors(settings: settings, model: try Bench.white.get())
            return Set(detectors.run(from: 0, 1_200) { _ in 104 }.map(\.finding.detector))
        }
        #expect(try kinds() == Set(DetectorKind.allCases))
        settings.disabled = [kind]
        #expect(try kinds() == Set(DetectorKind.allCases).subtracting([kind]))
    }

    @Test("Every condition begins, changes and ends in turn, and every finding says its numbers")
    func phases() throws {
        var detectors = try whole()
        var random = SeededGenerator(seed: 64)
        var open: Set<FindingCondition> = []
        var offset = 0.0
        for second in 0..<40_000 {
            if random.below(900) == 0 { offset = [0, 0, 4, -6, 60, -60][random.below(6)] }
            let isBad = random.below(400) == 0
            let value = Bench.level + offset + Bench.spread * random.normal()
            let reading = Bench.reading(
                value,
                at: second,
                quality: isBad ? .communication : .good
            )
            for finding in detectors.process(reading, at: Bench.time(second)) {
                switch finding.phase {
                case .onset: #expect(open.insert(finding.condition).inserted)
                case .update: #expect(open.contains(finding.condition))
                case .clear: #expect(open.remove(finding.condition) != nil)
                }
                #expect(finding.since <= Bench.time(second))
                #expect(finding.explanation.hasSuffix("."))
                #expect(finding.explanation.contains { $0.isNumber })
                #expect(finding.numbers.values.allSatisfy { $0.isFinite })
            }
        }
        #expect(detectors.status.drifting == open.contains(.drift))
        #expect(detectors.status.anomalous == open.contains(.anomaly))
    }

    @Test("Damaged state is refused and leaves the detectors as they were")
    func damagedState() throws {
        var detectors = try whole()
        var noise = Noise(seed: 65)
        _ = detectors.run(from: 0, 300) { _ in Bench.level + Bench.spread * noise.next() }
        let bytes = detectors.snapshot(at: Bench.time(300))
        for index in bytes.indices {
            var flipped = bytes
            flipped[index] ^= 4
            #expect(throws: CodingFault.self) {
                try detectors.restore(flipped, at: Bench.time(300))
            }
        }
        #expect(throws: CodingFault.self) { try detectors.restore([], at: Bench.time(300)) }
        #expect(detectors.snapshot(at: Bench.time(300)) == bytes)
    }

    @Test("Restored limits and stuck values keep their delays and their alarms")
    func restored() throws {
        let settings = try Bench.settings(signal: .pressure)
        var whole = InstrumentDetectors(settings: settings)
        _ = whole.run(from: 1_000, 10) { _ in 101 }
        var again = InstrumentDetectors(settings: settings)
        try again.restore(whole.snapshot(at: Bench.time(1_010)), at: Bench.time(10))
        let expected = whole.run(from: 1_010, 1_000) { _ in 101 }
        let got = again.run(from: 10, 1_000) { _ in 101 }
        #expect(expected.map(\.second) == [1_015, 1_900])
        #expect(got.map { $0.second + 1_000 } == expected.map(\.second))
        #expect(got.map(\.finding.explanation) == expected.map(\.finding.explanation))
    }
}
