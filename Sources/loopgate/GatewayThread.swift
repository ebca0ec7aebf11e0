import Foundation
import GatewayCore
import Runtime
import Signal

/// Runs the gateway on a thread of its own: takes events, lets it decide, carries out what it wants.
///
/// Adapters answer by posting events; nobody else ever touches the gateway.
/// @unchecked: `gateway` and `performer` are touched only on the thread made by `start`.
final class GatewayThread: @unchecked Sendable {
    /// What reaches the thread.
    enum Message: Sendable {
        case event(Event)
        /// A question about the state, answered on the gateway's thread.
        case ask(@Sendable (inout Gateway, MonotonicTime) -> [Effect])
    }

    private let mailbox = Mailbox<Message>()
    private var gateway: Gateway
    private let perform: @Sendable (Effect) -> Void
    private let whenStopped = Locked<(@Sendable () -> Void)?>(nil)
    /// When the thread last came round: what a watchdog looks at.
    private let lastTurn = Locked<Int64>(monotonicNow())

    init(gateway: Gateway, perform: @escaping @Sendable (Effect) -> Void) {
        self.gateway = gateway
        self.perform = perform
    }

    /// Nanoseconds since the thread last came round.
    var stalledFor: Int64 { monotonicNow() - lastTurn.withLock { $0 } }

    /// Starts the thread; it ends when `stop` was called and the mailbox is empty.
    func start() {
        let thread = Thread { [self] in run() }
        thread.name = "gateway"
        thread.stackSize = 1 << 20
        thread.qualityOfService = .userInteractive
        thread.start()
    }

    func post(_ event: Event) { mailbox.post(.event(event)) }

    func stop() { mailbox.close() }

    /// `body` is called once, when everything is committed after `.stop`.
    func onStopped(_ body: @escaping @Sendable () -> Void) {
        whenStopped.withLock { $0 = body }
    }

    /// Everything is committed.
    func tellStopped() {
        let body = whenStopped.withLock { body in
            defer { body = nil }
            return body
        }
        body?()
    }

    /// Runs `body` on the gateway's thread and waits for its answer.
    func ask<Answer: Sendable>(
        _ body: @escaping @Sendable (inout Gateway, MonotonicTime) -> (Answer, [Effect])
    ) async -> Answer? {
        await withCheckedContinuation { continuation in
            let isTaken = mailbox.post(
                .ask { gateway, now in
                    let (answer, effects) = body(&gateway, now)
                    continuation.resume(returning: answer)
                    return effects
                }
            )
            if !isTaken { continuation.resume(returning: nil) }
        }
    }

    /// The state at this instant; nil once stopped.
    func snapshot() async -> GatewaySnapshot? {
        await ask { gateway, now in (gateway.snapshot(at: now), []) }
    }

    private func run() {
        carryOut(gateway.handle(.timer, at: now))
        while true {
            // A turn at least once a second, so that standing still can be told from idling.
            let deadline = min(
                gateway.nextDeadline(at: now).nanoseconds,
                monotonicNow() + 1_000_000_000
            )
            guard let messages = mailbox.take(until: deadline) else { return }
            for message in messages {
                switch message {
                case .event(let event): carryOut(gateway.handle(event, at: now))
                case .ask(let body): carryOut(body(&gateway, now))
                }
            }
            if messages.isEmpty { carryOut(gateway.handle(.timer, at: now)) }
            lastTurn.withLock { $0 = monotonicNow() }
        }
    }

    private func carryOut(_ effects: [Effect]) {
        for effect in effects { perform(effect) }
    }

    private var now: MonotonicTime { MonotonicTime(nanoseconds: monotonicNow()) }
}
