/// Appends JSON to a byte buffer that is used again for the next message.
///
/// Hand-written because every reading passes through here: no formatter, no dictionary, no
/// intermediate string longer than one number.
struct ByteWriter {
    private(set) var bytes: [UInt8] = []

    init() { bytes.reserveCapacity(512) }

    /// Empties the buffer and keeps its memory.
    mutating func clear() { bytes.removeAll(keepingCapacity: true) }

    /// Appends literal text, not escaped.
    mutating func text(_ literal: StaticString) {
        bytes.append(
            contentsOf: UnsafeBufferPointer(
                start: literal.utf8Start,
                count: literal.utf8CodeUnitCount
            )
        )
    }

    /// Appends one byte.
    mutating func byte(_ byte: UInt8) { bytes.append(byte) }

    /// Appends bytes that are already JSON.
    mutating func raw(_ encoded: [UInt8]) { bytes.append(contentsOf: encoded) }

    /// Appends the shortest decimal number that reads back as exactly `value`; null where it is not
    /// finite, which JSON cannot say.
    mutating func number(_ value: Double?) {
        guard let value, value.isFinite else { return text("null") }
        var digits = value.description
        digits.withUTF8 { bytes.append(contentsOf: $0) }
    }

    /// Appends a whole number.
    mutating func integer(_ value: UInt64) {
        if value < 10 { return bytes.append(UInt8(ascii: "0") + UInt8(value)) }
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 20) { digits in
            var rest = value
            var first = 20
            while rest > 0 {
                first -= 1
                digits[first] = UInt8(ascii: "0") + UInt8(rest % 10)
                rest /= 10
            }
            bytes.append(contentsOf: UnsafeBufferPointer(rebasing: digits[first..<20]))
        }
    }

    /// Appends a whole number that may be negative.
    mutating func signed(_ value: Int64) {
        if value < 0 { bytes.append(UInt8(ascii: "-")) }
        integer(value.magnitude)
    }

    /// Appends sixteen hexadecimal digits in quotes.
    mutating func hex16(_ value: UInt64) {
        bytes.append(UInt8(ascii: "\""))
        for shift in stride(from: 60, through: 0, by: -4) {
            let digit = UInt8(truncatingIfNeeded: value >> UInt64(shift)) & 0xF
            bytes.append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") - 10 + digit)
        }
        bytes.append(UInt8(ascii: "\""))
    }

    /// Appends a quoted string, escaped as RFC 8259 section 7 asks.
    mutating func string(_ value: String) {
        bytes.append(UInt8(ascii: "\""))
        var value = value
        value.withUTF8 { utf8 in
            for byte in utf8 { escaped(byte) }
        }
        bytes.append(UInt8(ascii: "\""))
    }

    /// Appends a quoted string, or null.
    mutating func string(orNull value: String?) {
        if let value { string(value) } else { text("null") }
    }

    private mutating func escaped(_ byte: UInt8) {
        switch byte {
        case UInt8(ascii: "\""): text("\\\"")
        case UInt8(ascii: "\\"): text("\\\\")
        case 0x0A: text("\\n")
        case 0x0D: text("\\r")
        case 0x09: text("\\t")
        case 0..<0x20:
            text("\\u00")
            bytes.append(UInt8(ascii: "0") + (byte >> 4))
            let low = byte & 0xF
            bytes.append(low < 10 ? UInt8(ascii: "0") + low : UInt8(ascii: "a") - 10 + low)
        default: bytes.append(byte)
        }
    }
}
