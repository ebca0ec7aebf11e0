import Alerts
import Foundation
import GatewayCore
import Journal
import Logging
import People
import Runtime
import Signal
import TestSupport

@testable import LocalPage

/// The API served for real, over a journal that the test filled and a gateway that stands still.
final class APIBox: Sendable {
    /// What the gateway answers, and what was asked of it.
    struct State: Sendable {
        var snapshot: GatewaySnapshot?
        var snapshots = 0
        var commands: [GatewayCommand] = []
        var answer = ControlAnswer(isDone: true, text: "done")
        var audit: [AuditEntry] = []
        var goesOn = true
        var logLevel = "info"
    }

    struct Desk: PageDesk {
        let settings: GatewaySettings
        let state: Locked<State>
        let simulator: (any PlantSimulator)?
        let version = "1.2.3"

        var logLevel: String { state.withLock { $0.logLevel } }
        var lastFrames: [String: [UnitAddress: BusFrames]] {
            [
                "line": [
                    UnitAddress(rawValue: 4): BusFrames(
                        request: [4, 3, 0, 0],
                        reply: [],
                        at: WallTime(nanosecondsSince1970: APIBox.now)
                    )
                ]
            ]
        }

        func snapshot() async -> GatewaySnapshot? {
            state.withLock { state in
                state.snapshots += 1
                return state.snapshot
            }
        }
        /// `admin` and `technician` are good tokens.
        func signedIn(bearing token: String) async -> SignedIn? {
            guard let role = Role(rawValue: token), state.withLock({ $0.goesOn }) else {
                return nil
            }
            let person = Person(
                employeeNumber: "E-\(token)",
                fullName: token,
                role: role,
                createdAt: WallTime(nanosecondsSince1970: 0)
            )
            return SignedIn(person: person, session: token)
        }
        func setLogLevel(_ level: String) { state.withLock { $0.logLevel = level } }
        func audit(_ entry: AuditEntry) async { state.withLock { $0.audit.append(entry) } }
        func carryOut(_ command: GatewayCommand, waiting: Bool) async -> ControlAnswer {
            state.withLock { state in
                state.commands.append(command)
                return state.answer
            }
        }
        func execute(_ name: String, _ payload: String, waiting: Bool) async -> ControlAnswer {
            .silence
        }
    }

    /// The gateway's civil time: 2026-01-02T00:00:00Z.
    static let now: Int64 = 1_767_312_000_000_000_000
    static let second: Int64 = 1_000_000_000

    let folder: TemporaryFolder
    let state = Locked(State())
    let port: Int
    let server: PageServer
    let desk: Desk
    private let serving: Task<Void, any Error>

    /// Serves until the box is gone.
    ///
    /// - fill: puts readings and records into the journal.
    init(
        simulator: (any PlantSimulator)? = nil,
        fill: (JournalStore) async throws -> Void = { _ in }
    ) async throws {
        folder = try TemporaryFolder()
        let current = RawEncoding(
            format: .unsigned,
            low: .init(raw: 4_000, milliamps: 4),
            high: .init(raw: 20_000, milliamps: 20)
        )
        let line = BusID(rawValue: 0)
        let channels = [0, 1].map { ChannelMap(table: .input, address: $0, encoding: current) }
        var settings = GatewaySettings(
            gateway: "gw-test",
            buses: [
                BusSettings(
                    id: line,
                    name: "line",
                    link: .rtu(SerialSettings(path: "/dev/ttyS1"))
                )
            ],
            modules: [
                ModuleSettings(
                    name: "ai1",
                    bus: line,
                    unit: UnitAddress(rawValue: 4),
                    profile: "any",
                    map: ModuleMap(channels: channels)
                )
            ],
            instruments: try Self.instruments(),
            journal: JournalSettings(path: folder.file("journal.db"), rawDays: nil)
        )
        settings.connections = [
            ConnectionSettings(
                id: ConnectionID(rawValue: 0),
                name: "cmms",
                brokers: [BrokerAddress(host: "mqtt.example", port: 8883)],
                clientID: "gw-test",
                username: "the-user",
                passwordFile: "/etc/loopgate/the-secret"
            )
        ]
        let (journal, opening) = try await JournalStore.open(
            settings.journal,
            connections: [],
            ballastBytes: 0
        )
        _ = try await journal.register(settings.instruments.map(\.tag))
        try await fill(journal)
        await journal.close()
        let stamp = Self.stamp(0)
        let gateway = Gateway(settings: settings, epoch: 7, opening: opening, at: stamp)
        let snapshot = gateway.snapshot(at: stamp.monotonic)
        state.withLock { $0.snapshot = snapshot }
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let (ports, listening) = AsyncStream.makeStream(of: Int.self)
        desk = Desk(settings: settings, state: state, simulator: simulator)
        let server = PageServer(
            settings: PageSettings(port: 0),
            desk: desk,
            logger: logger,
            onListening: { listening.yield($0) }
        )
        self.server = server
        serving = Task {
            defer { listening.finish() }
            try await server.run()
        }
        guard let port = await ports.first(where: { _ in true }) else {
            throw TestFailure("the page never listened")
        }
        self.port = port
    }

