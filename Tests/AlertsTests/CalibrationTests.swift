import Alerts
import Signal
import Testing

@Suite("Calibrations and their due dates")
struct CalibrationTests {
    let day = 86_400.0
    let id = Bench.pt101

    func record(
        _ seconds: Double,
        passed: Bool = true,
        found: Double? = nil
    ) -> CalibrationRecord {
        CalibrationRecord(
            instrument: id,
            performedAt: stamp(seconds).wall,
            performedBy: "E042",
            passed: passed,
            asFound: found,
            asLeft: 5.0,
            reference: 5.0
        )
    }

    func keyed(_ changes: [ConditionChange]) -> [String] {
        changes.filter { $0.key.instrument == id }.map { "\($0.key.detail) \($0.phase)" }
    }

    @Test("Due after the interval, soon a week before, overdue from the day itself")
    func calendar() throws {
        var desk = CalibrationDesk(instruments: Bench.instruments)
        #expect(desk.status(of: id, at: stamp(0)) == .never)
        let outcome = try desk.post(record(0), at: stamp(0))
        let due = stamp(30 * day).wall
        #expect(outcome.nextDue == due)
        #expect(outcome.resetsDrift)
        #expect(desk.status(of: id, at: stamp(22 * day)) == .valid(due: due))
        #expect(desk.status(of: id, at: stamp(23 * day)) == .dueSoon(due: due))
        #expect(desk.status(of: id, at: stamp(30 * day)) == .overdue(due: due))
        #expect(desk.status(of: InstrumentID(rawValue: 9), at: stamp(0)) == .notWanted)
    }

    @Test("Overdue raises an alert once, a new calibration clears it")
    func overdue() throws {
        var desk = CalibrationDesk(instruments: Bench.instruments, latest: [record(0)])
        _ = desk.advance(to: stamp(day))
        let changes = desk.advance(to: stamp(31 * day))
        #expect(keyed(changes) == ["calibration-due active"])
        #expect(
            changes.first { $0.key.instrument == id }?.explanation
                == "Calibration is overdue by 1 day (every 30 days)"
        )
        #expect(desk.advance(to: stamp(32 * day)).isEmpty)
        let outcome = try desk.post(record(32 * day), at: stamp(32 * day))
        #expect(
            keyed(outcome.changes) == ["calibration-failed cleared", "calibration-due cleared"]
        )
    }

    @Test("The calendar waits while the clock is unset")
    func unset() {
        var desk = CalibrationDesk(instruments: Bench.instruments, latest: [record(0)])
        #expect(keyed(desk.advance(to: stamp(400 * day, clock: .unset))).isEmpty)
        #expect(desk.status(of: id, at: stamp(0, clock: .unset)) == .unknown)
        #expect(
            keyed(desk.advance(to: stamp(400 * day, clock: .synced)))
                == ["calibration-due active"]
        )
    }

    @Test("A failed calibration raises an alert of its own and keeps the drift detector going")
    func failed() throws {
        var desk = CalibrationDesk(instruments: Bench.instruments)
        let outcome = try desk.post(record(0, passed: false, found: 5.4), at: stamp(0))
        #expect(!outcome.resetsDrift)
        #expect(outcome.nextDue == stamp(30 * day).wall)
        #expect(keyed(outcome.changes).contains("calibration-failed active"))
        #expect(outcome.changes[0].value == 5.4)
        #expect(outcome.changes[0].explanation.contains("found 5.4"))
        let passed = try desk.post(record(day), at: stamp(day))
        #expect(keyed(passed.changes).contains("calibration-failed cleared"))
    }

    @Test("An older calibration entered late changes nothing")
    func older() throws {
        var desk = CalibrationDesk(instruments: Bench.instruments, latest: [record(10 * day)])
        let outcome = try desk.post(record(0, passed: false), at: stamp(11 * day))
        #expect(outcome.changes.isEmpty)
        #expect(outcome.nextDue == stamp(40 * day).wall)
    }

    @Test("What cannot be is refused")
    func refused() {
        var desk = CalibrationDesk(instruments: Bench.instruments)
        #expect(throws: CalibrationRefusal.inTheFuture) {
            try desk.post(record(100), at: stamp(0))
        }
        #expect(throws: CalibrationRefusal.notFinite) {
            try desk.post(record(0, found: .infinity), at: stamp(0))
        }
        var anonymous = record(0)
        anonymous.performedBy = ""
        #expect(throws: CalibrationRefusal.nobody) { try desk.post(anonymous, at: stamp(0)) }
        var stranger = record(0)
        stranger.instrument = InstrumentID(rawValue: 99)
        #expect(throws: CalibrationRefusal.unknownInstrument(stranger.instrument)) {
            try desk.post(stranger, at: stamp(0))
        }
    }

    @Test("Errors are percent of span")
    func errors() throws {
        let span = try #require(Span(lrv: 0, urv: 16, unit: "bar"))
        let one = record(0, found: 5.4)
        #expect(abs(try #require(one.asFoundError(span: span)) - 2.5) < 1e-12)
        #expect(one.asLeftError(span: span) == 0)
        #expect(record(0).asFoundError(span: span) == nil)
    }
}

