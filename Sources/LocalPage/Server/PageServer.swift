import Foundation
import GatewayCore
import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging
import Vault

/// What the page reads: snapshots, never the gateway's own state.
public protocol PageSource: Sendable {
    /// The state at this instant; nil where the gateway did not answer in time.
    func snapshot() async -> GatewaySnapshot?
    /// The program's version.
    var version: String { get }
}

/// The local page: its files, `/health`, `/metrics` and the API.
public struct PageServer: Sendable {
    private let settings: PageSettings
    private let desk: any PageDesk
    private let logger: Logger
    private let onListening: @Sendable (Int) async -> Void
    private let tls: TLSIdentity?

    /// A page that will listen where `settings` say.
    ///
    /// - tls: what the page proves itself with; nil: plain HTTP.
    /// - onListening: called once with the port, which differs from the settings' where that is 0.
    public init(
        settings: PageSettings,
        tls: TLSIdentity? = nil,
        desk: any PageDesk,
        logger: Logger,
        onListening: @escaping @Sendable (Int) async -> Void = { _ in }
    ) {
        self.tls = tls
        self.settings = settings
        self.desk = desk
        self.logger = logger
        self.onListening = onListening
    }

    /// Serves until cancelled; throws where the address cannot be bound.
    public func run() async throws {
        // The server's own chatter about connections that end is not for the operator.
        var logger = logger
        logger.logLevel = .critical
        let register = ConnectionRegister()
        let tls = tls
        let application = Application(
            router: router(),
            server: HTTPServerBuilder { responder in
                GuardedChannel(responder: responder, tls: tls, register: register)
            },
            configuration: .init(
                address: .hostname(settings.host, port: Int(settings.port)),
                serverName: "loopgate"
            ),
            onServerRunning: { channel in
                await onListening(channel.localAddress?.port ?? Int(settings.port))
            },
            logger: logger
        )
        try await application.run()
    }

    /// What is served below `/api`, group by group.
    private var groups: [any PageRoutes] {
        [PeopleRoutes(desk: desk, isSecure: tls != nil), OpenAPIRoutes(version: desk.version)]
            + APIParts(desk: desk).routes
    }

    func router() -> Router<PageContext> {
        let router = Router(context: PageContext.self)
        router.add(middleware: SecurityHeaders())
        router.add(middleware: ProblemAnswers())
        router.add(middleware: KnownMethods())
        router.add(middleware: HostRule(names: settings.names + Self.ownNames))
        router.add(middleware: SignIn(desk: desk, scheme: tls == nil ? "http" : "https"))
        let chart = PageAssets.chart(at: settings.chart)
        if chart == nil {
            logger.warning("no trends: \(settings.chart) is not there; install libjs-chart.js")
        }
        for asset in PageAssets.own + [chart].compactMap(\.self) {
            router.get(RouterPath(asset.path)) { request, _ in asset.response(to: request) }
        }
        let api = router.group("api")
        for group in groups { group.add(to: api) }
        if settings.opensHealth { addHealth(to: router) }
        return router
    }

    /// The machine's own names.
    private static var ownNames: [String] {
        let name = ProcessInfo.processInfo.hostName
        let short = String(name.prefix { $0 != "." })
        return [name, short, short + ".local"]
    }

    private func addHealth(to router: Router<PageContext>) {
        router.get("health") { [desk] _, _ -> Response in
            guard let snapshot = await desk.snapshot() else { return Self.stalled() }
            let report = HealthReport(snapshot, version: desk.version)
            return try Self.json(
                report,
                status: report.status == .failing ? .serviceUnavailable : .ok
            )
        }
        router.get("metrics") { [desk] _, _ -> Response in
            guard let snapshot = await desk.snapshot() else { return Self.stalled() }
            return Response(
                status: .ok,
                headers: [.contentType: "text/plain; version=0.0.4; charset=utf-8"],
                body: ResponseBody(
                    byteBuffer: ByteBuffer(
                        string: MetricsText.render(snapshot, version: desk.version)
                    )
                )
            )
        }
    }

    private static func json(
        _ value: some Encodable,
        status: HTTPResponse.Status = .ok
    ) throws -> Response {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return Response(
            status: status,
            headers: [.contentType: "application/json; charset=utf-8", .cacheControl: "no-store"],
            body: ResponseBody(byteBuffer: ByteBuffer(data: try encoder.encode(value)))
        )
    }

    /// The gateway's thread did not answer: that is what a monitor must hear.
    private static func stalled() -> Response {
        let body = #"{"status":"failing","reasons":["the gateway's thread does not answer"]}"#
        return Response(
            status: .serviceUnavailable,
            headers: [.contentType: "application/json; charset=utf-8"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: body))
        )
    }
}
