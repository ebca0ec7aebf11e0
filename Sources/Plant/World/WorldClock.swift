import GatewayCore
import Signal

/// The clocks of the box: monotonic time since its last boot, and what the wall clock says.
struct WorldClock {
    /// Nobody's time zone: where the world begins, in May 2026.
    private static let begin: Int64 = 1_780_000_000_000_000_000
    /// What a box that never heard of the time believes at its boot.
    private static let unset: Int64 = 20_000_000_000

    private(set) var state: ClockState
    /// The world's time at the last boot.
    private(set) var boot: Nanoseconds
    /// How often the box has booted.
    private(set) var boots = 1
    /// Wall time minus the box's monotonic time.
    private(set) var anchor: Nanoseconds
    /// What civil time is ahead of the world's: steps move it.
    private var civil: Int64 = Self.begin

    init(isUnset: Bool, at now: MonotonicTime) {
        boot = .zero
        state = isUnset ? .unset : .synced
        anchor = Nanoseconds(isUnset ? Self.unset : Self.begin)
    }

    /// The same instant on the box's monotonic clock, and back.
    func box(_ world: MonotonicTime) -> MonotonicTime { world - boot }
    func world(_ box: MonotonicTime) -> MonotonicTime { box + boot }

    func stamp(_ world: MonotonicTime) -> Stamp {
        let monotonic = box(world)
        return Stamp(
            monotonic: monotonic,
            wall: WallTime(nanosecondsSince1970: monotonic.nanoseconds) + anchor,
            clock: state
        )
    }

    mutating func boot(at now: MonotonicTime, as state: ClockState) {
        boots += 1
        self.state = state
        // The kernel counts from its own start, a few seconds ago.
        boot = Nanoseconds(now.nanoseconds - 8_000_000_000)
        switch state {
        case .unset: anchor = Nanoseconds(Self.unset)
        case .restored: anchor = Nanoseconds(civil) + boot - .seconds(75)
        case .synced, .trustedRTC: anchor = Nanoseconds(civil) + boot
        }
    }

    /// The clock becomes right.
    mutating func set() {
        state = .synced
        anchor = Nanoseconds(civil) + boot
    }

    mutating func step(by size: Nanoseconds) {
        civil += size.count
        anchor = anchor + size
    }
}

extension World {
    /// NTP, or somebody's hand, moves the wall clock. An untrusted one is left to `setClock`.
    mutating func stepWall(by size: Nanoseconds) throws(WorldFinding) {
        guard clock.state.isTrusted else { return }
        tell("the wall clock steps by \(size.seconds) s")
        clock.step(by: size)
        if !isDown { checks.note(anchor: clock.anchor, isTrusted: true, at: now) }
        if saboteur?.sabotage == .wallClockTimers, size > .seconds(4_000), !isDown,
            !checks.shelves.isEmpty
        {
            try perform(gateway.handle(.timer, at: box + size))
        }
    }

    /// The clock of this boot is set.
    mutating func setClock(boot: Int) throws(WorldFinding) {
        guard boot == clock.boots, !clock.state.isTrusted else { return }
        clock.set()
        tell("the clock is set")
        guard !isDown else { return }
        checks.note(anchor: clock.anchor, isTrusted: true, at: now)
        try handle(.clock(clock.stamp(now)))
    }
}
