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
    var stamp: Stamp { stamp(worth: state) }

    /// This instant on both clocks, the wall clock being worth `state`.
    func stamp(worth state: ClockState) -> Stamp {
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

/// The machine's clocks as they were when last looked at, for stamps: they must not change between
/// two looks, for a correction is one number for all that was stamped before it.
///
/// Until the wall clock is trusted its stamps go on evenly from the first look, whatever is done to
/// it meanwhile: that it is set is told by `look`, and what was stamped is then corrected once. A
/// clock set by hand, which nobody vouches for, so counts from the next start on.
final class WatchedClock: Sendable {
    private let clock: SystemClock
    private let first: Stamp
    private let last: Locked<ClockState>

    init(_ clock: SystemClock) {
        self.clock = clock
        first = clock.stamp
        last = Locked(first.clock)
    }

    /// This instant on both clocks, as far as was known at the last look.
    var stamp: Stamp { even(clock.stamp(worth: last.withLock { $0 })) }

    /// `now` as it is where its clock is trusted; else on the line of the first look.
    private func even(_ now: Stamp) -> Stamp {
        guard !now.clock.isTrusted else { return now }
        var even = now
        even.wall = first.wall + (now.monotonic - first.monotonic)
        return even
    }

    /// Looks again; the stamp of now where the state has changed.
    func look() -> Stamp? { take(clock.stamp) }

    /// Takes a look that was had at `now`.
    func take(_ now: Stamp) -> Stamp? {
        last.withLock { state in
            // Neither a clock set by hand nor one that has lost its source is news: the one is not
            // trusted yet, the other keeps time to seconds a day and stays certain.
            guard state != now.clock, now.clock != .restored else { return nil }
            state = now.clock
            return even(now)
        }
    }
}
