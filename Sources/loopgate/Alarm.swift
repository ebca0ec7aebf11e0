import GatewayCore
import Relay

/// The alarm output, under a name that the module of the same room does not hide.
enum Alarm {
    static func driveSafe(_ settings: RelaySettings) -> [RelayFault] {
        Relay.driveSafe(settings)
    }
}
