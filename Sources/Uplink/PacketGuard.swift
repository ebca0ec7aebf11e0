/// Looks at every packet from the broker before libmosquitto does.
///
/// The library aborts the process on a property that it does not know, and takes a packet of any
/// length into memory. So it is given whole, well-formed packets only, of the types that a broker
/// may send to a client that publishes and subscribes with QoS 0 and 1; anything else ends the
/// connection. A PUBLISH that is too large is not: its payload is replaced by one byte that is no
/// text, so that it is acknowledged, dropped and counted, and does not come again.
struct PacketGuard {
    /// What is wrong, in words.
    struct Malformed: Error, Equatable {
        var words: String
        init(_ words: String) { self.words = words }
    }

    private let isVersion5: Bool
    /// The packet under way, its fixed header included.
    private var packet: [UInt8] = []
    /// Bytes of the fixed header; 0 while it is not complete.
    private var header = 0
    private var remaining = 0
    /// Payload bytes still to be thrown away.
    private var discarding = 0
    private var isConnected = false
    /// The reason of the broker's DISCONNECT (MQTT 5), once there was one.
    private(set) var disconnectReason: UInt8?

    init(isVersion5: Bool) { self.isVersion5 = isVersion5 }

    /// Takes bytes as they come; appends every whole packet that may pass to `passed`.
    mutating func take(_ bytes: UnsafeRawBufferPointer, passed: inout [UInt8]) throws(Malformed) {
        var index = 0
        while index < bytes.count {
            if discarding > 0 {
                let count = min(discarding, bytes.count - index)
                discarding -= count
                index += count
                if discarding == 0 { try pass(&passed) }
            } else if header == 0 {
                packet.append(bytes[index])
                index += 1
                try readHeader()
                if header > 0, remaining == 0 { try pass(&passed) }
            } else {
                let wanted = min(header + remaining, UplinkLimits.incomingPacketBytes)
                let count = min(wanted - packet.count, bytes.count - index)
                packet.append(contentsOf: bytes[index..<(index + count)])
                index += count
                if packet.count == header + remaining {
                    try pass(&passed)
                } else if packet.count == wanted {
                    try dropPayload()
                }
            }
        }
    }

    private mutating func readHeader() throws(Malformed) {
        guard packet.count > 1 else {
            guard isExpected(packet[0]) else {
                throw Malformed("a packet of type 0x\(String(packet[0], radix: 16))")
            }
            return
        }
        guard packet[packet.count - 1] < 0x80 else {
            guard packet.count < 5 else { throw Malformed("a length of more than four bytes") }
            return
        }
        header = packet.count
        remaining = 0
        for (place, byte) in packet[1...].enumerated() {
            remaining |= Int(byte & 0x7F) << (7 * place)
        }
        let isPublish = packet[0] & 0xF0 == 0x30
        guard isPublish || remaining <= UplinkLimits.controlPacketBytes else {
            throw Malformed("a control packet of \(remaining) bytes")
        }
    }

    private func isExpected(_ type: UInt8) -> Bool {
        guard isConnected else { return type == 0x20 }
        return switch type {
        case 0x30, 0x31, 0x32, 0x33, 0x3A, 0x3B, 0x40, 0x90, 0xD0: true
        case 0xE0: isVersion5
        default: false
        }
    }

    /// Keeps the head of a PUBLISH that is too large and gives it a payload of one byte.
    private mutating func dropPayload() throws(Malformed) {
        var body = Body(packet[header...])
        try readPublishHead(&body)
        let kept = body.index - header
        discarding = remaining - (packet.count - header)
        let head = packet[header..<(header + kept)] + [0xFF]
        var length = head.count
        var rewritten = [packet[0]]
        repeat {
            let rest = length >> 7
            rewritten.append(UInt8(length & 0x7F) | (rest > 0 ? 0x80 : 0))
            length = rest
        } while length > 0
        header = rewritten.count
        remaining = head.count
        packet = rewritten + head
    }

