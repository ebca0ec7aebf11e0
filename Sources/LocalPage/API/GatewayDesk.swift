import GatewayCore

/// What the daemon offers to the API beside its state.
public protocol GatewayDesk: ControlDesk {
    /// The configuration that runs, its instruments as they are now.
    var settings: GatewaySettings { get }
    /// Carries out a command of somebody who is signed in.
    ///
    /// - waiting: wait for the end of what takes longer; else the answer names its job.
    func carryOut(_ command: GatewayCommand, waiting: Bool) async -> ControlAnswer
    /// The last exchange with every unit, by the bus's name.
    var lastFrames: [String: [UnitAddress: BusFrames]] { get }
    /// Who keeps the instrument register; nil: nobody, it cannot be changed.
    var register: (any RegisterDesk)? { get }
    /// Adds an entry to the audit log.
    func audit(_ entry: AuditEntry) async
    /// The least important lines that are logged: `debug`, `info`, `warning` or `error`.
    var logLevel: String { get }
    func setLogLevel(_ level: String)
    /// The plant that is simulated; nil: the plant is real.
    var simulator: (any PlantSimulator)? { get }
}

extension GatewayDesk {
    public var lastFrames: [String: [UnitAddress: BusFrames]] { [:] }
    public var register: (any RegisterDesk)? { nil }
    public var simulator: (any PlantSimulator)? { nil }
}

/// The simulated plant of the demo, which can be broken and mended from the page.
public protocol PlantSimulator: Sendable {
    /// How it stands.
    func status() -> SimulatorStatus
    /// Lets faults begin now.
    ///
    /// - tags: at which instruments; empty: at all.
    /// - faults: which of `SimulatorStatus.faults`; empty: one after the other.
    func start(tags: [String], faults: [String])
    /// Ends every fault, those to come included.
    func stop()
}

/// How the simulated plant stands.
public struct SimulatorStatus: Sendable, Encodable {
    /// A fault that was begun by hand.
    public struct Fault: Sendable, Encodable {
        public var tagNumber: String
        public var fault: String

        public init(tagNumber: String, fault: String) {
            self.tagNumber = tagNumber
            self.fault = fault
        }
    }
    /// Whether anything is wrong, or will be.
    public var running: Bool
    /// Every instrument of the plant.
    public var tags: [String]
    /// Every fault that it knows.
    public var faults: [String]
    /// What was begun by hand and not ended, newest last.
    public var active: [Fault]

    public init(running: Bool, tags: [String], faults: [String], active: [Fault]) {
        self.running = running
        self.tags = tags
        self.faults = faults
        self.active = active
    }
}
