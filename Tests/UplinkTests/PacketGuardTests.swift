import Foundation
import GatewayCore
import Signal
import TestSupport
import Testing

@testable import Uplink

/// Packets as a broker writes them.
enum Packets {
    static func packet(_ type: UInt8, _ body: [UInt8]) -> [UInt8] {
        var length = body.count
        var bytes = [type]
        repeat {
            bytes.append(UInt8(length & 0x7F) | (length > 0x7F ? 0x80 : 0))
            length >>= 7
        } while length > 0
        return bytes + body
    }
    static func text(_ text: String) -> [UInt8] {
        let utf8 = Array(text.utf8)
        return [UInt8(utf8.count >> 8), UInt8(utf8.count & 0xFF)] + utf8
    }
    static func publish(
        _ topic: String,
        _ payload: [UInt8],
        id: UInt8? = 7,
        properties: [UInt8] = [0]
    ) -> [UInt8] {
        packet(
            id == nil ? 0x30 : 0x32,
            text(topic) + (id.map { [0, $0] } ?? []) + properties + payload
        )
    }
    static let connack = packet(0x20, [0, 0, 5, 0x21, 0, 100, 0x24, 1])
    static let everything: [[UInt8]] = [
        connack, packet(0x90, [0, 1, 0, 1]), packet(0x40, [0, 1]), packet(0x40, [0, 1, 0x10]),
        packet(0x40, [0, 1, 0x87, 4, 0x1F] + text("x")),
        publish("a/commands/x", Array("{}".utf8)),
        publish(
            "a/commands/x",
            [1, 2, 3],
            id: nil,
            properties: [9, 0x01, 1, 0x02, 0, 0, 0, 9, 0x0B, 5]
        ),
        publish("t", [], properties: [11, 0x26] + text("key") + text("abc")),
        packet(0xD0, []), packet(0xE0, [0x8B, 0]),
    ]
}

/// Bytes that no broker may send, and what they are.
struct Wrong: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var bytes: [UInt8]

    /// After a good CONNACK.
    static func then(_ what: String, _ bytes: [UInt8]) -> Wrong {
        Wrong(testDescription: what, bytes: Packets.connack + bytes)
    }
    static func then(_ what: String, _ type: UInt8, _ body: [UInt8]) -> Wrong {
        then(what, Packets.packet(type, body))
    }
    /// As the first packet.
    static func first(_ what: String, _ body: [UInt8]) -> Wrong {
        Wrong(testDescription: what, bytes: Packets.packet(0x20, body))
    }

    static let all: [Wrong] = [
        Wrong(testDescription: "PUBLISH before CONNACK", bytes: Packets.publish("a", [])),
        .then("CONNACK twice", Packets.connack),
        .then("a client's packet", 0x82, [0, 1, 0]),
        .then("QoS 2", 0x34, [0, 1, 65, 0, 1, 0]),
        .then("QoS 3", 0x36, [0, 1, 65, 0, 1, 0]),
        .then("PUBREC", 0x50, [0, 1]),
        .then("AUTH", 0xF0, [0x18, 0]),
        Wrong(testDescription: "a length of five bytes", bytes: [0x20, 255, 255, 255, 255, 1]),
        .then("a huge control packet", [0x40, 0xFF, 0xFF, 0x7F]),
        .first("an unknown property", [0, 0, 2, 0x7E, 0]),
        .first("a property cut short", [0, 0, 2, 0x21, 0]),
        .first("properties longer than the packet", [0, 0, 100, 0x21]),
        .first("a property length of five bytes", [0, 0, 255, 255, 255, 255, 1]),
        .first("bytes behind the properties", [0, 0, 0, 9]),
        .then("packet id 0", 0x40, [0, 0]),
        .then("an empty topic", Packets.publish("", [1])),
        .then("a topic longer than the packet", 0x30, [0xFF, 0xFF, 1]),
        .then("SUBACK without a code", 0x90, [0, 1, 0]),
        .then("PINGRESP with a body", 0xD0, [0]),
    ]
}

