import Signal

/// Why something about people was not done, named by what the caller does next.
public enum PeopleFault: Error, Hashable, Sendable {
    /// Wrong number or password (which of them is not told), or a wrong set-up code.
    case wrong
    /// The right password of somebody who may not sign in any more.
    case deactivated
    /// Not now: after so long.
    case wait(Nanoseconds)
    /// A field that cannot be taken, and why.
    case field(String, String)
    case unknown(String)
    /// It cannot be done as things are.
    case conflict(String)
    /// The journal could not keep it.
    case unkept(String)
}

/// Somebody to be.
public struct NewPerson: Hashable, Sendable {
    public var employeeNumber: String
    public var fullName: String
    public var email: String?
    public var role: Role
    public var password: String

    public init(
        employeeNumber: String,
        fullName: String,
        email: String? = nil,
        role: Role,
        password: String
    ) {
        self.employeeNumber = employeeNumber
        self.fullName = fullName
        self.email = email
        self.role = role
        self.password = password
    }
}

/// What is to change of a person; nil: stays.
public struct PersonChange: Hashable, Sendable {
    public var fullName: String?
    /// `.some(nil)`: there shall be none.
    public var email: String??
    public var role: Role?
    public var isActive: Bool?

    public init(
        fullName: String? = nil,
        email: String?? = nil,
        role: Role? = nil,
        isActive: Bool? = nil
    ) {
        self.fullName = fullName
        self.email = email
        self.role = role
        self.isActive = isActive
    }
}

/// A session that has begun.
public struct BegunSession: Hashable, Sendable {
    public var token: String
    public var lasts: Nanoseconds
    public var person: Person
}
