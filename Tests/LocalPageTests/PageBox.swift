import Foundation
import GatewayCore
import Logging
import People
import Runtime
import TestSupport
import Vault

@testable import LocalPage

/// A page that is served for real, with people in memory.
final class PageBox: Sendable {
    /// A gateway that answers with what the test says, or not at all.
    struct Desk: PageDesk {
        let answer: GatewaySnapshot?
        var people: PeopleDesk?
        let version = "1.2.3"
        let settings = GatewaySettings(gateway: "gw")
        let logLevel = "info"
        func setLogLevel(_ level: String) {}
        func audit(_ entry: AuditEntry) async {}
        func carryOut(_ command: GatewayCommand, waiting: Bool) async -> ControlAnswer { .silence }
        func snapshot() async -> GatewaySnapshot? { answer }
        func execute(_ name: String, _ payload: String, waiting: Bool) async -> ControlAnswer {
            .silence
        }
    }

    static let password = "lantern on the quay"

    let people = PeopleBox()
    let port: Int
    private let serving: Task<Void, any Error>

    /// Serves until the box is gone.
    ///
    /// - admin: whether there is the admin `A1` with `password` already.
    init(
        _ settings: PageSettings = PageSettings(port: 0),
        tls: TLSIdentity? = nil,
        answer: GatewaySnapshot? = nil,
        admin: Bool = true
    ) async throws {
        let desk = try await people.desk()
        if admin {
            _ = try await desk.create(
                NewPerson(
                    employeeNumber: "A1",
                    fullName: "Anna",
                    role: .admin,
                    password: Self.password
                ),
                by: "test",
                mustChange: false
            ) { true }
        } else {
            try await desk.beginSetUp()
        }
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let (ports, listening) = AsyncStream.makeStream(of: Int.self)
        let server = PageServer(
            settings: settings,
            tls: tls,
            desk: Desk(answer: answer, people: desk),
            logger: logger,
            onListening: { listening.yield($0) }
        )
        serving = Task {
            defer { listening.finish() }
            try await server.run()
        }
        guard let port = await ports.first(where: { _ in true }) else {
            throw TestFailure("the page never listened")
        }
        self.port = port
    }

    deinit { serving.cancel() }

    /// A request as text.
    static func request(
        _ method: String,
        _ path: String,
        _ headers: [String] = [],
        host: String = "127.0.0.1",
        body: String? = nil
    ) -> String {
        var lines = ["\(method) \(path) HTTP/1.1", "Host: \(host)"] + headers
        if let body { lines.append("Content-Length: \(body.utf8.count)") }
        return lines.joined(separator: "\r\n") + "\r\n\r\n" + (body ?? "")
    }

    /// One request on a connection of its own, and its answer.
    func ask(
        _ method: String,
        _ path: String,
        _ headers: [String] = [],
        host: String = "127.0.0.1",
        body: String? = nil,
        from: String = "127.0.0.1"
    ) async throws -> Answer {
        let text = Self.request(method, path, headers, host: host, body: body)
        return try await onThread { [port] in
            Answer(try RawConnection(port: port, from: from).ask(text))
        }
    }

    /// Signs in and gives the token.
    func signIn(
        _ number: String = "A1",
        _ password: String = PageBox.password,
        from: String = "127.0.0.1"
    ) async throws -> Answer {
        try await ask(
            "POST",
            "/api/auth/login",
            ["Content-Type: application/x-www-form-urlencoded"],
            body: "username=\(number)&password=\(password.replacing(" ", with: "+"))",
            from: from
        )
    }
}

/// An answer as it came.
struct Answer: Sendable {
    let text: String

    init(_ text: String) { self.text = text }

    var status: Int { Int(text.split(separator: " ").dropFirst().first ?? "") ?? 0 }

    /// The values of a header.
    func header(_ name: String) -> String? {
        let head = text.components(separatedBy: "\r\n\r\n")[0]
        let line = head.components(separatedBy: "\r\n").first {
            $0.lowercased().hasPrefix(name.lowercased() + ":")
        }
        return line.map { String($0.dropFirst(name.count + 1).drop { $0 == " " }) }
    }

    var body: String {
        text.range(of: "\r\n\r\n").map { String(text[$0.upperBound...]) } ?? ""
    }

    /// The body as a JSON object.
    var json: [String: Any] {
        (try? JSONSerialization.jsonObject(with: Data(body.utf8))) as? [String: Any] ?? [:]
    }

    var token: String { json["access_token"] as? String ?? "" }

    /// The session cookie's value.
    var cookie: String {
        let field = header("Set-Cookie") ?? ""
        return String(field.prefix { $0 != ";" })
    }

    /// The fields that a problem names.
    var fields: [String] {
        (json["errors"] as? [[String: String]] ?? []).compactMap { $0["field"] }
    }
}
