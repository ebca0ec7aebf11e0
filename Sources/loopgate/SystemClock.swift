import CSystemd
import Foundation
import GatewayCore
import Runtime
import Signal

/// The machine's clocks, and what the wall clock is worth.
struct SystemClock: Sendable {
    /// A wall clock before this is certainly wrong: the year the program was made began.
    static let buildFloor: Int64 = 1_767_225_600_000_000_000  // 2026-01-01T00:00:00Z
    let trustsRTC: Bool

    /// How far the wall clock can be trusted now.
    var state: ClockState {
        if wallNow() < Self.buildFloor { return .unset }
        if trustsRTC { return .trustedRTC }
        return Self.isSynchronized ? .synced : .restored
    }

    /// This instant on both clocks.
    var stamp: Stamp {
        Stamp(
            monotonic: MonotonicTime(nanoseconds: monotonicNow()),
            wall: WallTime(nanosecondsSince1970: wallNow()),
            clock: state
        )
    }

    /// Whether the kernel's clock is disciplined. Where the sandbox forbids asking it, the file
    /// that systemd-timesyncd keeps while it is in step.
    private static var isSynchronized: Bool {
        var status = timex()
        let answer = adjtimex(&status)
        if answer >= 0 { return answer != TIME_ERROR }
        return access("/run/systemd/timesync/synchronized", F_OK) == 0
    }
}

/// What the wall clock was worth when it was last looked at: read for every frame, so it is kept.
final class WatchedClock: Sendable {
    let clock: SystemClock
    private let last: Locked<ClockState>

    init(_ clock: SystemClock) {
        self.clock = clock
        last = Locked(clock.state)
    }

    /// The state at the last look.
    var state: ClockState { last.withLock { $0 } }

    /// Looks again; the stamp of now where the state has changed.
    func look() -> Stamp? { take(clock.stamp) }

    /// Takes a look that was had at `now`.
    func take(_ now: Stamp) -> Stamp? {
        last.withLock { state in
            // A clock that has lost its source keeps time to seconds a day: what it stamps stays
            // certain. A second correction would move what the first one has put right.
            if state.isTrusted, now.clock == .restored { return nil }
            guard state != now.clock else { return nil }
            state = now.clock
            return now
        }
    }
}
