import Signal

/// What a baseline came to, for people: shown before and after training.
public struct BaselineReport: Hashable, Sendable {
    /// Good readings in the span, and those that could not be used.
    public var readings: Int
    /// Readings of bad or uncertain quality in the span.
    public var badReadings: Int
    /// Seconds covered without the gaps.
    public var covered: Double
    /// Windows in the span, counted without overlap.
    public var windows: Int
    /// The level, its standard deviation and its lag-1 autocorrelation.
    public var mean: Double
    /// The standard deviation about the level.
    public var deviation: Double
    /// The lag-1 autocorrelation.
    public var correlation: Double
    /// As many independent values would tell as much about the level.
    public var independent: Double
    /// The length of the dominant cycle in seconds, if there is one.
    public var period: Double?
    /// The longest time that the code stood still, in seconds.
    public var longestRun: Double
    /// False drift alarms a day to be expected; 0 where drift cannot be judged.
    public var predictedFalseAlarmsPerDay: Double
    /// Whole sentences: what the baseline does not support, and why.
    public var notes: [String]
}

/// Everything that the detectors of one instrument learned from one baseline.
public struct TrainedModel: Hashable, Sendable {
    /// The charts of the drift detector.
    public var drift: DriftModel
    /// What the stuck detector compares with.
    public var stuck: StuckModel
    /// Forest, distance and limits; nil where only drift and stuck could be learned.
    public var anomaly: AnomalyModel?
    /// The version of the feature set that the model was made with.
    public var featureSetVersion: UInt16 { WindowFeatures.version }
    /// The checksum of the encoded model.
    public var checksum: UInt64 { Detection.checksum(encoded.dropLast(8)) }

    /// Why the model does not fit these settings, and what to do; nil: it fits.
    public func misfit(_ settings: DetectorSettings) -> String? {
        guard let window = anomaly?.window, window != settings.anomaly.window else { return nil }
        return "it was trained on windows of \(NumberText.duration(seconds: window.seconds)), "
            + "and \(NumberText.duration(seconds: settings.anomaly.window.seconds)) are set: "
            + "train again"
    }

    private static let format: UInt16 = 1

    /// The model as bytes, with the feature set's version and a checksum.
    public var encoded: [UInt8] {
        var writer = ByteWriter()
        writer.write(Self.format)
        writer.write(WindowFeatures.version)
        writer.write(UInt8(drift.charts.count))
        for chart in drift.charts {
            writer.write(UInt32(chart.batch))
            for number in [
                chart.reference, chart.correlation, chart.scale, chart.k, chart.h,
                chart.longRunDeviation,
            ] {
                writer.write(number)
            }
        }
        writer.write(drift.wantedDays)
        writer.write(drift.predictedFalseAlarmsPerDay)
        writer.write(stuck.longestRun)
        writer.write(stuck.leastDeviation)
        writer.write(anomaly != nil)
        anomaly?.encode(into: &writer)
        writer.write(Detection.checksum(writer.bytes))
        return writer.bytes
    }

    /// The model that `encoded` wrote.
    ///
    /// - Throws: `CodingFault` where the bytes are damaged, or of another format or feature set.
    public init(decoding bytes: [UInt8]) throws(CodingFault) {
        guard bytes.count > 16, bytes.count <= IsolationForest.mostBytes * 2 else {
            throw .damaged("\(bytes.count) bytes are no model")
        }
        var tail = ByteReader(bytes[(bytes.count - 8)...])
        guard try tail.read(UInt64.self) == Detection.checksum(bytes.dropLast(8)) else {
            throw .checksum
        }
        var reader = ByteReader(bytes.dropLast(8))
        let format = try reader.read(UInt16.self)
        guard format == Self.format else { throw .format(found: format, wanted: Self.format) }
        let version = try reader.read(UInt16.self)
        guard version == WindowFeatures.version else {
            throw .featureSet(found: version, wanted: WindowFeatures.version)
        }
        var charts: [DriftChart] = []
        for _ in 0..<(try reader.read(UInt8.self)) {
            let batch = Int(try reader.read(UInt32.self))
            let reference = try reader.readFinite()
            let correlation = try reader.readFinite()
            let scale = try reader.readFinite()
            let k = try reader.readFinite()
            let h = try reader.readFinite()
            let deviation = try reader.readFinite()
            guard batch > 0, scale > 0, h > 0 else { throw .damaged("a drift chart") }
            charts.append(
                DriftChart(
                    batch: batch,
                    reference: reference,
                    correlation: correlation,
                    scale: scale,
                    k: k,
                    h: h,
                    longRunDeviation: deviation
                )
            )
        }
        guard charts.count <= 16 else { throw .damaged("too many drift charts") }
        let wantedDays = try reader.readFinite()
        drift = DriftModel(
            charts: charts,
            wantedDays: wantedDays,
            predictedFalseAlarmsPerDay: try reader.readFinite()
        )
        let longestRun = try reader.readFinite()
        stuck = StuckModel(longestRun: longestRun, leastDeviation: try reader.readOptional())
        anomaly = try reader.readBool() ? try AnomalyModel(from: &reader) : nil
        guard reader.remaining == 0 else { throw .damaged("bytes are left over") }
    }

