import Foundation
import GatewayCore
import Runtime

/// One address of a broker, ready for `connect`.
struct SocketAddress: Hashable, Sendable {
    var family: Int32
    /// A `sockaddr` of that family.
    var bytes: [UInt8]
}

/// Looks up a broker's name on a thread of its own, since `getaddrinfo` may block for a minute while
/// the connection's thread must go on answering.
final class Resolver: Sendable {
    private let outcome = Locked<Result<[SocketAddress], Failure>?>(nil)

    /// Starts looking; `wakeup` rings when there is an outcome.
    init(_ broker: BrokerAddress, wakeup: Wakeup) {
        let thread = WorkerThread(name: "resolve")
        thread.submit { [outcome] in
            let found = lookUp(broker)
            outcome.withLock { $0 = found }
            wakeup.ring()
        }
        thread.stop()
    }

    /// The addresses in the system's order of preference, at least one; nil while still looking.
    var result: Result<[SocketAddress], Failure>? { outcome.withLock { $0 } }
}

func lookUp(_ broker: BrokerAddress) -> Result<[SocketAddress], Failure> {
    var hints = addrinfo()
    hints.ai_socktype = CInt(SOCK_STREAM.rawValue)
    var list: UnsafeMutablePointer<addrinfo>?
    guard getaddrinfo(broker.host, String(broker.port), &hints, &list) == 0, let list else {
        return .failure(Failure(.nameNotFound(host: broker.host)))
    }
    defer { freeaddrinfo(list) }
    var addresses: [SocketAddress] = []
    var next: UnsafeMutablePointer<addrinfo>? = list
    while let entry = next?.pointee, addresses.count < UplinkLimits.addresses {
        let bytes = UnsafeRawBufferPointer(start: entry.ai_addr, count: Int(entry.ai_addrlen))
        addresses.append(SocketAddress(family: entry.ai_family, bytes: Array(bytes)))
        next = entry.ai_next
    }
    return .success(addresses)
}
