import RealModule

/// First-order damping that is exact for any spacing of the samples.
///
/// `y += (x − y)·(1 − exp(−Δt/τ))`: the step response of a first-order lag between two samples.
public struct Damping: Hashable, Sendable {
    /// The time constant τ in seconds; 0: none.
    public var timeConstant: Double
    private var output = 0.0
    private var since: MonotonicTime?

    /// A filter at rest.
    public init(timeConstant: Nanoseconds) { self.timeConstant = timeConstant.seconds }

    /// The damped value after `input`, received at `now`; the first after a restart passes as is.
    public mutating func apply(_ input: Double, at now: MonotonicTime) -> Double {
        guard timeConstant > 0 else { return input }
        guard let before = since else {
            output = input
            since = now
            return input
        }
        let elapsed = (now - before).seconds
        if elapsed > 0 {
            output -= (input - output) * Double.expMinusOne(-elapsed / timeConstant)
            since = now
        }
        return output
    }

    /// Forgets everything: the next input passes as is.
    public mutating func restart() { since = nil }
}

/// Tells a change that is faster than the process can be.
public struct RateOfChangeCheck: Hashable, Sendable {
    /// The fastest believable change in units per second; nil: anything is believed.
    public var limit: Double?
    /// The last change in units per second, 0 or above; nil before the second value.
    public private(set) var measured: Double?
    private var last = 0.0
    private var since: MonotonicTime?

    /// A check that has seen nothing.
    public init(limit: Double?) { self.limit = limit }

    /// Whether `value`, received at `now`, could come from the one before; the first can.
    ///
    /// A value that could not is still what the next is compared with, so a true step costs one
    /// uncertain reading and a spike two.
    public mutating func isBelievable(_ value: Double, at now: MonotonicTime) -> Bool {
        guard let limit else { return true }
        defer {
            last = value
            since = now
        }
        guard let before = since else { return true }
        let elapsed = (now - before).seconds
        guard elapsed > 0 else { return value == last }
        measured = (value - last).magnitude / elapsed
        return (value - last).magnitude <= limit * elapsed * (1 + 1e-9)
    }

    /// Forgets the last value.
    public mutating func restart() {
        since = nil
        measured = nil
    }
}

/// Tells when an instrument has been silent for more than twice its expected interval.
public struct GapCheck: Hashable, Sendable {
    /// How often a reading is expected.
    public var expectedInterval: Nanoseconds
    /// When the last reading came, or the watch began.
    public private(set) var last: MonotonicTime

    /// A watch that begins at `start`.
    public init(expectedInterval: Nanoseconds, start: MonotonicTime) {
        self.expectedInterval = expectedInterval
        self.last = start
    }

    /// The point after which silence is a gap.
    public var deadline: MonotonicTime { last + expectedInterval * 2 }

    /// Whether there is a gap at `now`.
    public func isGap(at now: MonotonicTime) -> Bool { now > deadline }

    /// Notes a reading; answers the length of the gap that it ends, if there was one.
    public mutating func received(at now: MonotonicTime) -> Nanoseconds? {
        let silence = now - last
        let wasGap = isGap(at: now)
        last = now
        return wasGap ? silence : nil
    }
}
