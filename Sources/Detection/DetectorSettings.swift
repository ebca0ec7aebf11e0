import Signal

/// What kind of signal an instrument gives: decides the deadband and delays of its limits.
public enum SignalType: String, Hashable, Sendable, Codable, CaseIterable {
    case flow, level, pressure, temperature, composition

    /// The deadband of limits as a share of the span (EEMUA 191's starting points).
    public var deadbandShare: Double {
        switch self {
        case .flow, .level: 0.05
        case .pressure: 0.02
        case .temperature, .composition: 0.01
        }
    }
    /// The on- and off-delay of limits (EEMUA 191's starting points).
    public var delay: Nanoseconds {
        switch self {
        case .flow, .pressure: .seconds(15)
        case .level, .temperature, .composition: .seconds(60)
        }
    }
}

/// The process limits of an instrument in the unit of its span: low-low < low < high < high-high. What
/// is nil takes the default of span and signal type.
public struct ProcessLimits: Hashable, Sendable, Codable {
    /// Below it: critical. Nil: no such limit.
    public var lowLow: Double?
    /// Below it: warning. Nil: the lower range value.
    public var low: Double?
    /// Above it: warning. Nil: the upper range value.
    public var high: Double?
    /// Above it: critical. Nil: no such limit.
    public var highHigh: Double?
    /// How far the value must come back inside a limit, in the span's unit.
    public var deadband: Double?
    /// How long a limit must be exceeded.
    public var onDelay: Nanoseconds?
    /// How long the value must be back inside by the deadband.
    public var offDelay: Nanoseconds?

    /// Limits as given.
    public init(
        lowLow: Double? = nil,
        low: Double? = nil,
        high: Double? = nil,
        highHigh: Double? = nil,
        deadband: Double? = nil,
        onDelay: Nanoseconds? = nil,
        offDelay: Nanoseconds? = nil
    ) {
        self.lowLow = lowLow
        self.low = low
        self.high = high
        self.highHigh = highHigh
        self.deadband = deadband
        self.onDelay = onDelay
        self.offDelay = offDelay
    }
}

/// How drift is looked for.
public enum DriftSettings: Hashable, Sendable {
    /// A bank of charts whose decision intervals follow from the days wanted between two false
    /// alarms of the whole bank, and from the noise of the baseline.
    case bank(daysBetweenFalseAlarms: Double)
    /// One chart of the raw value with fixed slack and decision interval, in standard deviations.
    case plain(k: Double, h: Double)

    /// One false alarm in 30 days.
    public static let standard = DriftSettings.bank(daysBetweenFalseAlarms: 30)
    /// The textbook's chart: k = 0.5, h = 5. On correlated process data it alarms all day.
    public static let textbook = DriftSettings.plain(k: 0.5, h: 5)
}

/// When a value counts as stuck.
public enum StuckSettings: Hashable, Sendable {
    /// No change of the raw code for longer than the baseline ever showed; noise far below it.
    case fromBaseline
    /// Within `deadband` (a share of the span) of the last value that differed, for `time`.
    case plain(deadband: Double, time: Nanoseconds)

    /// The plain setting: 0.1 % of the span for 15 minutes. Wrong on a quiet signal.
    public static let textbook = StuckSettings.plain(deadband: 0.001, time: .seconds(900))
}

/// When a window counts as an anomaly.
public enum AnomalyThresholds: Hashable, Sendable {
    /// From the days wanted between two false alarms and the held-back windows of the baseline.
    case wanted(daysBetweenFalseAlarms: Double)
    /// Fixed scores of the forest; the distance is not used.
    case fixed(warning: Double, critical: Double)

    /// One false alarm in 30 days.
    public static let standard = AnomalyThresholds.wanted(daysBetweenFalseAlarms: 30)
    /// The scores 0.5 and 0.7: in every plant several windows an hour.
    public static let textbook = AnomalyThresholds.fixed(warning: 0.5, critical: 0.7)
}

