import Signal

// How conditions come and go.

extension AlertDesk {
    mutating func activate(
        _ key: ConditionKey,
        _ change: ConditionChange,
        once: Bool,
        _ now: Stamp,
        _ output: inout AlertOutput
    ) {
        let time = now.monotonic
        let facts = key.instrument.flatMap { instruments[$0] }
        let severity =
            change.severity
            ?? policy.severities[key.type, change.grade, facts?.criticality ?? .medium]
        var entry = entries[key] ?? Entry(at: time)
        if entries[key] == nil { population[key.instrument, default: 0] += 1 }
        entry.isUnconfirmed = false

        let isNew = entry.alert == nil
        var alert =
            entry.alert
            ?? OpenAlert(
                id: newID(),
                key: key,
                subject: subject(of: key),
                area: facts?.area ?? "",
                severity: severity,
                value: nil,
                explanation: "",
                at: now
            )
        let comesUp = isNew || !alert.isActive
        let isWorse = severity > alert.severity
        alert.presentSeverity = severity
        alert.severity = max(severity, alert.severity)
        alert.value = change.value.flatMap { $0.isFinite ? $0 : nil }
        alert.explanation = bounded(change.explanation)
        if comesUp {
            if !isNew { alert.occurrences += 1 }
            alert.marks.remove(.fleeting)
            entry.activated(at: time)
        } else if once {
            alert.occurrences += 1
        }
        // An event on a condition that is already there adds to it and does not end it.
        alert.isActive = !once || !comesUp
        revision += 1
        entry.alert = alert
        entries[key] = entry
        keys[alert.id] = key
        let suppression = suppression(of: key)
        entries[key]?.alert?.suppression = suppression

        if suppression != nil {
            // Followed and logged, not annunciated: one step now, the next when it is let go.
            if isNew { emit(key, by: AlertDesk.system, note: nil, now, &output) }
        } else if comesUp || isWorse {
            if comesUp { metrics.activated(key, at: time) }
            callForAttention(key, isUrgent: isNew || isWorse, now, &output)
            if once, comesUp { settle(key, now, &output) }
        }
    }

    /// Takes back an acknowledgement, latches, tells people, and makes a transition.
    ///
    /// - isUrgent: new, worse or out of a suppression; otherwise a chattering alert stays quiet.
    mutating func callForAttention(
        _ key: ConditionKey,
        isUrgent: Bool,
        note: String? = nil,
        _ now: Stamp,
        _ output: inout AlertOutput
    ) {
        guard var entry = entries[key], var alert = entry.alert else { return }
        alert.isAcknowledged = false
        if let rule = policy.latching,
            rule.covers(severity: alert.severity, area: alert.area, instrument: key.instrument)
        {
            alert.isLatched = true
        }
        let began = entry.chatters(at: now.monotonic) && !alert.marks.contains(.chattering)
        if began {
            alert.marks.insert(.chattering)
            output.notices.append(.chattering(alert.id))
        }
        if isUrgent || !alert.marks.contains(.chattering) {
            alert.annunciations += 1
            output.notices.append(.annunciated(alert.id))
            if metrics.annunciated(alert.severity, at: now.monotonic) {
                output.notices.append(.floodBegan)
            }
        }
        entry.alert = alert
        entries[key] = entry
        revision += 1
        emit(
            key,
            by: AlertDesk.system,
            note: note,
            mayWait: !isUrgent && !began,
            now,
            &output
        )
    }

    mutating func deactivate(
        _ key: ConditionKey,
        _ now: Stamp,
        _ output: inout AlertOutput
    ) {
        entries[key]?.isUnconfirmed = false
        guard let entry = entries[key], var alert = entry.alert, alert.isActive, !key.isNotice
        else { return }
        alert.isActive = false
        alert.marks.remove(.stale)
        let isBrief = now.monotonic - entry.activeSince < AlarmDefinitions.fleeting
        if isBrief, alert.suppression == nil, !alert.marks.contains(.chattering) {
            alert.marks.insert(.fleeting)
            metrics.fleeted(at: now.monotonic)
        }
        entries[key]?.alert = alert
        revision += 1
        if alert.suppression == nil {
            if !settle(key, now, &output) {
                emit(key, by: AlertDesk.system, note: nil, mayWait: true, now, &output)
            }
        } else if alert.suppression == .shelved, alert.shelf?.isOneShot == true {
            endShelf(
                key,
                by: AlertDesk.system,
                note: "it has returned to normal",
                now,
                &output
            )
        }
    }

