import Foundation
import GatewayCore
import Runtime
import Signal
import TestSupport
import Testing

@testable import Fieldbus

@Suite("RTU against a slave that misbehaves")
struct RTUTests {
    @Test(
        "A reply late by 1.1 to 5 timeouts never lands on another register",
        arguments: [110, 150, 190, 250, 350, 500],
        [false, true]
    )
    func lateReplies(percent: Int, deafMeanwhile: Bool) throws {
        let timeout = 200
        let slave = try RawSlave.pty { request, number in
            let reply = RawSlave.Step.send(SlaveFrame.rtu(request))
            guard number % 4 == 1 else { return [reply] }
            let wait = RawSlave.Step.wait(milliseconds: timeout * percent / 100)
            return deafMeanwhile ? [wait, .forget, reply] : [wait, reply]
        }
        defer { slave.stop() }
        let bus = rtuBus(slave.path)
        var right = 0
        var missed = 0
        var address: UInt16 = 0
        // Every request has the shape of the one before, and never its address.
        try eventually("10 right reads and 4 missed ones", within: 120) {
            address = (address + 8) % 4096
            let request = BusRequest.read(1, .input, address, 8, milliseconds: timeout)
            let reply = try bus.ask(request)
            if let values = reply.values {
                #expect(values == request.expected, "the values of another register")
                right += 1
            } else {
                missed += 1
            }
            return right >= 10 && missed >= 4
        }
    }

    @Test("A late reply is recognised as one while the line is kept quiet")
    func lateReplyIsNamed() throws {
        let slave = try RawSlave.pty { request, number in
            let reply = RawSlave.Step.send(SlaveFrame.rtu(request))
            return number == 1 ? [.wait(milliseconds: 700), reply] : [reply]
        }
        defer { slave.stop() }
        let bus = rtuBus(slave.path)
        #expect(try bus.ask(.read(1, .input, 0, 4)).values != nil)
        #expect(try bus.ask(.read(1, .input, 8, 4, milliseconds: 500)).fault == .silent)
        let next = try bus.ask(.read(1, .input, 16, 4, milliseconds: 20_000))
        #expect(next.values == next.request.expected)
        #expect(next.strayBytes == 13)
        #expect(next.strayWasReply)
        // The debt was paid in the quiet: no fence was needed.
        #expect(slave.requests.count == 3)
    }

    @Test(
        "After a miss of a living unit the line is quiet for one response time; after the next not"
    )
    func quietAfterMiss() throws {
        let times = Locked<[Int64]>([])
        let slave = try RawSlave.pty { request, number in
            times.withLock { $0.append(monotonicNow()) }
            return number == 0 || request[0] == 2 ? [.send(SlaveFrame.rtu(request))] : []
        }
        defer { slave.stop() }
        let bus = rtuBus(slave.path)
        #expect(try bus.ask(.read(1, .input, 0, 4)).values != nil)
        let missed = try bus.ask(.read(1, .input, 0, 4, milliseconds: 400))
        #expect(missed.fault == .silent)
        #expect(try bus.ask(.read(2, .input, 0, 4)).values != nil)
        let quiet = times.withLock { $0[2] } - missed.received.monotonic.nanoseconds
        #expect(quiet > 395_000_000)
        // Now the unit is taken for dead: unit 2 does not pay for it twice.
        let patient = BusRequest.read(1, .input, 0, 5, milliseconds: 3000)
        let dead = try bus.ask(patient)
        #expect(dead.fault == .silent)
        #expect(try bus.ask(.read(2, .input, 0, 4)).values != nil)
        let pause = times.withLock { $0[$0.count - 1] } - dead.received.monotonic.nanoseconds
        #expect(pause < 2_900_000_000)
    }

    @Test(
        "A wrong reply is rejected and named, and the next read is right",
        arguments: WrongReply.all
    )
    func wrongReplies(wrong: WrongReply) throws {
        let slave = try RawSlave.pty { request, number in
            number == 0 ? [.send(wrong.make(request))] : [.send(SlaveFrame.rtu(request))]
        }
        defer { slave.stop() }
        let bus = rtuBus(slave.path)
        let first = try bus.ask(.read(7, .holding, 0x0200, 6, milliseconds: 400))
        #expect(first.fault == .garbled(wrong.garble))
        try expectRecovery(bus)
    }

    @Test("A reply split at every byte is read whole", arguments: 1..<17)
    func split(at end: Int) throws {
        let slave = try RawSlave.pty { request, _ in
            let reply = SlaveFrame.rtu(request)
            return [
                .send(Array(reply[..<end])), .wait(milliseconds: 30), .send(Array(reply[end...])),
            ]
        }
        defer { slave.stop() }
        let reply = try rtuBus(slave.path).ask(.read(7, .holding, 40, 6))
        #expect(reply.values == reply.request.expected)
    }

