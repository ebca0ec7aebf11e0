import Foundation
import GatewayCore
import Hummingbird
import Logging
import People

/// What came of a command.
public struct ControlAnswer: Sendable, Codable {
    public var isDone: Bool
    /// `done`, or why not.
    public var text: String
    /// The job that carries it out, or carried it out; nil: it was done at once.
    public var job: UInt64?

    public init(isDone: Bool, text: String, job: UInt64? = nil) {
        self.isDone = isDone
        self.text = text
        self.job = job
    }

    /// What is said for a gateway that says nothing.
    public static let silence = ControlAnswer(
        isDone: false,
        text: "the gateway does not answer"
    )
}

/// Who carries out commands of the command line.
public protocol ControlDesk: PageSource {
    /// Carries out the command `name` with a JSON `payload`, as it would come over MQTT.
    ///
    /// - waiting: wait for the end of what takes longer (training, storing); else the answer names
    ///   the job, which the snapshot tells of.
    func execute(_ name: String, _ payload: String, waiting: Bool) async -> ControlAnswer
}

extension ControlDesk {
    /// Carries out the command `name` and waits until it is done.
    public func execute(_ name: String, _ payload: String) async -> ControlAnswer {
        await execute(name, payload, waiting: true)
    }
}

/// Serves the command line on a Unix socket: who may open the socket may give commands.
///
/// The socket is the service's own (mode 0600), so that takes its user or root.
public struct ControlServer: Sendable {
    /// The socket's name in the runtime folder.
    public static let socketName = "control.sock"
    private static let longestPayload = Limits.commandBytes

    private let path: String
    private let desk: any PageDesk & InstrumentsDesk
    private let logger: Logger

    /// A server on the socket `path`, which is made anew.
    public init(path: String, desk: any PageDesk & InstrumentsDesk, logger: Logger) {
        self.path = path
        self.desk = desk
        self.logger = logger
    }

    /// Serves until cancelled; throws where the socket cannot be made.
    public func run() async throws {
        unlink(path)
        var logger = logger
        logger.logLevel = .critical
        let router = Router()
        router.get("alerts") { [desk] _, _ -> Response in
            try Self.json(await desk.snapshot()?.alerts ?? [])
        }
        router.post("commands/{name}") { [desk] request, context -> Response in
            let body = try await request.body.collect(upTo: Self.longestPayload)
            let name = try context.parameters.require("name")
            return try Self.json(await desk.execute(name, String(buffer: body)))
        }
        router.get("people") { [desk] _, _ -> Response in
            try JSON.response(await desk.people?.people.map(UserBody.init) ?? [])
        }
        router.post("people/{name}") { [desk] request, context -> Response in
            let body = try await request.body.collect(upTo: Self.longestPayload)
            let name = try context.parameters.require("name")
            return try Self.json(await Self.answer(name, Data(buffer: body), desk.people))
        }
        router.get("instruments") { [desk] _, _ -> Response in
            try Self.json((await desk.registeredInstruments() ?? []).map(ListedInstrument.init))
        }
        router.post("instruments") { [desk] request, _ -> Response in
            let body = try await request.body.collect(upTo: Limits.instrumentsOrderBytes)
            let order = try JSONDecoder().decode(InstrumentsOrder.self, from: Data(buffer: body))
            return try Self.json(await desk.carryOut(order))
        }
        let application = Application(
            router: router,
            configuration: .init(address: .unixDomainSocket(path: path), serverName: "loopgate"),
            onServerRunning: { [path] _ in chmod(path, 0o600) },
            logger: logger
        )
        defer { unlink(path) }
        try await application.run()
    }

    /// What the command line asks about people.
    public struct PeopleOrder: Codable, Sendable {
        public var number: String?
        public var name: String?
        /// Who asks, for the audit log.
        public var by: String

        public init(number: String? = nil, name: String? = nil, by: String) {
            self.number = number
            self.name = name
            self.by = by
        }
    }

    private static func answer(
        _ name: String,
        _ body: Data,
        _ people: PeopleDesk?
    ) async -> ControlAnswer {
        guard let people else { return .silence }
        guard let order = try? JSONDecoder().decode(PeopleOrder.self, from: body) else {
            return ControlAnswer(isDone: false, text: "the order cannot be read")
        }
        let by = "console (\(order.by.prefix(64)))"
        do throws(PeopleFault) {
            switch (name, order.number) {
            case ("setup-code", _):
                return ControlAnswer(isDone: true, text: try await people.makeSetUpCode())
            case ("reset", let number?):
                return ControlAnswer(isDone: true, text: try await people.rescue(number, by: by))
            case ("add-admin", let number?):
                let password = try await people.addAdmin(number, order.name ?? number, by: by)
                return ControlAnswer(isDone: true, text: password)
            default: return ControlAnswer(isDone: false, text: "there is no such order")
            }
        } catch {
            return ControlAnswer(isDone: false, text: Problem(error).detail)
        }
    }

    private static func json(_ value: some Encodable) throws -> Response {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return Response(
            status: .ok,
            headers: [.contentType: "application/json; charset=utf-8"],
            body: ResponseBody(byteBuffer: ByteBuffer(data: try encoder.encode(value)))
        )
    }
}
