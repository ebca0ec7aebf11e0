import Alerts
import Detection
import Signal

/// From readings to a horn: the detectors of every instrument, the alert desk and the relay's logic.
struct AlarmChain: Sendable {
    private(set) var desk: AlertDesk
    private(set) var relay: RelayLogic
    private(set) var detectors: [InstrumentDetectors]
    /// What is known of the model that each instrument's detectors use.
    private(set) var models: [ModelFacts?]
    private(set) var calibrations: CalibrationDesk
    /// Why models that should be in use are not, by instrument; told once.
    private(set) var unreadable: [(index: Int, text: String)] = []
    private var watches: [FaultWatch]
    /// Instruments out of service: of their detectors only the limits run.
    private var isHeld: [Bool]
    /// When each instrument first had a usable reading in this run.
    private var firstUsable: [MonotonicTime?]
    /// Instruments whose detectors were taken over from the last run and have not spoken yet.
    private var isRestored: [Bool]
    private var ids: [InstrumentID]
    private var seenRevision: UInt64 = .max
    private let started: MonotonicTime
    private var nextState: MonotonicTime
    private var hasConfirmedParts = false

    /// What was open before a restart and is not reported again within this time has gone: longer
    /// than the longest on-delay that is set by default.
    static let confirmation = Nanoseconds.seconds(90)
    /// How often the detectors' state is saved; also when the gateway stops.
    static let stateInterval = Nanoseconds.seconds(600)

    /// - takingOver: what the output shows already.
    init(
        settings: GatewaySettings,
        epoch: UInt64,
        opening: StoreOpening,
        takingOver demand: RelayDemand,
        at now: Stamp
    ) {
        let instruments = settings.instruments
        ids = instruments.map(\.id)
        desk = AlertDesk(
            epoch: epoch,
            policy: settings.alerts,
            instruments: instruments.map(\.facts),
            restoring: opening.openAlerts,
            now: now
        )
        relay = RelayLogic(
            rules: settings.relay.rules,
            takingOver: demand,
            at: now.monotonic
        )
        var unreadable: [(index: Int, text: String)] = []
        var models: [ModelFacts?] = []
        detectors = instruments.enumerated().map { index, instrument in
            let kept = opening.models.first { $0.facts.instrument == instrument.id }
            let told = instrument.detectorSettings()
            let (model, facts, fault) = Self.decoded(kept, told)
            if let fault { unreadable.append((index, fault)) }
            models.append(facts)
            return InstrumentDetectors(settings: told, model: model)
        }
        self.models = models
        self.unreadable = unreadable
        calibrations = CalibrationDesk(
            instruments: instruments.map(\.facts),
            latest: opening.calibrations
        )
        watches = instruments.map { FaultWatch($0.id, unit: $0.span.unit) }
        isHeld = instruments.map { _ in false }
        firstUsable = instruments.map { _ in nil }
        isRestored = instruments.map { _ in false }
        started = now.monotonic
        nextState = now.monotonic + Self.stateInterval
        if let bytes = opening.detectorState { restore(bytes, at: now) }
    }

    /// A model as the journal gave it, or why it cannot be used.
    private static func decoded(
        _ kept: KeptModel?,
        _ told: DetectorSettings
    ) -> (model: TrainedModel?, facts: ModelFacts?, fault: String?) {
        guard let kept else { return (nil, nil, nil) }
        do throws(CodingFault) {
            let model = try TrainedModel(decoding: kept.body)
            guard let misfit = model.misfit(told) else { return (model, kept.facts, nil) }
            return (
                nil, nil, "Version \(kept.facts.version) of its model cannot be used: \(misfit)"
            )
        } catch {
            return (nil, nil, "Version \(kept.facts.version) of its model cannot be used: \(error)")
        }
    }

    /// When something here happens by itself.
    var nextDeadline: MonotonicTime { min(desk.nextDeadline, relay.nextDeadline) }

    // MARK: Readings

