import Alerts
import Signal

/// A command from the central system, decoded and not yet judged.
public struct GatewayCommand: Hashable, Sendable {
    /// What is to be done.
    public enum Act: Hashable, Sendable {
        case alert(AlertAction)
        /// An action on an instrument, which the sender names by its tag.
        case instrument(tag: String, InstrumentAct)
        case silenceHorn
        case testRelay(length: Nanoseconds)
        /// Send readings again, from this one to the end of its run; `uplink`: over which
        /// connection, nil for the one that asks.
        case resend(Position, uplink: String?)
    }
    /// What can be done to an instrument.
    public enum InstrumentAct: Hashable, Sendable {
        case startMaintenance(length: Nanoseconds)
        case endMaintenance
        case takeOutOfService
        case returnToService
        /// Learn from a span of readings; nil: from the baseline that is marked.
        case train(
            from: WallTime?,
            to: WallTime?,
            allowsBadQuality: Bool,
            allowsAlerts: Bool
        )
        /// Use this version of its model.
        case activate(version: Int)
        /// Call a span of readings clean.
        case markBaseline(from: WallTime, to: WallTime)
        case calibrated(Calibration)
    }
    /// A calibration as it was posted; who and when default to the command's own.
    public struct Calibration: Hashable, Sendable {
        public var performedAt: WallTime?
        public var performedBy: String?
        public var passed: Bool
        public var asFound: Double?
        public var asLeft: Double?
        public var reference: Double?

        public init(
            performedAt: WallTime? = nil,
            performedBy: String? = nil,
            passed: Bool,
            asFound: Double? = nil,
            asLeft: Double? = nil,
            reference: Double? = nil
        ) {
            self.performedAt = performedAt
            self.performedBy = performedBy
            self.passed = passed
            self.asFound = asFound
            self.asLeft = asLeft
            self.reference = reference
        }
    }

    /// The topic's last level: `acknowledge`, `shelve`, …
    public var name: String
    /// The sender's own name for this command; the answer goes to a topic of this name.
    public var id: String
    /// Until when it may be carried out.
    public var expires: WallTime
    /// On whose behalf: an employee number.
    public var by: String
    public var note: String?
    public var act: Act

    public init(
        name: String,
        id: String,
        expires: WallTime,
        by: String,
        note: String? = nil,
        act: Act
    ) {
        self.name = name
        self.id = id
        self.expires = expires
        self.by = by
        self.note = note
        self.act = act
    }
}

/// What became of a command.
public enum CommandResult: Hashable, Sendable {
    /// It is carried out.
    case done
    /// Not carried out: what is wrong and how to mend it.
    case refused(String)
    /// A job of this number is under way: `Effect.answer` will tell what came of it.
    case started(job: UInt64)
}

/// Why a command was not carried out, and whom to tell.
public struct CommandRefusal: Error, Hashable, Sendable {
    public var name: String
    /// The command's id; nil where it has none that can be used: then nobody can be told.
    public var id: String?
    /// What is wrong and how to mend it.
    public var reason: String

    public init(name: String, id: String?, reason: String) {
        self.name = name
        self.id = id
        self.reason = reason
    }
}

