import Signal

/// One connection's side of the gateway: what to send when, and what has arrived.
///
/// Records (alerts, gaps, audit) go first, then live readings, then backlog. At most
/// `settings.inFlight` messages are unacknowledged at a time.
struct Outbox: Sendable {
    /// Tells whether times may be published. Where a message carries one time a reading, backlog of
    /// doubtful times waits until they are corrected.
    mutating func clock(isTrusted: Bool) {
        readings.holdsBacklog = settings.form == .cmms && !isTrusted
    }

    /// What the outbox draws from, lent by the gateway for one call.
    struct Sources {
        var readings: RecentRows<SequencedReading>
        var records: RecentRows<SequencedRecord>
        /// Highest sequence of a reading that is part of a commit, returned or under way.
        var committing: UInt64
    }

    /// Where the link stands.
    enum Link: Hashable, Sendable {
        case down(DownReason)
        case up(BrokerAddress)
    }

    /// A message under way.
    private struct Sent: Sendable {
        var stream: StoreStream
        var epoch: UInt64
        var range: ClosedRange<UInt64>
        var isBacklog: Bool
    }

    let settings: ConnectionSettings
    private(set) var link = Link.down(.notYetTried)
    private(set) var linkSince: MonotonicTime
    private(set) var readings: DeliveryLane<SequencedReading>
    private(set) var records: DeliveryLane<SequencedRecord>
    private(set) var counters = OutboxCounters()
    private var inFlight: [UInt64: Sent] = [:]
    private var backlogInFlight = 0
    /// Messages of no stream (health, answers to commands): nothing waits for them.
    private var nextMessage: UInt64 = 1
    private var total: TokenBucket?
    private var backlogRate: TokenBucket?
    private var lastSent: [InstrumentID: (epoch: UInt64, at: MonotonicTime)] = [:]
    private let epoch: UInt64

    init(
        settings: ConnectionSettings,
        epoch: UInt64,
        earlier: [StoreOpening.Epoch],
        marks: [DeliveryMark],
        at now: MonotonicTime
    ) {
        self.settings = settings
        self.epoch = epoch
        linkSince = now
        let own = marks.filter { $0.connection == settings.name }
        readings = DeliveryLane(
            stream: .readings,
            isOrdered: settings.backlog == .ordered,
            epoch: epoch,
            earlier: earlier.map { ($0.epoch, $0.lastReading) },
            marks: own.filter { $0.stream == .readings }
        )
        records = DeliveryLane(
            stream: .records,
            isOrdered: true,
            epoch: epoch,
            earlier: earlier.map { ($0.epoch, $0.lastRecord) },
            marks: own.filter { $0.stream == .records }
        )
        total = settings.totalRate.map { TokenBucket(rate: $0, burst: max(1, $0), at: now) }
        backlogRate = settings.backlogRate.map {
            TokenBucket(rate: $0, burst: max(1, $0), at: now)
        }
    }

    var isUp: Bool { if case .up = link { true } else { false } }
    /// Messages sent and not acknowledged.
    var unacknowledged: Int { inFlight.count }
    /// Readings and records stored and not delivered.
    var backlog: UInt64 { readings.backlog + records.backlog }

    /// When something may be sent that cannot be sent now.
    func nextDeadline(at now: MonotonicTime) -> MonotonicTime {
        guard isUp else { return .distantFuture }
        var soonest = min(readings.nextDeadline(at: now), records.nextDeadline(at: now))
        if waitsForToken {
            if let total { soonest = min(soonest, total.nextToken(after: now)) }
            if let backlogRate { soonest = min(soonest, backlogRate.nextToken(after: now)) }
        }
        return soonest
    }
    private var waitsForToken = false

    /// Whether readings wait for their commit before they go out.
    private var waitsForStore: Bool { settings.publish == .stored || settings.form == .batch }

    // MARK: Sending

    /// Sends all that may be sent now.
    mutating func pump(
        _ sources: borrowing Sources,
        at now: MonotonicTime,
        into effects: inout [Effect]
    ) {
        guard isUp else { return }
        records.retryRefused(at: now)
        readings.retryRefused(at: now)
        waitsForToken = false
        var messages: [OutgoingMessage] = []
        pumpRecords(sources, at: now, messages: &messages, effects: &effects)
        if settings.backlog == .ordered {
            // Backlog and live are one line: whichever holds the next sequence goes on.
            var before = -1
            while messages.count != before, inFlight.count < settings.inFlight {
                before = messages.count
                pumpBacklog(sources, at: now, messages: &messages, effects: &effects)
                pumpLive(sources, at: now, messages: &messages)
            }
        } else {
            pumpLive(sources, at: now, messages: &messages)
            pumpBacklog(sources, at: now, messages: &messages, effects: &effects)
        }
        if !messages.isEmpty { effects.append(.publish(settings.id, messages)) }
    }

