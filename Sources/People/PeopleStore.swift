import GatewayCore
import Signal

/// A person and the hash of their password.
public struct Member: Hashable, Sendable {
    public var person: Person
    public var passwordHash: String

    public init(person: Person, passwordHash: String) {
        self.person = person
        self.passwordHash = passwordHash
    }
}

/// A session that outlives a restart.
public struct KeptSession: Hashable, Sendable {
    public var id: String
    /// The employee number.
    public var person: String
    public var startedAt: WallTime
    public var expiresAt: WallTime

    public init(id: String, person: String, startedAt: WallTime, expiresAt: WallTime) {
        self.id = id
        self.person = person
        self.startedAt = startedAt
        self.expiresAt = expiresAt
    }
}

/// Where people, sessions and the set-up code are kept.
public protocol PeopleStore: Sendable {
    func members() async throws -> [Member]
    func sessions() async throws -> [KeptSession]
    /// Stores a person, forgets the `ended` sessions and puts `entry` on record: all of it, or
    /// nothing where it throws.
    func save(
        _ member: Member,
        ending ended: [String],
        recording entry: AuditEntry?
    ) async throws
    /// Adds a session, if one is given, and forgets the `ended` ones.
    func begin(_ session: KeptSession?, ending ended: [String]) async throws
    /// The digest of the set-up code; nil: there is none.
    func setUpCode() async throws -> String?
    func keep(setUpCode digest: String?) async throws
}
