import Alerts
import Detection
import Signal

extension Gateway {
    /// Now, as far as the wall clock is known.
    func stamp(at now: MonotonicTime) -> Stamp {
        Stamp(monotonic: now, wall: clock.wall + (now - clock.monotonic), clock: clock.clock)
    }

    /// Judges a new reading, and does what follows from it before anything else is done with it.
    mutating func judge(_ index: Int, _ reading: Reading, into effects: inout [Effect]) {
        let judgement = alarms.judge(index, reading, rate: instruments[index].signal.rate)
        report(judgement, of: index, at: reading.stamp.monotonic, into: &effects)
    }

    /// Does what follows from a judgement.
    mutating func report(
        _ judgement: Judgement,
        of index: Int,
        at now: MonotonicTime,
        into effects: inout [Effect]
    ) {
        for change in judgement.changes {
            report(alarms.handle(change, at: stamp(at: now)), into: &effects)
        }
        for finding in judgement.shadow where finding.phase == .onset {
            let tag = instruments[index].settings.tag.text
            shadow.append(
                ShadowFinding(
                    tag: tag,
                    detector: finding.detector.name,
                    value: finding.value,
                    explanation: finding.explanation,
                    at: stamp(at: now).wall
                )
            )
            if shadow.count > Limits.shadowFindings { shadow.removeFirst() }
            effects.append(
                .log(
                    Notice(
                        .info,
                        "\(tag): \(finding.detector.name), in shadow: \(finding.explanation)"
                    )
                )
            )
        }
    }

    /// Takes news of a condition that is no reading's.
    mutating func note(
        _ change: ConditionChange,
        at now: MonotonicTime,
        into effects: inout [Effect]
    ) {
        report(alarms.handle(change, at: stamp(at: now)), at: now, into: &effects)
    }

    /// News of one of the gateway's own parts: active, gone, or (`phase: .event`) just happened.
    mutating func note(
        _ part: String,
        _ detail: String,
        _ phase: ConditionChange.Phase,
        _ explanation: String = "",
        grade: AlertGrade = .preAlarm,
        at now: MonotonicTime,
        into effects: inout [Effect]
    ) {
        note(
            ConditionChange(
                key: ConditionKey(part: part, detail: detail),
                phase: phase,
                grade: grade,
                explanation: explanation
            ),
            at: now,
            into: &effects
        )
    }

    /// What a person or the central system wants done about an alert or an instrument.
    public mutating func perform(
        _ action: AlertAction,
        by: String,
        note: String?,
        at now: MonotonicTime
    ) -> (Result<[AlertTransition], AlertRefusal>, [Effect]) {
        var effects: [Effect] = []
        do throws(AlertRefusal) {
            let output = try alarms.perform(action, by: by, note: note, at: stamp(at: now))
            report(output, at: now, into: &effects)
            commitIfDue(at: now, into: &effects)
            return (.success(output.transitions), effects)
        } catch {
            return (.failure(error), effects)
        }
    }

    /// Silences the horn for what it sounds for now.
    public mutating func silenceHorn(by: String, at now: MonotonicTime) -> [Effect] {
        var effects: [Effect] = []
        show(alarms.silence(by: by, at: now), into: &effects)
        return effects
    }

    /// Shows the safe state for a time, to prove the circuit behind the relay.
    public mutating func testRelay(
        by: String,
        length: Nanoseconds,
        at now: MonotonicTime
    ) -> (RelayRefusal?, [Effect]) {
        var effects: [Effect] = []
        do throws(RelayRefusal) {
            show(try alarms.test(by: by, length: length, at: now), into: &effects)
            let seconds = Self.words(length)
            record(
                .audit(
                    AuditEntry(
                        who: by,
                        action: "relay.test",
                        subject: "relay",
                        old: nil,
                        new: "safe for \(seconds)"
                    )
                ),
                at: stamp(at: now)
            )
            commitIfDue(at: now, into: &effects)
            return (nil, effects)
        } catch {
            return (error, effects)
        }
    }

