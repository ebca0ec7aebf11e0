import Signal

/// The desk where conditions become alerts, and people deal with them.
///
/// Conditions come in with `handle`, what people do with `perform`, time with `advance`; each
/// answers with the transitions to be journalled and published. At most one alert is open for a
/// condition: when it comes up again it is counted there. An alert's life is raised → acknowledged
/// → resolved; inside it runs the state model of ISA-18.2. Nothing here reads a clock.
public struct AlertDesk: Sendable {
    /// What the desk knows of one condition.
    struct Entry: Sendable {
        var alert: OpenAlert?
        /// When the condition last came up.
        var activeSince: MonotonicTime
        /// The latest activations, oldest first, at most `AlarmDefinitions.chatterActivations`.
        var activations: [MonotonicTime] = []
        /// Taken over from before a restart, and not heard of since.
        var isUnconfirmed = false
        /// When the last transition was made.
        var reportedAt: MonotonicTime
        /// A transition was held back because the alert chatters.
        var needsReport = false
        /// When the shelf, or the maintenance, ends by itself.
        var shelfEnds: MonotonicTime?
        /// Why it ends then, where that is not simply its time.
        var shelfNote: String?

        init(at time: MonotonicTime) {
            activeSince = time
            reportedAt = time
        }

        mutating func activated(at time: MonotonicTime) {
            activeSince = time
            activations.append(time)
            if activations.count > AlarmDefinitions.chatterActivations {
                activations.removeFirst()
            }
        }

        /// Whether the latest activations lie close enough together to be chattering.
        func chatters(at time: MonotonicTime) -> Bool {
            activations.count == AlarmDefinitions.chatterActivations
                && time - activations[0] <= AlarmDefinitions.chatterWindow
        }

        /// When the last activation is too long ago to count as chattering.
        var calmAt: MonotonicTime? { activations.last.map { $0 + AlarmDefinitions.chatterWindow } }
    }

    /// The epoch of this run: part of every new alert's name.
    public let epoch: UInt64
    /// How alerts are treated.
    public let policy: AlertPolicy
    /// Rises with every change that a list of open alerts, or the relay, could show.
    public internal(set) var revision: UInt64 = 0

    var instruments: [InstrumentID: InstrumentFacts] = [:]
    var entries: [ConditionKey: Entry] = [:]
    var keys: [AlertID: ConditionKey] = [:]
    /// Conditions known of each instrument; of the gateway under nil.
    var population: [InstrumentID?: Int] = [:]
    var metrics: AlarmMetrics
    private var nextNumber: UInt64 = 1
    /// Before this nothing happens by itself.
    private var wake: MonotonicTime = .distantFuture
    /// What the restart itself brought about, told at the first call.
    private var pending = AlertOutput.none

    static let system = "system"
    /// Who does what happens by itself.
    public static var systemName: String { system }

    /// A desk for the run `epoch`, with the alerts that were open when the last run ended.
    ///
    /// - restoring: the last stored transition of every alert that was not resolved, oldest first.
    ///   Acknowledgements, latches, counts and out-of-service notices survive. Shelves and
    ///   maintenance go on for the rest of their time, or end where nobody can tell it.
    public init(
        epoch: UInt64,
        policy: AlertPolicy = AlertPolicy(),
        instruments: [InstrumentFacts] = [],
        restoring steps: [AlertTransition] = [],
        now: Stamp
    ) {
        self.epoch = epoch
        self.policy = policy
        metrics = AlarmMetrics(since: now.monotonic)
        for facts in instruments { self.instruments[facts.id] = facts }
        for step in steps { restore(step, now) }
        for key in entries.keys.sorted() where entries[key]?.alert != nil {
            let suppression = suppression(of: key)
            entries[key]?.alert?.suppression = suppression
        }
        planWake()
        if !pending.isEmpty { wake = now.monotonic }
    }

    private mutating func restore(_ step: AlertTransition, _ now: Stamp) {
        guard let alert = OpenAlert(restoring: step) else { return }
        let key = alert.key
        if let older = entries[key]?.alert {
            pending.transitions.append(
                older.transition(
                    resolved: true,
                    at: now,
                    by: AlertDesk.system,
                    note: "the condition has a newer alert, \(alert.id)"
                )
            )
            keys[older.id] = nil
        } else {
            population[key.instrument, default: 0] += 1
        }
        var entry = Entry(at: now.monotonic)
        if step.raisedAt.clock.isTrusted, now.clock.isTrusted, step.raisedAt.wall < now.wall {
            entry.activeSince = now.monotonic - (now.wall - step.raisedAt.wall)
        }
        entry.isUnconfirmed = alert.isActive && !key.isNotice
        if let shelf = alert.shelf {
            if let remaining = shelf.remaining(at: now) {
                entry.shelfEnds = now.monotonic + remaining
            } else {
                entry.shelfEnds = now.monotonic
                entry.shelfNote = "after the restart nobody can tell how much time was left"
            }
        }
        entry.alert = alert
        entries[key] = entry
        keys[alert.id] = key
        if alert.id.epoch == epoch, alert.id.number >= nextNumber, alert.id.number < .max {
            nextNumber = alert.id.number + 1
        }
    }

