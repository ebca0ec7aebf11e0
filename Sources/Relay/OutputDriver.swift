import Foundation
import GatewayCore
import Runtime

/// An output with a thread of its own, so that no slow line, file or network holds up an alarm.
///
/// Fail-safe by itself: what was told to be on must be told so again before `feedTimeout` is over,
/// else it goes off, whatever has become of the rest of the process. It is written again every
/// `refresh`, because files and coils forget, and a line that fails is opened again every second.
///
/// @unchecked: `wanted` and `known` are touched only under `condition`; `line` and everything else
/// that changes only by the thread, once it runs.
final class OutputDriver: @unchecked Sendable {
    enum Mode {
        /// Shows what it is told.
        case level
        /// Toggles while it is fed, with this many nanoseconds between two edges.
        case toggle(Int64)
    }
    private struct Wanted {
        var isOn = false
        var fedAt: Int64?
        var isReleased = false
        /// Rises with everything that the thread should look at.
        var generation: UInt64 = 0
    }
    private struct Known {
        var status: OutputStatus
        var isDone = false
    }

    private let name: String
    private let output: RelaySettings.Output
    private let mode: Mode
    private let feedTimeout: Int64
    private let refresh: Int64
    private let report: @Sendable (RelayReport) -> Void
    private let condition = Condition()
    private let worker: WorkerThread
    private var wanted = Wanted()
    private var known: Known

    // The thread's own.
    private var line: (any OutputLine)?
    /// What it was last told to show, whether or not that worked.
    private var attempted: Bool?
    private var wasFed = false
    private var phase = false
    private var nextToggle: Int64 = 0
    private var nextRefresh: Int64 = 0
    private var retryAt: Int64?

    /// Opens `output` and makes it safe before this returns.
    ///
    /// - keepsTrying: where it cannot be opened, report that and go on trying instead of throwing.
    init(
        name: String,
        output: RelaySettings.Output,
        mode: Mode = .level,
        settings: RelaySettings,
        keepsTrying: Bool,
        report: @escaping @Sendable (RelayReport) -> Void
    ) throws(RelayFault) {
        self.name = name
        self.output = output
        self.mode = mode
        feedTimeout = max(settings.feedTimeout.count, 1_000_000)
        refresh = max(settings.refresh.count, 100_000_000)
        self.report = report
        known = Known(status: OutputStatus(output: name, place: output.place))
        let (line, fault) = try OutputDriver.openSafe(output, keepsTrying)
        self.line = line
        attempted = false
        known.status.shows = fault == nil ? false : nil
        worker = WorkerThread(name: "out-\(name)")
        if let fault {
            known.status.fault = fault
            retryAt = monotonicNow() + RelayLimits.retry
            report(RelayReport(output: name, event: .fault(fault)))
        }
        worker.submit { [self] in run() }
    }

    private static func openSafe(
        _ output: RelaySettings.Output,
        _ keepsTrying: Bool
    ) throws(RelayFault) -> ((any OutputLine)?, RelayFault?) {
        do throws(RelayFault) {
            let line = try output.open(initially: false)
            try line.write(false)
            return (line, nil)
        } catch {
            // A server on the network may simply be starting.
            if case .unreachable = error { return (nil, error) }
            guard keepsTrying else { throw error }
            return (nil, error)
        }
    }

    // MARK: From any thread

    /// Tells it what to show, and feeds it.
    func show(_ isOn: Bool) {
        condition.withLock {
            if wanted.isOn != isOn { wanted.generation += 1 }
            feedLocked()
            wanted.isOn = isOn
            condition.signal()
        }
    }

    /// Feeds it; it goes on showing what it was told.
    func feed() {
        condition.withLock {
            feedLocked()
            condition.signal()
        }
    }

    private func feedLocked() {
        let now = monotonicNow()
        if wanted.fedAt.map({ now - $0 >= feedTimeout }) ?? true { wanted.generation += 1 }
        wanted.fedAt = now
    }

    /// How it stands.
    var status: OutputStatus { condition.withLock { known.status } }

