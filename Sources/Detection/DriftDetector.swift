import RealModule
import Signal

/// Runs a drift model's charts over the readings of one instrument.
///
/// Every chart sums what its values exceed the slack by, and alarms at its decision interval. While
/// in alarm its sums rest, and a likelihood ratio of "back at the reference" against "still at the
/// shifted level" is summed instead; that ends the alarm. So nothing winds up, and the end of a
/// shift is found as surely as its beginning.
struct DriftDetector {
    /// The likelihood (e to this power) at which a level counts as back at its reference.
    static let returnInterval = 7.0
    /// How often a rate is worked out for one alarm.
    static let mostRates = 4

    /// Sums for the mean and the slope of the values since a sum last left zero.
    fileprivate struct Trace {
        var began = MonotonicTime.zero
        var count = 0.0
        var t = 0.0
        var tt = 0.0
        var x = 0.0
        var tx = 0.0

        @inline(__always)
        mutating func add(_ deviation: Double, at now: MonotonicTime) {
            if count == 0 { began = now }
            let time = (now - began).seconds
            count += 1
            t += time
            tt += time * time
            x += deviation
            tx += time * deviation
        }
        mutating func clear() { if count > 0 { self = Trace() } }
        var mean: Double { count > 0 ? x / count : 0 }
        var slope: Double {
            let spread = count * tt - t * t
            return spread > 0 ? (count * tx - t * x) / spread : 0
        }
    }

    fileprivate struct ChartState {
        var up = 0.0
        var down = 0.0
        var upTrace = Trace()
        var downTrace = Trace()
        /// The last value's deviation, for the residual.
        var previous: Double?
        /// The batch under way.
        var batchSum = 0.0
        var batchCount = 0
        /// +1 or -1 while in alarm, else 0.
        var side = 0.0
        var level = 0.0
        var returning = 0.0
    }

    private var charts: [ChartState] = []
    /// The chart that raised the open finding, and what is known of its shift.
    private var reporter: Int?
    private var since = MonotonicTime.zero
    private var trace = Trace()
    private var nextRateAt = 0.0
    private var rates = 0

    /// Whether any chart is in alarm.
    var isActive: Bool { reporter != nil }
    /// The sums of the fastest chart, in scales.
    var sums: (up: Double, down: Double)? { charts.first.map { ($0.up, $0.down) } }

    mutating func process(
        _ value: Double,
        at now: MonotonicTime,
        model: DriftModel,
        unit: String,
        interval: Double,
        into verdicts: inout [Verdict]
    ) {
        if charts.count != model.charts.count {
            charts = Array(repeating: ChartState(), count: model.charts.count)
        }
        var changed = false
        for index in charts.indices {
            let chart = model.charts[index]
            var mean = value - chart.reference
            if chart.batch > 1 {
                charts[index].batchSum += mean
                charts[index].batchCount += 1
                guard charts[index].batchCount >= chart.batch else { continue }
                mean = charts[index].batchSum / Double(chart.batch)
                charts[index].batchSum = 0
                charts[index].batchCount = 0
            }
            if charts[index].take(mean, at: now, chart: chart, isPlain: model.wantedDays == 0) {
                changed = true
                if charts[index].side != 0 {
                    if reporter == nil { raise(index, now, model, unit, interval, &verdicts) }
                    if model.wantedDays > 0 { charts[index].rest() }
                }
            }
            if reporter == index, charts[index].side != 0 {
                trace.add(mean, at: now)
                if trace.count >= nextRateAt, rates < Self.mostRates {
                    reportRate(chart, unit, interval, &verdicts)
                }
            }
        }
        if changed, reporter != nil, charts.allSatisfy({ $0.side == 0 }) {
            reporter = nil
            let lasted = NumberText.duration(seconds: (now - since).seconds)
            verdicts.append(
                Verdict(
                    condition: .drift,
                    phase: .clear,
                    severity: .warning,
                    since: since,
                    explanation: "The level is back at its baseline of "
                        + "\(NumberText.number(model.charts[0].reference)) \(unit) after \(lasted)."
                )
            )
        }
    }