@Suite("Health, 0 to 100")
struct HealthTests {
    static let due = stamp(0).wall

    @Test(
        "Each part takes off what the CMMS takes off",
        arguments: [
            (HealthInputs(quality: .good), 100, "excellent"),
            (HealthInputs(quality: .good, calibration: .never), 95, "excellent"),
            (HealthInputs(quality: .good, calibration: .dueSoon(due: due)), 90, "excellent"),
            (HealthInputs(quality: .good, calibration: .overdue(due: due)), 75, "fair"),
            (HealthInputs(quality: .good, failedCalibration: true), 75, "fair"),
            (HealthInputs(quality: .good, rule: .warning), 80, "good"),
            (HealthInputs(quality: .good, rule: .critical), 60, "attention"),
            (HealthInputs(quality: .good, anomalyScore: 0.4), 96, "excellent"),
            (HealthInputs(quality: .good, anomalyScore: 0.5), 80, "good"),
            (HealthInputs(quality: .good, anomalyScore: 0.7), 65, "fair"),
            (HealthInputs(quality: .good, isDrifting: true), 85, "good"),
            (HealthInputs(quality: .good, isStuck: true), 70, "fair"),
            (
                HealthInputs(
                    quality: .good,
                    calibration: .overdue(due: due),
                    rule: .critical,
                    anomalyScore: 0.9,
                    isDrifting: true,
                    isStuck: true
                ), 0, "critical"
            ),
        ]
    )
    func penalties(inputs: HealthInputs, score: Int, label: String) {
        let health = HealthScore(inputs)
        #expect(health.score == score)
        #expect(health.label == label)
        if score > 0 { #expect(100 - health.penalties.reduce(0) { $0 + $1.points } == score) }
    }

    @Test(
        "What is not measured is never healthy",
        arguments: [
            (HealthInputs(), 40), (HealthInputs(quality: .waiting), 40),
            (HealthInputs(quality: .communication), 40),
            (HealthInputs(quality: .good, hasGap: true), 40),
            (HealthInputs(quality: .wireBreak), 20), (HealthInputs(quality: .failHigh), 20),
            (HealthInputs(quality: .good, hasFault: true), 20),
            (HealthInputs(quality: .stuck), 20),
            (HealthInputs(quality: .saturatedHigh), 85),
            (HealthInputs(quality: .good, goodShare: 0.5), 85),
            (HealthInputs(quality: .good, goodShare: 0), 70),
        ]
    )
    func untrusted(inputs: HealthInputs, atMost: Int) throws {
        let health = HealthScore(inputs)
        #expect(try #require(health.score) == atMost)
        #expect(health.penalties.contains { $0.part == .data || $0.part == .stuck })
    }

    @Test("Every bad quality costs at least 60 points", arguments: Quality.allCases)
    func bad(quality: Quality) {
        guard quality.level == .bad, quality != .outOfService else { return }
        #expect(HealthScore(HealthInputs(quality: quality)).score ?? 0 <= 40)
    }

    @Test("Stale anomaly scores do not count, and not-a-number does no harm")
    func staleScore() {
        #expect(HealthScore(HealthInputs(anomalyScore: 0.9)).score == 40)
        #expect(HealthScore(HealthInputs(quality: .good, anomalyScore: .nan)).score == 100)
        #expect(HealthScore(HealthInputs(quality: .good, goodShare: .nan)).score == 100)
    }

    @Test("Out of service is not judged")
    func outOfService() {
        let health = HealthScore(HealthInputs(quality: .good, isOutOfService: true))
        #expect(health.score == nil)
        #expect(health.label == "out of service")
    }

    @Test("The open alerts of an instrument are taken over, and shelved ones count")
    func fromAlerts() throws {
        var bench = Bench()
        bench.report(.active)
        try bench.perform(
            .shelve(try #require(bench.alert?.id), length: .seconds(600), isOneShot: false)
        )
        bench.report(
            .active,
            ConditionKey(
                instrument: Bench.pt101,
                type: .instrumentFault,
                detail: ConditionKey.stuck
            )
        )
        bench.report(
            .active,
            ConditionKey(instrument: Bench.pt101, type: .drift, detail: "up")
        )
        var inputs = HealthInputs(quality: .good)
        inputs.take(bench.desk.alerts(of: Bench.pt101))
        let health = HealthScore(inputs)
        #expect(health.score == 100 - 30 - 40 - 15)
        #expect(health.recommendation == "The value does not move: check the sensor")
        inputs = HealthInputs(quality: .good)
        try bench.perform(.takeOutOfService(Bench.pt101))
        inputs.take(bench.desk.alerts(of: Bench.pt101))
        #expect(HealthScore(inputs).score == nil)
    }
}

@Suite("Severity by type, limit and criticality")
struct SeverityTests {
    @Test("A main alarm is never milder than a pre-alarm, nor a critical instrument than a low one")
    func monotone() {
        let table = SeverityTable()
        for type in AlertType.allCases {
            for criticality in AlertCriticality.allCases {
                #expect(
                    table[type, .mainAlarm, criticality] >= table[type, .preAlarm, criticality]
                )
            }
            for grade in AlertGrade.allCases {
                let row = AlertCriticality.allCases.map { table[type, grade, $0] }
                #expect(row == row.sorted())
            }
        }
    }

    @Test(
        "High-high is critical, high a warning; drift and anomalies never critical",
        arguments: [
            (
                AlertType.ruleViolation, AlertGrade.mainAlarm, AlertCriticality.medium,
                Severity.critical
            ),
            (.ruleViolation, .preAlarm, .medium, .warning),
            (.ruleViolation, .mainAlarm, .low, .warning),
            (.instrumentFault, .mainAlarm, .high, .critical),
            (.drift, .mainAlarm, .critical, .warning),
            (.anomaly, .mainAlarm, .critical, .warning),
            (.anomaly, .preAlarm, .critical, .advisory),
            (.dataGap, .mainAlarm, .medium, .warning),
            (.system, .mainAlarm, .low, .critical),
        ]
    )
    func cells(
        type: AlertType,
        grade: AlertGrade,
        criticality: AlertCriticality,
        severity: Severity
    ) {
        #expect(SeverityTable()[type, grade, criticality] == severity)
    }

    @Test("A cell can be changed, and a change may say its own severity")
    func changed() {
        var policy = AlertPolicy()
        policy.severities[.ruleViolation, .mainAlarm, .medium] = .advisory
        var bench = Bench(policy: policy)
        bench.report(.active)
        #expect(bench.alert?.severity == .advisory)
        bench.report(.active, severity: .critical)
        #expect(bench.alert?.severity == .critical)
    }
}
