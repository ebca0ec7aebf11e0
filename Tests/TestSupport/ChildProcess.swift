import Foundation
import Runtime

/// A program a test starts, watched through its output, and ended by its id when the test ends.
///
/// @unchecked: the mutable state is behind `Locked` or written once before the reader starts.
public final class ChildProcess: @unchecked Sendable {
    private let process = Process()
    private let lines = Mailbox<String>()
    private let exit = Mailbox<Int32>()
    /// Closed when all that was printed is read.
    private let drained = Mailbox<Void>()
    private let seen = Locked<[String]>([])

    /// Everything the program has printed so far, standard output and error, line by line.
    public var output: [String] { seen.withLock { $0 } }
    /// The process id.
    public var id: Int32 { process.processIdentifier }
    /// Whether it still runs.
    public var isRunning: Bool { process.isRunning }

    /// Starts `path` (looked for on PATH where it has no slash).
    public init(
        _ path: String,
        _ arguments: [String] = [],
        environment: [String: String] = [:],
        directory: String? = nil
    ) throws {
        process.executableURL = URL(fileURLWithPath: try ChildProcess.find(path))
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        if let directory { process.currentDirectoryURL = URL(fileURLWithPath: directory) }
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        process.standardInput = FileHandle.nullDevice
        process.terminationHandler = { [exit] process in
            let signalled = process.terminationReason == .uncaughtSignal
            exit.post(signalled ? -process.terminationStatus : process.terminationStatus)
        }
        // A child inherits the mask of the thread that starts it, and Swift's own threads block
        // SIGTERM: such a child could be ended by SIGKILL alone.
        var none = sigset_t()
        var old = sigset_t()
        sigemptyset(&none)
        pthread_sigmask(SIG_SETMASK, &none, &old)
        defer { pthread_sigmask(SIG_SETMASK, &old, nil) }
        try process.run()
        let handle = pipe.fileHandleForReading
        let thread = Thread { [lines, seen, drained] in
            var rest = Data()
            while true {
                let chunk = handle.availableData
                if chunk.isEmpty { break }
                rest.append(chunk)
                while let end = rest.firstIndex(of: 10) {
                    let line = String(decoding: rest[rest.startIndex..<end], as: UTF8.self)
                    rest = Data(rest[rest.index(after: end)...])
                    seen.withLock { $0.append(line) }
                    lines.post(line)
                }
            }
            if !rest.isEmpty {
                let line = String(decoding: rest, as: UTF8.self)
                seen.withLock { $0.append(line) }
                lines.post(line)
            }
            lines.close()
            drained.close()
        }
        thread.start()
    }

    deinit { if process.isRunning { kill(process.processIdentifier, SIGKILL) } }

    /// The first line from now on (or not yet waited past) that holds `text`; throws at the
    /// deadline or when the program's output ends.
    @discardableResult
    public func line(containing text: String, within seconds: Double = 30) throws -> String {
        let deadline = monotonicNow() + Int64(seconds * 1e9)
        while let batch = lines.take(until: deadline) {
            if let hit = batch.first(where: { $0.contains(text) }) { return hit }
            if monotonicNow() >= deadline { break }
        }
        throw TestFailure("no line with '\(text)' in: \(output.suffix(20).joined(separator: "\n"))")
    }

    /// Sends a signal.
    public func send(_ signal: Int32) { kill(process.processIdentifier, signal) }

    /// Waits for the end, and until what was printed is read; the exit code, or the negative signal
    /// number. Kills at the deadline.
    @discardableResult
    public func wait(within seconds: Double = 30) throws -> Int32 {
        if let code = exit.take(until: monotonicNow() + Int64(seconds * 1e9))?.first {
            exit.post(code)
            // A child of its own may hold the pipe open: that is not waited for long.
            _ = drained.take(until: monotonicNow() + 5_000_000_000)
            return code
        }
        send(SIGKILL)
        throw TestFailure("\(process.executableURL?.lastPathComponent ?? "") did not end in time")
    }

    /// Ends it: SIGTERM, then SIGKILL after `seconds`.
    public func stop(within seconds: Double = 10) {
        guard process.isRunning else { return }
        send(SIGTERM)
        _ = try? wait(within: seconds)
    }

    private static func find(_ name: String) throws -> String {
        if name.contains("/") { return name }
        let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
        for folder in path.split(separator: ":").map(String.init) + ["/usr/sbin", "/sbin"] {
            let candidate = "\(folder)/\(name)"
            if access(candidate, X_OK) == 0 { return candidate }
        }
        throw TestFailure("\(name) is not installed: `make test` installs it")
    }
}

/// A test's own failure, in words.
public struct TestFailure: Error, CustomStringConvertible {
    public let description: String
    public init(_ description: String) { self.description = description }
}
