/// The currents that NE 43 (or a vendor's own set) gives a meaning to, in mA.
public struct NE43Limits: Hashable, Sendable {
    /// At or below: failure, low.
    public var failLow: Double
    /// Below: saturated low; between `failLow` and this: undefined.
    public var measureLow: Double
    /// Above: undefined; up to this: saturated high.
    public var measureHigh: Double
    /// At or above: failure, high.
    public var failHigh: Double
    /// How long a failure current must last before it is one.
    public var dwell: Nanoseconds
    /// At or below: no loop at all. A two-wire transmitter cannot live on less than about 3 mA, so
    /// what is left at 1 mA is leakage and converter offset: a broken wire or no supply.
    public var wireBreak: Double
    /// How long after its supply comes (or the gateway starts) a transmitter may show a failure
    /// current because it is starting up.
    public var startupGrace: Nanoseconds

    /// Limits as given, unchecked: see `problems`.
    public init(
        failLow: Double = 3.6,
        measureLow: Double = 3.8,
        measureHigh: Double = 20.5,
        failHigh: Double = 21.0,
        dwell: Nanoseconds = .seconds(4),
        wireBreak: Double = 1.0,
        startupGrace: Nanoseconds = .zero
    ) {
        self.failLow = failLow
        self.measureLow = measureLow
        self.measureHigh = measureHigh
        self.failHigh = failHigh
        self.dwell = dwell
        self.wireBreak = wireBreak
        self.startupGrace = startupGrace
    }

    /// NAMUR NE 43: ≤ 3.6 and ≥ 21.0 mA failed, 3.8–20.5 mA measuring, 4 s dwell.
    public static let namur = NE43Limits()
    /// Rosemount's own levels: ≤ 3.75 and ≥ 21.75 mA failed, 3.9–20.8 mA measuring. A device at
    /// 20.8 mA is saturated, not failed.
    public static let rosemount = NE43Limits(
        failLow: 3.75,
        measureLow: 3.9,
        measureHigh: 20.8,
        failHigh: 21.75
    )

    /// The sets of levels that have a name.
    public enum Preset: String, Hashable, Sendable, CaseIterable {
        /// `NE43Limits.namur`.
        case namur
        /// `NE43Limits.rosemount`.
        case rosemount
    }

    /// The levels of a named set.
    public init(_ preset: Preset) {
        switch preset {
        case .namur: self = .namur
        case .rosemount: self = .rosemount
        }
    }

    /// One of the limits, by name.
    public enum Limit: String, Hashable, Sendable, CaseIterable {
        case failLow, measureLow, measureHigh, failHigh, dwell, wireBreak, startupGrace
    }

    /// A limit that cannot be: which, and what to do about it.
    public struct Problem: Error, Hashable, Sendable {
        /// The limit at fault.
        public var limit: Limit
        /// What is wrong and how to mend it, in words.
        public var text: String
    }

    /// Least distance in mA between saturation and failure, so that a card's own error cannot
    /// turn one into the other.
    public static let leastMargin = 0.1

    /// What is wrong with these limits, every fault at once; empty: nothing.
    public var problems: [Problem] {
        var found: [Problem] = []
        func check(_ holds: Bool, _ limit: Limit, _ text: String) {
            if !holds { found.append(Problem(limit: limit, text: text)) }
        }
        let currents: [(Limit, Double)] = [
            (.wireBreak, wireBreak), (.failLow, failLow), (.measureLow, measureLow),
            (.measureHigh, measureHigh), (.failHigh, failHigh),
        ]
        for (limit, milliamps) in currents where !milliamps.isFinite {
            check(false, limit, "is not a number; give a current in mA")
        }
        guard found.isEmpty else { return found }
        let margin = NE43Limits.leastMargin - LoopStatus.resolution
        check(wireBreak >= 0, .wireBreak, "is below 0 mA; give 0 to 3 mA, usually 1")
        check(wireBreak < failLow, .wireBreak, "is not below the low failure current; give about 1")
        check(
            measureLow - failLow >= margin,
            .failLow,
            "is not 0.1 mA or more below the lower end of measuring; lower it"
        )
        check(measureLow <= 4, .measureLow, "is above 4 mA; give 3.8 to 4")
        check(measureHigh >= 20, .measureHigh, "is below 20 mA; give 20 to 20.8")
        check(
            failHigh - measureHigh >= margin,
            .failHigh,
            "is not 0.1 mA or more above the upper end of measuring; raise it"
        )
        check(failHigh <= 24, .failHigh, "is above 24 mA, which no loop reaches; give 21 to 23")
        check(dwell >= .zero, .dwell, "is negative; give 0 s or more, usually 4 s")
        check(startupGrace >= .zero, .startupGrace, "is negative; give 0 s or more")
        return found
    }
}

