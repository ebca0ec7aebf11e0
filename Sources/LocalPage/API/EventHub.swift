import Foundation
import GatewayCore
import Hummingbird
import Runtime
import Signal

/// Tells open pages what changes: one look at the gateway a second, one text for all of them.
///
/// A reader that does not keep up is let go rather than buffered: its page asks again.
actor EventHub {
    /// One open stream.
    struct Stream: Sendable {
        var number: Int
        /// Pieces of the stream, ready to be sent; ends with the session.
        var pieces: AsyncStream<ByteBuffer>
        /// Ends when the reader was too slow: the connection is to be broken off.
        var letGo: AsyncStream<Void>
    }
    private struct Reader {
        var pieces: AsyncStream<ByteBuffer>.Continuation
        var letGo: AsyncStream<Void>.Continuation
        /// Whether the session that opened the stream is still there.
        var isSignedIn: @Sendable () async -> Bool
    }

    private let desk: any PageDesk
    private let snapshots: SnapshotCache
    private let exports: ExportDesk
    private let tick: Duration
    private var readers: [Int: Reader] = [:]
    private var opened = 0
    private var pump: Task<Void, Never>?
    private var told = Told()

    /// Ticks, which are seconds, between two signs of life.
    private static let heartbeat = 15
    /// Ticks between two looks whether sessions are still there.
    private static let sessionLook = 2

    /// - tick: time between two looks.
    init(
        desk: any PageDesk,
        snapshots: SnapshotCache,
        exports: ExportDesk,
        tick: Duration = .seconds(1)
    ) {
        self.tick = tick
        self.desk = desk
        self.snapshots = snapshots
        self.exports = exports
    }

    /// Opens a stream, which begins with the whole state.
    ///
    /// - Throws: 503 where `Limits.eventStreams` are open.
    func open(
        while isSignedIn: @escaping @Sendable () async -> Bool
    ) async throws -> Stream {
        guard readers.count < Limits.eventStreams else {
            throw Problem(
                .serviceUnavailable,
                "\(Limits.eventStreams) event streams are open: poll instead",
                retryAfter: 30
            )
        }
        opened += 1
        let (pieces, feed) = AsyncStream.makeStream(
            of: ByteBuffer.self,
            bufferingPolicy: .bufferingOldest(Limits.waitingEvents)
        )
        let (letGo, end) = AsyncStream.makeStream(of: Void.self)
        let number = opened
        readers[number] = Reader(pieces: feed, letGo: end, isSignedIn: isSignedIn)
        var fresh = Told()
        feed.yield(ByteBuffer(string: "retry: 3000\n\n" + (await news(since: &fresh))))
        if pump == nil { pump = Task { [weak self] in await self?.run() } }
        return Stream(number: number, pieces: pieces, letGo: letGo)
    }

    /// The reader is gone.
    func close(_ number: Int) { remove(number) }

    private func remove(_ number: Int, tooSlow: Bool = false) {
        guard let reader = readers.removeValue(forKey: number) else { return }
        reader.pieces.finish()
        // An ended `letGo` means too slow; one that is merely forgotten ends with the stream.
        if tooSlow { reader.letGo.yield(()) }
        reader.letGo.finish()
        if readers.isEmpty {
            pump?.cancel()
            pump = nil
            told = Told()
        }
    }

    private func run() async {
        var second = 0
        while !Task.isCancelled {
            do { try await Task.sleep(for: tick) } catch { return }
            second += 1
            if second % Self.sessionLook == 0 { await endSessions() }
            var known = told
            var text = await news(since: &known)
            told = known
            if second % Self.heartbeat == 0 { text += ": alive\n\n" }
            guard !Task.isCancelled, !text.isEmpty else { continue }
            let piece = ByteBuffer(string: text)
            for (number, reader) in readers {
                if case .dropped = reader.pieces.yield(piece) { remove(number, tooSlow: true) }
            }
        }
    }

    private func endSessions() async {
        for (number, reader) in readers where await !reader.isSignedIn() { remove(number) }
    }

    // MARK: News

    /// What was told last, so that only changes are told.
    private struct Told {
        var alerts: [String: AlertBody] = [:]
        var jobs: [String: JobBody] = [:]
        var relay: RelayBody?
        var health: HealthNews?
    }
    private struct HealthNews: Encodable, Equatable {
        var status: String
        var reasons: [String]
    }

    /// Everything that changed since `told`, as text of the stream.
    private func news(since told: inout Told) async -> String {
        guard let snapshot = try? await snapshots.latest() else {
            return health(
                HealthNews(status: "failing", reasons: ["the gateway's thread does not answer"]),
                &told
            )
        }
        var text = Self.event(
            "readings",
            snapshot.instruments.map { LiveBody($0, at: snapshot.wall) }
        )
        var open: [String: AlertBody] = [:]
        for alert in snapshot.alerts { open[alert.id] = AlertBody(alert) }
        for (id, alert) in open.sorted(by: { $0.key < $1.key }) where told.alerts[id] != alert {
            text += Self.event("alert", alert)
        }
        for (id, alert) in told.alerts.sorted(by: { $0.key < $1.key }) where open[id] == nil {
            text += Self.event("alert", alert.resolved(at: snapshot.wall))
        }
        told.alerts = open
        var jobs: [String: JobBody] = [:]
        for job in snapshot.jobs.map({ JobBody($0) }) + (await exports.known) { jobs[job.id] = job }
        for (id, job) in jobs.sorted(by: { $0.key < $1.key }) where told.jobs[id] != job {
            text += Self.event("job", job)
        }
        told.jobs = jobs
        let relay = RelayBody(snapshot.relay, desk.settings.relay)
        if told.relay != relay { text += Self.event("relay", relay) }
        told.relay = relay
        let report = HealthReport(snapshot, version: desk.version)
        return text
            + health(HealthNews(status: report.status.rawValue, reasons: report.reasons), &told)
    }

    private func health(_ news: HealthNews, _ told: inout Told) -> String {
        guard told.health != news else { return "" }
        told.health = news
        return Self.event("health", news)
    }

    /// One event; JSON has no line breaks of its own here.
    private static func event(_ name: String, _ value: some Encodable) -> String {
        guard let data = try? JSON.encoder.encode(value) else { return "" }
        return "event: \(name)\ndata: \(String(decoding: data, as: UTF8.self))\n\n"
    }
}
