import GatewayCore

/// The frames of Modbus as bytes: what a read request looks like, and what a reply must look like.
///
/// Nothing here waits or reads, and no byte of a reply can trap: every index is checked against
/// what has arrived. Layouts: MODBUS Application Protocol V1.1b3 (6.1–6.4, 7), MODBUS over Serial
/// Line V1.02 (2.5.1), MODBUS Messaging on TCP/IP V1.0b (3.1.3).
enum ModbusFrame {
    /// Bytes of a read request with its CRC.
    static let rtuRequestLength = 8
    /// Bytes of a read request with its MBAP header.
    static let tcpRequestLength = 12
    /// The most bytes that a TCP frame has: MBAP header and 253 of PDU.
    static let tcpLimit = 260

    /// How many bytes of data answer `request`: two a register, one for eight bits.
    static func byteCount(_ request: BusRequest) -> Int {
        request.table.isBits ? (Int(request.count) + 7) / 8 : Int(request.count) * 2
    }

    /// Whether `request` asks for no more than the protocol allows in one reply.
    static func isLegal(_ request: BusRequest) -> Bool {
        let most = request.table.isBits ? 2000 : 125
        return request.count >= 1 && Int(request.count) <= most
            && Int(request.address) + Int(request.count) <= 65536
    }

    // MARK: RTU

    /// Writes the RTU request over the first eight bytes of `bytes`.
    static func writeRTU(_ request: BusRequest, into bytes: inout [UInt8]) {
        bytes[0] = request.unit.rawValue
        writePDU(request, into: &bytes, at: 1)
        let sum = crc(bytes.span.extracting(0..<6))
        bytes[6] = UInt8(truncatingIfNeeded: sum)
        bytes[7] = UInt8(truncatingIfNeeded: sum >> 8)
    }

    /// A whole RTU frame with a right CRC.
    struct RTUFrame: Equatable {
        enum Body: Equatable {
            /// A reply with this many bytes of data, from byte 3 on.
            case data(byteCount: Int)
            case exception(code: UInt8)
            /// A frame of a function that we never use.
            case other
        }
        var unit: UInt8
        /// Without the exception bit.
        var function: UInt8
        var body: Body
        /// Bytes, CRC included.
        var length: Int
    }

    /// What stands at the head of the bytes so far.
    enum RTUScan: Equatable {
        /// More bytes are needed.
        case incomplete
        case frame(RTUFrame)
        /// Enough bytes for the frame that the header promises, but the CRC is wrong.
        case broken
    }

    /// Looks for a reply at the head of `bytes`.
    static func scanRTU(_ bytes: Swift.Span<UInt8>) -> RTUScan {
        guard bytes.count >= 3 else { return .incomplete }
        let function = bytes[1]
        let length: Int
        let body: RTUFrame.Body
        switch function {
        case 1...4:
            length = 5 + Int(bytes[2])
            body = .data(byteCount: Int(bytes[2]))
        case 0x80...:
            length = 5
            body = .exception(code: bytes[2])
        case 5, 6, 8, 15, 16:
            length = 8
            body = .other
        case 7:
            length = 5
            body = .other
        case 12, 17, 20, 21, 23:
            length = 5 + Int(bytes[2])
            body = .other
        default:
            // Nobody can tell where this frame ends but the silence after it.
            return .broken
        }
        guard bytes.count >= length else { return .incomplete }
        guard hasRightCRC(bytes, length: length) else { return .broken }
        return .frame(
            RTUFrame(unit: bytes[0], function: function & 0x7F, body: body, length: length)
        )
    }

    /// Another master's read request at the head of `bytes`, if one stands there.
    static func rtuRequest(_ bytes: Swift.Span<UInt8>) -> (unit: UInt8, shape: ReplyShape)? {
        guard bytes.count >= rtuRequestLength, let table = RegisterTable(rawValue: bytes[1]),
            hasRightCRC(bytes, length: rtuRequestLength)
        else { return nil }
        let count = Int(bytes[4]) << 8 | Int(bytes[5])
        let byteCount = table.isBits ? (count + 7) / 8 : count * 2
        return (bytes[0], ReplyShape(function: bytes[1], byteCount: byteCount))
    }

    /// Whether the last two of the first `length` bytes are the CRC of those before.
    static func hasRightCRC(_ bytes: Swift.Span<UInt8>, length: Int) -> Bool {
        guard length >= 4, bytes.count >= length else { return false }
        let sum = crc(bytes.extracting(0..<(length - 2)))
        return bytes[length - 2] == UInt8(truncatingIfNeeded: sum)
            && bytes[length - 1] == UInt8(truncatingIfNeeded: sum >> 8)
    }

