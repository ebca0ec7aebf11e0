import Alerts
import Signal
import Testing

@testable import GatewayCore

@Suite struct AlarmTests {
    /// One instrument of 0 to 10 bar on one unit, high at 8 and high-high at 9, 1 s of delay.
    private static func settings(
        relay: RelaySettings = RelaySettings(),
        change: (inout InstrumentSettings) -> Void = { _ in }
    ) -> GatewaySettings {
        var settings = Bench.settings(units: 1, channels: 1)
        settings.relay = relay
        settings.alerts = AlertPolicy(relay: relay.rules)
        settings.instruments[0].span =
            Span(lrv: 0, urv: 10, unit: "bar") ?? settings.instruments[0].span
        settings.instruments[0].limits = ProcessLimits(
            high: 8,
            highHigh: 9,
            deadband: 0.2,
            onDelay: .seconds(1),
            offDelay: .seconds(1)
        )
        change(&settings.instruments[0])
        return settings
    }

    /// The register for a value of 0 to 10 bar, in µA.
    private static func raw(_ bar: Double) -> UInt16 { UInt16(4000 + bar * 1600) }

    @Test("the relay is energised once polling, detection and journal have each gone round")
    func start() {
        var bench = Bench(Self.settings())
        bench.run(for: .milliseconds(100))
        #expect(bench.demands.last?.demand != .energised)
        bench.run(for: .seconds(20))
        #expect(bench.demands.map(\.demand) == [.safe, .energised])
        #expect(bench.steps.isEmpty)
    }

    @Test(
        "beyond high-high: alert raised, relay safe before anything is written, all stored at once"
    )
    func highHigh() throws {
        var bench = Bench(Self.settings())
        bench.brokerUp()
        bench.run(for: .seconds(20))
        bench.world.registers[0] = Self.raw(9.5)
        let before = bench.now
        bench.run(for: .seconds(5))
        let step = try #require(bench.steps.last)
        #expect(step.type == .ruleViolation && step.severity == .critical && step.state == .raised)
        #expect(step.explanation.contains("9.5 bar") && step.explanation.contains("9 bar"))
        let change = try #require(bench.demands.last)
        #expect(change.demand == .safe)
        #expect(change.at - before <= .seconds(3))
        #expect(!bench.relayWasLate)
        let reasons = bench.gateway.snapshot(at: bench.now).relay.reasons
        #expect(reasons == ["\(step.subject): \(step.explanation)"])
        #expect(bench.receivedRecords.count == bench.steps.count)
        // Back to normal: the relay follows, the alert waits for its acknowledgement.
        bench.world.registers[0] = Self.raw(5)
        bench.run(for: .seconds(10))
        #expect(bench.demands.last?.demand == .energised)
        #expect(bench.steps.last?.alarmState == .returnedUnacknowledged)
        try bench.perform(.acknowledge(step.alert), by: "4711", note: "valve was shut")
        bench.run(for: .seconds(1))
        #expect(bench.steps.last?.state == .resolved)
        #expect(bench.steps.last?.by == "4711")
        #expect(bench.openAlerts.isEmpty)
    }

