import Detection
import Foundation
import Signal

/// What the detectors said about one series, row by row.
struct Evaluated {
    var file: String
    var channel: String
    var rows: [Int]
    /// Whether the row belongs to the baseline: never counted.
    var isBaseline: [Bool]
    /// One bit per detector, by `DetectorKind`'s raw value.
    var flags: [UInt8]
    /// The forest's last score at each row; not a number before the first.
    var scores: [Float]
    /// Why there is no model, or what its training says.
    var notes: [String]
}

/// Which settings the detectors run with.
enum Suite: String, CaseIterable {
    case shipped, textbook
}

/// Runs the product's detectors over series: baseline first, then every row in order.
enum Evaluator {
    static func settings(_ series: Series, table: SetTable, suite: Suite) -> DetectorSettings {
        let textbook = suite == .textbook
        return DetectorSettings(
            instrument: InstrumentID(rawValue: 1),
            span: Span(lrv: series.lower, urv: series.upper, unit: "units")
                ?? Span(lrv: 0, urv: 1, unit: "units")!,
            expectedInterval: .seconds(table.interval),
            drift: textbook ? .textbook : .standard,
            stuck: textbook ? .textbook : .fromBaseline,
            anomaly: AnomalySettings(
                window: .seconds(table.window),
                hop: .seconds(table.hop),
                leastWindows: table.leastWindows,
                forest: textbook ? .textbook : ForestSettings(),
                thresholds: textbook ? .textbook : .standard
            )
        )
    }

    static func run(_ series: Series, table: SetTable, suite: Suite) -> Evaluated {
        let settings = settings(series, table: table, suite: suite)
        var baseline = Baseline(settings: settings)
        if let training = series.training {
            for (time, value) in zip(training.times, training.values) where value.isFinite {
                baseline.add(value, code: nil, at: monotonic(time))
            }
        } else {
            for index in series.values.indices where series.isBaseline[index] {
                guard series.values[index].isFinite else { continue }
                baseline.add(series.values[index], code: nil, at: monotonic(series.times[index]))
            }
        }
        var random = SeededGenerator(seed: 42)
        var notes: [String] = []
        var model: TrainedModel?
        do {
            let trained = try TrainedModel.train(on: baseline, settings: settings, using: &random)
            model = trained.model
            notes = trained.report.notes
        } catch {
            notes = [error.description]
        }
        var detectors = InstrumentDetectors(settings: settings, model: model)
        var active: Set<FindingCondition> = []
        var flags: [UInt8] = []
        var scores: [Float] = []
        flags.reserveCapacity(series.values.count)
        scores.reserveCapacity(series.values.count)
        var mask: UInt8 = 0
        for index in series.values.indices {
            let time = monotonic(series.times[index])
            let reading = Reading(
                instrument: settings.instrument,
                stamp: Stamp(
                    monotonic: time,
                    wall: WallTime(nanosecondsSince1970: time.nanoseconds),
                    clock: .synced
                ),
                raw: nil,
                current: nil,
                value: series.values[index],
                quality: .good
            )
            let findings = detectors.process(reading, at: time)
            if !findings.isEmpty {
                for finding in findings where !finding.isShadow {
                    if finding.phase == .clear {
                        active.remove(finding.condition)
                    } else {
                        active.insert(finding.condition)
                    }
                }
                mask = active.reduce(0) { $0 | 1 << $1.detector.rawValue }
            }
            flags.append(mask)
            scores.append(Float(detectors.lastScore ?? .nan))
        }
        return Evaluated(
            file: series.file,
            channel: series.channel,
            rows: series.rows,
            isBaseline: series.isBaseline,
            flags: flags,
            scores: scores,
            notes: notes
        )
    }

    private static func monotonic(_ seconds: Double) -> MonotonicTime {
        MonotonicTime(nanoseconds: Nanoseconds.seconds(seconds).count)
    }
}
