import GatewayCore
import Signal
import Testing

@testable import Profiles

@Suite("Configuration") struct ConfigurationTests {
    @Test("A right configuration becomes settings")
    func loads() throws {
        let loaded = try Configured().load().get()
        #expect(loaded.warnings.isEmpty, "\(loaded.warnings)")
        let settings = loaded.settings
        #expect(settings.gateway == "gw-01")
        #expect(
            settings.buses[0].link
                == .rtu(SerialSettings(path: "/dev/ttyS9", baud: 19200, parity: .even))
        )
        #expect(settings.buses[1].link == .tcp(host: "192.168.1.20", port: 502))
        #expect(settings.modules.map(\.unit.rawValue) == [1, 255])
        #expect(settings.modules[1].period == .milliseconds(500))
        #expect(settings.modules[1].map.channels.count == 8)
        #expect(settings.instruments.map(\.tag.text) == ["PT-101", "FT-102"])
        #expect(settings.instruments.map(\.id.rawValue) == [1, 2])
        #expect(settings.instruments[1].expectedInterval == .milliseconds(500))
        #expect(settings.connections[0].clientID == "gw-01-cmms")
        #expect(settings.connections[0].brokers == [.init(host: "mqtt.plant.example", port: 1883)])
        #expect(settings.journal == JournalSettings())
        #expect(settings.page == PageSettings())
        #expect(settings.relay == RelaySettings())
        #expect(!settings.trustsRTC)
        #expect(loaded.files.map(\.path) == ["/etc/gw/loopgate.yaml", "/etc/gw/instruments.yaml"])
        #expect(loaded.loads.map(\.name) == ["field1", "plc"])
    }

    @Test("What the file leaves out has the value the settings give it by themselves")
    func fallbacks() throws {
        let bare = ConnectionSettings(
            id: .init(rawValue: 0),
            name: "cmms",
            brokers: [.init(host: "mqtt.plant.example", port: 1883)],
            clientID: "gw-01-cmms"
        )
        let text = Configured.gateway + "\njournal: {}\nrelay: {}\npage: {}\nclock: {}\n"
        let settings = try Configured(text).load().get().settings
        #expect(settings.connections == [bare])
        #expect(settings.journal == JournalSettings())
        #expect(settings.page == PageSettings())
        #expect(settings.relay == RelaySettings())
    }

    @Test("Every section reaches the settings")
    func everything() throws {
        let text =
            Configured.changed(
                "{name: cmms, brokers: [\"mqtt.plant.example:1883\"]}",
                """
                {name: c, brokers: [a.example, "[fd00::1]:9001", 10.0.0.1], mqtt: "3.1.1",
                  clientId: me, username: u, passwordFile: secret, tls: {ca: ca.pem,
                  certificate: c.pem, key: k.pem}, form: batch, topic: plant/a, backlog: sibling,
                  publish: stored, inFlight: 7, ackDeadline: 9s, keepAlive: 20s, totalRate: 18.5,
                  perTagInterval: 2 s, backlogRate: 100, commands: yes}
                """
            ) + """

                clock: {source: rtc}
                journal: {path: data/j.db, commitInterval: 5s, quota: 512 MiB,
                  retention: {raw: 1 d, minute: 2 d, hour: 3 d, day: forever}}
                relay: {output: gpio, chip: gpiochip0, line: 17, activeLow: true, minimumDwell: 2s}
                page: {host: "::1", port: 9090, openHealth: no}
                """
        let settings = try Configured(text).load().get().settings
        let connection = settings.connections[0]
        #expect(
            connection.brokers == [
                .init(host: "a.example", port: 8883), .init(host: "fd00::1", port: 9001),
                .init(host: "10.0.0.1", port: 8883),
            ]
        )
        #expect(connection.version == .v311)
        #expect(connection.passwordFile == "/etc/gw/secret")
        #expect(connection.tls?.caFile == "/etc/gw/ca.pem")
        #expect(connection.form == .batch)
        #expect(connection.backlog == .sibling)
        #expect(connection.publish == .stored)
        #expect(connection.perTagInterval == .seconds(2))
        #expect(connection.totalRate == 18.5)
        #expect(connection.acceptsCommands)
        #expect(settings.trustsRTC)
        #expect(
            settings.journal
                == JournalSettings(
                    path: "/etc/gw/data/j.db",
                    commitInterval: .seconds(5),
                    quotaBytes: 512 << 20,
                    rawDays: 1,
                    minuteDays: 2,
                    hourDays: 3,
                    dayDays: nil
                )
        )
        #expect(
            settings.relay
                == RelaySettings(
                    output: .gpio(chip: "gpiochip0", line: "17", activeLow: true),
                    minimumDwell: .seconds(2)
                )
        )
        #expect(settings.page == PageSettings(host: "::1", port: 9090, opensHealth: false))
    }

    @Test(
        "Every relay output is read",
        arguments: [
            ("{output: log}", RelaySettings.Output.log),
            (
                "{output: process-image, path: /dev/piControl0, byte: 3, bit: 7}",
                .processImage(path: "/dev/piControl0", byte: 3, bit: 7)
            ),
            (
                "{output: sysfs, path: /sys/x, energised: on, safe: off}",
                .sysfs(path: "/sys/x", energised: "on", safe: "off")
            ),
            (
                "{output: coil, host: 10.0.0.9, address: 12}",
                .coil(host: "10.0.0.9", port: 502, unit: 1, address: 12)
            ),
        ]
    )
    func relay(text: String, output: RelaySettings.Output) throws {
        let settings = try Configured(Configured.gateway + "\nrelay: \(text)\n").load().get()
        #expect(settings.settings.relay.output == output)
    }

    @Test("The relay's every key is read")
    func relayRules() throws {
        let text = """

            relay:
              output: gpio
              chip: gpiochip0
              line: 1
              severities: [warning, critical]
              areas: [Boiler]
              gatewayAlerts: true
              onDelay: 1 s
              offDelay: 2 s
              minimumDwell: 3 s
              latching: true
              holdUntilAcknowledged: true
              feedTimeout: 4 s
              refresh: 500 ms
              stallLimits: {polling: 5 s, detection: 6 s}
              heartbeat: {output: gpio, chip: gpiochip0, line: 2, halfPeriod: 250 ms}
              lamps: [{shows: uplink, output: sysfs, path: /sys/led}]
            """
        let relay = try Configured(Configured.gateway + text).load().get().settings.relay
        #expect(
            relay
                == RelaySettings(
                    output: .gpio(chip: "gpiochip0", line: "1", activeLow: false),
                    minimumDwell: .seconds(3),
                    severities: [.warning, .critical],
                    areas: ["Boiler"],
                    includesGateway: true,
                    onDelay: .seconds(1),
                    offDelay: .seconds(2),
                    isLatching: true,
                    holdsUntilAcknowledged: true,
                    stallLimits: [
                        .polling: .seconds(5), .detection: .seconds(6), .journal: .seconds(10),
                    ],
                    feedTimeout: .seconds(4),
                    refresh: .milliseconds(500),
                    heartbeat: .init(
                        output: .gpio(chip: "gpiochip0", line: "2", activeLow: false),
                        halfPeriod: .milliseconds(250)
                    ),
                    lamps: [
                        .init(
                            indication: .uplink,
                            output: .sysfs(path: "/sys/led", energised: "1", safe: "0")
                        )
                    ]
                )
        )
    }

    @Test("An instrument's every key is read")
    func instrument() throws {
        let list = """
            instruments:
              - tag: FT-1
                type: flow
                measuredVariable: Feed water flow
                unit: m³/h
                lrv: 0
                urv: 120
                nominal: 80
                location: Hall 2
                associatedEquipment: Pump P-1
                accuracyClass: 0.5 %
                criticality: critical
                processUnit: Boiler
                calibrationInterval: 365 d
                module: ai1
                channel: 3
                extraction: square-root
                lowFlowCutOff: 5 %
                damping: 2 s
                trim: {offset: -0.01, gain: 1.001}
                ne43: {preset: rosemount, dwell: 2 s, wireBreak: 0.5, startupGrace: 10 s}
                limits: {lowLow: 5, low: 10, high: 100, highHigh: 110, deadband: 1, onDelay: 5 s,
                  offDelay: 6 s}
                rateOfChange: 12.5
                expectedInterval: 3 s
            """
        let read = try Configured(Configured.gateway, list).load().get().settings.instruments
        var ne43 = NE43Limits.rosemount
        ne43.dwell = .seconds(2)
        ne43.wireBreak = 0.5
        ne43.startupGrace = .seconds(10)
        let tag = try #require(Tag("FT-1"))
        let span = try #require(Span(lrv: 0, urv: 120, unit: "m³/h"))
        #expect(
            read == [
                InstrumentSettings(
                    id: .init(rawValue: 1),
                    tag: tag,
                    type: .flow,
                    measuredVariable: "Feed water flow",
                    span: span,
                    nominal: 80,
                    location: "Hall 2",
                    associatedEquipment: "Pump P-1",
                    accuracyClass: "0.5 %",
                    criticality: .critical,
                    processUnit: "Boiler",
                    calibrationIntervalDays: 365,
                    module: "ai1",
                    channel: 3,
                    extraction: .squareRoot(lowFlowCutOff: 0.05),
                    trim: Trim(offset: -0.01, gain: 1.001),
                    damping: .seconds(2),
                    ne43: ne43,
                    limits: ProcessLimits(
                        lowLow: 5,
                        low: 10,
                        high: 100,
                        highHigh: 110,
                        deadband: 1,
                        onDelay: .seconds(5),
                        offDelay: .seconds(6)
                    ),
                    rateOfChangeLimit: 12.5,
                    expectedInterval: .seconds(3)
                )
            ]
        )
    }

    @Test("An instrument list is checked alone against running modules")
    func listAlone() throws {
        let configured = Configured()
        let modules = try configured.load().get().settings.modules
        let path = "/etc/gw/instruments.yaml"
        #expect(try configured.loader.instruments(path, modules: modules).get().entries.count == 2)
        let refused = configured.loader.instruments(path, modules: Array(modules.prefix(1)))
        guard case .failure(let refusal) = refused else {
            Issue.record("an unknown module was accepted")
            return
        }
        #expect(refusal.problems.map(\.keyPath) == ["instruments[FT-102].module"])
    }

    @Test("All errors of both files come at once, by file and line")
    func allAtOnce() {
        let gateway = """
            gateway: gw 01
            buses:
              - {name: field1, link: rtu, device: ttyS9, baud: 19201}
              - {name: plc, link: tcp, host: plc.example, prot: 502}
            modules:
              - {name: ai1, bus: field2, unit: 1, profile: ai9}
            """
        let list = """
            instruments:
              - {tag: PT 1, type: presure, unit: bar, lrv: 5, urv: 1, module: ai1, channel: 0}
              - {tag: PT-2, type: level, unit: m, lrv: 0, urv: .nan, module: ai7, channel: 1}
            """
        let lines = Configured(gateway, list).problems()
        #expect(
            lines.map { String($0.prefix { $0 != ";" }.split(separator: " ").first ?? "") } == [
                "/etc/gw/loopgate.yaml:1:10:", "/etc/gw/loopgate.yaml:3:39:",
                "/etc/gw/loopgate.yaml:3:52:", "/etc/gw/loopgate.yaml:4:34:",
                "/etc/gw/loopgate.yaml:4:47:", "/etc/gw/loopgate.yaml:6:22:",
                "/etc/gw/loopgate.yaml:6:48:", "/etc/gw/instruments.yaml:2:11:",
                "/etc/gw/instruments.yaml:2:23:", "/etc/gw/instruments.yaml:2:56:",
                "/etc/gw/instruments.yaml:2:81:", "/etc/gw/instruments.yaml:3:52:",
                "/etc/gw/instruments.yaml:3:66:",
            ],
            "\(lines.joined(separator: "\n"))"
        )
    }

    @Test("A missing or broken file is told, and the other is still checked")
    func missingFile() {
        var configured = Configured(Configured.changed("unit: 1,", "unit: 300,"))
        configured.files["/etc/gw/instruments.yaml"] = nil
        #expect(
            configured.problems() == [
                "/etc/gw/loopgate.yaml:6:36: modules[ai1].unit: 300 is out of range; write a whole "
                    + "number from 0 to 255",
                "/etc/gw/instruments.yaml: file: there is no such file; create it",
            ]
        )
        configured.files = [:]
        #expect(configured.problems().count == 1)
    }
}