    /// Begins to make it safe and let it go.
    func beginRelease() {
        condition.withLock {
            wanted.isReleased = true
            wanted.generation += 1
            condition.broadcast()
        }
    }

    /// Waits until it is safe and let go, or `deadline` (monotonic ns) has passed.
    func waitForRelease(until deadline: Int64) {
        condition.withLock {
            while !known.isDone {
                guard condition.wait(until: deadline) else { return }
            }
        }
    }

    // MARK: On its own thread

    private func run() {
        var seen: UInt64 = 0
        var deadline = monotonicNow()
        while true {
            let wanted = condition.withLock {
                while self.wanted.generation == seen, monotonicNow() < deadline {
                    _ = condition.wait(until: deadline)
                }
                known.status.rounds += 1
                return self.wanted
            }
            seen = wanted.generation
            if wanted.isReleased { break }
            deadline = round(wanted, at: monotonicNow())
        }
        line.map { line in
            try? line.write(false)
            line.close()
        }
        line = nil
        condition.withLock {
            known.status.shows = nil
            known.isDone = true
            condition.broadcast()
        }
        worker.stop()
    }

    /// Brings the output to where it should be; when to look again at the latest.
    private func round(_ wanted: Wanted, at now: Int64) -> Int64 {
        let starvesAt = wanted.fedAt.map { $0 + feedTimeout } ?? Int64.min
        let isFed = now < starvesAt
        noteFeed(isFed, wanted)
        var deadline = now + RelayLimits.round
        var target = false
        switch mode {
        case .level: target = isFed && wanted.isOn
        case .toggle(let halfPeriod):
            if isFed, now >= nextToggle {
                phase.toggle()
                nextToggle = max(nextToggle + halfPeriod, now + halfPeriod / 2)
            }
            target = isFed && phase
            if isFed { deadline = min(deadline, nextToggle) }
        }
        if isFed { deadline = min(deadline, starvesAt) }

        let isDue = retryAt.map { now >= $0 } ?? (now >= nextRefresh)
        if target != attempted || isDue { drive(target, at: now) }
        return min(deadline, retryAt ?? nextRefresh)
    }

    private func noteFeed(_ isFed: Bool, _ wanted: Wanted) {
        guard isFed != wasFed else { return }
        wasFed = isFed
        if isFed {
            if condition.withLock({ known.status.starvations }) > 0 { tell(.fed) }
        } else if !wanted.isReleased {
            condition.withLock { known.status.starvations += 1 }
            tell(.starved)
        }
    }

    private func drive(_ target: Bool, at now: Int64) {
        attempted = target
        do throws(RelayFault) {
            let line: any OutputLine
            if let open = self.line {
                line = open
            } else {
                line = try output.open(initially: target)
                self.line = line
            }
            do throws(RelayFault) {
                try line.write(target)
                if let back = try line.read(), back != target {
                    throw .disobeyed(output.place)
                }
            } catch {
                switch error {
                case .disobeyed, .refused: break
                default:
                    // Whatever is wrong with it, opening it again is the way out.
                    line.close()
                    self.line = nil
                }
                throw error
            }
            retryAt = nil
            nextRefresh = now + refresh
            let (isChanged, hadFault) = condition.withLock {
                let isChanged = known.status.shows != target
                let hadFault = known.status.fault != nil
                known.status.shows = target
                known.status.fault = nil
                if isChanged { known.status.changes += 1 }
                return (isChanged, hadFault)
            }
            if hadFault { tell(.recovered) }
            if isChanged { tell(.shown(target)) }
        } catch {
            retryAt = now + RelayLimits.retry
            let isNews = condition.withLock {
                let isNews = known.status.fault != error
                known.status.fault = error
                known.status.shows = nil
                return isNews
            }
            if isNews { tell(.fault(error)) }
        }
    }

    private func tell(_ event: RelayReport.Event) {
        // A heartbeat's edges are no news.
        if case .toggle = mode, case .shown = event { return }
        report(RelayReport(output: name, event: event))
    }
}