    /// Resolves an alert that has nothing left to wait for; true if it did.
    @discardableResult
    mutating func settle(
        _ key: ConditionKey,
        _ now: Stamp,
        _ output: inout AlertOutput
    ) -> Bool {
        guard let alert = entries[key]?.alert, !alert.isActive, !alert.isLatched,
            alert.suppression == nil,
            alert.isAcknowledged || !policy.needsAcknowledgement.contains(alert.severity)
        else { return false }
        entries[key]?.alert?.isAcknowledged = true
        revision += 1
        // A chattering alert stays open until it is calm: else every swing would be a new one.
        if alert.marks.contains(.chattering) { return false }
        resolve(key, by: AlertDesk.system, note: nil, now, &output)
        return true
    }

    mutating func resolve(
        _ key: ConditionKey,
        by: String,
        note: String?,
        _ now: Stamp,
        _ output: inout AlertOutput
    ) {
        guard var alert = entries[key]?.alert else { return }
        alert.isActive = false
        alert.isLatched = false
        alert.shelf = nil
        output.transitions.append(
            alert.transition(
                resolved: true,
                at: now,
                by: bounded(by),
                note: note.map(bounded)
            )
        )
        entries[key]?.alert = nil
        entries[key]?.needsReport = false
        entries[key]?.shelfEnds = nil
        entries[key]?.shelfNote = nil
        entries[key]?.isUnconfirmed = false
        keys[alert.id] = nil
        revision += 1
        if entries[key]?.activations.isEmpty ?? true { forget(key) }
    }

    /// Makes a transition of where the alert stands; a chattering one at most once a minute where
    /// `mayWait`.
    mutating func emit(
        _ key: ConditionKey,
        by: String,
        note: String?,
        mayWait: Bool = false,
        _ now: Stamp,
        _ output: inout AlertOutput
    ) {
        guard let entry = entries[key], let alert = entry.alert else { return }
        let sinceReport = now.monotonic - entry.reportedAt
        if mayWait, alert.marks.contains(.chattering),
            sinceReport < AlarmDefinitions.chatterReport
        {
            entries[key]?.needsReport = true
            return
        }
        entries[key]?.reportedAt = now.monotonic
        entries[key]?.needsReport = false
        output.transitions.append(
            alert.transition(
                resolved: false,
                at: now,
                by: bounded(by),
                note: note.map(bounded)
            )
        )
    }

    // MARK: Putting aside

    /// Why the alert of `key` is not to be annunciated now.
    func suppression(of key: ConditionKey) -> AlertSuppression? {
        if key.isNotice { return nil }
        if let instrument = key.instrument {
            if isOutOfService(instrument) { return .outOfService }
            if isUnderMaintenance(instrument) { return .maintenance }
        }
        return entries[key]?.alert?.shelf == nil ? nil : .shelved
    }

    /// Ends a shelf, or, for a notice, the maintenance of its instrument.
    mutating func endShelf(
        _ key: ConditionKey,
        by: String,
        note: String?,
        _ now: Stamp,
        _ output: inout AlertOutput
    ) {
        if key.isNotice, let instrument = key.instrument {
            resolve(key, by: by, note: note, now, &output)
            reconsider(instrument, by: by, note: note, now, &output)
            return
        }
        entries[key]?.alert?.shelf = nil
        entries[key]?.shelfEnds = nil
        entries[key]?.shelfNote = nil
        reconsider(key, by: by, note: note, now, &output)
    }

    /// Looks anew at what is put aside, after a notice of `instrument` came or went.
    mutating func reconsider(
        _ instrument: InstrumentID,
        by: String,
        note: String?,
        _ now: Stamp,
        _ output: inout AlertOutput
    ) {
        for key in entries.keys.sorted() where key.instrument == instrument && !key.isNotice {
            reconsider(key, by: by, note: note, now, &output)
        }
    }

    /// Puts an alert aside or lets it go, as its shelf and its instrument now want it. Let go, it
    /// takes the state that its present condition gives: unacknowledged if that is there.
    mutating func reconsider(
        _ key: ConditionKey,
        by: String,
        note: String?,
        _ now: Stamp,
        _ output: inout AlertOutput
    ) {
        guard let alert = entries[key]?.alert else { return }
        let suppression = suppression(of: key)
        guard suppression != alert.suppression else { return }
        entries[key]?.alert?.suppression = suppression
        revision += 1
        if suppression != nil {
            entries[key]?.alert?.marks.remove(.chattering)
            emit(key, by: by, note: note, now, &output)
        } else if alert.isActive {
            entries[key]?.activeSince = now.monotonic
            callForAttention(key, isUrgent: true, note: note, now, &output)
        } else if alert.isLatched {
            emit(key, by: by, note: note, now, &output)
        } else {
            resolve(key, by: by, note: note, now, &output)
        }
    }

    func subject(of key: ConditionKey) -> String {
        guard let instrument = key.instrument else { return key.part }
        return instruments[instrument]?.tag ?? "instrument \(instrument.rawValue)"
    }

    func bounded(_ text: String) -> String {
        text.utf8.count <= AlertLimits.textCharacters
            ? text : String(text.prefix(AlertLimits.textCharacters))
    }
}
