import Foundation
import GatewayCore
import Runtime
import Signal
import TestSupport
import Testing

@testable import Fieldbus

@Suite("TCP against a slave that misbehaves")
struct TCPTests {
    @Test("Bits and registers at the limits of one reply are read", arguments: everyShape)
    func limits(request: BusRequest) throws {
        let slave = try RawSlave.tcp { request, _ in [.send(SlaveFrame.tcp(request))] }
        defer { slave.stop() }
        var request = request
        request.responseTimeout = .seconds(20)
        let reply = try tcpBus(slave.port).ask(request)
        #expect(reply.values == request.expected)
        #expect(reply.received.clock == .synced)
        #expect(reply.strayBytes == 0)
    }

    @Test(
        "A reply late by 1.1 to 5 timeouts never lands on another register",
        arguments: [110, 150, 190, 250, 350, 500]
    )
    func lateReplies(percent: Int) throws {
        let timeout = 200
        let slave = try RawSlave.tcp { request, number in
            let reply = RawSlave.Step.send(SlaveFrame.tcp(request))
            return number % 4 == 1
                ? [.wait(milliseconds: timeout * percent / 100), reply] : [reply]
        }
        defer { slave.stop() }
        let bus = tcpBus(slave.port)
        var right = 0
        var missed = 0
        var address: UInt16 = 0
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
        #expect(slave.connections > 1)
    }

    @Test("A wrong reply is named, its connection never used again", arguments: WrongTCPReply.all)
    func wrongReplies(wrong: WrongTCPReply) throws {
        let slave = try RawSlave.tcp { request, number in
            number == 0 ? [.send(wrong.make(request))] : [.send(SlaveFrame.tcp(request))]
        }
        defer { slave.stop() }
        let bus = tcpBus(slave.port)
        let first = try bus.ask(.read(7, .input, 32, 6, milliseconds: 400))
        #expect(first.fault == .garbled(wrong.garble))
        let next = try bus.ask(.read(7, .input, 64, 6))
        #expect(next.values == next.request.expected)
        #expect(slave.connections == 2)
    }

    @Test("A reply split at every byte is read whole", arguments: 1..<20)
    func split(at end: Int) throws {
        let slave = try RawSlave.tcp { request, _ in
            let reply = SlaveFrame.tcp(request)
            return [
                .send(Array(reply[..<end])), .wait(milliseconds: 20), .send(Array(reply[end...])),
            ]
        }
        defer { slave.stop() }
        let reply = try tcpBus(slave.port).ask(.read(7, .holding, 40, 6))
        #expect(reply.values == reply.request.expected)
    }

    @Test(
        "Every exception is told with its code and keeps the connection",
        arguments: Array(1...11) + [0x7F]
    )
    func exceptions(code: Int) throws {
        let slave = try RawSlave.tcp { request, number in
            number == 0
                ? [
                    .send(
                        SlaveFrame.tcp(
                            transaction: Array(request[0..<2]),
                            unit: request[6],
                            pdu: [request[7] | 0x80, UInt8(code)]
                        )
                    )
                ] : [.send(SlaveFrame.tcp(request))]
        }
        defer { slave.stop() }
        let bus = tcpBus(slave.port)
        #expect(try bus.ask(.read(7, .input, 0, 6)).fault == .refused(code: UInt8(code)))
        let next = try bus.ask(.read(7, .input, 0, 6))
        #expect(next.values == next.request.expected)
        #expect(slave.connections == 1)
    }

    @Test("A doubled reply does not poison the next read")
    func doubled() throws {
        let slave = try RawSlave.tcp { request, number in
            let reply = SlaveFrame.tcp(request)
            return number % 2 == 0
                ? [.send(reply), .wait(milliseconds: 5), .send(reply)] : [.send(reply)]
        }
        defer { slave.stop() }
        let bus = tcpBus(slave.port)
        var strays = 0
        for number in 0..<40 {
            let reply = try bus.ask(.read(7, .input, UInt16(number * 8), 6))
            #expect(reply.values == nil || reply.values == reply.request.expected)
            if reply.strayWasReply { strays += reply.strayBytes }
        }
        #expect(strays % 21 == 0)
    }