    private mutating func pumpRecords(
        _ sources: borrowing Sources,
        at now: MonotonicTime,
        messages: inout [OutgoingMessage],
        effects: inout [Effect]
    ) {
        while inFlight.count < settings.inFlight {
            let first = sources.records.first
            switch records.nextLive(firstInMemory: first, eligible: records.present.stored) {
            case .recent(let gap):
                let row = sources.records[gap.lowerBound]
                send(record: row, epoch: epoch, into: &messages)
                continue
            default: break
            }
            switch records.nextBacklog(firstInMemory: first, at: now) {
            case .waiting:
                for item in records.takeWaiting(limit: settings.inFlight - inFlight.count) {
                    send(record: item.row, epoch: item.epoch, into: &messages)
                }
            case .fetch(let epoch, let range):
                records.fetchStarted()
                effects.append(.fetch(settings.id, .records, epoch: epoch, range: range))
                return
            default: return
            }
        }
    }

    private mutating func pumpLive(
        _ sources: borrowing Sources,
        at now: MonotonicTime,
        messages: inout [OutgoingMessage]
    ) {
        let eligible = waitsForStore ? readings.present.stored : sources.readings.last
        while inFlight.count < settings.inFlight {
            guard
                case .recent(let gap) = readings.nextLive(
                    firstInMemory: sources.readings.first,
                    eligible: eligible
                )
            else { return }
            if settings.form == .batch {
                sendBatch(sources.readings.rows(in: gap), of: sources, into: &messages)
                continue
            }
            for row in sources.readings.rows(in: gap) {
                guard inFlight.count < settings.inFlight else { return }
                let isHistorical =
                    row.sequence <= sources.committing
                    && !readings.present.offered.contains(row.sequence)
                if !isHistorical {
                    readings.offered(row.sequence...row.sequence)
                } else if total?.available(at: now) == 0 {
                    waitsForToken = true
                    return
                }
                guard admit(row, epoch: epoch, isLive: !isHistorical, at: now) else { continue }
                send(
                    reading: row,
                    epoch: epoch,
                    historical: isHistorical,
                    isBacklog: false,
                    into: &messages
                )
            }
        }
    }

    private mutating func pumpBacklog(
        _ sources: borrowing Sources,
        at now: MonotonicTime,
        messages: inout [OutgoingMessage],
        effects: inout [Effect]
    ) {
        while inFlight.count < settings.inFlight {
            var room = settings.inFlight - inFlight.count
            if settings.backlog != .ordered {
                // Live readings keep at least half of the window.
                room = min(room, max(1, settings.inFlight / 2) - backlogInFlight)
            }
            if backlogRate != nil, let tokens = backlogRate?.available(at: now) {
                waitsForToken = waitsForToken || tokens < room
                room = min(room, tokens)
            }
            if total != nil, let tokens = total?.available(at: now) {
                waitsForToken = waitsForToken || tokens < room
                room = min(room, tokens)
            }
            guard room > 0 else { return }
            switch readings.nextBacklog(firstInMemory: sources.readings.first, at: now) {
            case .waiting:
                let isBatch = settings.form == .batch
                let items = readings.takeWaiting(limit: isBatch ? Limits.batchReadings : room)
                guard let first = items.first else { continue }
                backlogRate?.take(items.count)
                if isBatch {
                    total?.take(items.count)
                    sendBatch(
                        items.map(\.row),
                        epoch: first.epoch,
                        historical: first.historical,
                        isBacklog: true,
                        into: &messages
                    )
                    continue
                }
                for item in items
                where admit(item.row, epoch: item.epoch, isLive: false, at: now) {
                    send(
                        reading: item.row,
                        epoch: item.epoch,
                        historical: item.historical,
                        isBacklog: true,
                        into: &messages
                    )
                }
            case .fetch(let epoch, let range):
                readings.fetchStarted()
                effects.append(.fetch(settings.id, .readings, epoch: epoch, range: range))
                return
            default: return
            }
        }
    }

    /// Whether thinning lets a reading through; one that it does not counts as satisfied.
    private mutating func admit(
        _ row: SequencedReading,
        epoch: UInt64,
        isLive: Bool,
        at now: MonotonicTime
    ) -> Bool {
        var passes = true
        if let interval = settings.perTagInterval,
            let last = lastSent[row.reading.instrument], last.epoch == epoch
        {
            let since = row.reading.stamp.monotonic - last.at
            // A reading earlier than the last one sent is a re-send: it was admitted before.
            passes = since >= interval || since.count <= 0
        }
        if passes, isLive, total != nil, total?.available(at: now) == 0 { passes = false }
        guard passes else {
            counters.thinned += 1
            readings.delivered(row.sequence...row.sequence, epoch: epoch)
            return false
        }
        if total != nil { total?.take(1) }
        if settings.perTagInterval != nil {
            lastSent[row.reading.instrument] = (epoch, row.reading.stamp.monotonic)
        }
        return true
    }