    /// CRC-16/MODBUS: reflected polynomial 0xA001, start 0xFFFF; sent low byte first.
    static func crc(_ bytes: Swift.Span<UInt8>) -> UInt16 {
        var sum: UInt16 = 0xFFFF
        for index in 0..<bytes.count {
            sum = (sum >> 8) ^ crcTable[Int(UInt8(truncatingIfNeeded: sum) ^ bytes[index])]
        }
        return sum
    }

    private static let crcTable: [UInt16] = (0..<256).map { start in
        (0..<8).reduce(UInt16(start)) { sum, _ in sum & 1 == 0 ? sum >> 1 : (sum >> 1) ^ 0xA001 }
    }

    // MARK: TCP

    /// Writes the TCP request over the first twelve bytes of `bytes`.
    static func writeTCP(_ request: BusRequest, transaction: UInt16, into bytes: inout [UInt8]) {
        write(transaction, into: &bytes, at: 0)
        write(0, into: &bytes, at: 2)
        write(6, into: &bytes, at: 4)
        bytes[6] = request.unit.rawValue
        writePDU(request, into: &bytes, at: 7)
    }

    /// What the bytes after a TCP request amount to.
    enum TCPVerdict: Equatable {
        /// More bytes are needed, and all so far are right.
        case incomplete
        /// The answer, whole and alone: its data begin at byte 9.
        case answer
        case exception(code: UInt8)
        case wrong(BusFault.Garble)
    }

    /// Holds `bytes` against what must answer `request`: transaction, protocol, length, unit,
    /// function and byte count, each as soon as it is there.
    static func judgeTCP(
        _ bytes: Swift.Span<UInt8>,
        answers request: BusRequest,
        transaction: UInt16
    ) -> TCPVerdict {
        guard bytes.count >= 6 else { return .incomplete }
        guard word(bytes, at: 0) == transaction, word(bytes, at: 2) == 0 else {
            return .wrong(.transaction)
        }
        let length = Int(word(bytes, at: 4))
        let expected = byteCount(request)
        guard length == 3 || length == 3 + expected else { return .wrong(.length) }
        guard bytes.count >= 9 else { return .incomplete }
        guard bytes[6] == request.unit.rawValue else { return .wrong(.unit) }
        let function = bytes[7]
        guard function & 0x7F == request.table.rawValue else { return .wrong(.function) }
        let isException = function & 0x80 != 0
        guard isException == (length == 3), isException || Int(bytes[8]) == expected,
            bytes.count <= 6 + length
        else { return .wrong(.length) }
        guard bytes.count == 6 + length else { return .incomplete }
        return isException ? .exception(code: bytes[8]) : .answer
    }

    /// Whether `bytes` are one whole reply of the protocol's form, whoever's it is.
    static func isTCPReply(_ bytes: Swift.Span<UInt8>) -> Bool {
        bytes.count >= 9 && word(bytes, at: 2) == 0
            && Int(word(bytes, at: 4)) == bytes.count - 6
    }

    // MARK: Data

    /// The words of a reply whose data begin at `start`: one per register, 0 or 1 per bit.
    /// The caller has checked that all of them are there.
    static func values(
        _ bytes: Swift.Span<UInt8>,
        from start: Int,
        of request: BusRequest
    ) -> [UInt16] {
        precondition(bytes.count >= start + byteCount(request), "judge the frame first")
        let isBits = request.table.isBits
        return [UInt16](unsafeUninitializedCapacity: Int(request.count)) { words, count in
            count = Int(request.count)
            for index in 0..<count {
                words[index] =
                    isBits
                    ? UInt16(bytes[start + index / 8] >> UInt8(index % 8) & 1)
                    : word(bytes, at: start + index * 2)
            }
        }
    }

    private static func word(_ bytes: Swift.Span<UInt8>, at index: Int) -> UInt16 {
        UInt16(bytes[index]) << 8 | UInt16(bytes[index + 1])
    }

    private static func writePDU(_ request: BusRequest, into bytes: inout [UInt8], at start: Int) {
        bytes[start] = request.table.rawValue
        write(request.address, into: &bytes, at: start + 1)
        write(request.count, into: &bytes, at: start + 3)
    }

    private static func write(_ word: UInt16, into bytes: inout [UInt8], at index: Int) {
        bytes[index] = UInt8(truncatingIfNeeded: word >> 8)
        bytes[index + 1] = UInt8(truncatingIfNeeded: word)
    }
}
