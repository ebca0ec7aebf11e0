import Foundation
import Runtime

/// A Modbus slave that says exactly what a test tells it to, byte by byte and when it is told to:
/// over TCP, or over a pseudo-terminal as an RTU slave that takes its requests one after another.
///
/// @unchecked: `stop` runs once, guarded by `stopped`; everything else is immutable or `Locked`.
public final class RawSlave: @unchecked Sendable {
    /// One thing that the slave does in answer to a request.
    public enum Step: Sendable {
        case send([UInt8])
        case wait(milliseconds: Int)
        /// Drops every request that came meanwhile, as a slave does that is deaf while it works.
        case forget
        /// Closes the connection, or the pseudo-terminal.
        case hangUp
    }
    /// What to do with one request: its bytes, and its number from 0.
    public typealias Script = @Sendable (_ request: [UInt8], _ number: Int) -> [Step]

    /// The TCP port on 127.0.0.1; 0 for a pseudo-terminal.
    public let port: UInt16
    /// The pseudo-terminal's path; empty for TCP.
    public let path: String

    private let script: Script
    private let descriptor: Int32
    /// Held open so that the pseudo-terminal lives while nobody else has it open.
    private let terminal: Int32
    private let seen = Locked<[[UInt8]]>([])
    private let open = Locked<Set<Int32>>([])
    private let stopping = Mailbox<Void>()
    private let ended = Mailbox<Void>()
    /// A pipe whose reading end becomes readable when the slave is to end.
    private let wake: (reader: Int32, writer: Int32)
    private let stopped = Locked(false)
    private let connectionCount = Locked(0)

    /// Every request so far, in order of arrival.
    public var requests: [[UInt8]] { seen.withLock { $0 } }
    /// The speed that the other side has set on the pseudo-terminal, as a `B…` constant.
    public var speed: UInt32 {
        var settings = termios()
        tcgetattr(terminal, &settings)
        return cfgetospeed(&settings)
    }
    /// How many connections were accepted.
    public var connections: Int { connectionCount.withLock { $0 } }

    /// A slave on a free TCP port, or on the given one.
    public static func tcp(port: UInt16? = nil, _ script: @escaping Script) throws -> RawSlave {
        let number = try port ?? freePort()
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var one: Int32 = 1
        setsockopt(
            listener,
            SOL_SOCKET,
            SO_REUSEADDR,
            &one,
            socklen_t(MemoryLayout<Int32>.size)
        )
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = number.bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let bound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard bound == 0, listen(listener, 16) == 0 else {
            throw TestFailure("cannot listen on \(number): errno \(errno)")
        }
        let slave = RawSlave(
            port: number,
            path: "",
            descriptor: listener,
            terminal: -1,
            script: script
        )
        Thread { slave.accept() }.start()
        return slave
    }

    /// A slave on a new pseudo-terminal.
    public static func pty(_ script: @escaping Script) throws -> RawSlave {
        var master: Int32 = -1
        var terminal: Int32 = -1
        guard openpty(&master, &terminal, nil, nil, nil) == 0 else {
            throw TestFailure("openpty: errno \(errno)")
        }
        var settings = termios()
        tcgetattr(terminal, &settings)
        cfmakeraw(&settings)
        tcsetattr(terminal, TCSANOW, &settings)
        let path = String(cString: ttyname(terminal))
        let slave = RawSlave(
            port: 0,
            path: path,
            descriptor: master,
            terminal: terminal,
            script: script
        )
        Thread {
            slave.serve(slave.descriptor, length: { $0.count >= 8 ? 8 : nil })
            // Closed here, where nobody reads any more: only then does the other side see it.
            close(slave.terminal)
            close(slave.descriptor)
            slave.ended.close()
        }.start()
        return slave
    }

    private init(
        port: UInt16,
        path: String,
        descriptor: Int32,
        terminal: Int32,
        script: @escaping Script
    ) {
        self.port = port
        self.path = path
        self.descriptor = descriptor
        self.terminal = terminal
        self.script = script
        var ends: [Int32] = [-1, -1]
        pipe(&ends)
        wake = (ends[0], ends[1])
    }

    deinit {
        close(wake.reader)
        close(wake.writer)
    }

    /// Says something without being asked.
    public func babble(_ bytes: [UInt8]) {
        let targets = port == 0 ? [descriptor] : open.withLock { Array($0) }
        for target in targets {
            _ = bytes.withUnsafeBytes { write(target, $0.baseAddress, $0.count) }
        }
    }

    /// Ends the slave; a pseudo-terminal is gone then, as a pulled adapter is.
    public func stop() {
        let isFirst = stopped.withLock { stopped in
            defer { stopped = true }
            return !stopped
        }
        guard isFirst else { return }
        stopping.close()
        if port != 0 {
            shutdown(descriptor, Int32(SHUT_RDWR))
            for connection in open.withLock({ Array($0) }) {
                shutdown(connection, Int32(SHUT_RDWR))
            }
        } else {
            _ = write(wake.writer, "x", 1)
            while ended.take() != nil {}
        }
    }