    @Test("A slave that dribbles its bytes is bounded by the response timeout")
    func slowBytes() throws {
        let slave = try RawSlave.tcp { request, _ in
            SlaveFrame.tcp(request).flatMap { [.send([$0]), .wait(milliseconds: 200)] }
        }
        defer { slave.stop() }
        let start = monotonicNow()
        let reply = try tcpBus(slave.port).ask(.read(7, .input, 0, 125, milliseconds: 500))
        #expect(reply.fault == .garbled(.length))
        #expect(monotonicNow() - start < 30_000_000_000)
    }

    @Test("A peer that babbles is rejected each time, within the timeout")
    func babble() throws {
        let noise = [UInt8](repeating: 0x55, count: 4096)
        let slave = try RawSlave.tcp { _, _ in [.send(noise), .send(noise), .send(noise)] }
        defer { slave.stop() }
        let bus = tcpBus(slave.port)
        for _ in 0..<20 {
            let reply = try bus.ask(.read(7, .input, 0, 6, milliseconds: 2000))
            if case .linkLost = reply.fault { continue }
            #expect(reply.fault == .garbled(.transaction))
        }
    }

    @Test("A connection that the slave closed while idle is opened again without a failed read")
    func idleClose() throws {
        let slave = try RawSlave.tcp { request, _ in [.send(SlaveFrame.tcp(request)), .hangUp] }
        defer { slave.stop() }
        let bus = tcpBus(slave.port)
        var right = 0
        // A close that arrives just after the next request was sent does cost that one.
        try eventually("20 right reads") {
            let reply = try bus.ask(
                .read(7, .input, 8, 6, quietBefore: .milliseconds(20))
            )
            if reply.values == reply.request.expected { right += 1 }
            return right >= 20
        }
        #expect(slave.connections >= 20)
    }

    @Test("A connection that ends within a reply is a lost link, and the next read connects anew")
    func hangUp() throws {
        let slave = try RawSlave.tcp { request, number in
            let reply = SlaveFrame.tcp(request)
            return number == 0 ? [.send(Array(reply[..<7])), .hangUp] : [.send(reply)]
        }
        defer { slave.stop() }
        let bus = tcpBus(slave.port)
        #expect(try bus.ask(.read(7, .input, 0, 6)).fault == .linkLost(errno: ECONNRESET))
        let next = try bus.ask(.read(7, .input, 0, 6))
        #expect(next.values == next.request.expected)
    }

    @Test("A refused connection is a lost link; the slave is found as soon as it is back")
    func refused() throws {
        let port = try freePort()
        let bus = tcpBus(port)
        #expect(try bus.ask(.read(7, .input, 0, 6)).fault == .linkLost(errno: ECONNREFUSED))
        let slave = try RawSlave.tcp(port: port) { request, _ in [.send(SlaveFrame.tcp(request))] }
        defer { slave.stop() }
        #expect(try bus.ask(.read(7, .input, 0, 6)).values != nil)
    }

    @Test("A host that is no address is refused, not looked up or broadcast to")
    func badHost() throws {
        for host in ["localhost", "127.0.0", "1.2.3.4.5", "", "::g", "256.1.1.1"] {
            let bus = BusMaster(
                BusSettings(
                    id: BusID(rawValue: 0),
                    name: "bad",
                    link: .tcp(host: host, port: 502)
                )
            )
            #expect(try bus.ask(.read(1, .input, 0, 1)).fault == .linkLost(errno: EINVAL))
        }
    }

    @Test("Several units behind one address share its connection, each checked")
    func units() throws {
        let slave = try RawSlave.tcp { request, _ in
            request[6] == 9 ? [] : [.send(SlaveFrame.tcp(request))]
        }
        defer { slave.stop() }
        let bus = tcpBus(slave.port)
        for unit: UInt8 in [1, 2, 0, 255, 17] {
            #expect(try bus.ask(.read(unit, .input, 0, 6)).values != nil)
        }
        #expect(slave.connections == 1)
        #expect(try bus.ask(.read(9, .input, 0, 6, milliseconds: 100)).fault == .silent)
        #expect(try bus.ask(.read(1, .input, 0, 6)).values != nil)
        #expect(slave.connections == 2)
    }

