import Foundation
import GatewayCore
import Runtime
import Signal

/// Looks whether the first broker of a list takes TCP connections again, on a thread of its own,
/// while the connection to a later one goes on.
final class HomeLook: Sendable {
    private let outcome = Locked<Bool?>(nil)

    /// Starts looking; `wakeup` rings when there is an outcome.
    init(_ broker: BrokerAddress, wakeup: Wakeup) {
        let thread = WorkerThread(name: "home")
        thread.submit { [outcome] in
            let answers = takesConnections(broker)
            outcome.withLock { $0 = answers }
            wakeup.ring()
        }
        thread.stop()
    }

    /// Whether it is back; nil while still looking.
    var isBack: Bool? { outcome.withLock { $0 } }
}

private func takesConnections(_ broker: BrokerAddress) -> Bool {
    guard case .success(let addresses) = lookUp(broker) else { return false }
    for address in addresses {
        guard let wire = try? Wire(address) else { continue }
        var waiting = pollfd(fd: wire.socket, events: Int16(POLLOUT), revents: 0)
        guard poll(&waiting, 1, 5000) > 0 else { continue }
        if (try? wire.finishConnecting()) != nil { return true }
    }
    return false
}
