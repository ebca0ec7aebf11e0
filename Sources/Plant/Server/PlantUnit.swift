import GatewayCore
import Runtime
import Signal

/// A module at an address of a bus: what it is, how it misbehaves, and what it has been asked.
/// Any thread may take hold of it while a server answers from it.
public final class PlantUnit: Sendable {
    private let state: Locked<State>
    private let listeners = Locked<[ObjectIdentifier: @Sendable () -> Void]>([:])

    /// What happened since the unit was made.
    public struct Counters: Hashable, Sendable {
        /// Requests for this unit that were whole.
        public var requests = 0
        /// Answers sent, right or wrong.
        public var replies = 0
        /// Answers that a misbehaviour touched or swallowed.
        public var spoiled = 0
    }

    private struct State {
        var module: PlantModule
        var misbehaviours: [ScheduledMisbehaviour] = []
        var random: SeededGenerator
        var counters = Counters()
    }

    /// Most misbehaviours held at a time; the oldest go first.
    public static let misbehaviourLimit = 64

    /// A unit that answers as `module` does.
    public init(_ module: PlantModule, seed: UInt64 = 1) {
        state = Locked(State(module: module, random: .part(1, of: seed)))
    }

    /// Works on the module: its registers, wiring and instruments.
    public func withModule<Result>(_ body: (inout PlantModule) throws -> Result) rethrows -> Result
    {
        try state.withLock { try body(&$0.module) }
    }

    /// What happened so far.
    public var counters: Counters { state.withLock { $0.counters } }

    // MARK: Misbehaviour

    /// Misbehaves from now on, beside what it already does.
    ///
    /// - share: how many answers are hit, 0 to 1.
    /// - after: when it begins; `duration`: how long it lasts, nil until `behave()`.
    public func misbehave(
        _ kind: Misbehaviour,
        share: Double = 1,
        after delay: Nanoseconds = .zero,
        for duration: Nanoseconds? = nil
    ) {
        let start = MonotonicTime(nanoseconds: monotonicNow()) + delay
        let end = duration.map { start + $0 } ?? .distantFuture
        state.withLock { state in
            if state.misbehaviours.count >= PlantUnit.misbehaviourLimit {
                state.misbehaviours.removeFirst()
            }
            state.misbehaviours.append(
                ScheduledMisbehaviour(kind, share: share, start: start, end: end)
            )
        }
        tellListeners()
    }

    /// Behaves from now on: every misbehaviour ends, those to come included.
    public func behave() {
        state.withLock { $0.misbehaviours.removeAll() }
        tellListeners()
    }

    /// Has `body` called, from any thread, whenever a misbehaviour comes or goes on request.
    func onChange(for listener: AnyObject, _ body: @escaping @Sendable () -> Void) {
        listeners.withLock { $0[ObjectIdentifier(listener)] = body }
    }

    /// Calls `listener` no more.
    func forget(_ listener: AnyObject) {
        _ = listeners.withLock { $0.removeValue(forKey: ObjectIdentifier(listener)) }
    }

    private func tellListeners() {
        for listener in listeners.withLock({ Array($0.values) }) { listener() }
    }

    // MARK: Requests

    /// What goes onto the wire for a request's function and data, or nil for silence.
    func reply(
        to request: [UInt8],
        as unit: UInt8,
        framing: Framing,
        at now: MonotonicTime
    ) -> WireReply? {
        state.withLock { state in
            state.counters.requests += 1
            let answer = state.module.answer(request, at: now)
            var hits: [Misbehaviour] = []
            if !state.misbehaviours.isEmpty {
                state.misbehaviours.removeAll { $0.end <= now }
                for one in state.misbehaviours where one.isActive(at: now) {
                    if case .babble = one.kind { continue }
                    if one.share < 1, state.random.unit() > one.share { continue }
                    hits.append(one.kind)
                }
            }
            if !hits.isEmpty { state.counters.spoiled += 1 }
            let reply = WireReply.make(
                answer: answer,
                to: request,
                unit: unit,
                framing: framing,
                misbehaviours: hits,
                using: &state.random
            )
            if reply != nil { state.counters.replies += 1 }
            return reply
        }
    }

    /// The module's answer to a broadcast: done, never answered.
    func hear(_ request: [UInt8], at now: MonotonicTime) {
        state.withLock { state in
            state.counters.requests += 1
            _ = state.module.answer(request, at: now)
        }
    }

    /// Bytes to babble at `now`, and when to ask again; nil where nothing is to come.
    func babble(since last: MonotonicTime?, at now: MonotonicTime) -> (
        bytes: [UInt8], next: MonotonicTime
    )? {
        state.withLock { state in
            var next: MonotonicTime?
            for one in state.misbehaviours where one.end > now {
                guard case .babble(let every) = one.kind else { continue }
                guard one.start <= now else {
                    next = min(next ?? one.start, one.start)
                    continue
                }
                let pause = max(every, .milliseconds(1))
                let due = last.map { $0 + pause } ?? now
                guard due <= now else {
                    next = min(next ?? due, due)
                    continue
                }
                let bytes = (0..<Int.random(in: 1...16, using: &state.random)).map { _ in
                    UInt8.random(in: .min ... .max, using: &state.random)
                }
                return (bytes, now + pause)
            }
            return next.map { ([], $0) }
        }
    }
}