    /// Lets time pass for alerts and relay: shelves end, delays run out.
    mutating func advanceAlarms(at now: MonotonicTime, into effects: inout [Effect]) {
        if now >= alarms.desk.nextDeadline {
            report(alarms.advance(to: stamp(at: now)), at: now, into: &effects)
        }
        drive(at: now, into: &effects)
    }

    /// Twice a second: the relay is told again that all goes well, or what does not.
    mutating func feedRelay(at now: MonotonicTime, into effects: inout [Effect]) {
        feeds.look(
            busyBuses: buses.map(\.isBusy),
            emptyBuses: buses.map(\.isEmpty),
            isCommitting: journal.isCommitting,
            hasInstruments: !instruments.isEmpty,
            at: now
        )
        let output = alarms.feed(
            polling: feeds.polling,
            detection: feeds.detection,
            journal: feeds.journal,
            at: now
        )
        show(output, into: &effects)
        effects.append(.relay(alarms.relay.demand))
        let isUp = outboxes.contains(where: \.isUp)
        let isHealthy = if case .working = journal.standing { true } else { false }
        effects.append(.indicate(.healthy, isLit: isHealthy))
        effects.append(.indicate(.alarm, isLit: alarms.relay.driverCount > 0))
        effects.append(.indicate(.uplink, isLit: isUp))
        report(alarms.confirmAfterRestart(at: stamp(at: now)), at: now, into: &effects)
    }

    // MARK: What comes of it

    private mutating func report(_ output: AlertOutput, into effects: inout [Effect]) {
        report(output, at: output.transitions.last?.at.monotonic ?? clock.monotonic, into: &effects)
    }

    /// In this order: the relay, then the journal and with it the uplinks.
    mutating func report(
        _ output: AlertOutput,
        at now: MonotonicTime,
        into effects: inout [Effect]
    ) {
        drive(at: now, into: &effects)
        for transition in output.transitions {
            record(.alert(transition), at: transition.at)
            effects.append(.log(transition.notice))
        }
        for notice in output.notices {
            if let line = notice.notice { effects.append(.log(line)) }
        }
    }

    private mutating func drive(at now: MonotonicTime, into effects: inout [Effect]) {
        if let output = alarms.drive(at: now) { show(output, into: &effects) }
    }

    private mutating func show(_ output: RelayOutput, into effects: inout [Effect]) {
        for event in output.events {
            if case .changed(let demand, _) = event { effects.append(.relay(demand)) }
        }
        for event in output.events { effects.append(.log(event.notice)) }
    }
}

/// What a detector in shadow would have alarmed.
public struct ShadowFinding: Hashable, Sendable, Codable {
    /// The instrument's tag.
    public var tag: String
    /// `rules`, `cusum`, `stuck` or `iforest`.
    public var detector: String
    /// The process value that decided it.
    public var value: Double?
    /// One sentence with its numbers.
    public var explanation: String
    /// Civil time, nanoseconds since 1970.
    public var at: WallTime
}

/// Counts the progress of polling, detection and journal: what the relay is fed with.
struct RelayFeeds: Sendable {
    private(set) var polling: UInt64 = 0
    private(set) var detection: UInt64 = 0
    private(set) var journal: UInt64 = 0
    /// When each bus last answered, or had nothing to do once it had answered.
    private var answeredAt: [MonotonicTime?]
    /// How long each bus may take to answer. Polling goes on while all of them have answered within
    /// it: a bus that answers again must not vouch for another that has stopped meanwhile.
    private let patience: [Nanoseconds]
    private var hasStored = false

    init(_ settings: GatewaySettings) {
        answeredAt = Array(repeating: nil, count: settings.buses.count)
        patience = settings.buses.map { bus in
            let timeouts = settings.modules.filter { $0.bus == bus.id }.map {
                $0.responseTimeout ?? bus.responseTimeout
            }
            return (timeouts.max() ?? .zero) + .seconds(1)
        }
    }

