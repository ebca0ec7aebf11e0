import Signal

/// A bus by its place in the configuration.
public struct BusID: RawRepresentable, Hashable, Sendable, Codable, Comparable {
    public var rawValue: Int
    public init(rawValue: Int) { self.rawValue = rawValue }
    public static func < (a: BusID, b: BusID) -> Bool { a.rawValue < b.rawValue }
}

/// One serial port or one TCP address: one thread, one owner, one transaction at a time.
public struct BusSettings: Hashable, Sendable {
    public var id: BusID
    public var name: String
    public var link: BusLink
    /// How long to wait for a whole reply.
    public var responseTimeout: Nanoseconds
    /// Silence kept after a reply before the next request, beside RTU's own 3.5 characters.
    public var turnaround: Nanoseconds
    /// Further silence when the next request goes to another unit.
    public var unitChangeGap: Nanoseconds

    public init(
        id: BusID,
        name: String,
        link: BusLink,
        responseTimeout: Nanoseconds = .seconds(1),
        turnaround: Nanoseconds = .zero,
        unitChangeGap: Nanoseconds = .zero
    ) {
        self.id = id
        self.name = name
        self.link = link
        self.responseTimeout = responseTimeout
        self.turnaround = turnaround
        self.unitChangeGap = unitChangeGap
    }
}

/// What a bus runs over.
public enum BusLink: Hashable, Sendable {
    case rtu(SerialSettings)
    /// An IPv4 or IPv6 literal, checked, and a port.
    case tcp(host: String, port: UInt16)
}

/// A serial port as Modbus RTU uses it: eight data bits.
public struct SerialSettings: Hashable, Sendable {
    public enum Parity: String, Hashable, Sendable { case none, even, odd }
    /// Who turns the transceiver round.
    public enum Direction: String, Hashable, Sendable {
        /// The adapter senses it; nothing is asked of the kernel.
        case automatic
        /// The kernel's RS-485 mode (TIOCSRS485), DE active while RTS is high.
        case kernel
        /// The kernel's RS-485 mode with RTS low while sending.
        case kernelInverted = "kernel-inverted"
        /// libmodbus toggles RTS around each frame: high while sending.
        case rts
        /// libmodbus toggles RTS around each frame: low while sending.
        case rtsInverted = "rts-inverted"
    }
    /// A path, preferably below `/dev/serial/by-id`, so that a re-plugged adapter is found again.
    public var path: String
    /// Bits per second, 1200 to 115200.
    public var baud: Int
    public var parity: Parity
    /// 1 or 2.
    public var stopBits: Int
    public var direction: Direction

    public init(
        path: String,
        baud: Int = 9600,
        parity: Parity = .none,
        stopBits: Int = 1,
        direction: Direction = .automatic
    ) {
        self.path = path
        self.baud = baud
        self.parity = parity
        self.stopBits = stopBits
        self.direction = direction
    }

    /// Bits on the wire for one character: start, eight data, parity, stop.
    public var bitsPerCharacter: Int { 1 + 8 + (parity == .none ? 0 : 1) + stopBits }
    /// The time `characters` take on the wire.
    public func time(characters: Double) -> Nanoseconds {
        .seconds(characters * Double(bitsPerCharacter) / Double(baud))
    }
    /// The silence that ends a frame: 3.5 characters, and 1.75 ms above 19200 baud
    /// (MODBUS over Serial Line V1.02, 2.5.1.1).
    public var silentInterval: Nanoseconds {
        baud > 19200 ? Nanoseconds(1_750_000) : time(characters: 3.5)
    }
}
