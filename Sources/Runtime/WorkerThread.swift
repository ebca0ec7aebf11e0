import Foundation

/// A thread of one's own for a library that blocks, usable as an actor's executor.
///
/// Blocking calls must never run on Swift's cooperative threads: with two cores, two of them stop
/// everything. An actor that wraps such a library returns this from `unownedExecutor`; its work is
/// handed over with `submit` from any thread, without a task.
///
/// @unchecked: `thread` is written once before the thread runs; everything else is a `Mailbox`.
public final class WorkerThread: SerialExecutor, @unchecked Sendable {
    private let jobs = Mailbox<Job>()
    private var thread: pthread_t

    private enum Job: Sendable {
        case closure(@Sendable () -> Void)
        case actor(UnownedJob)
    }

    /// Starts a thread called `name` (15 bytes of it show in `top`).
    ///
    /// - stackBytes: libmodbus, SQLite and libmosquitto are content with the default.
    public init(name: String, stackBytes: Int = 512 * 1024) {
        thread = pthread_self()
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        pthread_attr_setstacksize(&attributes, stackBytes)
        pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
        let box = Unmanaged.passRetained(Start(worker: self, name: String(name.prefix(15))))
        var made = pthread_t()
        let code = pthread_create(&made, &attributes, runWorker, box.toOpaque())
        pthread_attr_destroy(&attributes)
        precondition(code == 0, "no thread for \(name): errno \(code)")
        thread = made
    }

    /// Queues `work`; it runs after all that was queued before. False once stopped.
    @discardableResult
    public func submit(_ work: @escaping @Sendable () -> Void) -> Bool {
        jobs.post(.closure(work))
    }

    public func enqueue(_ job: consuming ExecutorJob) {
        jobs.post(.actor(UnownedJob(job)))
    }

    public func checkIsolated() {
        precondition(isCurrent, "called from another thread than the worker's")
    }

    public func isIsolatingCurrentContext() -> Bool? { isCurrent }

    /// Ends the thread after the work already queued; returns at once.
    public func stop() { jobs.close() }

    /// Whether the caller runs on this thread.
    public var isCurrent: Bool { pthread_equal(pthread_self(), thread) != 0 }

    fileprivate func run() {
        while let batch = jobs.take() {
            for job in batch {
                switch job {
                case .closure(let work): work()
                case .actor(let job): job.runSynchronously(on: asUnownedSerialExecutor())
                }
            }
        }
    }
}

/// What a new thread is handed.
private final class Start {
    let worker: WorkerThread
    let name: String
    init(worker: WorkerThread, name: String) {
        self.worker = worker
        self.name = name
    }
}

private func runWorker(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let argument else { return nil }
    let start = Unmanaged<Start>.fromOpaque(argument).takeRetainedValue()
    nameThisThread(start.name)
    start.worker.run()
    return nil
}

/// Names the calling thread for `top` and `gdb`; Glibc hides `pthread_setname_np` from Swift.
private func nameThisThread(_ name: String) {
    let descriptor = open("/proc/thread-self/comm", O_WRONLY)
    guard descriptor >= 0 else { return }
    _ = name.withCString { write(descriptor, $0, strlen($0)) }
    close(descriptor)
}
