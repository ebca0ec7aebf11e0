/// A length of time in whole nanoseconds.
///
/// Eight bytes and plain integer arithmetic: every reading carries several, so `Duration`'s sixteen
/// would show. Arithmetic saturates; no length of time that reaches us from outside can trap.
public struct Nanoseconds: Hashable, Comparable, Sendable, Codable {
    /// The length in nanoseconds; may be negative.
    public var count: Int64

    /// A length of `count` nanoseconds.
    public init(_ count: Int64) { self.count = count }

    /// No time at all.
    public static let zero = Nanoseconds(0)
    /// The longest length that can be expressed, about 292 years.
    public static let max = Nanoseconds(.max)

    /// A length given in seconds; not-a-number gives zero, anything too long saturates.
    public static func seconds(_ seconds: Double) -> Nanoseconds {
        let scaled = seconds * 1e9
        guard scaled == scaled else { return .zero }
        if scaled >= 9.2e18 { return .max }
        if scaled <= -9.2e18 { return Nanoseconds(.min) }
        return Nanoseconds(Int64(scaled.rounded()))
    }
    /// A length given in milliseconds; saturates.
    public static func milliseconds(_ milliseconds: Int) -> Nanoseconds {
        let (product, overflow) = Int64(milliseconds).multipliedReportingOverflow(by: 1_000_000)
        return overflow ? (milliseconds < 0 ? Nanoseconds(.min) : .max) : Nanoseconds(product)
    }

    /// The length in seconds.
    public var seconds: Double { Double(count) / 1e9 }
    /// The length in whole milliseconds, rounded towards zero.
    public var milliseconds: Int64 { count / 1_000_000 }

    /// Whether `a` is the smaller.
    public static func < (a: Nanoseconds, b: Nanoseconds) -> Bool { a.count < b.count }
    /// The sum, saturating.
    public static func + (a: Nanoseconds, b: Nanoseconds) -> Nanoseconds {
        let (sum, overflow) = a.count.addingReportingOverflow(b.count)
        return overflow ? Nanoseconds(b.count < 0 ? .min : .max) : Nanoseconds(sum)
    }
    /// The difference, saturating.
    public static func - (a: Nanoseconds, b: Nanoseconds) -> Nanoseconds {
        let (difference, overflow) = a.count.subtractingReportingOverflow(b.count)
        return overflow ? Nanoseconds(b.count < 0 ? .max : .min) : Nanoseconds(difference)
    }
    /// The length `factor` times over, saturating.
    public static func * (a: Nanoseconds, factor: Int) -> Nanoseconds {
        let (product, overflow) = a.count.multipliedReportingOverflow(by: Int64(factor))
        let negative = (a.count < 0) != (factor < 0)
        return overflow ? Nanoseconds(negative ? .min : .max) : Nanoseconds(product)
    }
}

/// A point on the monotonic clock: the only time that schedules, delays and order are made of.
///
/// Its zero is arbitrary (the machine's boot); it never steps and means nothing after a restart.
public struct MonotonicTime: Hashable, Comparable, Sendable, Codable {
    /// Nanoseconds since the clock's arbitrary zero.
    public var nanoseconds: Int64

    /// The point `nanoseconds` after the clock's zero.
    public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    /// The clock's zero.
    public static let zero = MonotonicTime(nanoseconds: 0)
    /// A point that never comes.
    public static let distantFuture = MonotonicTime(nanoseconds: .max)

    /// Whether `a` is the earlier.
    public static func < (a: MonotonicTime, b: MonotonicTime) -> Bool {
        a.nanoseconds < b.nanoseconds
    }
    /// The point `length` later, saturating.
    public static func + (a: MonotonicTime, length: Nanoseconds) -> MonotonicTime {
        MonotonicTime(nanoseconds: (Nanoseconds(a.nanoseconds) + length).count)
    }
    /// The point `length` earlier, saturating.
    public static func - (a: MonotonicTime, length: Nanoseconds) -> MonotonicTime {
        MonotonicTime(nanoseconds: (Nanoseconds(a.nanoseconds) - length).count)
    }
    /// The time from `b` to `a`.
    public static func - (a: MonotonicTime, b: MonotonicTime) -> Nanoseconds {
        Nanoseconds(a.nanoseconds) - Nanoseconds(b.nanoseconds)
    }
}

/// A point in civil time, UTC, as the box believes it: may step, may be wrong until synced.
public struct WallTime: Hashable, Comparable, Sendable, Codable {
    /// Nanoseconds since 1970-01-01T00:00:00Z, leap seconds not counted.
    public var nanosecondsSince1970: Int64

    /// The point `nanosecondsSince1970` after the Unix epoch.
    public init(nanosecondsSince1970: Int64) { self.nanosecondsSince1970 = nanosecondsSince1970 }

    /// Whether `a` is the earlier.
    public static func < (a: WallTime, b: WallTime) -> Bool {
        a.nanosecondsSince1970 < b.nanosecondsSince1970
    }
    /// The point `length` later, saturating.
    public static func + (a: WallTime, length: Nanoseconds) -> WallTime {
        WallTime(nanosecondsSince1970: (Nanoseconds(a.nanosecondsSince1970) + length).count)
    }
    /// The time from `b` to `a`, as the wall clock tells it.
    public static func - (a: WallTime, b: WallTime) -> Nanoseconds {
        Nanoseconds(a.nanosecondsSince1970) - Nanoseconds(b.nanosecondsSince1970)
    }
}

/// How far the wall clock can be trusted.
public enum ClockState: UInt8, Hashable, Sendable, Codable, CaseIterable {
    /// Before the build date: certainly wrong. Calendar things wait.
    case unset = 0
    /// Restored from a saved file or an untrusted RTC: plausible, may be late by the time off.
    case restored = 1
    /// Disciplined by NTP.
    case synced = 2
    /// An RTC that the configuration declares trustworthy, for plants without NTP.
    case trustedRTC = 3

    /// Whether times taken now may be published as they are.
    public var isTrusted: Bool { self == .synced || self == .trustedRTC }
}

/// When something happened, on both clocks, and what the wall clock was worth.
public struct Stamp: Hashable, Sendable, Codable {
    /// The point on the monotonic clock of the running process.
    public var monotonic: MonotonicTime
    /// The point in civil time as the box believed it.
    public var wall: WallTime
    /// How far `wall` could be trusted then.
    public var clock: ClockState

    /// A stamp of the three.
    public init(monotonic: MonotonicTime, wall: WallTime, clock: ClockState) {
        self.monotonic = monotonic
        self.wall = wall
        self.clock = clock
    }

    /// The stamp as it is once the clock was found to have been off by `offset`: a wall time that
    /// could not be trusted is moved and certain, one that could stays.
    public func corrected(by offset: Nanoseconds) -> Stamp {
        clock.isTrusted ? self : Stamp(monotonic: monotonic, wall: wall + offset, clock: .synced)
    }
}
