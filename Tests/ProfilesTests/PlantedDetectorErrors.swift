import Testing

@Suite("Planted errors of detectors and alarms") struct PlantedDetectorErrors {
    private static let pt = "- {tag: PT-101,"

    /// Wrong detectors, what is wrong with them, and the mend.
    static let detectors: [Planted] = [
        .init("", "{drfit: {}}", "detectors.drfit: no such key; write 'drift'"),
        .init("", "[drift]", "detectors: here stands a list where a map of keys belongs"),
        .init("", "{limits: {run: of}}", "detectors.limits.run: 'of' is not one of on, shadow"),
        .init("", "{limits: {method: plain}}", "detectors.limits.method: no such key"),
        .init("", "{drift: {run: true}}", "drift.run: 'true' is not known; write one of on, "),
        .init("", "{drift: {method: cusum}}", "drift.method: 'cusum' is not known; write one of "),
        .init("", "{drift: {falseAlarmEvery: 30}}", "falseAlarmEvery: '30' has no unit; write"),
        .init(
            "",
            "{drift: {falseAlarmEvery: 1 h}}",
            "'1 h' is out of range; write a time from 1 d"
        ),
        .init(
            "",
            "{drift: {h: 5}}",
            "drift.h: the key belongs to 'method: plain', and this is bank; delete it or write "
                + "'method: plain'"
        ),
        .init(
            "",
            "{drift: {method: plain, falseAlarmEvery: 30 d}}",
            "drift.falseAlarmEvery: the key belongs to 'method: bank', and this is plain"
        ),
        .init("", "{drift: {method: plain, k: -1}}", "drift.k: -1 is out of range; write a number"),
        .init("", "{drift: {method: plain, h: 0}}", "drift.h: 0 is out of range; write a number"),
        .init("", "{stuck: {time: 15 min}}", "stuck.time: the key belongs to 'method: plain'"),
        .init(
            "",
            "{stuck: {method: plain, deadband: 80 %}}",
            "stuck.deadband: '80 %' is out of range; write a share from 0 % to 50 %"
        ),
        .init(
            "",
            "{stuck: {method: plain, time: 1 s}}",
            "instruments[PT-101].detectors.stuck.time: 1 s is too short to tell a stuck value with "
                + "a reading every 1 s; write 3 s or more"
        ),
        .init(
            "",
            "{anomaly: {window: 10 s, hop: 1 s}}",
            "instruments[PT-101].detectors.anomaly.window: a window of 10 s holds too few readings "
                + "with a reading every 1 s; write 12 s or more, or delete the key"
        ),
        .init(
            "",
            "{anomaly: {window: 60 s, hop: 61 s}}",
            "anomaly.hop: the hop of 61 s is longer than the window of 1 min: what lies between is "
                + "never looked at; write a hop of 1 min or less"
        ),
        .init(
            "",
            "{anomaly: {hop: 2 min}}",
            "instruments[PT-101].detectors.anomaly.hop: the hop of 2 min is longer than the window "
                + "of 1 min with a reading every 1 s; write 1 min or less"
        ),
        .init("", "{anomaly: {leastWindows: 3}}", "anomaly.leastWindows: 3 is out of range"),
        .init(
            "",
            "{anomaly: {warning: 0.5}}",
            "anomaly.warning: the key belongs to 'thresholds: fixed', and this is wanted"
        ),
        .init(
            "",
            "{anomaly: {thresholds: fixed, falseAlarmEvery: 9 d}}",
            "anomaly.falseAlarmEvery: the key belongs to 'thresholds: wanted', and this is fixed"
        ),
        .init(
            "",
            "{anomaly: {thresholds: fixed, warning: 0.8}}",
            "anomaly.warning: the critical score 0.7 is not above the warning score 0.8; keep "
        ),
        .init("", "{anomaly: {thresholds: fixed, critical: 7}}", "critical: 7 is out of range"),
        .init(
            "",
            "{anomaly: {needed: 4}}",
            "anomaly.needed: 4 of the last 3 windows can never exceed a threshold; keep 'needed'"
        ),
        .init("", "{anomaly: {among: 9}}", "anomaly.among: 9 is out of range"),
        .init("", "{anomaly: {trees: 5}}", "anomaly.trees: 5 is out of range"),
        .init("", "{anomaly: {subsample: 512}}", "anomaly.subsample: 512 is out of range"),
        .init("", "{anomaly: {background: 2}}", "anomaly.background: '2' is out of range"),
    ]

