import Alerts
import Signal

/// Everything the gateway is told: the decoded and checked configuration, plain data.
///
/// `Profiles` makes it from YAML; nothing here needs checking again.
public struct GatewaySettings: Hashable, Sendable {
    /// The gateway's name: one topic level, part of every reading's identity.
    public var gateway: String
    public var buses: [BusSettings]
    public var modules: [ModuleSettings]
    public var instruments: [InstrumentSettings]
    public var connections: [ConnectionSettings]
    public var journal: JournalSettings
    public var relay: RelaySettings
    public var page: PageSettings
    /// Trust the hardware clock without NTP: times count as right from the start.
    public var trustsRTC: Bool
    /// How alerts are treated.
    public var alerts: AlertPolicy
    /// How detectors work where an instrument does not say otherwise.
    public var detection: DetectionSettings

    public init(
        gateway: String,
        buses: [BusSettings] = [],
        modules: [ModuleSettings] = [],
        instruments: [InstrumentSettings] = [],
        connections: [ConnectionSettings] = [],
        journal: JournalSettings = JournalSettings(),
        relay: RelaySettings = RelaySettings(),
        page: PageSettings = PageSettings(),
        trustsRTC: Bool = false,
        alerts: AlertPolicy? = nil,
        detection: DetectionSettings = DetectionSettings()
    ) {
        self.gateway = gateway
        self.buses = buses
        self.modules = modules
        self.instruments = instruments
        self.connections = connections
        self.journal = journal
        self.relay = relay
        self.page = page
        self.trustsRTC = trustsRTC
        self.alerts = alerts ?? AlertPolicy(relay: relay.rules)
        self.detection = detection
    }
}