    /// A bus has answered a request, be it that nobody is there.
    mutating func replied(_ bus: Int, at now: MonotonicTime) { answeredAt[bus] = now }

    /// The journal has answered a commit, be it with an error.
    mutating func committed() {
        hasStored = true
        journal += 1
    }

    /// A look at what is under way: an idle bus and an idle journal are not stuck.
    mutating func look(
        busyBuses: [Bool],
        emptyBuses: [Bool],
        isCommitting: Bool,
        hasInstruments: Bool,
        at now: MonotonicTime
    ) {
        for (bus, isBusy) in busyBuses.enumerated()
        where !isBusy && (answeredAt[bus] != nil || emptyBuses[bus]) {
            answeredAt[bus] = now
        }
        let isGoingOn = zip(answeredAt, patience).allSatisfy { answered, patience in
            answered.map { now - $0 <= patience } ?? false
        }
        if isGoingOn { polling += 1 }
        // Readings are judged on the thread that looks.
        detection += 1
        if !isCommitting, hasStored || !hasInstruments { journal += 1 }
    }
}

extension AlertTransition {
    /// The step as a line of the log.
    var notice: Notice {
        let level: Notice.Level =
            state == .resolved || severity == .advisory ? .info : .warning
        let who = by == AlertDesk.systemName ? "" : " by \(by)"
        let why = note.map { " (\($0))" } ?? ""
        let standing = isActive || state == .resolved ? "" : " and back to normal"
        return Notice(
            state == .raised && severity == .critical ? .error : level,
            "alert \(alert) \(subject) \(type.rawValue) \(detail): \(state.rawValue)\(standing), "
                + "\(severity.rawValue)\(who)\(why): \(explanation)"
        )
    }
}

extension AlertNotice {
    /// The notice as a line of the log; nil where the transition says it already.
    var notice: Notice? {
        switch self {
        case .annunciated: nil
        case .chattering(let id): Notice(.warning, "alert \(id) chatters")
        case .calm(let id): Notice(.info, "alert \(id) is calm again")
        case .stale(let id): Notice(.warning, "alert \(id) has been active for a day")
        case .floodBegan: Notice(.warning, "alarm flood: more than ten alarms in ten minutes")
        case .floodEnded: Notice(.info, "the alarm flood is over")
        }
    }
}

extension RelayEvent {
    /// The event as a line of the log.
    var notice: Notice {
        switch self {
        case .changed(let demand, let reasons):
            let why = reasons.map(\.words).joined(separator: ", ")
            return Notice(
                demand == .safe ? .warning : .info,
                "relay \(demand.rawValue)" + (why.isEmpty ? "" : ": \(why)")
            )
        case .horn(let sounds): return Notice(.info, sounds ? "horn on" : "horn off")
        case .firstOut(let id): return Notice(.info, "first out: alert \(id)")
        case .silenced(let by): return Notice(.info, "horn silenced by \(by)")
        case .testBegan(let by, let length):
            return Notice(.warning, "relay test of \(Int(length.seconds)) s begun by \(by)")
        case .testEnded(let by): return Notice(.info, "relay test ended by \(by)")
        case .stalled(let source): return Notice(.error, "\(source.rawValue) shows no progress")
        case .resumed(let source): return Notice(.info, "\(source.rawValue) goes on")
        }
    }
}

extension RelayReason {
    /// The reason in words.
    public var words: String {
        switch self {
        case .starting(let source): "\(source.rawValue) has not completed its first cycle"
        case .stalled(let source): "\(source.rawValue) shows no progress"
        case .alert(let id): "alert \(id)"
        case .test(let by): "test by \(by)"
        case .delay: "waiting before it is energised again"
        }
    }
}
