import Alerts
import Signal

/// How the gateway fares, in one word and in reasons: `/health`, and once a minute over MQTT.
public struct HealthReport: Sendable, Codable {
    public enum Status: String, Sendable, Codable {
        case healthy
        /// Works, with something to mend.
        case degraded
        /// Does not do its job: readings are not stored.
        case failing
    }
    /// Readings by what they are worth, and who has none.
    public struct Instruments: Sendable, Codable {
        public var total: Int
        public var good: Int
        public var uncertain: Int
        public var bad: Int
        /// Tags without a usable reading for more than twice their expected interval.
        public var gaps: [String]
    }

    public var status: Status
    /// What keeps it from being healthy, worst first; empty when healthy.
    public var reasons: [String]
    /// What the operator should know and need not act upon.
    public var remarks: [String]
    public var version: String
    public var gateway: String
    public var epoch: String
    /// Seconds since the start.
    public var uptime: Double
    /// `unset`, `restored`, `synced` or `trusted-rtc`.
    public var clock: String
    public var instruments: Instruments
    public var buses: [GatewaySnapshot.Bus]
    public var store: GatewaySnapshot.Store
    public var uplinks: [GatewaySnapshot.Connection]

    /// The report that a snapshot amounts to.
    public init(_ snapshot: GatewaySnapshot, version: String) {
        var failing: [String] = []
        var degraded: [String] = []
        if let fault = snapshot.store.fault { failing.append("journal: \(fault)") }
        for bus in snapshot.buses {
            if let fault = bus.fault { degraded.append("bus \(bus.name): \(fault)") }
            for unit in bus.units where unit.state != "answering" && bus.isUp {
                let detail = unit.detail.map { ", \($0)" } ?? ""
                degraded.append(
                    "module \(unit.module) (unit \(unit.unit) on \(bus.name)): \(unit.state)\(detail)"
                )
            }
        }
        let gaps = snapshot.instruments.filter(\.isInGap).map(\.tag)
        if !gaps.isEmpty {
            let named = gaps.prefix(8).joined(separator: ", ")
            let more = gaps.count > 8 ? " and \(gaps.count - 8) more" : ""
            degraded.append("data gap: \(named)\(more)")
        }
        for uplink in snapshot.uplinks where !uplink.isUp {
            degraded.append("uplink \(uplink.name): \(uplink.detail ?? "down")")
        }
        if !snapshot.clock.isTrusted { degraded.append("the clock is \(snapshot.clock.word)") }
        // What modules, the journal and uplinks have to say is said above, as it is now.
        let said: Set = ["silent", "wrong-module", "failing"]
        for alert in snapshot.alerts
        where alert.type == AlertType.system.rawValue && alert.isActive
            && !said.contains(alert.detail)
        {
            degraded.append("\(alert.subject): \(alert.explanation)")
        }
        for bus in snapshot.buses where bus.units.isEmpty {
            degraded.append("bus \(bus.name) has no module")
        }
        status = !failing.isEmpty ? .failing : !degraded.isEmpty ? .degraded : .healthy
        reasons = failing + degraded
        remarks = snapshot.remarks
        self.version = version
        gateway = snapshot.gateway
        epoch = snapshot.epoch
        uptime = snapshot.uptime
        clock = snapshot.clock.word
        func count(_ quality: String) -> Int {
            snapshot.instruments.reduce(0) { $0 + ($1.quality == quality ? 1 : 0) }
        }
        instruments = Instruments(
            total: snapshot.instruments.count,
            good: count("good"),
            uncertain: count("uncertain"),
            bad: count("bad"),
            gaps: gaps
        )
        buses = snapshot.buses
        store = snapshot.store
        uplinks = snapshot.uplinks
    }
}

extension ClockState {
    /// The state as `/health` writes it.
    public var word: String {
        switch self {
        case .unset: "unset"
        case .restored: "restored"
        case .synced: "synced"
        case .trustedRTC: "trusted-rtc"
        }
    }
}
