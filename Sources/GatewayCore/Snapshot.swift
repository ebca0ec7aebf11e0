import Alerts
import Detection
import Signal

/// The whole state of the gateway at one instant, for the page, `/health` and `/metrics`.
public struct GatewaySnapshot: Sendable, Codable {
    public struct Bus: Sendable, Codable {
        public var name: String
        public var link: String
        public var isUp: Bool
        /// Why the port or connection is down, in words.
        public var fault: String?
        public var linkLosses: UInt64
        public var units: [Unit]
    }
    public struct Unit: Sendable, Codable {
        public var module: String
        public var unit: UInt8
        public var profile: String
        /// `answering`, `missing`, `silent` or `wrong-module`.
        public var state: String
        public var detail: String?
        /// Seconds since it last answered.
        public var silentFor: Double?
        public var counters: UnitCounters
    }
    public struct Instrument: Sendable, Codable {
        public var id: UInt32
        public var tag: String
        public var type: String
        public var measuredVariable: String
        public var unit: String
        public var lrv: Double
        public var urv: Double
        public var nominal: Double?
        public var location: String
        public var processUnit: String
        public var associatedEquipment: String
        public var accuracyClass: String
        public var criticality: String
        public var calibrationIntervalDays: Int?
        public var limits: ProcessLimits
        /// Seconds between two readings as they are expected.
        public var expectedInterval: Double
        public var module: String
        public var channel: Int
        public var value: Double?
        public var milliamps: Double?
        public var quality: String
        public var reason: String
        /// Seconds since the last reading of any quality; nil: none yet.
        public var age: Double?
        public var isInGap: Bool
        public var readings: UInt64
        public var badReadings: UInt64
        /// How its detectors stand.
        public var detectors: DetectorStatus
        /// 0 to 100; nil out of service.
        public var score: Int?
        /// `excellent` to `critical`, or `out of service`.
        public var health: String
        /// What was taken off the score, and why; worst first.
        public var penalties: [Penalty]
        /// The model that its detectors use; nil: none.
        public var model: ModelFacts?
        /// The span that it is trained on next, unless another one is named; nil: none is marked.
        public var baseline: BaselineMark?
        public var calibration: Calibration
        /// Until when its alarms are suppressed after maintenance; nil: they are not.
        public var suppressedUntil: WallTime?
        public var isOutOfService: Bool
    }
    /// Where an instrument stands with its calibration.
    public struct Calibration: Sendable, Codable {
        /// `not-wanted`, `never`, `unknown` (the clock is unset), `valid`, `due-soon` or `overdue`.
        public var status: String
        /// When the next one is due.
        public var due: WallTime?
        /// The latest one.
        public var latest: CalibrationRecord?
    }
    /// Points taken off an instrument's health score.
    public struct Penalty: Sendable, Codable {
        public var part: String
        public var points: Int
        public var reason: String
    }
    /// An alert that is not resolved.
    public struct Alert: Sendable, Codable {
        public var id: String
        public var subject: String
        public var type: String
        public var detail: String
        public var area: String
        public var severity: String
        /// `raised` or `acknowledged`.
        public var state: String
        /// The state of ISA-18.2.
        public var alarmState: String
        public var isActive: Bool
        public var occurrences: UInt64
        public var marks: [String]
        public var value: Double?
        public var explanation: String
        /// Civil time, nanoseconds since 1970.
        public var raisedAt: WallTime
        public var acknowledgedBy: String?
        /// The instrument's number; nil: it is about a part of the gateway.
        public var instrument: UInt32?
        /// Until when it is shelved or, for a notice, until when the instrument is under maintenance.
        public var until: WallTime?
        /// Only says that an instrument is under maintenance or out of service.
        public var isNotice: Bool
    }
    /// What the alarm output is told, and why.
    public struct AlarmOutput: Sendable, Codable {
        public var demand: String
        /// Why it is safe, in words; empty when energised.
        public var reasons: [String]
        public var isHornOn: Bool
        /// The alert that came first since none drove the relay.
        public var firstOut: String?
        /// When the test under way ends; nil: none is.
        public var testUntil: WallTime?
    }
    public struct Store: Sendable, Codable {
        public var isWorking: Bool
        public var fault: String?
        public var commits: UInt64
        public var failures: UInt64
        public var databaseBytes: Int64
        public var logBytes: Int64
        public var readings: UInt64
        public var stored: UInt64
        /// Readings in memory that are not stored yet.
        public var pending: UInt64
        /// Entries of the audit log, and the hash of the last one: what tells upstream whether any
        /// was changed or cut off.
        public var auditEntries: UInt64
        public var auditHash: String?
    }
    public struct Connection: Sendable, Codable {
        public var name: String
        public var isUp: Bool
        public var broker: String?
        /// A short distinct word for why it is down.
        public var reason: String?
        public var detail: String?
        /// Seconds since it came up or went down.
        public var since: Double
        public var backlog: UInt64
        public var inFlight: Int
        public var counters: OutboxCounters
    }

