import GatewayCore

/// Which connections may be open: so many in all, so many from one address.
///
/// Event streams are counted by who serves them, and are no burden here. A connection without a
/// whole request makes way for a new one: idle ones, and those that dribble their headers.
struct ConnectionLedger {
    /// Whether a new connection may stay.
    enum Admission: Equatable {
        case admitted
        /// It may, and this one must go for it.
        case instead(of: UInt64)
        case refused
    }

    private struct Connection {
        var address: String
        var isBusy = false
        var isStream = false
    }

    private var connections: [UInt64: Connection] = [:]
    private var next: UInt64 = 0

    /// Connections that count now.
    var count: Int { connections.values.reduce(0) { $0 + ($1.isStream ? 0 : 1) } }

    /// Enters a new connection, unless it is refused. Numbers rise, so the smallest is the oldest.
    mutating func admit(from address: String) -> (id: UInt64, Admission) {
        next += 1
        let counted = connections.filter { !$0.value.isStream }
        let own = counted.filter { $0.value.address == address }
        var admission = Admission.admitted
        if own.count >= Limits.connectionsPerAddress {
            admission = Self.replacing(own)
        } else if counted.count >= Limits.connections {
            let crowd = Dictionary(grouping: counted, by: \.value.address).values.max {
                ($0.count, $0[0].value.address) < ($1.count, $1[0].value.address)
            }
            admission = Self.replacing(Dictionary(uniqueKeysWithValues: crowd ?? []))
            if admission == .refused { admission = Self.replacing(counted) }
        }
        if admission == .refused { return (next, .refused) }
        if case .instead(let old) = admission { connections[old] = nil }
        connections[next] = Connection(address: address)
        return (next, admission)
    }

    private static func replacing(_ some: [UInt64: Connection]) -> Admission {
        some.filter { !$0.value.isBusy }.keys.min().map { .instead(of: $0) } ?? .refused
    }

    /// A connection has a whole request's headers, or has answered everything.
    mutating func set(_ id: UInt64, busy: Bool) { connections[id]?.isBusy = busy }

    /// A connection answers with an event stream.
    mutating func becomesStream(_ id: UInt64) { connections[id]?.isStream = true }

    mutating func remove(_ id: UInt64) { connections[id] = nil }
}
