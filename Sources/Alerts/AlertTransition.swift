import Signal

/// What an alert is about.
public enum AlertType: String, Hashable, Sendable, Codable, CaseIterable {
    case calibrationOverdue = "calibration_overdue"
    case ruleViolation = "rule_violation"
    case drift
    case anomaly
    case instrumentFault = "instrument_fault"
    case dataGap = "data_gap"
    /// The gateway itself: a full disk, a quarantined message, a relay that cannot be driven; and
    /// the notices that an instrument is under maintenance or out of service.
    case system
}

/// How much an alert matters.
public enum Severity: String, Hashable, Sendable, Codable, CaseIterable, Comparable {
    case advisory, warning, critical

    /// Less severe first.
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
public struct AlertID: Hashable, Sendable, Codable, Comparable, CustomStringConvertible {
    /// The epoch of the run that raised it.
    public var epoch: UInt64
    /// Its number in that run, from 1.
    public var number: UInt64

    /// The alert numbered `number` of the run `epoch`.
    public init(epoch: UInt64, number: UInt64) {
        self.epoch = epoch
        self.number = number
    }

    /// The alert that `description` names, or nil where it names none.
    public init?(_ description: some StringProtocol) {
        let parts = description.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 2, parts[0].utf8.count == 16,
            parts[0].utf8.allSatisfy(AlertID.isHexDigit), !parts[1].isEmpty,
            parts[1].utf8.allSatisfy({ $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }),
            let epoch = UInt64(parts[0], radix: 16), let number = UInt64(parts[1])
        else { return nil }
        self.init(epoch: epoch, number: number)
    }

    /// `3f9a1c2b44d0e1aa-12`: sixteen hexadecimal digits and a decimal number.
    public var description: String {
        let hex = String(epoch, radix: 16)
        return String(repeating: "0", count: 16 - hex.count) + hex + "-\(number)"
    }

    /// By epoch, then in the order of raising.
    public static func < (a: AlertID, b: AlertID) -> Bool {
        (a.epoch, a.number) < (b.epoch, b.number)
    }

    private static func isHexDigit(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"): true
        default: false
        }
    }
}

/// Where an alert stands in its life, as the CMMS counts it.
public enum AlertState: String, Hashable, Sendable, Codable, CaseIterable {
    case raised, acknowledged, resolved
}

/// Where an alarm stands, as ISA-18.2 and IEC 62682 draw it (states A to I).
public enum AlarmState: String, Hashable, Sendable, Codable, CaseIterable {
    /// A: no condition, nothing to acknowledge.
    case normal
    /// B: the condition is there and nobody has acknowledged it.
    case unacknowledged
    /// C: the condition is there and acknowledged.
    case acknowledged
    /// D: the condition went before anybody acknowledged it.
    case returnedUnacknowledged = "returned-unacknowledged"
    /// E: the condition went, the latch holds, not acknowledged.
    case latchedUnacknowledged = "latched-unacknowledged"
    /// F: the condition went, the latch holds, acknowledged: waits for a reset.
    case latchedAcknowledged = "latched-acknowledged"
    /// G: put aside by an operator, for a limited time.
    case shelved
    /// H: put aside by the gateway after maintenance, for a limited time.
    case suppressed
    /// I: taken out of service until somebody returns it.
    case outOfService = "out-of-service"
}

/// What alarm management (ISA-18.2, EEMUA 191) says about how an alert behaves.
public enum AlertMark: String, Hashable, Sendable, Codable, CaseIterable, Comparable {
    /// Three or more activations within a minute.
    case chattering
    /// Cleared by itself within seconds.
    case fleeting
    /// Active for more than a day.
    case stale

    /// Alphabetical, so that sets of marks have one order.
    public static func < (a: AlertMark, b: AlertMark) -> Bool { a.rawValue < b.rawValue }
}

/// A time-limited putting-aside of an alert or, for a maintenance notice, of an instrument.
public struct AlertShelf: Hashable, Sendable, Codable {
    /// When it began.
    public var from: Stamp
    /// How long it holds from then.
    public var length: Nanoseconds
    /// Ends earlier, at the next return to normal.
    public var isOneShot: Bool
    /// Who put it aside.
    public var by: String
    /// Why.
    public var reason: String

