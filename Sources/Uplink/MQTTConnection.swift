import Foundation
import GatewayCore
import Runtime
import Signal

/// One MQTT connection: libmosquitto on a thread of its own, with our own reconnect, window and
/// acknowledgement deadline.
///
/// Promises, whatever the broker does: every message handed over is answered exactly once; what a
/// connection leaves unacknowledged is answered `unsent` before its `down`; nothing is sent twice
/// by itself; never more than the window is out.
///
/// The connection's thread blocks SIGPIPE for itself; the process need not ignore it.
public final class MQTTConnection: Broker {
    private let outbox = Outbox()
    private let worker: WorkerThread
    private let plan: ConnectionPlan
    private let tally = Locked(ConnectionCounters())

    /// A connection that does nothing before `start()`.
    ///
    /// - Parameters:
    ///   - settings: checked; at least one broker.
    ///   - gateway: the gateway's name.
    ///   - directory: tags and units; may be shared and changed at any time.
    ///   - policy: the waits between attempts.
    ///   - random: the chance in those waits.
    ///   - birth: asked for at every connect, on the connection's thread.
    ///   - events: called on the connection's thread, in order; must return soon.
    public init(
        settings: ConnectionSettings,
        gateway: String,
        directory: InstrumentDirectory,
        policy: ReconnectPolicy = ReconnectPolicy(),
        random: any RandomNumberGenerator & Sendable = SystemRandomNumberGenerator(),
        birth: @escaping @Sendable () -> BirthInfo,
        events: @escaping @Sendable (BrokerEvent) -> Void
    ) {
        precondition(!settings.brokers.isEmpty, "a connection needs a broker")
        plan = ConnectionPlan(
            settings: settings,
            gateway: gateway,
            directory: directory,
            policy: policy,
            random: random,
            birth: birth,
            events: events
        )
        worker = WorkerThread(name: "mqtt \(settings.name)")
    }

    deinit {
        stop()
        worker.stop()
    }

    /// Connects, and goes on connecting until `stop()`. Call once.
    public func start() {
        worker.submit { [plan, outbox, tally] in
            ConnectionLoop(plan, outbox: outbox, tally: tally).run()
        }
        worker.stop()  // No further work: the thread ends with the loop.
    }

    /// Hands messages over; never blocks. They are sent in this order; while down, and once
    /// `UplinkLimits.queuedMessages` wait, they are answered `unsent`: in the latter case and after
    /// the stop at once, on the caller's thread.
    public func publish(_ messages: [OutgoingMessage]) {
        guard !outbox.add(messages) else { return }
        for message in messages { plan.events(.acknowledged(id: message.id, .unsent)) }
    }

    /// Says good-bye and stops; returns at once. The last event is `down(.stopped)`, at most 5 s
    /// later unless the system blocks the thread inside a connect.
    public func stop() { outbox.stop() }

    /// Waits for the end after `stop()`; false where it did not come in time.
    public func waitUntilStopped(within length: Nanoseconds) -> Bool {
        outbox.waitUntilEnded(deadline: monotonicNow() + length.count)
    }

    /// What has happened so far.
    public var counters: ConnectionCounters { tally.withLock { $0 } }
}

/// A connection in numbers, all counted since the start.
public struct ConnectionCounters: Hashable, Sendable, Codable {
    /// Attempts to connect.
    public var attempts: UInt64 = 0
    /// Attempts that ended in a connection.
    public var connections: UInt64 = 0
    /// Messages of the gateway put on the wire.
    public var sent: UInt64 = 0
    /// PUBACK below 0x80.
    public var delivered: UInt64 = 0
    /// Delivered, but MQTT 5 said that nobody had subscribed.
    public var withoutSubscribers: UInt64 = 0
    /// PUBACK of 0x80 and above, or unfit to be sent.
    public var refused: UInt64 = 0
    /// Larger than the broker or we allow.
    public var tooLarge: UInt64 = 0
    /// Answered `unsent`.
    public var unsent: UInt64 = 0
    /// Acknowledgements that belonged to nothing.
    public var strayAcknowledgements: UInt64 = 0
    /// Commands taken.
    public var commands: UInt64 = 0
    /// Commands dropped: too large, not text, or on a topic that names none.
    public var commandsDropped: UInt64 = 0
    /// The reason with which the broker refused the commands subscription; nil: it did not.
    public var commandsRefused: UInt8?
}

/// What a connection is made of.
struct ConnectionPlan: Sendable {
    var settings: ConnectionSettings
    var gateway: String
    var directory: InstrumentDirectory
    var policy: ReconnectPolicy
    var random: any RandomNumberGenerator & Sendable
    var birth: @Sendable () -> BirthInfo
    var events: @Sendable (BrokerEvent) -> Void
}

/// What other threads leave for the connection's: messages, and the wish to stop.
final class Outbox: Sendable {
    private struct State {
        var messages: [OutgoingMessage] = []
        var isStopping = false
        var hasEnded = false
    }
    private let state = Locked(State())
    private let ended = Mailbox<Void>()
    let wakeup = Wakeup()

    /// Adds messages; false where they were not taken.
    func add(_ messages: [OutgoingMessage]) -> Bool {
        let taken = state.withLock { state in
            guard !state.hasEnded,
                state.messages.count + messages.count <= UplinkLimits.queuedMessages
            else { return false }
            state.messages.append(contentsOf: messages)
            return true
        }
        if taken { wakeup.ring() }
        return taken
    }

    /// Everything added so far, in order.
    func take() -> [OutgoingMessage] {
        state.withLock { state in
            var taken: [OutgoingMessage] = []
            swap(&taken, &state.messages)
            return taken
        }
    }

    func stop() {
        state.withLock { $0.isStopping = true }
        wakeup.ring()
    }

    var isStopping: Bool { state.withLock { $0.isStopping } }

    /// Takes no more; what was added last.
    func end() -> [OutgoingMessage] {
        let rest = state.withLock { state in
            state.hasEnded = true
            var taken: [OutgoingMessage] = []
            swap(&taken, &state.messages)
            return taken
        }
        return rest
    }

    func announceEnd() { ended.close() }

    func waitUntilEnded(deadline: Int64) -> Bool { ended.take(until: deadline) == nil }
}
