import Detection
import Signal

/// What the detectors cost on this machine; measure a release build.
public struct DetectionBenchmark: Sendable {
    /// All detectors together, nanoseconds per reading at 1 Hz with a window every 10 s.
    public var nanosecondsPerReading: Double
    /// The forest alone, microseconds per window.
    public var microsecondsPerWindow: Double
    /// Growing the forest from 1,000 windows, milliseconds.
    public var millisecondsPerTraining: Double
    /// Learning everything from a baseline of 4 h 20 min, milliseconds.
    public var millisecondsPerBaseline: Double
    /// The model and the saved state of one instrument, encoded.
    public var modelBytes: Int
    /// See `modelBytes`.
    public var stateBytes: Int

    /// Measures; takes a few seconds.
    public static func run() throws -> DetectionBenchmark {
        guard let span = Span(lrv: 0, urv: 100, unit: "bar") else {
            throw EvaluationFault(description: "the benchmark's span is no span")
        }
        let settings = DetectorSettings(instrument: InstrumentID(rawValue: 1), span: span)
        var random = SeededGenerator(seed: 7)
        var level = 0.0
        func next() -> Double {
            level = 0.9 * level + 0.436 * random.normal()
            return 50 + 0.5 * level
        }
        func reading(_ value: Double, _ time: MonotonicTime) -> Reading {
            Reading(
                instrument: settings.instrument,
                stamp: Stamp(
                    monotonic: time,
                    wall: WallTime(nanosecondsSince1970: 0),
                    clock: .synced
                ),
                raw: Int64(value * 655.35),
                current: nil,
                value: value,
                quality: .good
            )
        }
        func second(_ index: Int) -> MonotonicTime {
            MonotonicTime(nanoseconds: Int64(index) * 1_000_000_000)
        }
        var baseline = Baseline(settings: settings)
        for index in 0..<15_600 { baseline.add(reading(next(), second(index)), at: second(index)) }
        let clock = ContinuousClock()
        var chance = SeededGenerator(seed: 1)
        var model: TrainedModel?
        let learning = try clock.measure {
            model = try TrainedModel.train(on: baseline, settings: settings, using: &chance).model
        }
        guard let model, let anomaly = model.anomaly else {
            throw EvaluationFault(description: "the benchmark's baseline gave no model")
        }
        var windows: [WindowFeatures] = []
        for index in 0..<1_000 {
            let values = (0..<60).map { _ in next() }
            windows.append(
                WindowFeatures(count: 60, nominal: nil, lower: 0, upper: 100) {
                    (Double(index * 60 + $0), values[$0])
                }
            )
        }
        let training = clock.measure {
            _ = IsolationForest.train(on: windows, using: &chance)
        }
        var sum = 0.0
        let scoring = clock.measure {
            for _ in 0..<20 { for window in windows { sum += anomaly.forest.score(window) } }
        }
        let readings = (0..<1_000_000).map { reading(next(), second(20_000 + $0)) }
        var detectors = InstrumentDetectors(settings: settings, model: model)
        var found = 0
        let judging = clock.measure {
            for reading in readings {
                found += detectors.process(reading, at: reading.stamp.monotonic).count
            }
        }
        guard sum > 0, found >= 0 else {
            throw EvaluationFault(description: "the benchmark scored nothing")
        }
        return DetectionBenchmark(
            nanosecondsPerReading: judging / .milliseconds(1),
            microsecondsPerWindow: scoring / .milliseconds(20),
            millisecondsPerTraining: training / .milliseconds(1),
            millisecondsPerBaseline: learning / .milliseconds(1),
            modelBytes: model.encoded.count,
            stateBytes: detectors.snapshot(at: second(1_020_000)).count
        )
    }
}
