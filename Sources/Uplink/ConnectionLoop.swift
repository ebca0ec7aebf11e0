import Foundation
import GatewayCore
import Runtime
import Signal

/// The life of a connection, on its own thread: try, serve, wait, try again.
final class ConnectionLoop {
    let plan: ConnectionPlan
    let settings: ConnectionSettings
    let outbox: Outbox
    let topics: Topics
    var codec: PayloadCodec
    var counters = ConnectionCounters()
    private let tally: Locked<ConnectionCounters>
    private var chance: Chance
    private var failover: Failover
    private var resolvers: [Int: Resolver] = [:]
    /// Grows where the first broker was found again and then failed after all.
    private var homeInterval: Nanoseconds

    init(_ plan: ConnectionPlan, outbox: Outbox, tally: Locked<ConnectionCounters>) {
        self.plan = plan
        self.outbox = outbox
        self.tally = tally
        settings = plan.settings
        codec = PayloadCodec(
            settings: plan.settings,
            gateway: plan.gateway,
            directory: plan.directory
        )
        topics = codec.topics
        chance = Chance(source: plan.random)
        failover = Failover(brokers: plan.settings.brokers)
        homeInterval = plan.policy.homeInterval
    }

    /// How a connection or an attempt ended.
    enum Ending {
        case failed(DownReason)
        /// It was up. `provedGood` where the broker had acknowledged something.
        case lost(DownReason, provedGood: Bool)
        /// Left on purpose, for the first broker of the list.
        case moved
        case stopped
    }

    /// Runs until the stop.
    func run() {
        blockBrokenPipe()
        while !outbox.isStopping {
            let ending = connectOnce()
            var wait = Nanoseconds.zero
            var reason = DownReason.stopped
            switch ending {
            case .stopped: continue
            case .failed(let why):
                reason = why
                if !failover.attemptFailed() { wait = nextWait() }
            case .lost(let why, let provedGood):
                reason = why
                failover.connectionLost(provedGood: provedGood)
                wait = nextWait()
            case .moved:
                reason = .linkLost("going back to the first broker of the list")
                failover.connectionLost(provedGood: true)
                homeInterval = min(homeInterval * 2, max(.seconds(3600), homeInterval))
            }
            refuse(outbox.take())
            emit(.down(reason, retryIn: wait))
            pause(wait)
        }
        refuse(outbox.end())
        emit(.down(.stopped, retryIn: .max))
        outbox.announceEnd()
    }

    // MARK: One connection

    private func connectOnce() -> Ending {
        counters.attempts += 1
        let broker = failover.current
        let deadline = now() + plan.policy.connectDeadline
        do {
            let addresses = try addresses(from: resolver(of: failover.index), until: deadline)
            let wire = try connect(to: addresses, until: deadline)
            if let settings = settings.tls {
                try wire.begin(TLSSession(settings, host: broker.host))
                while try !wire.shakeHands() { try wait(for: wire, until: deadline) }
            }
            return try Session(loop: self, broker: broker, wire: wire).run(until: deadline)
        } catch let failure as Failure {
            return .failed(failure.reason)
        } catch {
            return .stopped
        }
    }

    private func addresses(
        from resolver: Resolver,
        until deadline: MonotonicTime
    ) throws -> [SocketAddress] {
        while true {
            if let result = resolver.result {
                resolvers[failover.index] = nil
                return try result.get()
            }
            // A look-up that no server answers goes on; the next attempt meets it again.
            try attend(until: deadline)
            waitForNews(wakeup: outbox.wakeup, milliseconds: (deadline - now()).milliseconds + 1)
        }
    }

    private func resolver(of index: Int) -> Resolver {
        if let running = resolvers[index] { return running }
        let resolver = Resolver(failover.brokers[index], wakeup: outbox.wakeup)
        resolvers[index] = resolver
        return resolver
    }

