import RealModule
import Signal

/// One chart of the bank: what its values are made of and how they are judged.
public struct DriftChart: Hashable, Sendable {
    /// Readings whose mean is one value of the chart; 1: every reading.
    public var batch: Int
    /// μ0: the level of the baseline.
    public var reference: Double
    /// φ: how much of the last value's deviation is expected in the next one.
    public var correlation: Double
    /// What a deviation is divided by: long-run deviation of the values, widened for what the
    /// baseline does not know of it.
    public var scale: Double
    /// The slack in scales.
    public var k: Double
    /// The decision interval in scales.
    public var h: Double
    /// The standard deviation of a long mean of readings, times the root of their number.
    public var longRunDeviation: Double
}

/// What the drift detector learned from a baseline.
public struct DriftModel: Hashable, Sendable {
    /// The charts, from the fastest to the slowest.
    public var charts: [DriftChart]
    /// The days between two false alarms that the decision intervals are made for; 0: plain chart.
    public var wantedDays: Double
    /// Alarms a day when the baseline itself is run through the charts, where that is long enough
    /// to tell; else one in `wantedDays`.
    public var predictedFalseAlarmsPerDay: Double

    /// The batch lengths of the bank, in readings; those that the baseline supports are used.
    static let batches = [1, 20, 60, 600, 3_600]
    /// A reading or batch mean is clipped to so many scales: one spike is not a drift.
    static let clipping = 4.0
    /// The fewest values in a baseline of a chart's batch.
    static let leastValues = 30
    /// The fewest independent values in a baseline.
    static let leastIndependent = 30.0

    /// Charts for `baseline`, and why others are missing.
    static func learn(
        from baseline: Baseline,
        statistics: SeriesStatistics,
        period: Int?,
        settings: DetectorSettings,
        notes: inout [String]
    ) -> DriftModel {
        let interval = settings.expectedInterval.seconds
        let days: Double
        switch settings.drift {
        case .plain(let k, let h):
            let chart = DriftChart(
                batch: 1,
                reference: statistics.mean,
                correlation: 0,
                scale: max(statistics.deviation, .leastNormalMagnitude),
                k: k,
                h: h,
                longRunDeviation: statistics.deviation
            )
            return DriftModel(charts: [chart], wantedDays: 0, predictedFalseAlarmsPerDay: 0)
                .replayed(on: baseline, interval: interval)
        case .bank(let wanted): days = clip(wanted, 0.001, 36_500)
        }
        guard statistics.deviation > 0 else {
            notes.append("The baseline is constant: drift cannot be judged by its noise.")
            return DriftModel(charts: [], wantedDays: days, predictedFalseAlarmsPerDay: 0)
        }
        if statistics.independent < leastIndependent, period == nil {
            notes.append(
                "The baseline is too short for drift: its level wanders so slowly that it holds "
                    + "\(NumberText.number(statistics.independent, digits: 2)) independent stretches,"
                    + " and \(NumberText.number(leastIndependent)) are needed."
            )
            return DriftModel(charts: [], wantedDays: days, predictedFalseAlarmsPerDay: 0)
        }
        var lengths = batches
        if let period {
            // A batch must be whole cycles, or the cycle itself is a drift.
            lengths = Array(
                Set(batches.dropFirst().map { ($0 + period - 1) / period * period })
            ).sorted()
            notes.append(
                "The baseline repeats every "
                    + NumberText.duration(seconds: Double(period) * interval)
                    + ": drift is judged on means of whole cycles."
            )
        }
        var charts: [DriftChart] = []
        let series = lengths.map { ($0, baseline.means(of: $0)) }
            .filter { $1.values.count >= leastValues }
        for (batch, means) in series {
            let share = days * Double(series.count) * 86_400 / (Double(batch) * interval)
            if let chart = chart(
                batch: batch,
                means: means,
                readings: statistics,
                valuesBetweenAlarms: share
            ) {
                charts.append(chart)
            }
        }
        if charts.isEmpty {
            notes.append("The baseline is too short for drift: no chart has enough values in it.")
        } else {
            let slowest = charts[charts.count - 1].batch
            notes.append(
                "Drift is judged on means of up to "
                    + NumberText.duration(seconds: Double(slowest) * interval) + "."
            )
        }
        return DriftModel(charts: charts, wantedDays: days, predictedFalseAlarmsPerDay: 1 / days)
            .replayed(on: baseline, interval: interval)
    }

