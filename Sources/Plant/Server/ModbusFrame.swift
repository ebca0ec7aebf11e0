/// The two envelopes of Modbus (application protocol V1.1b3; serial line V1.02; TCP guide V1.0b).
enum ModbusFrame {
    /// Longest function and data.
    static let longestPDU = 253
    /// Longest frame on a serial line.
    static let longestRTU = 256

    /// A TCP frame; `lengthShift` falsifies its length field.
    static func tcp(
        _ pdu: [UInt8],
        unit: UInt8,
        transaction: UInt16,
        lengthShift: Int = 0
    ) -> [UInt8] {
        let length = UInt16(truncatingIfNeeded: pdu.count + 1 + lengthShift)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(pdu.count + 7)
        bytes.append(UInt8(truncatingIfNeeded: transaction >> 8))
        bytes.append(UInt8(truncatingIfNeeded: transaction))
        bytes.append(0)
        bytes.append(0)
        bytes.append(UInt8(truncatingIfNeeded: length >> 8))
        bytes.append(UInt8(truncatingIfNeeded: length))
        bytes.append(unit)
        bytes.append(contentsOf: pdu)
        return bytes
    }

    /// A serial frame with its checksum.
    static func rtu(_ pdu: [UInt8], unit: UInt8) -> [UInt8] {
        var bytes = [unit] + pdu
        let sum = crc(bytes[...])
        bytes.append(UInt8(truncatingIfNeeded: sum))
        bytes.append(UInt8(truncatingIfNeeded: sum >> 8))
        return bytes
    }

    /// Whether the last two of `frame`'s bytes are the checksum of the others.
    static func checks(_ frame: ArraySlice<UInt8>) -> Bool {
        guard frame.count >= 4 else { return false }
        let sum = crc(frame.dropLast(2))
        return frame[frame.endIndex - 2] == UInt8(truncatingIfNeeded: sum)
            && frame[frame.endIndex - 1] == UInt8(truncatingIfNeeded: sum >> 8)
    }

    /// How many bytes a serial request that begins like `bytes` has; nil where more bytes, or
    /// silence, must tell.
    static func requestLength(_ bytes: ArraySlice<UInt8>) -> Int? {
        guard bytes.count >= 2 else { return nil }
        switch bytes[bytes.startIndex + 1] {
        case 1...6: return 8
        case 15, 16:
            guard bytes.count >= 7 else { return nil }
            return 9 + Int(bytes[bytes.startIndex + 6])
        default: return nil
        }
    }

    /// CRC-16/MODBUS: polynomial 0xA001 reflected, from 0xFFFF.
    static func crc(_ bytes: ArraySlice<UInt8>) -> UInt16 {
        var sum: UInt16 = 0xFFFF
        for byte in bytes {
            sum = (sum >> 8) ^ table[Int(UInt8(truncatingIfNeeded: sum) ^ byte)]
        }
        return sum
    }

    private static let table: [UInt16] = (0..<256).map { index in
        var sum = UInt16(index)
        for _ in 0..<8 { sum = sum & 1 == 0 ? sum >> 1 : (sum >> 1) ^ 0xA001 }
        return sum
    }
}
