import Signal

/// Why an open alert is not annunciated.
public enum AlertSuppression: String, Hashable, Sendable, Codable {
    case shelved
    case maintenance
    case outOfService = "out-of-service"
}

/// An alert that is not resolved, as lists and the relay see it.
public struct OpenAlert: Hashable, Sendable {
    /// Its name for ever.
    public internal(set) var id: AlertID
    /// What it is about.
    public internal(set) var key: ConditionKey
    /// The tag, or the gateway's part.
    public internal(set) var subject: String
    /// The process unit; empty where there is none.
    public internal(set) var area: String
    /// The worst severity since it was raised.
    public internal(set) var severity: Severity
    /// The severity that the condition has (or last had) itself.
    public internal(set) var presentSeverity: Severity
    /// Whether the condition is there now.
    public internal(set) var isActive: Bool
    /// Whether a person has acknowledged it since it last came up.
    public internal(set) var isAcknowledged: Bool
    /// Whether it waits for a reset by hand.
    public internal(set) var isLatched: Bool
    /// Why it is not annunciated, where it is not.
    public internal(set) var suppression: AlertSuppression?
    /// The shelf it lies on; of a maintenance notice: the window.
    public internal(set) var shelf: AlertShelf?
    /// How often the condition has come up since the alert was raised, from 1.
    public internal(set) var occurrences: UInt64
    /// How often it has called for attention in this run of the gateway: a horn sounds anew when
    /// this grows.
    public internal(set) var annunciations: UInt64
    /// What alarm management says about it.
    public internal(set) var marks: Set<AlertMark>
    /// The process value that decided it.
    public internal(set) var value: Double?
    /// One sentence with its numbers.
    public internal(set) var explanation: String
    /// When it was raised.
    public internal(set) var raisedAt: Stamp
    /// When it was last acknowledged.
    public internal(set) var acknowledgedAt: Stamp?
    /// Who acknowledged it last.
    public internal(set) var acknowledgedBy: String?

    /// Whether it only says that an instrument is under maintenance or out of service.
    public var isNotice: Bool { key.isNotice }

    /// Raised or acknowledged.
    public var state: AlertState { isAcknowledged ? .acknowledged : .raised }

    /// The state of ISA-18.2.
    public var alarmState: AlarmState {
        if isNotice {
            return key.detail == ConditionKey.outOfService ? .outOfService : .suppressed
        }
        switch suppression {
        case .shelved: return .shelved
        case .maintenance: return .suppressed
        case .outOfService: return .outOfService
        case nil: break
        }
        if isActive { return isAcknowledged ? .acknowledged : .unacknowledged }
        if isLatched { return isAcknowledged ? .latchedAcknowledged : .latchedUnacknowledged }
        return isAcknowledged ? .normal : .returnedUnacknowledged
    }

    /// The step that brings it to where it is now.
    func transition(resolved: Bool, at: Stamp, by: String, note: String?) -> AlertTransition {
        AlertTransition(
            alert: id,
            instrument: key.instrument,
            subject: subject,
            type: key.type,
            detail: key.detail,
            area: area,
            severity: severity,
            state: resolved ? .resolved : state,
            alarmState: resolved ? .normal : alarmState,
            isActive: isActive,
            isLatched: isLatched,
            occurrences: occurrences,
            marks: marks.sorted(),
            value: value,
            explanation: explanation,
            raisedAt: raisedAt,
            acknowledgedAt: acknowledgedAt,
            acknowledgedBy: acknowledgedBy,
            shelf: shelf,
            at: at,
            by: by,
            note: note
        )
    }

    /// An alert taken up again from its last stored step; nil where it was resolved.
    init?(restoring step: AlertTransition) {
        guard step.state != .resolved else { return nil }
        id = step.alert
        key = ConditionKey(step)
        subject = step.subject
        area = step.area
        severity = step.severity
        presentSeverity = step.severity
        isActive = step.isActive
        isAcknowledged = step.state == .acknowledged
        isLatched = step.isLatched
        suppression = nil
        shelf = step.shelf
        occurrences = step.occurrences
        annunciations = step.state == .acknowledged ? 0 : 1
        marks = Set(step.marks).subtracting([.chattering])
        value = step.value
        explanation = step.explanation
        raisedAt = step.raisedAt
        acknowledgedAt = step.acknowledgedAt
        acknowledgedBy = step.acknowledgedBy
    }

    /// A new alert.
    init(
        id: AlertID,
        key: ConditionKey,
        subject: String,
        area: String,
        severity: Severity,
        value: Double?,
        explanation: String,
        at: Stamp
    ) {
        self.id = id
        self.key = key
        self.subject = subject
        self.area = area
        self.severity = severity
        presentSeverity = severity
        isActive = true
        isAcknowledged = false
        isLatched = false
        occurrences = 1
        annunciations = 0
        marks = []
        self.value = value
        self.explanation = explanation
        raisedAt = at
    }
}

/// Something worth telling that is no step in an alert's life.
public enum AlertNotice: Hashable, Sendable {
    /// An alert calls for attention: raised, back again, worse, or out of its shelf.
    case annunciated(AlertID)
    /// An alert has begun to chatter.
    case chattering(AlertID)
    /// A chattering alert is calm again.
    case calm(AlertID)
    /// An alert has been active for a day.
    case stale(AlertID)
    /// More than ten alarms in ten minutes.
    case floodBegan
    /// Fewer than five alarms in ten minutes.
    case floodEnded
}

/// What came of one call.
public struct AlertOutput: Hashable, Sendable {
    /// To be journalled at once and published, in this order.
    public var transitions: [AlertTransition] = []
    /// To be logged and shown.
    public var notices: [AlertNotice] = []

    /// Nothing came of it.
    public static let none = AlertOutput()

    /// Whether nothing came of it.
    public var isEmpty: Bool { transitions.isEmpty && notices.isEmpty }

    /// Adds what came of the next call.
    public mutating func append(_ other: AlertOutput) {
        transitions += other.transitions
        notices += other.notices
    }
}
