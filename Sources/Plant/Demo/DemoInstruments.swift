import Signal

/// One instrument of the demo: what the register says about it, and how it behaves.
struct DemoInstrument {
    var tag: String
    var type: String
    var measures: String
    var unit: String
    var lrv: Double
    var urv: Double
    var nominal: Double
    /// Low-low, low, high, high-high in the unit; nil: none.
    var limits: (lowLow: Double?, low: Double?, high: Double?, highHigh: Double?)
    var equipment: String
    var location: String
    var criticality = "medium"
    /// Module and channel, from 1.
    var module: String
    var channel: Int
    /// How far the boiler's full load moves it, as a share of the span; nil: has a life of its own.
    var load: Double?
    var lag = 16.0
    var noise = 0.0015
    var correlation = 0.5
    var cycle: Cycle?
    var isRoot = false
    /// Share of the span a second that no process of its kind can move.
    var fastest: Double?
}

extension DemoInstrument {
    /// The range as the transmitter has it; the tables above hold no inverted one.
    var span: Span {
        guard let span = Span(lrv: lrv, urv: urv, unit: unit) else {
            preconditionFailure("\(tag): a range is wrong in the demo's own table")
        }
        return span
    }

    /// Its process: moved by the boiler's load, or by a life of its own.
    func behaviour(load moves: [DemoLoad.Move]) -> ProcessBehaviour {
        let setPoints: SetPointPlan =
            if let load {
                .scheduled(
                    moves.map { move in
                        SetPointMove(
                            start: move.start,
                            target: nominal + load * move.level * (urv - lrv),
                            ramp: move.ramp
                        )
                    }
                )
            } else {
                .wandering(
                    Wander(stepShare: 0.3, stepSize: 0.02...0.05, rampSpread: 0.05)
                )
            }
        return ProcessBehaviour(
            span: span,
            nominal: nominal,
            setPoints: setPoints,
            lag: .seconds(lag),
            noise: noise,
            correlation: correlation,
            cycle: cycle,
            calibrationWalk: 0.0005,
            extraction: isRoot ? .squareRoot(lowFlowCutOff: 0.05) : .linear
        )
    }
}

/// The load of the boiler, which moves the instruments around it together.
enum DemoLoad {
    /// One move of the load.
    struct Move {
        var start: Nanoseconds
        /// From -1 to 1 around the usual load.
        var level: Double
        var ramp: Nanoseconds
    }

    /// The moves of two days; afterwards the load stays.
    static func moves(seed: UInt64) -> [Move] {
        var random = SeededGenerator.part(1000, of: seed)
        var moves: [Move] = []
        var time = 0.0
        var level = 0.0
        while time < 2 * 86_400 {
            time += random.even(in: 180...900)
            if random.unit() < 0.4 {
                level += random.even(in: -0.3...0.3)
            } else {
                level = random.even(in: -0.8...0.8)
            }
            level = min(max(level, -0.8), 0.8)
            let ramp = random.unit() < 0.3 ? 0 : random.even(in: 60...240)
            moves.append(Move(start: .seconds(time), level: level, ramp: .seconds(ramp)))
            time += ramp
        }
        return moves
    }
}