    // MARK: What is open

    /// Every open alert, worst first, then in the order of raising; notices last.
    public var openAlerts: [OpenAlert] { openAlerts { _ in true } }

    /// The open alerts that are wanted, in the same order.
    public func openAlerts(where isWanted: (OpenAlert) -> Bool) -> [OpenAlert] {
        let wanted = entries.values.compactMap { entry in
            entry.alert.flatMap { isWanted($0) ? $0 : nil }
        }
        return wanted.sorted { a, b in
            if a.isNotice != b.isNotice { return b.isNotice }
            if a.severity != b.severity { return a.severity > b.severity }
            if a.raisedAt.wall != b.raisedAt.wall { return a.raisedAt.wall < b.raisedAt.wall }
            return a.id < b.id
        }
    }

    /// The clock was found to have been off by `offset` since the run began: moves the times that
    /// this run took while they could not be trusted.
    public mutating func correctClock(by offset: Nanoseconds) {
        for key in entries.keys {
            guard var alert = entries[key]?.alert, alert.id.epoch == epoch else { continue }
            alert.raisedAt = alert.raisedAt.corrected(by: offset)
            alert.acknowledgedAt = alert.acknowledgedAt?.corrected(by: offset)
            if let shelf = alert.shelf { alert.shelf?.from = shelf.from.corrected(by: offset) }
            entries[key]?.alert = alert
        }
        revision += 1
    }

    /// The open alert named `id`.
    public func alert(_ id: AlertID) -> OpenAlert? { keys[id].flatMap { entries[$0]?.alert } }

    /// The open alert of a condition.
    public func alert(of key: ConditionKey) -> OpenAlert? { entries[key]?.alert }

    /// The open alerts of one instrument, by type and detail.
    public func alerts(of instrument: InstrumentID) -> [OpenAlert] {
        entries.filter { $0.key.instrument == instrument }.values.compactMap(\.alert)
            .sorted { $0.key < $1.key }
    }

    /// Whether `instrument` is out of service.
    public func isOutOfService(_ instrument: InstrumentID) -> Bool {
        entries[.outOfService(instrument)]?.alert != nil
    }

    /// Whether the alarms of `instrument` are suppressed after maintenance.
    public func isUnderMaintenance(_ instrument: InstrumentID) -> Bool {
        entries[.maintenance(instrument)]?.alert != nil
    }

    /// Conditions taken over from before the restart as active, and not heard of since.
    public var unconfirmed: [ConditionKey] {
        entries.filter { $0.value.isUnconfirmed }.keys.sorted()
    }

    /// When `advance` has something to do next; `distantFuture` where nothing is due.
    public var nextDeadline: MonotonicTime { wake }

    // MARK: Conditions

    /// Takes news of a condition.
    public mutating func handle(_ change: ConditionChange, at now: Stamp) -> AlertOutput {
        var output = advance(to: now)
        let before = revision
        switch change.phase {
        case .active, .event:
            let key = admit(change.key)
            activate(
                key,
                change,
                once: change.phase == .event || key != change.key,
                now,
                &output
            )
        case .cleared:
            deactivate(change.key, now, &output)
        }
        if revision != before { planWake() }
        return output
    }

    /// Clears the conditions that were taken over from before the restart, match, and have not
    /// been reported again: call it once their detector has looked at fresh readings.
    public mutating func clearUnconfirmed(
        at now: Stamp,
        where matches: (ConditionKey) -> Bool
    ) -> AlertOutput {
        var output = advance(to: now)
        for key in unconfirmed where matches(key) { deactivate(key, now, &output) }
        planWake()
        return output
    }

