import Plant
import Signal
import Testing

/// A process without moves, calibration walk or converter noise: each test adds what it looks at.
private func quiet(
    lag: Double = 10,
    noise: Double = 0,
    correlation: Double = 0,
    setPoints: SetPointPlan = .steady,
    extraction: Extraction = .linear,
    converterNoise: Double = 0
) throws -> ProcessBehaviour {
    ProcessBehaviour(
        span: try #require(Span(lrv: 0, urv: 100, unit: "%")),
        nominal: 50,
        setPoints: setPoints,
        lag: .seconds(lag),
        noise: noise,
        correlation: correlation,
        calibrationWalk: 0,
        extraction: extraction,
        converterNoise: converterNoise
    )
}

private func run(
    _ instrument: inout PlantInstrument,
    steps: Int,
    by step: Double = 1,
    seed: UInt64 = 7
) -> [Double] {
    var random = SeededGenerator(seed: seed)
    return (0..<steps).map { _ in instrument.advance(by: .seconds(step), using: &random) }
}

private func statistics(_ values: [Double]) -> (mean: Double, sigma: Double, phi: Double) {
    let mean = values.reduce(0, +) / Double(values.count)
    let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count)
    let lagged = zip(values, values.dropFirst()).reduce(0) {
        $0 + ($1.0 - mean) * ($1.1 - mean)
    }
    return (mean, variance.squareRoot(), lagged / Double(values.count) / variance)
}

@Suite struct PhysicsTests {
    @Test(
        "Noise has the σ and the memory φ that were asked for",
        arguments: [(0.0, 1.0), (0.5, 1.0), (0.9, 1.0), (0.9, 2.0), (0.5, 0.25)]
    )
    func noise(phi: Double, step: Double) throws {
        var instrument = PlantInstrument(try quiet(noise: 0.01, correlation: phi))
        let found = statistics(run(&instrument, steps: 60_000, by: step))
        // 1 % of the span is 0.16 mA; φ over one second is φ^t over t seconds.
        #expect(abs(found.mean - 12) < 0.02)
        #expect(abs(found.sigma / 0.16 - 1) < 0.04)
        var expected = 1.0
        for _ in 0..<Int(step * 4) { expected *= phi.squareRoot().squareRoot() }
        #expect(abs(found.phi - expected) < 0.02)
    }

    @Test("Converter noise is white and stays when the process is still")
    func converter() throws {
        var instrument = PlantInstrument(try quiet(converterNoise: 0.002))
        let found = statistics(run(&instrument, steps: 20_000))
        #expect(abs(found.sigma / 0.002 - 1) < 0.04)
        #expect(abs(found.phi) < 0.03)
    }

    @Test(
        "A step is answered to 63.2 % after one lag, whatever the polling",
        arguments: [0.1, 1, 5]
    )
    func lag(step: Double) throws {
        let move = SetPointMove(start: .seconds(20), target: 80)
        var instrument = PlantInstrument(try quiet(lag: 10, setPoints: .scheduled([move])))
        _ = run(&instrument, steps: Int((30 / step).rounded()), by: step)
        #expect(abs(instrument.processValue - (50 + 30 * 0.632_120_6)) < 0.001)
        _ = run(&instrument, steps: Int((20 / step).rounded()), by: step)
        #expect(abs(instrument.processValue - (50 + 30 * 0.950_212_9)) < 0.001)
    }

    @Test("A ramp is followed one lag behind and ends at its target", arguments: [0.5, 3, 30])
    func ramp(step: Double) throws {
        let move = SetPointMove(start: .seconds(30), target: 74, ramp: .seconds(240))
        var instrument = PlantInstrument(try quiet(lag: 10, setPoints: .scheduled([move])))
        _ = run(&instrument, steps: Int(150 / step), by: step)
        #expect(abs(instrument.setPoint - 62) < 1e-6)
        // 0.1 a second, 10 s behind.
        #expect(abs(instrument.processValue - 61) < 0.001)
        _ = run(&instrument, steps: Int(270 / step), by: step)
        #expect(instrument.setPoint == 74)
        #expect(abs(instrument.processValue - 74) < 0.001)
    }