    public var gateway: String
    public var epoch: String
    /// Seconds since the start.
    public var uptime: Double
    public var clock: ClockState
    /// Civil time, nanoseconds since 1970, as the box believes it.
    public var wall: WallTime
    public var buses: [Bus]
    public var instruments: [Instrument]
    public var store: Store
    public var uplinks: [Connection]
    public var alerts: [Alert]
    public var relay: AlarmOutput
    /// Work under way on other threads, and what came of the last.
    public var jobs: [JobStatus]
    /// What detectors in shadow would have alarmed last.
    public var shadow: [ShadowFinding]
    public var alarmFigures: AlarmFigures
    /// What the operator should know and need not act upon.
    public var remarks: [String]
    /// The alarm system in figures, as ISA-18.2 and EEMUA 191 judge it.
    public struct AlarmFigures: Sendable, Codable {
        /// New alarms in the last ten minutes, hour and day.
        public var last10Minutes: Int
        public var lastHour: Int
        public var lastDay: Int
        /// Active and neither shelved, suppressed nor out of service.
        public var standing: Int
        public var unacknowledged: Int
        public var shelved: Int
        public var suppressed: Int
        public var chattering: Int
        /// Active for more than a day.
        public var stale: Int
        /// More than ten alarms in ten minutes.
        public var isFlood: Bool
    }
}

extension Gateway {
    /// The state at `now`.
    public func snapshot(at now: MonotonicTime) -> GatewaySnapshot {
        GatewaySnapshot(
            gateway: settings.gateway,
            epoch: epoch.hex,
            uptime: (now - started).seconds,
            clock: clock.clock,
            wall: wall(of: now),
            buses: buses.map { snapshot($0, at: now) },
            instruments: instruments.indices.map { snapshot($0, at: now) },
            store: storeSnapshot(),
            uplinks: outboxes.map { snapshot($0, at: now) },
            alerts: alarms.desk.openAlerts.map(GatewaySnapshot.Alert.init),
            relay: GatewaySnapshot.AlarmOutput(
                demand: alarms.relay.demand.rawValue,
                reasons: alarms.relay.reasons.map(words),
                isHornOn: alarms.relay.horn,
                firstOut: alarms.relay.firstOut?.description,
                testUntil: alarms.relay.testEnds.map { wall(of: $0) }
            ),
            jobs: jobs.statuses,
            shadow: shadow,
            alarmFigures: alarmFigures(at: now),
            remarks: remarks.sorted { $0.key < $1.key }.map(\.value)
        )
    }

    /// The reason as people know it: an alert by its tag and what it says.
    private func words(_ reason: RelayReason) -> String {
        guard case .alert(let id) = reason, let alert = alarms.desk.alert(id) else {
            return reason.words
        }
        return alert.explanation.isEmpty
            ? "\(alert.subject): \(alert.key.detail)" : "\(alert.subject): \(alert.explanation)"
    }

