import Signal

/// One calibration of one instrument, as a technician records it.
public struct CalibrationRecord: Hashable, Sendable, Codable {
    /// Whose.
    public var instrument: InstrumentID
    /// When it was done.
    public var performedAt: WallTime
    /// By whom: an employee number.
    public var performedBy: String
    /// Whether the instrument passed, in the technician's judgement.
    public var passed: Bool
    /// What it showed before any adjustment, in the span's unit.
    public var asFound: Double?
    /// What it showed afterwards; the same as `asFound` where nothing was adjusted.
    public var asLeft: Double?
    /// What the reference showed, in the span's unit.
    public var reference: Double?
    /// Free text.
    public var notes: String?

    /// A calibration.
    public init(
        instrument: InstrumentID,
        performedAt: WallTime,
        performedBy: String,
        passed: Bool,
        asFound: Double? = nil,
        asLeft: Double? = nil,
        reference: Double? = nil,
        notes: String? = nil
    ) {
        self.instrument = instrument
        self.performedAt = performedAt
        self.performedBy = performedBy
        self.passed = passed
        self.asFound = asFound
        self.asLeft = asLeft
        self.reference = reference
        self.notes = notes
    }

    /// Error found, in percent of span: 100 (as found − reference) / span.
    public func asFoundError(span: Span) -> Double? { error(of: asFound, span) }

    /// Error left, in percent of span: 100 (as left − reference) / span.
    public func asLeftError(span: Span) -> Double? { error(of: asLeft, span) }

    private func error(of shown: Double?, _ span: Span) -> Double? {
        guard let shown, let reference else { return nil }
        let error = 100 * (shown - reference) / span.width
        return error.isFinite ? error : nil
    }
}

/// Where an instrument stands with its calibration.
public enum CalibrationStatus: Hashable, Sendable {
    /// Its register wants none.
    case notWanted
    /// One is wanted, none was ever recorded.
    case never
    /// The clock is unset: nobody can tell.
    case unknown
    /// Due at this time, more than a week away.
    case valid(due: WallTime)
    /// Due within a week.
    case dueSoon(due: WallTime)
    /// Past its due date.
    case overdue(due: WallTime)
}

/// Why a calibration was not taken.
public enum CalibrationRefusal: Error, Hashable, Sendable, CustomStringConvertible {
    case unknownInstrument(InstrumentID)
    case inTheFuture
    case notFinite
    case nobody

    /// What is wrong, and how to mend it.
    public var description: String {
        switch self {
        case .unknownInstrument(let id): "no instrument has the number \(id.rawValue)"
        case .inTheFuture: "the calibration lies in the future: check its date"
        case .notFinite: "as-found, as-left and reference must be finite numbers"
        case .nobody: "it must say who calibrated: give an employee number"
        }
    }
}

/// What a recorded calibration brings about.
public struct CalibrationOutcome: Hashable, Sendable {
    /// The drift detector must start anew.
    public var resetsDrift: Bool
    /// When the next one is due; nil: none wanted.
    public var nextDue: WallTime?
    /// News for the alert desk.
    public var changes: [ConditionChange]
}

/// Which instruments are due for calibration. The calendar stands still while the clock is unset.
public struct CalibrationDesk: Sendable {
    private var instruments: [InstrumentID: InstrumentFacts] = [:]
    private var latest: [InstrumentID: CalibrationRecord] = [:]
    /// What the alert desk was told last.
    private var reported: [InstrumentID: Bool] = [:]

    /// Days before the due date from which a calibration is due soon.
    public static let soonDays = 7
    private static let day = Nanoseconds.seconds(86_400)

    /// A desk with the register and the latest calibration of each instrument.
    public init(instruments: [InstrumentFacts], latest: [CalibrationRecord] = []) {
        for record in latest { keep(record) }
        setInstruments(instruments)
    }

    /// Takes over the register. The calibrations of retired instruments are remembered: they may
    /// come back.
    public mutating func setInstruments(_ facts: [InstrumentFacts]) {
        instruments = [:]
        for one in facts { instruments[one.id] = one }
        reported = reported.filter { instruments[$0.key] != nil }
    }

