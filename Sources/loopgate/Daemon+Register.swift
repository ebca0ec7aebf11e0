import Foundation
import GatewayCore
import LocalPage
import Profiles
import Signal

extension Daemon: InstrumentsDesk {
    private static let absent = RegisterRefusal.unavailable("the gateway is starting or stopping")

    var register: (any RegisterDesk)? { instrumentRegister == nil ? nil : self }

    func registeredInstruments() async -> [InstrumentRecord]? { await instrumentRegister?.records }

    func createInstrument(
        _ entry: [String: RegisterValue],
        by who: String
    ) async -> Result<InstrumentRecord, RegisterRefusal> {
        await instrumentRegister?.create(entry, by: who) ?? .failure(Self.absent)
    }

    func changeInstrument(
        _ id: InstrumentID,
        _ patch: [String: RegisterValue],
        by who: String
    ) async -> Result<InstrumentRecord, RegisterRefusal> {
        await instrumentRegister?.change(id, patch, by: who) ?? .failure(Self.absent)
    }

    func retireInstrument(
        _ id: InstrumentID,
        by who: String
    ) async -> Result<InstrumentRecord, RegisterRefusal> {
        await instrumentRegister?.retire(id, true, by: who) ?? .failure(Self.absent)
    }

    func restoreInstrument(
        _ id: InstrumentID,
        by who: String
    ) async -> Result<InstrumentRecord, RegisterRefusal> {
        await instrumentRegister?.retire(id, false, by: who) ?? .failure(Self.absent)
    }

    func carryOut(_ order: InstrumentsOrder) async -> InstrumentsAnswer {
        guard let register = instrumentRegister else {
            return .refused("the gateway is starting or stopping")
        }
        let answer = await register.carryOut(order, with: settings)
        guard answer.isDone, order.act == .apply, !order.isDryRun else { return answer }
        // What is said about the configured list may not hold any more.
        let path = listPath
        let settings = settings
        let now = await InstrumentRegister.onOwnThread {
            ConfigurationLoader().instruments(
                path,
                modules: settings.modules,
                detection: settings.detection
            )
        }
        if case .success(let list) = now { try? await compare(list) }
        return answer
    }
}

extension InstrumentRegister {
    /// Does something long, such as parsing a file, off the cooperative threads.
    static func onOwnThread<Value: Sendable>(
        _ body: @escaping @Sendable () -> Value
    ) async -> Value {
        await withCheckedContinuation { continuation in
            Thread { continuation.resume(returning: body()) }.start()
        }
    }

    /// Carries out an order of the command line, or says why not.
    func carryOut(
        _ order: InstrumentsOrder,
        with settings: GatewaySettings
    ) async -> InstrumentsAnswer {
        switch order.act {
        case .apply:
            let bytes = Array((order.text ?? "").utf8)
            // Whatever path the list names, its text is what counts.
            let loader = ConfigurationLoader(environment: [:], read: { _ in .success(bytes) })
            let parsed = await Self.onOwnThread {
                loader.instruments(
                    order.file ?? "list",
                    modules: settings.modules,
                    detection: settings.detection
                )
            }
            switch parsed {
            case .failure(let refused):
                return InstrumentsAnswer(
                    isDone: false,
                    lines: refused.description.split(separator: "\n").map(String.init)
                )
            case .success(let list):
                return await apply(
                    list,
                    retiresMissing: order.retiresMissing,
                    isDryRun: order.isDryRun,
                    state: order.state,
                    by: order.by
                )
            }
        case .retire, .restore:
            let tag = order.tag ?? ""
            guard let record = records.first(where: { $0.tag.text == tag }) else {
                return .refused("the register has no \(tag)")
            }
            switch await retire(record.id, order.act == .retire, by: order.by) {
            case .success:
                return InstrumentsAnswer(isDone: true, lines: ["done"], changes: 1)
            case .failure(let refusal):
                return InstrumentsAnswer(isDone: false, lines: refusal.lines)
            }
        }
    }
}