    /// What a reading means for its instrument's conditions.
    mutating func judge(
        _ index: Int,
        _ reading: Reading,
        rate: RateOfChangeCheck
    ) -> Judgement {
        var judgement = Judgement()
        let now = reading.stamp.monotonic
        watches[index].take(reading, rate, at: now, &judgement.changes)
        var judged = reading
        if isHeld[index] { judged.quality = .settling }
        for finding in detectors[index].process(judged, at: now) {
            judgement.take(finding)
        }
        if isRestored[index], reading.quality.level != .bad {
            isRestored[index] = false
            confirm(index, &judgement.changes)
        }
        if firstUsable[index] == nil, reading.quality.level != .bad { firstUsable[index] = now }
        return judgement
    }

    /// Tells the desk of what restored detectors still hold for true.
    private func confirm(_ index: Int, _ changes: inout [ConditionChange]) {
        let status = detectors[index].status
        func still(_ type: AlertType, _ detail: String, _ grade: AlertGrade) {
            let key = ConditionKey(instrument: ids[index], type: type, detail: detail)
            guard let alert = desk.alert(of: key), alert.isActive else { return }
            changes.append(
                ConditionChange(
                    key: key,
                    phase: .active,
                    grade: grade,
                    severity: alert.presentSeverity,
                    value: alert.value,
                    explanation: alert.explanation
                )
            )
        }
        let limits = status.limitsActive
        if limits.count == 4 {
            if limits[0] || limits[1] { still(.ruleViolation, "low", .preAlarm) }
            if limits[2] || limits[3] { still(.ruleViolation, "high", .preAlarm) }
        }
        if status.drifting { still(.drift, DetectorKind.drift.name, .preAlarm) }
        if status.anomalous { still(.anomaly, DetectorKind.anomaly.name, .preAlarm) }
        if status.stuck { still(.instrumentFault, ConditionKey.stuck, .preAlarm) }
    }

    /// Takes over another register. What unchanged instruments have seen stays; a changed one's
    /// detectors begin afresh as far as the change asks for it, and what they had open is cleared.
    ///
    /// - origin: for each instrument its place in the register before; nil: it is new.
    /// - others: instruments whose readings mean something else now: they start without a model.
    /// - kept: the models in use of new ones.
    /// - by: whose change it is.
    /// - Returns: what is cleared, by instrument, and what becomes of alerts of retired ones.
    mutating func adopt(
        _ instruments: [InstrumentSettings],
        origin: [Int?],
        others: Set<Int>,
        models kept: [KeptModel],
        by who: String,
        at now: Stamp
    ) -> (cleared: [(index: Int, Judgement)], AlertOutput) {
        let old = self
        var cleared: [(index: Int, Judgement)] = []
        ids = instruments.map(\.id)
        unreadable = old.unreadable.compactMap { index, text in
            origin.firstIndex(of: index).map { ($0, text) }
        }
        detectors = []
        models = []
        for (index, instrument) in instruments.enumerated() {
            let told = instrument.detectorSettings()
            guard let place = origin[index] else {
                let mine = kept.first { $0.facts.instrument == instrument.id }
                let (model, facts, fault) = Self.decoded(mine, told)
                if let fault { unreadable.append((index, fault)) }
                models.append(facts)
                detectors.append(InstrumentDetectors(settings: told, model: model))
                continue
            }
            var detector = old.detectors[place]
            var facts = old.models[place]
            if told != detector.settings || others.contains(index) {
                let kinds =
                    others.contains(index)
                    ? Set(DetectorKind.allCases) : detector.kindsThatRestart(with: told)
                detector.configure(told, restarting: kinds)
                if others.contains(index) {
                    detector.forgetModel()
                    facts = nil
                    unreadable.removeAll { $0.index == index }
                } else if let misfit = detector.model?.misfit(told), let version = facts?.version {
                    unreadable.append(
                        (index, "Version \(version) of its model cannot be used: \(misfit)")
                    )
                    detector.forgetModel()
                    facts = nil
                }
                let judgement = Judgement(
                    changes: conditions(of: kinds, of: instrument.id).map {
                        ConditionChange(
                            key: $0,
                            phase: .cleared,
                            explanation: "The instrument's settings were changed."
                        )
                    }
                )
                cleared.append((index, judgement))
            }
            detectors.append(detector)
            models.append(facts)
        }
        func carried<Value>(_ values: [Value], _ fresh: Value) -> [Value] {
            origin.map { $0.map { values[$0] } ?? fresh }
        }
        watches = zip(instruments, origin).map { instrument, place in
            let unit = instrument.span.unit
            guard let place else { return FaultWatch(instrument.id, unit: unit) }
            var watch = old.watches[place]
            watch.unit = unit
            return watch
        }
        isHeld = carried(old.isHeld, false)
        firstUsable = carried(old.firstUsable, nil)
        isRestored = carried(old.isRestored, false)
        // The state that is on disk belongs to the register before this one.
        nextState = now.monotonic
        let facts = instruments.map(\.facts)
        calibrations.setInstruments(facts)
        return (cleared, desk.setInstruments(facts, by: who, at: now))
    }

