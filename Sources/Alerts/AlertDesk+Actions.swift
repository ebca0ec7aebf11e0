import Signal

/// What a person does at the desk, through the page, the API, a command or the command line.
public enum AlertAction: Hashable, Sendable {
    /// Takes note of an alert.
    case acknowledge(AlertID)
    /// Closes an alert whose condition has gone: acknowledges it, resets its latch, ends its shelf.
    case resolve(AlertID)
    /// Puts an alert aside for a time, or until it next returns to normal if that is sooner.
    case shelve(AlertID, length: Nanoseconds, isOneShot: Bool)
    /// Ends a shelf before its time.
    case unshelve(AlertID)
    /// Resets the latch of an alert whose condition has gone.
    case resetLatch(AlertID)
    /// Resets every latch whose condition has gone.
    case resetLatches
    /// Suppresses the alarms of an instrument for a time after (or during) maintenance.
    case startMaintenance(InstrumentID, length: Nanoseconds)
    /// Ends that time early.
    case endMaintenance(InstrumentID)
    /// Takes an instrument out of service until it is returned.
    case takeOutOfService(InstrumentID)
    /// Returns an instrument to service.
    case returnToService(InstrumentID)
}

/// Why an action was refused.
public enum AlertRefusal: Error, Hashable, Sendable, CustomStringConvertible {
    case notOpen(AlertID)
    case stillActive(AlertID)
    case isNotice(AlertID)
    case notShelved(AlertID)
    case notLatched(AlertID)
    case reasonMissing
    case badLength(longest: Nanoseconds)
    case unknownInstrument(InstrumentID)
    case notUnderMaintenance(InstrumentID)
    case notOutOfService(InstrumentID)

    /// What is wrong, and what to do instead.
    public var description: String {
        switch self {
        case .notOpen(let id):
            "no open alert is named \(id); it may be resolved already"
        case .stillActive(let id):
            "the condition of alert \(id) is still there; acknowledge or shelve it instead"
        case .isNotice(let id):
            "\(id) is a notice: end the maintenance, or return the instrument to service"
        case .notShelved(let id): "alert \(id) is not shelved"
        case .notLatched(let id): "alert \(id) is not latched"
        case .reasonMissing: "a reason is wanted: say why in the note"
        case .badLength(let longest):
            "the time must be above 0 and at most \(longest.milliseconds / 60_000) minutes"
        case .unknownInstrument(let id): "no instrument has the number \(id.rawValue)"
        case .notUnderMaintenance(let id): "instrument \(id.rawValue) is not under maintenance"
        case .notOutOfService(let id): "instrument \(id.rawValue) is not out of service"
        }
    }
}

extension AlertDesk {
    /// Does what a person wants, or says why not.
    ///
    /// - by: an employee number, or a command's id.
    /// - note: what they have to say; wanted for putting things aside.
    public mutating func perform(
        _ action: AlertAction,
        by: String,
        note: String? = nil,
        at now: Stamp
    ) throws(AlertRefusal) -> AlertOutput {
        var output = advance(to: now)
        do throws(AlertRefusal) {
            try carryOut(action, by: bounded(by), note: note.map(bounded), now, &output)
        } catch {
            // What time alone brought about must not be lost with the refusal.
            postpone(output)
            throw error
        }
        planWake()
        return output
    }

