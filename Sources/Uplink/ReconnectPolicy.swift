import GatewayCore
import Signal

/// When a lost connection is tried again: doubling from 1 s to 60 s, with chance in every step so
/// that a plant full of gateways does not knock in chorus.
public struct ReconnectPolicy: Hashable, Sendable {
    /// The shortest wait, above zero.
    public var first: Nanoseconds
    /// The longest wait.
    public var last: Nanoseconds
    /// How often a connection on a later broker of the list looks whether the first is back.
    public var homeInterval: Nanoseconds
    /// How long name look-up, TCP, TLS and the broker's CONNACK may take together.
    public var connectDeadline: Nanoseconds

    /// Waits from `first` to `last`.
    public init(
        first: Nanoseconds = .seconds(1),
        last: Nanoseconds = .seconds(60),
        homeInterval: Nanoseconds = .seconds(300),
        connectDeadline: Nanoseconds = .seconds(10)
    ) {
        self.first = first
        self.last = last
        self.homeInterval = homeInterval
        self.connectDeadline = connectDeadline
    }

    /// The wait after `failures` failed rounds, from 1: evenly drawn from the interval between
    /// half and whole of `first × 2^failures`, the whole never above `last`.
    public func delay(
        failures: Int,
        using random: inout some RandomNumberGenerator
    ) -> Nanoseconds {
        var whole = first * 2
        for _ in 1..<max(1, min(failures, 62)) where whole < last { whole = whole * 2 }
        whole = min(whole, last)
        let half = max(min(whole.count / 2, whole.count), 0)
        return Nanoseconds(Int64.random(in: half...max(whole.count, half), using: &random))
    }
}

/// Which broker of the list is next, and how often the list has failed.
///
/// A failure moves on to the next broker at once; only after the last one is there a wait. A
/// connection that was good and broke starts again at the first.
struct Failover {
    private(set) var index = 0
    private(set) var failedRounds = 0
    let brokers: [BrokerAddress]

    init(brokers: [BrokerAddress]) { self.brokers = brokers }

    var current: BrokerAddress { brokers[index] }

    /// An attempt failed; true where the next broker may be tried at once.
    mutating func attemptFailed() -> Bool {
        index += 1
        if index < brokers.count { return true }
        index = 0
        failedRounds += 1
        return false
    }

    /// A connection broke; `provedGood` where the broker had acknowledged something.
    mutating func connectionLost(provedGood: Bool) {
        index = 0
        failedRounds = provedGood ? 1 : failedRounds + 1
    }
}
