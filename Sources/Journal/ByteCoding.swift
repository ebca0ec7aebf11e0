/// Stored bytes that do not decode: damaged, or not ours.
struct Undecodable: Error, Hashable {
    /// What was wrong.
    let what: String
    init(_ what: String) { self.what = what }
}

/// Builds a row's body: whole bytes, then, once `bit` coding starts, bits to the end.
struct ByteWriter {
    private(set) var bytes: [UInt8] = []
    private var pending: UInt64 = 0
    private var pendingBits = 0

    init(reserving capacity: Int = 0) { bytes.reserveCapacity(capacity) }

    mutating func put(_ byte: UInt8) { bytes.append(byte) }

    mutating func put(_ more: some Sequence<UInt8>) { bytes.append(contentsOf: more) }

    /// Seven bits a byte, low bits first: small numbers take one byte.
    mutating func put(varint value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }

    mutating func put(signed value: Int64) { put(varint: zigzag(value)) }

    mutating func put(double value: Double) {
        withUnsafeBytes(of: value.bitPattern.littleEndian) { bytes.append(contentsOf: $0) }
    }

    mutating func put(float value: Float) {
        withUnsafeBytes(of: value.bitPattern.littleEndian) { bytes.append(contentsOf: $0) }
    }

    mutating func put(word value: UInt32) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }

    /// The low `count` bits of `value`, 0 to 32 of them.
    mutating func put(bits value: UInt64, count: Int) {
        pending |= (value & ((1 << UInt64(count)) - 1)) << UInt64(pendingBits)
        pendingBits += count
        while pendingBits >= 8 {
            bytes.append(UInt8(truncatingIfNeeded: pending))
            pending >>= 8
            pendingBits -= 8
        }
    }

    /// A Rice code with parameter `k` (0 to 63): cheap where values are about 2^k.
    mutating func put(rice value: UInt64, k: Int) {
        let quotient = value >> UInt64(k)
        guard quotient < UInt64(riceEscape) else {
            put(bits: (1 << UInt64(riceEscape)) - 1, count: riceEscape)
            put(bits: value, count: 32)
            put(bits: value >> 32, count: 32)
            return
        }
        put(bits: (1 << quotient) - 1, count: Int(quotient) + 1)
        if k > 32 {
            put(bits: value, count: 32)
            put(bits: value >> 32, count: k - 32)
        } else {
            put(bits: value, count: k)
        }
    }

    /// Fills the last byte.
    mutating func finishBits() {
        guard pendingBits > 0 else { return }
        bytes.append(UInt8(truncatingIfNeeded: pending))
        pending = 0
        pendingBits = 0
    }
}

/// Reads what `ByteWriter` wrote. Whatever the bytes hold, it throws and never traps.
struct ByteReader {
    private let bytes: ArraySlice<UInt8>
    private var next: Int
    private var pending: UInt64 = 0
    private var pendingBits = 0

    init(_ bytes: ArraySlice<UInt8>) {
        self.bytes = bytes
        next = bytes.startIndex
    }

    /// Bytes not yet read.
    var remaining: Int { bytes.endIndex - next }

    mutating func byte() throws(Undecodable) -> UInt8 {
        guard next < bytes.endIndex else { throw Undecodable("ends too early") }
        defer { next += 1 }
        return bytes[next]
    }