    private mutating func pass(_ passed: inout [UInt8]) throws(Malformed) {
        try check()
        passed.append(contentsOf: packet)
        packet.removeAll(keepingCapacity: true)
        header = 0
    }

    private mutating func check() throws(Malformed) {
        var body = Body(packet[header...])
        switch packet[0] & 0xF0 {
        case 0x20:
            try body.skip(2)
            // An older broker answers MQTT 5 in the older form.
            if isVersion5, !body.isAtEnd { try body.skipProperties() }
            try body.end()
            isConnected = true
        case 0x30: try readPublishHead(&body)
        case 0x40:
            guard try body.integer16() > 0 else { throw Malformed("packet id 0") }
            if isVersion5, !body.isAtEnd { try body.skip(1) }
            if isVersion5, !body.isAtEnd { try body.skipProperties() }
            try body.end()
        case 0x90:
            guard try body.integer16() > 0 else { throw Malformed("packet id 0") }
            if isVersion5 { try body.skipProperties() }
            guard !body.isAtEnd else { throw Malformed("a SUBACK without a code") }
        case 0xE0:
            disconnectReason = 0
            if !body.isAtEnd { disconnectReason = try body.byte() }
            if !body.isAtEnd { try body.skipProperties() }
            try body.end()
        default: try body.end()
        }
    }

    private func readPublishHead(_ body: inout Body) throws(Malformed) {
        let topic = try body.integer16()
        guard topic > 0 else { throw Malformed("an empty topic") }
        try body.skip(topic)
        if packet[0] & 0x06 != 0 {
            guard try body.integer16() > 0 else { throw Malformed("packet id 0") }
        }
        if isVersion5 { try body.skipProperties() }
    }
}

/// The part of a packet behind its fixed header.
private struct Body {
    private let bytes: ArraySlice<UInt8>
    private(set) var index: Int

    init(_ bytes: ArraySlice<UInt8>) {
        self.bytes = bytes
        index = bytes.startIndex
    }

    var isAtEnd: Bool { index == bytes.endIndex }

    mutating func end() throws(PacketGuard.Malformed) {
        guard isAtEnd else { throw PacketGuard.Malformed("bytes behind the end") }
    }

    mutating func skip(_ count: Int) throws(PacketGuard.Malformed) {
        guard count <= bytes.endIndex - index else {
            throw PacketGuard.Malformed("a packet that ends early")
        }
        index += count
    }

    mutating func byte() throws(PacketGuard.Malformed) -> UInt8 {
        try skip(1)
        return bytes[index - 1]
    }

    mutating func integer16() throws(PacketGuard.Malformed) -> Int {
        let high = try byte()
        return try Int(high) << 8 | Int(byte())
    }

    mutating func variableInteger() throws(PacketGuard.Malformed) -> Int {
        var value = 0
        for place in 0..<4 {
            let byte = try byte()
            value |= Int(byte & 0x7F) << (7 * place)
            if byte < 0x80 { return value }
        }
        throw PacketGuard.Malformed("a number of more than four bytes")
    }

    /// Walks over the properties (OASIS MQTT 5.0, 2.2.2.2): every one known and whole.
    mutating func skipProperties() throws(PacketGuard.Malformed) {
        let length = try variableInteger()
        let start = index
        guard length <= bytes.endIndex - index else {
            throw PacketGuard.Malformed("properties that end early")
        }
        while index - start < length {
            switch try byte() {
            case 0x01, 0x17, 0x19, 0x24, 0x25, 0x28, 0x29, 0x2A: try skip(1)
            case 0x13, 0x21, 0x22, 0x23: try skip(2)
            case 0x02, 0x11, 0x18, 0x27: try skip(4)
            case 0x0B: _ = try variableInteger()
            case 0x03, 0x08, 0x09, 0x12, 0x15, 0x16, 0x1A, 0x1C, 0x1F: try skip(integer16())
            case 0x26:
                try skip(integer16())
                try skip(integer16())
            case let other: throw PacketGuard.Malformed("an unknown property \(other)")
            }
        }
        guard index - start == length else {
            throw PacketGuard.Malformed("properties that end early")
        }
    }
}
