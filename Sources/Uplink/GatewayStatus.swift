import Signal

/// What the retained birth message tells about this run of the gateway.
public struct BirthInfo: Hashable, Sendable {
    /// The epoch of this run.
    public var epoch: UInt64
    /// The run before, if the journal still knows it, and its last stored sequences.
    public var previous: Previous?
    /// The program's version.
    public var version: String
    /// Now; the time is left out while the clock cannot be trusted.
    public var now: Stamp

    /// An earlier run: from its last stored sequences a receiver can tell loss from restart.
    public struct Previous: Hashable, Sendable {
        /// The epoch of that run.
        public var epoch: UInt64
        /// Sequence of its last stored reading; 0: none.
        public var lastReading: UInt64
        /// Sequence of its last stored record; 0: none.
        public var lastRecord: UInt64

        /// The run `epoch` and its last stored sequences.
        public init(epoch: UInt64, lastReading: UInt64, lastRecord: UInt64) {
            self.epoch = epoch
            self.lastReading = lastReading
            self.lastRecord = lastRecord
        }
    }

    /// The facts of a birth message.
    public init(epoch: UInt64, previous: Previous?, version: String, now: Stamp) {
        self.epoch = epoch
        self.previous = previous
        self.version = version
        self.now = now
    }
}

/// The retained status messages on `…/gateways/<id>/status`.
enum GatewayStatus {
    /// Why a gateway is offline.
    enum Absence: String {
        /// The broker's word, by last will: the link broke.
        case lost
        /// The gateway's word: it stopped.
        case stopped
        /// The gateway's word: it went to another broker of its list.
        case moved
    }

    static func online(gateway: String, _ birth: BirthInfo) -> [UInt8] {
        var writer = ByteWriter()
        writer.text("{\"state\":\"online\",\"gateway\":")
        writer.string(gateway)
        writer.text(",\"epoch\":")
        writer.hex16(birth.epoch)
        writer.text(",\"previousEpoch\":")
        if let previous = birth.previous {
            writer.hex16(previous.epoch)
            writer.text(",\"previousLastStored\":{\"readings\":")
            writer.integer(previous.lastReading)
            writer.text(",\"records\":")
            writer.integer(previous.lastRecord)
            writer.text("}")
        } else {
            writer.text("null,\"previousLastStored\":null")
        }
        writer.text(",\"version\":")
        writer.string(birth.version)
        if birth.now.clock.isTrusted {
            writer.text(",\"timestamp\":")
            writer.time(birth.now.wall)
        }
        writer.text("}")
        return writer.bytes
    }

    static func offline(gateway: String, epoch: UInt64, because absence: Absence) -> [UInt8] {
        var writer = ByteWriter()
        writer.text("{\"state\":\"offline\",\"gateway\":")
        writer.string(gateway)
        writer.text(",\"epoch\":")
        writer.hex16(epoch)
        writer.text(",\"reason\":")
        writer.string(absence.rawValue)
        writer.text("}")
        return writer.bytes
    }
}
