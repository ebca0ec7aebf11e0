import GatewayCore
import Hummingbird
import Signal

/// The plant side: buses, their modules and what is wrong with them; and where readings go.
struct BusRoutes: PageRoutes {
    let parts: APIParts

    func add(to api: RouterGroup<PageContext>) {
        api.get("buses") { request, context -> Response in
            try context.requirePerson()
            try Query(request).check()
            let snapshot = try await parts.snapshots.latest()
            let frames = parts.desk.lastFrames
            return try JSON.response(
                snapshot.buses.map { BusBody($0, frames[$0.name] ?? [:], in: snapshot) }
            )
        }
        api.get("uplinks") { request, context -> Response in
            try context.requirePerson()
            try Query(request).check()
            return try JSON.response(
                try await parts.snapshots.latest().uplinks.map { UplinkBody($0) }
            )
        }
        api.get("store") { request, context -> Response in
            try context.requirePerson()
            try Query(request).check()
            return try JSON.response(
                StoreBody(
                    try await parts.snapshots.latest().store,
                    parts.desk.settings.journal
                )
            )
        }
    }
}

/// A bus with its modules, and what is wrong in words.
struct BusBody: Encodable, Sendable {
    struct Module: Encodable, Sendable {
        struct Channel: Encodable, Sendable {
            var channel: Int
            var tagNumber: String
            var quality: String
            var reason: String
        }
        var name: String
        var unit: UInt8
        var profile: String
        var state: String
        @OrNull var detail: String?
        @OrNull var silentSince: ISOTime?
        var counters: Counters
        @OrNull var lastRequestHex: String?
        @OrNull var lastReplyHex: String?
        @OrNull var lastFrameAt: ISOTime?
        var channels: [Channel]
    }
    struct Counters: Encodable, Sendable {
        var requests: UInt64
        var replies: UInt64
        var timeouts: UInt64
        var crcErrors: UInt64
        var garbled: UInt64
        var exceptions: UInt64
        var lateReplies: UInt64
        var noiseBytes: UInt64
        var overruns: UInt64
        var responseMs: Double

        init(_ counters: UnitCounters) {
            requests = counters.requests
            replies = counters.replies
            timeouts = counters.timeouts
            crcErrors = counters.crcErrors
            garbled = counters.garbled
            exceptions = counters.exceptions
            lateReplies = counters.lateReplies
            noiseBytes = counters.noiseBytes
            overruns = counters.overruns
            responseMs = counters.responseMilliseconds
        }
    }

    var name: String
    var link: String
    var up: Bool
    @OrNull var fault: String?
    var linkLosses: UInt64
    var diagnosis: [String]
    var modules: [Module]

    init(
        _ bus: GatewaySnapshot.Bus,
        _ frames: [UnitAddress: BusFrames],
        in snapshot: GatewaySnapshot
    ) {
        name = bus.name
        link = bus.link
        up = bus.isUp
        fault = bus.fault
        linkLosses = bus.linkLosses
        diagnosis = Diagnosis.of(bus, in: snapshot)
        modules = bus.units.map { unit in
            let last = frames[UnitAddress(rawValue: unit.unit)]
            return Module(
                name: unit.module,
                unit: unit.unit,
                profile: unit.profile,
                state: unit.state,
                detail: unit.detail,
                silentSince: unit.silentSince(snapshot).map { ISOTime($0) },
                counters: Counters(unit.counters),
                lastRequestHex: last.map { Self.hex($0.request) },
                lastReplyHex: last.map { Self.hex($0.reply) },
                lastFrameAt: last.map { ISOTime($0.at) },
                channels: snapshot.instruments.filter { $0.module == unit.module }
                    .sorted { $0.channel < $1.channel }
                    .map {
                        Module.Channel(
                            channel: $0.channel,
                            tagNumber: $0.tag,
                            quality: $0.quality,
                            reason: $0.reason
                        )
                    }
            )
        }
    }

    /// `01 04 00 00 …`; empty: nothing came.
    private static func hex(_ bytes: [UInt8]) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: " ")
    }
}

extension GatewaySnapshot.Unit {
    /// Since when it has not answered; nil: it answers, or never has.
    func silentSince(_ snapshot: GatewaySnapshot) -> WallTime? {
        guard state != "answering", let silentFor else { return nil }
        return snapshot.wall + .seconds(-silentFor)
    }
}

