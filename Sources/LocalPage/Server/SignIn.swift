import HTTPTypes
import Hummingbird

/// Finds out who asks: by bearer token, or by the page's cookie.
///
/// A token that is not good is as good as none: the route decides whether somebody must be signed in.
struct SignIn: RouterMiddleware {
    typealias Context = PageContext

    /// The page's cookie.
    static let cookie = "loopgate_session"

    let desk: any PageDesk

    func handle(
        _ request: Request,
        context: PageContext,
        next: (Request, PageContext) async throws -> Response
    ) async throws -> Response {
        var context = context
        if let token = Self.token(of: request) {
            context.signedIn = await desk.signedIn(bearing: token)
        }
        return try await next(request, context)
    }

    /// The token that a request bears, be it good or not.
    static func token(of request: Request) -> String? {
        bearer(request) ?? request.cookies[cookie]?.value
    }

    private static func bearer(_ request: Request) -> String? {
        guard let field = request.headers[.authorization] else { return nil }
        let words = field.split(separator: " ", maxSplits: 1)
        guard words.count == 2, words[0].lowercased() == "bearer" else { return nil }
        return String(words[1])
    }
}
