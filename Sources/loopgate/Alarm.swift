import Alerts
import GatewayCore
import Logging
import Relay
import Runtime

/// The alarm output, under a name that the module of the same room does not hide.
enum Alarm {
    static func driveSafe(_ settings: RelaySettings) -> [RelayFault] {
        Relay.driveSafe(settings)
    }

    /// Opens the outputs of the box. One that cannot be driven is told at once and tried again, and
    /// the gateway works on without it.
    static func open(
        _ settings: RelaySettings,
        logger: Logger,
        news: @escaping @Sendable (Event) -> Void
    ) throws(RelayFault) -> FieldRelay {
        try openRelay(settings, keepsTrying: true) { report in
            switch report.event {
            case .shown(let isOn): logger.info("output \(report.output) \(isOn ? "on" : "off")")
            case .fault(let fault):
                logger.error("output \(report.output): \(fault)")
                news(
                    .part(
                        report.output,
                        detail: "output-failed",
                        .active,
                        .mainAlarm,
                        fault.description
                    )
                )
            case .recovered:
                logger.info("output \(report.output) can be driven again")
                news(.part(report.output, detail: "output-failed", .cleared, .mainAlarm, ""))
            case .starved:
                logger.error("output \(report.output) was not told anything and went safe")
            case .fed: logger.info("output \(report.output) is told again")
            }
        }
    }
}

/// The alarm output with whoever hears of its faults now: it may outlive one life of the gateway.
final class HeldRelay: Sendable {
    let relay: FieldRelay
    let settings: RelaySettings
    private let listener: Locked<@Sendable (Event) -> Void>

    /// Opens the outputs of the box, as `Alarm.open`.
    init(_ settings: RelaySettings, logger: Logger) throws(RelayFault) {
        let listener = Locked<@Sendable (Event) -> Void>({ _ in })
        self.listener = listener
        self.settings = settings
        relay = try Alarm.open(settings, logger: logger) { event in
            listener.withLock { $0 }(event)
        }
    }

    /// From now on `listener` hears of faults.
    func report(to listener: @escaping @Sendable (Event) -> Void) {
        self.listener.withLock { $0 = listener }
    }
}

/// Keeps the alarm output as it is from one life of the gateway to the next, when the configuration
/// is read anew. The output's own feed timeout bounds how long: it goes safe by itself when the next
/// life does not tell it in time.
final class RelayHandover: Sendable {
    private struct State {
        var isExpected = false
        var held: HeldRelay?
        var demand = RelayDemand.safe
    }
    private let state = Locked(State())

    /// Another life follows the present one.
    func expect() { state.withLock { $0.isExpected = true } }

    /// Leaves the output for the next life; false: none follows, so it is to be released.
    func leave(_ held: HeldRelay, showing demand: RelayDemand) -> Bool {
        state.withLock { state in
            guard state.isExpected else { return false }
            state = State(held: held, demand: demand)
            return true
        }
    }

    /// The output that the life before left, and what it shows, where it is the one of `settings`;
    /// any other one is released.
    func take(_ settings: RelaySettings) -> (held: HeldRelay, demand: RelayDemand)? {
        let left = state.withLock { state in
            defer { state = State() }
            return state
        }
        guard let held = left.held else { return nil }
        guard held.settings == settings else {
            held.relay.release()
            return nil
        }
        return (held, left.demand)
    }

    /// Lets go of an output that nobody took.
    func release() {
        state.withLock { state in
            defer { state = State() }
            return state.held
        }?.relay.release()
    }
}
