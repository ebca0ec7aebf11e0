import Signal

/// Waits that double from a first to a longest one, and start again after a success.
struct BackOff: Hashable, Sendable {
    let first: Nanoseconds
    let longest: Nanoseconds
    private(set) var failures = 0

    init(first: Nanoseconds, longest: Nanoseconds) {
        self.first = first
        self.longest = longest
    }

    /// The wait after one more failure.
    mutating func next() -> Nanoseconds {
        let wait = min(longest, first * (1 << min(failures, 20)))
        failures += 1
        return wait
    }

    mutating func reset() { failures = 0 }
}

/// Tokens that come at a steady rate up to a burst: a rate limit without a clock of its own.
struct TokenBucket: Hashable, Sendable {
    /// Tokens a second.
    let rate: Double
    let burst: Double
    private var tokens: Double
    private var filled: MonotonicTime

    init(rate: Double, burst: Double, at now: MonotonicTime) {
        self.rate = rate
        self.burst = burst
        self.tokens = burst
        self.filled = now
    }

    /// Whole tokens there now.
    mutating func available(at now: MonotonicTime) -> Int {
        let elapsed = (now - filled).seconds
        if elapsed > 0 {
            tokens = min(burst, tokens + elapsed * rate)
            filled = now
        }
        return max(0, Int(min(tokens, 1e9)))
    }

    /// Uses `count` tokens up; may go below zero.
    mutating func take(_ count: Int) { tokens -= Double(count) }

    /// When the next whole token will be there.
    func nextToken(after now: MonotonicTime) -> MonotonicTime {
        guard rate > 0 else { return .distantFuture }
        return now + max(Nanoseconds(1_000_000), .seconds((1 - tokens) / rate))
    }
}
