import GatewayCore
import Signal

/// Somebody who may sign in, as the journal keeps them.
public struct StoredPerson: Hashable, Sendable {
    public var employeeNumber: String
    public var fullName: String
    public var email: String?
    public var role: String
    public var isActive: Bool
    public var mustChangePassword: Bool
    public var createdAt: WallTime
    public var lastLogin: WallTime?
    /// The password's hash, never the password.
    public var passwordHash: String

    public init(
        employeeNumber: String,
        fullName: String,
        email: String?,
        role: String,
        isActive: Bool,
        mustChangePassword: Bool,
        createdAt: WallTime,
        lastLogin: WallTime?,
        passwordHash: String
    ) {
        self.employeeNumber = employeeNumber
        self.fullName = fullName
        self.email = email
        self.role = role
        self.isActive = isActive
        self.mustChangePassword = mustChangePassword
        self.createdAt = createdAt
        self.lastLogin = lastLogin
        self.passwordHash = passwordHash
    }
}

/// A session that has not ended, as the journal keeps it.
public struct StoredSession: Hashable, Sendable {
    public var id: String
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

extension JournalStore {
    /// Everybody, by employee number.
    public func people() throws(StoreFault) -> [StoredPerson] {
        try result { writer in
            try writer.archive.database.rows(
                """
                SELECT number, full_name, email, role, active, must_change, created_at, last_login,
                  password FROM person ORDER BY number
                """
            ) {
                StoredPerson(
                    employeeNumber: $0.text(0),
                    fullName: $0.text(1),
                    email: $0.optionalText(2),
                    role: $0.text(3),
                    isActive: $0.integer(4) != 0,
                    mustChangePassword: $0.integer(5) != 0,
                    createdAt: WallTime(nanosecondsSince1970: $0.integer(6)),
                    lastLogin: $0.isNull(7)
                        ? nil : WallTime(nanosecondsSince1970: $0.integer(7)),
                    passwordHash: $0.text(8)
                )
            }
        }.get()
    }

    /// Stores a person, new or changed, forgets the `ended` sessions, and stores a setting: in one
    /// transaction.
    public func save(
        _ person: StoredPerson,
        ending ended: [String] = [],
        setting: (name: String, value: String?)? = nil
    ) throws(StoreFault) {
        try result { writer in
            try writer.archive.database.transaction {
                try writer.archive.put(person)
                try writer.archive.end(ended)
                if let setting { try writer.archive.set(setting.name, to: setting.value) }
            }
        }.get()
    }

    /// The sessions that nobody has ended, some of them expired.
    public func sessions() throws(StoreFault) -> [StoredSession] {
        try result { writer in
            try writer.archive.database.rows(
                "SELECT id, person, started_at, expires_at FROM session ORDER BY started_at"
            ) {
                StoredSession(
                    id: $0.text(0),
                    person: $0.text(1),
                    startedAt: WallTime(nanosecondsSince1970: $0.integer(2)),
                    expiresAt: WallTime(nanosecondsSince1970: $0.integer(3))
                )
            }
        }.get()
    }

    /// Adds a session and forgets the `ended` ones.
    public func begin(_ session: StoredSession?, ending ended: [String]) throws(StoreFault) {
        try result { writer in
            let archive = writer.archive
            try archive.database.transaction {
                try archive.end(ended)
                guard let session else { return }
                try archive.database.run(
                    "INSERT INTO session(id, person, started_at, expires_at) VALUES(?,?,?,?)",
                    .text(session.id),
                    .text(session.person),
                    .integer(session.startedAt.nanosecondsSince1970),
                    .integer(session.expiresAt.nanosecondsSince1970)
                )
            }
        }.get()
    }
}

extension Archive {
    fileprivate func put(_ person: StoredPerson) throws {
        try database.run(
            """
            INSERT OR REPLACE INTO person(number, full_name, email, role, active, must_change,
              created_at, last_login, password) VALUES(?,?,?,?,?,?,?,?,?)
            """,
            .text(person.employeeNumber),
            .text(person.fullName),
            .optional(person.email),
            .text(person.role),
            .integer(person.isActive ? 1 : 0),
            .integer(person.mustChangePassword ? 1 : 0),
            .integer(person.createdAt.nanosecondsSince1970),
            .optional(person.lastLogin?.nanosecondsSince1970),
            .text(person.passwordHash)
        )
    }

    fileprivate func end(_ sessions: [String]) throws {
        for id in sessions {
            try database.run("DELETE FROM session WHERE id=?", .text(id))
        }
    }
}
