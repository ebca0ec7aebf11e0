import Hummingbird
import People

/// What a route knows of the request beside the request itself.
public struct PageContext: RequestContext {
    public var coreContext: CoreRequestContextStorage
    /// The peer's address as the socket has it, without its port; never what a header claims.
    public let remoteAddress: String
    /// Whoever is signed in; nil: nobody.
    public internal(set) var signedIn: SignedIn?

    public init(source: ApplicationRequestContextSource) {
        coreContext = CoreRequestContextStorage(source: source)
        remoteAddress = source.channel.remoteAddress?.ipAddress ?? "local"
    }

    /// The person signed in, once the password is their own.
    ///
    /// - Throws: 401 where nobody is; 403 where a given password must be changed first.
    @discardableResult
    public func requirePerson() throws(Problem) -> Person {
        let person = try requireSession().person
        guard !person.mustChangePassword else {
            throw Problem(
                .forbidden,
                "the password was given by somebody else: change it first (POST /api/auth/password)"
            )
        }
        return person
    }

    /// The admin signed in.
    ///
    /// - Throws: 401 where nobody is; 403 where the person is no admin.
    @discardableResult
    public func requireAdmin() throws(Problem) -> Person {
        let person = try requirePerson()
        guard person.role == .admin else { throw Problem(.forbidden, "only an admin may do this") }
        return person
    }

    /// The session, even before a given password was changed.
    ///
    /// - Throws: 401 where nobody is signed in.
    func requireSession() throws(Problem) -> SignedIn {
        guard let signedIn else { throw .notSignedIn }
        return signedIn
    }
}