/// How windows are cut, judged and learned from.
public struct AnomalySettings: Hashable, Sendable {
    /// The length of a window, for training and scoring alike.
    public var window: Nanoseconds
    /// How often a window is scored.
    public var hop: Nanoseconds
    /// The fewest windows that a baseline must hold, counted without overlap.
    public var leastWindows: Int
    /// How the forest is grown.
    public var forest: ForestSettings
    /// When a window counts as an anomaly.
    public var thresholds: AnomalyThresholds
    /// An anomaly begins when `needed` of the last `among` windows exceed a threshold, 1 to 8.
    public var needed: Int
    /// See `needed`.
    public var among: Int

    /// The defaults are those of the product.
    public init(
        window: Nanoseconds = .seconds(60),
        hop: Nanoseconds = .seconds(10),
        leastWindows: Int = 256,
        forest: ForestSettings = ForestSettings(),
        thresholds: AnomalyThresholds = .standard,
        needed: Int = 2,
        among: Int = 3
    ) {
        self.window = window
        self.hop = hop
        self.leastWindows = leastWindows
        self.forest = forest
        self.thresholds = thresholds
        self.needed = max(1, min(needed, 8))
        self.among = max(self.needed, min(among, 8))
    }
}

/// Everything that one instrument's detectors are told.
public struct DetectorSettings: Hashable, Sendable {
    /// Whose readings these are.
    public var instrument: InstrumentID
    /// Lower and upper range value and their unit.
    public var span: Span
    /// What kind of signal it is; nil takes the deadband and delays of pressure.
    public var signal: SignalType?
    /// The usual process value, if one is known.
    public var nominal: Double?
    /// How often a reading is expected.
    public var expectedInterval: Nanoseconds
    /// The process limits.
    public var limits: ProcessLimits
    /// How drift is looked for.
    public var drift: DriftSettings
    /// When a value counts as stuck.
    public var stuck: StuckSettings
    /// When a window counts as an anomaly.
    public var anomaly: AnomalySettings
    /// Detectors that are off.
    public var disabled: Set<DetectorKind>
    /// Detectors whose findings are recorded and not alarmed.
    public var shadow: Set<DetectorKind>

    /// The defaults are those of the product.
    public init(
        instrument: InstrumentID,
        span: Span,
        signal: SignalType? = nil,
        nominal: Double? = nil,
        expectedInterval: Nanoseconds = .seconds(1),
        limits: ProcessLimits = ProcessLimits(),
        drift: DriftSettings = .standard,
        stuck: StuckSettings = .fromBaseline,
        anomaly: AnomalySettings = AnomalySettings(),
        disabled: Set<DetectorKind> = [],
        shadow: Set<DetectorKind> = []
    ) {
        self.instrument = instrument
        self.span = span
        self.signal = signal
        self.nominal = nominal
        self.expectedInterval = max(expectedInterval, .milliseconds(1))
        self.limits = limits
        self.drift = drift
        self.stuck = stuck
        self.anomaly = anomaly
        self.disabled = disabled
        self.shadow = shadow
    }

    /// A silence longer than this is a gap: what needs consecutive readings begins afresh.
    public var gap: Nanoseconds { max(.seconds(10), expectedInterval * 5) }
    /// A silence longer than this makes the sums of the drift charts begin afresh too.
    public var longGap: Nanoseconds { max(.seconds(3_600), expectedInterval * 60) }

    /// Of more than `AnomalyDetector.mostSamples` readings in a window, every so-manieth is used.
    var thinning: Int {
        let readings = anomaly.window.seconds / expectedInterval.seconds
        return max(1, Int((readings / Double(AnomalyDetector.mostSamples)).rounded(.up)))
    }
    /// A window needs half of the readings that its length would hold at the expected interval.
    var leastSamples: Int {
        max(3, Int(anomaly.window.seconds / expectedInterval.seconds / 2))
    }
    /// The same for the newest part of a window.
    var leastNewest: Int { max(3, leastSamples / AnomalyDetector.newestPart) }
}
