import Foundation
import Runtime

/// A folder that is gone when the test is.
public final class TemporaryFolder: Sendable {
    public let path: String

    /// Makes a new empty folder.
    public init() throws {
        var template = Array((NSTemporaryDirectory() + "/loopgate-XXXXXX").utf8CString)
        guard mkdtemp(&template) != nil else { throw TestFailure("mkdtemp: errno \(errno)") }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// The path of `name` inside.
    public func file(_ name: String) -> String { "\(path)/\(name)" }

    /// Writes `text` to `name` and returns its path.
    @discardableResult
    public func write(_ text: String, to name: String) throws -> String {
        let path = file(name)
        try FileManager.default.createDirectory(
            atPath: (path as NSString).deletingLastPathComponent,
            withIntermediateDirectories: true
        )
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        return path
    }
}

/// A TCP port on 127.0.0.1 that nobody holds, below the range that outgoing connections use.
public func freePort() throws -> UInt16 {
    for _ in 0..<500 {
        let port = UInt16.random(in: 12_000..<31_000)
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let bound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        if bound == 0 { return port }
    }
    throw TestFailure("no free port")
}

/// The project's folder.
public let projectFolder: String = {
    var url = URL(fileURLWithPath: #filePath)
    for _ in 0..<3 { url.deleteLastPathComponent() }
    return url.path
}()

/// The shared data folder beside the project, or nil on a machine without it.
public let sharedData: String? = {
    let path = projectFolder + "/../shared/data"
    return FileManager.default.fileExists(atPath: path) ? path : nil
}()

/// The Python with pymodbus and friends that `make` sets up.
public let python = projectFolder + "/.build-tools/venv/bin/python"

/// Waits until `condition` holds, looking again whenever a moment has passed; throws at the
/// deadline. For states that announce themselves by no event; prefer an event where there is one.
public func eventually(
    _ what: String,
    within seconds: Double = 30,
    _ condition: () throws -> Bool
) throws {
    let deadline = monotonicNow() + Int64(seconds * 1e9)
    let never = Mailbox<Void>()
    while try !condition() {
        guard monotonicNow() < deadline else { throw TestFailure("never came true: \(what)") }
        _ = never.take(until: monotonicNow() + 10_000_000)
    }
}
