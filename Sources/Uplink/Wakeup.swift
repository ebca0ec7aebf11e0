import CMosquitto
import Foundation

/// Wakes a thread that waits in `poll`, from any other.
final class Wakeup: Sendable {
    let descriptor: CInt

    init() {
        descriptor = eventfd(0, CInt(EFD_NONBLOCK) | CInt(EFD_CLOEXEC))
        precondition(descriptor >= 0, "no file descriptor for a wake-up: raise LimitNOFILE")
    }

    deinit { close(descriptor) }

    /// Wakes the waiter; never blocks.
    func ring() {
        var one: UInt64 = 1
        _ = write(descriptor, &one, 8)
    }

    /// Makes the next wait sleep again.
    func clear() {
        var count: UInt64 = 0
        _ = read(descriptor, &count, 8)
    }
}

/// Waits until the socket or the wake-up has news, or `milliseconds` have passed.
///
/// - Returns: what `poll` reported for the socket; 0 where there was nothing or no socket.
@discardableResult
func waitForNews(
    socket: CInt? = nil,
    events: Int16 = 0,
    wakeup: Wakeup,
    milliseconds: Int64
) -> Int16 {
    let bell = pollfd(fd: wakeup.descriptor, events: Int16(POLLIN), revents: 0)
    // A negative descriptor is one that `poll` passes over.
    var both = (bell, pollfd(fd: socket ?? -1, events: events, revents: 0))
    let wait = CInt(max(0, min(milliseconds, 60_000)))
    let ready = withUnsafeMutableBytes(of: &both) {
        poll($0.baseAddress?.assumingMemoryBound(to: pollfd.self), 2, wait)
    }
    guard ready > 0 else { return 0 }
    if both.0.revents != 0 { wakeup.clear() }
    return both.1.revents
}
