import Detection
import Signal

/// How the shipped drift detector does on simulated noise of one correlation: a reading a second, a
/// baseline of four hours, then clean days, then a drift of 0.01 deviations a second.
public struct DriftMonteCarlo: Hashable, Sendable {
    /// The lag-1 autocorrelation φ of the noise.
    public var correlation: Double
    /// How often all of it was done, each time with other noise and another baseline.
    public var runs: Int
    /// Clean days after the baselines, all runs together.
    public var days: Int
    /// False onsets of drift in those days.
    public var driftOnsets = 0
    /// False onsets of the other detectors in those days.
    public var otherOnsets = 0
    /// Seconds from the begin of the drift until it was found, in ascending order; a drift that is
    /// not found within four hours counts as four hours.
    public var delays: [Int] = []

    /// The median of the delays, in seconds.
    public var medianDelay: Int { delays.isEmpty ? 0 : delays[delays.count / 2] }
    /// False drift alarms a day.
    public var falsePerDay: Double { Double(driftOnsets) / Double(max(days, 1)) }

    private static let baseline = 4 * 3_600

    /// Runs it; the same numbers give the same result on every machine.
    ///
    /// - Throws: `TrainingRefusal` where a baseline gives no model, which would be a defect.
    public init(correlation: Double, runs: Int, daysEach: Int) throws {
        self.correlation = correlation
        self.runs = runs
        days = runs * daysEach
        for run in 0..<runs {
            try simulate(seed: UInt64(run) &* 1_000 &+ UInt64(correlation * 100), daysEach)
        }
        delays.sort()
    }

    private mutating func simulate(seed: UInt64, _ days: Int) throws {
        guard let span = Span(lrv: 0, urv: 100, unit: "bar") else { return }
        let settings = DetectorSettings(
            instrument: InstrumentID(rawValue: 1),
            span: span,
            // Four hours hold 240 windows of a minute; only drift is at stake here.
            anomaly: AnomalySettings(leastWindows: 200)
        )
        var noise = Noise(correlation, seed: seed)
        func reading(_ deviations: Double, _ second: Int) -> Reading {
            let value = 50 + 0.5 * deviations
            let stamp = Stamp(
                monotonic: MonotonicTime(nanoseconds: Int64(second) * 1_000_000_000),
                wall: WallTime(nanosecondsSince1970: 0),
                clock: .synced
            )
            return Reading(
                instrument: settings.instrument,
                stamp: stamp,
                raw: Int64(value * 655.35),
                current: nil,
                value: value,
                quality: .good
            )
        }
        var baseline = Baseline(settings: settings)
        for second in 0..<Self.baseline {
            let one = reading(noise.next(), second)
            baseline.add(one, at: one.stamp.monotonic)
        }
        var chance = SeededGenerator(seed: 1)
        let model = try TrainedModel.train(on: baseline, settings: settings, using: &chance).model
        var detectors = InstrumentDetectors(settings: settings, model: model)
        let end = Self.baseline + days * 86_400
        for second in Self.baseline..<end {
            let one = reading(noise.next(), second)
            for finding in detectors.process(one, at: one.stamp.monotonic)
            where finding.phase == .onset && !finding.isShadow {
                if finding.detector == .drift { driftOnsets += 1 } else { otherOnsets += 1 }
            }
        }
        for second in 0..<4 * 3_600 {
            let one = reading(noise.next() + 0.01 * Double(second), end + second)
            let found = detectors.process(one, at: one.stamp.monotonic)
            if found.contains(where: { $0.detector == .drift && $0.phase == .onset }) {
                delays.append(second + 1)
                return
            }
        }
        delays.append(4 * 3_600)
    }

    /// First-order autoregressive noise of deviation 1.
    private struct Noise {
        private var random: SeededGenerator
        private var value: Double
        private let correlation: Double
        private let share: Double

        init(_ correlation: Double, seed: UInt64) {
            self.correlation = correlation
            share = (1 - correlation * correlation).squareRoot()
            random = SeededGenerator(seed: seed)
            value = random.normal()
        }

        mutating func next() -> Double {
            value = correlation * value + share * random.normal()
            return value
        }
    }
}
