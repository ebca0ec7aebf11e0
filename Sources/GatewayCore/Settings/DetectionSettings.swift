import Detection
import Signal

/// How the detectors of one instrument work: plain, checked data. What stands nowhere is as shipped.
public struct DetectionSettings: Hashable, Sendable {
    /// How windows are cut, judged and learned from.
    public struct Anomaly: Hashable, Sendable {
        /// The length of a window; nil: 60 s, or 20 expected intervals where that is longer.
        public var window: Nanoseconds?
        /// How often a window is scored; nil: every 10 s, or with every reading where these come
        /// more rarely, and at least once a window.
        public var hop: Nanoseconds?
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

        /// As shipped.
        public init() {
            let shipped = AnomalySettings()
            window = nil
            hop = nil
            leastWindows = shipped.leastWindows
            forest = shipped.forest
            thresholds = shipped.thresholds
            needed = shipped.needed
            among = shipped.among
        }

        /// What the detector is told where a reading comes every `interval`.
        public func settings(expectedInterval interval: Nanoseconds) -> AnomalySettings {
            let shipped = AnomalySettings()
            let window = window ?? max(shipped.window, interval * 20)
            return AnomalySettings(
                window: window,
                hop: hop ?? max(min(shipped.hop, window), interval),
                leastWindows: leastWindows,
                forest: forest,
                thresholds: thresholds,
                needed: needed,
                among: among
            )
        }
    }

    /// How drift is looked for.
    public var drift: DriftSettings
    /// When a value counts as stuck.
    public var stuck: StuckSettings
    /// When a window counts as an anomaly.
    public var anomaly: Anomaly
    /// Detectors that are off.
    public var disabled: Set<DetectorKind>
    /// Detectors whose findings are recorded and not alarmed.
    public var shadow: Set<DetectorKind>

    /// The defaults are those of the product.
    public init(
        drift: DriftSettings = .standard,
        stuck: StuckSettings = .fromBaseline,
        anomaly: Anomaly = Anomaly(),
        disabled: Set<DetectorKind> = [],
        shadow: Set<DetectorKind> = []
    ) {
        self.drift = drift
        self.stuck = stuck
        self.anomaly = anomaly
        self.disabled = disabled
        self.shadow = shadow
    }
}

extension InstrumentSettings {
    /// What its detectors are told; limits that are not set are those of the range.
    public func detectorSettings() -> DetectorSettings {
        DetectorSettings(
            instrument: id,
            span: span,
            signal: SignalType(rawValue: type.rawValue),
            nominal: nominal,
            expectedInterval: expectedInterval,
            limits: limits,
            drift: detection.drift,
            stuck: detection.stuck,
            anomaly: detection.anomaly.settings(expectedInterval: expectedInterval),
            disabled: detection.disabled,
            shadow: detection.shadow
        )
    }
}
