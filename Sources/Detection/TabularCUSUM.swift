import RealModule

/// Which way a value went.
public enum Direction: UInt8, Hashable, Sendable, Codable {
    case up, down

    /// `up` or `down`.
    public var name: String { self == .up ? "up" : "down" }
}

/// The two-sided tabular CUSUM (Page 1954): sums what a standardised value exceeds the slack by.
///
/// With z the deviation from the reference in standard deviations:
/// `C⁺ = max(0, C⁺ + z − k)`, `C⁻ = max(0, C⁻ − z − k)`; an alarm where either exceeds h.
public struct TabularCUSUM: Hashable, Sendable {
    /// What becomes of the sums after an alarm.
    public enum AfterAlarm: UInt8, Hashable, Sendable {
        /// They run on: the alarm lasts until the sum has come down again.
        case runOn
        /// Both start again from zero.
        case restart
    }

    /// The slack: half the shift to be found, in standard deviations.
    public var k: Double
    /// The decision interval in standard deviations.
    public var h: Double
    /// What becomes of the sums after an alarm.
    public var afterAlarm: AfterAlarm
    /// The most that a sum may reach, as a multiple of h; nil: no bound.
    public var cap: Double?
    /// C⁺, never below 0.
    public private(set) var up = 0.0
    /// C⁻, never below 0.
    public private(set) var down = 0.0
    /// Values since C⁺ was last zero: the estimate of how long ago a shift upwards began.
    public private(set) var upCount = 0
    /// Values since C⁻ was last zero.
    public private(set) var downCount = 0

    /// The textbook's slack and decision interval: k = 0.5, h = 5.
    public static let textbook = TabularCUSUM(k: 0.5, h: 5, afterAlarm: .runOn)

    /// A chart with both sums at `headStart` (h/2 is the fast initial response of Lucas and Crosier).
    public init(
        k: Double,
        h: Double,
        afterAlarm: AfterAlarm = .restart,
        cap: Double? = nil,
        headStart: Double = 0
    ) {
        self.k = k
        self.h = h
        self.afterAlarm = afterAlarm
        self.cap = cap
        restart(headStart: headStart)
    }

    /// Takes the next standardised value; tells the side in alarm at this value, if any.
    @inline(__always)
    public mutating func update(_ z: Double) -> Direction? {
        up = max(0, up + z - k)
        down = max(0, down - z - k)
        if let cap {
            up = min(up, cap * h)
            down = min(down, cap * h)
        }
        upCount = up > 0 ? upCount &+ 1 : 0
        downCount = down > 0 ? downCount &+ 1 : 0
        return up > h ? .up : down > h ? .down : nil
    }

    /// Takes the next value and then does what `afterAlarm` says.
    @inline(__always)
    public mutating func step(_ z: Double) -> Direction? {
        if afterAlarm == .restart, up > h || down > h { restart() }
        return update(z)
    }

    /// Puts both sums back, as after an alarm that was dealt with or a calibration.
    public mutating func restart(headStart: Double = 0) {
        up = headStart
        down = headStart
        upCount = 0
        downCount = 0
    }

    /// The mean number of values to an alarm at a constant shift of `shift` standard deviations,
    /// for independent normal values (Siegmund 1985, corrected boundary h + 1.166).
    public static func averageRunLength(shift: Double = 0, k: Double, h: Double) -> Double {
        func oneSided(_ shift: Double) -> Double {
            let drift = shift - k
            let bound = h + 1.166
            if abs(drift) < 1e-9 { return bound * bound }
            return (Double.exp(-2 * drift * bound) + 2 * drift * bound - 1) / (2 * drift * drift)
        }
        return 1 / (1 / oneSided(shift) + 1 / oneSided(-shift))
    }

    /// The decision interval at which a false alarm comes once in `values` independent normal
    /// values on average; never below 0.
    public static func decisionInterval(forRunLength values: Double, k: Double) -> Double {
        var low = 0.0
        var high = 10.0
        while averageRunLength(k: k, h: high) < values, high < 10_000 { high *= 2 }
        for _ in 0..<80 {
            let middle = (low + high) / 2
            if averageRunLength(k: k, h: middle) < values { low = middle } else { high = middle }
        }
        return (low + high) / 2
    }

    mutating func restore(up: Double, down: Double, upCount: Int, downCount: Int) {
        self.up = up
        self.down = down
        self.upCount = upCount
        self.downCount = downCount
    }
}