    /// A shelf that begins at `from`.
    public init(from: Stamp, length: Nanoseconds, isOneShot: Bool, by: String, reason: String) {
        self.from = from
        self.length = length
        self.isOneShot = isOneShot
        self.by = by
        self.reason = reason
    }

    /// When it ends in civil time, for people; nil where the clock was not to be trusted.
    public var until: WallTime? { from.clock.isTrusted ? from.wall + length : nil }

    /// What is left of it after a restart: nil where nobody can tell, zero where it is over.
    ///
    /// The monotonic clock says nothing across a restart, so both civil times must be trusted.
    public func remaining(at now: Stamp) -> Nanoseconds? {
        guard from.clock.isTrusted, now.clock.isTrusted else { return nil }
        let passed = now.wall - from.wall
        guard passed >= .zero else { return nil }
        return passed >= length ? .zero : length - passed
    }
}

/// One step in the life of an alert: journalled at once, published, and all that is needed to
/// take the alert up again after a restart.
///
/// Stored as JSON in journals that outlive a release: keys may be added, with a value for when
/// they are missing, and are never renamed or removed.
public struct AlertTransition: Hashable, Sendable {
    /// Which alert.
    public var alert: AlertID
    /// Nil for alerts about the gateway itself.
    public var instrument: InstrumentID?
    /// The tag, or the gateway's part it is about: what people read.
    public var subject: String
    /// What it is about.
    public var type: AlertType
    /// Which condition of that type: a limit (`high-high`), a reason (`wire-break`), a direction.
    public var detail: String
    /// The process unit of the instrument; empty where there is none.
    public var area: String
    /// The worst severity since it was raised.
    public var severity: Severity
    /// Raised, acknowledged or resolved.
    public var state: AlertState
    /// The finer state of ISA-18.2.
    public var alarmState: AlarmState
    /// Whether the condition is there now; shelved and suppressed conditions are still followed.
    public var isActive: Bool
    /// Whether it must be reset by hand before it can be resolved.
    public var isLatched: Bool
    /// How often the condition has come up since the alert was raised, from 1.
    public var occurrences: UInt64
    /// What alarm management says about it, ascending.
    public var marks: [AlertMark]
    /// The process value that decided it.
    public var value: Double?
    /// One sentence with its numbers.
    public var explanation: String
    /// When it was raised.
    public var raisedAt: Stamp
    /// When it was last acknowledged, if it was.
    public var acknowledgedAt: Stamp?
    /// Who acknowledged it last.
    public var acknowledgedBy: String?
    /// The shelf it lies on, if it does.
    public var shelf: AlertShelf?
    /// When this step was taken.
    public var at: Stamp
    /// Who caused this step: an employee number, `system`, a command's id.
    public var by: String
    /// What they had to say.
    public var note: String?

    /// A step in the life of `alert`; what is left out is what the state implies.
    public init(
        alert: AlertID,
        instrument: InstrumentID?,
        subject: String,
        type: AlertType,
        detail: String = "",
        area: String = "",
        severity: Severity,
        state: AlertState,
        alarmState: AlarmState? = nil,
        isActive: Bool? = nil,
        isLatched: Bool = false,
        occurrences: UInt64 = 1,
        marks: [AlertMark] = [],
        value: Double?,
        explanation: String,
        raisedAt: Stamp,
        acknowledgedAt: Stamp? = nil,
        acknowledgedBy: String? = nil,
        shelf: AlertShelf? = nil,
        at: Stamp,
        by: String,
        note: String?
    ) {
        self.alert = alert
        self.instrument = instrument
        self.subject = subject
        self.type = type
        self.detail = detail
        self.area = area
        self.severity = severity
        self.state = state
        self.alarmState = alarmState ?? AlarmState(plain: state)
        self.isActive = isActive ?? (state != .resolved)
        self.isLatched = isLatched
        self.occurrences = occurrences
        self.marks = marks
        self.value = value
        self.explanation = explanation
        self.raisedAt = raisedAt
        self.acknowledgedAt = acknowledgedAt
        self.acknowledgedBy = acknowledgedBy
        self.shelf = shelf
        self.at = at
        self.by = by
        self.note = note
    }
}

