import Signal

/// All detectors of one instrument: takes every reading, says what began and what ended.
///
/// A value: copy it and the copy goes its own way. Nothing here knows a clock; times are the
/// monotonic times of the readings. A detector that needs a model waits until one is adopted.
public struct InstrumentDetectors: Sendable {
    /// What the detectors are told.
    public private(set) var settings: DetectorSettings
    /// What they learned; nil: only the rules and the plain stuck rule run.
    public private(set) var model: TrainedModel?

    private var rules: LimitRules.Rules
    private var isEnabled: SIMD4<UInt8>
    private var limits = LimitRules()
    private var drift = DriftDetector()
    private var stuck = StuckDetector()
    private var anomaly = AnomalyDetector()
    private var lastRuled: MonotonicTime?
    private var lastJudged: MonotonicTime?

    /// Detectors without state, as on the first start.
    public init(settings: DetectorSettings, model: TrainedModel? = nil) {
        self.settings = settings
        self.model = model
        rules = LimitRules.Rules(settings)
        isEnabled = Self.enabled(settings)
    }

    private static func enabled(_ settings: DetectorSettings) -> SIMD4<UInt8> {
        var mask = SIMD4<UInt8>(repeating: 1)
        for kind in settings.disabled { mask[Int(kind.rawValue)] = 0 }
        return mask
    }

    /// Takes new settings. The detectors named begin afresh, without a word of what they had open;
    /// what the others have seen so far stays.
    public mutating func configure(
        _ settings: DetectorSettings,
        restarting kinds: Set<DetectorKind> = []
    ) {
        self.settings = settings
        rules = LimitRules.Rules(settings)
        isEnabled = Self.enabled(settings)
        for kind in kinds {
            switch kind {
            case .limits: limits = LimitRules()
            case .drift: drift = DriftDetector()
            case .stuck: stuck = StuckDetector()
            case .anomaly: anomaly = AnomalyDetector()
            }
        }
    }

    /// The detectors whose findings so far say nothing under `settings`: those that are switched,
    /// or told to look otherwise, and the limits where one that is exceeded goes.
    public func kindsThatRestart(with settings: DetectorSettings) -> Set<DetectorKind> {
        let old = self.settings
        var kinds = settings.disabled.symmetricDifference(old.disabled)
            .union(settings.shadow.symmetricDifference(old.shadow))
        if settings.drift != old.drift { kinds.insert(.drift) }
        if settings.stuck != old.stuck { kinds.insert(.stuck) }
        if settings.anomaly != old.anomaly { kinds.insert(.anomaly) }
        let isGone = [settings.limits.lowLow == nil, settings.limits.highHigh == nil]
        if isGone[0] && limits.isActive(0) || isGone[1] && limits.isActive(3) {
            kinds.insert(.limits)
        }
        return kinds
    }

    /// Forgets its model and all that was seen with it.
    public mutating func forgetModel() {
        model = nil
        drift = DriftDetector()
        anomaly = AnomalyDetector()
    }

    /// Takes another model (or none): the statistical detectors begin afresh with it, and what they
    /// had open is cleared.
    public mutating func adopt(_ model: TrainedModel?, at now: MonotonicTime) -> [Finding] {
        var verdicts: [Verdict] = []
        if let old = self.model { drift.calibrated(at: now, model: old.drift, into: &verdicts) }
        if anomaly.isActive {
            verdicts.append(
                Verdict(
                    condition: .anomaly,
                    phase: .clear,
                    severity: .warning,
                    since: now,
                    explanation: "Another model was activated: windows are judged afresh."
                )
            )
        }
        self.model = model
        drift = DriftDetector()
        anomaly = AnomalyDetector()
        return findings(verdicts, value: nil)
    }

    /// Takes the next reading, received at `now`, and says what began, changed or ended with it.
    ///
    /// Bad readings are skipped. While the loop is saturated only the limits are watched.
    public mutating func process(_ reading: Reading, at now: MonotonicTime) -> [Finding] {
        guard let value = reading.value else { return [] }
        var verdicts: [Verdict] = []
        let use = Self.use(of: reading.quality)
        guard use != .none else { return [] }
        if isEnabled[0] != 0 {
            if let lastRuled, now - lastRuled > settings.gap { limits.gap() }
            lastRuled = now
            limits.process(value, at: now, rules: rules, into: &verdicts)
        }
        if use == .all { judge(reading, value, at: now, &verdicts) }
        return verdicts.isEmpty ? [] : findings(verdicts, value: value)
    }

    private mutating func judge(
        _ reading: Reading,
        _ value: Double,
        at now: MonotonicTime,
        _ verdicts: inout [Verdict]
    ) {
        if let lastJudged {
            let silence = now - lastJudged
            guard silence > .zero else { return }
            if silence > settings.gap {
                drift.gap(long: silence > settings.longGap)
                stuck.gap()
                anomaly.gap()
            }
        }
        lastJudged = now
        if isEnabled[2] != 0 {
            stuck.process(
                reading,
                value,
                at: now,
                settings: settings,
                model: model?.stuck,
                into: &verdicts
            )
        }
        guard model != nil else { return }
        if isEnabled[1] != 0, let model {
            drift.process(
                value,
                at: now,
                model: model.drift,
                unit: settings.span.unit,
                interval: settings.expectedInterval.seconds,
                into: &verdicts
            )
        }
        if isEnabled[3] != 0, let anomalyModel = model?.anomaly {
            anomaly.process(
                value,
                at: now,
                settings: settings,
                model: anomalyModel,
                into: &verdicts
            )
        }
    }

    private enum Use { case none, limits, all }

