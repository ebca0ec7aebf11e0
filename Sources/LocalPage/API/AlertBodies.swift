import Alerts
import GatewayCore
import Signal

/// An alert, open or resolved.
struct AlertBody: Encodable, Sendable, Equatable {
    var id: String
    var alertType: String
    var detail: String
    @OrNull var instrumentId: UInt32?
    /// The tag, or the part of the gateway that it is about.
    var tagNumber: String
    var processUnit: String
    var severity: String
    var state: String
    var alarmState: String
    var active: Bool
    var occurrences: UInt64
    var marks: [String]
    @OrNull var value: Double?
    var explanation: String
    var raisedAt: ISOTime
    @OrNull var acknowledgedBy: String?
    @OrNull var shelvedUntil: ISOTime?
    @OrNull var resolvedAt: ISOTime?

    init(_ alert: GatewaySnapshot.Alert) {
        id = alert.id
        alertType = alert.type
        detail = alert.detail
        instrumentId = alert.instrument
        tagNumber = alert.subject
        processUnit = alert.area
        severity = alert.severity
        state = alert.state
        alarmState = alert.alarmState
        active = alert.isActive
        occurrences = alert.occurrences
        marks = alert.marks
        value = alert.value
        explanation = alert.explanation
        raisedAt = ISOTime(alert.raisedAt)
        acknowledgedBy = alert.acknowledgedBy
        shelvedUntil = alert.until.map { ISOTime($0) }
        resolvedAt = nil
    }

    /// The alert as its last step left it.
    init(_ step: AlertTransition) {
        let isResolved = step.state == .resolved
        id = step.alert.description
        alertType = step.type.rawValue
        detail = step.detail
        instrumentId = step.instrument?.rawValue
        tagNumber = step.subject
        processUnit = step.area
        severity = step.severity.rawValue
        state = step.state.rawValue
        alarmState = step.alarmState.rawValue
        active = step.isActive && !isResolved
        occurrences = step.occurrences
        marks = step.marks.map(\.rawValue)
        value = step.value
        explanation = step.explanation
        raisedAt = ISOTime(step.raisedAt.wall)
        acknowledgedBy = step.acknowledgedBy
        shelvedUntil =
            isResolved ? nil : step.shelf.map { ISOTime($0.from.wall + $0.length) }
        resolvedAt = isResolved ? ISOTime(step.at.wall) : nil
    }
}

extension AlertBody {
    /// The alert once it was found resolved.
    func resolved(at wall: WallTime) -> AlertBody {
        var body = self
        body.state = AlertState.resolved.rawValue
        body.alarmState = AlarmState.normal.rawValue
        body.active = false
        body.shelvedUntil = nil
        body.resolvedAt = ISOTime(wall)
        return body
    }
}

/// An alert with every step of its life, the first one first.
struct AlertStory: Encodable, Sendable {
    struct Step: Encodable, Sendable {
        var at: ISOTime
        var state: String
        var alarmState: String
        var severity: String
        var by: String
        @OrNull var note: String?
        var explanation: String
    }
    private var alert: AlertBody
    private var transitions: [Step]

    /// - steps: newest first.
    init(_ alert: AlertBody, steps: [AlertTransition]) {
        self.alert = alert
        transitions = steps.reversed().map {
            Step(
                at: ISOTime($0.at.wall),
                state: $0.state.rawValue,
                alarmState: $0.alarmState.rawValue,
                severity: $0.severity.rawValue,
                by: $0.by,
                note: $0.note,
                explanation: $0.explanation
            )
        }
    }

    private enum CodingKeys: CodingKey { case transitions }

    /// The alert's own fields, and `transitions` beside them.
    func encode(to encoder: any Encoder) throws {
        try alert.encode(to: encoder)
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(transitions, forKey: .transitions)
    }
}
