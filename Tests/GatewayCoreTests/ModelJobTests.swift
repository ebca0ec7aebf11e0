import Alerts
import Detection
import Signal
import Testing

@testable import GatewayCore

@Suite struct ModelJobTests {
    private static let id = InstrumentID(rawValue: 1)
    private static let begin = WallTime(nanosecondsSince1970: 1_600_000_000_000_000_000)

    private static func settings(
        change: (inout InstrumentSettings) -> Void = { _ in }
    ) -> GatewaySettings {
        var settings = Bench.settings(units: 1, channels: 1)
        settings.instruments[0].detection.anomaly.leastWindows = 20
        settings.instruments[0].detection.anomaly.forest = ForestSettings(trees: 10)
        change(&settings.instruments[0])
        return settings
    }

    /// A model of white noise about 5 bar.
    private static func model(
        _ settings: GatewaySettings
    ) throws -> (model: TrainedModel, report: BaselineReport) {
        let told = settings.instruments[0].detectorSettings()
        var baseline = Baseline(settings: told)
        var random = SeededGenerator(seed: 3)
        for second in 0..<2_400 {
            let value = 5 + 0.02 * random.normal()
            baseline.add(
                value,
                code: Int64(value * 1e5),
                at: MonotonicTime(nanoseconds: Int64(second) * 1_000_000_000)
            )
        }
        return try TrainedModel.train(on: baseline, settings: told, using: &random)
    }

    private static func facts(version: Int) -> ModelFacts {
        ModelFacts(
            instrument: id,
            version: version,
            trainedAt: begin,
            trainedBy: "4711",
            windows: 40
        )
    }

    private static func train(
        from: WallTime? = nil,
        to: WallTime? = nil
    ) -> GatewayCommand.Act {
        .instrument(
            tag: "PT-11",
            .train(from: from, to: to, allowsBadQuality: false, allowsAlerts: false)
        )
    }

    private func state(_ bench: Bench) throws -> GatewaySnapshot.Instrument {
        try #require(bench.gateway.snapshot(at: bench.now).instruments.first)
    }

    private func audits(_ bench: Bench) -> [AuditEntry] {
        (bench.storedRecords[bench.gateway.epoch] ?? [:]).sorted { $0.key < $1.key }.compactMap {
            if case .audit(let entry) = $0.value.body { entry } else { nil }
        }
    }

    @Test("training is done elsewhere; its model is adopted, audited, told and shown")
    func training() throws {
        let settings = Self.settings()
        var bench = Bench(settings)
        bench.run(for: .seconds(5))
        let end = Self.begin + .seconds(2_400)
        #expect(bench.execute(Self.train(from: Self.begin, to: end)) == .started(job: 1))
        let job = try #require(bench.jobs.first)
        guard case .train(let order) = job.work else {
            Issue.record("\(job.work) is no training")
            return
        }
        #expect(order.from == Self.begin && order.to == end)
        #expect(order.settings == settings.instruments[0].detectorSettings())
        #expect(bench.execute(Self.train(from: Self.begin, to: end)) != .started(job: 2))
        bench.send(.progressed(1, 0.5))
        #expect(bench.gateway.snapshot(at: bench.now).jobs.map(\.progress) == [0.5])
        #expect(try state(bench).model == nil)
        let (model, report) = try Self.model(settings)
        bench.send(.worked(1, .success(.trained(Self.facts(version: 1), model, report))))
        bench.run(for: .seconds(5))
        #expect(try state(bench).model?.version == 1)
        #expect(try state(bench).detectors.hasModel)
        let shown = try #require(bench.gateway.snapshot(at: bench.now).jobs.first)
        #expect(shown.state == "done" && shown.progress == 1)
        #expect(shown.text?.hasPrefix("version 1 is in use: 40 windows") == true)
        #expect(bench.answers.map(\.job) == [1] && bench.answers[0].refusal == nil)
        #expect(audits(bench).map(\.action) == ["command.train"])
        #expect(audits(bench).first?.who == "4711")
        #expect(audits(bench).first?.old == "no model")
        // A second answer to the same job means nothing.
        bench.send(.worked(1, .failure(JobFailure("late"))))
        #expect(bench.answers.count == 1)
        #expect(bench.execute(Self.train(from: Self.begin, to: end)) == .started(job: 2))
    }

