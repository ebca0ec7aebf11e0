/// CRC-32C (Castagnoli): finds every burst of up to 32 flipped bits, which SQLite itself does not.
struct Checksum {
    private var state: UInt32 = .max

    /// The checksum of all that was added.
    var value: UInt32 { ~state }

    /// Adds bytes.
    mutating func add(_ bytes: some Sequence<UInt8>) {
        var crc = state
        let table = Checksum.table
        let done: Void? = bytes.withContiguousStorageIfAvailable { buffer in
            for byte in buffer {
                crc = table[Int(UInt8(truncatingIfNeeded: crc) ^ byte)] ^ (crc >> 8)
            }
        }
        if done == nil {
            for byte in bytes {
                crc = table[Int(UInt8(truncatingIfNeeded: crc) ^ byte)] ^ (crc >> 8)
            }
        }
        state = crc
    }

    /// Adds an integer, low byte first: a row's key, so that a body under another key is found.
    mutating func add(_ integer: Int64) {
        withUnsafeBytes(of: integer.littleEndian) { add($0) }
    }

    /// The checksum of `bytes` stored under `key`.
    static func of(_ bytes: some Sequence<UInt8>, key: Int64) -> UInt32 {
        var sum = Checksum()
        sum.add(key)
        sum.add(bytes)
        return sum.value
    }

    private static let table: [UInt32] = (0..<256).map { index in
        (0..<8).reduce(UInt32(index)) { crc, _ in
            crc & 1 == 1 ? (crc >> 1) ^ 0x82F6_3B78 : crc >> 1
        }
    }
}
