import Foundation

/// A mutex and a condition variable on the monotonic clock, so that no step of the wall clock can
/// shorten or lengthen a wait.
///
/// @unchecked: pthread's own objects are made for sharing; they live at fixed addresses until deinit.
public final class Condition: @unchecked Sendable {
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let variable = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

    /// An unlocked mutex and its condition.
    public init() {
        precondition(pthread_mutex_init(mutex, nil) == 0, "no memory for a mutex")
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        #if os(Linux)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        #endif
        precondition(pthread_cond_init(variable, &attributes) == 0, "no memory for a condition")
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_cond_destroy(variable)
        pthread_mutex_destroy(mutex)
        variable.deallocate()
        mutex.deallocate()
    }

    /// Runs `body` with the mutex held.
    public func withLock<Result>(_ body: () throws -> Result) rethrows -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return try body()
    }

    /// Wakes one waiter. Call with the lock held.
    public func signal() { pthread_cond_signal(variable) }

    /// Wakes every waiter. Call with the lock held.
    public func broadcast() { pthread_cond_broadcast(variable) }

    /// Waits for a signal with the lock held; false once `deadline` (monotonic ns) has passed.
    public func wait(until deadline: Int64?) -> Bool {
        guard let deadline else {
            pthread_cond_wait(variable, mutex)
            return true
        }
        var time = timespec(
            tv_sec: Int(deadline / 1_000_000_000),
            tv_nsec: Int(deadline % 1_000_000_000)
        )
        return pthread_cond_timedwait(variable, mutex, &time) != ETIMEDOUT
    }
}

/// A value that threads share: read and changed only under its lock.
///
/// @unchecked: `value` is touched only under `condition`, which the compiler cannot see.
public final class Locked<Value>: @unchecked Sendable {
    private let condition = Condition()
    private var value: Value

    /// A box around `value`.
    public init(_ value: sending Value) { self.value = value }

    /// Runs `body` on the value with the lock held.
    public func withLock<Result>(_ body: (inout Value) throws -> Result) rethrows -> Result {
        try condition.withLock { try body(&value) }
    }
}

/// Nanoseconds on `CLOCK_MONOTONIC`.
public func monotonicNow() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
}

/// Nanoseconds since 1970 on `CLOCK_REALTIME`.
public func wallNow() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
}
