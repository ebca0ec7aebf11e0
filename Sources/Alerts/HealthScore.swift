import Signal

/// What an instrument's health is judged by.
public struct HealthInputs: Hashable, Sendable {
    /// Quality of the newest reading; nil: none since the start.
    public var quality: Quality?
    /// No reading has come for longer than is expected.
    public var hasGap: Bool
    /// Share of the readings of the last hour that were good, 0 to 1; nil: not known.
    public var goodShare: Double?
    /// Where it stands with its calibration.
    public var calibration: CalibrationStatus
    /// The worst active rule violation.
    public var rule: Severity?
    /// The forest's latest score, 0 to 1; nil: no model.
    public var anomalyScore: Double?
    /// The forest's thresholds, the warning one below the critical one.
    public var anomalyWarning: Double
    /// See `anomalyWarning`.
    public var anomalyCritical: Double
    /// Whether drift is established.
    public var isDrifting: Bool
    /// Whether the value is frozen.
    public var isStuck: Bool
    /// Whether another fault of the instrument is active.
    public var hasFault: Bool
    /// Whether its last calibration failed.
    public var failedCalibration: Bool
    /// Whether it is out of service.
    public var isOutOfService: Bool

    /// A healthy instrument without a model, as far as nothing else is said; but no reading yet.
    public init(
        quality: Quality? = nil,
        hasGap: Bool = false,
        goodShare: Double? = nil,
        calibration: CalibrationStatus = .notWanted,
        rule: Severity? = nil,
        anomalyScore: Double? = nil,
        anomalyWarning: Double = 0.5,
        anomalyCritical: Double = 0.7,
        isDrifting: Bool = false,
        isStuck: Bool = false,
        hasFault: Bool = false,
        failedCalibration: Bool = false,
        isOutOfService: Bool = false
    ) {
        self.quality = quality
        self.hasGap = hasGap
        self.goodShare = goodShare
        self.calibration = calibration
        self.rule = rule
        self.anomalyScore = anomalyScore
        self.anomalyWarning = anomalyWarning
        self.anomalyCritical = anomalyCritical
        self.isDrifting = isDrifting
        self.isStuck = isStuck
        self.hasFault = hasFault
        self.failedCalibration = failedCalibration
        self.isOutOfService = isOutOfService
    }

    /// Takes over what the open alerts of the instrument say; shelved ones count, too.
    public mutating func take(_ alerts: [OpenAlert]) {
        for alert in alerts {
            if alert.isNotice {
                if alert.key.detail == ConditionKey.outOfService { isOutOfService = true }
                continue
            }
            guard alert.isActive else { continue }
            switch alert.key.type {
            case .ruleViolation:
                rule = max(rule ?? .advisory, alert.presentSeverity)
            case .drift: isDrifting = true
            case .dataGap: hasGap = true
            case .instrumentFault:
                switch alert.key.detail {
                case ConditionKey.stuck: isStuck = true
                case ConditionKey.calibrationFailed: failedCalibration = true
                default: hasFault = true
                }
            case .calibrationOverdue, .anomaly, .system: break
            }
        }
    }
}

/// An instrument's health from 0 to 100, with the parts that it was made of.
///
/// Penalties for calibration, rules, forest, drift and stuck sensors are those of the central
/// CMMS. Beyond it, a measurement that cannot be trusted is never healthy: without data the score
/// is at most 40, with a failed instrument at most 20.
public struct HealthScore: Hashable, Sendable {
    /// What a penalty is for.
    public enum Part: String, Hashable, Sendable, CaseIterable {
        case data, stuck, rule, calibration, drift, anomaly
    }
    /// One penalty.
    public struct Penalty: Hashable, Sendable {
        /// What it is for.
        public var part: Part
        /// Points taken off, above 0.
        public var points: Int
        /// Why, in words.
        public var reason: String
    }

    /// 0 to 100; nil for an instrument out of service, which nobody can judge.
    public let score: Int?
    /// What was taken off, the first recommendation first.
    public let penalties: [Penalty]

    /// `excellent`, `good`, `fair`, `attention`, `poor`, `critical`, as the CMMS says it; or
    /// `out of service`.
    public var label: String {
        switch score {
        case nil: "out of service"
        case .some(90...): "excellent"
        case .some(80..<90): "good"
        case .some(65..<80): "fair"
        case .some(45..<65): "attention"
        case .some(25..<45): "poor"
        case .some: "critical"
        }
    }

    /// What to look at first; nil where nothing is taken off.
    public var recommendation: String? { penalties.first?.reason }

    /// Judges.
    public init(_ inputs: HealthInputs) {
        guard !inputs.isOutOfService, inputs.quality != .outOfService else {
            score = nil
            penalties = []
            return
        }
        var parts: [Penalty] = []
        func take(_ points: Int, _ part: Part, _ reason: String) {
            if points > 0 { parts.append(Penalty(part: part, points: points, reason: reason)) }
        }
        let (points, reason) = HealthScore.data(inputs)
        take(points, .data, reason)
        if inputs.isStuck || inputs.quality == .stuck {
            take(30, .stuck, "The value does not move: check the sensor")
        }
        switch inputs.rule {
        case .critical: take(40, .rule, "A main limit is exceeded")
        case .warning, .advisory: take(20, .rule, "A limit is exceeded")
        case nil: break
        }
        switch inputs.calibration {
        case _ where inputs.failedCalibration:
            take(25, .calibration, "The last calibration failed")
        case .never: take(5, .calibration, "Never calibrated")
        case .overdue: take(25, .calibration, "Calibration is overdue")
        case .dueSoon: take(10, .calibration, "Calibration is due within a week")
        case .notWanted, .unknown, .valid: break
        }
        if inputs.isDrifting { take(15, .drift, "The value drifts: check the calibration") }
        // A score of readings that nobody trusts says nothing.
        if let score = inputs.anomalyScore, score.isFinite, points < HealthScore.noData {
            let clipped = min(max(score, 0), 1)
            if clipped >= inputs.anomalyCritical {
                take(35, .anomaly, "The signal is far from its baseline")
            } else if clipped >= inputs.anomalyWarning {
                take(20, .anomaly, "The signal is unlike its baseline")
            } else {
                take(Int((10 * clipped).rounded()), .anomaly, "Part of the anomaly score")
            }
        }
        penalties = parts
        score = max(0, 100 - parts.reduce(0) { $0 + $1.points })
    }

    private static let noData = 60
    private static let failed = 80

    /// The penalty for the measurement itself, which the CMMS does not know.
    private static func data(_ inputs: HealthInputs) -> (Int, String) {
        guard let quality = inputs.quality, quality != .waiting else {
            return (noData, "No reading yet")
        }
        if quality == .communication { return (noData, "The module does not answer") }
        if quality.level == .bad, quality != .stuck {
            return (failed, "The instrument or its module has failed: \(quality.reason)")
        }
        if inputs.hasFault { return (failed, "A fault of the instrument is active") }
        if inputs.hasGap { return (noData, "No reading came in time") }
        // A stuck value has its own penalty, and is no measurement besides.
        if quality == .stuck { return (failed - 30, "The value is not a measurement: stuck") }
        var points = quality.level == .uncertain ? 15 : 0
        var reason = quality.level == .uncertain ? "The value is uncertain: \(quality.reason)" : ""
        if let share = inputs.goodShare, share.isFinite {
            let lost = Int((30 * (1 - min(max(share, 0), 1))).rounded())
            if lost > points {
                points = lost
                reason = "Only \(Int((share * 100).rounded())) % of the last hour was good"
            }
        }
        return (points, reason)
    }
}
