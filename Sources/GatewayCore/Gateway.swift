import Alerts
import Signal

/// The heart of the gateway: takes an event, answers with effects. It never waits, opens or reads
/// a clock; the daemon and the simulation drive the same value.
public struct Gateway: Sendable {
    public internal(set) var settings: GatewaySettings
    /// Sixty-four random bits drawn for this run: with a sequence, the identity of every row.
    public let epoch: UInt64
    /// The run before this one, for the birth message.
    public let previous: StoreOpening.Epoch?

    var buses: [BusScheduler]
    /// For each bus and each unit on it: instrument by channel number.
    var wiring: [[[Int: Int]]]
    var instruments: [InstrumentPipeline]
    var outboxes: [Outbox]
    var journal: JournalBuffer
    var alarms: AlarmChain
    var feeds: RelayFeeds
    var readings = RecentRows<SequencedReading>()
    var records = RecentRows<SequencedRecord>()
    /// Up to here, readings that were lost before they could be stored are recorded as such.
    var reportedLost: UInt64 = 0
    var started: MonotonicTime
    /// The newest stamp seen: what is known of the wall clock.
    var clock: Stamp
    var nextRequest: UInt64 = 1
    var nextScan: MonotonicTime
    var isStopping = false
    /// Why the journal's old file was set aside at the start; told once.
    var damage: String?
    /// Ids of the last commands, oldest first.
    var answered: [String] = []
    var jobs = JobBook()
    /// The latest baseline of each instrument.
    var baselines: [BaselineMark]
    /// When the calendar is looked at next.
    var nextCalendar: MonotonicTime
    /// Earlier runs that the journal still holds something of.
    let earlier: [StoreOpening.Epoch]
    /// What detectors in shadow found last.
    var shadow: [ShadowFinding] = []

    /// How often instruments are looked over for gaps.
    static let scanInterval = Nanoseconds.milliseconds(500)

    /// What the operator should know and need not act upon, by subject.
    var remarks: [String: String] = [:]
    /// Settings of the journal that the next commits delete.
    var settling: [String] = []
    /// How many of them are in the commit under way.
    var settlingNow = 0

    /// A gateway about to start, with what the journal holds.
    ///
    /// - takingOver: what the relay shows already, where the gateway before this one left it so.
    public init(
        settings: GatewaySettings,
        epoch: UInt64,
        opening: StoreOpening,
        takingOver demand: RelayDemand = .safe,
        at stamp: Stamp
    ) {
        let now = stamp.monotonic
        self.settings = settings
        self.epoch = epoch
        previous = opening.epochs.last
        earlier = opening.epochs
        baselines = opening.baselines
        nextCalendar = now
        clock = stamp
        started = now
        nextScan = now + Self.scanInterval
        instruments = settings.instruments.map { InstrumentPipeline(settings: $0, at: now) }
        alarms = AlarmChain(
            settings: settings,
            epoch: epoch,
            opening: opening,
            takingOver: demand,
            at: stamp
        )
        feeds = RelayFeeds(settings)
        journal = JournalBuffer(interval: settings.journal.commitInterval, at: now)
        outboxes = settings.connections.map {
            Outbox(
                settings: $0,
                epoch: epoch,
                earlier: opening.epochs,
                marks: opening.delivery,
                at: now
            )
        }
        for index in outboxes.indices {
            outboxes[index].clock(isTrusted: stamp.clock.isTrusted)
        }
        buses = []
        wiring = []
        for bus in settings.buses {
            var modules: [(module: ModuleSettings, channels: [Int])] = []
            var units: [[Int: Int]] = []
            for module in settings.modules where module.bus == bus.id {
                let channels = Self.channels(of: module, in: settings.instruments)
                modules.append((module, channels.keys.sorted()))
                units.append(channels)
            }
            buses.append(BusScheduler(settings: bus, modules: modules, at: now))
            wiring.append(units)
        }
        damage = opening.damage
    }

    /// Which channel of `module` belongs to which instrument.
    static func channels(
        of module: ModuleSettings,
        in instruments: [InstrumentSettings]
    ) -> [Int: Int] {
        var channels: [Int: Int] = [:]
        for (index, instrument) in instruments.enumerated() where instrument.module == module.name {
            channels[instrument.channel] = index
        }
        return channels
    }

