import GatewayCore
import People
import Runtime
import Signal

/// People in memory, a clock that the test moves, and everything that was told.
public final class PeopleBox: PeopleStore {
    public struct State: Sendable {
        public var members: [String: Member] = [:]
        public var sessions: [String: KeptSession] = [:]
        public var code: String?
        public var fault: String?
        public var stamp = Stamp(
            monotonic: MonotonicTime(nanoseconds: 1_000_000_000),
            wall: WallTime(nanosecondsSince1970: 1_774_848_762_123_000_000),
            clock: .synced
        )
        public var audit: [AuditEntry] = []
        public var log: [String] = []
    }

    struct Broken: Error {}

    public let state = Locked(State())

    public init() {}

    private func change(_ body: (inout State) -> Void) throws {
        try state.withLock { state in
            if state.fault != nil { throw Broken() }
            body(&state)
        }
    }

    public func members() async throws -> [Member] { state.withLock { Array($0.members.values) } }
    public func sessions() async throws -> [KeptSession] {
        state.withLock { Array($0.sessions.values) }
    }
    public func save(
        _ member: Member,
        ending ended: [String],
        recording entry: AuditEntry?
    ) async throws {
        try change { state in
            state.members[member.person.employeeNumber] = member
            for id in ended { state.sessions[id] = nil }
            if let entry { state.audit.append(entry) }
        }
    }
    public func begin(_ session: KeptSession?, ending ended: [String]) async throws {
        try change { state in
            for id in ended { state.sessions[id] = nil }
            if let session { state.sessions[session.id] = session }
        }
    }
    public func setUpCode() async throws -> String? { state.withLock { $0.code } }
    public func keep(setUpCode digest: String?) async throws { try change { $0.code = digest } }

    /// Lets time pass on both clocks.
    public func pass(_ time: Nanoseconds) {
        state.withLock {
            $0.stamp.monotonic = $0.stamp.monotonic + time
            $0.stamp.wall = $0.stamp.wall + time
        }
    }

    /// What was audited, by action.
    public var actions: [String] { state.withLock { $0.audit.map(\.action) } }

    /// The set-up code that was told last.
    public var toldCode: String? {
        state.withLock { $0.log.last { $0.hasPrefix("set-up code: ") } }
            .map { String($0.dropFirst("set-up code: ".count).prefix(19)) }
    }

    /// A desk over what is kept here; cheap hashes, for what is tested is not bcrypt.
    public func desk(secret: UInt8 = 1, cost: Int = 4) async throws -> PeopleDesk {
        try await PeopleDesk(
            PeopleDesk.Surroundings(
                store: self,
                hasher: PasswordHasher(cost: cost),
                now: { [state] in state.withLock { $0.stamp } },
                audit: { [state] entry in state.withLock { $0.audit.append(entry) } },
                log: { [state] notice in state.withLock { $0.log.append(notice.text) } }
            ),
            secret: [UInt8](repeating: secret, count: 32)
        )
    }
}