    /// Tries one address after the other, each for its share of the time.
    private func connect(
        to addresses: [SocketAddress],
        until deadline: MonotonicTime
    ) throws -> Wire {
        var failure = Failure(.unreachable(errno: ETIMEDOUT))
        for (index, address) in addresses.enumerated() {
            let share = (deadline - now()).count / Int64(addresses.count - index + 1)
            do {
                let wire = try Wire(address)
                try wait(for: wire, events: Int16(POLLOUT), until: now() + Nanoseconds(share))
                try wire.finishConnecting()
                return wire
            } catch let caught as Failure {
                failure = caught
            }
        }
        throw failure
    }

    /// Waits until the socket is ready; throws at the deadline.
    private func wait(
        for wire: Wire,
        events: Int16? = nil,
        until deadline: MonotonicTime
    ) throws {
        while true {
            try attend(until: deadline)
            let found = waitForNews(
                socket: wire.socket,
                events: events ?? wire.handshakeEvents,
                wakeup: outbox.wakeup,
                milliseconds: (deadline - now()).milliseconds + 1
            )
            if found != 0 { return }
        }
    }

    /// What every wait for a connection does in between.
    func attend(until deadline: MonotonicTime) throws {
        if outbox.isStopping { throw Stopped() }
        refuse(outbox.take())
        guard now() < deadline else { throw Failure(.unreachable(errno: ETIMEDOUT)) }
    }

    // MARK: The way back to the first broker

    /// When to look whether the first broker is back; nil while we are there.
    func homeLook(after time: MonotonicTime) -> MonotonicTime? {
        if failover.index == 0 {
            homeInterval = plan.policy.homeInterval
            return nil
        }
        return time + homeInterval
    }

    /// Looks for the first broker in the background.
    func lookHome() -> HomeLook { HomeLook(failover.brokers[0], wakeup: outbox.wakeup) }

    // MARK: Waiting and answering

    /// Waits, and refuses what is handed over meanwhile.
    private func pause(_ length: Nanoseconds) {
        let end = now() + length
        while !outbox.isStopping, now() < end {
            waitForNews(wakeup: outbox.wakeup, milliseconds: (end - now()).milliseconds + 1)
            refuse(outbox.take())
        }
    }

    private func nextWait() -> Nanoseconds {
        plan.policy.delay(failures: failover.failedRounds, using: &chance)
    }

    /// Answers `unsent`.
    func refuse(_ messages: [OutgoingMessage]) {
        for message in messages { answer(message.id, .unsent) }
    }

    /// Answers one message and counts the answer.
    func answer(_ id: UInt64, _ outcome: PublishOutcome) {
        switch outcome {
        case .delivered(let hadSubscribers):
            counters.delivered += 1
            if !hadSubscribers { counters.withoutSubscribers += 1 }
        case .refused: counters.refused += 1
        case .tooLarge: counters.tooLarge += 1
        case .unsent: counters.unsent += 1
        }
        plan.events(.acknowledged(id: id, outcome))
    }

    /// Emits an event, with the counters brought up to date before.
    func emit(_ event: BrokerEvent) {
        showCounters()
        plan.events(event)
    }

    /// Makes the counters visible to other threads.
    func showCounters() { tally.withLock { $0 = counters } }
}

/// The chance that was handed in, as generic functions want it.
private struct Chance: RandomNumberGenerator {
    var source: any RandomNumberGenerator & Sendable
    mutating func next() -> UInt64 { source.next() }
}

/// An attempt or a connection came to an end, and why.
struct Failure: Error, Equatable {
    let reason: DownReason
    init(_ reason: DownReason) { self.reason = reason }
}

/// The connection is to stop.
struct Stopped: Error {}

func now() -> MonotonicTime { MonotonicTime(nanoseconds: monotonicNow()) }

/// Writing to a broker that has gone raises SIGPIPE on the writing thread; neither libmosquitto nor
/// OpenSSL prevents it. Blocked here, the write fails with EPIPE instead.
private func blockBrokenPipe() {
    var set = sigset_t()
    sigemptyset(&set)
    sigaddset(&set, SIGPIPE)
    pthread_sigmask(SIG_BLOCK, &set, nil)
}