/// What is wrong with a bus, as a technician would say it.
enum Diagnosis {
    static func of(_ bus: GatewaySnapshot.Bus, in snapshot: GatewaySnapshot) -> [String] {
        var lines: [String] = []
        if let fault = bus.fault { lines.append("\(bus.link): \(fault)") }
        for unit in bus.units {
            let name = "unit \(unit.unit) (\(unit.module))"
            switch unit.state {
            case "answering": break
            case "missing", "silent":
                let since = unit.silentSince(snapshot).map {
                    "silent since \(clock($0, now: snapshot.wall))"
                }
                lines.append("\(name) \(since ?? "has never answered")")
                continue
            case "wrong-module":
                lines.append("\(name) is another module than configured: \(unit.detail ?? "")")
                continue
            default: lines.append("\(name): \(unit.state)")
            }
            for item in snapshot.instruments.sorted(by: { $0.channel < $1.channel })
            where item.module == unit.module {
                guard let words = fault(item) else { continue }
                lines.append("\(words) at AI \(item.channel) of \(unit.module) (\(item.tag))")
            }
            if let words = quality(of: unit.counters) { lines.append("\(name): \(words)") }
        }
        return lines
    }

    /// What is wrong with a loop; nil: nothing that a technician could mend at the terminal.
    private static func fault(_ item: GatewaySnapshot.Instrument) -> String? {
        let current = item.milliamps.map { " (\($0.rounded(parts: 100)) mA)" } ?? ""
        switch item.reason {
        case "wire-break": return "wire break\(current)"
        case "short-circuit": return "short circuit\(current)"
        case "failure-current-low": return "the transmitter signals failure, low\(current)"
        case "failure-current-high": return "the transmitter signals failure, high\(current)"
        case "module-fault": return "the module reports a fault"
        case "channel-not-configured": return "the channel is not configured in the module"
        case "refused-by-module": return "the module refuses the register"
        case "saturated-low", "saturated-high": return "out of range\(current)"
        default: return item.detectors.stuck ? "the value stands still" : nil
        }
    }

    /// What the counters say about the line; nil: it is sound.
    private static func quality(of counters: UnitCounters) -> String? {
        guard counters.requests >= 100 else { return nil }
        let bad = counters.crcErrors + counters.garbled
        let share = Double(bad) / Double(counters.requests)
        guard share > 0.01 else { return nil }
        return
            "\(Int((share * 100).rounded())) % of the answers are corrupt: look at the line, its "
            + "termination and its screen"
    }

    /// The time of day; with the date where it is not today.
    private static func clock(_ time: WallTime, now: WallTime) -> String {
        let text = time.iso8601
        let minute = text.dropFirst(11).prefix(5) + " UTC"
        return text.prefix(10) == now.iso8601.prefix(10)
            ? "\(minute)" : "\(text.prefix(10)) \(minute)"
    }
}

/// A connection to a broker.
struct UplinkBody: Encodable, Sendable {
    var name: String
    var up: Bool
    @OrNull var broker: String?
    @OrNull var reason: String?
    @OrNull var detail: String?
    /// Seconds since it came up or went down.
    var sinceSeconds: Double
    var backlog: UInt64
    var inFlight: Int
    var published: UInt64
    var delivered: UInt64
    var refused: UInt64
    var quarantined: UInt64
    var thinned: UInt64
    var repeats: UInt64

    init(_ link: GatewaySnapshot.Connection) {
        name = link.name
        up = link.isUp
        broker = link.broker
        reason = link.reason
        detail = link.detail
        sinceSeconds = link.since
        backlog = link.backlog
        inFlight = link.inFlight
        published = link.counters.published
        delivered = link.counters.delivered
        refused = link.counters.refused
        quarantined = link.counters.quarantined
        thinned = link.counters.thinned
        repeats = link.counters.repeats
    }
}

/// The journal in numbers.
struct StoreBody: Encodable, Sendable {
    struct Retention: Encodable, Sendable {
        @OrNull var raw: Int?
        @OrNull var minute: Int?
        @OrNull var hour: Int?
        @OrNull var day: Int?
    }
    var working: Bool
    @OrNull var fault: String?
    var commits: UInt64
    var failures: UInt64
    var databaseBytes: Int64
    var logBytes: Int64
    var quotaBytes: Int64
    var commitIntervalSeconds: Double
    /// Readings of this run: made, stored, and not stored yet.
    var readings: UInt64
    var stored: UInt64
    var pending: UInt64
    /// Days that each level is kept; null: for ever.
    var retentionDays: Retention

    init(_ store: GatewaySnapshot.Store, _ settings: JournalSettings) {
        working = store.isWorking
        fault = store.fault
        commits = store.commits
        failures = store.failures
        databaseBytes = store.databaseBytes
        logBytes = store.logBytes
        quotaBytes = settings.quotaBytes
        commitIntervalSeconds = settings.commitInterval.seconds
        readings = store.readings
        stored = store.stored
        pending = store.pending
        retentionDays = Retention(
            raw: settings.rawDays,
            minute: settings.minuteDays,
            hour: settings.hourDays,
            day: settings.dayDays
        )
    }
}
