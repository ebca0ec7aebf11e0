import Alerts
import Detection
import GatewayCore
import Signal
import Testing

@testable import Profiles

@Suite("Keys of detectors and alarms") struct DetectorKeyTests {
    private static let pt = "- {tag: PT-101,"

    /// The instruments of the fixture with `gateway` added to the one file and `own` to PT-101.
    private func instruments(
        _ gateway: String = "",
        own: String = ""
    ) throws -> [InstrumentSettings] {
        let list = Configured.changed(
            Self.pt,
            own.isEmpty ? Self.pt : "\(Self.pt) detectors: \(own),",
            in: Configured.instruments
        )
        let text = gateway.isEmpty ? "" : "\ndetectors: \(gateway)\n"
        return try Configured(Configured.gateway + text, list).load().get().settings.instruments
    }

    @Test(
        "Without keys, and with empty ones, detectors are as shipped",
        arguments: ["", "{}", "{limits: {}, drift: {}, stuck: {}, anomaly: {}}"]
    )
    func shipped(text: String) throws {
        for instrument in try instruments(text, own: text) {
            #expect(instrument.detection == DetectionSettings())
            let told = instrument.detectorSettings()
            #expect(told.drift == .standard)
            #expect(told.stuck == .fromBaseline)
            #expect(told.anomaly == AnomalySettings())
            #expect(told.disabled.isEmpty && told.shadow.isEmpty)
        }
    }

    @Test("The fallbacks of the reference are the shipped values and the textbook's")
    func fallbacks() throws {
        let plain = try instruments(
            "{drift: {method: plain}, stuck: {method: plain}, "
                + "anomaly: {thresholds: fixed}}"
        )
        #expect(plain[0].detection.drift == .textbook)
        #expect(plain[0].detection.stuck == .textbook)
        #expect(plain[0].detection.anomaly.thresholds == .textbook)
    }

    @Test(
        "Each key reaches the detectors, in either file",
        arguments: [
            ("{limits: {run: off}}", DetectionSettings(disabled: [.limits])),
            ("{drift: {run: shadow}}", DetectionSettings(shadow: [.drift])),
            (
                "{stuck: {run: off}, anomaly: {run: shadow}}",
                DetectionSettings(disabled: [.stuck], shadow: [.anomaly])
            ),
            (
                "{drift: {falseAlarmEvery: 12 d}}",
                DetectionSettings(drift: .bank(daysBetweenFalseAlarms: 12))
            ),
            (
                "{drift: {method: plain, k: 0.25, h: 8}}",
                DetectionSettings(drift: .plain(k: 0.25, h: 8))
            ),
            (
                "{stuck: {method: plain, deadband: 0.2 %, time: 20 min}}",
                DetectionSettings(stuck: .plain(deadband: 0.002, time: .seconds(1200)))
            ),
            ("{anomaly: {window: 2 min}}", anomaly { $0.window = .seconds(120) }),
            ("{anomaly: {hop: 5 s}}", anomaly { $0.hop = .seconds(5) }),
            ("{anomaly: {leastWindows: 300}}", anomaly { $0.leastWindows = 300 }),
            (
                "{anomaly: {falseAlarmEvery: 7 d}}",
                anomaly { $0.thresholds = .wanted(daysBetweenFalseAlarms: 7) }
            ),
            (
                "{anomaly: {thresholds: fixed, warning: 0.6, critical: 0.8}}",
                anomaly { $0.thresholds = .fixed(warning: 0.6, critical: 0.8) }
            ),
            ("{anomaly: {needed: 3, among: 5}}", anomaly { ($0.needed, $0.among) = (3, 5) }),
            (
                "{anomaly: {trees: 200, subsample: 256, background: 0 %}}",
                anomaly {
                    $0.forest = ForestSettings(trees: 200, subsample: 256, background: 0)
                }
            ),
        ]
    )
    func each(text: String, wanted: DetectionSettings) throws {
        #expect(try instruments(text).map(\.detection) == [wanted, wanted])
        #expect(try instruments(own: text).map(\.detection) == [wanted, DetectionSettings()])
        let told = try instruments(own: text)[0].detectorSettings()
        #expect(told.drift == wanted.drift && told.stuck == wanted.stuck)
        #expect(told.anomaly == wanted.anomaly.settings(expectedInterval: .seconds(1)))
        #expect(told.disabled == wanted.disabled && told.shadow == wanted.shadow)
    }

