import HTTPTypes
import Hummingbird

/// Finds out who asks: by bearer token, or by the page's cookie.
///
/// A token that is not good is as good as none: the route decides whether somebody must be signed
/// in. A change that a foreign page asks the browser for is refused: whatever a browser sends with
/// a foreign `Origin`, and what comes with the cookie but without an `Origin`.
struct SignIn: RouterMiddleware {
    typealias Context = PageContext

    /// The page's cookie.
    static let cookie = "loopgate_session"

    let desk: any PageDesk
    /// `http` or `https`: the scheme of the page's own origin.
    let scheme: String

    func handle(
        _ request: Request,
        context: PageContext,
        next: (Request, PageContext) async throws -> Response
    ) async throws -> Response {
        var context = context
        let token = Self.token(of: request)
        if request.method != .get, request.method != .head {
            try checkOrigin(
                of: request,
                isByCookie: token != nil && Self.bearer(request) == nil
            )
        }
        if let token {
            context.signedIn = await desk.signedIn(bearing: token)
        }
        return try await next(request, context)
    }

    /// The token that a request bears, be it good or not.
    static func token(of request: Request) -> String? {
        bearer(request) ?? request.cookies[cookie]?.value
    }

    private func checkOrigin(of request: Request, isByCookie: Bool) throws(Problem) {
        guard let origin = request.headers[.origin] else {
            guard !isByCookie else {
                throw Problem(.forbidden, "a change with the page's cookie needs an Origin header")
            }
            return
        }
        let own = "\(scheme)://\(request.head.authority ?? "")"
        guard origin.lowercased() == own.lowercased() else {
            throw Problem(.forbidden, "another page may not ask for changes here")
        }
    }

    private static func bearer(_ request: Request) -> String? {
        guard let field = request.headers[.authorization] else { return nil }
        let words = field.split(separator: " ", maxSplits: 1)
        guard words.count == 2, words[0].lowercased() == "bearer" else { return nil }
        return String(words[1])
    }
}