extension AlarmState {
    /// The state of an alarm of which only its place in life is known.
    fileprivate init(plain state: AlertState) {
        switch state {
        case .raised: self = .unacknowledged
        case .acknowledged: self = .acknowledged
        case .resolved: self = .normal
        }
    }
}

extension AlertTransition: Codable {
    private enum CodingKeys: String, CodingKey {
        case alert, instrument, subject, type, detail, area, severity, state, alarmState, isActive,
            isLatched, occurrences, marks, value, explanation, raisedAt, acknowledgedAt,
            acknowledgedBy, shelf, at, by, note
    }

    /// Reads a transition; keys that older releases did not write take their plain value.
    public init(from decoder: any Decoder) throws {
        let box = try decoder.container(keyedBy: CodingKeys.self)
        self.init(
            alert: try box.decode(AlertID.self, forKey: .alert),
            instrument: try box.decodeIfPresent(InstrumentID.self, forKey: .instrument),
            subject: try box.decode(String.self, forKey: .subject),
            type: try box.decode(AlertType.self, forKey: .type),
            detail: try box.decodeIfPresent(String.self, forKey: .detail) ?? "",
            area: try box.decodeIfPresent(String.self, forKey: .area) ?? "",
            severity: try box.decode(Severity.self, forKey: .severity),
            state: try box.decode(AlertState.self, forKey: .state),
            alarmState: try box.decodeIfPresent(AlarmState.self, forKey: .alarmState),
            isActive: try box.decodeIfPresent(Bool.self, forKey: .isActive),
            isLatched: try box.decodeIfPresent(Bool.self, forKey: .isLatched) ?? false,
            occurrences: try box.decodeIfPresent(UInt64.self, forKey: .occurrences) ?? 1,
            marks: try box.decodeIfPresent([AlertMark].self, forKey: .marks) ?? [],
            value: try box.decodeIfPresent(Double.self, forKey: .value),
            explanation: try box.decode(String.self, forKey: .explanation),
            raisedAt: try box.decode(Stamp.self, forKey: .raisedAt),
            acknowledgedAt: try box.decodeIfPresent(Stamp.self, forKey: .acknowledgedAt),
            acknowledgedBy: try box.decodeIfPresent(String.self, forKey: .acknowledgedBy),
            shelf: try box.decodeIfPresent(AlertShelf.self, forKey: .shelf),
            at: try box.decode(Stamp.self, forKey: .at),
            by: try box.decode(String.self, forKey: .by),
            note: try box.decodeIfPresent(String.self, forKey: .note)
        )
    }

    /// Writes the keys that say something.
    public func encode(to encoder: any Encoder) throws {
        var box = encoder.container(keyedBy: CodingKeys.self)
        try box.encode(alert, forKey: .alert)
        try box.encodeIfPresent(instrument, forKey: .instrument)
        try box.encode(subject, forKey: .subject)
        try box.encode(type, forKey: .type)
        if !detail.isEmpty { try box.encode(detail, forKey: .detail) }
        if !area.isEmpty { try box.encode(area, forKey: .area) }
        try box.encode(severity, forKey: .severity)
        try box.encode(state, forKey: .state)
        try box.encode(alarmState, forKey: .alarmState)
        try box.encode(isActive, forKey: .isActive)
        if isLatched { try box.encode(isLatched, forKey: .isLatched) }
        if occurrences != 1 { try box.encode(occurrences, forKey: .occurrences) }
        if !marks.isEmpty { try box.encode(marks, forKey: .marks) }
        try box.encodeIfPresent(value, forKey: .value)
        try box.encode(explanation, forKey: .explanation)
        try box.encode(raisedAt, forKey: .raisedAt)
        try box.encodeIfPresent(acknowledgedAt, forKey: .acknowledgedAt)
        try box.encodeIfPresent(acknowledgedBy, forKey: .acknowledgedBy)
        try box.encodeIfPresent(shelf, forKey: .shelf)
        try box.encode(at, forKey: .at)
        try box.encode(by, forKey: .by)
        try box.encodeIfPresent(note, forKey: .note)
    }
}
