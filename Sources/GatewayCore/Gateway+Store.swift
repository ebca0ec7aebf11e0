import Alerts
import Signal

extension Gateway {
    var hasUnstoredRecords: Bool { records.last > journal.committingRecords }

    var hasSomethingToCommit: Bool {
        readings.last > journal.committingReadings || hasUnstoredRecords
            || outboxes.contains(where: \.hasDirtyMarks)
    }

    /// Adds a record to the second stream; it is committed at once.
    mutating func record(_ body: RecordBody, at stamp: Stamp) {
        records.append(SequencedRecord(sequence: records.next, stamp: stamp, body: body))
    }

    mutating func commitIfDue(at now: MonotonicTime, into effects: inout [Effect]) {
        guard hasSomethingToCommit else {
            if isStopping, !journal.isCommitting { effects.append(.stopped) }
            return
        }
        guard journal.isDue(recordsWait: hasUnstoredRecords, at: now) else { return }
        recordLost()
        let newReadings =
            readings.last > journal.storedReadings
            ? Array(readings.rows(in: (journal.storedReadings + 1)...readings.last)) : []
        let newRecords =
            records.last > journal.storedRecords
            ? Array(records.rows(in: (journal.storedRecords + 1)...records.last)) : []
        let id = journal.begin(readings: readings.last, records: records.last, at: now)
        var commit = Commit(id: id, epoch: epoch, readings: newReadings, records: newRecords)
        let range = newReadings.first.flatMap { first in
            newReadings.last.map { first.sequence...$0.sequence }
        }
        for index in outboxes.indices {
            commit.offers += outboxes[index].offers(in: range)
            commit.delivery += outboxes[index].takeMarks()
        }
        commit.detectorState = alarms.state(at: stamp(at: now), atOnce: isStopping)
        commit.settles = settling
        settlingNow = settling.count
        if clock.clock != .unset {
            commit.now = clock.wall + (now - clock.monotonic)
        }
        effects.append(.commit(commit))
    }

    mutating func take(
        _ outcome: CommitOutcome,
        at now: MonotonicTime,
        into effects: inout [Effect]
    ) {
        let was = journal.standing
        guard let isStored = journal.ended(outcome, at: now) else { return }
        feeds.committed()
        if isStopping, isStored { journal.hurry(at: now) }
        if isStored {
            settling.removeFirst(settlingNow)
            settlingNow = 0
            for index in outboxes.indices {
                outboxes[index].committed(
                    readings: journal.storedReadings,
                    records: journal.storedRecords
                )
            }
            if case .failing = was {
                effects.append(.log(Notice(.info, "the journal stores again")))
                note("journal", "failing", .cleared, at: now, into: &effects)
            }
            for gap in outcome.lost {
                record(.gap(gap), at: clock)
                note(
                    "journal",
                    "readings-lost",
                    .event,
                    "Readings \(gap.first)–\(gap.last) of run \(gap.epoch.hex) were given up: "
                        + "\(gap.cause.rawValue).",
                    at: now,
                    into: &effects
                )
                effects.append(
                    .log(
                        Notice(
                            .error,
                            "the journal gave up readings \(gap.first)–\(gap.last) of run "
                                + "\(gap.epoch.hex): \(gap.cause.rawValue)"
                        )
                    )
                )
            }
            trimReadings()
            records.trim(to: Limits.recentRecords, keepingFrom: journal.storedRecords + 1)
            return
        }
        for index in outboxes.indices { outboxes[index].commitFailed() }
        guard case .failure(let fault) = outcome.result else { return }
        switch fault {
        case .full, .other:
            if case .working = was {
                note(
                    "journal",
                    "failing",
                    .active,
                    "The journal cannot store: \(fault.words).",
                    grade: .mainAlarm,
                    at: now,
                    into: &effects
                )
                effects.append(
                    .log(
                        Notice(
                            .error,
                            "the journal cannot store (\(fault.words)): readings are kept in "
                                + "memory, up to \(Limits.unstoredReadings)"
                        )
                    )
                )
            }
            if isStopping { effects.append(.stopped) }
        case .medium, .corrupt:
            // A failed sync marks pages clean: nothing this process re-reads can be believed.
            effects.append(.halt("the journal's medium failed: \(fault.words)"))
        }
    }

    /// Lets readings go that nobody in memory needs; where the store takes nothing for long, the
    /// oldest go first.
    mutating func trimReadings() {
        guard readings.count > Limits.recentReadings else { return }
        readings.trim(to: Limits.recentReadings, keepingFrom: journal.storedReadings + 1)
        // Also while a commit is under way, which may last: it has its own copy of what it writes.
        if readings.count > Limits.unstoredReadings {
            readings.trim(to: Limits.unstoredReadings, keepingFrom: readings.next)
        }
        for index in outboxes.indices { outboxes[index].forgetOffers(before: readings.first) }
    }

    /// Says which readings had to go before they could be stored, each once.
    private mutating func recordLost() {
        let first = max(journal.storedReadings, reportedLost) + 1
        guard readings.first > first else { return }
        let lost = first...(readings.first - 1)
        reportedLost = lost.upperBound
        record(
            .gap(
                GapRecord(
                    epoch: epoch,
                    first: lost.lowerBound,
                    last: lost.upperBound,
                    from: nil,
                    to: nil,
                    cause: .storeFault
                )
            ),
            at: clock
        )
        for index in outboxes.indices { outboxes[index].gone(lost) }
    }
}

extension StoreFault {
    /// The fault in words.
    public var words: String {
        switch self {
        case .full: "no space left"
        case .medium(let text): "the medium failed: \(text)"
        case .corrupt(let text): "the database is damaged: \(text)"
        case .other(let text): text
        }
    }
}

extension UInt64 {
    /// Sixteen hexadecimal digits.
    public var hex: String {
        let digits = String(self, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
