import GatewayCore
import Signal
import Testing

@testable import Profiles

@Suite("Environment overrides") struct EnvironmentTests {
    @Test("A variable takes the place of a value, written or not")
    func overrides() throws {
        let variables = [
            "LOOPGATE_GATEWAY": "gw-02", "LOOPGATE_PAGE_PORT": "9090",
            "LOOPGATE_JOURNAL_COMMIT_INTERVAL": "5 s", "LOOPGATE_JOURNAL_RETENTION_RAW": "3 d",
            "LOOPGATE_CLOCK_SOURCE": "rtc", "LOOPGATE_BUSES_FIELD1_BAUD": "9600",
            "LOOPGATE_BUSES_PLC_HOST": "10.1.1.1", "LOOPGATE_MODULES_AI2_PERIOD": "2 s",
            "LOOPGATE_UPLINK_CMMS_BROKERS": "a.example:1, b.example",
            "LOOPGATE_UPLINK_CMMS_CLIENT_ID": "null", "LOOPGATE_UPLINK_CMMS_TLS_CA": "/ca.pem",
            "LOOPGATE_PAGE_HOST": "", "PATH": "/bin", "LOOPGATE_STRICT": "1",
        ]
        let loaded = try Configured(environment: variables).load().get()
        let settings = loaded.settings
        #expect(settings.gateway == "gw-02")
        #expect(settings.page == PageSettings(port: 9090))
        #expect(settings.journal.commitInterval == .seconds(5))
        #expect(settings.journal.rawDays == 3)
        #expect(settings.trustsRTC)
        #expect(
            settings.buses[0].link
                == .rtu(SerialSettings(path: "/dev/ttyS9", baud: 9600, parity: .even))
        )
        #expect(settings.buses[1].link == .tcp(host: "10.1.1.1", port: 502))
        #expect(settings.modules[1].period == .seconds(2))
        #expect(settings.connections[0].clientID == "null")
        #expect(settings.connections[0].tls?.caFile == "/ca.pem")
        #expect(
            settings.connections[0].brokers
                == [.init(host: "a.example", port: 1), .init(host: "b.example", port: 8883)]
        )
        #expect(loaded.environment.count == 11)
        #expect(loaded.warnings.map(\.keyPath) == ["uplink[cmms].tls.ca"])
    }

    @Test(
        "A wrong value names its variable",
        arguments: [
            (
                "LOOPGATE_PAGE_PORT", "http",
                "$LOOPGATE_PAGE_PORT: page.port: 'http' is no whole number"
            ),
            (
                "LOOPGATE_BUSES_PLC_HOST", "x",
                "$LOOPGATE_BUSES_PLC_HOST: buses[plc].host: 'x' is a name"
            ),
            (
                "LOOPGATE_RELAY_OUTPUT", "gpio",
                "$LOOPGATE_RELAY_OUTPUT: relay.chip: output gpio needs it"
            ),
            ("LOOPGATE_UPLINK_CMMS_BROKERS", "a,b:0", "$LOOPGATE_UPLINK_CMMS_BROKERS: "),
            ("LOOPGATE_UPLINK_CMMS_PASSWORD", "hunter2", "a password does not belong here"),
        ]
    )
    func wrong(name: String, value: String, message: String) {
        let problems = Configured(environment: [name: value]).problems()
        #expect(problems.contains { $0.contains(message) }, "\(problems)")
        #expect(!problems.joined().contains("hunter2"))
    }

    @Test(
        "A variable that fits nowhere is a warning with the nearest one",
        arguments: [
            ("LOOPGATE_PAGE_PROT", "write 'LOOPGATE_PAGE_PORT'"),
            ("LOOPGATE_UPLINK_CMS_TOPIC", "write 'LOOPGATE_UPLINK_CMMS_TOPIC'"),
            ("LOOPGATE_PAGE", "unset it"), ("LOOPGATE_SERVICE_HOST_FROM_ELSEWHERE_3", "unset it"),
        ]
    )
    func stranger(name: String, mend: String) throws {
        let warnings = try Configured(environment: [name: "1"]).load().get().warnings
        #expect(warnings.map(\.file) == ["$\(name)"])
        #expect(warnings.first?.mend == mend)
    }

    @Test("A variable that means two values is refused")
    func ambiguous() {
        let text = Configured.changed(
            "uplink:",
            "uplink:\n  - {name: a-b, brokers: x.example}\n  - {name: a_b, brokers: y.example}"
        )
        let problems = Configured(text, environment: ["LOOPGATE_UPLINK_A_B_TOPIC": "t"]).problems()
        #expect(
            problems == [
                "$LOOPGATE_UPLINK_A_B_TOPIC: uplink[a-b].topic: the variable also means "
                    + "uplink[a_b].topic; set the values in the file, or rename one of the two"
            ]
        )
    }

    @Test("A variable cannot mend what is no map; the file's own error is told")
    func notAMap() {
        let configured = Configured(
            Configured.gateway + "\npage: 5\n",
            environment: ["LOOPGATE_PAGE_PORT": "1"]
        )
        #expect(configured.problems().map { $0.contains("page: here stands '5'") } == [true])
    }

    @Test(
        "Names follow the rule",
        arguments: [
            ("commitInterval", "COMMIT_INTERVAL"), ("clientId", "CLIENT_ID"), ("plc-2", "PLC_2"),
            ("a.b", "A_B"), ("PLC1", "PLC1"), ("ne43", "NE43"),
        ]
    )
    func capitals(word: String, expected: String) {
        #expect(EnvironmentOverrides.capitals(word) == expected)
    }

    @Test("A credential is looked for where systemd lays it")
    func credential() {
        let text = Configured.changed(
            PlantedErrorTests.brokers,
            "\(PlantedErrorTests.brokers), username: u, credential: broker, tls: {}"
        )
        let missing = Configured(text, environment: ["CREDENTIALS_DIRECTORY": "/nowhere"])
        #expect(
            missing.problems().map { $0.contains("no credential 'broker' in /nowhere") } == [true]
        )
        let absent = try? Configured(text).load().get().settings.connections[0].passwordFile
        #expect(absent == "/run/credentials/loopgate.service/broker")
    }
}
