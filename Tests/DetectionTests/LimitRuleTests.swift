import Signal
import Testing

@testable import Detection

@Suite struct LimitRuleTests {
    private static let limits = ProcessLimits(
        lowLow: 10,
        low: 20,
        high: 80,
        highHigh: 90,
        deadband: 2,
        onDelay: .seconds(5),
        offDelay: .seconds(10)
    )

    private func found(
        _ limits: ProcessLimits = limits,
        signal: SignalType? = nil,
        values: [Double]
    ) throws -> [Told] {
        let settings = try Bench.settings(limits: limits, signal: signal, only: .limits)
        var detectors = InstrumentDetectors(settings: settings)
        return detectors.run(from: 0, values.count) { values[$0] }
    }
    private func found(_ values: [Double]) throws -> [Told] { try found(values: values) }
    private func held(_ parts: (Double, Int)...) -> [Double] {
        parts.flatMap { Array(repeating: $0, count: $1) }
    }

    @Test("A limit alarms after its on-delay; a shorter excursion does not")
    func onDelay() throws {
        let long = try found(held((50, 10), (81, 6)))
        #expect(long.map(\.second) == [15])
        #expect(long.first?.finding.since == Bench.time(10))
        #expect(long.first?.finding.condition == .high)
        #expect(long.first?.finding.severity == .warning)
        #expect(try found(held((50, 10), (81, 5), (50, 10))).isEmpty)
        #expect(try found(held((81, 4), (79, 1), (81, 4), (79, 1), (81, 4))).isEmpty)
    }

    @Test("The limit itself is inside; the deadband counts on the way back only")
    func deadband() throws {
        #expect(try found(held((80, 60))).isEmpty)
        #expect(try found(held((81, 20), (78.5, 60))).map(\.finding.phase) == [.onset])
        let back = try found(held((81, 20), (78, 11)))
        #expect(back.map(\.finding.phase) == [.onset, .clear])
        #expect(back.last?.second == 30)
        #expect(try found(held((50, 20), (79, 60))).isEmpty)
    }

    @Test("The off-delay must be seen through without a break")
    func offDelay() throws {
        let broken = try found(held((81, 10), (70, 9), (79, 1), (70, 9), (79, 1), (70, 11)))
        #expect(broken.map(\.second) == [5, 40])
    }

    @Test("Beyond the outer limit it becomes critical, back inside that a warning, then it ends")
    func escalation() throws {
        let all = try found(held((15, 10), (5, 10), (15, 20), (50, 20)))
        #expect(all.map(\.finding.phase) == [.onset, .update, .update, .clear])
        #expect(all.map(\.finding.severity) == [.warning, .critical, .warning, .warning])
        #expect(all.allSatisfy { $0.finding.condition == .low })
        #expect(all[1].finding.explanation.contains("low-low limit of 10 bar"))
    }

    @Test(
        "Without settings the range is the limit, with the deadband and delay of the signal type",
        arguments: SignalType.allCases
    )
    func defaults(signal: SignalType) throws {
        let delay = Int(signal.delay.seconds)
        let over = try found(ProcessLimits(), signal: signal, values: held((100.5, delay + 1)))
        #expect(over.map(\.second) == [delay])
        #expect(
            try found(ProcessLimits(), signal: signal, values: held((100, 200), (0, 200))).isEmpty
        )
        let deadband = signal.deadbandShare * 100
        let short = held((101, 100), (100.01 - deadband, 100))
        #expect(try found(ProcessLimits(), signal: signal, values: short).count == 1)
        let far = held((101, 100), (99.99 - deadband, 100))
        #expect(try found(ProcessLimits(), signal: signal, values: far).count == 2)
    }

    @Test("A delay does not run on through a gap")
    func gap() throws {
        var detectors = InstrumentDetectors(
            settings: try Bench.settings(limits: Self.limits, only: .limits)
        )
        #expect(detectors.run(from: 0, 4) { _ in 85 }.isEmpty)
        #expect(detectors.run(from: 60, 5) { _ in 85 }.isEmpty)
        #expect(detectors.run(from: 65, 1) { _ in 85 }.count == 1)
    }

    /// The rule written the slow way: one limit at a time, by looking back over all values.
    private func oracle(_ values: [Double], limit: Double, isHigh: Bool) -> [Bool] {
        var active = false
        var states: [Bool] = []
        var since: Int?
        for (second, value) in values.enumerated() {
            let excess = isHigh ? value - limit : limit - value
            let moves = active ? excess <= -2 : excess > 0
            since = moves ? since ?? second : nil
            if let began = since, second - began >= (active ? 10 : 5) {
                active.toggle()
                since = nil
            }
            states.append(active)
        }
        return states
    }

    @Test("Random walks leave every limit in the state of a plain rewrite", arguments: 0..<40)
    func walks(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var value = 50.0
        let values = (0..<3_000).map { _ -> Double in
            value = min(110, max(-10, value + 4 * random.normal() + (random.uniform() - 0.5) * 2))
            return value
        }
        var detectors = InstrumentDetectors(
            settings: try Bench.settings(limits: Self.limits, only: .limits)
        )
        let wanted = [(10.0, false), (20, false), (80, true), (90, true)].map {
            oracle(values, limit: $0, isHigh: $1)
        }
        var open: Set<FindingCondition> = []
        for second in values.indices {
            let findings = detectors.process(
                Bench.reading(values[second], at: second),
                at: Bench.time(second)
            )
            #expect(detectors.status.limitsActive == wanted.map { $0[second] })
            for finding in findings {
                switch finding.phase {
                case .onset: #expect(open.insert(finding.condition).inserted)
                case .update: #expect(open.contains(finding.condition))
                case .clear: #expect(open.remove(finding.condition) != nil)
                }
            }
            #expect(open.contains(.low) == (wanted[0][second] || wanted[1][second]))
            #expect(open.contains(.high) == (wanted[2][second] || wanted[3][second]))
        }
    }
}