    @Test("Detectors of all instruments: each planted error is told", arguments: detectors)
    func common(planted: Planted) {
        let problems = Configured("\(Configured.gateway)\ndetectors: \(planted.new)\n").problems()
        let mine = problems.filter { $0.contains(planted.message) }
        #expect(mine.count == 1, "\(problems)")
        let isOfInstrument = planted.message.hasPrefix("instruments")
        #expect(mine.allSatisfy { $0.contains("/instruments.yaml:2:") == isOfInstrument })
        #expect(mine.allSatisfy { $0.contains("/loopgate.yaml:10:") != isOfInstrument })
    }

    @Test("Detectors of one instrument: each planted error is told there", arguments: detectors)
    func own(planted: Planted) {
        let list = Configured.changed(
            Self.pt,
            "\(Self.pt) detectors: \(planted.new),",
            in: Configured.instruments
        )
        let problems = Configured(Configured.gateway, list).problems()
        #expect(problems.contains { $0.contains(planted.message) }, "\(problems)")
        #expect(problems.allSatisfy { $0.contains("/instruments.yaml:2:") }, "\(problems)")
        #expect(problems.allSatisfy { $0.contains(" instruments[PT-101].detectors") })
    }

    @Test("An instrument's own keys are checked against the method that it takes over")
    func takenOver() {
        let list = Configured.changed(
            Self.pt,
            "\(Self.pt) detectors: {drift: {falseAlarmEvery: 9 d}},",
            in: Configured.instruments
        )
        let text = "\(Configured.gateway)\ndetectors: {drift: {method: plain}}\n"
        let problems = Configured(text, list).problems()
        #expect(problems.count == 1)
        #expect(
            problems.contains {
                $0.contains("drift.falseAlarmEvery: the key belongs to 'method: bank'")
            },
            "\(problems)"
        )
    }

    @Test("A detector that is off is not checked against the readings")
    func off() {
        let text = "\(Configured.gateway)\ndetectors: {anomaly: {run: off, window: 2 s, hop: 1 s}}"
        #expect(Configured(text).problems().isEmpty)
    }

    @Test(
        "Alarms: each planted error is told",
        arguments: [
            Planted("", "{acknowlege: none}", "alarms.acknowlege: no such key; write 'acknow"),
            Planted("", "{acknowledge: [none]}", "alarms.acknowledge: 'none' is not known; write"),
            Planted("", "{acknowledge: []}", "alarms.acknowledge: the list has 0 items"),
            Planted("", "{longestShelf: 1 s}", "alarms.longestShelf: '1 s' is out of range"),
            Planted("", "{longestShelf: 24}", "alarms.longestShelf: '24' has no unit"),
            Planted("", "{longestMaintenance: 1000 d}", "alarms.longestMaintenance: '1000 d' is"),
            Planted("", "{latching: true}", "alarms.latching: here stands 'true' where a map"),
            Planted("", "{latching: {severities: [high]}}", "latching.severities: 'high' is not"),
            Planted("", "{latching: {gatewayAlerts: 2}}", "gatewayAlerts: '2' is neither true"),
            Planted("", "{severities: {type: drift}}", "alarms.severities: here stands a map"),
            Planted(
                "",
                "{severities: [{type: drift}]}",
                "severities[1].severity: the key is missing"
            ),
            Planted("", "{severities: [{severity: critical}]}", "severities[1].type: the key is"),
            Planted(
                "",
                "{severities: [{type: drfit, severity: critical}]}",
                "alarms.severities[1].type: 'drfit' is not one of"
            ),
            Planted(
                "",
                "{severities: [{type: drift, grade: main, severity: critical}]}",
                "alarms.severities[1].grade: 'main' is not known; write one of pre-alarm, main-al"
            ),
            Planted(
                "",
                "{severities: [{type: drift, criticality: huge, severity: critical}]}",
                "alarms.severities[1].criticality: 'huge' is not known"
            ),
            Planted(
                "",
                "{severities: [{type: drift, severity: critical}, {type: [drift, anomaly], "
                    + "criticality: low, severity: advisory}]}",
                "alarms.severities[2].type: the severity of drift is set on line 10 for the same "
                    + "grade and criticality too; narrow one of the two"
            ),
            Planted(
                "",
                "{latching: {}}\nrelay: {latching: true}",
                "alarms.latching: 'relay.latching' says already which alerts latch"
            ),
            Planted(
                "",
                "{}\nrelay: {longestTest: 1 h}",
                "relay.longestTest: '1 h' is out of range"
            ),
        ]
    )
    func alarms(planted: Planted) {
        let problems = Configured("\(Configured.gateway)\nalarms: \(planted.new)\n").problems()
        #expect(problems.contains { $0.contains(planted.message) }, "\(problems)")
        #expect(
            problems.allSatisfy {
                $0.contains("/loopgate.yaml:10:")
                    || $0.contains("/loopgate.yaml:11:")
            }
        )
    }
}