    private func wall(of time: MonotonicTime) -> WallTime { clock.wall + (time - clock.monotonic) }

    private func alarmFigures(at now: MonotonicTime) -> GatewaySnapshot.AlarmFigures {
        // A copy: looking must not change what is looked at.
        var desk = alarms.desk
        let report = desk.report(at: stamp(at: now))
        return GatewaySnapshot.AlarmFigures(
            last10Minutes: report.last10Minutes,
            lastHour: report.lastHour,
            lastDay: report.lastDay,
            standing: report.standing,
            unacknowledged: report.unacknowledged,
            shelved: report.shelved,
            suppressed: report.suppressed,
            chattering: report.chattering.count,
            stale: report.stale.count,
            isFlood: report.isFlood
        )
    }

    private func snapshot(_ bus: BusScheduler, at now: MonotonicTime) -> GatewaySnapshot.Bus {
        GatewaySnapshot.Bus(
            name: bus.settings.name,
            link: bus.settings.link.words,
            isUp: bus.link.fault == nil,
            fault: bus.link.fault?.words,
            linkLosses: bus.link.losses,
            units: bus.units.map { unit in
                let (state, detail) = unit.standing.words
                return GatewaySnapshot.Unit(
                    module: unit.module.name,
                    unit: unit.module.unit.rawValue,
                    profile: unit.module.profile,
                    state: state,
                    detail: detail,
                    silentFor: unit.lastReply.map { (now - $0).seconds },
                    counters: unit.counters
                )
            }
        )
    }

    private func snapshot(_ index: Int, at now: MonotonicTime) -> GatewaySnapshot.Instrument {
        let pipeline = instruments[index]
        let settings = pipeline.settings
        let status = alarms.detectors[index].status
        let health = alarms.health(index, pipeline, status, at: stamp(at: now))
        let last = pipeline.last
        let quality = last?.quality ?? .waiting
        return GatewaySnapshot.Instrument(
            id: settings.id.rawValue,
            tag: settings.tag.text,
            type: settings.type.rawValue,
            measuredVariable: settings.measuredVariable,
            unit: settings.span.unit,
            lrv: settings.span.lrv,
            urv: settings.span.urv,
            nominal: settings.nominal,
            location: settings.location,
            processUnit: settings.processUnit,
            associatedEquipment: settings.associatedEquipment,
            accuracyClass: settings.accuracyClass,
            criticality: settings.criticality.rawValue,
            calibrationIntervalDays: settings.calibrationIntervalDays,
            limits: settings.limits,
            expectedInterval: settings.expectedInterval.seconds,
            module: settings.module,
            channel: settings.channel,
            value: last?.value,
            milliamps: last?.current?.milliamps,
            quality: quality.level.name,
            reason: quality.reason,
            age: last.map { (now - $0.stamp.monotonic).seconds },
            isInGap: pipeline.isInGap,
            readings: pipeline.readings,
            badReadings: pipeline.badReadings,
            detectors: status,
            score: health.score,
            health: health.label,
            penalties: health.penalties.map {
                GatewaySnapshot.Penalty(
                    part: $0.part.rawValue,
                    points: $0.points,
                    reason: $0.reason
                )
            },
            model: alarms.models[index],
            baseline: baselines.first { $0.instrument == settings.id },
            calibration: calibration(of: settings.id, at: now),
            suppressedUntil: notice(ConditionKey.maintenance, of: settings.id)?.shelf?.end,
            isOutOfService: notice(ConditionKey.outOfService, of: settings.id) != nil
        )
    }

    private func notice(_ detail: String, of instrument: InstrumentID) -> OpenAlert? {
        alarms.desk.alert(
            of: ConditionKey(instrument: instrument, type: .system, detail: detail)
        )
    }

