import Alerts
import GatewayCore
import Signal

extension WorldChecks {
    /// A reading on its way to the journal or the subscriber.
    func look(at reading: Reading) throws(WorldFinding) {
        let place = Int64(reading.instrument.rawValue) - 1
        let quality = reading.quality
        guard quality == .good || reading.raw != nil else { return }
        let raw = reading.raw ?? place
        // The first answer after a timeout on a bus without transaction numbers is never called good.
        guard raw & 15 == place || quality == .afterTimeout else {
            throw WorldFinding(
                .noSwappedRegister,
                "instrument \(place + 1) shows the register of instrument \((raw & 15) + 1) as "
                    + quality.reason
            )
        }
        guard quality == .good else { return }
        guard let value = reading.value, (3_800...20_500).contains(raw),
            abs(value - (Double(raw) - 4_000) / 1_000) < 1e-4
        else {
            throw WorldFinding(
                .badIsNeverGood,
                "instrument \(place + 1): \(raw) µA and a value of "
                    + "\(reading.value.map { "\($0)" } ?? "none") are called good"
            )
        }
    }

    /// An alert is put aside until then.
    mutating func shelved(_ alert: AlertID, at now: MonotonicTime, until: MonotonicTime) {
        shelves[alert] = (now, until)
    }

    /// A step of an alert on its way to the journal.
    mutating func look(
        at step: AlertTransition,
        now: MonotonicTime,
        plant: WorldPlant
    ) throws(WorldFinding) {
        let key = ConditionKey(of: step)
        if step.state != .resolved, let other = open[key], other != step.alert {
            throw WorldFinding(
                .oneAlertPerCondition,
                "\(step.subject) \(step.detail) has \(other) and \(step.alert)"
            )
        }
        let at = step.at.monotonic + boot
        if open[key] == nil, step.state == .raised {
            raised()
            try lookAtCause(of: step, at: at, plant: plant)
        }
        // What was noted before the shelving may reach the journal after it.
        if let shelf = shelves[step.alert], step.shelf == nil, at > shelf.since {
            shelves[step.alert] = nil
            if step.state != .resolved, now + .seconds(1) < shelf.until {
                throw WorldFinding(
                    .wallClockExpiresNothing,
                    "\(step.alert) left its shelf \((shelf.until - now).seconds) s early"
                )
            }
        }
        note(step)
    }

    private func lookAtCause(
        of step: AlertTransition,
        at: MonotonicTime,
        plant: WorldPlant
    ) throws(WorldFinding) {
        guard let instrument = step.instrument else { return }
        let place = Int(instrument.rawValue) - 1
        let late = Nanoseconds.seconds(15)
        let isTrue: Bool
        switch step.type {
        case .ruleViolation:
            isTrue =
                step.detail == "high"
                && (plant.truth[place] == .high
                    || plant.lastHigh[place].map { at - $0 < late } ?? false)
        case .instrumentFault where step.detail == "stuck":
            isTrue =
                plant.truth[place] == .frozen
                || plant.lastFrozen[place].map { at - $0 < late } ?? false
        default: return
        }
        guard isTrue else {
            throw WorldFinding(
                .alarmsComeFromTheProcess,
                "\(step.subject) raised \(step.detail), and the process never was there"
            )
        }
    }

    mutating func note(_ step: AlertTransition) {
        let key = ConditionKey(of: step)
        let isResolved = step.state == .resolved
        if !isResolved {
            open[key] = step.alert
        } else if open[key] == step.alert {
            open[key] = nil
        }
        set(&active, step.alert, !isResolved && step.isActive)
        let isAside = step.shelf != nil || [.shelved, .suppressed].contains(step.alarmState)
        set(&aside, step.alert, !isResolved && isAside)
        let drives =
            !isResolved && !isAside && step.instrument != nil && step.severity == .critical
            && (step.isActive || step.isLatched)
        set(&drivers, step.alert, drives)
    }

    private func set(_ alerts: inout Set<AlertID>, _ alert: AlertID, _ isIn: Bool) {
        if isIn { alerts.insert(alert) } else { alerts.remove(alert) }
    }
}

extension ConditionKey {
    /// The condition that a step is about, as anybody outside can tell.
    init(of step: AlertTransition) {
        if let instrument = step.instrument {
            self.init(instrument: instrument, type: step.type, detail: step.detail)
        } else {
            self.init(part: step.subject, type: step.type, detail: step.detail)
        }
    }
}

extension Reading {
    /// A hash of what no way of delivery may change: all but the wall time.
    var payload: UInt32 {
        payloadHash([
            UInt64(instrument.rawValue), UInt64(bitPattern: stamp.monotonic.nanoseconds),
            UInt64(bitPattern: raw ?? -1), (value ?? -1).bitPattern, UInt64(quality.rawValue),
        ])
    }
}

extension SequencedRecord {
    /// A hash of what the record is about.
    var payload: UInt32 {
        let about: UInt64 =
            switch body {
            case .alert(let step): step.alert.epoch ^ step.alert.number &* 31 ^ step.occurrences
            case .gap(let gap): gap.epoch ^ gap.first &* 31 ^ gap.last
            case .audit: 7
            }
        return payloadHash([UInt64(bitPattern: stamp.monotonic.nanoseconds), about])
    }
}

/// FNV with a stir; never 0.
private func payloadHash(_ words: [UInt64]) -> UInt32 {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for word in words {
        hash = (hash ^ word) &* 0x0000_0100_0000_01B3
        hash ^= hash >> 29
    }
    return UInt32(truncatingIfNeeded: hash >> 16) | 1
}