extension Gateway {
    /// Carries out a command, or says why not; either way it is answered, audited and logged.
    mutating func take(
        _ command: Result<GatewayCommand, CommandRefusal>,
        from connection: ConnectionID,
        at now: MonotonicTime,
        into effects: inout [Effect]
    ) {
        guard let index = outboxIndex(connection) else { return }
        switch command {
        case .failure(let refusal):
            refuse(refusal.name, refusal.id, refusal.reason, index, &effects)
        case .success(let command):
            if answered.contains(command.id) {
                refuse(
                    command.name,
                    command.id,
                    "a command with this id was answered already",
                    index,
                    &effects
                )
                return
            }
            answered.append(command.id)
            if answered.count > Limits.rememberedCommands { answered.removeFirst() }
            if let reason = late(command, at: now) {
                refuse(command.name, command.id, reason, index, &effects)
                return
            }
            let asker = JobBook.Asker(connection: connection, command: command.id)
            switch carryOut(command, asker: asker, at: now, into: &effects) {
            case .refused(let reason):
                refuse(command.name, command.id, reason, index, &effects)
            case .started(let job):
                respond(command.id, #"{"status":"started","job":\#(job)}"#, index, &effects)
            case .done:
                respond(command.id, #"{"status":"done"}"#, index, &effects)
                effects.append(
                    .log(
                        Notice(
                            .info,
                            "command \(command.name) \(command.id) by \(command.by): done"
                        )
                    )
                )
            }
        }
    }

    /// Carries out a command of somebody on the box itself.
    public mutating func execute(
        _ command: GatewayCommand,
        at now: MonotonicTime
    ) -> (result: CommandResult, [Effect]) {
        var effects: [Effect] = []
        let result = carryOut(command, asker: nil, at: now, into: &effects)
        return (result, effects)
    }

    /// Adds what was done outside the core (to people, to settings) to the audit log.
    public mutating func note(_ entry: AuditEntry, at now: MonotonicTime) -> [Effect] {
        var effects: [Effect] = []
        record(.audit(entry), at: stamp(at: now))
        commitIfDue(at: now, into: &effects)
        return effects
    }

    /// Why a command from afar may not be carried out at this time of day.
    private func late(_ command: GatewayCommand, at now: MonotonicTime) -> String? {
        guard clock.clock.isTrusted else {
            return "the gateway's clock is not set, so nobody can tell whether the command has "
                + "expired; send it again when the clock is set"
        }
        return stamp(at: now).wall <= command.expires ? nil : "it has expired"
    }

    /// What is done at once is audited at once; a job is audited when it ends.
    private mutating func carryOut(
        _ command: GatewayCommand,
        asker: JobBook.Asker?,
        at now: MonotonicTime,
        into effects: inout [Effect]
    ) -> CommandResult {
        let old = standing(of: command.act)
        let result = act(command, asker: asker, at: now, into: &effects)
        guard case .done = result else { return result }
        let new = [standing(of: command.act), command.note].compactMap(\.self)
        let entry = AuditEntry(
            who: command.by,
            action: "command.\(command.name)",
            subject: command.subject,
            old: old,
            new: new.isEmpty ? nil : new.joined(separator: ": ")
        )
        record(.audit(entry), at: stamp(at: now))
        commitIfDue(at: now, into: &effects)
        return .done
    }

    /// How what an act is about stands at this moment, in a word, for the audit.
    private func standing(of act: GatewayCommand.Act) -> String? {
        func standing(_ id: AlertID) -> String {
            alarms.desk.openAlerts.first { $0.id == id }?.alarmState.rawValue ?? "resolved"
        }
        switch act {
        case .alert(let action):
            switch action {
            case .acknowledge(let id), .resolve(let id), .shelve(let id, _, _), .unshelve(let id),
                .resetLatch(let id):
                return standing(id)
            case .resetLatches, .startMaintenance, .endMaintenance, .takeOutOfService,
                .returnToService:
                return nil
            }
        case .instrument(let tag, _):
            guard let id = settings.instruments.first(where: { $0.tag.text == tag })?.id else {
                return nil
            }
            let notices = alarms.desk.alerts(of: id).filter(\.isNotice).map(\.key.detail)
            return notices.isEmpty ? "in service" : notices.joined(separator: ", ")
        case .silenceHorn: return alarms.relay.horn ? "sounding" : "silent"
        case .testRelay: return alarms.relay.demand.rawValue
        case .resend: return nil
        }
    }

    private mutating func act(
        _ command: GatewayCommand,
        asker: JobBook.Asker?,
        at now: MonotonicTime,
        into effects: inout [Effect]
    ) -> CommandResult {
        let action: AlertAction
        switch command.act {
        case .alert(let wanted): action = wanted
        case .instrument(let tag, let act):
            guard let index = settings.instruments.firstIndex(where: { $0.tag.text == tag }) else {
                return .refused("no instrument has the tag \(tag)")
            }
            let id = settings.instruments[index].id
            switch act {
            case .startMaintenance(let length): action = .startMaintenance(id, length: length)
            case .endMaintenance: action = .endMaintenance(id)
            case .takeOutOfService: action = .takeOutOfService(id)
            case .returnToService: action = .returnToService(id)
            case .train, .activate, .markBaseline, .calibrated:
                return begin(act, index, command, asker: asker, at: now, into: &effects)
            }
        case .silenceHorn:
            effects += silenceHorn(by: command.by, at: now)
            return .done
        case .testRelay(let length):
            let (refusal, done) = testRelay(by: command.by, length: length, at: now)
            effects += done
            return refusal.map { .refused($0.description) } ?? .done
        case .resend(let position, let uplink):
            return resend(from: position, over: uplink, asker: asker)
        }
        let (result, done) = perform(action, by: command.by, note: command.note, at: now)
        effects += done
        if case .failure(let refusal) = result { return .refused(refusal.description) }
        return .done
    }

    /// Sends stored readings again.
    private mutating func resend(
        from position: Position,
        over uplink: String?,
        asker: JobBook.Asker?
    ) -> CommandResult {
        let found = outboxes.indices.filter { index in
            if let uplink { return outboxes[index].settings.name == uplink }
            return asker == nil || outboxes[index].settings.id == asker?.connection
        }
        guard !found.isEmpty else {
            return .refused("no connection is called \(uplink ?? "so")")
        }
        for index in found
        where !outboxes[index].resend(from: position, earlier: earlier) {
            return .refused(
                "the journal holds no reading \(position.sequence) of run \(position.epoch.hex)"
            )
        }
        return .done
    }

    mutating func refuse(
        _ name: String,
        _ id: String?,
        _ reason: String,
        _ index: Int,
        _ effects: inout [Effect]
    ) {
        let uplink = outboxes[index].settings.name
        effects.append(
            .log(Notice(.warning, "uplink \(uplink): command \(name) refused: \(reason)"))
        )
        guard let id else { return }
        respond(id, #"{"status":"refused","reason":"\#(jsonEscaped(reason))"}"#, index, &effects)
    }

    mutating func respond(
        _ id: String,
        _ body: String,
        _ index: Int,
        _ effects: inout [Effect]
    ) {
        guard let message = outboxes[index].note(.response(command: id, body: body)) else { return }
        effects.append(.publish(outboxes[index].settings.id, [message]))
    }
}

extension GatewayCommand {
    /// What it is about, for the audit.
    var subject: String {
        switch act {
        case .alert(let action):
            switch action {
            case .acknowledge(let id), .resolve(let id), .shelve(let id, _, _), .unshelve(let id),
                .resetLatch(let id):
                "alert \(id)"
            case .resetLatches: "all latches"
            case .startMaintenance(let id, _), .endMaintenance(let id), .takeOutOfService(let id),
                .returnToService(let id):
                "instrument \(id.rawValue)"
            }
        case .instrument(let tag, _): tag
        case .silenceHorn: "horn"
        case .testRelay: "relay"
        case .resend(let position, let uplink):
            "readings of run \(position.epoch.hex) from \(position.sequence)"
                + (uplink.map { " over \($0)" } ?? "")
        }
    }
}

/// `text` as it stands between the quotes of a JSON string (RFC 8259, section 7).
func jsonEscaped(_ text: String) -> String {
    var escaped = ""
    for scalar in text.unicodeScalars {
        switch scalar {
        case "\"": escaped += "\\\""
        case "\\": escaped += "\\\\"
        case _ where scalar.value < 0x20:
            let digits = String(scalar.value, radix: 16)
            escaped += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        default: escaped.unicodeScalars.append(scalar)
        }
    }
    return escaped
}
