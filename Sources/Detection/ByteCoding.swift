/// Appends numbers, little end first, to the bytes that models and detector states are kept in.
struct ByteWriter {
    private(set) var bytes: [UInt8] = []

    mutating func write<Number: FixedWidthInteger>(_ number: Number) {
        withUnsafeBytes(of: number.littleEndian) { bytes.append(contentsOf: $0) }
    }
    mutating func write(_ number: Double) { write(number.bitPattern) }
    mutating func write(_ number: Float) { write(number.bitPattern) }
    mutating func write(_ flag: Bool) { bytes.append(flag ? 1 : 0) }
    mutating func write(_ number: Double?) { write(number ?? .nan) }
    mutating func write(_ more: [UInt8]) {
        write(UInt32(more.count))
        bytes.append(contentsOf: more)
    }
    mutating func append(_ more: some Sequence<UInt8>) { bytes.append(contentsOf: more) }
}

/// Why kept bytes cannot be used.
public enum CodingFault: Error, Hashable, Sendable, CustomStringConvertible {
    /// The bytes end early or hold a number that cannot be.
    case damaged(String)
    /// The checksum does not fit the bytes.
    case checksum
    /// Made by another version of the format.
    case format(found: UInt16, wanted: UInt16)
    /// Made from another set of window features: train again.
    case featureSet(found: UInt16, wanted: UInt16)

    /// What is wrong and what to do.
    public var description: String {
        switch self {
        case .damaged(let what): "damaged: \(what); train again or use another version"
        case .checksum: "the checksum does not fit; train again or use another version"
        case .format(let found, let wanted):
            "format \(found), this program reads \(wanted); train again"
        case .featureSet(let found, let wanted):
            "feature set \(found), this program computes \(wanted); train again"
        }
    }
}

/// Reads what `ByteWriter` wrote; never reads past the end.
struct ByteReader {
    private let bytes: ArraySlice<UInt8>
    private var position: Int

    init(_ bytes: ArraySlice<UInt8>) {
        self.bytes = bytes
        position = bytes.startIndex
    }
    init(_ bytes: [UInt8]) { self.init(bytes[...]) }

    var remaining: Int { bytes.endIndex - position }

    mutating func take(_ count: Int) throws(CodingFault) -> ArraySlice<UInt8> {
        guard count >= 0, count <= remaining else { throw .damaged("ends early") }
        defer { position += count }
        return bytes[position..<position + count]
    }
    mutating func read<Number: FixedWidthInteger>(
        _: Number.Type
    ) throws(CodingFault) -> Number {
        var number: Number = 0
        var shift = 0
        for byte in try take(MemoryLayout<Number>.size) {
            number |= Number(truncatingIfNeeded: byte) << shift
            shift += 8
        }
        return number
    }
    mutating func readDouble() throws(CodingFault) -> Double {
        Double(bitPattern: try read(UInt64.self))
    }
    mutating func readFinite() throws(CodingFault) -> Double {
        let number = try readDouble()
        guard number.isFinite else { throw .damaged("a number is not finite") }
        return number
    }
    mutating func readOptional() throws(CodingFault) -> Double? {
        let number = try readDouble()
        return number.isFinite ? number : nil
    }
    mutating func readFloat() throws(CodingFault) -> Float {
        Float(bitPattern: try read(UInt32.self))
    }
    mutating func readBool() throws(CodingFault) -> Bool { try read(UInt8.self) != 0 }
    mutating func readBytes(limit: Int) throws(CodingFault) -> ArraySlice<UInt8> {
        let count = Int(try read(UInt32.self))
        guard count <= limit else { throw .damaged("a part is too long") }
        return try take(count)
    }
}

/// The 64-bit FNV-1a checksum of `bytes`.
func checksum(_ bytes: some Sequence<UInt8>) -> UInt64 {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
    return hash
}
