import Signal

@testable import Detection

/// A first-order process: each value keeps `correlation` of the last one's deviation; spread 1.
struct Noise {
    let correlation: Double
    private var random: SeededGenerator
    private var last: Double

    init(correlation: Double = 0, seed: UInt64) {
        self.correlation = correlation
        random = SeededGenerator(seed: seed)
        last = random.normal()
    }

    mutating func next() -> Double {
        last = correlation * last + (1 - correlation * correlation).squareRoot() * random.normal()
        return last
    }
}

/// An instrument of 0 to 100 bar that usually stands at 50 bar with a spread of 0.5 bar.
enum Bench {
    static let level = 50.0
    static let spread = 0.5
    static let instrument = InstrumentID(rawValue: 7)
    /// The fewest readings that hold 256 windows of 60 s.
    static let enough = 256 * 60

    static func settings(
        limits: ProcessLimits = ProcessLimits(),
        drift: DriftSettings = .standard,
        stuck: StuckSettings = .fromBaseline,
        anomaly: AnomalySettings = AnomalySettings(),
        signal: SignalType? = nil,
        only: DetectorKind? = nil,
        shadow: Set<DetectorKind> = []
    ) throws -> DetectorSettings {
        guard let span = Span(lrv: 0, urv: 100, unit: "bar") else { throw Missing.span }
        return DetectorSettings(
            instrument: instrument,
            span: span,
            signal: signal,
            limits: limits,
            drift: drift,
            stuck: stuck,
            anomaly: anomaly,
            disabled: only.map { Set(DetectorKind.allCases).subtracting([$0]) } ?? [],
            shadow: shadow
        )
    }

    enum Missing: Error { case span }

    static func time(_ seconds: Int) -> MonotonicTime {
        MonotonicTime(nanoseconds: Int64(seconds) * 1_000_000_000)
    }

    static func reading(
        _ value: Double?,
        at seconds: Int,
        code: Int64? = nil,
        quality: Quality = .good
    ) -> Reading {
        Reading(
            instrument: instrument,
            stamp: Stamp(
                monotonic: time(seconds),
                wall: WallTime(nanosecondsSince1970: 0),
                clock: .synced
            ),
            raw: code,
            current: nil,
            value: value,
            quality: quality
        )
    }

    /// A baseline of `readings` values, one a second, whose deviation is `spread` times `shape`.
    static func baseline(
        _ settings: DetectorSettings,
        readings: Int = enough,
        shape: (Int) -> Double
    ) -> Baseline {
        var baseline = Baseline(settings: settings)
        for second in 0..<readings {
            baseline.add(level + spread * shape(second), code: nil, at: time(second))
        }
        return baseline
    }

    static func train(
        _ settings: DetectorSettings,
        correlation: Double = 0,
        readings: Int = enough,
        seed: UInt64 = 1
    ) throws -> TrainedModel {
        var noise = Noise(correlation: correlation, seed: seed)
        let baseline = baseline(settings, readings: readings) { _ in noise.next() }
        var random = SeededGenerator(seed: 42)
        return try TrainedModel.train(on: baseline, settings: settings, using: &random).model
    }

    /// Models of the default settings, made once: white noise, and noise of correlation 0.9.
    static let white = Result { try train(settings()) }
    static let correlated = Result { try train(settings(), correlation: 0.9) }
}

/// A finding and the second of the reading that decided it.
struct Told {
    var second: Int
    var finding: Finding
}

extension InstrumentDetectors {
    /// Takes one good value a second, the first at `begin`, and keeps what was found and when.
    mutating func run(
        from begin: Int,
        _ count: Int,
        value: (Int) -> Double
    ) -> [Told] {
        var found: [Told] = []
        for second in begin..<begin + count {
            let reading = Bench.reading(value(second), at: second)
            for finding in process(reading, at: Bench.time(second)) {
                found.append(Told(second: second, finding: finding))
            }
        }
        return found
    }
}
