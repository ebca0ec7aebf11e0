import Signal

/// What an alert is about.
public enum AlertType: String, Hashable, Sendable, Codable, CaseIterable {
    case calibrationOverdue = "calibration_overdue"
    case ruleViolation = "rule_violation"
    case drift
    case anomaly
    case instrumentFault = "instrument_fault"
    case dataGap = "data_gap"
    /// The gateway itself: a full disk, a quarantined message, a relay that cannot be driven.
    case system
}

/// How much an alert matters.
public enum Severity: String, Hashable, Sendable, Codable, CaseIterable, Comparable {
    case advisory, warning, critical

    public static func < (a: Severity, b: Severity) -> Bool { a.rank < b.rank }
    private var rank: Int {
        switch self {
        case .advisory: 0
        case .warning: 1
        case .critical: 2
        }
    }
}

/// An alert's name for ever: the epoch of the run that raised it and its number in that run.
public struct AlertID: Hashable, Sendable, Codable, CustomStringConvertible {
    public var epoch: UInt64
    public var number: UInt64

    public init(epoch: UInt64, number: UInt64) {
        self.epoch = epoch
        self.number = number
    }

    /// `3f9a1c2b44d0e1aa-12`: sixteen hexadecimal digits and a decimal number.
    public var description: String {
        let hex = String(epoch, radix: 16)
        return String(repeating: "0", count: 16 - hex.count) + hex + "-\(number)"
    }
}

/// Where an alert stands in its life.
public enum AlertState: String, Hashable, Sendable, Codable, CaseIterable {
    case raised, acknowledged, resolved
}

/// One step in the life of an alert: journalled at once, published, and all that is needed to
/// take the alert up again after a restart.
public struct AlertTransition: Hashable, Sendable, Codable {
    public var alert: AlertID
    /// Nil for alerts about the gateway itself.
    public var instrument: InstrumentID?
    /// The tag, or the gateway's part it is about: what people read.
    public var subject: String
    public var type: AlertType
    public var severity: Severity
    public var state: AlertState
    /// The process value that decided it.
    public var value: Double?
    /// One sentence with its numbers.
    public var explanation: String
    public var raisedAt: Stamp
    public var at: Stamp
    /// Who caused this step: an employee number, `system`, a command's id.
    public var by: String
    public var note: String?

    public init(
        alert: AlertID,
        instrument: InstrumentID?,
        subject: String,
        type: AlertType,
        severity: Severity,
        state: AlertState,
        value: Double?,
        explanation: String,
        raisedAt: Stamp,
        at: Stamp,
        by: String,
        note: String?
    ) {
        self.alert = alert
        self.instrument = instrument
        self.subject = subject
        self.type = type
        self.severity = severity
        self.state = state
        self.value = value
        self.explanation = explanation
        self.raisedAt = raisedAt
        self.at = at
        self.by = by
        self.note = note
    }
}
