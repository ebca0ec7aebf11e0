import GatewayCore
import Journal
import Runtime

/// Readers of the journal beside the one that writes it, each on a thread of its own: SQLite blocks,
/// and must do so neither on Swift's cooperative threads nor on the writer's.
final class JournalPool: Sendable {
    private let path: String
    private let readers: [Reader]
    private let waiting = Locked<[Int]>([])

    /// One reader and its thread.
    ///
    /// @unchecked: `journal` is touched on the thread alone.
    private final class Reader: @unchecked Sendable {
        let thread: WorkerThread
        var journal: JournalReader?
        init(_ number: Int) { thread = WorkerThread(name: "reader-\(number)", stackBytes: 1 << 20) }
        deinit { thread.stop() }
    }

    /// Readers of the journal at `path`, which is opened when it is first read.
    init(path: String) {
        self.path = path
        readers = (1...Limits.journalReaders).map(Reader.init)
        waiting.withLock { $0 = readers.map { _ in 0 } }
    }

    /// Reads with `body` on one of the threads. Keep it to a tenth of a second: others wait.
    ///
    /// - Throws: what `body` throws; 503 where the journal cannot be read or too many wait.
    func read<Value: Sendable>(
        _ body: @escaping @Sendable (JournalReader) throws -> Value
    ) async throws(Problem) -> Value {
        try await run { [path] reader in
            do {
                let journal = try reader.journal ?? JournalReader(path)
                reader.journal = journal
                return try body(journal)
            } catch let problem as Problem {
                throw problem
            } catch {
                // Opened anew next time: the file may be another one by then.
                reader.journal = nil
                throw error
            }
        }
    }

    /// Does something else that blocks, such as reading or writing a file, on one of the threads.
    func aside<Value: Sendable>(
        _ body: @escaping @Sendable () throws -> Value
    ) async throws(Problem) -> Value {
        try await run { _ in try body() }
    }

    private func run<Value: Sendable>(
        _ body: @escaping @Sendable (Reader) throws -> Value
    ) async throws(Problem) -> Value {
        let chosen = waiting.withLock { waiting -> Int? in
            guard waiting.reduce(0, +) < Limits.waitingReads else { return nil }
            let least = waiting.indices.min { waiting[$0] < waiting[$1] } ?? 0
            waiting[least] += 1
            return least
        }
        guard let chosen else {
            throw Problem(
                .serviceUnavailable,
                "too many reads of the journal are waiting: try again",
                retryAfter: 1
            )
        }
        let reader = readers[chosen]
        let result: Result<Value, Problem> = await withCheckedContinuation { continuation in
            let isQueued = reader.thread.submit { [waiting] in
                let result = Result { try body(reader) }.mapError { error in
                    error as? Problem ?? Self.unreadable(error)
                }
                waiting.withLock { $0[chosen] -= 1 }
                continuation.resume(returning: result)
            }
            if !isQueued { continuation.resume(returning: .failure(.stalled)) }
        }
        return try result.get()
    }

    private static func unreadable(_ error: any Error) -> Problem {
        let words = (error as? StoreFault)?.words ?? "\(error)"
        return Problem(
            .serviceUnavailable,
            "the journal cannot be read: \(words)",
            retryAfter: 5
        )
    }
}