    private static func chart(
        batch: Int,
        means: (values: [Double], stretches: [Range<Int>]),
        readings: SeriesStatistics,
        valuesBetweenAlarms: Double
    ) -> DriftChart? {
        // A mean of quantised readings is uncertain by the step's noise at least.
        let floor = readings.step / 12.0.squareRoot() / Double(batch).squareRoot()
        let raw = SeriesStatistics(
            means.values,
            stretches: means.stretches,
            leastDeviation: floor
        )
        guard raw.independent >= (batch == 1 ? 0 : leastIndependent * 2 / 3) else { return nil }
        let correlation = batch == 1 ? max(0, raw.correlation) : 0
        var residuals = raw
        if correlation > 0 {
            var values: [Double] = []
            var stretches: [Range<Int>] = []
            for stretch in means.stretches where stretch.count > 1 {
                let begin = values.count
                for index in stretch.dropFirst() {
                    values.append(
                        means.values[index] - raw.mean
                            - correlation * (means.values[index - 1] - raw.mean)
                    )
                }
                stretches.append(begin..<values.count)
            }
            residuals = SeriesStatistics(values, stretches: stretches, leastDeviation: floor)
        }
        guard residuals.deviation > 0 else { return nil }
        let h = TabularCUSUM.decisionInterval(forRunLength: valuesBetweenAlarms, k: 0.5)
        let count = Double(means.values.count)
        let widening = Quantiles.widening(
            normal: 4.75,
            independent: count / residuals.longRun
        )
        return DriftChart(
            batch: batch,
            reference: raw.mean,
            correlation: correlation,
            scale: residuals.deviation * residuals.longRun.squareRoot() * widening,
            // The reference is an estimate too: twice its standard error is no shift.
            k: 0.5 + 2 / count.squareRoot(),
            h: h,
            longRunDeviation: raw.deviation * (raw.longRun * Double(batch)).squareRoot()
        )
    }

    /// The model with the alarms counted that the baseline itself would have raised.
    private func replayed(on baseline: Baseline, interval: Double) -> DriftModel {
        guard !charts.isEmpty else { return self }
        var detector = DriftDetector()
        var alarms = 0
        var verdicts: [Verdict] = []
        for stretch in baseline.stretches {
            detector.gap(long: false)
            for index in stretch {
                let time = MonotonicTime(
                    nanoseconds: Nanoseconds.seconds(baseline.times[index]).count
                )
                detector.process(
                    baseline.values[index],
                    at: time,
                    model: self,
                    unit: "",
                    interval: interval,
                    into: &verdicts
                )
                alarms += verdicts.count { $0.phase == .onset }
                verdicts.removeAll(keepingCapacity: true)
            }
        }
        var model = self
        let days = max(baseline.covered, interval) / 86_400
        let wanted = wantedDays > 0 ? 1 / wantedDays : 0
        model.predictedFalseAlarmsPerDay = alarms > 0 ? max(Double(alarms) / days, wanted) : wanted
        return model
    }
}

extension Baseline {
    /// Means of `batch` consecutive readings, no batch across a gap.
    func means(of batch: Int) -> (values: [Double], stretches: [Range<Int>]) {
        guard batch > 1 else { return (values, stretches) }
        var means: [Double] = []
        var ranges: [Range<Int>] = []
        for stretch in stretches {
            let begin = means.count
            var index = stretch.lowerBound
            while index + batch <= stretch.upperBound {
                var sum = 0.0
                for value in values[index..<index + batch] { sum += value - values[0] }
                means.append(values[0] + sum / Double(batch))
                index += batch
            }
            if means.count > begin { ranges.append(begin..<means.count) }
        }
        return (means, ranges)
    }
}