    @Test("without a span, training takes the marked baseline, and says so where there is none")
    func baseline() throws {
        var bench = Bench(Self.settings())
        guard case .refused(let reason) = bench.execute(Self.train()) else {
            Issue.record("there is no baseline to train on")
            return
        }
        #expect(reason.contains("mark one"))
        let end = Self.begin + .seconds(86_400)
        let mark = GatewayCommand.Act.instrument(
            tag: "PT-11",
            .markBaseline(from: Self.begin, to: end)
        )
        let turned = GatewayCommand.Act.instrument(
            tag: "PT-11",
            .markBaseline(from: end, to: Self.begin)
        )
        #expect(bench.execute(turned) == .refused("from must lie before to"))
        #expect(bench.execute(mark, note: "after the overhaul") == .started(job: 1))
        // Nothing counts before it is stored.
        #expect(try state(bench).baseline == nil)
        bench.send(.worked(1, .success(.kept)))
        #expect(try state(bench).baseline?.note == "after the overhaul")
        bench.run(for: .seconds(5))
        let audit = try #require(audits(bench).last)
        let span = "\(Self.begin.iso8601) to \(end.iso8601)"
        #expect(audit.old == "no baseline" && audit.new == "\(span) is marked as clean")
        #expect(bench.execute(Self.train()) == .started(job: 2))
        guard case .train(let order)? = bench.jobs.last?.work else {
            Issue.record("no training")
            return
        }
        #expect(order.from == Self.begin && order.to == end)
    }

    @Test("a job that fails changes nothing and says why")
    func failure() throws {
        var bench = Bench(Self.settings())
        _ = bench.execute(Self.train(from: Self.begin, to: Self.begin + .seconds(60)))
        bench.send(.worked(1, .failure(JobFailure("the span holds 1 windows"))))
        bench.run(for: .seconds(5))
        #expect(bench.answers.map(\.refusal) == ["the span holds 1 windows"])
        #expect(try state(bench).model == nil)
        #expect(audits(bench).isEmpty)
        #expect(bench.gateway.snapshot(at: bench.now).jobs.map(\.state) == ["failed"])
    }

    @Test("a model in use finds the drift that nothing else sees, and a passed calibration ends it")
    func drift() throws {
        let settings = Self.settings { $0.calibrationIntervalDays = 365 }
        var register = StoreOpening()
        register.models = [
            KeptModel(
                facts: Self.facts(version: 3),
                body: try Self.model(settings).model.encoded
            )
        ]
        var bench = Bench(settings, register: register)
        #expect(try state(bench).model?.version == 3)
        var random = SeededGenerator(seed: 9)
        func run(seconds: Int, level: Double, _ bench: inout Bench) {
            for _ in 0..<seconds {
                let value = level + 0.02 * random.normal()
                bench.world.registers[0] = UInt16(4000 + value * 1600)
                bench.run(for: .seconds(1))
            }
        }
        run(seconds: 300, level: 5, &bench)
        #expect(bench.steps.isEmpty)
        run(seconds: 1_200, level: 5.1, &bench)
        let step = try #require(bench.steps.first { $0.type == .drift })
        #expect(step.state == .raised && step.severity != .critical)
        #expect(try state(bench).detectors.drifting)
        let posted = bench.execute(
            .instrument(
                tag: "PT-11",
                .calibrated(.init(passed: true, asFound: 5.1, asLeft: 5, reference: 5))
            )
        )
        guard case .started(let job) = posted else {
            Issue.record("\(posted)")
            return
        }
        #expect(try state(bench).detectors.drifting)
        bench.send(.worked(job, .success(.kept)))
        #expect(try !state(bench).detectors.drifting)
        let calibration = try state(bench).calibration
        #expect(calibration.status == "valid" && calibration.latest?.asFound == 5.1)
        run(seconds: 60, level: 5, &bench)
        #expect(bench.steps.last { $0.type == .drift }?.isActive == false)
        #expect(audits(bench).last?.new?.contains("as found 5.1 bar (1.0 % of span)") == true)
        #expect(audits(bench).last?.old == "never calibrated")
    }