    mutating func varint() throws(Undecodable) -> UInt64 {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while true {
            let byte = try byte()
            guard shift < 63 || byte <= 1 else { throw Undecodable("number too long") }
            value |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return value }
            shift += 7
        }
    }

    mutating func signed() throws(Undecodable) -> Int64 { unzigzag(try varint()) }

    /// A count that must not exceed `limit`: what follows is allocated by it.
    mutating func count(atMost limit: Int) throws(Undecodable) -> Int {
        let value = try varint()
        guard value <= UInt64(limit) else { throw Undecodable("count \(value) above \(limit)") }
        return Int(value)
    }

    mutating func word() throws(Undecodable) -> UInt32 {
        var value: UInt32 = 0
        for shift in stride(from: UInt32(0), to: 32, by: 8) { value |= UInt32(try byte()) << shift }
        return value
    }

    mutating func double() throws(Undecodable) -> Double {
        let low = UInt64(try word())
        return Double(bitPattern: low | UInt64(try word()) << 32)
    }

    mutating func float() throws(Undecodable) -> Float { Float(bitPattern: try word()) }

    mutating func take(_ count: Int) throws(Undecodable) -> ArraySlice<UInt8> {
        guard count >= 0, count <= remaining else { throw Undecodable("ends too early") }
        defer { next += count }
        return bytes[next..<next + count]
    }

    mutating func text(atMost limit: Int) throws(Undecodable) -> String {
        let length = try count(atMost: limit)
        return String(decoding: try take(length), as: UTF8.self)
    }

    /// `count` bits, 0 to 32.
    mutating func bits(_ count: Int) throws(Undecodable) -> UInt64 {
        if pendingBits < count { try refill(count) }
        let value = pending & ((1 << UInt64(count)) - 1)
        pending >>= UInt64(count)
        pendingBits -= count
        return value
    }

    mutating func rice(k: Int) throws(Undecodable) -> UInt64 {
        if pendingBits <= riceEscape { try refill(1) }
        let ones = (~pending).trailingZeroBitCount
        if ones >= riceEscape {
            _ = try bits(riceEscape)
            let low = try bits(32)
            return low | (try bits(32)) << 32
        }
        guard ones < pendingBits else { throw Undecodable("ends too early") }
        pending >>= UInt64(ones + 1)
        pendingBits -= ones + 1
        var low = try bits(min(k, 32))
        if k > 32 { low |= (try bits(k - 32)) << 32 }
        return UInt64(ones) << UInt64(k) | low
    }

    /// Loads bytes until 56 bits are there or the end is reached; throws below `wanted`.
    private mutating func refill(_ wanted: Int) throws(Undecodable) {
        while pendingBits <= 48, next < bytes.endIndex {
            pending |= UInt64(bytes[next]) << UInt64(pendingBits)
            pendingBits += 8
            next += 1
        }
        guard pendingBits >= wanted else { throw Undecodable("ends too early") }
    }
}

/// A unary part this long stands for "64 plain bits follow".
private let riceEscape = 12

/// Signed to unsigned with small magnitudes small: 0, -1, 1, -2 become 0, 1, 2, 3.
@inline(__always) func zigzag(_ value: Int64) -> UInt64 {
    UInt64(bitPattern: (value << 1) ^ (value >> 63))
}

/// The inverse of `zigzag`.
@inline(__always) func unzigzag(_ value: UInt64) -> Int64 {
    Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1)
}

extension Double {
    /// The bit pattern as an integer that rises with the value, so that neighbours differ by one.
    @inline(__always) var ordinal: Int64 {
        let bits = Int64(bitPattern: bitPattern)
        return bits ^ ((bits >> 63) & .max)
    }

    /// The inverse of `ordinal`.
    @inline(__always) init(ordinal: Int64) {
        self.init(bitPattern: UInt64(bitPattern: ordinal ^ ((ordinal >> 63) & .max)))
    }
}

extension Float {
    /// As `Double.ordinal`.
    var ordinal: Int64 {
        let bits = Int32(bitPattern: bitPattern)
        return Int64(bits ^ ((bits >> 31) & .max))
    }

    /// The inverse of `ordinal`; what lies outside 32 bits is cut.
    init(ordinal: Int64) {
        let bits = Int32(truncatingIfNeeded: ordinal)
        self.init(bitPattern: UInt32(bitPattern: bits ^ ((bits >> 31) & .max)))
    }
}

/// A checksummed body: four bytes of CRC-32C over key and payload, then the payload.
enum Sealed {
    static func seal(_ payload: [UInt8], key: Int64) -> [UInt8] {
        var writer = ByteWriter(reserving: payload.count + 4)
        writer.put(word: Checksum.of(payload, key: key))
        writer.put(payload)
        return writer.bytes
    }

    static func open(_ body: [UInt8], key: Int64) throws(Undecodable) -> ArraySlice<UInt8> {
        var reader = ByteReader(body[...])
        let sum = try reader.word()
        let payload = try reader.take(reader.remaining)
        guard Checksum.of(payload, key: key) == sum else { throw Undecodable("checksum differs") }
        return payload
    }
}