    /// The latest calibration of an instrument, by its date.
    public func latest(of instrument: InstrumentID) -> CalibrationRecord? { latest[instrument] }

    /// When the next calibration is due: the latest one's date and the interval, passed or not.
    public func nextDue(of instrument: InstrumentID) -> WallTime? {
        guard let days = instruments[instrument]?.calibrationIntervalDays, days > 0,
            let record = latest[instrument]
        else { return nil }
        return record.performedAt + CalibrationDesk.day * days
    }

    /// Where an instrument stands.
    public func status(of instrument: InstrumentID, at now: Stamp) -> CalibrationStatus {
        guard let days = instruments[instrument]?.calibrationIntervalDays, days > 0 else {
            return .notWanted
        }
        guard let due = nextDue(of: instrument) else { return .never }
        guard now.clock != .unset else { return .unknown }
        if now.wall >= due { return .overdue(due: due) }
        let soon = CalibrationDesk.day * CalibrationDesk.soonDays
        return due - now.wall <= soon ? .dueSoon(due: due) : .valid(due: due)
    }

    /// Takes a calibration. An older one than the latest is history: it changes nothing here.
    public mutating func post(
        _ record: CalibrationRecord,
        at now: Stamp
    ) throws(CalibrationRefusal) -> CalibrationOutcome {
        let id = record.instrument
        guard let facts = instruments[id] else { throw .unknownInstrument(id) }
        guard !record.performedBy.isEmpty else { throw .nobody }
        for value in [record.asFound, record.asLeft, record.reference] {
            if let value, !value.isFinite { throw .notFinite }
        }
        if now.clock.isTrusted, record.performedAt > now.wall { throw .inTheFuture }
        if let known = latest[id], known.performedAt > record.performedAt {
            return CalibrationOutcome(resetsDrift: false, nextDue: nextDue(of: id), changes: [])
        }
        keep(record)
        let failed = ConditionKey(
            instrument: id,
            type: .instrumentFault,
            detail: ConditionKey.calibrationFailed
        )
        var changes = [
            ConditionChange(
                key: failed,
                phase: record.passed ? .cleared : .active,
                value: record.asFound,
                explanation: explanation(ofFailed: record, facts)
            )
        ]
        changes += judge(id, at: now)
        return CalibrationOutcome(
            resetsDrift: record.passed,
            nextDue: nextDue(of: id),
            changes: changes
        )
    }

    /// Looks at the calendar; to be called every few minutes and whenever the clock is set.
    public mutating func advance(to now: Stamp) -> [ConditionChange] {
        instruments.keys.sorted().flatMap { judge($0, at: now) }
    }

    private mutating func keep(_ record: CalibrationRecord) {
        if let known = latest[record.instrument], known.performedAt > record.performedAt {
            return
        }
        latest[record.instrument] = record
    }

    private mutating func judge(_ id: InstrumentID, at now: Stamp) -> [ConditionChange] {
        let key = ConditionKey(
            instrument: id,
            type: .calibrationOverdue,
            detail: ConditionKey.calibrationDue
        )
        switch status(of: id, at: now) {
        case .unknown: return []
        case .overdue(let due):
            guard reported[id] != true else { return [] }
            reported[id] = true
            let days = (now.wall - due).count / CalibrationDesk.day.count
            let late = days == 0 ? "since today" : "by \(days) day\(days == 1 ? "" : "s")"
            let interval = instruments[id]?.calibrationIntervalDays ?? 0
            return [
                ConditionChange(
                    key: key,
                    phase: .active,
                    explanation: "Calibration is overdue \(late) (every \(interval) days)"
                )
            ]
        case .notWanted, .never, .valid, .dueSoon:
            // Told once after the start as well: the alert may stem from before it.
            guard reported[id] != false else { return [] }
            reported[id] = false
            return [ConditionChange(key: key, phase: .cleared)]
        }
    }

    private func explanation(
        ofFailed record: CalibrationRecord,
        _ facts: InstrumentFacts
    ) -> String {
        var text = "\(facts.tag) failed its calibration by \(record.performedBy)"
        if let found = record.asFound, let reference = record.reference {
            text += ": found \(found) where the reference showed \(reference)"
        }
        return text
    }
}
