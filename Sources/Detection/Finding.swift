import Signal

/// The detectors that look at every instrument: the one place where they are named.
public enum DetectorKind: UInt8, Hashable, Sendable, Codable, CaseIterable {
    /// Process limits: low-low, low, high, high-high.
    case limits = 0
    /// Drift: CUSUM charts over several time scales.
    case drift = 1
    /// A frozen value, or a value whose noise is gone.
    case stuck = 2
    /// Windows unlike the baseline: isolation forest and extrapolating distance.
    case anomaly = 3

    /// The name in configuration, exports and on the page.
    public var name: String {
        switch self {
        case .limits: "rules"
        case .drift: "cusum"
        case .stuck: "stuck"
        case .anomaly: "iforest"
        }
    }
}

/// How much a detector thinks its finding matters; the alert table has the last word.
public enum FindingSeverity: UInt8, Hashable, Sendable, Codable, Comparable {
    case advisory = 0
    case warning = 1
    case critical = 2

    /// Less grave first.
    public static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
}

/// What a finding is about: one condition of an instrument has at most one open finding.
public enum FindingCondition: UInt8, Hashable, Sendable, Codable, CaseIterable {
    /// Below the low or low-low limit.
    case low = 0
    /// Above the high or high-high limit.
    case high = 1
    /// The level has left its baseline.
    case drift = 2
    /// The value or its code does not change any more.
    case frozen = 3
    /// The value still moves, far less than in its baseline.
    case noiseLost = 4
    /// The last windows are unlike the baseline.
    case anomaly = 5

    /// The detector that reports it.
    public var detector: DetectorKind {
        switch self {
        case .low, .high: .limits
        case .drift: .drift
        case .frozen, .noiseLost: .stuck
        case .anomaly: .anomaly
        }
    }
}

/// What a detector has to say at one reading: a condition began, changed or ended.
public struct Finding: Hashable, Sendable, Codable {
    /// Where a condition stands.
    public enum Phase: UInt8, Hashable, Sendable, Codable {
        /// It holds from now on.
        case onset = 0
        /// It still holds; its severity or what is known of it changed.
        case update = 1
        /// It holds no more.
        case clear = 2
    }

    /// The instrument it is about.
    public var instrument: InstrumentID
    /// What it is about.
    public var condition: FindingCondition
    /// Began, changed or ended.
    public var phase: Phase
    /// How much it matters in the detector's view.
    public var severity: FindingSeverity
    /// The process value that decided it.
    public var value: Double?
    /// When the condition began by the detector's estimate: at or before the deciding reading.
    public var since: MonotonicTime
    /// One sentence with its numbers.
    public var explanation: String
    /// The numbers of the sentence, by name: `limit`, `rate_per_s`, `score`, …
    public var numbers: [String: Double]
    /// The detector runs in shadow: to be recorded, not to be alarmed.
    public var isShadow: Bool

    /// The detector that made it.
    public var detector: DetectorKind { condition.detector }

    /// A finding of its parts.
    public init(
        instrument: InstrumentID,
        condition: FindingCondition,
        phase: Phase,
        severity: FindingSeverity,
        value: Double?,
        since: MonotonicTime,
        explanation: String,
        numbers: [String: Double] = [:],
        isShadow: Bool = false
    ) {
        self.instrument = instrument
        self.condition = condition
        self.phase = phase
        self.severity = severity
        self.value = value
        self.since = since
        self.explanation = explanation
        self.numbers = numbers
        self.isShadow = isShadow
    }
}

/// What a detector says, before it is known of which instrument.
struct Verdict {
    var condition: FindingCondition
    var phase: Finding.Phase
    var severity: FindingSeverity
    var since: MonotonicTime
    var explanation: String
    var numbers: [String: Double] = [:]
}
