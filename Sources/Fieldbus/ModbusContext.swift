import CModbus
import Foundation
import GatewayCore
import Runtime
import Signal

/// Owns one `modbus_t` and the descriptor it opened; nothing else may free or close them.
///
/// libmodbus makes the port or the connection and turns the transceiver round; what is read from
/// the descriptor is judged by `ModbusFrame`, because libmodbus's own receiving checks neither the
/// unit nor the lengths, and lets every byte extend the wait.
struct ModbusContext: ~Copyable {
    private let raw: OpaquePointer
    /// The open descriptor, non-blocking; -1 before `connect`.
    private(set) var descriptor: Int32 = -1

    /// A context for a serial port, not yet open; throws `linkLost(EINVAL)` for settings that no
    /// port has.
    init(serial: SerialSettings) throws(BusFault) {
        // libmodbus would quietly take 9600 for a speed that it does not know.
        let speeds = [1200, 2400, 4800, 9600, 19200, 38400, 57600, 115_200]
        guard speeds.contains(serial.baud), (1...2).contains(serial.stopBits) else {
            throw .linkLost(errno: EINVAL)
        }
        let parity: Character =
            switch serial.parity {
            case .none: "N"
            case .even: "E"
            case .odd: "O"
            }
        let letter = CChar(bitPattern: parity.asciiValue ?? 0)
        guard
            let raw = modbus_new_rtu(
                serial.path,
                Int32(serial.baud),
                letter,
                8,
                Int32(serial.stopBits)
            )
        else { throw .linkLost(errno: errno) }
        self.raw = raw
    }

    /// A context for a TCP address, not yet connected; throws `linkLost(EINVAL)` for a host that is
    /// not an IPv4 or IPv6 literal: libmodbus takes a typing error for the broadcast address.
    init(host: String, port: UInt16) throws(BusFault) {
        var address = in6_addr()
        guard
            inet_pton(AF_INET, host, &address) == 1 || inet_pton(AF_INET6, host, &address) == 1,
            let raw = modbus_new_tcp_pi(host, String(port))
        else { throw .linkLost(errno: EINVAL) }
        self.raw = raw
    }

    deinit {
        modbus_close(raw)
        modbus_free(raw)
    }

    /// Opens the port, or connects within `timeout`.
    mutating func connect(timeout: Nanoseconds) throws(BusFault) {
        // select() inside libmodbus writes beyond its set for a descriptor of 1024 and more.
        let lowest = open("/dev/null", O_RDONLY | O_CLOEXEC)
        if lowest >= 0 { Foundation.close(lowest) }
        guard lowest >= 0, lowest < BusLimits.descriptors else {
            throw .linkLost(errno: EMFILE)
        }
        let microseconds = max(1000, min(timeout.count / 1000, 3_600_000_000))
        modbus_set_response_timeout(
            raw,
            UInt32(microseconds / 1_000_000),
            UInt32(microseconds % 1_000_000)
        )
        modbus_set_error_recovery(raw, MODBUS_ERROR_RECOVERY_NONE)
        guard modbus_connect(raw) == 0 else { throw .linkLost(errno: errno) }
        descriptor = modbus_get_socket(raw)
    }

    /// Closes the descriptor now; `descriptor` must not be used again.
    func close() { modbus_close(raw) }

    /// Has libmodbus toggle RTS around each frame that `sendToggling` sends.
    func toggleRTS(highWhileSending: Bool) throws(BusFault) {
        let code = cmodbus_has_modem_lines(descriptor)
        guard code == 0 else { throw .linkLost(errno: code) }
        let mode = highWhileSending ? MODBUS_RTU_RTS_UP : MODBUS_RTU_RTS_DOWN
        guard modbus_rtu_set_rts(raw, mode) == 0 else { throw .linkLost(errno: errno) }
    }

    /// Sends a request through libmodbus, which holds RTS for as long as the frame is on the wire
    /// and adds the CRC itself: `frame` is the whole frame, its last two bytes are not passed on.
    func sendToggling(_ frame: [UInt8]) throws(BusFault) {
        let sent = modbus_send_raw_request(raw, frame, Int32(frame.count - 2))
        guard sent == frame.count else { throw .linkLost(errno: errno == 0 ? EIO : errno) }
    }
}

/// What is known of a descriptor after waiting for it.
enum Readiness: Equatable {
    /// Nothing came before the deadline.
    case nothing
    case readable
    /// The device is gone or the peer has hung up, and no byte is left to read.
    case lost
}

/// Waits until `descriptor` can be read or `deadline` (monotonic ns) has passed. A deadline in the
/// past only looks.
func awaitReadable(_ descriptor: Int32, until deadline: Int64, now: Int64) -> Readiness {
    var now = now
    while true {
        let events = cmodbus_wait(descriptor, Int16(POLLIN), deadline - now)
        if events > 0 {
            if events & Int32(POLLIN) != 0 && events & Int32(POLLNVAL) == 0 { return .readable }
            return .lost
        }
        if events < 0 && events != -EINTR { return .lost }
        now = monotonicNow()
        if now >= deadline { return .nothing }
    }
}

/// The bytes that have come and are not yet accounted for.
struct FrameBuffer {
    private(set) var bytes = [UInt8](repeating: 0, count: BusLimits.buffer)
    private(set) var filled = 0
    /// All that came since `forgetHeard`, whatever was made of it; at most `Limits.frameBytes`.
    private(set) var heard: [UInt8] = []

    /// The first byte, if any.
    var first: UInt8? { filled > 0 ? bytes[0] : nil }

    /// What comes from now on is heard afresh.
    mutating func forgetHeard() { heard.removeAll(keepingCapacity: true) }

    mutating func clear() { filled = 0 }

    /// Shows `body` the bytes that have come.
    func look<Result>(_ body: (Swift.Span<UInt8>) -> Result) -> Result {
        body(bytes.span.extracting(0..<filled))
    }

    /// Takes `count` bytes off the head.
    mutating func consume(_ count: Int) {
        precondition(count <= filled, "only what has come can be taken")
        if count < filled {
            bytes.withUnsafeMutableBufferPointer { buffer in
                for index in 0..<(filled - count) { buffer[index] = buffer[index + count] }
            }
        }
        filled -= count
    }

    /// Reads once what is there; what does not fit is dropped. Returns the count, 0 at the end of
    /// the stream, or -errno.
    mutating func read(from descriptor: Int32) -> Int {
        if filled == bytes.count { filled = 0 }
        let start = filled
        let count = bytes.withUnsafeMutableBytes { buffer in
            var count = -1
            repeat {
                count = Foundation.read(
                    descriptor,
                    buffer.baseAddress.map { $0 + start },
                    buffer.count - start
                )
            } while count < 0 && errno == EINTR
            return count < 0 ? -Int(errno) : count
        }
        guard count > 0 else { return count }
        filled += count
        let room = min(count, Limits.frameBytes - heard.count)
        if room > 0 { heard.append(contentsOf: bytes[start..<(start + room)]) }
        return count
    }

    /// Whether the bytes so far are the beginning of `other`, or begin with all of it.
    func agrees(with other: [UInt8]) -> Bool {
        for index in 0..<min(filled, other.count) where bytes[index] != other[index] {
            return false
        }
        return true
    }
}
