import GatewayCore
import Hummingbird
import Signal

/// The alarm relay, and the summary that the page begins with.
struct RelayRoutes: PageRoutes {
    let parts: APIParts

    private struct TestBody: RequestBodyFields {
        enum CodingKeys: String, CodingKey, CaseIterable { case seconds }
        var seconds: Double?
    }

    func add(to api: RouterGroup<PageContext>) {
        api.get("relay") { request, context -> Response in
            try context.requirePerson()
            try Query(request).check()
            return try JSON.response(
                RelayBody(try await parts.snapshots.latest().relay, parts.desk.settings.relay)
            )
        }
        api.post("relay/silence") { request, context -> Response in
            let person = try context.requirePerson()
            let note = try await JSON.decodeOptional(NoteBody.self, from: request).checked()
            try await parts.perform("silence", .silenceHorn, note: note, by: person)
            return .done
        }
        api.post("relay/reset") { request, context -> Response in
            let person = try context.requirePerson()
            let note = try await JSON.decodeOptional(NoteBody.self, from: request).checked()
            try await parts.perform("reset", .alert(.resetLatches), note: note, by: person)
            return .done
        }
        api.post("relay/test") { request, context -> Response in
            let person = try context.requireAdmin()
            let body = try await JSON.decode(TestBody.self, from: request)
            let length = try Nanoseconds.given(body.seconds, "seconds", unit: 1)
            try await parts.perform("test-relay", .testRelay(length: length), by: person)
            return .done
        }
        api.get("dashboard/summary") { request, context -> Response in
            try context.requirePerson()
            try Query(request).check()
            return try JSON.response(
                SummaryBody(
                    try await parts.snapshots.latest(),
                    version: parts.desk.version,
                    relay: parts.desk.settings.relay
                )
            )
        }
    }
}

/// What the alarm output is told, and why.
struct RelayBody: Encodable, Sendable, Equatable {
    var demand: String
    var reasons: [String]
    var horn: Bool
    @OrNull var firstOut: String?
    var output: String
    @OrNull var testUntil: ISOTime?

    init(_ relay: GatewaySnapshot.AlarmOutput, _ settings: RelaySettings) {
        demand = relay.demand
        reasons = relay.reasons
        horn = relay.isHornOn
        firstOut = relay.firstOut
        output = settings.output.words
        testUntil = relay.testUntil.map { ISOTime($0) }
    }
}

extension RelaySettings.Output {
    /// The output in words.
    var words: String {
        switch self {
        case .log: "none: shown and logged"
        case .gpio(let chip, let line, let activeLow):
            "GPIO \(chip) line \(line)\(activeLow ? ", active low" : "")"
        case .processImage(let path, let byte, let bit): "\(path) byte \(byte) bit \(bit)"
        case .sysfs(let path, _, _): path
        case .coil(let host, let port, let unit, let address):
            "coil \(address) of unit \(unit) at \(host):\(port)"
        }
    }
}

/// The plant at a glance.
struct SummaryBody: Encodable, Sendable {
    struct Health: Encodable, Sendable {
        var status: String
        var reasons: [String]
    }
    struct Score: Encodable, Sendable {
        var id: UInt32
        var tagNumber: String
        var score: Int
        var health: String
    }
    var gateway: String
    var version: String
    var time: ISOTime
    var clock: String
    var instruments: Int
    var calibrationOverdue: Int
    var activeAlerts: Int
    var unacknowledged: Int
    /// Null: work orders are kept elsewhere.
    @OrNull var openWorkOrders: Int?
    var health: Health
    var lowestScores: [Score]
    var relay: RelayBody

    init(_ snapshot: GatewaySnapshot, version: String, relay settings: RelaySettings) {
        let report = HealthReport(snapshot, version: version)
        gateway = snapshot.gateway
        self.version = version
        time = ISOTime(snapshot.wall)
        clock = snapshot.clock.word
        instruments = snapshot.instruments.count
        calibrationOverdue = snapshot.instruments.count { $0.calibration.status == "overdue" }
        activeAlerts = snapshot.alerts.count { $0.isActive && !$0.isNotice }
        unacknowledged = snapshot.alerts.count { $0.state == "raised" && !$0.isNotice }
        openWorkOrders = nil
        health = Health(status: report.status.rawValue, reasons: report.reasons)
        let judged = snapshot.instruments.compactMap { item in
            item.score.map {
                Score(id: item.id, tagNumber: item.tag, score: $0, health: item.health)
            }
        }
        lowestScores = Array(judged.sorted { $0.score < $1.score }.prefix(5))
        relay = RelayBody(snapshot.relay, settings)
    }
}
