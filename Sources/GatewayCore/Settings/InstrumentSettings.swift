import Detection
import Signal

/// The four kinds of instrument that the register knows.
public enum InstrumentType: String, Hashable, Sendable, Codable, CaseIterable {
    case pressure, temperature, flow, level
}

/// How much the plant depends on an instrument.
public enum Criticality: String, Hashable, Sendable, Codable, CaseIterable {
    case low, medium, high, critical
}

/// One line of the instrument register.
public struct InstrumentSettings: Hashable, Sendable {
    /// Given by the journal when the instrument is first registered.
    public var id: InstrumentID
    public var tag: Tag
    public var type: InstrumentType
    /// What is measured, in words: `Boiler feed pressure`.
    public var measuredVariable: String
    public var span: Span
    /// The usual process value, in the span's unit.
    public var nominal: Double?
    public var location: String
    public var associatedEquipment: String
    /// Free text, as on the nameplate: `0.1 %`.
    public var accuracyClass: String
    public var criticality: Criticality
    public var processUnit: String
    /// Days between calibrations; nil: none wanted.
    public var calibrationIntervalDays: Int?
    /// Name of the module, and the channel on it from 1.
    public var module: String
    public var channel: Int
    public var extraction: Extraction
    /// Milliamps added to the current before all else: a trim of the card.
    public var trim: Trim
    /// First-order damping time constant; zero: none.
    public var damping: Nanoseconds
    public var ne43: NE43Limits
    /// Process limits in the span's unit.
    public var limits: ProcessLimits
    /// The fastest believable change in units per second; nil: not checked.
    public var rateOfChangeLimit: Double?
    /// How often a reading is expected; a gap is reported after twice this.
    public var expectedInterval: Nanoseconds
    /// How its detectors work.
    public var detection: DetectionSettings

    public init(
        id: InstrumentID,
        tag: Tag,
        type: InstrumentType,
        measuredVariable: String = "",
        span: Span,
        nominal: Double? = nil,
        location: String = "",
        associatedEquipment: String = "",
        accuracyClass: String = "",
        criticality: Criticality = .medium,
        processUnit: String = "",
        calibrationIntervalDays: Int? = nil,
        module: String,
        channel: Int,
        extraction: Extraction = .linear,
        trim: Trim = .none,
        damping: Nanoseconds = .zero,
        ne43: NE43Limits = .namur,
        limits: ProcessLimits = ProcessLimits(),
        rateOfChangeLimit: Double? = nil,
        expectedInterval: Nanoseconds = .seconds(1),
        detection: DetectionSettings = DetectionSettings()
    ) {
        self.id = id
        self.tag = tag
        self.type = type
        self.measuredVariable = measuredVariable
        self.span = span
        self.nominal = nominal
        self.location = location
        self.associatedEquipment = associatedEquipment
        self.accuracyClass = accuracyClass
        self.criticality = criticality
        self.processUnit = processUnit
        self.calibrationIntervalDays = calibrationIntervalDays
        self.module = module
        self.channel = channel
        self.extraction = extraction
        self.trim = trim
        self.damping = damping
        self.ne43 = ne43
        self.limits = limits
        self.rateOfChangeLimit = rateOfChangeLimit
        self.expectedInterval = expectedInterval
        self.detection = detection
    }
}

/// The process limits of an instrument, as its detectors take them.
public typealias ProcessLimits = Detection.ProcessLimits