    private mutating func sendBatch(
        _ rows: ArraySlice<SequencedReading>,
        of sources: borrowing Sources,
        into messages: inout [OutgoingMessage]
    ) {
        var batch: [SequencedReading] = []
        var isHistorical = false
        for row in rows.prefix(Limits.batchReadings) {
            let old = !readings.present.offered.contains(row.sequence)
            if !batch.isEmpty, old != isHistorical { break }
            isHistorical = old
            batch.append(row)
        }
        sendBatch(
            batch,
            epoch: epoch,
            historical: isHistorical,
            isBacklog: false,
            into: &messages
        )
    }

    private mutating func sendBatch(
        _ rows: [SequencedReading],
        epoch: UInt64,
        historical: Bool,
        isBacklog: Bool,
        into messages: inout [OutgoingMessage]
    ) {
        guard let first = rows.first, let last = rows.last else { return }
        post(
            .batch(rows, epoch: epoch, historical: historical),
            Sent(
                stream: .readings,
                epoch: epoch,
                range: first.sequence...last.sequence,
                isBacklog: isBacklog
            ),
            into: &messages
        )
    }

    private mutating func send(
        reading row: SequencedReading,
        epoch: UInt64,
        historical: Bool,
        isBacklog: Bool,
        into messages: inout [OutgoingMessage]
    ) {
        post(
            .reading(row, epoch: epoch, historical: historical),
            Sent(
                stream: .readings,
                epoch: epoch,
                range: row.sequence...row.sequence,
                isBacklog: isBacklog
            ),
            into: &messages
        )
    }

    private mutating func send(
        record row: SequencedRecord,
        epoch: UInt64,
        into messages: inout [OutgoingMessage]
    ) {
        post(
            .record(row, epoch: epoch),
            Sent(
                stream: .records,
                epoch: epoch,
                range: row.sequence...row.sequence,
                isBacklog: false
            ),
            into: &messages
        )
    }

    private mutating func post(
        _ content: OutgoingMessage.Content,
        _ sent: Sent,
        into messages: inout [OutgoingMessage]
    ) {
        precondition(inFlight.count < settings.inFlight, "publish only after a free slot")
        let id = nextMessage
        nextMessage += 1
        inFlight[id] = sent
        if sent.isBacklog { backlogInFlight += 1 }
        counters.published += 1
        switch sent.stream {
        case .readings: readings.sent(sent.range, epoch: sent.epoch)
        case .records: records.sent(sent.range, epoch: sent.epoch)
        }
        messages.append(OutgoingMessage(id: id, content: content))
    }

    /// A message of no stream, if the link is up: it is sent once and not repeated.
    mutating func note(_ content: OutgoingMessage.Content) -> OutgoingMessage? {
        guard isUp else { return nil }
        defer { nextMessage += 1 }
        return OutgoingMessage(id: nextMessage, content: content)
    }

    // MARK: What happened

    /// What an acknowledgement means beyond the outbox.
    enum Verdict: Hashable, Sendable {
        case nothing
        /// These rows are given up for good on this connection.
        case quarantined(StoreStream, epoch: UInt64, ClosedRange<UInt64>, PublishOutcome)
    }

    mutating func acknowledged(
        _ id: UInt64,
        _ outcome: PublishOutcome,
        at now: MonotonicTime
    ) -> Verdict {
        // Unknown ids and second acknowledgements mean nothing.
        guard let sent = inFlight.removeValue(forKey: id) else { return .nothing }
        if sent.isBacklog { backlogInFlight -= 1 }
        switch outcome {
        case .delivered(let hadSubscribers):
            counters.delivered += 1
            if !hadSubscribers { counters.withoutSubscribers += 1 }
            switch sent.stream {
            case .readings: readings.delivered(sent.range, epoch: sent.epoch)
            case .records: records.delivered(sent.range, epoch: sent.epoch)
            }
            return .nothing
        case .refused, .tooLarge:
            counters.refused += 1
            let isForGood = outcome == .tooLarge
            let isGivenUp =
                switch sent.stream {
                case .readings:
                    readings.refused(sent.range, epoch: sent.epoch, forGood: isForGood, at: now)
                case .records:
                    records.refused(sent.range, epoch: sent.epoch, forGood: isForGood, at: now)
                }
            guard isGivenUp else { return .nothing }
            counters.quarantined += sent.range.upperBound - sent.range.lowerBound + 1
            return .quarantined(sent.stream, epoch: sent.epoch, sent.range, outcome)
        case .unsent:
            counters.repeats += 1
            switch sent.stream {
            case .readings: readings.unsent(sent.range, epoch: sent.epoch)
            case .records: records.unsent(sent.range, epoch: sent.epoch)
            }
            return .nothing
        }
    }