    /// The open conditions that detectors of these kinds have found.
    private func conditions(
        of kinds: Set<DetectorKind>,
        of instrument: InstrumentID
    ) -> [ConditionKey] {
        let all = kinds.flatMap { kind -> [(AlertType, String)] in
            switch kind {
            case .limits: [(.ruleViolation, "low"), (.ruleViolation, "high")]
            case .drift: [(.drift, DetectorKind.drift.name)]
            case .stuck:
                [(.instrumentFault, ConditionKey.stuck), (.instrumentFault, "noise-lost")]
            case .anomaly: [(.anomaly, DetectorKind.anomaly.name)]
            }
        }
        return all.map { ConditionKey(instrument: instrument, type: $0.0, detail: $0.1) }
            .filter { desk.alert(of: $0)?.isActive == true }.sorted()
    }

    /// Takes another model for an instrument's detectors: what they had open is cleared.
    mutating func adopt(
        _ model: TrainedModel,
        _ facts: ModelFacts,
        for index: Int,
        at now: MonotonicTime
    ) -> Judgement {
        var judgement = Judgement()
        for finding in detectors[index].adopt(model, at: now) { judgement.take(finding) }
        models[index] = facts
        isRestored[index] = false
        // The state that is on disk belongs to the model before this one.
        nextState = now
        return judgement
    }

    /// The models that could not be used, once.
    mutating func takeUnreadable() -> [(index: Int, text: String)] {
        defer { unreadable = [] }
        return unreadable
    }

    // MARK: Calibrations

    /// Whether a calibration could be taken; throws why not.
    func check(_ record: CalibrationRecord, at now: Stamp) throws(CalibrationRefusal) {
        var copy = calibrations
        _ = try copy.post(record, at: now)
    }

    /// Takes a calibration that is stored: a passed one makes the drift detector start anew.
    mutating func calibrated(
        _ record: CalibrationRecord,
        _ index: Int,
        at now: Stamp
    ) throws(CalibrationRefusal) -> Judgement {
        let outcome = try calibrations.post(record, at: now)
        var judgement = Judgement()
        judgement.changes = outcome.changes
        if outcome.resetsDrift {
            for finding in detectors[index].calibrated(at: now.monotonic) {
                judgement.take(finding)
            }
            nextState = now.monotonic
        }
        return judgement
    }

    /// Looks at the calendar.
    mutating func lookAtCalendar(at now: Stamp) -> [ConditionChange] {
        calibrations.advance(to: now)
    }

    /// How healthy an instrument is, and why.
    func health(
        _ index: Int,
        _ pipeline: InstrumentPipeline,
        _ status: DetectorStatus,
        at now: Stamp
    ) -> HealthScore {
        var inputs = HealthInputs(quality: pipeline.last?.quality, hasGap: pipeline.isInGap)
        inputs.calibration = calibrations.status(of: ids[index], at: now)
        if let limit = status.scoreLimit {
            inputs.anomalyWarning = limit
            inputs.anomalyCritical = max(inputs.anomalyCritical, limit + 0.1)
        }
        inputs.anomalyScore = status.score
        inputs.take(desk.alerts(of: ids[index]))
        return HealthScore(inputs)
    }

    // MARK: The desk

