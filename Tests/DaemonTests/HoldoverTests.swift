import Signal
import Testing

@testable import loopgate

@Suite struct HoldoverTests {
    @Test("a clock that was set and loses its source stays trusted; at 1970 it does not")
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
        #expect(take(.restored) == .restored)
        #expect(take(.synced) == .synced)
        #expect(take(.restored) == nil)
        #expect(clock.state == .synced)
        #expect(take(.unset) == .unset)
    }
}
