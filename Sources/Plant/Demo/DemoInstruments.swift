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
    /// A steam boiler with its feed, fuel, tanks and utilities.
    static let all: [DemoInstrument] = boiler + firing + tanks + utilities

    private static let boiler: [DemoInstrument] = [
        DemoInstrument(
            tag: "PT-101",
            type: "pressure",
            measures: "Steam drum pressure",
            unit: "bar",
            lrv: 0,
            urv: 25,
            nominal: 16.5,
            limits: (12, 14, 18.5, 20),
            equipment: "Boiler B-1",
            location: "Boiler house, level 3, drum",
            criticality: "critical",
            module: "boiler-ai",
            channel: 1,
            load: -0.05,
            lag: 25,
            noise: 0.0008,
            correlation: 0.8,
            fastest: 0.1
        ),
        DemoInstrument(
            tag: "FT-102",
            type: "flow",
            measures: "Feed water flow",
            unit: "m³/h",
            lrv: 0,
            urv: 60,
            nominal: 34,
            limits: (8, 12, 54, nil),
            equipment: "Orifice FE-102",
            location: "Boiler house, level 1, feed line",
            criticality: "high",
            module: "boiler-ai",
            channel: 2,
            load: 0.25,
            lag: 9,
            noise: 0.004,
            correlation: 0.3,
            isRoot: true
        ),
        DemoInstrument(
            tag: "LT-103",
            type: "level",
            measures: "Steam drum level",
            unit: "%",
            lrv: 0,
            urv: 100,
            nominal: 52,
            limits: (25, 35, 68, 78),
            equipment: "Boiler B-1",
            location: "Boiler house, level 3, drum",
            criticality: "critical",
            module: "boiler-ai",
            channel: 3,
            load: -0.06,
            lag: 30,
            noise: 0.003,
            correlation: 0.85
        ),
        DemoInstrument(
            tag: "TT-104",
            type: "temperature",
            measures: "Superheated steam temperature",
            unit: "°C",
            lrv: 0,
            urv: 400,
            nominal: 285,
            limits: (nil, 250, 315, 330),
            equipment: "Superheater",
            location: "Boiler house, level 3",
            criticality: "high",
            module: "boiler-ai",
            channel: 4,
            load: 0.04,
            lag: 60,
            noise: 0.0006,
            correlation: 0.95
        ),
        DemoInstrument(
            tag: "PT-105",
            type: "pressure",
            measures: "Boiler feed pressure",
            unit: "bar",
            lrv: 0,
            urv: 40,
            nominal: 26,
            limits: (18, 21, 32, nil),
            equipment: "Feed pump P-1",
            location: "Boiler house, level 0",
            criticality: "high",
            module: "boiler-ai",
            channel: 5,
            load: -0.08,
            lag: 6,
            noise: 0.002,
            correlation: 0.2,
            fastest: 0.2
        ),
        DemoInstrument(
            tag: "FT-106",
            type: "flow",
            measures: "Steam flow",
            unit: "t/h",
            lrv: 0,
            urv: 50,
            nominal: 28,
            limits: (nil, nil, 46, 48),
            equipment: "Orifice FE-106",
            location: "Boiler house, level 3, main steam",
            criticality: "high",
            module: "boiler-ai",
            channel: 6,
            load: 0.25,
            lag: 7,
            noise: 0.004,
            correlation: 0.4,
            isRoot: true
        ),
        DemoInstrument(
            tag: "TT-107",
            type: "temperature",
            measures: "Feed water temperature",
            unit: "°C",
            lrv: 0,
            urv: 150,
            nominal: 104,
            limits: (nil, 92, 112, nil),
            equipment: "Deaerator",
            location: "Boiler house, level 2",
            module: "boiler-ai",
            channel: 7,
            load: -0.02,
            lag: 90,
            noise: 0.0006,
            correlation: 0.95
        ),
        DemoInstrument(
            tag: "PT-108",
            type: "pressure",
            measures: "Furnace draught",
            unit: "mbar",
            lrv: -5,
            urv: 5,
            nominal: -0.8,
            limits: (nil, nil, 1.5, 2.5),
            equipment: "Boiler B-1",
            location: "Boiler house, level 1, furnace",
            module: "boiler-ai",
            channel: 8,
            load: -0.04,
            lag: 4,
            noise: 0.012,
            correlation: 0.1,
            fastest: 0.25
        ),
    ]

    private static let firing: [DemoInstrument] = [
        DemoInstrument(
            tag: "TT-201",
            type: "temperature",
            measures: "Flue gas temperature",
            unit: "°C",
            lrv: 0,
            urv: 350,
            nominal: 165,
            limits: (nil, 110, 230, 260),
            equipment: "Stack S-1",
            location: "Boiler house, roof",
            module: "firing-ai",
            channel: 1,
            load: 0.12,
            lag: 70,
            noise: 0.001,
            correlation: 0.92
        ),
        DemoInstrument(
            tag: "FT-202",
            type: "flow",
            measures: "Natural gas flow",
            unit: "m³/h",
            lrv: 0,
            urv: 2500,
            nominal: 1350,
            limits: (nil, nil, 2300, 2400),
            equipment: "Burner BR-1",
            location: "Gas train",
            criticality: "high",
            module: "firing-ai",
            channel: 2,
            load: 0.28,
            lag: 5,
            noise: 0.002,
            correlation: 0.3
        ),
        DemoInstrument(
            tag: "PT-203",
            type: "pressure",
            measures: "Gas pressure",
            unit: "mbar",
            lrv: 0,
            urv: 500,
            nominal: 300,
            limits: (200, 240, 360, 400),
            equipment: "Gas train GT-1",
            location: "Gas train",
            criticality: "critical",
            module: "firing-ai",
            channel: 3,
            load: -0.04,
            lag: 3,
            noise: 0.003,
            correlation: 0.3,
            fastest: 0.25
        ),
        DemoInstrument(
            tag: "TT-204",
            type: "temperature",
            measures: "Economiser inlet temperature",
            unit: "°C",
            lrv: 0,
            urv: 300,
            nominal: 225,
            limits: (nil, nil, 275, nil),
            equipment: "Economiser E-1",
            location: "Boiler house, level 4",
            module: "firing-ai",
            channel: 4,
            load: 0.08,
            lag: 60,
            noise: 0.001,
            correlation: 0.9
        ),
        DemoInstrument(
            tag: "TT-205",
            type: "temperature",
            measures: "Combustion air temperature",
            unit: "°C",
            lrv: 0,
            urv: 100,
            nominal: 32,
            limits: (nil, nil, 55, nil),
            equipment: "Fan V-1",
            location: "Boiler house, level 1",
            criticality: "low",
            module: "firing-ai",
            channel: 5,
            lag: 120,
            noise: 0.001,
            correlation: 0.9
        ),
    ]

    private static let tanks: [DemoInstrument] = [
        DemoInstrument(
            tag: "LT-301",
            type: "level",
            measures: "Condensate tank level",
            unit: "m",
            lrv: 0,
            urv: 3,
            nominal: 1.7,
            limits: (0.3, 0.6, 2.5, 2.8),
            equipment: "Tank T-1",
            location: "Condensate room",
            module: "tank-ai",
            channel: 1,
            lag: 120,
            noise: 0.0015,
            correlation: 0.7
        ),
        DemoInstrument(
            tag: "LT-302",
            type: "level",
            measures: "Feed tank level",
            unit: "m",
            lrv: 0,
            urv: 4,
            nominal: 2.6,
            limits: (0.8, 1.4, 3.5, 3.8),
            equipment: "Tank T-2",
            location: "Boiler house, level 2",
            criticality: "high",
            module: "tank-ai",
            channel: 2,
            load: -0.04,
            lag: 90,
            noise: 0.0012,
            correlation: 0.7,
            cycle: Cycle(amplitude: 0.02, period: .seconds(180))
        ),
        DemoInstrument(
            tag: "TT-303",
            type: "temperature",
            measures: "Feed tank temperature",
            unit: "°C",
            lrv: 0,
            urv: 120,
            nominal: 96,
            limits: (nil, 80, 108, nil),
            equipment: "Tank T-2",
            location: "Boiler house, level 2",
            module: "tank-ai",
            channel: 3,
            load: -0.01,
            lag: 150,
            noise: 0.001,
            correlation: 0.9
        ),
        DemoInstrument(
            tag: "LT-304",
            type: "level",
            measures: "Fuel oil tank level",
            unit: "m",
            lrv: 0,
            urv: 6,
            nominal: 4.4,
            limits: (0.6, 1.2, 5.5, 5.8),
            equipment: "Tank T-4",
            location: "Tank farm",
            module: "tank-ai",
            channel: 4,
            load: 0,
            lag: 60,
            noise: 0.0008,
            correlation: 0.5
        ),
        DemoInstrument(
            tag: "PT-305",
            type: "pressure",
            measures: "Condensate pump discharge pressure",
            unit: "bar",
            lrv: 0,
            urv: 10,
            nominal: 4.2,
            limits: (nil, 2, 7, nil),
            equipment: "Pump P-3",
            location: "Condensate room",
            module: "tank-ai",
            channel: 5,
            load: -0.05,
            lag: 4,
            noise: 0.003,
            correlation: 0.2,
            fastest: 0.25
        ),
        DemoInstrument(
            tag: "FT-306",
            type: "flow",
            measures: "Condensate return flow",
            unit: "m³/h",
            lrv: 0,
            urv: 40,
            nominal: 22,
            limits: (nil, 4, 36, nil),
            equipment: "Meter FE-306",
            location: "Condensate room",
            module: "tank-ai",
            channel: 6,
            load: 0.22,
            lag: 20,
            noise: 0.003,
            correlation: 0.5
        ),
    ]

    private static let utilities: [DemoInstrument] = [
        DemoInstrument(
            tag: "PT-401",
            type: "pressure",
            measures: "Compressed air pressure",
            unit: "bar",
            lrv: 0,
            urv: 10,
            nominal: 6.8,
            limits: (5, 5.8, 7.8, 8.5),
            equipment: "Compressor C-1",
            location: "Compressor room",
            criticality: "high",
            module: "utility-ai",
            channel: 1,
            load: 0,
            lag: 10,
            noise: 0.001,
            correlation: 0.5,
            cycle: Cycle(amplitude: 0.03, period: .seconds(90))
        ),
        DemoInstrument(
            tag: "TT-402",
            type: "temperature",
            measures: "Cooling water supply temperature",
            unit: "°C",
            lrv: 0,
            urv: 50,
            nominal: 21,
            limits: (nil, 8, 32, nil),
            equipment: "Cooling tower CT-1",
            location: "Roof",
            module: "utility-ai",
            channel: 2,
            load: 0.06,
            lag: 180,
            noise: 0.0008,
            correlation: 0.95
        ),
        DemoInstrument(
            tag: "FT-403",
            type: "flow",
            measures: "Cooling water flow",
            unit: "m³/h",
            lrv: 0,
            urv: 120,
            nominal: 74,
            limits: (20, 40, 110, nil),
            equipment: "Pump P-4",
            location: "Pump room",
            criticality: "high",
            module: "utility-ai",
            channel: 3,
            load: 0,
            lag: 8,
            noise: 0.003,
            correlation: 0.4
        ),
        DemoInstrument(
            tag: "TT-404",
            type: "temperature",
            measures: "Cooling water return temperature",
            unit: "°C",
            lrv: 0,
            urv: 60,
            nominal: 29,
            limits: (nil, nil, 42, 48),
            equipment: "Cooling tower CT-1",
            location: "Roof",
            module: "cooling-ai",
            channel: 1,
            load: 0.1,
            lag: 180,
            noise: 0.0008,
            correlation: 0.95
        ),
        DemoInstrument(
            tag: "LT-405",
            type: "level",
            measures: "Cooling tower basin level",
            unit: "%",
            lrv: 0,
            urv: 100,
            nominal: 62,
            limits: (20, 35, 85, 92),
            equipment: "Cooling tower CT-1",
            location: "Roof",
            module: "cooling-ai",
            channel: 2,
            lag: 150,
            noise: 0.002,
            correlation: 0.7
        ),
    ]

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