    @Test("The same seed and steps give the same currents; another seed does not")
    func seeded() throws {
        let behaviour = ProcessBehaviour(
            span: try #require(Span(lrv: 0, urv: 10, unit: "bar")),
            nominal: 5
        )
        let chance = RandomFaults(perHour: 60)
        var one = PlantInstrument(behaviour, chance: chance)
        var two = PlantInstrument(behaviour, chance: chance)
        var other = PlantInstrument(behaviour, chance: chance)
        let currents = run(&one, steps: 5000, seed: 3)
        #expect(currents == run(&two, steps: 5000, seed: 3))
        #expect(one == two)
        #expect(currents != run(&other, steps: 5000, seed: 4))
    }

    @Test("Set-points wander between their bounds and do move", arguments: 1...5)
    func wander(seed: UInt64) throws {
        let span = try #require(Span(lrv: -20, urv: 80, unit: "°C"))
        var instrument = PlantInstrument(
            ProcessBehaviour(span: span, nominal: 30, setPoints: .wandering(Wander()))
        )
        var random = SeededGenerator(seed: seed)
        var seen: [Double] = []
        for _ in 0..<20_000 {
            instrument.advance(by: .seconds(2), using: &random)
            seen.append(instrument.setPoint)
        }
        #expect(try #require(seen.min()) >= -15 - 1e-9)
        #expect(try #require(seen.max()) <= 75 + 1e-9)
        #expect(Set(seen).count > 10)
    }

    @Test(
        "A loop fault puts its NE 43 current on the loop and is gone after its time",
        arguments: [
            (PlantFault.wireBreak, 0.0), (.shortCircuit, 24), (.failLow, 3.5), (.failHigh, 21.6),
            (.saturatedLow, 3.8), (.saturatedHigh, 20.5),
        ]
    )
    func loopFaults(fault: PlantFault, milliamps: Double) throws {
        let scheduled = ScheduledFault(fault, start: .seconds(10), duration: .seconds(5))
        var instrument = PlantInstrument(try quiet(), faults: [scheduled])
        let currents = run(&instrument, steps: 20)
        #expect(currents[..<9].allSatisfy { abs($0 - 12) < 1e-9 })
        #expect(currents[9..<14].allSatisfy { abs($0 - milliamps) < 1e-9 })
        #expect(currents[14...].allSatisfy { abs($0 - 12) < 1e-9 })
        #expect(instrument.activeFaults.isEmpty)
    }

    @Test("A transmitter driven out of its range holds 3.8 and 20.5 mA", arguments: [-0.8, 0.8])
    func saturation(share: Double) throws {
        var instrument = PlantInstrument(try quiet(lag: 1))
        instrument.fail(.upset(share))
        let currents = run(&instrument, steps: 60)
        #expect(currents.last == (share < 0 ? 3.8 : 20.5))
        instrument.repair()
        #expect(abs(try #require(run(&instrument, steps: 60).last) - 12) < 1e-6)
    }

    @Test("Drift grows with time, stays after its end, and goes with a calibration")
    func drift() throws {
        let fault = ScheduledFault(
            .drift(perHour: 0.1),
            start: .seconds(0),
            duration: .seconds(3600)
        )
        var instrument = PlantInstrument(try quiet(), faults: [fault])
        let currents = run(&instrument, steps: 180, by: 30)
        #expect(abs(currents[59] - (12 + 0.8)) < 1e-6)
        #expect(abs(currents[119] - (12 + 1.6)) < 1e-6)
        #expect(abs(currents[179] - (12 + 1.6)) < 1e-6)
        instrument.calibrate()
        #expect(abs(try #require(run(&instrument, steps: 1).last) - 12) < 1e-6)
    }