    private static func anomaly(
        _ change: (inout DetectionSettings.Anomaly) -> Void
    ) -> DetectionSettings {
        var settings = DetectionSettings()
        change(&settings.anomaly)
        return settings
    }

    @Test("An instrument changes single keys of what holds for all")
    func inherits() throws {
        let found = try instruments(
            """
            {drift: {run: shadow, method: plain, k: 1, h: 9}, stuck: {run: off},
              anomaly: {window: 90 s, needed: 3, among: 6}}
            """,
            own: "{drift: {h: 7}, stuck: {run: on}, anomaly: {run: off, needed: 4}}"
        )
        #expect(found[0].detection.drift == .plain(k: 1, h: 7))
        #expect(found[0].detection.shadow == [.drift])
        #expect(found[0].detection.disabled == [.anomaly])
        #expect(found[0].detection.anomaly.window == .seconds(90))
        #expect(found[0].detection.anomaly.needed == 4)
        #expect(found[0].detection.anomaly.among == 6)
        #expect(found[1].detection.drift == .plain(k: 1, h: 9))
        #expect(found[1].detection.disabled == [.stuck])
        let back = try instruments(
            "{drift: {method: plain, k: 1}}",
            own: "{drift: {method: bank}}"
        )
        #expect(back[0].detection.drift == .standard)
    }

    @Test("An instrument list applied alone starts from what holds for all")
    func appliedAlone() throws {
        let configured = Configured(
            Configured.gateway + "\ndetectors: {drift: {run: shadow}}\n"
        )
        let settings = try configured.load().get().settings
        let list = try configured.loader.instruments(
            "/etc/gw/instruments.yaml",
            modules: settings.modules,
            detection: settings.detection
        ).get()
        let decoder = RegisterDecoder(
            modules: settings.modules,
            detection: settings.detection
        )
        let found = decoder.decode(list.entries.map(\.entry)).map(\.settings)
        #expect(found[0] == settings.instruments[0])
        #expect(found[0]?.detection.shadow == [.drift])
    }

    @Test(
        "Where readings come rarely, the window holds 20 of them",
        arguments: [
            (1, 60, 10), (2, 60, 10), (5, 100, 10), (60, 1200, 60), (3600, 72_000, 3600),
        ]
    )
    func slow(interval: Int, window: Int, hop: Int) {
        let settings = DetectionSettings().anomaly.settings(
            expectedInterval: .seconds(Double(interval))
        )
        #expect(settings.window == .seconds(Double(window)))
        #expect(settings.hop == .seconds(Double(hop)))
    }

