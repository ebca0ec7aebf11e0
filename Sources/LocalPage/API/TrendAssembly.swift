import Alerts
import GatewayCore
import Journal
import Signal

/// A trend as the API tells it: points, what they come to, where nothing came, and which alerts
/// were active.
struct TrendBody: Encodable, Sendable {
    struct Point: Encodable, Sendable {
        /// Milliseconds since 1970, where the point's stretch of time begins.
        var t: Int64
        @OrNull var min: Double?
        @OrNull var mean: Double?
        @OrNull var max: Double?
        /// Readings with a usable value.
        var count: UInt64
        /// The worst of all its readings.
        var quality: String
    }
    struct Statistics: Encodable, Sendable {
        @OrNull var min: Double?
        @OrNull var max: Double?
        @OrNull var mean: Double?
        var count: UInt64 = 0
        /// Points whose worst reading was uncertain, and bad.
        var uncertain = 0
        var bad = 0
    }
    struct Mark: Encodable, Sendable {
        var id: String
        var type: String
        var severity: String
        var from: ISOTime
        @OrNull var to: ISOTime?
        var explanation: String
    }
    struct Gap: Encodable, Sendable, Equatable {
        var from: ISOTime
        var to: ISOTime
    }

    var tagNumber: String
    var unit: String
    var from: ISOTime
    var to: ISOTime
    var level: String
    var widthSeconds: Double
    var points: [Point]
    var statistics: Statistics
    var rangeMin: Double
    var rangeMax: Double
    @OrNull var nominalValue: Double?
    var limits: LimitsBody
    var alerts: [Mark]
    var gaps: [Gap]

    init(
        of instrument: KnownInstrument,
        span: (from: WallTime, to: WallTime),
        trend: Trend,
        marks: [Mark],
        now: WallTime
    ) {
        tagNumber = instrument.tag
        unit = instrument.unit
        from = ISOTime(span.from)
        to = ISOTime(span.to)
        level = trend.level?.name ?? "raw"
        widthSeconds = trend.width.seconds
        points = trend.points.map(Point.init)
        statistics = Statistics(trend.points)
        rangeMin = instrument.lrv
        rangeMax = instrument.urv
        nominalValue = instrument.nominal
        limits = LimitsBody(instrument.limits)
        alerts = marks
        gaps = trend.gaps(in: span, expecting: instrument.expectedInterval, now: now)
    }
}

extension TrendBody.Point {
    init(_ point: TrendPoint) {
        t = point.at.millisecondsSince1970
        min = point.rollup.values?.lowest
        mean = point.rollup.values?.mean
        max = point.rollup.values?.highest
        count = point.rollup.count
        quality = point.rollup.worst.level.name
    }
}

extension TrendBody.Statistics {
    init(_ points: [TrendPoint]) {
        var whole: Rollup?
        for point in points {
            if whole?.merge(point.rollup) == nil { whole = point.rollup }
            switch point.rollup.worst.level {
            case .good: break
            case .uncertain: uncertain += 1
            case .bad: bad += 1
            }
        }
        min = whole?.values?.lowest
        max = whole?.values?.highest
        mean = whole?.values?.mean
        count = whole?.count ?? 0
    }
}

extension RollupLevel {
    /// The level as the API names it.
    var name: String {
        switch self {
        case .minute: "minute"
        case .hour: "hour"
        case .day: "day"
        }
    }
}

extension Trend {
    /// What has come is shown late by a commit and what waits for it: only then is the end a gap.
    private static let patience = Nanoseconds.seconds(60)

    /// Where no reading came, good or bad, for twice as long as one is expected.
    func gaps(
        in span: (from: WallTime, to: WallTime),
        expecting interval: Nanoseconds,
        now: WallTime
    ) -> [TrendBody.Gap] {
        // A reading's own time is met to the interval; a bucket without a reading is a gap.
        let longest = width > .zero ? width + Nanoseconds(width.count / 2) : interval * 2
        var gaps: [TrendBody.Gap] = []
        var known = span.from
        for point in points {
            if point.at - known > longest {
                gaps.append(TrendBody.Gap(from: ISOTime(known), to: ISOTime(point.at)))
            }
            known = max(known, point.at + width)
        }
        let end = min(span.to, now)
        if end - known > max(longest, Self.patience) {
            gaps.append(TrendBody.Gap(from: ISOTime(known), to: ISOTime(end)))
        }
        return gaps
    }
}

extension JournalReader {
    /// When alerts of an instrument were active within a span, oldest first.
    ///
    /// - open: the alerts that are open now; one that began before the span has no step in it.
    func marks(
        of instrument: InstrumentID,
        from: WallTime,
        to: WallTime,
        open: [GatewaySnapshot.Alert]
    ) throws -> [TrendBody.Mark] {
        var seen: [AlertID: Activity] = [:]
        var before: Position?
        var left = Limits.trendAlertSteps
        search: while left > 0 {
            let page = try recordPage(
                kind: .alert,
                instrument: instrument,
                before: before,
                limit: min(left, 500)
            )
            left -= 500
            for (_, record) in page.rows {
                guard case .alert(let step) = record.body, step.type != .system else { continue }
                seen[step.alert, default: Activity(step)].goBack(to: step)
                // Whatever is older and still matters is among the open ones.
                if step.at.wall < from { break search }
            }
            guard let next = page.next else { break }
            before = next
        }
        var marks = seen.values.compactMap { $0.mark(from: from, to: to) }
        for alert in open
        where alert.instrument == instrument.rawValue && !alert.isNotice && alert.raisedAt < to {
            guard let id = AlertID(alert.id), seen[id] == nil, alert.isActive else { continue }
            marks.append(TrendBody.Mark(alert))
        }
        return marks.sorted { $0.from.wall < $1.from.wall }
    }

    /// What is known of an alert after going back through its steps.
    private struct Activity {
        var last: AlertTransition
        /// The earliest step from which on its condition was gone for good.
        var ended: WallTime?
        var isSettled = false

        init(_ step: AlertTransition) { last = step }

        mutating func goBack(to step: AlertTransition) {
            guard !isSettled else { return }
            if step.isActive && step.state != .resolved {
                isSettled = true
            } else {
                ended = step.at.wall
            }
        }

        func mark(from: WallTime, to: WallTime) -> TrendBody.Mark? {
            let begin = last.raisedAt.wall
            guard begin < to, ended.map({ $0 >= from }) ?? true else { return nil }
            return TrendBody.Mark(
                id: last.alert.description,
                type: last.type.rawValue,
                severity: last.severity.rawValue,
                from: ISOTime(begin),
                to: ended.map { ISOTime($0) },
                explanation: last.explanation
            )
        }
    }
}

extension TrendBody.Mark {
    /// An alert that is active now.
    init(_ alert: GatewaySnapshot.Alert) {
        id = alert.id
        type = alert.type
        severity = alert.severity
        from = ISOTime(alert.raisedAt)
        to = nil
        explanation = alert.explanation
    }
}