    private func calibration(
        of instrument: InstrumentID,
        at now: MonotonicTime
    ) -> GatewaySnapshot.Calibration {
        let status =
            switch alarms.calibrations.status(of: instrument, at: stamp(at: now)) {
            case .notWanted: "not-wanted"
            case .never: "never"
            case .unknown: "unknown"
            case .valid: "valid"
            case .dueSoon: "due-soon"
            case .overdue: "overdue"
            }
        return GatewaySnapshot.Calibration(
            status: status,
            due: alarms.calibrations.nextDue(of: instrument),
            latest: alarms.calibrations.latest(of: instrument)
        )
    }

    private func storeSnapshot() -> GatewaySnapshot.Store {
        var fault: String?
        if case .failing(let why, _) = journal.standing { fault = why.words }
        return GatewaySnapshot.Store(
            isWorking: fault == nil,
            fault: fault,
            commits: journal.commits,
            failures: journal.failures,
            databaseBytes: journal.status?.databaseBytes ?? 0,
            logBytes: journal.status?.logBytes ?? 0,
            readings: readings.last,
            stored: journal.storedReadings,
            pending: readings.last - journal.storedReadings,
            auditEntries: journal.status?.audit?.entries ?? 0,
            auditHash: journal.status?.audit?.text
        )
    }

    private func snapshot(_ outbox: Outbox, at now: MonotonicTime) -> GatewaySnapshot.Connection {
        var broker: String?
        var reason: DownReason?
        switch outbox.link {
        case .up(let address): broker = "\(address.host):\(address.port)"
        case .down(let why): reason = why
        }
        return GatewaySnapshot.Connection(
            name: outbox.settings.name,
            isUp: outbox.isUp,
            broker: broker,
            reason: reason?.name,
            detail: reason?.words,
            since: (now - outbox.linkSince).seconds,
            backlog: outbox.backlog,
            inFlight: outbox.unacknowledged,
            counters: outbox.counters
        )
    }
}

extension UnitState.Standing {
    /// A word for the state, and what there is to say about it.
    var words: (state: String, detail: String?) {
        switch self {
        case .answering: ("answering", nil)
        case .missing(let count): ("missing", "\(count) requests in a row without an answer")
        case .silent: ("silent", "probed once per back-off period")
        case .wrongModule(let text): ("wrong-module", text)
        }
    }
}

extension BusLink {
    /// The link as people write it: a path and its line settings, or an address.
    public var words: String {
        switch self {
        case .rtu(let serial):
            let parity =
                switch serial.parity {
                case .none: "N"
                case .even: "E"
                case .odd: "O"
                }
            return "\(serial.path) \(serial.baud) 8\(parity)\(serial.stopBits)"
        case .tcp(let host, let port):
            return host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        }
    }
}

extension BusFault {
    /// The fault in words.
    public var words: String {
        switch self {
        case .silent: "no answer"
        case .refused(let code): "exception \(code)"
        case .garbled(let why): "the answer was not one: \(why.rawValue)"
        case .linkLost(let errno): "the link is gone (errno \(errno))"
        case .portBusy(let holder): "the port is held by \(holder)"
        }
    }
}

extension GatewaySnapshot.Alert {
    init(_ alert: OpenAlert) {
        id = alert.id.description
        subject = alert.subject
        type = alert.key.type.rawValue
        detail = alert.key.detail
        area = alert.area
        severity = alert.severity.rawValue
        state = alert.state.rawValue
        alarmState = alert.alarmState.rawValue
        isActive = alert.isActive
        occurrences = alert.occurrences
        marks = alert.marks.sorted().map(\.rawValue)
        value = alert.value
        explanation = alert.explanation
        raisedAt = alert.raisedAt.wall
        acknowledgedBy = alert.acknowledgedBy
        instrument = alert.key.instrument?.rawValue
        until = alert.shelf?.end
        isNotice = alert.isNotice
    }
}

extension AlertShelf {
    /// When it ends, as far as the wall clock can be believed.
    fileprivate var end: WallTime { from.wall + length }
}