    private mutating func raise(
        _ index: Int,
        _ now: MonotonicTime,
        _ model: DriftModel,
        _ unit: String,
        _ interval: Double,
        _ verdicts: inout [Verdict]
    ) {
        let chart = model.charts[index]
        let isUp = charts[index].side > 0
        trace = isUp ? charts[index].upTrace : charts[index].downTrace
        // Two counts make no slope; the alarm must have been seen twice over before one is told.
        nextRateAt = max(trace.count * 2, 6)
        rates = 0
        reporter = index
        since = trace.began - .seconds(Double(chart.batch - 1) * interval)
        let what =
            chart.batch == 1
            ? "Readings"
            : "Means of " + NumberText.duration(seconds: Double(chart.batch) * interval)
        let sum = isUp ? charts[index].up : charts[index].down
        let ago = NumberText.duration(seconds: (now - since).seconds)
        verdicts.append(
            Verdict(
                condition: .drift,
                phase: .onset,
                severity: .warning,
                since: since,
                explanation: "\(what) have drifted \(isUp ? "up" : "down") for about \(ago), by "
                    + "\(NumberText.signed(trace.mean)) \(unit) from the baseline of "
                    + "\(NumberText.number(chart.reference)) \(unit) (CUSUM "
                    + "\(NumberText.number(sum, digits: 3)), limit "
                    + "\(NumberText.number(chart.h, digits: 3))).",
                numbers: [
                    "shift": trace.mean, "reference": chart.reference, "cusum": sum,
                    "limit": chart.h, "span_s": Double(chart.batch) * interval,
                ]
            )
        )
    }

    /// Tells the drift rate once it exceeds three standard errors.
    private mutating func reportRate(
        _ chart: DriftChart,
        _ unit: String,
        _ interval: Double,
        _ verdicts: inout [Verdict]
    ) {
        nextRateAt = trace.count * 2
        rates += 1
        let readings = trace.count * Double(chart.batch)
        // SE of a slope over n evenly spaced values with the long-run deviation of their noise.
        let error =
            chart.longRunDeviation * (12 / (readings * readings * readings)).squareRoot() / interval
        let rate = trace.slope
        guard abs(rate) > 3 * error else { return }
        let lasted = NumberText.duration(seconds: readings * interval)
        verdicts.append(
            Verdict(
                condition: .drift,
                phase: .update,
                severity: .warning,
                since: since,
                explanation: "Over \(lasted) the level has drifted at "
                    + "\(NumberText.signed(rate * 3_600)) ± \(NumberText.number(error * 3_600, digits: 2))"
                    + " \(unit)/h, and is now about \(NumberText.signed(trace.mean)) \(unit) from its"
                    + " baseline on average.",
                numbers: ["rate_per_s": rate, "rate_error_per_s": error, "shift": trace.mean]
            )
        )
    }

    /// Consecutive readings are missing or held back: what needs them begins afresh, after a long
    /// gap the sums too. An alarm stays until its end is seen.
    mutating func gap(long: Bool) {
        for index in charts.indices {
            charts[index].previous = nil
            charts[index].batchSum = 0
            charts[index].batchCount = 0
            if long { charts[index].rest() }
        }
    }

    /// A calibration was passed: every sum and alarm is over; the fastest chart starts at half its
    /// limit, so that a fault that is still there shows in half the time (Lucas and Crosier 1982).
    mutating func calibrated(
        at now: MonotonicTime,
        model: DriftModel,
        into verdicts: inout [Verdict]
    ) {
        charts = Array(repeating: ChartState(), count: model.charts.count)
        if let chart = model.charts.first, chart.batch == 1, model.wantedDays > 0 {
            charts[0].up = chart.h / 2
            charts[0].down = chart.h / 2
        }
        guard reporter != nil else { return }
        reporter = nil
        verdicts.append(
            Verdict(
                condition: .drift,
                phase: .clear,
                severity: .warning,
                since: since,
                explanation: "The drift sums start again after a calibration, "
                    + "\(NumberText.duration(seconds: (now - since).seconds)) after the drift began."
            )
        )
    }
}

extension DriftDetector.ChartState {
    /// Takes the deviation of the next value from the reference; tells whether an alarm began or
    /// ended.
    fileprivate mutating func take(
        _ deviation: Double,
        at now: MonotonicTime,
        chart: DriftChart,
        isPlain: Bool
    ) -> Bool {
        var residual = deviation
        if chart.correlation > 0 {
            // After a gap nothing is known of the last value: it was where it mostly is.
            residual -= chart.correlation * (previous ?? deviation)
            previous = deviation
        }
        let bound = isPlain ? Double.infinity : DriftModel.clipping
        let z = clip(residual / chart.scale, -bound, bound)
        if isPlain { return takePlain(z, deviation, at: now, chart: chart) }
        guard side == 0 else { return takeInAlarm(z, residual / chart.scale) }
        up = max(0, up + z - chart.k)
        down = max(0, down - z - chart.k)
        if up > 0 { upTrace.add(deviation, at: now) } else { upTrace.clear() }
        if down > 0 { downTrace.add(deviation, at: now) } else { downTrace.clear() }
        guard up > chart.h || down > chart.h else { return false }
        side = up > chart.h ? 1 : -1
        let count = side > 0 ? upTrace.count : downTrace.count
        level = side * (chart.k + (side > 0 ? up : down) / max(count, 1))
        returning = 0
        return true
    }

