import GatewayCore
import Signal
import Testing

@testable import Uplink

/// A generator whose run a seed repeats (SplitMix64).
struct Seeded: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

struct Reconnecting {
    @Test("The wait doubles from 1 s to 60 s and always keeps its chance", arguments: 1...12)
    func waits(failures: Int) {
        var random = Seeded(state: UInt64(failures))
        let whole = min(2 * Double(1 << (failures - 1)), 60)
        var seen: Set<Nanoseconds> = []
        for _ in 0..<200 {
            let wait = ReconnectPolicy().delay(failures: failures, using: &random)
            #expect(wait.seconds >= whole / 2 && wait.seconds <= whole)
            #expect(wait >= .seconds(1) && wait <= .seconds(60))
            seen.insert(wait)
        }
        #expect(seen.count > 100)
    }

    @Test("No number of failures and no odd policy breaks the wait")
    func extremes() {
        var random = Seeded(state: 1)
        for failures in [Int.min, 0, 63, 64, 1000, .max] {
            let wait = ReconnectPolicy().delay(failures: failures, using: &random)
            #expect(wait >= .seconds(1) && wait <= .seconds(60))
        }
        let still = ReconnectPolicy(first: .zero, last: .zero)
        #expect(still.delay(failures: 3, using: &random) == .zero)
    }

    @Test("Two gateways that fail together do not come back together")
    func apart() {
        var one = Seeded(state: 1)
        var other = Seeded(state: 2)
        let policy = ReconnectPolicy()
        #expect(policy.delay(failures: 6, using: &one) != policy.delay(failures: 6, using: &other))
    }

    @Test("The list is tried in order without a wait, and once round with one")
    func failover() {
        let brokers = (1...3).map { BrokerAddress(host: "b\($0)", port: 1883) }
        var failover = Failover(brokers: brokers)
        #expect(failover.current == brokers[0])
        let more13 = failover.attemptFailed()
        #expect(more13)
        #expect(failover.current == brokers[1])
        let more14 = failover.attemptFailed()
        #expect(more14)
        #expect(failover.current == brokers[2])
        let more15 = failover.attemptFailed()
        #expect(!more15)
        #expect(failover.current == brokers[0])
        #expect(failover.failedRounds == 1)
        failover.connectionLost(provedGood: false)
        #expect(failover.failedRounds == 2)
        let more16 = failover.attemptFailed()
        #expect(more16)
        failover.connectionLost(provedGood: true)
        #expect(failover.current == brokers[0])
        #expect(failover.failedRounds == 1)
    }
}

struct Window {
    private func at(_ seconds: Double) -> MonotonicTime { .zero + .seconds(seconds) }

    @Test("Acknowledgements in any order are matched, strangers and repeats are not")
    func matching() {
        var window = InFlight(deadline: .seconds(30))
        for wire in UInt16(1)...5 {
            let answer1 = window.add(wire: wire, message: UInt64(wire) * 10, at: at(0))
            #expect(answer1)
        }
        let answer2 = window.acknowledge(wire: 3, at: at(5))?.message
        #expect(answer2 == 30)
        let answer3 = window.acknowledge(wire: 3, at: at(5))
        #expect(answer3 == nil)
        let answer4 = window.acknowledge(wire: 99, at: at(5))
        #expect(answer4 == nil)
        let answer5 = window.acknowledge(wire: 1, at: at(5))?.message
        #expect(answer5 == 10)
        #expect(window.count == 3)
        let answer6 = window.giveUp()
        #expect(answer6 == [20, 40, 50])
        #expect(window.isEmpty)
    }

    @Test(
        "Nothing acknowledged for the deadline, or one passed over four times as long, is overdue"
    )
    func deadline() {
        var window = InFlight(deadline: .seconds(30))
        #expect(window.overdueAt == nil)
        for wire in UInt16(1)...4 {
            let isNew = window.add(wire: wire, message: 1, at: at(Double(wire)))
            #expect(isNew)
        }
        #expect(window.overdueAt == at(31))
        _ = window.acknowledge(wire: 2, at: at(20))
        #expect(window.overdueAt == at(50))
        _ = window.acknowledge(wire: 3, at: at(110))
        #expect(window.overdueAt == at(121))
        _ = window.acknowledge(wire: 1, at: at(111))
        #expect(window.overdueAt == at(124))
        _ = window.acknowledge(wire: 4, at: at(112))
        #expect(window.overdueAt == nil)
        let isNew = window.add(wire: 5, message: 1, at: at(500))
        #expect(isNew)
        #expect(window.overdueAt == at(530))
    }

    @Test("A wire id that comes round again while its namesake is out is told")
    func wrap() {
        var window = InFlight(deadline: .seconds(30))
        let answer8 = window.add(wire: 1, message: 1, at: at(0))
        #expect(answer8)
        for number in 2...70_000 {
            let wire = UInt16(truncatingIfNeeded: (number - 1) % 65_535 + 1)
            let fits = window.add(wire: wire, message: UInt64(number), at: at(0))
            #expect(fits == (wire != 1))
            guard fits else { return }
            _ = window.acknowledge(wire: wire, at: at(5))
        }
        Issue.record("the id never came round")
    }

    @Test("A long run keeps its memory")
    func longRun() {
        var window = InFlight(deadline: .seconds(30))
        let answer9 = window.add(wire: 65_000, message: 0, at: at(0))
        #expect(answer9)
        for number in 0..<500_000 {
            let wire = UInt16(number % 60_000)
            let answer10 = window.add(wire: wire, message: 1, at: at(1))
            #expect(answer10)
            let answer11 = window.acknowledge(wire: wire, at: at(5))
            #expect(answer11 != nil)
        }
        let answer12 = window.giveUp()
        #expect(answer12 == [0])
    }
}