    mutating func handle(_ change: ConditionChange, at now: Stamp) -> AlertOutput {
        desk.handle(change, at: now)
    }

    mutating func perform(
        _ action: AlertAction,
        by: String,
        note: String?,
        at now: Stamp
    ) throws(AlertRefusal) -> AlertOutput {
        try desk.perform(action, by: by, note: note, at: now)
    }

    mutating func advance(to now: Stamp) -> AlertOutput { desk.advance(to: now) }

    /// The clock was found to have been off by `offset` in this run.
    mutating func correctClock(by offset: Nanoseconds) { desk.correctClock(by: offset) }

    /// Resolves what was open before the restart and has not come up again.
    mutating func confirmAfterRestart(at now: Stamp) -> AlertOutput {
        guard !desk.unconfirmed.isEmpty else { return .none }
        var settled: Set<InstrumentID> = []
        for (index, first) in firstUsable.enumerated() {
            if let first, now.monotonic - first >= Self.confirmation { settled.insert(ids[index]) }
        }
        let partsSettled = now.monotonic - started >= Self.confirmation
        guard partsSettled || !settled.isEmpty else { return .none }
        return desk.clearUnconfirmed(at: now) { key in
            // The calendar and a later calibration end these, not a reading.
            if key.type == .calibrationOverdue || key.detail == ConditionKey.calibrationFailed {
                return false
            }
            return key.instrument.map { settled.contains($0) } ?? partsSettled
        }
    }

    // MARK: The relay

    /// What the relay must do about news from the desk or the time; nil where nothing is due.
    mutating func drive(at now: MonotonicTime) -> RelayOutput? {
        if desk.revision != seenRevision {
            seenRevision = desk.revision
            for index in ids.indices { isHeld[index] = desk.isOutOfService(ids[index]) }
            return relay.update(desk.openAlerts { relay.covers($0) }, at: now)
        }
        return now >= relay.nextDeadline ? relay.advance(to: now) : nil
    }

    mutating func feed(
        polling: UInt64,
        detection: UInt64,
        journal: UInt64,
        at now: MonotonicTime
    ) -> RelayOutput {
        relay.feed(polling: polling, detection: detection, journal: journal, at: now)
    }

    mutating func silence(by: String, at now: MonotonicTime) -> RelayOutput {
        relay.silence(by: by, at: now)
    }

    mutating func test(
        by: String,
        length: Nanoseconds,
        at now: MonotonicTime
    ) throws(RelayRefusal) -> RelayOutput {
        try relay.startTest(by: by, length: length, at: now)
    }

    // MARK: Detector state

    private static let stateFormat: UInt8 = 2

    /// The detectors' state when it is due to be saved, or wanted at once.
    mutating func state(at now: Stamp, atOnce: Bool) -> [UInt8]? {
        guard atOnce || now.monotonic >= nextState else { return nil }
        nextState = now.monotonic + Self.stateInterval
        var bytes: [UInt8] = [Self.stateFormat]
        append(now.clock.isTrusted ? now.wall.nanosecondsSince1970 : 0, to: &bytes)
        for (index, detector) in detectors.enumerated() {
            let state = detector.snapshot(at: now.monotonic)
            append(Int64(ids[index].rawValue), to: &bytes)
            append(Int64(models[index]?.version ?? 0), to: &bytes)
            append(Int64(state.count), to: &bytes)
            bytes += state
        }
        return bytes
    }

    private func append(_ number: Int64, to bytes: inout [UInt8]) {
        for shift in stride(from: 0, to: 64, by: 8) {
            bytes.append(UInt8(truncatingIfNeeded: number >> Int64(shift)))
        }
    }