    /// The textbook's chart: sums run on, up to twice the limit, and the alarm lasts as long.
    private mutating func takePlain(
        _ z: Double,
        _ deviation: Double,
        at now: MonotonicTime,
        chart: DriftChart
    ) -> Bool {
        up = min(max(0, up + z - chart.k), 2 * chart.h)
        down = min(max(0, down - z - chart.k), 2 * chart.h)
        if up > 0 { upTrace.add(deviation, at: now) } else { upTrace.clear() }
        if down > 0 { downTrace.add(deviation, at: now) } else { downTrace.clear() }
        let was = side
        side = up > chart.h ? 1 : down > chart.h ? -1 : 0
        return (was == 0) != (side == 0)
    }

    private mutating func takeInAlarm(_ z: Double, _ unclipped: Double) -> Bool {
        let size = min(max(abs(level), 1), DriftModel.clipping)
        returning = max(0, returning + size * (size / 2 - z * side))
        if returning == 0 { level += (unclipped - level) / 20 }
        guard returning > DriftDetector.returnInterval else { return false }
        side = 0
        level = 0
        returning = 0
        rest()
        return true
    }

    /// Both sums at zero.
    fileprivate mutating func rest() {
        up = 0
        down = 0
        upTrace.clear()
        downTrace.clear()
    }
}

// MARK: State

extension DriftDetector {
    func encode(into writer: inout ByteWriter, at now: MonotonicTime) {
        writer.write(UInt8(charts.count))
        for chart in charts {
            for number in [
                chart.up, chart.down, chart.batchSum, chart.side, chart.level, chart.returning,
            ] {
                writer.write(number)
            }
            writer.write(chart.previous)
            writer.write(UInt32(chart.batchCount))
            chart.upTrace.encode(into: &writer, at: now)
            chart.downTrace.encode(into: &writer, at: now)
        }
        writer.write(UInt8(reporter.map { $0 + 1 } ?? 0))
        writer.write(now.nanoseconds &- since.nanoseconds)
        trace.encode(into: &writer, at: now)
        writer.write(nextRateAt)
        writer.write(UInt8(rates))
    }

    mutating func restore(
        from reader: inout ByteReader,
        at now: MonotonicTime
    ) throws(CodingFault) {
        let count = Int(try reader.read(UInt8.self))
        guard count <= 16 else { throw .damaged("too many charts") }
        charts = []
        for _ in 0..<count {
            var chart = ChartState()
            chart.up = try reader.readFinite()
            chart.down = try reader.readFinite()
            chart.batchSum = try reader.readFinite()
            chart.side = try reader.readFinite()
            chart.level = try reader.readFinite()
            chart.returning = try reader.readFinite()
            chart.previous = try reader.readOptional()
            chart.batchCount = Int(try reader.read(UInt32.self))
            try chart.upTrace.restore(from: &reader, at: now)
            try chart.downTrace.restore(from: &reader, at: now)
            charts.append(chart)
        }
        let reporter = Int(try reader.read(UInt8.self)) - 1
        guard reporter < count else { throw .damaged("a drift finding of no chart") }
        self.reporter = reporter < 0 ? nil : reporter
        since = MonotonicTime(nanoseconds: now.nanoseconds &- (try reader.read(Int64.self)))
        try trace.restore(from: &reader, at: now)
        nextRateAt = try reader.readFinite()
        rates = Int(try reader.read(UInt8.self))
    }
}

extension DriftDetector.Trace {
    fileprivate func encode(into writer: inout ByteWriter, at now: MonotonicTime) {
        writer.write(now.nanoseconds &- began.nanoseconds)
        for number in [count, t, tt, x, tx] { writer.write(number) }
    }
    fileprivate mutating func restore(
        from reader: inout ByteReader,
        at now: MonotonicTime
    ) throws(CodingFault) {
        began = MonotonicTime(nanoseconds: now.nanoseconds &- (try reader.read(Int64.self)))
        count = try reader.readFinite()
        t = try reader.readFinite()
        tt = try reader.readFinite()
        x = try reader.readFinite()
        tx = try reader.readFinite()
    }
}
