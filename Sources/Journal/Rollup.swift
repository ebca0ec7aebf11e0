import GatewayCore
import Signal

/// What is left of an instrument's readings over a minute, an hour or a day.
public struct Rollup: Hashable, Sendable, Codable {
    public var instrument: InstrumentID
    /// Readings of any quality.
    public var count: UInt32
    /// Readings with a value; `minimum`, `maximum` and `mean` are over these and mean nothing at 0.
    public var valued: UInt32
    public var minimum: Double
    public var maximum: Double
    public var mean: Double
    public var worst: Quality

    init(_ reading: Reading) {
        instrument = reading.instrument
        count = 1
        valued = reading.value == nil ? 0 : 1
        minimum = reading.value ?? 0
        maximum = minimum
        mean = minimum
        worst = reading.quality
    }

    init(
        instrument: InstrumentID,
        count: UInt32,
        valued: UInt32,
        minimum: Double,
        maximum: Double,
        mean: Double,
        worst: Quality
    ) {
        self.instrument = instrument
        self.count = count
        self.valued = valued
        self.minimum = minimum
        self.maximum = maximum
        self.mean = mean
        self.worst = worst
    }

    /// Takes the readings behind `other` in.
    mutating func merge(_ other: Rollup) {
        count &+= other.count
        if other.worst.level > worst.level { worst = other.worst }
        guard other.valued > 0 else { return }
        if valued == 0 {
            (minimum, maximum, mean) = (other.minimum, other.maximum, other.mean)
        } else {
            minimum = Swift.min(minimum, other.minimum)
            maximum = Swift.max(maximum, other.maximum)
            let share = Double(other.valued) / (Double(valued) + Double(other.valued))
            mean += (other.mean - mean) * share
        }
        valued &+= other.valued
    }
}

/// The three spans that readings are rolled up over.
public enum RollupTier: Int64, Hashable, Sendable, CaseIterable {
    case minute = 0
    case hour = 1
    case day = 2

    /// The length in seconds.
    public var seconds: Int64 {
        switch self {
        case .minute: 60
        case .hour: 3_600
        case .day: 86_400
        }
    }

    /// The start, in seconds since 1970, of the span that holds `wall`.
    func start(of wall: WallTime) -> Int64 {
        let seconds = Int64((Double(wall.nanosecondsSince1970) / 1e9).rounded(.down))
        return (seconds - ((seconds % self.seconds) + self.seconds) % self.seconds)
    }
}

/// The rollups of all instruments over one span, as one row: sorted by instrument.
enum RollupCodec {
    static func encode(_ rollups: some Collection<Rollup>) -> [UInt8] {
        var out = ByteWriter(reserving: rollups.count * 32)
        out.put(varint: UInt64(rollups.count))
        for rollup in rollups.sorted(by: { $0.instrument < $1.instrument }) {
            out.put(varint: UInt64(rollup.instrument.rawValue))
            out.put(varint: UInt64(rollup.count))
            out.put(varint: UInt64(rollup.valued))
            out.put(rollup.worst.rawValue)
            guard rollup.valued > 0 else { continue }
            // Charts need seven digits of these; the readings themselves are kept exactly.
            out.put(float: Float(rollup.minimum))
            out.put(float: Float(rollup.maximum))
            out.put(float: Float(rollup.mean))
        }
        return out.bytes
    }

    static func decode(_ bytes: ArraySlice<UInt8>) throws(Undecodable) -> [Rollup] {
        var reader = ByteReader(bytes)
        var rollups: [Rollup] = []
        for _ in 0..<(try reader.count(atMost: 1_000_000)) {
            guard let id = UInt32(exactly: try reader.varint()),
                let count = UInt32(exactly: try reader.varint()),
                let valued = UInt32(exactly: try reader.varint()),
                let worst = Quality(rawValue: try reader.byte())
            else { throw Undecodable("rollup out of range") }
            var rollup = Rollup(
                instrument: InstrumentID(rawValue: id),
                count: count,
                valued: valued,
                minimum: 0,
                maximum: 0,
                mean: 0,
                worst: worst
            )
            if valued > 0 {
                rollup.minimum = Double(try reader.float())
                rollup.maximum = Double(try reader.float())
                rollup.mean = Double(try reader.float())
            }
            rollups.append(rollup)
        }
        return rollups
    }
}

/// Readings of the span under way, per tier.
struct RollupAccumulator {
    private(set) var start: Int64?
    private(set) var rollups: [InstrumentID: Rollup] = [:]
    let tier: RollupTier

    init(tier: RollupTier) { self.tier = tier }

    /// Takes a rollup of a smaller span that began at `wall` in; gives the span that this closes.
    mutating func add(
        _ rollup: Rollup,
        at wall: WallTime
    ) -> (start: Int64, rollups: [Rollup])? {
        let begins = tier.start(of: wall)
        var closed: (start: Int64, rollups: [Rollup])?
        if let start, start != begins {
            closed = (start, Array(rollups.values))
            rollups.removeAll(keepingCapacity: true)
        }
        start = begins
        if rollups[rollup.instrument]?.merge(rollup) == nil {
            rollups[rollup.instrument] = rollup
        }
        return closed
    }
}
