import GatewayCore
import Hummingbird
import People

/// What the daemon offers to the page: state, commands and people.
public protocol PageDesk: GatewayDesk {
    /// The people and their sessions; nil while the gateway starts or stops.
    var people: PeopleDesk? { get }
    /// Whoever the token belongs to; nil: it is forged, expired, or its session has ended.
    func signedIn(bearing token: String) async -> SignedIn?
}

extension PageDesk {
    public var people: PeopleDesk? { nil }

    public func signedIn(bearing token: String) async -> SignedIn? {
        await people?.signedIn(bearing: token)
    }
}

/// Routes that belong together: add them to `PageServer.groups`.
protocol PageRoutes: Sendable {
    /// Adds the routes below `/api`.
    func add(to api: RouterGroup<PageContext>)
}
