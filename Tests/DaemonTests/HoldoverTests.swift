import Signal
import Testing

@testable import loopgate

@Suite struct HoldoverTests {
    @Test("a clock that is set by hand, or has lost its source, is no news; one at 1970 is")
    func holdover() {
        let clock = WatchedClock(SystemClock(trustsRTC: false))
        func take(_ state: ClockState) -> ClockState? {
            clock.take(
                Stamp(
                    monotonic: .zero,
                    wall: WallTime(nanosecondsSince1970: 0),
                    clock: state
                )
            )?.clock
        }
        _ = take(.unset)
        #expect(take(.restored) == nil)
        #expect(take(.synced) == .synced)
        #expect(take(.restored) == nil)
        #expect(clock.stamp.clock == .synced)
        #expect(take(.unset) == .unset)
    }
}