    private mutating func carryOut(
        _ action: AlertAction,
        by: String,
        note: String?,
        _ now: Stamp,
        _ output: inout AlertOutput
    ) throws(AlertRefusal) {
        switch action {
        case .acknowledge(let id):
            let key = try alarm(id)
            acknowledge(key, by: by, note: note, now, &output)
        case .resolve(let id):
            let key = try alarm(id)
            guard entries[key]?.alert?.isActive == false else { throw .stillActive(id) }
            if entries[key]?.alert?.isAcknowledged == false {
                entries[key]?.alert?.acknowledgedAt = now
                entries[key]?.alert?.acknowledgedBy = by
            }
            resolve(key, by: by, note: note, now, &output)
        case .shelve(let id, let length, let isOneShot):
            let key = try alarm(id)
            let shelf = try shelf(
                length,
                longest: policy.longestShelf,
                isOneShot: isOneShot,
                by: by,
                note: note,
                now
            )
            entries[key]?.alert?.shelf = shelf
            entries[key]?.shelfEnds = now.monotonic + length
            entries[key]?.shelfNote = nil
            let suppression = suppression(of: key)
            entries[key]?.alert?.suppression = suppression
            entries[key]?.alert?.marks.remove(.chattering)
            revision += 1
            emit(key, by: by, note: note, now, &output)
        case .unshelve(let id):
            let key = try alarm(id)
            guard entries[key]?.alert?.shelf != nil else { throw .notShelved(id) }
            endShelf(key, by: by, note: note, now, &output)
        case .resetLatch(let id):
            let key = try alarm(id)
            guard entries[key]?.alert?.isLatched == true else { throw .notLatched(id) }
            guard entries[key]?.alert?.isActive == false else { throw .stillActive(id) }
            reset(key, by: by, note: note, now, &output)
        case .resetLatches:
            for key in entries.keys.sorted() where entries[key]?.alert?.isActive == false {
                reset(key, by: by, note: note, now, &output)
            }
        case .startMaintenance(let instrument, let length):
            guard instruments[instrument] != nil else { throw .unknownInstrument(instrument) }
            let shelf = try shelf(
                length,
                longest: policy.longestMaintenance,
                isOneShot: false,
                by: by,
                note: note,
                now
            )
            post(
                .maintenance(instrument),
                shelf,
                "Alarms are suppressed after maintenance",
                by: by,
                note: note,
                now,
                &output
            )
        case .endMaintenance(let instrument):
            guard isUnderMaintenance(instrument) else { throw .notUnderMaintenance(instrument) }
            endShelf(.maintenance(instrument), by: by, note: note, now, &output)
        case .takeOutOfService(let instrument):
            guard instruments[instrument] != nil else { throw .unknownInstrument(instrument) }
            guard let note, !note.isEmpty else { throw .reasonMissing }
            post(
                .outOfService(instrument),
                nil,
                "Out of service",
                by: by,
                note: note,
                now,
                &output
            )
        case .returnToService(let instrument):
            guard isOutOfService(instrument) else { throw .notOutOfService(instrument) }
            endShelf(.outOfService(instrument), by: by, note: note, now, &output)
        }
    }

    /// The condition of an open alert that is no notice.
    private func alarm(_ id: AlertID) throws(AlertRefusal) -> ConditionKey {
        guard let key = keys[id], entries[key]?.alert != nil else { throw .notOpen(id) }
        if key.isNotice { throw .isNotice(id) }
        return key
    }

    private func shelf(
        _ length: Nanoseconds,
        longest: Nanoseconds,
        isOneShot: Bool,
        by: String,
        note: String?,
        _ now: Stamp
    ) throws(AlertRefusal) -> AlertShelf {
        guard let note, !note.isEmpty else { throw .reasonMissing }
        guard length > .zero, length <= longest else { throw .badLength(longest: longest) }
        return AlertShelf(from: now, length: length, isOneShot: isOneShot, by: by, reason: note)
    }

    private mutating func acknowledge(
        _ key: ConditionKey,
        by: String,
        note: String?,
        _ now: Stamp,
        _ output: inout AlertOutput
    ) {
        guard var alert = entries[key]?.alert, !alert.isAcknowledged else { return }
        alert.isAcknowledged = true
        alert.acknowledgedAt = now
        alert.acknowledgedBy = by
        entries[key]?.alert = alert
        revision += 1
        if !alert.isActive, !alert.isLatched, alert.suppression == nil {
            resolve(key, by: by, note: note, now, &output)
        } else {
            emit(key, by: by, note: note, now, &output)
        }
    }

    private mutating func reset(
        _ key: ConditionKey,
        by: String,
        note: String?,
        _ now: Stamp,
        _ output: inout AlertOutput
    ) {
        guard let alert = entries[key]?.alert, alert.isLatched else { return }
        entries[key]?.alert?.isLatched = false
        revision += 1
        if alert.isAcknowledged, alert.suppression == nil {
            resolve(key, by: by, note: note, now, &output)
        } else {
            emit(key, by: by, note: note, now, &output)
        }
    }

    /// Opens a notice, or renews it, and puts the instrument's alerts aside.
    private mutating func post(
        _ key: ConditionKey,
        _ shelf: AlertShelf?,
        _ explanation: String,
        by: String,
        note: String?,
        _ now: Stamp,
        _ output: inout AlertOutput
    ) {
        guard let instrument = key.instrument else { return }
        if entries[key] == nil { population[instrument, default: 0] += 1 }
        var entry = entries[key] ?? Entry(at: now.monotonic)
        var notice =
            entry.alert
            ?? OpenAlert(
                id: newID(),
                key: key,
                subject: subject(of: key),
                area: instruments[instrument]?.area ?? "",
                severity: .advisory,
                value: nil,
                explanation: "",
                at: now
            )
        let reason = note.map { ": \($0)" } ?? ""
        notice.explanation = bounded(explanation + reason)
        notice.isAcknowledged = true
        notice.acknowledgedAt = now
        notice.acknowledgedBy = by
        notice.shelf = shelf
        entry.shelfEnds = shelf.map { now.monotonic + $0.length }
        entry.shelfNote = nil
        entry.alert = notice
        entries[key] = entry
        keys[notice.id] = key
        revision += 1
        emit(key, by: by, note: note, now, &output)
        reconsider(instrument, by: by, note: note, now, &output)
    }
}