    @Test("After close every request answers ESHUTDOWN, and each is answered once")
    func close() throws {
        let slave = try RawSlave.tcp { request, _ in [.send(SlaveFrame.tcp(request))] }
        defer { slave.stop() }
        let bus = tcpBus(slave.port)
        #expect(try bus.ask(.read(1, .input, 0, 6)).values != nil)
        let replies = Mailbox<BusReply>()
        bus.close()
        for _ in 0..<10 { bus.submit(.read(1, .input, 0, 6)) { replies.post($0) } }
        var seen: [BusReply] = []
        try eventually("10 replies") {
            seen += replies.take(until: monotonicNow() + 10_000_000) ?? []
            return seen.count >= 10
        }
        #expect(seen.allSatisfy { $0.fault == .linkLost(errno: ESHUTDOWN) })
        #expect(seen.count == 10)
    }

    @Test("Replies come in the order of the requests, on the bus's own thread")
    func order() throws {
        let slave = try RawSlave.tcp { request, _ in [.send(SlaveFrame.tcp(request))] }
        defer { slave.stop() }
        let bus = tcpBus(slave.port)
        let replies = Mailbox<(UInt64, String)>()
        for address in 0..<50 {
            bus.submit(.read(1, .input, UInt16(address), 2)) { reply in
                let name = try? String(contentsOfFile: "/proc/thread-self/comm", encoding: .utf8)
                replies.post((reply.request.id, name ?? ""))
            }
        }
        var seen: [(UInt64, String)] = []
        try eventually("50 replies") {
            seen += replies.take(until: monotonicNow() + 10_000_000) ?? []
            return seen.count >= 50
        }
        #expect(seen.map(\.0) == (0..<50).map(UInt64.init))
        #expect(seen.allSatisfy { $0.1 == "bus-tcp\n" })
    }