    /// Takes up what `state` gave; what cannot be read is left out.
    private mutating func restore(_ bytes: [UInt8], at now: Stamp) {
        var rest = bytes[...]
        guard rest.popFirst() == Self.stateFormat, let wall = number(&rest) else { return }
        var then = now.monotonic
        if wall > 0, now.clock.isTrusted {
            let passed = now.wall - WallTime(nanosecondsSince1970: wall)
            if passed > .zero { then = now.monotonic - passed }
        }
        while let id = number(&rest), let version = number(&rest), let count = number(&rest),
            count >= 0, count <= rest.count
        {
            let state = Array(rest.prefix(Int(count)))
            rest = rest.dropFirst(Int(count))
            // Sums and scores of another model say nothing about this one's.
            guard let index = ids.firstIndex(where: { Int64($0.rawValue) == id }),
                Int64(models[index]?.version ?? 0) == version
            else { continue }
            guard (try? detectors[index].restore(state, at: then)) != nil else { continue }
            isRestored[index] = true
            // The state is up to ten minutes old, the alerts are not.
            detectors[index].forgetLimits(
                low: !isActive(.ruleViolation, "low", of: index),
                high: !isActive(.ruleViolation, "high", of: index)
            )
            forgetWhatHasGone(index)
        }
    }

    /// Starts detectors afresh whose finding was over, as the alerts tell, when the state says it holds:
    /// else it would be told again, and its next time would be no news.
    private mutating func forgetWhatHasGone(_ index: Int) {
        let settings = detectors[index].settings
        let status = detectors[index].status
        let held: [(DetectorKind, Bool, Bool)] = [
            (.drift, status.drifting, isActive(.drift, DetectorKind.drift.name, of: index)),
            (
                .anomaly, status.anomalous && !status.isProvisional,
                isActive(.anomaly, DetectorKind.anomaly.name, of: index)
            ),
            (
                .stuck, status.stuck,
                isActive(.instrumentFault, ConditionKey.stuck, of: index)
                    || isActive(.instrumentFault, "noise-lost", of: index)
            ),
        ]
        let gone = held.filter { kind, holds, isOpen in
            holds && !isOpen && !settings.shadow.contains(kind)
        }
        guard !gone.isEmpty else { return }
        detectors[index].configure(settings, restarting: Set(gone.map(\.0)))
    }

    private func isActive(_ type: AlertType, _ detail: String, of index: Int) -> Bool {
        let key = ConditionKey(instrument: ids[index], type: type, detail: detail)
        return desk.alert(of: key)?.isActive ?? false
    }

    private func number(_ bytes: inout ArraySlice<UInt8>) -> Int64? {
        guard bytes.count >= 8 else { return nil }
        var number: UInt64 = 0
        for (index, byte) in bytes.prefix(8).enumerated() { number |= UInt64(byte) << (index * 8) }
        bytes = bytes.dropFirst(8)
        return Int64(bitPattern: number)
    }
}

/// What a reading means: conditions that changed, and what detectors in shadow had to say.
struct Judgement: Sendable {
    var changes: [ConditionChange] = []
    var shadow: [Finding] = []

    mutating func take(_ finding: Finding) {
        guard !finding.isShadow else {
            shadow.append(finding)
            return
        }
        changes.append(
            ConditionChange(
                key: finding.key,
                phase: finding.phase == .clear ? .cleared : .active,
                grade: finding.severity == .critical ? .mainAlarm : .preAlarm,
                value: finding.value,
                explanation: finding.explanation
            )
        )
    }
}

extension Finding {
    /// The alert condition that the finding is about: a limit's two steps are one condition.
    var key: ConditionKey {
        let (type, detail): (AlertType, String) =
            switch condition {
            case .low: (.ruleViolation, "low")
            case .high: (.ruleViolation, "high")
            case .drift: (.drift, DetectorKind.drift.name)
            case .frozen: (.instrumentFault, ConditionKey.stuck)
            case .noiseLost: (.instrumentFault, "noise-lost")
            case .anomaly: (.anomaly, DetectorKind.anomaly.name)
            }
        return ConditionKey(instrument: instrument, type: type, detail: detail)
    }
}

extension InstrumentSettings {
    /// What alerts must know of it.
    var facts: InstrumentFacts {
        InstrumentFacts(
            id: id,
            tag: tag.text,
            area: processUnit,
            criticality: AlertCriticality(rawValue: criticality.rawValue) ?? .medium,
            calibrationIntervalDays: calibrationIntervalDays
        )
    }
}
