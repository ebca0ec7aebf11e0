import Signal

/// Severity by type, grade and criticality.
///
/// Few things are critical, as alarm management wants it (about 5 % of all alarms): main alarms of
/// the process, and lost measurements on instruments that matter. Drift and anomalies ask for
/// maintenance, not for an operator's hand, and are never critical.
public struct SeverityTable: Hashable, Sendable {
    private struct Cell: Hashable, Sendable {
        var type: AlertType
        var grade: AlertGrade
        var criticality: AlertCriticality
    }
    private var changed: [Cell: Severity] = [:]

    /// The table as shipped.
    public init() {}

    /// One cell of the table.
    public subscript(
        type: AlertType, grade: AlertGrade, criticality: AlertCriticality
    ) -> Severity {
        get {
            changed[Cell(type: type, grade: grade, criticality: criticality)]
                ?? SeverityTable.shipped(type, grade, criticality)
        }
        set { changed[Cell(type: type, grade: grade, criticality: criticality)] = newValue }
    }

    private static func shipped(
        _ type: AlertType,
        _ grade: AlertGrade,
        _ criticality: AlertCriticality
    ) -> Severity {
        func row(
            _ low: Severity,
            _ medium: Severity,
            _ high: Severity,
            _ critical: Severity
        ) -> Severity {
            switch criticality {
            case .low: low
            case .medium: medium
            case .high: high
            case .critical: critical
            }
        }
        return switch (type, grade) {
        case (.ruleViolation, .preAlarm): row(.advisory, .warning, .warning, .warning)
        case (.ruleViolation, .mainAlarm): row(.warning, .critical, .critical, .critical)
        case (.instrumentFault, .preAlarm): row(.advisory, .advisory, .warning, .warning)
        case (.instrumentFault, .mainAlarm): row(.warning, .warning, .critical, .critical)
        case (.dataGap, .preAlarm): row(.advisory, .advisory, .advisory, .warning)
        case (.dataGap, .mainAlarm): row(.advisory, .warning, .warning, .critical)
        case (.drift, .preAlarm): row(.advisory, .advisory, .advisory, .warning)
        case (.drift, .mainAlarm): row(.advisory, .warning, .warning, .warning)
        case (.anomaly, .preAlarm): row(.advisory, .advisory, .advisory, .advisory)
        case (.anomaly, .mainAlarm): row(.advisory, .warning, .warning, .warning)
        case (.calibrationOverdue, .preAlarm): row(.advisory, .advisory, .advisory, .advisory)
        case (.calibrationOverdue, .mainAlarm): row(.advisory, .warning, .warning, .warning)
        case (.system, .preAlarm): row(.warning, .warning, .warning, .warning)
        case (.system, .mainAlarm): row(.critical, .critical, .critical, .critical)
        }
    }
}

/// How alerts are to be treated here.
public struct AlertPolicy: Hashable, Sendable {
    /// Severity by type, grade and criticality.
    public var severities: SeverityTable
    /// The severities that must be acknowledged by a person; others are resolved when they clear.
    public var needsAcknowledgement: Set<Severity>
    /// Alerts that stay latched until they are reset by hand; nil: none.
    public var latching: RelayRules?
    /// The longest time that an alert may be shelved.
    public var longestShelf: Nanoseconds
    /// The longest time that maintenance may suppress an instrument's alarms.
    public var longestMaintenance: Nanoseconds

    /// Every alert wants an acknowledgement; a shelf holds 24 h at most, maintenance 7 days.
    public init(
        severities: SeverityTable = SeverityTable(),
        needsAcknowledgement: Set<Severity> = Set(Severity.allCases),
        latching: RelayRules? = nil,
        longestShelf: Nanoseconds = .seconds(86_400),
        longestMaintenance: Nanoseconds = .seconds(7 * 86_400)
    ) {
        self.severities = severities
        self.needsAcknowledgement = needsAcknowledgement
        self.latching = latching
        self.longestShelf = longestShelf
        self.longestMaintenance = longestMaintenance
    }

    /// Latches what drives a latching relay.
    public init(relay: RelayRules) {
        self.init(latching: relay.isLatching ? relay : nil)
    }
}

/// Every bound of the alert desk, by name.
public enum AlertLimits {
    /// Conditions of one instrument; whatever comes beyond them is counted on one further alert.
    public static let conditionsPerInstrument = 32
    /// Conditions of the gateway's parts, all together; beyond them as above.
    public static let gatewayConditions = 256
    /// Characters of a note, a name or an explanation; the rest is cut off.
    public static let textCharacters = 500
    /// Conditions that the list of the most frequent remembers.
    public static let frequentConditions = 4096
    /// Alerts that the relay's status names as its reasons; the others are only counted.
    public static let reasonsNamed = 16
}

/// What ISA-18.2 and EEMUA 191 call chattering, fleeting, stale and a flood.
public enum AlarmDefinitions {
    /// Activations within `chatterWindow` that make an alarm chattering.
    public static let chatterActivations = 3
    /// See `chatterActivations`; a chattering alarm is calm again after as long without one.
    public static let chatterWindow = Nanoseconds.seconds(60)
    /// An alarm that clears by itself sooner is fleeting.
    public static let fleeting = Nanoseconds.seconds(10)
    /// An alarm that is active longer is stale.
    public static let stale = Nanoseconds.seconds(86_400)
    /// A flood begins with more than this many alarms in `floodWindow`.
    public static let floodBegins = 10
    /// A flood ends with fewer than this many alarms in `floodWindow`.
    public static let floodEnds = 5
    /// See `floodBegins`.
    public static let floodWindow = Nanoseconds.seconds(600)
    /// A chattering alert is reported at most this often.
    public static let chatterReport = Nanoseconds.seconds(60)
}