    /// When `handle(.timer, at:)` must be called at the latest.
    public func nextDeadline(at now: MonotonicTime) -> MonotonicTime {
        var soonest = isStopping ? MonotonicTime.distantFuture : nextScan
        if !isStopping {
            for bus in buses { soonest = min(soonest, bus.nextDeadline) }
            soonest = min(soonest, alarms.nextDeadline)
        }
        if hasSomethingToCommit {
            soonest = min(soonest, journal.nextDeadline(recordsWait: hasUnstoredRecords))
        }
        for outbox in outboxes { soonest = min(soonest, outbox.nextDeadline(at: now)) }
        return soonest
    }

    /// Takes one event and answers with all that must be done about it, in this order.
    public mutating func handle(_ event: Event, at now: MonotonicTime) -> [Effect] {
        var effects: [Effect] = []
        switch event {
        case .timer: break
        case .reply(let bus, let reply): take(reply, from: bus, at: now, into: &effects)
        case .committed(let outcome): take(outcome, at: now, into: &effects)
        case .fetched(let connection, let stream, let asked, let result):
            if let index = outboxIndex(connection) {
                outboxes[index].fetched(result, stream: stream, asked: asked, at: now)
            }
        case .broker(let connection, let event):
            take(event, from: connection, at: now, into: &effects)
        case .clock(let stamp): take(stamp, into: &effects)
        case .command(let connection, let command):
            take(command, from: connection, at: now, into: &effects)
        case .part(let part, let detail, let phase, let grade, let text):
            note(part, detail, phase, text, grade: grade, at: now, into: &effects)
        case .progressed(let job, let share): jobs.progressed(job, to: share)
        case .worked(let job, let result): take(result, of: job, at: now, into: &effects)
        case .stop:
            isStopping = true
            journal.hurry(at: now)
        }
        if !isStopping { advanceAlarms(at: now, into: &effects) }
        scan(at: now, into: &effects)
        pump(at: now, into: &effects)
        commitIfDue(at: now, into: &effects)
        poll(at: now, into: &effects)
        return effects
    }

    func outboxIndex(_ connection: ConnectionID) -> Int? {
        outboxes.firstIndex { $0.settings.id == connection }
    }

    // MARK: Polling

    mutating func poll(at now: MonotonicTime, into effects: inout [Effect]) {
        guard !isStopping else { return }
        for index in buses.indices where !buses[index].isBusy {
            if let request = buses[index].next(at: now, id: nextRequest) {
                nextRequest += 1
                effects.append(.read(buses[index].settings.id, request))
            }
        }
    }

    private mutating func take(
        _ reply: BusReply,
        from bus: BusID,
        at now: MonotonicTime,
        into effects: inout [Effect]
    ) {
        guard let index = buses.firstIndex(where: { $0.settings.id == bus }),
            let update = buses[index].handle(reply, at: now)
        else { return }
        feeds.replied(index, at: now)
        // Only the clock's own event changes what it is worth.
        if update.stamp.clock == clock.clock { clock = update.stamp }
        if let event = update.event {
            effects.append(.log(notice(event, bus: index, unit: update.unit)))
            noteModule(event, bus: index, unit: update.unit, at: now, into: &effects)
        }
        for sample in update.samples {
            guard let instrument = wiring[index][update.unit][sample.channel] else { continue }
            let reading = instruments[instrument].take(sample.outcome, at: update.stamp)
            judge(instrument, reading, into: &effects)
            readings.append(SequencedReading(sequence: readings.next, reading: reading))
            if reading.quality.level != .bad {
                usable(instrument, at: update.stamp.monotonic, into: &effects)
            }
        }
        trimReadings()
    }

    private func notice(_ event: ModuleEvent, bus: Int, unit: Int) -> Notice {
        let module = buses[bus].units[unit].module
        let name =
            "module \(module.name) (unit \(module.unit.rawValue) on \(buses[bus].settings.name))"
        return switch event {
        case .silent: Notice(.warning, "\(name) is silent: probed once per back-off period")
        case .answersAgain: Notice(.info, "\(name) answers again")
        case .wrongModule(let text):
            Notice(.error, "\(name) is not what its profile describes: \(text)")
        case .identified: Notice(.info, "\(name) is the module that its profile describes")
        }
    }

