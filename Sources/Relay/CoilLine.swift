import Foundation
import Runtime

/// A coil on a Modbus TCP server: function 5 to write, 1 to read back.
///
/// The server may start after the gateway, so nothing is connected here; after any doubt about an
/// answer the connection is closed, and the next call makes a new one.
final class CoilLine: OutputLine {
    private let place: String
    private let address: SocketAddress
    private let unit: UInt8
    private let coil: UInt16
    private var descriptor: Int32 = -1
    private var transaction: UInt16 = 0

    /// - host: an IPv4 or IPv6 literal.
    init(host: String, port: UInt16, unit: UInt8, address coil: UInt16) throws(RelayFault) {
        place = "coil \(coil) of unit \(unit) at \(host):\(port)"
        guard let address = SocketAddress(host: host, port: port) else {
            throw .impossible("'\(host)' is not an IP address: write it as 127.0.0.1 or ::1")
        }
        self.address = address
        self.unit = unit
        self.coil = coil
    }

    func write(_ isOn: Bool) throws(RelayFault) {
        let request = CoilFrame.write(coil, isOn)
        guard try exchange(request) == request else { throw garbled() }
    }

    func read() throws(RelayFault) -> Bool? {
        let answer = try exchange(CoilFrame.read(coil))
        guard answer.count == 3, answer[0] == 1, answer[1] == 1 else { throw garbled() }
        return answer[2] & 1 != 0
    }

    func close() {
        guard descriptor >= 0 else { return }
        Foundation.close(descriptor)
        descriptor = -1
    }

    deinit { close() }

    private func garbled() -> RelayFault {
        close()
        return .garbled(place)
    }

    private func lost(_ code: Int32) -> RelayFault {
        close()
        return .unreachable(place, errno: code)
    }

    /// Sends one request and returns the answer's function code and data.
    private func exchange(_ request: [UInt8]) throws(RelayFault) -> [UInt8] {
        let deadline = monotonicNow() + RelayLimits.coil
        if descriptor < 0 { try connect(until: deadline) }
        transaction &+= 1
        try send(
            CoilFrame.header(transaction, unit: unit, count: request.count) + request,
            until: deadline
        )
        let header = try receive(7, until: deadline)
        guard let count = CoilFrame.count(inAnswer: header, to: transaction, unit: unit) else {
            throw garbled()
        }
        let answer = try receive(count, until: deadline)
        if answer.count == 2, answer[0] == request[0] | 0x80 {
            throw .refused(place, code: answer[1])
        }
        guard answer[0] == request[0] else { throw garbled() }
        return answer
    }

    private func connect(until deadline: Int64) throws(RelayFault) {
        descriptor = socket(
            address.family,
            Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
                | Int32(SOCK_NONBLOCK.rawValue),
            0
        )
        guard descriptor >= 0 else { throw lost(errno) }
        var on: Int32 = 1
        setsockopt(
            descriptor,
            Int32(IPPROTO_TCP),
            TCP_NODELAY,
            &on,
            socklen_t(MemoryLayout<Int32>.size)
        )
        if address.connect(descriptor) == 0 { return }
        guard errno == EINPROGRESS else { throw lost(errno) }
        try wait(for: Int16(POLLOUT), until: deadline)
        var code: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &size)
        guard code == 0 else { throw lost(code) }
    }

    private func send(_ bytes: [UInt8], until deadline: Int64) throws(RelayFault) {
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes {
                Foundation.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            if count > 0 {
                sent += count
            } else if errno == EAGAIN || errno == EINTR {
                try wait(for: Int16(POLLOUT), until: deadline)
            } else {
                throw lost(errno)
            }
        }
    }

    private func receive(_ wanted: Int, until deadline: Int64) throws(RelayFault) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: wanted)
        var got = 0
        while got < wanted {
            let count = bytes[got...].withUnsafeMutableBytes {
                recv(descriptor, $0.baseAddress, $0.count, 0)
            }
            if count > 0 {
                got += count
            } else if count == 0 {
                throw lost(ECONNRESET)
            } else if errno == EAGAIN || errno == EINTR {
                try wait(for: Int16(POLLIN), until: deadline)
            } else {
                throw lost(errno)
            }
        }
        return bytes
    }

    private func wait(for events: Int16, until deadline: Int64) throws(RelayFault) {
        let left = (deadline - monotonicNow()) / 1_000_000
        guard left > 0 else { throw lost(ETIMEDOUT) }
        var one = pollfd(fd: descriptor, events: events, revents: 0)
        let ready = poll(&one, 1, Int32(min(left, 60_000)))
        if ready == 0 { throw lost(ETIMEDOUT) }
        if ready < 0, errno != EINTR { throw lost(errno) }
    }
}

/// The two requests of MODBUS Application Protocol V1.1b3 (6.1, 6.5) in MBAP framing.
enum CoilFrame {
    static func write(_ coil: UInt16, _ isOn: Bool) -> [UInt8] {
        [5, UInt8(coil >> 8), UInt8(coil & 0xFF), isOn ? 0xFF : 0, 0]
    }

    static func read(_ coil: UInt16) -> [UInt8] {
        [1, UInt8(coil >> 8), UInt8(coil & 0xFF), 0, 1]
    }

    static func header(_ transaction: UInt16, unit: UInt8, count: Int) -> [UInt8] {
        [UInt8(transaction >> 8), UInt8(transaction & 0xFF), 0, 0, 0, UInt8(count + 1), unit]
    }

    /// How many bytes follow a header, or nil where it is no answer to this request. The answers
    /// to the two requests have 2 (an exception), 3 or 5 bytes.
    static func count(inAnswer header: [UInt8], to transaction: UInt16, unit: UInt8) -> Int? {
        guard header.count == 7, header[0] == UInt8(transaction >> 8),
            header[1] == UInt8(transaction & 0xFF), header[2] == 0, header[3] == 0,
            header[4] == 0, (3...6).contains(header[5]), header[6] == unit
        else { return nil }
        return Int(header[5]) - 1
    }
}

/// An IPv4 or IPv6 address and a port, as the socket calls want them.
struct SocketAddress {
    private var storage = sockaddr_storage()
    private var length: socklen_t

    /// The address that `host` writes as a literal, or nil.
    init?(host: String, port: UInt16) {
        var four = sockaddr_in()
        var six = sockaddr_in6()
        if inet_pton(AF_INET, host, &four.sin_addr) == 1 {
            four.sin_family = sa_family_t(AF_INET)
            four.sin_port = port.bigEndian
            length = socklen_t(MemoryLayout<sockaddr_in>.size)
            withUnsafeMutableBytes(of: &storage) { to in
                withUnsafeBytes(of: &four) { to.copyMemory(from: $0) }
            }
        } else if inet_pton(AF_INET6, host, &six.sin6_addr) == 1 {
            six.sin6_family = sa_family_t(AF_INET6)
            six.sin6_port = port.bigEndian
            length = socklen_t(MemoryLayout<sockaddr_in6>.size)
            withUnsafeMutableBytes(of: &storage) { to in
                withUnsafeBytes(of: &six) { to.copyMemory(from: $0) }
            }
        } else {
            return nil
        }
    }

    /// The protocol family.
    var family: Int32 { Int32(storage.ss_family) }

    /// `connect(2)`.
    func connect(_ descriptor: Int32) -> Int32 {
        withUnsafePointer(to: storage) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Foundation.connect(descriptor, $0, length)
            }
        }
    }
}
