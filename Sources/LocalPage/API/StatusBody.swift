import Alerts
import Detection
import GatewayCore
import Signal

/// How an instrument stands: its newest reading, every detector, its health and its history.
struct StatusBody: Encodable, Sendable {
    struct Rule: Encodable, Sendable {
        /// `ok`, `low-low`, `low`, `high` or `high-high`.
        var state: String
        var limits: LimitsBody
    }
    struct Drift: Encodable, Sendable {
        /// `no-model`, `no-chart` (the baseline gives none to judge by), `ok` or `drifting`.
        var state: String
        /// Sums of the fastest chart; null before the first judged reading.
        @OrNull var up: Double?
        @OrNull var down: Double?

        init(_ status: DetectorStatus) {
            state =
                switch (status.hasModel, status.judgesDrift) {
                case (false, _): "no-model"
                case (true, false): "no-chart"
                case (true, true): status.drifting ? "drifting" : "ok"
                }
            up = status.driftSums?.first
            down = status.driftSums?.last
        }
    }
    struct Stuck: Encodable, Sendable {
        /// `ok` or `stuck`.
        var state: String
    }
    struct Forest: Encodable, Sendable {
        /// `no-model`, `waiting` (for the first window), `ok` or `anomalous`.
        var state: String
        @OrNull var score: Double?
        @OrNull var scoreLimit: Double?
        @OrNull var distance: Double?
        @OrNull var distanceLimit: Double?
        /// The baseline was short: findings are recorded, not alarmed.
        var shadow: Bool
    }
    struct LoopSignal: Encodable, Sendable {
        /// `good`, `uncertain` or `bad`.
        var state: String
        var reason: String
        @OrNull var milliamps: Double?
        var gap: Bool
        var readings: UInt64
        var badReadings: UInt64
    }
    struct Health: Encodable, Sendable {
        struct Penalty: Encodable, Sendable {
            var part: String
            var points: Int
            var reason: String
        }
        @OrNull var score: Int?
        var label: String
        var penalties: [Penalty]
    }
    struct Calibration: Encodable, Sendable {
        var status: String
        @OrNull var due: ISOTime?
        @OrNull var latest: CalibrationBody?
    }
    struct Model: Encodable, Sendable {
        var version: Int
        var trainedAt: ISOTime
        var trainedBy: String
        var windows: Int
    }
    struct Baseline: Encodable, Sendable {
        var from: ISOTime
        var to: ISOTime
        var markedBy: String
    }

    var id: UInt32
    var tagNumber: String
    var live: LiveBody
    var rule: Rule
    var cusum: Drift
    var stuck: Stuck
    var iforest: Forest
    var signal: LoopSignal
    var health: Health
    var calibration: Calibration
    @OrNull var model: Model?
    @OrNull var baseline: Baseline?
    @OrNull var suppressedUntil: ISOTime?
    var outOfService: Bool

    init(_ item: GatewaySnapshot.Instrument, at wall: WallTime) {
        let status = item.detectors
        id = item.id
        tagNumber = item.tag
        live = LiveBody(item, at: wall)
        rule = Rule(state: status.ruleState, limits: LimitsBody(item.limits))
        cusum = Drift(status)
        stuck = Stuck(state: status.stuck ? "stuck" : "ok")
        iforest = Forest(
            state: !status.hasModel
                ? "no-model"
                : status.anomalous ? "anomalous" : status.score == nil ? "waiting" : "ok",
            score: status.score,
            scoreLimit: status.scoreLimit,
            distance: status.distance,
            distanceLimit: status.distanceLimit,
            shadow: status.isProvisional
        )
        signal = LoopSignal(
            state: item.quality,
            reason: item.reason,
            milliamps: item.milliamps,
            gap: item.isInGap,
            readings: item.readings,
            badReadings: item.badReadings
        )
        health = Health(
            score: item.score,
            label: item.health,
            penalties: item.penalties.map {
                Health.Penalty(part: $0.part, points: $0.points, reason: $0.reason)
            }
        )
        calibration = Calibration(
            status: item.calibration.status,
            due: item.calibration.due.map { ISOTime($0) },
            latest: item.calibration.latest.map { CalibrationBody($0, of: item) }
        )
        model = item.model.map {
            Model(
                version: $0.version,
                trainedAt: ISOTime($0.trainedAt),
                trainedBy: $0.trainedBy,
                windows: $0.windows
            )
        }
        baseline = item.baseline.map {
            Baseline(from: ISOTime($0.from), to: ISOTime($0.to), markedBy: $0.markedBy)
        }
        suppressedUntil = item.suppressedUntil.map { ISOTime($0) }
        outOfService = item.isOutOfService
    }
}

extension DetectorStatus {
    /// The outermost limit that is passed.
    fileprivate var ruleState: String {
        let words = ["low-low", "low", "high", "high-high"]
        guard limitsActive.count == words.count else { return "ok" }
        for index in [0, 3, 1, 2] where limitsActive[index] { return words[index] }
        return "ok"
    }
}

/// A calibration that was recorded, with its errors in percent of span.
struct CalibrationBody: Encodable, Sendable {
    var instrumentId: UInt32
    var tagNumber: String
    var performedAt: ISOTime
    var performedBy: String
    var passed: Bool
    @OrNull var notes: String?
    @OrNull var asFoundValue: Double?
    @OrNull var asLeftValue: Double?
    @OrNull var referenceValue: Double?
    /// In per cent of the span, to four decimals.
    @OrNull var asFoundErrorPercent: Double?
    @OrNull var asLeftErrorPercent: Double?

    init(_ record: CalibrationRecord, tag: String, span: Span?) {
        instrumentId = record.instrument.rawValue
        tagNumber = tag
        performedAt = ISOTime(record.performedAt)
        performedBy = record.performedBy
        passed = record.passed
        notes = record.notes
        asFoundValue = record.asFound
        asLeftValue = record.asLeft
        referenceValue = record.reference
        asFoundErrorPercent = span.flatMap {
            record.asFoundError(span: $0)?.rounded(parts: 10_000)
        }
        asLeftErrorPercent = span.flatMap { record.asLeftError(span: $0)?.rounded(parts: 10_000) }
    }

    init(_ record: CalibrationRecord, of item: GatewaySnapshot.Instrument) {
        self.init(
            record,
            tag: item.tag,
            span: Span(lrv: item.lrv, urv: item.urv, unit: item.unit)
        )
    }
}