    @Test("Every exception is told with its code", arguments: Array(1...11) + [0x7F])
    func exceptions(code: Int) throws {
        let slave = try RawSlave.pty { request, number in
            number == 0
                ? [.send(SlaveFrame.withCRC([request[0], request[1] | 0x80, UInt8(code)]))]
                : [.send(SlaveFrame.rtu(request))]
        }
        defer { slave.stop() }
        let bus = rtuBus(slave.path)
        #expect(try bus.ask(.read(7, .input, 0, 6)).fault == .refused(code: UInt8(code)))
        try expectRecovery(bus)
    }

    @Test("A slave that dribbles its bytes is bounded by the response timeout")
    func slowBytes() throws {
        let slave = try RawSlave.pty { request, _ in
            SlaveFrame.rtu(request).flatMap { [.send([$0]), .wait(milliseconds: 200)] }
        }
        defer { slave.stop() }
        let start = monotonicNow()
        let reply = try rtuBus(slave.path).ask(.read(7, .input, 0, 125, milliseconds: 500))
        #expect(reply.fault == .garbled(.length))
        // The whole dribble would take 51 s.
        #expect(monotonicNow() - start < 30_000_000_000)
    }

    @Test("A babbling line is a bus conflict, told within the timeout, and passes")
    func babble() throws {
        let slave = try RawSlave.pty { request, _ in [.send(SlaveFrame.rtu(request))] }
        defer { slave.stop() }
        let bus = rtuBus(slave.path)
        #expect(try bus.ask(.read(7, .input, 0, 6)).values != nil)
        let quiet = Mailbox<Void>()
        let noise = Thread {
            while quiet.take(until: monotonicNow() + 200_000)?.isEmpty == true {
                slave.babble([0x55, 0x00, 0xA7])
            }
        }
        noise.start()
        var conflict = 0
        try eventually("the babble is told") {
            let reply = try bus.ask(.read(7, .input, 0, 6, milliseconds: 200))
            #expect(reply.values == nil || reply.values == reply.request.expected)
            if reply.fault == .garbled(.unrequested), reply.strayBytes > 100 { conflict += 1 }
            return conflict >= 3
        }
        quiet.close()
        try expectRecovery(bus)
    }

    @Test("An adapter that hears itself works, and the echo is counted")
    func echo() throws {
        let slave = try RawSlave.pty { request, _ in
            [.send(request), .wait(milliseconds: 20), .send(SlaveFrame.rtu(request))]
        }
        defer { slave.stop() }
        let bus = rtuBus(slave.path)
        for address in stride(from: UInt16(0), to: 0x400, by: 64) {
            let reply = try bus.ask(.read(7, .coils, address, 20))
            #expect(reply.values == reply.request.expected)
            #expect(reply.strayBytes == 8)
        }
    }

    @Test("Another unit's late frame in the middle of a read is stepped over")
    func foreignFrame() throws {
        let slave = try RawSlave.pty { request, number in
            let foreign = SlaveFrame.rtu(BusRequest.read(9, .input, 0, 6).rtu)
            return number == 0
                ? [.send(foreign), .wait(milliseconds: 20), .send(SlaveFrame.rtu(request))]
                : [.send(SlaveFrame.rtu(request))]
        }
        defer { slave.stop() }
        let reply = try rtuBus(slave.path).ask(.read(7, .input, 40, 6))
        #expect(reply.values == reply.request.expected)
        #expect(reply.strayBytes == 17)
        #expect(reply.strayWasReply)
    }

    @Test("A second master's reply is never taken for ours")
    func secondMaster() throws {
        // While our request is out, another master asks the same unit the same shape elsewhere.
        let foreign = BusRequest.read(7, .input, 0x0800, 6).rtu
        let slave = try RawSlave.pty { request, number in
            number == 0
                ? [.send(foreign), .wait(milliseconds: 60), .send(SlaveFrame.rtu(foreign))]
                : [.send(SlaveFrame.rtu(request))]
        }
        defer { slave.stop() }
        let bus = rtuBus(slave.path)
        let first = try bus.ask(.read(7, .input, 40, 6, milliseconds: 400))
        #expect(first.fault == .garbled(.unrequested))
        try expectRecovery(bus)
    }