    /// Takes over the instrument register; alerts of instruments that are gone are resolved.
    ///
    /// - by: whose change it is.
    public mutating func setInstruments(
        _ facts: [InstrumentFacts],
        by who: String = AlertDesk.systemName,
        at now: Stamp
    ) -> AlertOutput {
        var output = advance(to: now)
        instruments = [:]
        for one in facts { instruments[one.id] = one }
        for key in entries.keys.sorted() {
            guard let id = key.instrument else { continue }
            if let known = instruments[id] {
                entries[key]?.alert?.subject = known.tag
                entries[key]?.alert?.area = known.area
            } else {
                resolve(
                    key,
                    by: who,
                    note: "the instrument is retired",
                    now,
                    &output
                )
                forget(key)
            }
        }
        revision += 1
        planWake()
        return output
    }

    /// Lets time pass: shelves end, chattering calms down, stale alerts are marked. Cheap when
    /// nothing is due.
    public mutating func advance(to now: Stamp) -> AlertOutput {
        let time = now.monotonic
        guard time >= wake else { return .none }
        var output = pending
        pending = .none
        for key in entries.keys.sorted() { passTime(of: key, now, &output) }
        if metrics.advance(to: time) { output.notices.append(.floodEnded) }
        planWake()
        return output
    }

    private mutating func passTime(
        of key: ConditionKey,
        _ now: Stamp,
        _ output: inout AlertOutput
    ) {
        let time = now.monotonic
        if let ends = entries[key]?.shelfEnds, ends <= time {
            let note = entries[key]?.shelfNote ?? "its time is over"
            endShelf(key, by: AlertDesk.system, note: note, now, &output)
        }
        guard let entry = entries[key] else { return }
        guard let alert = entry.alert else {
            if entry.calmAt.map({ $0 <= time }) ?? true { forget(key) }
            return
        }
        if alert.marks.contains(.chattering), entry.calmAt.map({ $0 <= time }) ?? true {
            entries[key]?.alert?.marks.remove(.chattering)
            output.notices.append(.calm(alert.id))
            if !alert.isActive, alert.isAcknowledged, !alert.isLatched, alert.suppression == nil {
                resolve(key, by: AlertDesk.system, note: nil, now, &output)
            } else {
                emit(key, by: AlertDesk.system, note: nil, now, &output)
            }
        }
        if isStaleSoon(alert), time - entry.activeSince >= AlarmDefinitions.stale {
            entries[key]?.alert?.marks.insert(.stale)
            output.notices.append(.stale(alert.id))
            emit(key, by: AlertDesk.system, note: nil, now, &output)
        }
        if entries[key]?.needsReport == true,
            time - entry.reportedAt >= AlarmDefinitions.chatterReport
        {
            emit(key, by: AlertDesk.system, note: nil, now, &output)
        }
    }

    private func isStaleSoon(_ alert: OpenAlert) -> Bool {
        alert.isActive && !alert.isNotice && alert.suppression == nil
            && !alert.marks.contains(.stale)
    }

    /// Finds the next moment at which something happens by itself.
    mutating func planWake() {
        var next = metrics.nextDeadline
        for entry in entries.values {
            if let ends = entry.shelfEnds { next = min(next, ends) }
            guard let alert = entry.alert else {
                next = min(next, entry.calmAt ?? .zero)
                continue
            }
            if alert.marks.contains(.chattering) { next = min(next, entry.calmAt ?? .zero) }
            if entry.needsReport {
                next = min(next, entry.reportedAt + AlarmDefinitions.chatterReport)
            }
            if isStaleSoon(alert) { next = min(next, entry.activeSince + AlarmDefinitions.stale) }
        }
        wake = pending.isEmpty ? next : MonotonicTime(nanoseconds: .min)
    }

    /// The key itself, or the catch-all of its owner where that has reached its limit.
    private func admit(_ key: ConditionKey) -> ConditionKey {
        guard entries[key] == nil, !key.isNotice else { return key }
        let limit =
            key.instrument == nil
            ? AlertLimits.gatewayConditions : AlertLimits.conditionsPerInstrument
        guard population[key.instrument, default: 0] >= limit else { return key }
        var others = key
        others.part = key.instrument == nil ? "gateway" : ""
        others.type = .system
        others.detail = ConditionKey.others
        return others
    }

    /// Keeps what came of a refused call for the next one.
    mutating func postpone(_ output: AlertOutput) {
        guard !output.isEmpty else { return }
        pending.append(output)
        planWake()
    }

    mutating func newID() -> AlertID {
        defer { nextNumber += 1 }
        return AlertID(epoch: epoch, number: nextNumber)
    }

    mutating func forget(_ key: ConditionKey) {
        guard entries.removeValue(forKey: key) != nil else { return }
        let left = population[key.instrument, default: 1] - 1
        population[key.instrument] = left > 0 ? left : nil
    }
}
