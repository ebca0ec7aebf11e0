import GatewayCore
import Signal

/// An instrument as the register has it, running or retired.
struct KnownInstrument: Sendable {
    var id: InstrumentID
    var tag: String
    var unit: String
    var lrv: Double
    var urv: Double
    var nominal: Double?
    var limits: ProcessLimits
    var expectedInterval: Nanoseconds
    var isRetired: Bool
    /// How it stands; nil: it is not polled.
    var live: GatewaySnapshot.Instrument?
    /// As the API tells it.
    var body: InstrumentBody
}

/// Process limits in the instrument's unit.
struct LimitsBody: Encodable, Sendable {
    @OrNull var lowLow: Double?
    @OrNull var low: Double?
    @OrNull var high: Double?
    @OrNull var highHigh: Double?

    init(_ limits: ProcessLimits) {
        lowLow = limits.lowLow
        low = limits.low
        high = limits.high
        highHigh = limits.highHigh
    }
}

/// An instrument of the register.
struct InstrumentBody: Encodable, Sendable {
    var id: UInt32
    var tagNumber: String
    @OrNull var instrumentType: String?
    var measuredVariable: String
    var unit: String
    @OrNull var rangeMin: Double?
    @OrNull var rangeMax: Double?
    @OrNull var nominalValue: Double?
    @OrNull var accuracyClass: String?
    var location: String
    @OrNull var associatedEquipment: String?
    var processUnit: String
    @OrNull var criticality: String?
    @OrNull var calibrationIntervalDays: Int?
    @OrNull var nextDue: ISOTime?
    var calibrationStatus: String
    var mlTrained: Bool
    var module: String
    @OrNull var channel: Int?
    var retired: Bool
    /// Why it is left out although it is not retired; what else is null is wrong in its entry.
    @OrNull var fault: String?
    var limits: LimitsBody
    @OrNull var modelVersion: Int?
}

extension KnownInstrument {
    /// An instrument that runs.
    init(_ live: GatewaySnapshot.Instrument) {
        id = InstrumentID(rawValue: live.id)
        tag = live.tag
        unit = live.unit
        lrv = live.lrv
        urv = live.urv
        nominal = live.nominal
        limits = live.limits
        expectedInterval = .seconds(live.expectedInterval)
        isRetired = false
        self.live = live
        body = InstrumentBody(live)
    }

    /// An instrument that is not polled: retired, or left out for a fault.
    init(_ record: InstrumentRecord) {
        id = record.id
        tag = record.tag.text
        unit = record.settings?.span.unit ?? ""
        lrv = record.settings?.span.lrv ?? 0
        urv = record.settings?.span.urv ?? 0
        nominal = record.settings?.nominal
        limits = record.settings?.limits ?? ProcessLimits()
        expectedInterval = record.settings?.expectedInterval ?? .seconds(1)
        isRetired = record.isRetired
        live = nil
        body = InstrumentBody(record)
    }
}

extension InstrumentBody {
    init(_ live: GatewaySnapshot.Instrument) {
        id = live.id
        tagNumber = live.tag
        instrumentType = live.type
        measuredVariable = live.measuredVariable
        unit = live.unit
        rangeMin = live.lrv
        rangeMax = live.urv
        nominalValue = live.nominal
        accuracyClass = live.accuracyClass.nonEmpty
        location = live.location
        associatedEquipment = live.associatedEquipment.nonEmpty
        processUnit = live.processUnit
        criticality = live.criticality
        calibrationIntervalDays = live.calibrationIntervalDays
        nextDue = live.calibration.due.map { ISOTime($0) }
        calibrationStatus = live.calibration.status
        mlTrained = live.model != nil
        module = live.module
        channel = live.channel
        retired = false
        fault = nil
        limits = LimitsBody(live.limits)
        modelVersion = live.model?.version
    }

    init(_ record: InstrumentRecord) {
        let settings = record.settings
        id = record.id.rawValue
        tagNumber = record.tag.text
        instrumentType = settings?.type.rawValue
        measuredVariable = settings?.measuredVariable ?? ""
        unit = settings?.span.unit ?? ""
        rangeMin = settings?.span.lrv
        rangeMax = settings?.span.urv
        nominalValue = settings?.nominal
        accuracyClass = settings?.accuracyClass.nonEmpty
        location = settings?.location ?? ""
        associatedEquipment = settings?.associatedEquipment.nonEmpty
        processUnit = settings?.processUnit ?? ""
        criticality = settings?.criticality.rawValue
        calibrationIntervalDays = settings?.calibrationIntervalDays
        nextDue = nil
        calibrationStatus = "not-wanted"
        mlTrained = false
        module = settings?.module ?? ""
        channel = settings?.channel
        retired = record.isRetired
        fault = record.fault
        limits = LimitsBody(settings?.limits ?? ProcessLimits())
        modelVersion = nil
    }
}

extension String {
    /// The text; nil where it is empty.
    var nonEmpty: String? { isEmpty ? nil : self }
}

/// The newest reading of an instrument.
struct LiveBody: Encodable, Sendable {
    var id: UInt32
    var tagNumber: String
    @OrNull var value: Double?
    var unit: String
    @OrNull var timestamp: ISOTime?
    var quality: String
    var reason: String
    @OrNull var milliamps: Double?
    @OrNull var ageSeconds: Double?
    /// Nothing usable came for more than twice the expected interval.
    var stale: Bool
    @OrNull var score: Int?
    var health: String

    init(_ live: GatewaySnapshot.Instrument, at wall: WallTime) {
        id = live.id
        tagNumber = live.tag
        value = live.value
        unit = live.unit
        timestamp = live.age.map { ISOTime(wall + .seconds(-$0)) }
        quality = live.quality
        reason = live.reason
        milliamps = live.milliamps
        ageSeconds = live.age
        stale = live.isInGap || live.age == nil
        score = live.score
        health = live.health
    }
}
