import GatewayCore

/// How a module is set up, beside its profile's name; nil: as the profile says by itself.
public struct ModuleOptions: Hashable, Sendable {
    /// The input range set on the module.
    public var range: String?
    /// Its firmware version.
    public var firmware: String?
    /// 0-based address of its first register.
    public var base: Int?
    /// How many channels it has.
    public var channels: Int?
    /// Whether its bus is a serial port; over TCP it may sit behind a serial gateway.
    public var isOnSerialPort: Bool?

    /// Options as given.
    public init(
        range: String? = nil,
        firmware: String? = nil,
        base: Int? = nil,
        channels: Int? = nil,
        isOnSerialPort: Bool? = nil
    ) {
        self.range = range
        self.firmware = firmware
        self.base = base
        self.channels = channels
        self.isOnSerialPort = isOnSerialPort
    }
}

/// A profile resolved for one module.
public struct ResolvedModule: Hashable, Sendable {
    /// Something that works but deserves a look, such as a profile nobody has tried yet.
    public struct Doubt: Hashable, Sendable {
        /// What is doubtful.
        public var what: String
        /// What to do about it.
        public var mend: String

        /// A doubt.
        public init(what: String, mend: String) {
            self.what = what
            self.mend = mend
        }
    }

    /// The registers.
    public var map: ModuleMap
    /// What deserves a look.
    public var doubts: [Doubt]

    /// A map and its doubts.
    public init(map: ModuleMap, doubts: [Doubt] = []) {
        self.map = map
        self.doubts = doubts
    }
}

/// Why a profile gives no map for a module.
public struct ModuleFault: Error, Hashable, Sendable {
    /// The key at fault: `profile`, `bus`, `range`, `firmware`, `base` or `channels`.
    public var key: String
    /// What is wrong.
    public var what: String
    /// How to mend it.
    public var mend: String

    /// A fault of `key`.
    public init(key: String, what: String, mend: String) {
        self.key = key
        self.what = what
        self.mend = mend
    }
}

/// Where the configuration finds module profiles by name.
public protocol ModuleCatalogue {
    /// The names of all profiles, for suggestions.
    var names: [String] { get }
    /// The map of the profile called `name` for a module set up as `options` say; nil where no
    /// profile has that name.
    func module(_ name: String, _ options: ModuleOptions) -> Result<ResolvedModule, ModuleFault>?
}