    /// The alert of a module that is silent or another one.
    private mutating func noteModule(
        _ event: ModuleEvent,
        bus: Int,
        unit: Int,
        at now: MonotonicTime,
        into effects: inout [Effect]
    ) {
        let module = buses[bus].units[unit].module
        let name = "unit \(module.unit.rawValue) on \(buses[bus].settings.name)"
        switch event {
        case .silent:
            note(
                module.name,
                "silent",
                .active,
                "\(name) does not answer.",
                at: now,
                into: &effects
            )
        case .answersAgain: note(module.name, "silent", .cleared, at: now, into: &effects)
        case .wrongModule(let text):
            note(
                module.name,
                "wrong-module",
                .active,
                "\(name) is not what its profile describes: \(text).",
                at: now,
                into: &effects
            )
        case .identified: note(module.name, "wrong-module", .cleared, at: now, into: &effects)
        }
    }

    // MARK: Gaps

    private mutating func usable(
        _ index: Int,
        at now: MonotonicTime,
        into effects: inout [Effect]
    ) {
        let silence = instruments[index].gap.received(at: now)
        guard instruments[index].isInGap else { return }
        instruments[index].isInGap = false
        note(gap(index, .cleared), at: now, into: &effects)
        let length = silence.map { " after \(Self.words($0))" } ?? ""
        effects.append(
            .log(Notice(.info, "\(instruments[index].settings.tag): data again\(length)"))
        )
    }

    private mutating func scan(at now: MonotonicTime, into effects: inout [Effect]) {
        guard now >= nextScan, !isStopping else { return }
        nextScan = now + Self.scanInterval
        feedRelay(at: now, into: &effects)
        if let text = damage {
            damage = nil
            note("journal", "damaged", .event, text, at: now, into: &effects)
        }
        reportUnreadableModels(at: now, into: &effects)
        lookAtCalendar(at: now, into: &effects)
        for index in instruments.indices
        where !instruments[index].isInGap && instruments[index].gap.isGap(at: now) {
            instruments[index].isInGap = true
            let interval = instruments[index].gap.expectedInterval
            let text =
                "No usable reading for more than twice the expected interval of "
                + "\(Self.words(interval))."
            note(gap(index, .active, text), at: now, into: &effects)
            effects.append(
                .log(
                    Notice(
                        .warning,
                        "\(instruments[index].settings.tag): no usable reading for more than twice "
                            + "its expected interval of \(Self.words(interval))"
                    )
                )
            )
        }
    }

    private func gap(
        _ index: Int,
        _ phase: ConditionChange.Phase,
        _ explanation: String = ""
    ) -> ConditionChange {
        ConditionChange(
            key: ConditionKey(
                instrument: instruments[index].settings.id,
                type: .dataGap,
                detail: "gap"
            ),
            phase: phase,
            explanation: explanation
        )
    }

    static func words(_ length: Nanoseconds) -> String {
        let milliseconds = length.milliseconds
        return milliseconds < 10_000
            ? "\(Double(milliseconds) / 1000) s" : "\(milliseconds / 1000) s"
    }

    // MARK: Clock

    private mutating func take(_ stamp: Stamp, into effects: inout [Effect]) {
        let wasTrusted = clock.clock.isTrusted
        // Where this monotonic instant would have been on the wall clock as it was.
        let expected = clock.wall + (stamp.monotonic - clock.monotonic)
        let offset = stamp.wall - expected
        if stamp.clock.isTrusted, !wasTrusted {
            effects.append(.correctClock(epoch: epoch, offset: offset))
            correct(by: offset)
            effects.append(
                .log(Notice(.info, "the clock is set; it was off by \(Self.words(offset))"))
            )
        }
        clock = stamp
        nextCalendar = .zero
        for index in outboxes.indices { outboxes[index].clock(isTrusted: stamp.clock.isTrusted) }
    }

    /// Corrects what is in memory as the journal corrects what it holds.
    private mutating func correct(by offset: Nanoseconds) {
        readings.changeAll { $0.reading.stamp = $0.reading.stamp.corrected(by: offset) }
        records.changeAll { row in
            row.stamp = row.stamp.corrected(by: offset)
            guard case .alert(var step) = row.body else { return }
            step.at = step.at.corrected(by: offset)
            if step.alert.epoch == epoch { step.raisedAt = step.raisedAt.corrected(by: offset) }
            row.body = .alert(step)
        }
        alarms.correctClock(by: offset)
        for index in outboxes.indices { outboxes[index].readAgain() }
    }
}
