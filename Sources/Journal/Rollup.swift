import Signal

/// What is kept of many readings of one instrument: how many, between what, about what, and how
/// far to trust them.
public struct Rollup: Hashable, Sendable {
    /// Readings that carried a usable (good or uncertain) value.
    public private(set) var count: UInt64
    /// Lowest, highest and mean of the usable values; nil where there were none.
    public private(set) var values: Values?
    /// The worst quality of all readings, usable or not.
    public private(set) var worst: Quality

    /// The three figures, in the instrument's unit.
    public struct Values: Hashable, Sendable {
        /// Lowest value.
        public var lowest: Double
        /// Highest value.
        public var highest: Double
        /// Arithmetic mean.
        public var mean: Double

        /// The three together.
        public init(lowest: Double, highest: Double, mean: Double) {
            self.lowest = lowest
            self.highest = highest
            self.mean = mean
        }
    }

    init(count: UInt64, values: Values?, worst: Quality) {
        self.count = values == nil ? 0 : count
        self.values = count == 0 ? nil : values
        self.worst = worst
    }

    /// The rollup of a single reading.
    public init(_ value: Double?, quality: Quality) {
        worst = quality
        guard let value, quality.level != .bad else {
            count = 0
            values = nil
            return
        }
        count = 1
        values = Values(lowest: value, highest: value, mean: value)
    }

    /// Adds the readings of another rollup, which must not be in this one already.
    public mutating func merge(_ other: Rollup) {
        worst = Rollup.worse(worst, other.worst)
        guard let theirs = other.values else { return }
        guard let ours = values else {
            count = other.count
            values = theirs
            return
        }
        count &+= other.count
        let share = Double(other.count) / Double(max(count, 1))
        // Weighted without a sum, which could overflow: halfway between two finite numbers is finite.
        values = Values(
            lowest: min(ours.lowest, theirs.lowest),
            highest: max(ours.highest, theirs.highest),
            mean: ours.mean * (1 - share) + theirs.mean * share
        )
    }

    /// The worse of two: by level, then by code, so that merging in any order gives the same.
    private static func worse(_ a: Quality, _ b: Quality) -> Quality {
        a.rawValue >= b.rawValue ? a : b
    }
}

/// How coarse a rollup is.
public enum RollupLevel: UInt8, Hashable, Sendable, CaseIterable {
    case minute = 0
    case hour = 1
    case day = 2

    /// Length of one bucket.
    public var width: Nanoseconds {
        switch self {
        case .minute: .seconds(60)
        case .hour: .seconds(3_600)
        case .day: .seconds(86_400)
        }
    }

    /// Buckets in one stored row of one instrument: an hour of minutes, a day of hours, 32 days.
    var bucketsPerRow: Int64 {
        switch self {
        case .minute: 60
        case .hour: 24
        case .day: 32
        }
    }

    var coarser: RollupLevel? { RollupLevel(rawValue: rawValue + 1) }
    var finer: RollupLevel? { rawValue == 0 ? nil : RollupLevel(rawValue: rawValue - 1) }

    /// The number of the bucket that holds `time`, counted from 1970.
    func bucket(of time: WallTime) -> Int64 {
        let width = width.count
        let (quotient, rest) = time.nanosecondsSince1970.quotientAndRemainder(dividingBy: width)
        return rest < 0 ? quotient - 1 : quotient
    }

    /// When bucket `number` starts.
    func start(of number: Int64) -> WallTime {
        WallTime(nanosecondsSince1970: number.multipliedReportingOverflow(by: width.count).0)
    }

    /// The row that holds bucket `number`.
    func row(of number: Int64) -> Int64 {
        number >= 0 ? number / bucketsPerRow : (number + 1) / bucketsPerRow - 1
    }
}

/// The minutes of the readings that are stored but not yet rolled up in the database.
struct MinuteRollups {
    private(set) var minutes: [Int64: [UInt32: Rollup]] = [:]
    private var open: (minute: Int64, from: Int64, to: Int64)?
    private var current: [UInt32: Rollup] = [:]

    var isEmpty: Bool { minutes.isEmpty && current.isEmpty }

    /// Adds one reading taken at `time`.
    mutating func add(_ reading: Reading, at time: WallTime) {
        let nanoseconds = time.nanosecondsSince1970
        if let open, nanoseconds >= open.from, nanoseconds < open.to {
        } else {
            close()
            let minute = RollupLevel.minute.bucket(of: time)
            let from = RollupLevel.minute.start(of: minute)
            open = (minute, from.nanosecondsSince1970, (from + .seconds(60)).nanosecondsSince1970)
        }
        let single = Rollup(reading.value, quality: reading.quality)
        let id = reading.instrument.rawValue
        if current[id]?.merge(single) == nil { current[id] = single }
    }

    /// Every minute, the running one too.
    mutating func all() -> [Int64: [UInt32: Rollup]] {
        close()
        return minutes
    }

    private mutating func close() {
        guard let minute = open?.minute else { return }
        minutes[minute, default: [:]].merge(current) { old, new in
            var both = old
            both.merge(new)
            return both
        }
        current.removeAll(keepingCapacity: true)
        open = nil
    }
}