/// Where a current stands among the NE 43 bands.
public enum LoopStatus: String, Hashable, Sendable, CaseIterable {
    /// At or below the low failure current; a broken wire is here too.
    case failLow = "fail-low"
    /// Above the low failure current, below what a transmitter measures with: undefined.
    case betweenLow = "between-low"
    /// Measuring below LRV, down to where the transmitter holds its output.
    case saturatedLow = "saturated-low"
    /// 4 to 20 mA.
    case measuring
    /// Measuring above URV, up to where the transmitter holds its output.
    case saturatedHigh = "saturated-high"
    /// Above what a transmitter measures with, below the high failure current: undefined.
    case betweenHigh = "between-high"
    /// At or above the high failure current.
    case failHigh = "fail-high"

    /// What comparisons forgive, in mA: one nanoampere, for single-precision modules write 3.8 mA
    /// as 3.79999995.
    public static let resolution = 1e-6

    /// The band of `milliamps`; a current that is not a number is none of a working loop.
    public init(milliamps: Double, limits: NE43Limits = .namur) {
        let current = milliamps
        let slack = LoopStatus.resolution
        if current >= 4 - slack, current <= 20 + slack {
            self = .measuring
        } else if current > 12 {
            if current >= limits.failHigh - slack {
                self = .failHigh
            } else {
                self = current <= limits.measureHigh + slack ? .saturatedHigh : .betweenHigh
            }
        } else if current > limits.failLow + slack {
            self = current >= limits.measureLow - slack ? .saturatedLow : .betweenLow
        } else {
            self = .failLow
        }
    }

    /// Whether the transmitter reports a failure with this current.
    public var isFailure: Bool { self == .failLow || self == .failHigh }
}

/// Calls a loop failed only after its failure current has lasted, as NE 43 asks.
///
/// A current on its way through a band is no failure. Once failed, a loop stays so between the
/// bands, until it measures again.
public struct NE43Monitor: Hashable, Sendable {
    /// The levels and times in force.
    public var limits: NE43Limits
    private var failingSince: MonotonicTime?
    private var failingHigh = false
    private var hasFailed = false
    private var poweredSince: MonotonicTime?

    /// A monitor of a loop not seen yet.
    public init(limits: NE43Limits) { self.limits = limits }

    /// What `milliamps`, received at `now`, says about the loop; call in order of time.
    ///
    /// The answer is `good`, or one of the saturated, between-bands, settling, failure and
    /// wire-break qualities.
    public mutating func observe(milliamps: Double, at now: MonotonicTime) -> Quality {
        let status = LoopStatus(milliamps: milliamps, limits: limits)
        let isBroken = milliamps <= limits.wireBreak
        if isBroken {
            // Without supply there is no start-up; it begins when current flows again.
            poweredSince = nil
        } else if poweredSince == nil {
            poweredSince = now
        }
        switch status {
        case .measuring, .saturatedLow, .saturatedHigh:
            failingSince = nil
            hasFailed = false
            return status == .measuring
                ? .good : status == .saturatedLow ? .saturatedLow : .saturatedHigh
        case .betweenLow, .betweenHigh:
            let isHigh = status == .betweenHigh
            if hasFailed, failingHigh == isHigh { return isHigh ? .failHigh : .failLow }
            failingSince = nil
            hasFailed = false
            return isHigh ? .betweenBandsHigh : .betweenBandsLow
        case .failLow, .failHigh:
            return failing(high: status == .failHigh, isBroken: isBroken, at: now)
        }
    }

    /// Forgets a dwell that has begun: between then and now nothing was seen of the loop.
    public mutating func lostSight() {
        if !hasFailed { failingSince = nil }
    }

    private mutating func failing(
        high: Bool,
        isBroken: Bool,
        at now: MonotonicTime
    ) -> Quality {
        if failingSince == nil || failingHigh != high {
            failingSince = now
            failingHigh = high
            hasFailed = false
        }
        let dwelt = now - (failingSince ?? now) >= limits.dwell
        guard hasFailed || dwelt else { return high ? .betweenBandsHigh : .betweenBandsLow }
        if !isBroken, !hasFailed, let poweredSince, now - poweredSince < limits.startupGrace {
            return .settling
        }
        hasFailed = true
        return isBroken ? .wireBreak : high ? .failHigh : .failLow
    }
}
