import Signal

/// What a person may do.
public enum Role: String, Hashable, Sendable, Codable, CaseIterable {
    /// Everything: settings, register, models, people.
    case admin
    /// What a shift needs: read, acknowledge, shelve, silence, record.
    case technician
}

/// Somebody who may sign in. Never deleted: whoever leaves is made inactive.
public struct Person: Hashable, Sendable {
    /// The number on the badge: 1 to `PeopleLimits.numberBytes` letters, digits, `.`, `-` or `_`.
    public var employeeNumber: String
    public var fullName: String
    public var email: String?
    public var role: Role
    /// Only the active may sign in.
    public var isActive: Bool
    /// The password was given by somebody else: nothing else may be done before a new one is set.
    public var mustChangePassword: Bool
    public var createdAt: WallTime
    public var lastLogin: WallTime?

    public init(
        employeeNumber: String,
        fullName: String,
        email: String? = nil,
        role: Role,
        isActive: Bool = true,
        mustChangePassword: Bool = false,
        createdAt: WallTime,
        lastLogin: WallTime? = nil
    ) {
        self.employeeNumber = employeeNumber
        self.fullName = fullName
        self.email = email
        self.role = role
        self.isActive = isActive
        self.mustChangePassword = mustChangePassword
        self.createdAt = createdAt
        self.lastLogin = lastLogin
    }
}

/// A person whose token was checked, and the session it belongs to.
public struct SignedIn: Hashable, Sendable {
    public var person: Person
    /// Names the session: what ends when the person signs out.
    public var session: String

    public init(person: Person, session: String) {
        self.person = person
        self.session = session
    }
}
