import Profiles
import Testing

/// One planted error: what is changed in the fixture, and what must be said about it.
struct Planted: Sendable, CustomTestStringConvertible {
    var old: String
    var new: String
    var message: String
    var testDescription: String { new }

    init(_ old: String, _ new: String, _ message: String) {
        self.old = old
        self.new = new
        self.message = message
    }
}

@Suite("Planted errors") struct PlantedErrorTests {
    @Test("loopgate.yaml: each planted error is told", arguments: inGateway)
    func gateway(planted: Planted) {
        let text = Configured.changed(planted.old, planted.new)
        let problems = Configured(text).problems()
        #expect(problems.contains { $0.contains(planted.message) }, "\(problems)")
    }

    @Test("instruments.yaml: each planted error is told", arguments: inInstruments)
    func instruments(planted: Planted) {
        let text = Configured.changed(planted.old, planted.new, in: Configured.instruments)
        let problems = Configured(Configured.gateway, text).problems()
        #expect(problems.contains { $0.contains(planted.message) }, "\(problems)")
        #expect(problems.allSatisfy { $0.contains("/instruments.yaml:") }, "\(problems)")
    }

    @Test(
        "No message repeats a password",
        arguments: [
            "password: hunter2", "passwd: hunter2", "brokers: \"me:hunter2@x\"",
            "passwordFile: [hunter2]", "Password: hunter2", "tls: {token: hunter2}",
        ]
    )
    func noSecrets(text: String) {
        let key = text.hasPrefix("brokers") ? text : "\(Self.brokers), \(text)"
        let configured = Configured(Configured.changed(Self.brokers, key))
        #expect(!configured.problems().isEmpty)
        #expect(!configured.problems().joined().contains("hunter2"))
        #expect(!configured.warnings().joined().contains("hunter2"))
    }

    @Test(
        "Doubts are warnings, not errors",
        arguments: [
            Planted(
                "profile: ai8}",
                "profile: untried}",
                "modules[ai1].profile: never tried on hardware"
            ),
            Planted(brokers, "brokers: \"x:8883\"", "brokers: port 8883 of x usually speaks TLS"),
            Planted(brokers, "\(brokers), username: u", "username: the password travels to"),
            Planted(
                brokers,
                "\(brokers), username: u, passwordFile: /nowhere",
                "/nowhere cannot be read now"
            ),
            Planted(
                brokers,
                "\(brokers), username: u, credential: c",
                "CREDENTIALS_DIRECTORY is not set"
            ),
            Planted(
                brokers,
                "\(brokers), tls: {ca: /nowhere}",
                "tls.ca: /nowhere cannot be read now"
            ),
            Planted(
                "uplink:",
                "  - {name: idle, bus: plc, unit: 9, profile: ai8}\nuplink:",
                "modules[idle]: no instrument is on this module"
            ),
            Planted(
                "modules:",
                "  - {name: idle, link: tcp, host: 10.0.0.1}\nmodules:",
                "buses[idle]: no module is on this bus"
            ),
            Planted(
                "uplink:",
                "journal: {retention: {raw: 9 d, minute: 5 d}}\nuplink:",
                "retention.minute: it is kept for less time than the finer 'raw'"
            ),
            Planted(
                "uplink:",
                "relay: {areas: [Boiler]}\nuplink:",
                "relay.areas: no instrument has the process unit 'Boiler'"
            ),
        ]
    )
    func doubts(planted: Planted) throws {
        let loaded = try Configured(Configured.changed(planted.old, planted.new)).load().get()
        let warnings = loaded.warnings.map(\.description)
        #expect(warnings.contains { $0.contains(planted.message) }, "\(warnings)")
    }

    @Test(
        "Doubts about instruments are warnings, not errors",
        arguments: [
            Planted(
                "unit: bar",
                "unit: barr",
                "unit: 'barr' is no usual unit; write 'bar' if that is meant"
            ),
            Planted(
                "unit: bar",
                "unit: °C",
                "unit: '°C' is a unit of temperature, and this is pressure"
            ),
            Planted(
                pt,
                "\(pt) limits: {high: 16.7},",
                "limits.high: 16.7 bar lies where the transmitter"
            ),
            Planted(
                pt,
                "\(pt) extraction: square-root,",
                "extraction: the square root belongs to flow"
            ),
            Planted(
                "tag: FT-102",
                "tag: pt-101",
                "tag: 'pt-101' differs only in case from the tag on line 2"
            ),
        ]
    )
    func instrumentDoubts(planted: Planted) throws {
        let text = Configured.changed(planted.old, planted.new, in: Configured.instruments)
        let loaded = try Configured(Configured.gateway, text).load().get()
        let warnings = loaded.warnings.map(\.description)
        #expect(warnings.contains { $0.contains(planted.message) }, "\(warnings)")
    }

    @Test("Cards of one coupler share a unit address when their registers do not overlap")
    func coupler() {
        let text = Configured.changed(
            "uplink:",
            "  - {name: c, bus: field1, unit: 9, profile: coupler, base: 0}\n"
                + "  - {name: d, bus: field1, unit: 9, profile: coupler, base: 4}\nuplink:"
        )
        #expect(Configured(text).problems().isEmpty)
    }

    @Test(
        "One error brings no others in its train",
        arguments: [
            Planted("baud: 19200", "baud: 5", ""), Planted("unit: 1,", "unit: one,", ""),
            Planted("name: plc,", "name: pl c,", ""), Planted("profile: ai8}", "profile: x}", ""),
        ]
    )
    func noTrain(planted: Planted) {
        let problems = Configured(Configured.changed(planted.old, planted.new)).problems()
        #expect(problems.count <= (planted.new.contains("pl c") ? 2 : 1), "\(problems)")
        #expect(!problems.isEmpty)
    }
}
