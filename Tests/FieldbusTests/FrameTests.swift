import GatewayCore
import Signal
import TestSupport
import Testing

@testable import Fieldbus

@Suite("Frames of Modbus RTU and TCP")
struct FrameTests {
    @Test(
        "A read request is the bytes that the specification prints",
        arguments: [
            // MODBUS Application Protocol V1.1b3, 6.1 to 6.4, with unit 17 in front.
            (RegisterTable.coils, 0x0013, 0x0013, "110100130013"),
            (.discreteInputs, 0x00C4, 0x0016, "110200c40016"),
            (.holding, 0x006B, 0x0003, "1103006b0003"),
            (.input, 0x0008, 0x0001, "110400080001"),
            (.input, 0xFFFF, 0x0001, "1104ffff0001"),
        ]
    )
    func requests(table: RegisterTable, address: Int, count: Int, hex: String) {
        let request = BusRequest.read(17, table, UInt16(address), UInt16(count))
        var rtu = [UInt8](repeating: 0, count: 8)
        ModbusFrame.writeRTU(request, into: &rtu)
        #expect(rtu == SlaveFrame.withCRC(bytes(hex)))
        var tcp = [UInt8](repeating: 0, count: 12)
        ModbusFrame.writeTCP(request, transaction: 0x1501, into: &tcp)
        #expect(tcp == bytes("150100000006" + hex))
    }

    @Test("The CRC is CRC-16/MODBUS: check value 4B37, and the frames of the manuals")
    func crc() {
        #expect(ModbusFrame.sum(Array("123456789".utf8)) == 0x4B37)
        #expect(ModbusFrame.isIntact(bytes("1103006b00037687")))
        #expect(ModbusFrame.isIntact(bytes("010402ffffb880")))
        #expect(!ModbusFrame.isIntact(bytes("010402ffffb881")))
        #expect(ModbusFrame.sum([UInt8]()) == 0xFFFF)
    }

    @Test(
        "A right RTU reply is incomplete at every byte but the last, and then gives its values",
        arguments: everyShape
    )
    func splitRTU(request: BusRequest) {
        let reply = SlaveFrame.rtu(request.rtu)
        for end in 0..<reply.count {
            #expect(ModbusFrame.scan(Array(reply[0..<end])) == .incomplete)
        }
        let whole = ModbusFrame.RTUFrame(
            unit: request.unit.rawValue,
            function: request.table.rawValue,
            body: .data(byteCount: ModbusFrame.byteCount(request)),
            length: reply.count
        )
        #expect(ModbusFrame.scan(reply) == .frame(whole))
        #expect(ModbusFrame.values(reply, at: 3, of: request) == request.expected)
    }

