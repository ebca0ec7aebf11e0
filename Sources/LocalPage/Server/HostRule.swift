import Foundation
import HTTPTypes
import Hummingbird

/// Answers only to names that are the gateway's own.
///
/// A page that a browser got from `evil.example` may let that name point to this machine later (DNS
/// rebinding) and would then be of one origin with us. Address literals cannot be rebound; names
/// count when they are `localhost`, the machine's own, or in the configuration.
struct HostRule: RouterMiddleware {
    typealias Context = PageContext

    /// In lower case.
    private let names: Set<String>
    /// Paths that are open to whatever name a monitor uses: they change and hide nothing.
    private static let open: Set = ["/health", "/metrics"]

    init(names: [String]) {
        self.names = Set(names.map { $0.lowercased() } + ["localhost"])
    }

    func handle(
        _ request: Request,
        context: PageContext,
        next: (Request, PageContext) async throws -> Response
    ) async throws -> Response {
        guard Self.open.contains(request.uri.path) || answers(to: request.head.authority) else {
            throw Problem(
                .misdirectedRequest,
                "this is not a name of the gateway: use its address, or add the name to 'page.names'"
            )
        }
        return try await next(request, context)
    }

    /// Whether a request for `authority` (the `Host` header) is for us.
    func answers(to authority: String?) -> Bool {
        guard let authority, !authority.isEmpty else { return false }
        var host = Substring(authority)
        if host.hasPrefix("[") {
            guard let end = host.firstIndex(of: "]") else { return false }
            let rest = host[host.index(after: end)...]
            guard rest.isEmpty || Self.isPort(rest) else { return false }
            return Self.isAddress(host[host.index(after: host.startIndex)..<end], AF_INET6)
        }
        if let colon = host.firstIndex(of: ":") {
            guard Self.isPort(host[colon...]) else { return false }
            host = host[..<colon]
        }
        if host.hasSuffix(".") { host = host.dropLast() }
        return Self.isAddress(host, AF_INET) || names.contains(host.lowercased())
    }

    private static func isPort(_ text: Substring) -> Bool {
        text.hasPrefix(":") && UInt16(text.dropFirst()) != nil
    }

    private static func isAddress(_ text: Substring, _ family: Int32) -> Bool {
        var bytes = [UInt8](repeating: 0, count: 16)
        return inet_pton(family, String(text), &bytes) == 1
    }
}