    @Test("The calibration's own walk spreads as the root of time and turns back at its limit")
    func walk() throws {
        var ends: [Double] = []
        for seed in 1...200 as ClosedRange<UInt64> {
            var behaviour = try quiet()
            behaviour.calibrationWalk = 0.002
            var instrument = PlantInstrument(behaviour)
            ends.append(try #require(run(&instrument, steps: 240, by: 60, seed: seed).last) - 12)
        }
        // 0.2 % · √4 h of 16 mA is 0.064 mA.
        #expect(abs(statistics(ends).sigma / 0.064 - 1) < 0.2)
        var behaviour = try quiet()
        behaviour.calibrationWalk = 0.5
        behaviour.calibrationLimit = 0.08
        var instrument = PlantInstrument(behaviour)
        let wild = run(&instrument, steps: 5000, by: 60)
        #expect(wild.allSatisfy { abs($0 - 12) <= 0.08 * 16 + 1e-9 })
    }

    @Test("A stuck loop keeps its last digit and comes back")
    func stuck() throws {
        var instrument = PlantInstrument(
            try quiet(noise: 0.01, converterNoise: 0.002),
            faults: [ScheduledFault(.stuck, start: .seconds(100), duration: .seconds(60))]
        )
        let currents = run(&instrument, steps: 300)
        #expect(Set(currents[98..<159]).count == 1)
        #expect(Set(currents[..<98]).count == 98)
        #expect(Set(currents[159...]).count == currents[159...].count)
    }

    @Test("A plugged line loses its noise and hardly follows")
    func plugged() throws {
        let move = SetPointMove(start: .seconds(2000), target: 90)
        var instrument = PlantInstrument(
            try quiet(noise: 0.01, setPoints: .scheduled([move])),
            faults: [ScheduledFault(.plugged, start: .seconds(1000))]
        )
        let currents = run(&instrument, steps: 2060)
        let before = statistics(Array(currents[..<990])).sigma
        let after = statistics(Array(currents[1000..<1990])).sigma
        #expect(after < 0.1 * before)
        #expect(after > 0)
        #expect(try #require(currents.last) < 12 + 0.15 * 6.4)
    }

    @Test("A fault leaves the process under it as it was")
    func undisturbed() throws {
        let behaviour = ProcessBehaviour(
            span: try #require(Span(lrv: 0, urv: 10, unit: "bar")),
            nominal: 5
        )
        var sound = PlantInstrument(behaviour)
        var spiked = PlantInstrument(
            behaviour,
            faults: [
                ScheduledFault(.spike(0.3), start: .seconds(500), duration: .seconds(2)),
                ScheduledFault(.noisy(0.05), start: .seconds(700), duration: .seconds(60)),
            ]
        )
        let one = run(&sound, steps: 1000)
        let two = run(&spiked, steps: 1000)
        #expect(one[..<499] == two[..<499])
        #expect(abs(two[499] - one[499] - 4.8) < 1e-9)
        #expect(one[501..<699] == two[501..<699])
        #expect(
            statistics(Array(two[699..<759])).sigma > 5 * statistics(Array(one[699..<759])).sigma
        )
        #expect(one[759...] == two[759...])
    }

    @Test("Flow by differential pressure goes with the square")
    func squareRoot() throws {
        var instrument = PlantInstrument(try quiet(extraction: .squareRoot(lowFlowCutOff: 0.05)))
        #expect(abs(try #require(run(&instrument, steps: 1).last) - 8) < 1e-9)
    }

    @Test("A cycle swings by its amplitude")
    func cycle() throws {
        var behaviour = try quiet()
        behaviour.cycle = Cycle(amplitude: 0.1, period: .seconds(60))
        var instrument = PlantInstrument(behaviour)
        let currents = run(&instrument, steps: 240)
        #expect(abs(try #require(currents.max()) - 13.6) < 0.01)
        #expect(abs(try #require(currents.min()) - 10.4) < 0.01)
    }

    @Test("Faults by chance come as often as asked, and no current leaves 0 to 25 mA")
    func chance() throws {
        var instrument = PlantInstrument(
            try quiet(noise: 0.01, converterNoise: 0.01),
            chance: RandomFaults(
                perHour: 30,
                kinds: RandomFaults.usual.map { kind in
                    var kind = kind
                    kind.duration = 1...1
                    return kind
                }
            )
        )
        var random = SeededGenerator(seed: 99)
        var begun = 0
        var wasActive = false
        for _ in 0..<200_000 {
            let current = instrument.advance(by: .milliseconds(500), using: &random)
            #expect((0...25).contains(current))
            let isActive = !instrument.activeFaults.isEmpty
            if isActive && !wasActive { begun += 1 }
            wasActive = isActive
        }
        // 100,000 s at 30 an hour: 833, a few of them merged.
        #expect((720...900).contains(begun))
    }

    @Test(
        "Odd steps are harmless",
        arguments: [Nanoseconds.zero, Nanoseconds(-5), .max, Nanoseconds(1), .seconds(86_400)]
    )
    func oddSteps(step: Nanoseconds) throws {
        var instrument = PlantInstrument(
            ProcessBehaviour(
                span: try #require(Span(lrv: 0, urv: 10, unit: "bar")),
                nominal: 5,
                cycle: Cycle(amplitude: 0.01, period: .seconds(30))
            )
        )
        var random = SeededGenerator(seed: 1)
        for _ in 0..<5 {
            #expect((0...25).contains(instrument.advance(by: step, using: &random)))
        }
    }
}
