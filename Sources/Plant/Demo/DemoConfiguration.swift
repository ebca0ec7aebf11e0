/// A module of the demo, as the configuration names it.
public struct DemoModule: Hashable, Sendable {
    /// Its name in the configuration.
    public var name: String
    /// The bus it is on: `boiler` is a line, the others are ports.
    public var bus: String
    /// Its unit address.
    public var unit: UInt8
    /// The profile in `firmware-profiles/modules`.
    public var profile: String
    /// The range that is set on it; nil: the profile's own.
    public var range: String?
    /// The address of its first register, where its profile asks for one.
    public var base: Int?

    /// Every module of the demo.
    public static let all: [DemoModule] = [
        DemoModule(
            name: "boiler-ai",
            bus: "boiler",
            unit: 1,
            profile: "waveshare-analog-input-8ch",
            range: "0-20mA"
        ),
        DemoModule(
            name: "firing-ai",
            bus: "boiler",
            unit: 2,
            profile: "advantech-adam-4117",
            range: "+-20mA"
        ),
        DemoModule(name: "tank-ai", bus: "tanks", unit: 1, profile: "moxa-iologik-e1240"),
        DemoModule(
            name: "utility-ai",
            bus: "utilities",
            unit: 1,
            profile: "wago-750-471-ne43",
            base: 0
        ),
        DemoModule(name: "cooling-ai", bus: "utilities", unit: 2, profile: "sequent-megaind"),
    ]

    /// Bits per second of the line.
    static let baud = 19200
}

/// The demo's configuration files, as text.
enum DemoConfiguration {
    static func gateway(
        line: String,
        ports: [String: UInt16],
        options: DemoPlant.Options,
        journal: String
    ) -> String {
        var text = """
            # Written by the demo for its own simulated plant.
            gateway: demo
            clock: {source: rtc}
            profiles: [\(quoted(options.profiles))]
            instruments: instruments.yaml

            buses:
              - name: boiler
                link: rtu
                device: \(quoted(line))
                baud: \(DemoModule.baud)
                responseTimeout: 300 ms

            """
        for (name, port) in ports.sorted(by: { $0.key < $1.key }) {
            text += """
                  - name: \(name)
                    link: tcp
                    host: 127.0.0.1
                    port: \(port)
                    responseTimeout: 500 ms

                """
        }
        text += "\nmodules:\n"
        for module in DemoModule.all {
            text += "  - name: \(module.name)\n    bus: \(module.bus)\n    unit: \(module.unit)\n"
            text += "    profile: \(module.profile)\n"
            if let range = module.range { text += "    range: \(quoted(range))\n" }
            if let base = module.base { text += "    base: \(base)\n" }
            text += "    period: 1 s\n"
        }
        text += """

            uplink:
              - name: cmms
                brokers: [\(quoted(options.broker))]
                form: cmms

            journal:
              path: \(quoted(journal))
              quota: 256 MiB

            relay:
              output: log

            page:
              host: 127.0.0.1
              port: \(options.pagePort)

            """
        return text
    }

    static func instruments() -> String {
        var text = "# Written by the demo for its own simulated plant.\ninstruments:\n"
        for instrument in DemoInstrument.all {
            var lines = [
                "- tag: \(instrument.tag)",
                "  type: \(instrument.type)",
                "  measuredVariable: \(quoted(instrument.measures))",
                "  unit: \(quoted(instrument.unit))",
                "  lrv: \(number(instrument.lrv))",
                "  urv: \(number(instrument.urv))",
                "  nominal: \(number(instrument.nominal))",
                "  location: \(quoted(instrument.location))",
                "  associatedEquipment: \(quoted(instrument.equipment))",
                "  accuracyClass: 0.1 %",
                "  criticality: \(instrument.criticality)",
                "  processUnit: Demo plant",
                "  calibrationInterval: 365 d",
                "  module: \(instrument.module)",
                "  channel: \(instrument.channel)",
            ]
            if instrument.isRoot {
                lines += ["  extraction: square-root", "  lowFlowCutOff: 5 %"]
            }
            let limits = [
                ("lowLow", instrument.limits.lowLow), ("low", instrument.limits.low),
                ("high", instrument.limits.high), ("highHigh", instrument.limits.highHigh),
            ]
            lines.append("  limits:")
            for case (let key, let value?) in limits {
                lines.append("    \(key): \(number(value))")
            }
            if let fastest = instrument.fastest {
                lines.append(
                    "  rateOfChange: \(number(fastest * (instrument.urv - instrument.lrv)))"
                )
            }
            lines.append("  expectedInterval: 1 s")
            text += lines.map { "  \($0)\n" }.joined()
        }
        return text
    }

    /// A double-quoted YAML scalar.
    static func quoted(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": quoted += "\\\(scalar)"
            case _ where scalar.value < 0x20:
                let digits = String(scalar.value, radix: 16)
                quoted += "\\x" + String(repeating: "0", count: 2 - digits.count) + digits
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }

    private static func number(_ value: Double) -> String {
        let text = "\((value * 1e6).rounded() / 1e6)"
        return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
    }
}
