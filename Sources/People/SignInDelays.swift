import Signal

/// How long who has to wait for the next try, after failures.
///
/// Counted for an account from one address, so that nobody locks the owner out from elsewhere; and,
/// more leniently, for an address with whatever account, so that one password cannot be tried on
/// everybody. A value: time is an argument, and monotonic.
struct SignInDelays {
    private struct Key: Hashable {
        /// Nil: any account.
        var account: String?
        var address: String
    }
    private struct Failures {
        var count: Int
        var last: MonotonicTime
    }

    private var failures: [Key: Failures] = [:]

    /// Keys remembered now.
    var count: Int { failures.count }

    /// What is left to wait before `account` may be tried from `address`; zero: nothing.
    func wait(_ account: String, _ address: String, at now: MonotonicTime) -> Nanoseconds {
        [Key(account: account, address: address), Key(account: nil, address: address)].reduce(
            Nanoseconds.zero
        ) { longest, key in
            guard let known = recent(key, at: now) else { return longest }
            let rest = known.last + Self.delay(after: known.count, of: key.account) - now
            return max(longest, rest)
        }
    }

    /// Notes a failure and tells how long to wait, and how often it has failed.
    mutating func fail(
        _ account: String,
        _ address: String,
        at now: MonotonicTime
    ) -> (wait: Nanoseconds, failures: Int) {
        for key in [Key(account: nil, address: address), Key(account: account, address: address)] {
            let known = recent(key, at: now)?.count ?? 0
            if known == 0 { makeRoom(at: now) }
            failures[key] = Failures(count: min(known + 1, 1_000_000), last: now)
        }
        let count = failures[Key(account: account, address: address)]?.count ?? 1
        return (wait(account, address, at: now), count)
    }

    /// Forgets the account's failures from this address. The address's own stay: whoever has one
    /// account must not clear the way to others with it.
    mutating func succeed(_ account: String, _ address: String) {
        failures[Key(account: account, address: address)] = nil
    }

    /// 1 s after the last free failure, doubling from there to the longest.
    static func delay(after failures: Int, of account: String?) -> Nanoseconds {
        let free =
            account == nil ? PeopleLimits.freeFailuresOfAddress : PeopleLimits.freeFailures
        let longest =
            account == nil ? PeopleLimits.longestDelayOfAddress : PeopleLimits.longestDelay
        guard failures >= free else { return .zero }
        return min(Nanoseconds.seconds(1) * (1 << min(failures - free, 20)), longest)
    }

    private func recent(_ key: Key, at now: MonotonicTime) -> Failures? {
        guard let known = failures[key], now - known.last < PeopleLimits.failureMemory else {
            return nil
        }
        return known
    }

    /// At the limit those go that are forgotten anyway, else the one with the fewest failures.
    private mutating func makeRoom(at now: MonotonicTime) {
        guard failures.count >= PeopleLimits.rememberedFailures else { return }
        failures = failures.filter { now - $0.value.last < PeopleLimits.failureMemory }
        guard failures.count >= PeopleLimits.rememberedFailures else { return }
        let least = failures.min {
            ($0.value.count, $0.value.last) < ($1.value.count, $1.value.last)
        }
        if let least { failures[least.key] = nil }
    }
}

/// Which failures the audit log hears of: a flood of them must not fill it.
struct FailureNotes {
    private var allowance = Double(PeopleLimits.auditedFailuresPerHour)
    private var last = MonotonicTime.zero
    private var left = 0

    /// How many were left out since the last one noted; nil: leave this one out too.
    mutating func note(at now: MonotonicTime) -> Int? {
        let hours = max(0, (now - last).seconds) / 3600
        last = now
        let most = Double(PeopleLimits.auditedFailuresPerHour)
        allowance = min(most, allowance + hours * most)
        guard allowance >= 1 else {
            left += 1
            return nil
        }
        allowance -= 1
        defer { left = 0 }
        return left
    }
}