    @Test("Limits that are not set are those of the range, with their own delays")
    func limits() throws {
        let list = Configured.changed(
            Self.pt,
            "\(Self.pt) limits: {highHigh: 15, onDelay: 3 s, deadband: 0.5},",
            in: Configured.instruments
        )
        let told = try Configured(Configured.gateway, list).load().get().settings.instruments.map {
            $0.detectorSettings()
        }
        #expect(
            told[0].limits
                == ProcessLimits(highHigh: 15, deadband: 0.5, onDelay: .seconds(3))
        )
        #expect(told[0].span.lrv == 0 && told[0].span.urv == 16)
        #expect(told[0].signal == .pressure && told[1].signal == .flow)
        #expect(told[1].limits == ProcessLimits())
        #expect(told[1].expectedInterval == .milliseconds(500))
    }

    // MARK: Alarms

    private func policy(_ text: String) throws -> AlertPolicy {
        try Configured(Configured.gateway + "\n" + text + "\n").load().get().settings.alerts
    }

    @Test("Without keys alerts are treated as shipped", arguments: ["page: {}", "alarms: {}"])
    func shippedPolicy(text: String) throws {
        #expect(try policy(text) == AlertPolicy())
    }

    @Test("Each key of alarms reaches the policy")
    func alarms() throws {
        let policy = try policy(
            """
            alarms:
              acknowledge: [warning, critical]
              longestShelf: 8 h
              longestMaintenance: 2 d
              latching: {severities: [warning, critical], areas: Boiler, gatewayAlerts: yes}
              severities:
                - {type: drift, grade: main-alarm, criticality: [low, medium], severity: critical}
                - {type: [data_gap, anomaly], severity: advisory}
            """
        )
        #expect(policy.needsAcknowledgement == [.warning, .critical])
        #expect(policy.longestShelf == .seconds(8 * 3600))
        #expect(policy.longestMaintenance == .seconds(2 * 86_400))
        let latching = try #require(policy.latching)
        #expect(latching.severities == [.warning, .critical])
        #expect(latching.areas == ["Boiler"])
        #expect(latching.includesGateway)
        #expect(policy.severities[.drift, .mainAlarm, .low] == .critical)
        #expect(policy.severities[.drift, .mainAlarm, .high] == .warning)
        #expect(policy.severities[.drift, .preAlarm, .low] == .advisory)
        for criticality in AlertCriticality.allCases {
            #expect(policy.severities[.dataGap, .mainAlarm, criticality] == .advisory)
            #expect(policy.severities[.anomaly, .mainAlarm, criticality] == .advisory)
            #expect(
                policy.severities[.ruleViolation, .mainAlarm, criticality]
                    == SeverityTable()[.ruleViolation, .mainAlarm, criticality]
            )
        }
    }

    @Test("Nobody need acknowledge where 'none' is written")
    func noAcknowledgement() throws {
        #expect(try policy("alarms: {acknowledge: none}").needsAcknowledgement.isEmpty)
    }

    @Test("A latching relay latches what drives it")
    func relayLatches() throws {
        let text = "relay: {latching: true, severities: [warning], longestTest: 90 s}"
        let settings = try Configured(Configured.gateway + "\n" + text).load().get().settings
        #expect(settings.alerts == AlertPolicy(relay: settings.relay.rules))
        #expect(settings.alerts.latching?.severities == [.warning])
        #expect(settings.relay.rules.longestTest == .seconds(90))
        #expect(RelaySettings().rules == RelayRules())
    }

    @Test("An area that no instrument is in is a warning")
    func strangeArea() {
        let list = Configured.changed(
            Self.pt,
            "\(Self.pt) processUnit: Boiler 1,",
            in: Configured.instruments
        )
        let text = Configured.gateway + "\nalarms: {latching: {areas: [Boiler 2]}}\n"
        let warnings = Configured(text, list).warnings()
        #expect(
            warnings.contains {
                $0.contains("alarms.latching.areas: no instrument has the process unit 'Boiler 2'")
            },
            "\(warnings)"
        )
    }

    @Test("A variable overrides a key of a detector")
    func variables() throws {
        let settings = try Configured(
            environment: [
                "LOOPGATE_DETECTORS_DRIFT_FALSE_ALARM_EVERY": "10 d",
                "LOOPGATE_DETECTORS_ANOMALY_RUN": "shadow",
                "LOOPGATE_ALARMS_ACKNOWLEDGE": "warning,critical",
            ]
        ).load().get().settings
        #expect(settings.detection.drift == .bank(daysBetweenFalseAlarms: 10))
        #expect(settings.instruments.allSatisfy { $0.detection.shadow == [.anomaly] })
        #expect(settings.alerts.needsAcknowledgement == [.warning, .critical])
    }
}