    @Test("Random damage to one byte in ten replies: nothing wrong is accepted", arguments: 1...3)
    func noise(seed: UInt64) throws {
        let random = Locked(Scramble(seed: seed))
        let slave = try RawSlave.pty { request, _ in
            var reply = SlaveFrame.rtu(request)
            random.withLock { random in
                guard UInt8.random(in: 0..<10, using: &random) == 0 else { return }
                let index = Int.random(in: 0..<reply.count, using: &random)
                reply[index] ^= UInt8.random(in: 1...255, using: &random)
            }
            return [.send(reply)]
        }
        defer { slave.stop() }
        let bus = rtuBus(slave.path)
        var right = 0
        for number in 0..<200 {
            let request = BusRequest.read(
                UInt8(1 + number % 3),
                .input,
                UInt16(number * 8),
                8,
                milliseconds: 150
            )
            guard let values = try bus.ask(request).values else { continue }
            #expect(values == request.expected, "seed \(seed), read \(number)")
            right += 1
        }
        #expect(right > 100)
    }

    @Test("Bits and registers at the limits of one reply are read", arguments: everyShape)
    func limits(request: BusRequest) throws {
        let slave = try RawSlave.pty { request, _ in [.send(SlaveFrame.rtu(request))] }
        defer { slave.stop() }
        var request = request
        request.responseTimeout = .seconds(20)
        let reply = try rtuBus(slave.path).ask(request)
        #expect(reply.values == request.expected)
        #expect(reply.request == request)
        #expect(reply.received.clock == .synced)
    }

    private func expectRecovery(_ bus: BusMaster) throws {
        try eventually("the next read is right") {
            let reply = try bus.ask(.read(7, .input, 64, 6, milliseconds: 2000))
            #expect(reply.values == nil || reply.values == reply.request.expected)
            return reply.values != nil
        }
    }
}

/// A reply that must be rejected, made from the right one.
struct WrongReply: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var garble: BusFault.Garble
    /// From the request.
    var make: @Sendable ([UInt8]) -> [UInt8]

    private init(
        _ name: String,
        _ garble: BusFault.Garble,
        _ make: @escaping @Sendable ([UInt8]) -> [UInt8]
    ) {
        testDescription = name
        self.garble = garble
        self.make = make
    }

    private static func remade(
        _ request: [UInt8],
        _ change: (inout [UInt8]) -> Void
    ) -> [UInt8] {
        var body = Array(SlaveFrame.rtu(request).dropLast(2))
        change(&body)
        return SlaveFrame.withCRC(body)
    }

    static let all: [WrongReply] = [
        WrongReply("a damaged CRC", .crc) { request in
            var reply = SlaveFrame.rtu(request)
            reply[reply.count - 1] ^= 0x40
            return reply
        },
        WrongReply("a damaged value", .crc) { request in
            var reply = SlaveFrame.rtu(request)
            reply[5] ^= 0x01
            return reply
        },
        WrongReply("another unit", .unit) { remade($0) { $0[0] = 8 } },
        WrongReply("unit 0", .unit) { remade($0) { $0[0] = 0 } },
        WrongReply("another read function", .function) { remade($0) { $0[1] = 4 } },
        WrongReply("a write's answer", .function) {
            SlaveFrame.withCRC([$0[0], 6, 0, 1, 0, 2])
        },
        WrongReply("a function nobody knows", .function) {
            SlaveFrame.withCRC([$0[0], 0x41, 1, 2, 3, 4, 5])
        },
        WrongReply("one register too few", .length) {
            SlaveFrame.rtu(BusRequest.read($0[0], .holding, 0x0200, 5).rtu)
        },
        WrongReply("one register too many", .length) {
            SlaveFrame.rtu(BusRequest.read($0[0], .holding, 0x0200, 7).rtu)
        },
        WrongReply("byte count 0", .length) { SlaveFrame.withCRC([$0[0], $0[1], 0]) },
        WrongReply("byte count 255", .length) { remade($0) { $0[2] = 255 } },
        WrongReply("cut after the header", .length) { Array(SlaveFrame.rtu($0)[0..<3]) },
        WrongReply("one byte", .length) { [$0[0]] },
        WrongReply("one byte missing", .length) { Array(SlaveFrame.rtu($0).dropLast()) },
        WrongReply("one byte too many", .length) { SlaveFrame.rtu($0) + [0] },
        WrongReply("the reply twice", .length) { SlaveFrame.rtu($0) + SlaveFrame.rtu($0) },
        WrongReply("noise", .crc) { _ in [UInt8](repeating: 0xFF, count: 40) },
        WrongReply("zeros", .crc) { _ in [UInt8](repeating: 0, count: 40) },
    ]
}
