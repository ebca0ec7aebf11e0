import Foundation
import GatewayCore

/// The bytes between us and a broker: TCP, with TLS in it where that is configured.
///
/// Never blocks; used on one thread. Throws `Failure` with the reason once the link is gone.
final class Wire {
    let socket: CInt
    private var tls: TLSSession?
    /// Waits to be sent, from `sent` on.
    private var outgoing: [UInt8] = []
    private var sent = 0
    private var buffer = [UInt8](repeating: 0, count: UplinkLimits.readBytes)

    /// Starts to connect.
    init(_ address: SocketAddress) throws(Failure) {
        let type = CInt(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        socket = Foundation.socket(address.family, type, 0)
        guard socket >= 0 else { throw Failure(.unreachable(errno: errno)) }
        var yes: CInt = 1
        // What belongs together is sent in one piece already: waiting for more only costs time.
        setsockopt(
            socket,
            CInt(IPPROTO_TCP),
            TCP_NODELAY,
            &yes,
            socklen_t(MemoryLayout<CInt>.size)
        )
        // An acknowledgement is due from when a message is handed over, so a slow link must not have
        // megabytes before it.
        var bytes = CInt(UplinkLimits.kernelBytes)
        setsockopt(socket, SOL_SOCKET, SO_SNDBUF, &bytes, socklen_t(MemoryLayout<CInt>.size))
        let code = address.bytes.withUnsafeBytes { bytes -> Int32 in
            guard let base = bytes.baseAddress else { return EINVAL }
            let started = connect(
                socket,
                base.assumingMemoryBound(to: sockaddr.self),
                socklen_t(bytes.count)
            )
            return started == 0 || errno == EINPROGRESS ? 0 : errno
        }
        guard code == 0 else { throw Failure(.unreachable(errno: code)) }
    }

    deinit {
        tls = nil
        if socket >= 0 { close(socket) }
    }

    /// The outcome of the connect, once the socket has become writable.
    func finishConnecting() throws(Failure) {
        var code: CInt = 0
        var size = socklen_t(MemoryLayout<CInt>.size)
        let asked = getsockopt(socket, SOL_SOCKET, SO_ERROR, &code, &size)
        guard asked == 0, code == 0 else { throw Failure(.unreachable(errno: code)) }
    }

    /// Puts TLS on the connected socket.
    func begin(_ tls: TLSSession) throws(Failure) {
        try tls.attach(to: socket)
        self.tls = tls
    }

    /// Goes on with the TLS handshake; true once it is through (at once without TLS).
    func shakeHands() throws(Failure) -> Bool { try tls?.shakeHands() ?? true }

    /// What to ask `poll` for during the handshake.
    var handshakeEvents: Int16 { tls?.wants == .write ? Int16(POLLOUT) : Int16(POLLIN) }

    /// What to ask `poll` for afterwards.
    var events: Int16 {
        let wantsOut = hasOutgoing && tls?.wants != .read || tls?.wants == .write
        return Int16(POLLIN) | (wantsOut ? Int16(POLLOUT) : 0)
    }

    /// Whether anything handed over has not left yet.
    var hasOutgoing: Bool { sent < outgoing.count }
    /// Bytes handed over that have not left yet.
    var outgoingCount: Int { outgoing.count - sent }

    /// Lets `fill` append what is to be sent.
    func queue(_ fill: (inout [UInt8]) -> Void) {
        if sent == outgoing.count {
            outgoing.removeAll(keepingCapacity: true)
            sent = 0
        }
        fill(&outgoing)
    }

    /// Sends what the kernel takes.
    func flush() throws {
        while hasOutgoing {
            let count = try outgoing.withUnsafeBytes { bytes in
                try write(UnsafeRawBufferPointer(rebasing: bytes[sent...]))
            }
            guard count > 0 else { return }
            sent += count
        }
    }

    private func write(_ bytes: UnsafeRawBufferPointer) throws(Failure) -> Int {
        if let tls { return try tls.write(bytes) }
        let count = send(socket, bytes.baseAddress, bytes.count, CInt(MSG_NOSIGNAL))
        if count >= 0 { return count }
        guard errno == EAGAIN || errno == EINTR else { throw linkLost(errno) }
        return 0
    }

    /// Hands what has come, if anything, to `take`; false where there is nothing more for now.
    func receive(_ take: (UnsafeRawBufferPointer) throws -> Void) throws -> Bool {
        let count = try buffer.withUnsafeMutableBytes { try read(into: $0) }
        guard count > 0 else { return false }
        try buffer.withUnsafeBytes { try take(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
        return true
    }

    private func read(into buffer: UnsafeMutableRawBufferPointer) throws(Failure) -> Int {
        if let tls { return try tls.read(into: buffer) }
        let count = recv(socket, buffer.baseAddress, buffer.count, 0)
        if count > 0 { return count }
        if count == 0 { throw Failure(.linkLost("the broker closed the connection")) }
        guard errno == EAGAIN || errno == EINTR else { throw linkLost(errno) }
        return 0
    }
}

func linkLost(_ code: Int32) -> Failure {
    Failure(.linkLost(errnoText(code)))
}
