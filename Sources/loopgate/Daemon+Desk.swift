import GatewayCore
import LocalPage
import Uplink

// What the page, the API and the command line ask of the daemon.

extension Daemon {
    /// Carries out a command of somebody on this box; a job is waited for where `waiting`.
    func execute(_ name: String, _ payload: String, waiting: Bool) async -> ControlAnswer {
        switch CommandDecoder.decode(
            UplinkCommand(name: name, payload: payload, retained: false)
        ) {
        case .success(let command): await carryOut(command, waiting: waiting)
        case .failure(let refusal): ControlAnswer(isDone: false, text: refusal.reason)
        }
    }

    /// Carries out a command; a job is waited for where `waiting`.
    func carryOut(_ command: GatewayCommand, waiting: Bool) async -> ControlAnswer {
        guard let gateway = parts.withLock({ $0?.gateway }) else { return .silence }
        let (answers, waiter) = AsyncStream.makeStream(of: ControlAnswer.self)
        let result: CommandResult? = await gateway.ask { [waiters] gateway, now in
            let (result, effects) = gateway.execute(command, at: now)
            // Before the job begins, so that its end cannot be missed.
            if case .started(let job) = result, waiting { waiters.withLock { $0[job] = waiter } }
            return (result, effects)
        }
        switch result {
        case nil: return .silence
        case .done: return ControlAnswer(isDone: true, text: "done")
        case .refused(let reason): return ControlAnswer(isDone: false, text: reason)
        case .started(let job):
            guard waiting else { return ControlAnswer(isDone: true, text: "started", job: job) }
            for await answer in answers { return answer }
            return .silence
        }
    }

    /// Adds an entry to the audit log.
    func audit(_ entry: AuditEntry) async {
        guard let gateway = parts.withLock({ $0?.gateway }) else { return }
        _ = await gateway.ask { gateway, now in (true, gateway.note(entry, at: now)) }
    }

    /// The last exchange with every unit, by the bus's name.
    var lastFrames: [String: [UnitAddress: BusFrames]] {
        let buses = parts.withLock { $0.map { Array($0.buses.values) } } ?? []
        return Dictionary(uniqueKeysWithValues: buses.map { ($0.settings.name, $0.lastFrames) })
    }

    /// The least important lines that are logged.
    var logLevel: String { LogLevel.present.rawValue }

    func setLogLevel(_ level: String) { LogLevel.set(level) }
}
