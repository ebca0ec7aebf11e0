import Foundation
import TestSupport

/// A gateway box in a folder of its own: configuration, state, the real daemon, and what to ask it.
final class Box {
    let folder: TemporaryFolder
    let pagePort: UInt16
    private(set) var daemon: ChildProcess?
    /// The `clock` section of its configuration.
    var clock = "{source: rtc}"
    /// What the daemon finds in its environment beside its folders.
    var environment: [String: String] = [:]

    /// The program under test, built beside the tests.
    static let program: String = {
        let folder = Bundle.main.bundleURL
        for base in [folder, folder.deletingLastPathComponent()] {
            let path = base.appendingPathComponent("loopgate").path
            if FileManager.default.isExecutableFile(atPath: path) { return path }
        }
        return projectFolder + "/.build/debug/loopgate"
    }()

    init() throws {
        folder = try TemporaryFolder()
        pagePort = try freePort()
    }

    deinit { daemon?.send(SIGKILL) }

    var journal: String { folder.file("journal.db") }
    var configuration: String { folder.file("loopgate.yaml") }

    /// Writes the configuration: `top` is what differs, the rest is the box's own.
    func configure(_ top: String, instruments: String) throws {
        let text = """
            gateway: gw-test
            profiles: [\(projectFolder)/firmware-profiles, \(folder.path)/profiles]
            clock: \(clock)
            journal: {path: \(journal), commitInterval: 1s}
            page: {port: \(pagePort)}
            \(top)
            """
        try folder.write(text, to: "loopgate.yaml")
        try folder.write("instruments:\n\(instruments)\n", to: "instruments.yaml")
    }

    private var folders: [String: String] {
        ["STATE_DIRECTORY": folder.path, "RUNTIME_DIRECTORY": folder.path]
    }

    /// Starts the daemon and waits for its page.
    func start() throws {
        let child = try ChildProcess(
            Self.program,
            ["run", "--config", configuration],
            environment: folders.merging(environment) { $1 }
        )
        daemon = child
        try child.line(containing: "page on http://")
    }

    /// Starts the daemon without waiting for anything.
    func launch() throws {
        daemon = try ChildProcess(
            Self.program,
            ["run", "--config", configuration],
            environment: folders.merging(environment) { $1 }
        )
    }

    func kill() throws {
        daemon?.send(SIGKILL)
        try daemon?.wait()
        daemon = nil
    }

    /// SIGTERM; the exit code.
    @discardableResult
    func stop() throws -> Int32 {
        daemon?.send(SIGTERM)
        defer { daemon = nil }
        return try daemon?.wait(within: 20) ?? -1
    }

    /// `/health`, decoded as loosely as a monitor would.
    func health() throws -> (status: Int, body: [String: Any]) {
        let reply = try HTTPReply.get(pagePort, "/health")
        let body = try JSONSerialization.jsonObject(with: reply.body) as? [String: Any]
        return (reply.status, body ?? [:])
    }

    /// The backlog of the first uplink, and whether it is up.
    func uplink() throws -> (isUp: Bool, backlog: Int, reason: String?) {
        let uplinks = try health().body["uplinks"] as? [[String: Any]]
        let first = uplinks?.first ?? [:]
        return (
            first["isUp"] as? Bool ?? false, first["backlog"] as? Int ?? -1,
            first["reason"] as? String
        )
    }
}

/// One answer of an HTTP server, fetched over a plain socket.
struct HTTPReply {
    var status: Int
    var headers: String
    var body: Data

    static func get(_ port: UInt16, _ path: String) throws -> HTTPReply {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let connected = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard connected == 0 else { throw TestFailure("nothing listens on \(port)") }
        var limit = timeval(tv_sec: 20, tv_usec: 0)
        setsockopt(
            descriptor,
            SOL_SOCKET,
            SO_RCVTIMEO,
            &limit,
            socklen_t(MemoryLayout<timeval>.size)
        )
        let request = "GET \(path) HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
        _ = request.withCString { send(descriptor, $0, strlen($0), Int32(MSG_NOSIGNAL)) }
        var data = Data()
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = recv(descriptor, &chunk, chunk.count, 0)
            if count <= 0 { break }
            data.append(contentsOf: chunk[0..<count])
        }
        guard let end = data.range(of: Data("\r\n\r\n".utf8)) else {
            throw TestFailure("no answer to \(path)")
        }
        let head = String(decoding: data[..<end.lowerBound], as: UTF8.self)
        let status = head.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
        var body = Data(data[end.upperBound...])
        if head.lowercased().contains("transfer-encoding: chunked") { body = unchunk(body) }
        return HTTPReply(status: status, headers: head, body: body)
    }

    private static func unchunk(_ data: Data) -> Data {
        var rest = data
        var out = Data()
        while let line = rest.range(of: Data("\r\n".utf8)) {
            let size =
                Int(String(decoding: rest[..<line.lowerBound], as: UTF8.self), radix: 16) ?? 0
            if size == 0 { break }
            out += rest[line.upperBound..<(line.upperBound + size)]
            rest = Data(rest[(line.upperBound + size + 2)...])
        }
        return out
    }
}

/// What a reading's message said.
struct Message: Hashable {
    var epoch: String
    var sequence: UInt64
    var payload: String
    var topic: String

    init?(topic: String, payload: String) {
        guard topic.contains("/reading"),
            let body = try? JSONSerialization.jsonObject(with: Data(payload.utf8))
                as? [String: Any],
            let epoch = body["epoch"] as? String, let sequence = body["seq"] as? UInt64
        else { return nil }
        self.epoch = epoch
        self.sequence = sequence
        self.payload = payload
        self.topic = topic
    }
}