    @Test("The silences that the settings ask for are kept")
    func silences() throws {
        let times = Locked<[Int64]>([])
        let slave = try RawSlave.tcp { request, _ in
            times.withLock { $0.append(monotonicNow()) }
            return [.send(SlaveFrame.tcp(request))]
        }
        defer { slave.stop() }
        let bus = tcpBus(
            slave.port,
            turnaround: .milliseconds(30),
            unitChangeGap: .milliseconds(50)
        )
        #expect(try bus.ask(.read(1, .input, 0, 1)).values != nil)
        #expect(try bus.ask(.read(1, .input, 1, 1)).values != nil)
        #expect(try bus.ask(.read(2, .input, 0, 1)).values != nil)
        #expect(
            try bus.ask(.read(2, .input, 1, 1, quietBefore: .milliseconds(200))).values != nil
        )
        let gaps = times.withLock { times in zip(times, times.dropFirst()).map { $1 - $0 } }
        #expect(gaps[0] >= 30_000_000)
        #expect(gaps[1] >= 80_000_000)
        #expect(gaps[2] >= 200_000_000)
    }

    @Test("A second program is refused the address while the lock folder is shared")
    func lock() throws {
        let slave = try RawSlave.tcp { request, _ in [.send(SlaveFrame.tcp(request))] }
        defer { slave.stop() }
        let folder = try TemporaryFolder()
        let first = tcpBus(slave.port, lockFolder: folder.path)
        let second = tcpBus(slave.port, lockFolder: folder.path)
        #expect(try first.ask(.read(1, .input, 0, 1)).values != nil)
        let reply = try second.ask(.read(1, .input, 0, 1))
        guard case .portBusy(let holder) = reply.fault else {
            Issue.record("not refused: \(reply.outcome)")
            return
        }
        #expect(holder.contains("pid \(getpid())"))
        first.close()
        #expect(try first.ask(.read(1, .input, 0, 1)).fault == .linkLost(errno: ESHUTDOWN))
        #expect(try second.ask(.read(1, .input, 0, 1)).values != nil)
    }

    @Test("Without a lock folder that exists, the address is used unlocked")
    func noLockFolder() throws {
        let slave = try RawSlave.tcp { request, _ in [.send(SlaveFrame.tcp(request))] }
        defer { slave.stop() }
        let bus = tcpBus(slave.port, lockFolder: "/nonexistent/loopgate")
        #expect(try bus.ask(.read(1, .input, 0, 1)).values != nil)
    }

    @Test("The connection has keepalive, a user timeout, no delay, and is closed with its bus")
    func socketOptions() throws {
        let slave = try RawSlave.tcp { request, _ in [.send(SlaveFrame.tcp(request))] }
        defer { slave.stop() }
        let wire = TCPWire(
            settings: tcpBus(slave.port).settings,
            host: "127.0.0.1",
            port: slave.port,
            lockFolder: nil
        )
        _ = wire.exchange(.read(1, .input, 0, 1))
        func option(_ level: Int32, _ name: Int32) -> Int32 {
            var value: Int32 = -1
            var size = socklen_t(4)
            getsockopt(wire.descriptor, level, name, &value, &size)
            return value
        }
        #expect(option(SOL_SOCKET, SO_KEEPALIVE) == 1)
        #expect(option(Int32(IPPROTO_TCP), TCP_NODELAY) == 1)
        #expect(option(Int32(IPPROTO_TCP), TCP_KEEPIDLE) == 5)
        #expect(option(Int32(IPPROTO_TCP), TCP_USER_TIMEOUT) == 15_000)
        #expect(fcntl(wire.descriptor, F_GETFL) & O_NONBLOCK != 0)
        #expect(fcntl(wire.descriptor, F_GETFD) & FD_CLOEXEC != 0)
        wire.close()
        #expect(wire.descriptor == -1)
    }

    @Test("A request that the protocol does not allow is not sent")
    func illegal() throws {
        let slave = try RawSlave.tcp { request, _ in [.send(SlaveFrame.tcp(request))] }
        defer { slave.stop() }
        let bus = tcpBus(slave.port)
        #expect(try bus.ask(.read(1, .input, 0, 126)).fault == .linkLost(errno: EINVAL))
        #expect(try bus.ask(.read(1, .input, 65535, 2)).fault == .linkLost(errno: EINVAL))
        #expect(slave.requests.isEmpty)
    }
}

/// A TCP reply that must be rejected, made from the request.
struct WrongTCPReply: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var garble: BusFault.Garble
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

    private static func changed(_ request: [UInt8], _ index: Int, _ byte: UInt8) -> [UInt8] {
        var reply = SlaveFrame.tcp(request)
        reply[index] = byte
        return reply
    }

    static let all: [WrongTCPReply] = [
        WrongTCPReply("the transaction before", .transaction) { changed($0, 1, $0[1] &- 1) },
        WrongTCPReply("protocol id 1", .transaction) { changed($0, 3, 1) },
        WrongTCPReply("another unit", .unit) { changed($0, 6, 8) },
        WrongTCPReply("another function", .function) { changed($0, 7, 3) },
        WrongTCPReply("MBAP length 0", .length) { changed($0, 5, 0) },
        WrongTCPReply("MBAP length 1", .length) { changed($0, 5, 1) },
        WrongTCPReply("MBAP length 65535", .length) {
            var reply = changed($0, 5, 255)
            reply[4] = 255
            return reply
        },
        WrongTCPReply("byte count one more", .length) { changed($0, 8, 13) },
        WrongTCPReply("two bytes too many", .length) { SlaveFrame.tcp($0) + [0, 0] },
        WrongTCPReply("two bytes too few", .length) { Array(SlaveFrame.tcp($0).dropLast(2)) },
        WrongTCPReply("one register too few", .length) { request in
            SlaveFrame.tcp(
                transaction: Array(request[0..<2]),
                unit: request[6],
                pdu: SlaveFrame.answer([request[7], 0, 0, 0, 5])
            )
        },
        WrongTCPReply("one byte", .length) { Array($0[0..<1]) },
    ]
}