struct Guarding {
    private func guarded(
        _ bytes: [UInt8],
        chunk: Int = .max,
        isVersion5: Bool = true
    ) throws -> [UInt8] {
        var packets = PacketGuard(isVersion5: isVersion5)
        var passed: [UInt8] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            let piece = Array(rest.prefix(chunk))
            try piece.withUnsafeBytes { try packets.take($0, passed: &passed) }
            rest = rest.dropFirst(piece.count)
        }
        return passed
    }

    @Test(
        "What a broker may send passes unchanged, however it is cut",
        arguments: [1, 2, 3, 7, 64, 4096]
    )
    func passes(chunk: Int) throws {
        let bytes = Packets.everything.flatMap { $0 }
        #expect(try guarded(bytes, chunk: chunk) == bytes)
    }

    @Test("A packet that is not whole does not pass")
    func holdsBack() throws {
        let bytes = Packets.connack + Packets.publish("a/b", [1, 2, 3]).dropLast()
        #expect(try guarded(bytes) == Packets.connack)
    }

    @Test("What a broker must not send ends the connection", arguments: Wrong.all)
    func stops(wrong: Wrong) {
        for chunk in [1, 5, 4096] {
            #expect(throws: PacketGuard.Malformed.self) { try guarded(wrong.bytes, chunk: chunk) }
        }
    }

    @Test("MQTT 3.1.1 has no properties and no DISCONNECT from the broker")
    func older() throws {
        let connack = Packets.packet(0x20, [0, 0])
        let rest =
            Packets.packet(0x32, Packets.text("a") + [0, 1, 0x7E])
            + Packets.packet(0x90, [0, 1, 1]) + Packets.packet(0x40, [0, 1])
        #expect(try guarded(connack + rest, isVersion5: false) == connack + rest)
        #expect(throws: PacketGuard.Malformed.self) {
            try guarded(connack + Packets.packet(0xE0, []), isVersion5: false)
        }
        #expect(throws: PacketGuard.Malformed.self) {
            try guarded(connack + Packets.packet(0x40, [0, 1, 0]), isVersion5: false)
        }
    }

    @Test(
        "Of a message that is too large only the head passes, and what follows is whole",
        arguments: [
            1, 1000, 65_536,
        ]
    )
    func tooLarge(chunk: Int) throws {
        let payload = [UInt8](repeating: 65, count: 3_000_000)
        let large = Packets.publish("a/b", payload, id: 9)
        let next = Packets.publish("a/c", [1, 2], id: 10)
        let passed = try guarded(Packets.connack + large + next, chunk: chunk)
        #expect(passed == Packets.connack + Packets.publish("a/b", [0xFF], id: 9) + next)
    }

    @Test("A message just at the limit passes whole")
    func atTheLimit() throws {
        let payload = [UInt8](repeating: 65, count: Limits.commandBytes)
        let bytes = Packets.connack + Packets.publish("a/b", payload)
        #expect(try guarded(bytes) == bytes)
    }

    @Test("The reason of a DISCONNECT is kept")
    func disconnect() throws {
        var packets = PacketGuard(isVersion5: true)
        var passed: [UInt8] = []
        let bytes = Packets.connack + Packets.packet(0xE0, [0x8B, 0])
        try bytes.withUnsafeBytes { try packets.take($0, passed: &passed) }
        #expect(packets.disconnectReason == 0x8B)
    }

    /// More rounds: `LOOPGATE_FUZZ=100000`.
    @Test("The library survives whatever the guard lets pass")
    func fuzz() throws {
        let rounds = ProcessInfo.processInfo.environment["LOOPGATE_FUZZ"].flatMap { Int($0) } ?? 400
        var random = Seeded(state: UInt64(rounds))
        var given = 0
        for round in 0..<rounds {
            let isVersion5 = round % 4 != 3
            let settings = connection([1], version: isVersion5 ? .v5 : .v311, acceptsCommands: true)
            let client = try MosquittoClient(settings)
            try client.connect()
            var output: [UInt8] = []
            client.takeOutput(&output)
            var packets = PacketGuard(isVersion5: isVersion5)
            let connack = isVersion5 ? Packets.connack : Packets.packet(0x20, [0, 0])
            var passed: [UInt8] = []
            try connack.withUnsafeBytes { try packets.take($0, passed: &passed) }
            try client.take(passed)
            _ = try client.publish(topic: cString("t"), payload: [1])
            for _ in 0..<60 where client.isOpen {
                passed.removeAll()
                let bytes = mutated(using: &random)
                let whole: ()? = try? bytes.withUnsafeBytes {
                    try packets.take($0, passed: &passed)
                }
                given += passed.count
                guard (try? client.take(passed)) != nil else { break }
                client.takeOutput(&output)
                output.removeAll()
                _ = client.takeNews()
                if whole == nil {
                    // The connection would end; its library may as well see more.
                    packets = PacketGuard(isVersion5: isVersion5)
                    try connack.withUnsafeBytes { try packets.take($0, passed: &passed) }
                }
            }
        }
        #expect(given > rounds)
    }

    private func mutated(using random: inout Seeded) -> [UInt8] {
        var bytes = Packets.everything[Int.random(in: 1..<Packets.everything.count, using: &random)]
        for _ in 0..<Int.random(in: 0...3, using: &random) where bytes.count > 2 {
            let at = Int.random(in: 0..<bytes.count, using: &random)
            switch Int.random(in: 0...2, using: &random) {
            case 0: bytes[at] = UInt8.random(in: 0...255, using: &random)
            case 1: bytes.insert(UInt8.random(in: 0...255, using: &random), at: at)
            default: bytes.remove(at: at)
            }
        }
        // Most of the time the length is put right again, so that the inside is looked at.
        if bytes.count > 2, Int.random(in: 0...9, using: &random) > 0 {
            return Packets.packet(bytes[0], Array(bytes[2...]))
        }
        return bytes
    }
}
