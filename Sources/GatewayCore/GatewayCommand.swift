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
    }
    /// What can be done to an instrument.
    public enum InstrumentAct: Hashable, Sendable {
        case startMaintenance(length: Nanoseconds)
        case endMaintenance
        case takeOutOfService
        case returnToService
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
            if let reason = late(command, at: now) ?? carryOut(command, at: now, into: &effects) {
                refuse(command.name, command.id, reason, index, &effects)
                return
            }
            respond(command.id, #"{"status":"done"}"#, index, &effects)
            effects.append(
                .log(Notice(.info, "command \(command.name) \(command.id) by \(command.by): done"))
            )
        }
    }

    /// Carries out a command of somebody on the box itself; why not, where it is refused.
    public mutating func execute(
        _ command: GatewayCommand,
        at now: MonotonicTime
    ) -> (refusal: String?, [Effect]) {
        var effects: [Effect] = []
        let reason = carryOut(command, at: now, into: &effects)
        return (reason, effects)
    }

    /// Why a command from afar may not be carried out at this time of day.
    private func late(_ command: GatewayCommand, at now: MonotonicTime) -> String? {
        guard clock.clock.isTrusted else {
            return "the gateway's clock is not set, so nobody can tell whether the command has "
                + "expired; send it again when the clock is set"
        }
        return stamp(at: now).wall <= command.expires ? nil : "it has expired"
    }

    /// Nil where it is done, and audited; else why not.
    private mutating func carryOut(
        _ command: GatewayCommand,
        at now: MonotonicTime,
        into effects: inout [Effect]
    ) -> String? {
        let reason = act(command, at: now, into: &effects)
        guard reason == nil else { return reason }
        record(
            .audit(
                AuditEntry(
                    who: command.by,
                    action: "command.\(command.name)",
                    subject: command.subject,
                    old: nil,
                    new: command.note
                )
            ),
            at: stamp(at: now)
        )
        commitIfDue(at: now, into: &effects)
        return nil
    }

    private mutating func act(
        _ command: GatewayCommand,
        at now: MonotonicTime,
        into effects: inout [Effect]
    ) -> String? {
        let action: AlertAction
        switch command.act {
        case .alert(let wanted): action = wanted
        case .instrument(let tag, let act):
            guard let found = settings.instruments.first(where: { $0.tag.text == tag }) else {
                return "no instrument has the tag \(tag)"
            }
            switch act {
            case .startMaintenance(let length): action = .startMaintenance(found.id, length: length)
            case .endMaintenance: action = .endMaintenance(found.id)
            case .takeOutOfService: action = .takeOutOfService(found.id)
            case .returnToService: action = .returnToService(found.id)
            }
        case .silenceHorn:
            effects += silenceHorn(by: command.by, at: now)
            return nil
        case .testRelay(let length):
            let (refusal, done) = testRelay(by: command.by, length: length, at: now)
            effects += done
            return refusal?.description
        }
        let (result, done) = perform(action, by: command.by, note: command.note, at: now)
        effects += done
        if case .failure(let refusal) = result { return refusal.description }
        return nil
    }

    private mutating func refuse(
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

    private mutating func respond(
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
