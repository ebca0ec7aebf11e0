import GatewayCore
import TestSupport
import Testing

@testable import Fieldbus

@Suite("The last exchange with every unit is kept")
struct LastFramesTests {
    private let one = UnitAddress(rawValue: 1)

    @Test("Request and reply are kept byte by byte, of every unit its own")
    func whole() throws {
        let slave = try RawSlave.tcp { request, _ in [.send(SlaveFrame.tcp(request))] }
        defer { slave.stop() }
        let bus = tcpBus(slave.port)
        #expect(bus.lastFrames.isEmpty)
        _ = try bus.ask(.read(1, .input, 7, 2))
        _ = try bus.ask(.read(2, .holding, 0, 1))
        let frames = try #require(bus.lastFrames[one])
        #expect(frames.request.suffix(6) == [1, 4, 0, 7, 0, 2])
        let values = [SlaveFrame.register(7), SlaveFrame.register(8)]
        #expect(frames.reply.suffix(7) == [1, 4, 4] + values.flatMap { SlaveFrame.word(Int($0)) })
        #expect(frames.at.nanosecondsSince1970 > 0)
        #expect(bus.lastFrames[UnitAddress(rawValue: 2)]?.request.suffix(6) == [2, 3, 0, 0, 0, 1])
    }

    @Test("What is thrown away as no answer is kept to be looked at")
    func wrong() throws {
        let nonsense: [UInt8] = [9, 9, 9, 9, 0, 3, 1, 2, 3]
        let slave = try RawSlave.tcp { _, _ in [.send(nonsense)] }
        defer { slave.stop() }
        let bus = tcpBus(slave.port)
        #expect(try bus.ask(.read(1, .input, 0, 1)).fault != nil)
        #expect(bus.lastFrames[one]?.reply == nonsense)
    }

    @Test("A silent unit leaves its request and no reply")
    func silent() throws {
        let slave = try RawSlave.tcp { request, number in
            number == 0 ? [.send(SlaveFrame.tcp(request))] : []
        }
        defer { slave.stop() }
        let bus = tcpBus(slave.port)
        _ = try bus.ask(.read(1, .input, 0, 1))
        #expect(try bus.ask(.read(1, .input, 3, 1, milliseconds: 100)).fault == .silent)
        let frames = try #require(bus.lastFrames[one])
        #expect(frames.request.suffix(6) == [1, 4, 0, 3, 0, 1])
        #expect(frames.reply.isEmpty)
    }

    @Test("Of an answer that does not end, as much is kept as a frame may have")
    func bounded() throws {
        let slave = try RawSlave.tcp { request, _ in
            [.send(Array(request.prefix(4)) + [0, 254] + Array(repeating: 0xAA, count: 400))]
        }
        defer { slave.stop() }
        let bus = tcpBus(slave.port)
        #expect(try bus.ask(.read(1, .input, 0, 1)).fault != nil)
        #expect(bus.lastFrames[one]?.reply.count == Limits.frameBytes)
    }
}
