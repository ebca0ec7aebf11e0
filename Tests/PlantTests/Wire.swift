import Foundation
import GatewayCore
import Plant
import Runtime
import Signal
import TestSupport
import Testing

/// Everything that opens descriptors, one test after the other: one of them counts descriptors.
@Suite(.serialized) struct OnTheWire {}

/// A client's bare end of a connection or line.
final class Wire {
    let descriptor: Int32

    /// Connects to a port of this machine.
    init(port: UInt16) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let code = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard code == 0 else {
            close(descriptor)
            throw TestFailure("connect to \(port): errno \(errno)")
        }
        var yes: Int32 = 1
        setsockopt(
            descriptor,
            Int32(IPPROTO_TCP),
            TCP_NODELAY,
            &yes,
            socklen_t(MemoryLayout<Int32>.size)
        )
    }

    /// Opens a serial device.
    init(device: String) throws {
        descriptor = open(device, O_RDWR | O_NOCTTY)
        guard descriptor >= 0 else { throw TestFailure("open \(device): errno \(errno)") }
    }

    deinit { close(descriptor) }

    /// Sends `bytes`; what a closed connection does not take is lost.
    func send(_ bytes: [UInt8]) {
        if Foundation.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) < 0,
            errno == ENOTSOCK
        {
            _ = write(descriptor, bytes, bytes.count)
        }
    }

    /// The next `count` bytes; throws at the deadline or when the other end closes.
    func receive(_ count: Int, within seconds: Double = 30) throws -> [UInt8] {
        var bytes: [UInt8] = []
        let deadline = monotonicNow() + Int64(seconds * 1e9)
        while bytes.count < count {
            guard let more = take(count - bytes.count, until: deadline) else {
                throw TestFailure("only \(bytes.count) of \(count) bytes: \(bytes)")
            }
            guard !more.isEmpty else { throw TestFailure("closed after \(bytes)") }
            bytes += more
        }
        return bytes
    }

    /// Everything until the other end closes.
    func receiveAll(within seconds: Double = 30) throws -> [UInt8] {
        var bytes: [UInt8] = []
        let deadline = monotonicNow() + Int64(seconds * 1e9)
        while true {
            guard let more = take(4096, until: deadline) else {
                throw TestFailure("never closed: \(bytes)")
            }
            if more.isEmpty { return bytes }
            bytes += more
        }
    }

    /// Bytes as they come; empty once closed, nil at the deadline.
    private func take(_ most: Int, until deadline: Int64) -> [UInt8]? {
        var item = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        let left = max(deadline - monotonicNow(), 0) / 1_000_000
        guard poll(&item, 1, Int32(clamping: left)) > 0 else { return nil }
        var buffer = [UInt8](repeating: 0, count: most)
        let count = read(descriptor, &buffer, most)
        return Array(buffer.prefix(max(count, 0)))
    }
}

/// A map of `channels` input registers in µA from address 0 on.
func microampMap(channels: Int = 8) -> ModuleMap {
    let encoding = RawEncoding(
        format: .unsigned,
        low: RawEncoding.Point(raw: 0, milliamps: 0),
        high: RawEncoding.Point(raw: 20_000, milliamps: 20)
    )
    return ModuleMap(
        channels: (0..<channels).map {
            ChannelMap(table: .input, address: UInt16($0), encoding: encoding)
        }
    )
}

/// A unit whose first channel shows 12 mA (12000 µA, 0x2EE0).
func twelve() -> PlantUnit {
    PlantUnit(PlantModule(map: microampMap(), channels: [.fixed(12)]))
}

/// "Read input register 0" over TCP.
func ask(_ transaction: UInt16 = 0x1234, unit: UInt8 = 1) -> [UInt8] {
    [UInt8(transaction >> 8), UInt8(transaction & 255), 0, 0, 0, 6, unit, 4, 0, 0, 0, 1]
}

/// Its right answer from `twelve()`.
func told(_ transaction: UInt16 = 0x1234, unit: UInt8 = 1) -> [UInt8] {
    [UInt8(transaction >> 8), UInt8(transaction & 255), 0, 0, 0, 5, unit, 4, 2, 0x2E, 0xE0]
}

/// `bytes` with their CRC-16/MODBUS, worked out bit by bit.
func sealed(_ bytes: [UInt8]) -> [UInt8] {
    var sum: UInt16 = 0xFFFF
    for byte in bytes {
        sum ^= UInt16(byte)
        for _ in 0..<8 { sum = sum & 1 == 1 ? (sum >> 1) ^ 0xA001 : sum >> 1 }
    }
    return bytes + [UInt8(sum & 255), UInt8(sum >> 8)]
}

/// How many descriptors this process holds.
func openDescriptors() throws -> Int {
    try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count
}