    @Test("a calibration that is due raises an alert, a failed one another, a passed one ends both")
    func overdue() throws {
        var register = StoreOpening()
        let old = Bench.stamp(.zero).wall + .seconds(-400 * 86_400)
        register.calibrations = [
            CalibrationRecord(
                instrument: Self.id,
                performedAt: old,
                performedBy: "4711",
                passed: true
            )
        ]
        var bench = Bench(Self.settings { $0.calibrationIntervalDays = 365 }, register: register)
        bench.run(for: .seconds(5))
        #expect(bench.openAlerts.map(\.type) == [.calibrationOverdue])
        #expect(try state(bench).calibration.status == "overdue")
        func post(_ calibration: GatewayCommand.Calibration) -> CommandResult {
            bench.execute(.instrument(tag: "PT-11", .calibrated(calibration)))
        }
        let future = Bench.stamp(bench.now).wall + .seconds(86_400)
        #expect(
            post(.init(performedAt: future, passed: true))
                == .refused("the calibration lies in the future: check its date")
        )
        #expect(post(.init(passed: false, asFound: .nan)) != .started(job: 1))
        #expect(post(.init(passed: false, asFound: 5.5, reference: 5)) == .started(job: 1))
        bench.send(.worked(1, .success(.kept)))
        bench.run(for: .seconds(5))
        #expect(bench.openAlerts.filter(\.isActive).map(\.detail) == ["calibration-failed"])
        // Neither the calendar's nor the calibration's alert goes by itself after a restart.
        bench.register.calibrations = [
            CalibrationRecord(
                instrument: Self.id,
                performedAt: Bench.stamp(bench.now).wall,
                performedBy: "4711",
                passed: false
            )
        ]
        bench.crashAndRestart(epoch: 2)
        bench.run(for: .seconds(300))
        #expect(bench.openAlerts.filter(\.isActive).map(\.detail) == ["calibration-failed"])
        #expect(post(.init(passed: true)) == .started(job: 1))
        bench.send(.worked(1, .success(.kept)))
        bench.run(for: .seconds(5))
        #expect(bench.openAlerts.filter(\.isActive).isEmpty)
    }

    @Test("a model that cannot be read is told, and another version ends the alert")
    func unreadable() throws {
        let settings = Self.settings()
        let (model, _) = try Self.model(settings)
        var register = StoreOpening()
        register.models = [KeptModel(facts: Self.facts(version: 2), body: [1, 2, 3])]
        var bench = Bench(settings, register: register)
        bench.run(for: .seconds(5))
        let alert = try #require(bench.openAlerts.first)
        #expect(alert.type == .system && alert.explanation.contains("Version 2"))
        #expect(try state(bench).model == nil)
        #expect(
            bench.execute(.instrument(tag: "PT-11", .activate(version: 1))) == .started(job: 1)
        )
        bench.send(.worked(1, .success(.activated(Self.facts(version: 1), model))))
        bench.run(for: .seconds(5))
        #expect(bench.openAlerts.filter(\.isActive).isEmpty)
        #expect(try state(bench).model?.version == 1)
    }

    @Test("a model of another window length is not used, and that is told")
    func misfit() throws {
        let body = try Self.model(Self.settings()).model.encoded
        var register = StoreOpening()
        register.models = [KeptModel(facts: Self.facts(version: 2), body: body)]
        let changed = Self.settings { $0.detection.anomaly.window = .seconds(120) }
        var bench = Bench(changed, register: register)
        bench.run(for: .seconds(5))
        #expect(try state(bench).model == nil)
        #expect(bench.openAlerts.first?.explanation.contains("windows of 60 s, and 2 min") == true)
    }

    @Test("detector state goes on after a restart with the same model, and not with another")
    func stateAndModel() throws {
        let settings = Self.settings()
        let body = try Self.model(settings).model.encoded
        for (version, goesOn) in [(1, true), (2, false)] {
            var register = StoreOpening()
            register.models = [KeptModel(facts: Self.facts(version: 1), body: body)]
            var bench = Bench(settings, register: register)
            bench.world.registers[0] = 12_060
            bench.run(for: .seconds(700))
            #expect(bench.detectorState != nil)
            bench.register.models[0].facts.version = version
            bench.crashAndRestart(epoch: 2)
            #expect(try (state(bench).detectors.driftSums != nil) == goesOn)
        }
    }

    @Test("stored readings are sent again on demand, also those of an earlier run")
    func resend() throws {
        var bench = Bench(Self.settings())
        bench.brokerUp()
        bench.run(for: .seconds(30))
        bench.crashAndRestart(epoch: 2)
        bench.brokerUp()
        bench.run(for: .seconds(30))
        func times(_ epoch: UInt64, _ sequence: UInt64) -> Int {
            bench.received.filter { $0.identity == Position(epoch: epoch, sequence: sequence) }
                .count
        }
        let before = (times(1, 4), times(1, 5), times(1, 20), times(2, 20))
        #expect(before.0 > 0 && before.1 > 0 && before.2 > 0 && before.3 > 0)
        let five = Position(epoch: 1, sequence: 5)
        #expect(bench.execute(.resend(five, uplink: "cmms")) == .done)
        bench.run(for: .seconds(30))
        #expect(times(1, 4) == before.0)
        #expect(times(1, 5) == before.1 + 1)
        #expect(times(1, 20) == before.2 + 1)
        #expect(times(2, 20) == before.3)
        guard
            case .refused(let reason) = bench.execute(
                .resend(Position(epoch: 77, sequence: 1), uplink: nil)
            )
        else {
            Issue.record("there is no such run")
            return
        }
        #expect(reason.contains("holds no reading 1 of run"))
        #expect(bench.execute(.resend(five, uplink: "nobody")) != .done)
    }

    @Test("a detector in shadow is told of and raises nothing")
    func shadow() {
        var bench = Bench(
            Self.settings {
                $0.limits = ProcessLimits(high: 6, onDelay: .seconds(1))
                $0.detection.shadow = [.limits]
            }
        )
        bench.run(for: .seconds(10))
        bench.world.registers[0] = 18_000
        bench.run(for: .seconds(10))
        #expect(bench.steps.isEmpty)
        let shadow = bench.gateway.snapshot(at: bench.now).shadow
        #expect(shadow.map(\.tag) == ["PT-11"] && shadow.map(\.detector) == ["rules"])
    }

    @Test("no more jobs than the limit are under way, and a remembered job is not for ever")
    func limit() {
        var bench = Bench(Self.settings())
        let mark = GatewayCommand.Act.instrument(
            tag: "PT-11",
            .markBaseline(from: Self.begin, to: Self.begin + .seconds(60))
        )
        for job in 1...Limits.jobs {
            #expect(bench.execute(mark) == .started(job: UInt64(job)))
        }
        guard case .refused = bench.execute(mark) else {
            Issue.record("the limit does not hold")
            return
        }
        for job in 1...200 {
            bench.send(.worked(UInt64(job), .success(.kept)))
            _ = bench.execute(mark)
        }
        #expect(bench.gateway.snapshot(at: bench.now).jobs.count == Limits.rememberedJobs)
    }
}
