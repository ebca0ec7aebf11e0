import GatewayCore
import Journal
import People

/// Keeps people and sessions in the journal.
struct JournalPeople: PeopleStore {
    /// The setting that holds the set-up code's digest.
    private static let codeSetting = "people.set-up-code"

    let journal: JournalStore
    /// Has the gateway put on record what the journal holds for it.
    let record: @Sendable (PendingAudit) async -> Void

    func members() async throws -> [Member] {
        try await journal.people().map { stored in
            Member(
                person: Person(
                    employeeNumber: stored.employeeNumber,
                    fullName: stored.fullName,
                    email: stored.email,
                    // A role that nobody knows may do least.
                    role: Role(rawValue: stored.role) ?? .technician,
                    isActive: stored.isActive,
                    mustChangePassword: stored.mustChangePassword,
                    createdAt: stored.createdAt,
                    lastLogin: stored.lastLogin
                ),
                passwordHash: stored.passwordHash
            )
        }
    }

    func sessions() async throws -> [KeptSession] {
        try await journal.sessions().map {
            KeptSession(
                id: $0.id,
                person: $0.person,
                startedAt: $0.startedAt,
                expiresAt: $0.expiresAt
            )
        }
    }

    func save(
        _ member: Member,
        ending ended: [String],
        recording entry: AuditEntry?
    ) async throws {
        let person = member.person
        let pending = entry.map { PendingAudit([$0]) }
        try await journal.save(
            StoredPerson(
                employeeNumber: person.employeeNumber,
                fullName: person.fullName,
                email: person.email,
                role: person.role.rawValue,
                isActive: person.isActive,
                mustChangePassword: person.mustChangePassword,
                createdAt: person.createdAt,
                lastLogin: person.lastLogin,
                passwordHash: member.passwordHash
            ),
            ending: ended,
            setting: try pending?.setting
        )
        if let pending { await record(pending) }
    }

    func begin(_ session: KeptSession?, ending ended: [String]) async throws {
        try await journal.begin(
            session.map {
                StoredSession(
                    id: $0.id,
                    person: $0.person,
                    startedAt: $0.startedAt,
                    expiresAt: $0.expiresAt
                )
            },
            ending: ended
        )
    }

    func setUpCode() async throws -> String? { try await journal.setting(Self.codeSetting) }

    func keep(setUpCode digest: String?) async throws {
        try await journal.set(Self.codeSetting, to: digest)
    }
}