    private func accept() {
        while true {
            let connection = Foundation.accept(descriptor, nil, nil)
            guard connection >= 0 else {
                close(descriptor)
                return
            }
            connectionCount.withLock { $0 += 1 }
            open.withLock { _ = $0.insert(connection) }
            Thread { [self] in
                serve(connection) { bytes in
                    guard bytes.count >= 6 else { return nil }
                    let length = 6 + Int(bytes[4]) << 8 + Int(bytes[5])
                    return bytes.count >= length ? length : nil
                }
                open.withLock { _ = $0.remove(connection) }
                close(connection)
            }.start()
        }
    }

    private func serve(_ descriptor: Int32, length: ([UInt8]) -> Int?) {
        var pending: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 512)
        while true {
            var entries = [
                pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0),
                pollfd(fd: wake.reader, events: Int16(POLLIN), revents: 0),
            ]
            guard poll(&entries, 2, -1) > 0, entries[1].revents == 0 else { return }
            let count = read(descriptor, &chunk, chunk.count)
            guard count > 0 else { return }
            pending += chunk[0..<count]
            while let end = length(pending) {
                let request = Array(pending[0..<end])
                pending.removeFirst(end)
                let number = seen.withLock { seen in
                    seen.append(request)
                    return seen.count - 1
                }
                for step in script(request, number) {
                    guard act(step, descriptor) else { return }
                }
            }
        }
    }

    private func act(_ step: Step, _ descriptor: Int32) -> Bool {
        switch step {
        case .send(let bytes):
            let sent = bytes.withUnsafeBytes {
                port == 0
                    ? write(descriptor, $0.baseAddress, $0.count)
                    : Foundation.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            return sent == bytes.count
        case .wait(let milliseconds):
            let end = monotonicNow() + Int64(milliseconds) * 1_000_000
            while monotonicNow() < end {
                if stopping.take(until: end) == nil { return false }
            }
            return true
        case .forget:
            var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            var chunk = [UInt8](repeating: 0, count: 512)
            while poll(&entry, 1, 0) > 0, read(descriptor, &chunk, chunk.count) > 0 {}
            return true
        case .hangUp:
            return false
        }
    }
}

/// Modbus frames as a slave makes them, written down apart from the code that reads them.
public enum SlaveFrame {
    /// What the register at `address` holds in every test: no two neighbours alike.
    public static func register(_ address: Int) -> UInt16 {
        UInt16(truncatingIfNeeded: address &* 257 &+ 4000)
    }

    /// Whether the bit at `address` is set in every test.
    public static func bit(_ address: Int) -> Bool { address % 3 == 0 }

    /// The right PDU for a read request's PDU (function, address, count).
    public static func answer(_ pdu: [UInt8]) -> [UInt8] {
        let address = Int(pdu[1]) << 8 | Int(pdu[2])
        let count = Int(pdu[3]) << 8 | Int(pdu[4])
        var data: [UInt8] = []
        if pdu[0] <= 2 {
            data = [UInt8](repeating: 0, count: (count + 7) / 8)
            for index in 0..<count where bit(address + index) {
                data[index / 8] |= 1 << UInt8(index % 8)
            }
        } else {
            for index in 0..<count {
                let value = register(address + index)
                data += [UInt8(value >> 8), UInt8(value & 0xFF)]
            }
        }
        return [pdu[0], UInt8(truncatingIfNeeded: data.count)] + data
    }

    /// `bytes` with the CRC-16 of Modbus behind them, computed bit by bit.
    public static func withCRC(_ bytes: [UInt8]) -> [UInt8] {
        var sum: UInt16 = 0xFFFF
        for byte in bytes {
            sum ^= UInt16(byte)
            for _ in 0..<8 { sum = sum & 1 == 1 ? (sum >> 1) ^ 0xA001 : sum >> 1 }
        }
        return bytes + [UInt8(sum & 0xFF), UInt8(sum >> 8)]
    }

    /// The right RTU reply to an RTU request.
    public static func rtu(_ request: [UInt8]) -> [UInt8] {
        withCRC([request[0]] + answer(Array(request[1..<6])))
    }

    /// The right TCP reply to a TCP request.
    public static func tcp(_ request: [UInt8]) -> [UInt8] {
        let pdu = answer(Array(request[7..<12]))
        return Array(request[0..<4]) + word(pdu.count + 1) + [request[6]] + pdu
    }

    /// A TCP frame of these parts.
    public static func tcp(
        transaction: [UInt8],
        protocolID: Int = 0,
        length: Int? = nil,
        unit: UInt8,
        pdu: [UInt8]
    ) -> [UInt8] {
        transaction + word(protocolID) + word(length ?? pdu.count + 1) + [unit] + pdu
    }

    /// Two bytes, high byte first.
    public static func word(_ value: Int) -> [UInt8] {
        [UInt8(truncatingIfNeeded: value >> 8), UInt8(truncatingIfNeeded: value)]
    }
}