    /// What a reading of this quality may be used for.
    private static func use(of quality: Quality) -> Use {
        switch quality {
        case .good, .drifting, .rateOfChange: .all
        // The value is held or still settling: true enough for a limit, no measure of noise.
        case .saturatedLow, .saturatedHigh, .settling: .limits
        default: .none
        }
    }

    /// A calibration was passed: the drift sums start again.
    public mutating func calibrated(at now: MonotonicTime) -> [Finding] {
        guard let model else { return [] }
        var verdicts: [Verdict] = []
        drift.calibrated(at: now, model: model.drift, into: &verdicts)
        return findings(verdicts, value: nil)
    }

    private func findings(_ verdicts: [Verdict], value: Double?) -> [Finding] {
        verdicts.map { verdict in
            let kind = verdict.condition.detector
            return Finding(
                instrument: settings.instrument,
                condition: verdict.condition,
                phase: verdict.phase,
                severity: verdict.severity,
                value: value,
                since: verdict.since,
                explanation: verdict.explanation,
                numbers: verdict.numbers,
                isShadow: settings.shadow.contains(kind)
                    || kind == .anomaly && model?.anomaly?.isProvisional == true
            )
        }
    }

    /// Forgets limits that were in alarm when the state was saved, and are not any more as later
    /// records tell: otherwise the next time would be no news.
    public mutating func forgetLimits(low: Bool, high: Bool) {
        limits.forget(low: low, high: high)
    }

    /// The forest's score of the last window; nil before the first.
    public var lastScore: Double? { anomaly.score }

    /// How the detectors stand, for the page and the health score.
    public var status: DetectorStatus {
        DetectorStatus(
            limitsActive: (0..<4).map(limits.isActive),
            drifting: drift.isActive,
            driftSums: drift.sums.map { [$0.up, $0.down] },
            stuck: stuck.isActive,
            anomalous: anomaly.isActive,
            score: anomaly.score,
            distance: anomaly.distance,
            scoreLimit: model?.anomaly?.scoreLimit,
            distanceLimit: model?.anomaly?.distanceLimit,
            hasModel: model != nil,
            judgesDrift: model.map { !$0.drift.charts.isEmpty } ?? false,
            isProvisional: model?.anomaly?.isProvisional ?? false
        )
    }

    // MARK: State

    private static let format: UInt8 = 1

    /// Everything the detectors have seen, as bytes; times as ages at `now`. The model is not in it.
    public func snapshot(at now: MonotonicTime) -> [UInt8] {
        var writer = ByteWriter()
        writer.write(Self.format)
        for time in [lastRuled, lastJudged] {
            writer.write(time != nil)
            writer.write(now.nanoseconds &- (time?.nanoseconds ?? 0))
        }
        limits.encode(into: &writer, at: now)
        stuck.encode(into: &writer, at: now)
        drift.encode(into: &writer, at: now)
        anomaly.encode(into: &writer, at: now)
        writer.write(UInt32(truncatingIfNeeded: checksum(writer.bytes)))
        return writer.bytes
    }

    /// Takes up what `snapshot` wrote. `now` is the moment of the snapshot on the present clock:
    /// the present minus the time that has passed since, as far as that is known.
    ///
    /// - Throws: `CodingFault`; the detectors then stay as they were.
    public mutating func restore(
        _ bytes: [UInt8],
        at now: MonotonicTime
    ) throws(CodingFault) {
        guard bytes.count > 5 else { throw .damaged("\(bytes.count) bytes are no detector state") }
        var tail = ByteReader(bytes[(bytes.count - 4)...])
        guard
            try tail.read(UInt32.self)
                == UInt32(truncatingIfNeeded: checksum(bytes.dropLast(4)))
        else { throw .checksum }
        var reader = ByteReader(bytes.dropLast(4))
        let format = try reader.read(UInt8.self)
        guard format == Self.format else {
            throw .format(found: UInt16(format), wanted: UInt16(Self.format))
        }
        var fresh = InstrumentDetectors(settings: settings, model: model)
        var times: [MonotonicTime?] = []
        for _ in 0..<2 {
            let isThere = try reader.readBool()
            let age = try reader.read(Int64.self)
            times.append(isThere ? MonotonicTime(nanoseconds: now.nanoseconds &- age) : nil)
        }
        fresh.lastRuled = times[0]
        fresh.lastJudged = times[1]
        try fresh.limits.restore(from: &reader, at: now)
        try fresh.stuck.restore(from: &reader, at: now)
        try fresh.drift.restore(from: &reader, at: now)
        try fresh.anomaly.restore(from: &reader, at: now)
        self = fresh
    }
}

/// How the detectors of an instrument stand.
public struct DetectorStatus: Hashable, Sendable, Codable {
    /// Whether low-low, low, high and high-high are in alarm.
    public var limitsActive: [Bool]
    /// Whether drift is found.
    public var drifting: Bool
    /// The sums of the fastest drift chart, up and down; nil before the first judged reading.
    public var driftSums: [Double]?
    /// Whether the value is stuck or its noise gone.
    public var stuck: Bool
    /// Whether the last windows are unlike the baseline.
    public var anomalous: Bool
    /// The last window's forest score; nil before the first.
    public var score: Double?
    /// The last window's distance; nil before the first.
    public var distance: Double?
    /// The limits of the two.
    public var scoreLimit: Double?
    /// The limit of the distance.
    public var distanceLimit: Double?
    /// Whether a model is adopted.
    public var hasModel: Bool
    /// Whether the model has a chart to judge drift by: its baseline may be too short,
    /// or constant.
    public var judgesDrift: Bool
    /// Whether the model's anomalies stay in shadow.
    public var isProvisional: Bool
}
