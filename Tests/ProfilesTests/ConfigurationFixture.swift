import GatewayCore
import Profiles
import Signal

/// Two made-up modules: `ai8` has 8 µA channels at registers 0 to 7, `coupler` cards of 4 at `base`.
struct TwoModules: ModuleCatalogue {
    var names: [String] { ["ai8", "coupler", "slow", "untried"] }

    func module(_ name: String, _ options: ModuleOptions) -> Result<ResolvedModule, ModuleFault>? {
        guard names.contains(name) else { return nil }
        if let range = options.range, range != "4-20mA" {
            return .failure(
                ModuleFault(key: "range", what: "no range '\(range)'", mend: "write 4-20mA")
            )
        }
        let encoding = RawEncoding(
            format: .unsigned,
            low: .init(raw: 4000, milliamps: 4),
            high: .init(raw: 20_000, milliamps: 20)
        )
        let first = UInt16(options.base ?? 0)
        let count = options.channels ?? (name == "coupler" ? 4 : 8)
        let channels = (0..<UInt16(count)).map {
            ChannelMap(table: .input, address: first + $0, encoding: encoding)
        }
        var map = ModuleMap(channels: channels)
        if name == "slow" {
            map.requestGap = .milliseconds(100)
            map.maxRegisters = 2
        }
        let doubts = [ResolvedModule.Doubt(what: "never tried on hardware", mend: "compare it")]
        return .success(ResolvedModule(map: map, doubts: name == "untried" ? doubts : []))
    }
}

/// Files in memory, and the loader over them.
struct Configured {
    var files: [String: String]
    var environment: [String: String] = [:]

    static let gateway = """
        gateway: gw-01
        buses:
          - {name: field1, link: rtu, device: /dev/ttyS9, baud: 19200, parity: even}
          - {name: plc, link: tcp, host: 192.168.1.20}
        modules:
          - {name: ai1, bus: field1, unit: 1, profile: ai8}
          - {name: ai2, bus: plc, unit: 255, profile: ai8, period: 500ms}
        uplink:
          - {name: cmms, brokers: ["mqtt.plant.example:1883"]}
        """
    static let instruments = """
        instruments:
          - {tag: PT-101, type: pressure, unit: bar, lrv: 0, urv: 16, module: ai1, channel: 1}
          - {tag: FT-102, type: flow, unit: m³/h, lrv: 0, urv: 120, module: ai2, channel: 2}
        """

    init(
        _ gateway: String = Configured.gateway,
        _ instruments: String = Configured.instruments,
        environment: [String: String] = [:]
    ) {
        files = ["/etc/gw/loopgate.yaml": gateway, "/etc/gw/instruments.yaml": instruments]
        self.environment = environment
    }

    var loader: ConfigurationLoader {
        let files = files
        return ConfigurationLoader(
            environment: environment,
            read: { path in
                files[path].map { .success(Array($0.utf8)) }
                    ?? .failure(
                        FileFault(what: "there is no such file", mend: "create it", isMissing: true)
                    )
            },
            findModules: { _, _, _ in TwoModules() }
        )
    }

    func load() -> Result<LoadedConfiguration, RefusedConfiguration> {
        loader.load("/etc/gw/loopgate.yaml")
    }

    /// The problems, as printed; empty where all is well.
    func problems() -> [String] {
        guard case .failure(let refused) = load() else { return [] }
        return refused.problems.map(\.description)
    }

    /// The warnings, as printed, of a configuration that loads or not.
    func warnings() -> [String] {
        switch load() {
        case .success(let loaded): loaded.warnings.map(\.description)
        case .failure(let refused): refused.warnings.map(\.description)
        }
    }

    /// The gateway's file with `old` replaced; the test's own mistake shows as a crash.
    static func changed(_ old: String, _ new: String, in text: String = gateway) -> String {
        precondition(text.contains(old), "the fixture holds no \(old)")
        return text.replacing(old, with: new, maxReplacements: 1)
    }
}