    @Test(
        "A right TCP reply is incomplete at every byte but the last, and then gives its values",
        arguments: everyShape
    )
    func splitTCP(request: BusRequest) {
        let reply = SlaveFrame.tcp(request.tcp(transaction: 0xBEEF))
        for end in 0..<reply.count {
            let verdict = ModbusFrame.judge(
                Array(reply[0..<end]),
                answers: request,
                transaction: 0xBEEF
            )
            #expect(verdict == .incomplete)
        }
        #expect(
            ModbusFrame.judge(reply, answers: request, transaction: 0xBEEF) == .answer
        )
        #expect(ModbusFrame.values(reply, at: 9, of: request) == request.expected)
        #expect(ModbusFrame.isReply(reply))
    }

    @Test("A bit flipped anywhere in an RTU reply is never a frame of its length")
    func flippedRTU() {
        let request = BusRequest.read(3, .input, 100, 8)
        let reply = SlaveFrame.rtu(request.rtu)
        for index in reply.indices {
            for bit in 0..<8 {
                var damaged = reply
                damaged[index] ^= 1 << UInt8(bit)
                if case .frame = ModbusFrame.scan(damaged) {
                    Issue.record("byte \(index) bit \(bit) was not noticed")
                }
            }
        }
    }

    @Test(
        "A TCP reply with anything wrong in its header is rejected and named",
        arguments: [
            ("another transaction", 0, 0xBF, BusFault.Garble.transaction),
            ("another transaction", 1, 0xEE, .transaction),
            ("protocol 0x0100", 2, 1, .transaction),
            ("protocol 0x0001", 3, 1, .transaction),
            ("MBAP length 65299", 4, 0xFF, .length),
            ("MBAP length 0", 5, 0, .length),
            ("MBAP length 1", 5, 1, .length),
            ("MBAP length one less", 5, 18, .length),
            ("MBAP length one more", 5, 20, .length),
            ("another unit", 6, 4, .unit),
            ("another function", 7, 3, .function),
            ("an exception of another function", 7, 0x83, .function),
            ("an exception as long as an answer", 7, 0x84, .length),
            ("byte count 0", 8, 0, .length),
            ("byte count one less", 8, 15, .length),
            ("byte count 255", 8, 255, .length),
        ]
    )
    func wrongTCP(what: String, index: Int, byte: Int, garble: BusFault.Garble) {
        let request = BusRequest.read(3, .input, 100, 8)
        var reply = SlaveFrame.tcp(request.tcp(transaction: 0xBEEF))
        reply[index] = UInt8(byte)
        #expect(
            ModbusFrame.judge(reply, answers: request, transaction: 0xBEEF)
                == .wrong(garble),
            "\(what)"
        )
    }

    @Test("MBAP length 65535 and bytes too many are rejected, bytes too few are waited for")
    func lengthsTCP() {
        let request = BusRequest.read(3, .input, 100, 8)
        var reply = SlaveFrame.tcp(request.tcp(transaction: 1))
        func verdict(_ bytes: [UInt8]) -> ModbusFrame.TCPVerdict {
            ModbusFrame.judge(bytes, answers: request, transaction: 1)
        }
        #expect(verdict(reply + [0]) == .wrong(.length))
        #expect(verdict(reply + reply) == .wrong(.length))
        #expect(verdict(Array(reply.dropLast())) == .incomplete)
        (reply[4], reply[5]) = (0xFF, 0xFF)
        #expect(verdict(reply) == .wrong(.length))
    }

    @Test("Every exception code is told, over RTU and TCP", arguments: 0...255)
    func exceptions(code: Int) {
        let code = UInt8(code)
        let request = BusRequest.read(9, .holding, 0, 1)
        let rtu = SlaveFrame.withCRC([9, 0x83, code])
        let frame = ModbusFrame.RTUFrame(
            unit: 9,
            function: 3,
            body: .exception(code: code),
            length: 5
        )
        #expect(ModbusFrame.scan(rtu) == .frame(frame))
        let tcp = SlaveFrame.tcp(transaction: [0, 7], unit: 9, pdu: [0x83, code])
        #expect(
            ModbusFrame.judge(tcp, answers: request, transaction: 7)
                == .exception(code: code)
        )
    }

    @Test("Another master's request is recognised by its form and CRC")
    func foreignRequests() throws {
        let foreign = BusRequest.read(5, .holding, 0x1300, 10)
        let found = try #require(ModbusFrame.request(foreign.rtu))
        #expect(found.unit == 5)
        #expect(found.shape == ReplyShape(function: 3, byteCount: 20))
        var damaged = foreign.rtu
        damaged[4] ^= 1
        #expect(ModbusFrame.request(damaged) == nil)
        #expect(ModbusFrame.request(foreign.rtu.dropLast()) == nil)
    }

    @Test("Whatever bytes come, no parser traps", arguments: 0..<8)
    func randomBytes(seed: UInt64) {
        var random = Scramble(seed: seed)
        for _ in 0..<4000 {
            let request = everyShape[Int.random(in: 0..<everyShape.count, using: &random)]
            // Some start out right and are damaged; some are noise from the first byte.
            var bytes: [UInt8]
            switch UInt8.random(in: 0..<3, using: &random) {
            case 0: bytes = SlaveFrame.rtu(request.rtu)
            case 1: bytes = SlaveFrame.tcp(request.tcp(transaction: 7))
            default:
                bytes = (0..<Int.random(in: 0..<300, using: &random)).map { _ in
                    UInt8.random(in: 0...255, using: &random)
                }
            }
            for _ in 0..<Int.random(in: 0..<4, using: &random) where !bytes.isEmpty {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(
                    in: 0...255,
                    using: &random
                )
            }
            bytes.removeLast(Int.random(in: 0...bytes.count, using: &random) / 8)
            if case .frame(let frame) = ModbusFrame.scan(bytes) {
                #expect(frame.length <= bytes.count)
            }
            _ = ModbusFrame.request(bytes)
            let verdict = ModbusFrame.judge(bytes, answers: request, transaction: 7)
            if verdict == .answer {
                #expect(
                    ModbusFrame.values(bytes, at: 9, of: request).count
                        == Int(request.count)
                )
            }
        }
    }

    @Test(
        "A request that the protocol does not allow is known for one",
        arguments: [
            (BusRequest.read(1, .holding, 0, 0), false),
            (.read(1, .holding, 0, 125), true), (.read(1, .holding, 0, 126), false),
            (.read(1, .coils, 0, 2000), true), (.read(1, .coils, 0, 2001), false),
            (.read(1, .input, 65535, 1), true), (.read(1, .input, 65535, 2), false),
        ]
    )
    func legality(request: BusRequest, legal: Bool) {
        #expect(ModbusFrame.isLegal(request) == legal)
    }
}

/// Requests of every table with counts at all the edges.
let everyShape: [BusRequest] = [
    .read(1, .holding, 0, 1), .read(247, .input, 0x1500, 12), .read(17, .input, 4000, 125),
    .read(1, .coils, 0, 1), .read(2, .discreteInputs, 19, 8), .read(2, .discreteInputs, 19, 9),
    .read(255, .coils, 7, 2000),
]

/// Bytes written in hexadecimal.
func bytes(_ hex: String) -> [UInt8] {
    let digits = hex.compactMap(\.hexDigitValue)
    return stride(from: 0, to: digits.count - 1, by: 2).map {
        UInt8(digits[$0] << 4 | digits[$0 + 1])
    }
}

/// SplitMix64: a seed replays the run.
struct Scramble: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed }
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