    deinit { serving.cancel() }

    /// Two instruments: `PT-101`, whose unit a spreadsheet would take for a formula, and `TT-205`.
    static func instruments() throws -> [InstrumentSettings] {
        guard let pressure = Tag("PT-101"), let temperature = Tag("TT-205"),
            let bar = Span(lrv: 0, urv: 16, unit: "=bar"),
            let celsius = Span(lrv: -50, urv: 150, unit: "°C")
        else { throw TestFailure("no such instruments") }
        return [
            InstrumentSettings(
                id: InstrumentID(rawValue: 1),
                tag: pressure,
                type: .pressure,
                measuredVariable: "Feed <b>pressure</b>",
                span: bar,
                nominal: 8,
                processUnit: "Boiler",
                module: "ai1",
                channel: 1,
                limits: ProcessLimits(high: 12, highHigh: 14)
            ),
            InstrumentSettings(
                id: InstrumentID(rawValue: 2),
                tag: temperature,
                type: .temperature,
                span: celsius,
                module: "ai1",
                channel: 2
            ),
        ]
    }

    /// The stamp `seconds` after `now`.
    static func stamp(_ seconds: Int64) -> Stamp {
        Stamp(
            monotonic: MonotonicTime(nanoseconds: (1_000_000 + seconds) * second),
            wall: WallTime(nanosecondsSince1970: now + seconds * second),
            clock: .synced
        )
    }

    /// The time `seconds` after `now` as a query writes it.
    static func time(_ seconds: Int64) -> String { stamp(seconds).wall.iso8601 }

    static func commit(_ commit: Commit, to journal: JournalStore) async throws {
        let outcome = await withCheckedContinuation { continuation in
            journal.commit(commit) { continuation.resume(returning: $0) }
        }
        _ = try outcome.result.get()
    }

    /// Readings of `PT-101`, one a second, made by `value` from its second (nil: a broken wire); in
    /// `silent` nothing comes.
    static func readings(
        _ seconds: Range<Int64>,
        silent: Range<Int64> = 0..<0,
        into journal: JournalStore,
        value: (Int64) -> Double?
    ) async throws {
        var sequence: UInt64 = 0
        var rows: [SequencedReading] = []
        var number: UInt64 = 0
        for second in seconds where !silent.contains(second) {
            sequence += 1
            let value = value(second)
            rows.append(
                SequencedReading(
                    sequence: sequence,
                    reading: Reading(
                        instrument: InstrumentID(rawValue: 1),
                        stamp: stamp(second),
                        raw: nil,
                        current: LoopCurrent(milliamps: 12),
                        value: value,
                        quality: value == nil ? .wireBreak : .good
                    )
                )
            )
            if rows.count == 60 || second == seconds.upperBound - 1 {
                number += 1
                try await commit(Commit(id: number, epoch: 5, readings: rows), to: journal)
                rows = []
            }
        }
    }

    /// A record of a step of a high alarm of `PT-101`, made `second` seconds after `now`.
    static func step(
        _ sequence: UInt64,
        of alert: AlertID,
        raised: Int64,
        at second: Int64,
        _ state: AlertState = .raised,
        isActive: Bool? = nil,
        by: String = "system",
        note: String? = nil
    ) -> SequencedRecord {
        SequencedRecord(
            sequence: sequence,
            stamp: stamp(second),
            body: .alert(
                AlertTransition(
                    alert: alert,
                    instrument: InstrumentID(rawValue: 1),
                    subject: "PT-101",
                    type: .ruleViolation,
                    detail: "high",
                    severity: .warning,
                    state: state,
                    isActive: isActive,
                    value: 12.5,
                    explanation: "12.5 bar is above 12 bar.",
                    raisedAt: stamp(raised),
                    at: stamp(second),
                    by: by,
                    note: note
                )
            )
        )
    }

    /// One request with a token (empty: none), and its answer.
    func ask(
        _ method: String,
        _ path: String,
        as token: String = "admin",
        json: String? = nil
    ) async throws -> Answer {
        let request = Self.request(method, path, as: token, json: json)
        return try await onThread { [port] in Answer(try RawConnection(port: port).ask(request)) }
    }

    static func request(
        _ method: String,
        _ path: String,
        as token: String,
        json: String? = nil
    ) -> String {
        var headers = token.isEmpty ? [] : ["Authorization: Bearer \(token)"]
        if json != nil { headers.append("Content-Type: application/json") }
        if let json { headers.append("Content-Length: \(json.utf8.count)") }
        let lines = ["\(method) \(path) HTTP/1.1", "Host: 127.0.0.1"] + headers
        return lines.joined(separator: "\r\n") + "\r\n\r\n" + (json ?? "")
    }
}

extension Answer {
    /// The body as a JSON list.
    var list: [[String: Any]] {
        (try? JSONSerialization.jsonObject(with: Data(body.utf8))) as? [[String: Any]] ?? []
    }
}
