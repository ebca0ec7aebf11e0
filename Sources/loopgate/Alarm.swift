import GatewayCore
import Logging
import Relay

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