    @Test("a change too fast for the process says how fast it was and how fast it may be")
    func rateOfChange() throws {
        var bench = Bench(Self.settings { $0.rateOfChangeLimit = 0.5 })
        bench.world.registers[0] = Self.raw(5)
        bench.run(for: .seconds(20))
        #expect(bench.steps.isEmpty)
        bench.world.registers[0] = Self.raw(7)
        bench.run(for: .seconds(2))
        let step = try #require(bench.steps.last)
        #expect(step.type == .ruleViolation && step.detail == "rate-of-change")
        #expect(
            step.explanation
                == "The value changes by 2.0 bar a second, and 0.5 bar a second is the limit."
        )
    }

    @Test("only the severities that are set drive the relay")
    func severities() {
        var bench = Bench(Self.settings())
        bench.run(for: .seconds(20))
        bench.world.registers[0] = Self.raw(8.5)
        bench.run(for: .seconds(10))
        #expect(bench.steps.last?.severity == .warning)
        #expect(bench.demands.last?.demand == .energised)
    }

    @Test("a broken wire is a fault of the instrument, and no process alarm")
    func wireBreak() {
        var bench = Bench(Self.settings())
        bench.run(for: .seconds(20))
        bench.world.registers[0] = 0
        bench.run(for: .seconds(30))
        #expect(!bench.steps.isEmpty)
        #expect(bench.steps.allSatisfy { $0.type == .instrumentFault || $0.type == .dataGap })
        #expect(bench.openAlerts.contains { $0.type == .instrumentFault && $0.isActive })
        bench.world.registers[0] = Self.raw(5)
        bench.run(for: .seconds(30))
        #expect(bench.openAlerts.allSatisfy { !$0.isActive })
    }

    @Test("a silent module raises one alert of its own and one data gap for each instrument")
    func silence() {
        var settings = Bench.settings(units: 2, channels: 8)
        settings.relay = RelaySettings()
        var bench = Bench(settings)
        bench.run(for: .seconds(20))
        bench.world.silentUnits = [1]
        bench.run(for: .seconds(300))
        let raised = bench.steps.filter { $0.state == .raised && $0.occurrences == 1 }
        #expect(raised.filter { $0.type == .dataGap }.count == 8)
        #expect(raised.filter { $0.type == .system && $0.subject == "AI1" }.count == 1)
        #expect(raised.count == 9)
        // A dead module is no stalled poller.
        #expect(bench.demands.last?.demand == .energised)
        bench.world.silentUnits = []
        bench.run(for: .seconds(60))
        #expect(bench.openAlerts.allSatisfy { !$0.isActive })
    }

    @Test("alerts and acknowledgements survive a crash, and no second alert is opened")
    func restart() throws {
        var bench = Bench(Self.settings())
        bench.run(for: .seconds(20))
        bench.world.registers[0] = Self.raw(9.5)
        bench.run(for: .seconds(5))
        let alert = try #require(bench.openAlerts.first?.alert)
        try bench.perform(.acknowledge(alert), by: "4711")
        bench.run(for: .seconds(5))
        bench.crashAndRestart(epoch: 2)
        bench.run(for: .seconds(200))
        #expect(bench.openAlerts.map(\.alert) == [alert])
        #expect(bench.openAlerts.first?.state == .acknowledged)
        #expect(bench.gateway.snapshot(at: bench.now).alerts.map(\.id) == [alert.description])
        #expect(bench.demands.last?.demand == .safe)
    }

    @Test("what went away while the gateway was down is resolved or waits, but is not active")
    func goneMeanwhile() {
        var bench = Bench(Self.settings())
        bench.run(for: .seconds(20))
        bench.world.registers[0] = Self.raw(9.5)
        bench.run(for: .seconds(5))
        bench.world.registers[0] = Self.raw(5)
        bench.crashAndRestart(epoch: 2)
        bench.run(for: .seconds(200))
        #expect(bench.openAlerts.allSatisfy { !$0.isActive })
        #expect(bench.demands.last?.demand == .energised)
    }

    @Test("what went away after the detectors' state was saved is news when it comes again")
    func againAfterRestart() {
        var bench = Bench(Self.settings())
        bench.world.registers[0] = Self.raw(9.5)
        // The state is saved every ten minutes, with the limit in alarm.
        bench.run(for: .seconds(610))
        #expect(bench.detectorState != nil)
        bench.world.registers[0] = Self.raw(5)
        bench.run(for: .seconds(30))
        #expect(bench.openAlerts.allSatisfy { !$0.isActive })
        bench.world.registers[0] = Self.raw(9.5)
        bench.crashAndRestart(epoch: 2)
        bench.run(for: .seconds(10))
        #expect(bench.openAlerts.contains { $0.type == .ruleViolation && $0.isActive })
        #expect(bench.demands.last?.demand == .safe)
    }

    @Test("a stuck value that moved after the state was saved must stand still anew to be news")
    func stuckAgainAfterRestart() {
        var settings = Self.settings()
        settings.instruments[0].detection.stuck = .plain(deadband: 0.000_5, time: .seconds(300))
        var bench = Bench(settings)
        func isStuck() -> Bool {
            bench.openAlerts.contains { $0.detail == ConditionKey.stuck && $0.isActive }
        }
        bench.world.registers[0] = Self.raw(5)
        bench.run(for: .seconds(610))
        #expect(bench.detectorState != nil && isStuck())
        bench.world.registers[0] = Self.raw(6)
        bench.run(for: .seconds(30))
        #expect(!isStuck())
        // Back where it stood when the state was saved.
        bench.world.registers[0] = Self.raw(5)
        bench.crashAndRestart(epoch: 2)
        bench.run(for: .seconds(290))
        #expect(!isStuck())
        bench.run(for: .seconds(30))
        #expect(isStuck())
    }

    @Test("a journal that does not answer makes the relay safe")
    func stalledJournal() {
        var bench = Bench(Self.settings())
        bench.run(for: .seconds(20))
        bench.world.commitTime = .seconds(3600)
        bench.run(for: .seconds(60))
        #expect(bench.demands.last?.demand == .safe)
        #expect(
            bench.gateway.snapshot(at: bench.now).relay.reasons == ["journal shows no progress"]
        )
    }

    @Test("a bus that answers again does not vouch for another that has stopped meanwhile")
    func oneBusForAnother() {
        var settings = Self.settings()
        settings.buses.append(
            BusSettings(
                id: BusID(rawValue: 1),
                name: "second",
                link: .tcp(host: "127.0.0.2", port: 502)
            )
        )
        var feeds = RelayFeeds(settings)
        func second(_ second: Int64) -> MonotonicTime {
            MonotonicTime(nanoseconds: second * 1_000_000_000)
        }
        func look(at time: Int64) -> UInt64 {
            feeds.look(
                busyBuses: [true, true],
                emptyBuses: [false, false],
                isCommitting: false,
                hasInstruments: true,
                at: second(time)
            )
            return feeds.polling
        }
        feeds.replied(0, at: second(10))
        feeds.replied(1, at: second(10))
        #expect(look(at: 10) == 1)
        // Bus 0 hangs; bus 1 goes on for a while.
        for time in 12...20 {
            feeds.replied(1, at: second(Int64(time)))
            #expect(look(at: Int64(time)) == 1)
        }
        // Bus 1 has stopped, and bus 0 is back.
        feeds.replied(0, at: second(25))
        #expect(look(at: 25) == 1)
        feeds.replied(1, at: second(26))
        #expect(look(at: 26) == 2)
    }

    @Test("a full disk raises an alert and leaves the relay to the process")
    func fullDisk() {
        var bench = Bench(Self.settings())
        bench.run(for: .seconds(20))
        bench.world.storeFault = .full
        bench.run(for: .seconds(60))
        #expect(bench.gateway.snapshot(at: bench.now).alerts.map(\.subject) == ["journal"])
        #expect(bench.demands.last?.demand == .energised)
        bench.world.storeFault = nil
        bench.run(for: .seconds(60))
        #expect(bench.openAlerts.allSatisfy { !$0.isActive })
    }

    @Test("out of service: nothing of the instrument drives the relay until it is returned")
    func outOfService() throws {
        var bench = Bench(Self.settings())
        bench.run(for: .seconds(20))
        let id = bench.gateway.settings.instruments[0].id
        try bench.perform(.takeOutOfService(id), by: "4711", note: "being exchanged")
        bench.world.registers[0] = Self.raw(9.5)
        bench.run(for: .seconds(20))
        #expect(bench.demands.last?.demand == .energised)
        try bench.perform(.returnToService(id), by: "4711")
        bench.run(for: .seconds(20))
        #expect(bench.demands.last?.demand == .safe)
    }

    @Test("a refused action says why and changes nothing")
    func refusal() {
        var bench = Bench(Self.settings())
        bench.run(for: .seconds(20))
        let unknown = AlertID(epoch: 9, number: 9)
        #expect(throws: AlertRefusal.notOpen(unknown)) {
            try bench.perform(.acknowledge(unknown), by: "4711")
        }
        #expect(bench.steps.isEmpty)
    }

    @Test("saturation must last ten seconds; a fault counts at once and is over after ten")
    func faultDelays() {
        var watch = FaultWatch(InstrumentID(rawValue: 1), unit: "bar")
        var changes: [ConditionChange] = []
        func take(_ quality: Quality, at second: Int) -> [ConditionChange.Phase] {
            changes = []
            watch.take(
                Reading(
                    instrument: InstrumentID(rawValue: 1),
                    stamp: Bench.stamp(MonotonicTime(nanoseconds: Int64(second) * 1_000_000_000)),
                    raw: 0,
                    current: nil,
                    value: nil,
                    quality: quality
                ),
                RateOfChangeCheck(limit: nil),
                at: MonotonicTime(nanoseconds: Int64(second) * 1_000_000_000),
                &changes
            )
            return changes.map(\.phase)
        }
        #expect(take(.saturatedHigh, at: 0) == [])
        #expect(take(.saturatedHigh, at: 9) == [])
        #expect(take(.good, at: 10) == [])
        #expect(take(.saturatedHigh, at: 11) == [])
        #expect(take(.saturatedHigh, at: 21) == [.active])
        #expect(take(.wireBreak, at: 22) == [.cleared, .active])
        #expect(take(.communication, at: 23) == [])
        #expect(take(.good, at: 30) == [])
        #expect(take(.good, at: 39) == [])
        #expect(take(.good, at: 40) == [.cleared])
    }
}