    mutating func linkUp(_ broker: BrokerAddress, firstLive: UInt64, at now: MonotonicTime) {
        forgetInFlight()
        link = .up(broker)
        linkSince = now
        counters.connects += 1
        readings.linkUp(firstLive: firstLive)
        records.linkUp(firstLive: 1)
    }

    mutating func linkDown(_ reason: DownReason, at now: MonotonicTime) {
        forgetInFlight()
        if isUp { linkSince = now }
        link = .down(reason)
    }

    private mutating func forgetInFlight() {
        inFlight.removeAll()
        backlogInFlight = 0
        readings.linkLost()
        records.linkLost()
    }

    mutating func fetched(
        _ result: Result<Fetched, StoreFault>,
        stream: StoreStream,
        asked: ClosedRange<UInt64>,
        at now: MonotonicTime
    ) {
        guard case .success(let fetched) = result else {
            switch stream {
            case .readings: readings.fetchFailed(at: now)
            case .records: records.fetchFailed(at: now)
            }
            return
        }
        switch fetched.rows {
        case .readings(let rows):
            readings.fetched(rows, of: fetched, asked: asked, isUp: isUp)
        case .records(let rows):
            records.fetched(rows, of: fetched, asked: asked, isUp: isUp)
        }
    }

    /// What was read ahead is read again: the times in it are corrected now.
    mutating func readAgain() {
        readings.readAgain()
        records.readAgain()
    }

    /// Readings of the present run that were lost before they could be stored: they never come.
    mutating func gone(_ range: ClosedRange<UInt64>) {
        readings.delivered(range, epoch: epoch)
    }

    // MARK: Commits

    /// What a commit of `readings` should say about this connection.
    mutating func offers(in readings: ClosedRange<UInt64>?) -> [LiveOffer] {
        guard let range = readings else { return [] }
        if waitsForStore {
            let goesRightAfter =
                isUp
                && (settings.backlog != .ordered
                    || self.readings.isCaughtUp(before: range.lowerBound))
            guard goesRightAfter, let range = self.readings.live(range) else { return [] }
            self.readings.offered(range)
            return [LiveOffer(connection: settings.name, range: range)]
        }
        return self.readings.present.offered.intersection(range).map {
            LiveOffer(connection: settings.name, range: $0)
        }
    }

    /// The marks for the next commit.
    mutating func takeMarks() -> [DeliveryMark] {
        let marks =
            readings.dirtyMarks(connection: settings.name)
            + records.dirtyMarks(connection: settings.name)
        readings.marksTaken()
        records.marksTaken()
        return marks
    }

    var hasDirtyMarks: Bool {
        readings.runs.contains(where: \.isDirty) || records.runs.contains(where: \.isDirty)
    }

    mutating func committed(readings last: UInt64, records lastRecord: UInt64) {
        readings.marksStored()
        records.marksStored()
        readings.stored(upTo: last)
        records.stored(upTo: lastRecord)
    }

    mutating func commitFailed() {
        readings.marksLost()
        records.marksLost()
    }

    mutating func forgetOffers(before sequence: UInt64) {
        readings.forgetOffers(before: sequence)
    }

    /// Sends readings again from `position` on to the end of its run; false where the journal does
    /// not hold that run, or never stored that many.
    mutating func resend(from position: Position, earlier: [StoreOpening.Epoch]) -> Bool {
        readings.rewind(
            to: position.sequence,
            epoch: position.epoch,
            earlier: earlier.map { ($0.epoch, $0.lastReading) }
        )
    }
}

/// What a connection did since the start.
public struct OutboxCounters: Hashable, Sendable, Codable {
    /// Messages handed to the broker's link, repeats included.
    public var published: UInt64 = 0
    /// Messages acknowledged.
    public var delivered: UInt64 = 0
    /// Messages the broker refused.
    public var refused: UInt64 = 0
    /// Rows given up because the broker will never take them.
    public var quarantined: UInt64 = 0
    /// Readings left out by the per-tag interval or the total rate.
    public var thinned: UInt64 = 0
    /// Messages that went back because the link went.
    public var repeats: UInt64 = 0
    /// Messages that nobody subscribed to (MQTT 5).
    public var withoutSubscribers: UInt64 = 0
    public var connects: UInt64 = 0
}
