import Signal

/// What an alert is about, exactly: at most one alert is open for each.
public struct ConditionKey: Hashable, Sendable, Codable, Comparable {
    /// The instrument; nil for the gateway's own parts.
    public var instrument: InstrumentID?
    /// The gateway's part (`relay`, `journal`, a connection's name); empty for an instrument.
    public var part: String
    /// What kind of condition.
    public var type: AlertType
    /// Which of that kind: `high`, `wire-break`, `cusum`.
    public var detail: String

    /// A condition of an instrument.
    public init(instrument: InstrumentID, type: AlertType, detail: String) {
        self.instrument = instrument
        part = ""
        self.type = type
        self.detail = detail
    }

    /// A condition of a part of the gateway.
    public init(part: String, type: AlertType = .system, detail: String) {
        instrument = nil
        self.part = part
        self.type = type
        self.detail = detail
    }

    /// The condition that a stored transition is about.
    init(_ transition: AlertTransition) {
        instrument = transition.instrument
        part = transition.instrument == nil ? transition.subject : ""
        type = transition.type
        detail = transition.detail
    }

    /// Detail of a sensor whose value does not move.
    public static let stuck = "stuck"
    /// Detail of a calibration whose due date has passed.
    public static let calibrationDue = "calibration-due"
    /// Detail of an instrument that failed its calibration.
    public static let calibrationFailed = "calibration-failed"
    /// Detail of the notice that an instrument's alarms are suppressed after maintenance.
    public static let maintenance = "maintenance"
    /// Detail of the notice that an instrument is out of service.
    public static let outOfService = "out-of-service"
    /// Detail that takes all further conditions once a key's owner has reached its limit.
    public static let others = "others"

    /// The notice that the alarms of `instrument` are suppressed after maintenance.
    static func maintenance(_ instrument: InstrumentID) -> ConditionKey {
        ConditionKey(instrument: instrument, type: .system, detail: maintenance)
    }

    /// The notice that `instrument` is out of service.
    static func outOfService(_ instrument: InstrumentID) -> ConditionKey {
        ConditionKey(instrument: instrument, type: .system, detail: outOfService)
    }

    /// Whether this is a notice about an instrument rather than an alarm.
    var isNotice: Bool {
        instrument != nil && type == .system
            && (detail == ConditionKey.maintenance || detail == ConditionKey.outOfService)
    }

    /// The gateway's parts first, then by instrument, type and detail.
    public static func < (a: ConditionKey, b: ConditionKey) -> Bool {
        (a.instrument?.rawValue ?? 0, a.part, a.type.rawValue, a.detail)
            < (b.instrument?.rawValue ?? 0, b.part, b.type.rawValue, b.detail)
    }
}

/// How far a condition has gone: the two steps that limits and detectors know.
public enum AlertGrade: String, Hashable, Sendable, Codable, CaseIterable {
    /// Low, high; a detector's warning threshold; a suspected fault.
    case preAlarm = "pre-alarm"
    /// Low-low, high-high; a detector's critical threshold; an established fault.
    case mainAlarm = "main-alarm"
}

/// News of a condition, from a detector or from a part of the gateway.
///
/// Report it when it changes. Reporting a known state again does no harm: an active condition then
/// takes the new value and explanation, and may rise in severity.
public struct ConditionChange: Hashable, Sendable {
    /// What happened to it.
    public enum Phase: String, Hashable, Sendable {
        /// The condition is there (deadband and delays are already in it).
        case active
        /// The condition has gone.
        case cleared
        /// Something that happened once and does not last, such as a message put in quarantine.
        case event
    }

    /// Which condition.
    public var key: ConditionKey
    /// What happened to it.
    public var phase: Phase
    /// How far it has gone; with type and criticality it gives the severity.
    public var grade: AlertGrade
    /// The severity, where the table of the policy is not to decide.
    public var severity: Severity?
    /// The process value that decided it.
    public var value: Double?
    /// One sentence with its numbers; unused when cleared.
    public var explanation: String

    /// News of the condition `key`.
    public init(
        key: ConditionKey,
        phase: Phase,
        grade: AlertGrade = .mainAlarm,
        severity: Severity? = nil,
        value: Double? = nil,
        explanation: String = ""
    ) {
        self.key = key
        self.phase = phase
        self.grade = grade
        self.severity = severity
        self.value = value
        self.explanation = explanation
    }
}

/// How much the plant depends on an instrument, as far as alerts must know.
public enum AlertCriticality: String, Hashable, Sendable, Codable, CaseIterable {
    case low, medium, high, critical
}

/// What alerts must know of an instrument.
public struct InstrumentFacts: Hashable, Sendable {
    /// Its number.
    public var id: InstrumentID
    /// Its tag, as people read it.
    public var tag: String
    /// Its process unit; empty where it has none.
    public var area: String
    /// How much depends on it.
    public var criticality: AlertCriticality
    /// Days between calibrations; nil: none wanted.
    public var calibrationIntervalDays: Int?

    /// The facts of one instrument.
    public init(
        id: InstrumentID,
        tag: String,
        area: String = "",
        criticality: AlertCriticality = .medium,
        calibrationIntervalDays: Int? = nil
    ) {
        self.id = id
        self.tag = tag
        self.area = area
        self.criticality = criticality
        self.calibrationIntervalDays = calibrationIntervalDays
    }
}