    init(drift: DriftModel, stuck: StuckModel, anomaly: AnomalyModel?) {
        self.drift = drift
        self.stuck = stuck
        self.anomaly = anomaly
    }
}

extension TrainedModel {
    /// The fewest readings that anything can be learned from.
    public static let leastReadings = 60

    /// Learns from `baseline` alone.
    ///
    /// - Parameters:
    ///   - allowingBadQuality: leave readings of bad or uncertain quality out instead of refusing.
    ///   - openAlerts: how many alerts of the instrument were open at any time in the span.
    ///   - allowingOpenAlerts: learn from the span nevertheless.
    ///   - random: grows the forest; the same seed gives the same model.
    /// - Returns: the model, and what the baseline came to.
    /// - Throws: `TrainingRefusal`, with what is missing.
    public static func train(
        on baseline: Baseline,
        settings: DetectorSettings,
        allowingBadQuality: Bool = false,
        openAlerts: Int = 0,
        allowingOpenAlerts: Bool = false,
        using random: inout some RandomNumberGenerator
    ) throws(TrainingRefusal) -> (model: TrainedModel, report: BaselineReport) {
        guard allowingBadQuality || baseline.badReadings == 0 else {
            throw .badQuality(readings: baseline.badReadings)
        }
        guard allowingOpenAlerts || openAlerts <= 0 else { throw .openAlerts(openAlerts) }
        guard baseline.readings >= leastReadings else {
            throw .tooFewReadings(have: baseline.readings, need: leastReadings)
        }
        let need = settings.anomaly.leastWindows
        let disjoint = baseline.disjointWindows(settings: settings)
        let windows = baseline.windows(settings: settings)
        guard disjoint >= need, !windows.isEmpty else {
            throw .tooFewWindows(have: min(disjoint, windows.count), need: max(need, 1))
        }
        let statistics = SeriesStatistics(baseline.values, stretches: baseline.stretches)
        let period = baseline.period
        var notes: [String] = []
        let drift = DriftModel.learn(
            from: baseline,
            statistics: statistics,
            period: period,
            settings: settings,
            notes: &notes
        )
        let isProvisional =
            statistics.independent < DriftModel.leastIndependent && period == nil
            && statistics.deviation > 0
        if isProvisional {
            notes.append(
                "Anomalies are recorded and not alarmed: the baseline does not cover how its level "
                    + "wanders."
            )
        }
        let anomaly = AnomalyModel.learn(
            windows: windows,
            newest: baseline.newestParts(settings: settings),
            statistics: statistics,
            isProvisional: isProvisional,
            settings: settings,
            using: &random
        )
        let stuck = StuckModel(
            longestRun: baseline.longestRun,
            leastDeviation: baseline.leastDeviation(settings)
        )
        let report = BaselineReport(
            readings: baseline.readings,
            badReadings: baseline.badReadings,
            covered: baseline.covered,
            windows: disjoint,
            mean: statistics.mean,
            deviation: statistics.deviation,
            correlation: statistics.correlation,
            independent: statistics.independent,
            period: period.map { Double($0) * settings.expectedInterval.seconds },
            longestRun: baseline.longestRun,
            predictedFalseAlarmsPerDay: drift.predictedFalseAlarmsPerDay,
            notes: notes
        )
        return (TrainedModel(drift: drift, stuck: stuck, anomaly: anomaly), report)
    }
}

extension Baseline {
    /// The dominant cycle of the longest stretch, in readings.
    var period: Int? {
        guard let longest = stretches.max(by: { $0.count < $1.count }) else { return nil }
        return SeriesStatistics.period(of: values[longest])
    }

    /// The smallest standard deviation of any stretch of `StuckDetector.noiseSpan`; nil where there
    /// are fewer than 30 such stretches, or one of them did not move.
    func leastDeviation(_ settings: DetectorSettings) -> Double? {
        let span = max(StuckDetector.noiseSpan, settings.expectedInterval * 30).seconds
        var least = Double.infinity
        var found = 0
        for stretch in stretches {
            var begin = stretch.lowerBound
            for index in stretch where times[index] - times[begin] >= span {
                let part = values[begin...index]
                begin = index + 1
                guard part.count >= 20, begin < stretch.upperBound else { break }
                let mean = part.reduce(0, +) / Double(part.count)
                let squares = part.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
                least = min(least, (squares / Double(part.count)).squareRoot())
                found += 1
            }
        }
        return found >= 30 && least > 0 ? least : nil
    }
}
