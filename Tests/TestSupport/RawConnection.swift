import Foundation
import Runtime

/// A TCP connection that says exactly what a test tells it to, to a server on this machine.
///
/// Calls block: make them off the cooperative threads (`onThread`).
public final class RawConnection: Sendable {
    private let descriptor: Int32

    /// Connects to `port` of 127.0.0.1.
    ///
    /// - from: the address to come from; any of 127.0.0.0/8 is this machine.
    public init(port: Int, from: String = "127.0.0.1") throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        func address(_ host: String, _ port: UInt16) -> sockaddr_in {
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = port.bigEndian
            address.sin_addr.s_addr = inet_addr(host)
            return address
        }
        func call(
            _ address: sockaddr_in,
            _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
        ) -> Int32 {
            withUnsafePointer(to: address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
        }
        let isBound = call(address(from, 0)) { bind(descriptor, $0, $1) } == 0
        let isOpen =
            isBound
            && call(address("127.0.0.1", UInt16(clamping: port))) { connect(descriptor, $0, $1) }
                == 0
        guard isOpen else {
            close(descriptor)
            throw TestFailure("cannot connect to \(port) from \(from): errno \(errno)")
        }
    }

    deinit { close(descriptor) }

    /// Sends bytes; false where the other side has closed.
    @discardableResult
    public func send(_ text: String) -> Bool {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            if count <= 0 { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }

    /// What comes until `isEnough` of it is there, or the other side closes; throws at the deadline.
    public func read(
        within seconds: Double = 30,
        until isEnough: (String) -> Bool = { _ in false }
    ) throws -> String {
        let deadline = monotonicNow() + Int64(seconds * 1e9)
        var text = ""
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while !isEnough(text) {
            var poll = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            let left = (deadline - monotonicNow()) / 1_000_000
            guard left > 0, Glibc.poll(&poll, 1, Int32(clamping: left)) > 0 else {
                throw TestFailure("nothing more within \(seconds) s after: \(text.suffix(300))")
            }
            let count = recv(descriptor, &chunk, chunk.count, 0)
            if count <= 0 { return text }
            text += String(decoding: chunk.prefix(count), as: UTF8.self)
        }
        return text
    }

    /// Sends a request and reads its answer, by its length, or to the close.
    public func ask(_ request: String, within seconds: Double = 30) throws -> String {
        send(request)
        return try read(within: seconds, until: Self.isWhole)
    }

    /// Whether an answer's body has the length that its headers tell.
    private static func isWhole(_ answer: String) -> Bool {
        guard let end = answer.range(of: "\r\n\r\n") else { return false }
        let head = answer[..<end.lowerBound].lowercased()
        guard let field = head.range(of: "content-length: ") else {
            return head.contains(" 204 ")
        }
        let length = Int(head[field.upperBound...].prefix { $0.isNumber }) ?? 0
        return answer[end.upperBound...].utf8.count >= length
    }
}

/// Runs something that blocks on a thread of its own.
public func onThread<Result: Sendable>(
    _ body: @escaping @Sendable () throws -> Result
) async throws -> Result {
    try await withCheckedThrowingContinuation { continuation in
        Thread { continuation.resume(with: Swift.Result { try body() }) }.start()
    }
}
