import Foundation
import GatewayCore
import LocalPage

/// Speaks to the running daemon over its control socket.
struct ControlClient {
    let path: String

    /// The socket in `folder`, or where the service keeps it.
    init(folder: String?) {
        let base =
            folder ?? ProcessInfo.processInfo.environment["RUNTIME_DIRECTORY"] ?? "/run/loopgate"
        path = base + "/" + ControlServer.socketName
    }

    /// The open alerts, worst first.
    func alerts() throws -> [GatewaySnapshot.Alert] {
        try JSONDecoder().decode([GatewaySnapshot.Alert].self, from: try ask("GET", "/alerts", ""))
    }

    /// The instrument register, retired ones included.
    func instruments() throws -> [ListedInstrument] {
        try JSONDecoder().decode([ListedInstrument].self, from: try ask("GET", "/instruments", ""))
    }

    /// Gives the register an order.
    func order(_ order: InstrumentsOrder) throws -> InstrumentsAnswer {
        let body = String(decoding: try JSONEncoder().encode(order), as: UTF8.self)
        return try JSONDecoder().decode(
            InstrumentsAnswer.self,
            from: try ask("POST", "/instruments", body)
        )
    }

    /// Nobody listens on the socket.
    struct NoDaemon: Error, CustomStringConvertible {
        let path: String
        var description: String { "no daemon runs: nobody listens on \(path)" }
    }

    /// Whether a daemon runs; throws where that cannot be told.
    var isAnswered: Bool {
        get throws {
            do { _ = try ask("GET", "/alerts", "") } catch is NoDaemon { return false }
            return true
        }
    }

    /// Gives a command and throws where it is refused.
    func command(_ name: String, _ body: [String: Any], by: String?, note: String?) throws {
        var body = body
        body["id"] = UUID().uuidString
        // The socket has no delay in which a command could grow old.
        body["expires"] = "2999-01-01T00:00:00Z"
        body["by"] = Self.who(by)
        if let note { body["note"] = note }
        let data = try JSONSerialization.data(withJSONObject: body)
        let reply = try ask("POST", "/commands/\(name)", String(decoding: data, as: UTF8.self))
        let answer = try JSONDecoder().decode(ControlAnswer.self, from: reply)
        guard answer.isDone else { throw CommandError("refused: \(answer.text)") }
        print(answer.text)
    }

    /// Everybody who may sign in.
    func people() throws -> [ListedPerson] {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode([ListedPerson].self, from: try ask("GET", "/people", ""))
    }

    /// Gives an order about people and gives what came of it; throws where it is refused.
    func people(_ name: String, _ order: ControlServer.PeopleOrder) throws -> String {
        let data = try JSONEncoder().encode(order)
        let reply = try ask("POST", "/people/\(name)", String(decoding: data, as: UTF8.self))
        let answer = try JSONDecoder().decode(ControlAnswer.self, from: reply)
        guard answer.isDone else { throw CommandError("refused: \(answer.text)") }
        return answer.text
    }

    /// On whose behalf: as told, or whoever calls.
    static func who(_ told: String?) -> String {
        let environment = ProcessInfo.processInfo.environment
        return told ?? environment["SUDO_USER"] ?? environment["USER"] ?? "uid \(getuid())"
    }

    /// One request, and the body of its answer.
    private func ask(_ method: String, _ target: String, _ body: String) throws -> Data {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { throw fault() }
        defer { close(descriptor) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let room = MemoryLayout.size(ofValue: address.sun_path)
        guard path.utf8.count < room else { throw CommandError("\(path) is too long a path") }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let connected = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard connected == 0 else { throw fault() }
        var limit = timeval(tv_sec: 300, tv_usec: 0)
        setsockopt(
            descriptor,
            SOL_SOCKET,
            SO_RCVTIMEO,
            &limit,
            socklen_t(MemoryLayout<timeval>.size)
        )
        let request = Data(
            ("\(method) \(target) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)").utf8
        )
        let sent = request.withUnsafeBytes {
            send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
        }
        guard sent == request.count else { throw fault() }
        var reply = Data()
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = recv(descriptor, &chunk, chunk.count, 0)
            if count <= 0 { break }
            reply.append(contentsOf: chunk[0..<count])
        }
        guard let end = reply.range(of: Data("\r\n\r\n".utf8)) else {
            throw CommandError("the daemon gave no answer on \(path)")
        }
        return reply[end.upperBound...]
    }

    private func fault() -> any Error {
        switch errno {
        case ENOENT, ECONNREFUSED: NoDaemon(path: path)
        case EACCES, EPERM: CommandError("\(path) is not yours: use sudo")
        default: CommandError("\(path): \(String(cString: strerror(errno)))")
        }
    }
}
