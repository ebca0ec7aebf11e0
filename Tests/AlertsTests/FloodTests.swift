import Alerts
import Signal
import Testing

@Suite("Chattering, fleeting, stale, flood")
struct FloodTests {
    func key(_ number: Int, detail: String = "broken") -> ConditionKey {
        ConditionKey(part: "part \(number)", detail: detail)
    }

    @Test("Three activations in a minute are chattering; a minute without one is calm")
    func chattering() {
        var bench = Bench()
        for _ in 0..<3 {
            bench.report(.active)
            bench.after(1)
            bench.report(.cleared)
            bench.after(1)
        }
        #expect(bench.alert?.marks.contains(.chattering) == true)
        #expect(
            bench.notices.filter { if case .chattering = $0 { true } else { false } }.count == 1
        )
        bench.after(57)
        #expect(bench.alert?.marks.contains(.chattering) == true)
        bench.after(3)
        #expect(bench.alert?.marks.contains(.chattering) == false)
        #expect(bench.notices.contains { if case .calm = $0 { true } else { false } })
    }

    @Test("Three activations in more than a minute are not chattering")
    func notChattering() {
        var bench = Bench()
        for _ in 0..<5 {
            bench.report(.active)
            bench.after(15)
            bench.report(.cleared)
            bench.after(16)
        }
        #expect(bench.alert?.marks == [])
    }

    @Test("Ten swings a second for an hour: a few transitions a minute, the count is exact")
    func noFlood() {
        var bench = Bench()
        for _ in 0..<36_000 {
            bench.report(.active)
            bench.after(0.05)
            bench.report(.cleared)
            bench.after(0.05)
        }
        #expect(bench.alert?.occurrences == 36_000)
        // Counted first: a failed expectation prints everything that it is made of.
        let (steps, notices) = (bench.transitions.count, bench.notices.count)
        #expect(steps <= 6 + 60, "one a minute after the first few")
        #expect(notices < 10)
        bench.after(61)
        #expect(bench.stored.first?.occurrences == 36_000)
        #expect(bench.stored.first?.alarmState == .returnedUnacknowledged)
    }

    @Test("A chattering alert that needs no acknowledgement stays one alert until it is calm")
    func automaticChatter() {
        var bench = Bench(policy: AlertPolicy(needsAcknowledgement: []))
        for _ in 0..<600 {
            bench.report(.active)
            bench.after(1)
            bench.report(.cleared)
            bench.after(1)
        }
        let (alerts, steps) = (Set(bench.transitions.map(\.alert)).count, bench.transitions.count)
        #expect(alerts <= 3)
        #expect(steps < 40)
        bench.after(61)
        #expect(bench.desk.openAlerts.isEmpty)
        #expect(bench.stored.isEmpty)
    }

    @Test("A held-back transition is told within a minute")
    func told() {
        var bench = Bench()
        for _ in 0..<4 {
            bench.report(.active)
            bench.after(1)
            bench.report(.cleared)
            bench.after(1)
        }
        bench.report(.active)
        #expect(
            bench.transitions.last?.isActive == false || bench.transitions.last?.occurrences != 5
        )
        bench.after(60)
        #expect(bench.transitions.last?.isActive == true)
        #expect(bench.transitions.last?.occurrences == 5)
    }

    @Test("What clears by itself within 10 s is fleeting", arguments: [(9.9, true), (10.1, false)])
    func fleeting(seconds: Double, isFleeting: Bool) {
        var bench = Bench()
        bench.report(.active)
        bench.after(seconds)
        bench.report(.cleared)
        #expect((bench.alert?.marks == [.fleeting]) == isFleeting)
        #expect(bench.desk.report(at: bench.now).fleetingLastDay == (isFleeting ? 1 : 0))
    }

    @Test("What stands for a day is stale, once")
    func stale() {
        var bench = Bench()
        bench.report(.active)
        bench.after(86_399)
        #expect(bench.alert?.marks == [])
        bench.after(1)
        #expect(bench.alert?.marks == [.stale])
        bench.after(86_400)
        #expect(bench.notices.filter { if case .stale = $0 { true } else { false } }.count == 1)
        #expect(bench.desk.report(at: bench.now).stale.count == 1)
        bench.report(.cleared)
        #expect(bench.alert?.marks == [])
    }

    @Test("More than ten alarms in ten minutes are a flood; fewer than five end it")
    func flood() {
        var bench = Bench()
        for number in 0..<10 {
            bench.report(.active, key(number))
            bench.after(10)
        }
        #expect(!bench.notices.contains(.floodBegan))
        bench.report(.active, key(10))
        #expect(bench.notices.filter { $0 == .floodBegan }.count == 1)
        #expect(bench.desk.report(at: bench.now).isFlood)
        // The alarms came at 0, 10, … 100 s: at 660 s five are left, just after it four.
        bench.after(559)
        #expect(!bench.notices.contains(.floodEnded))
        bench.after(2)
        #expect(bench.notices.filter { $0 == .floodEnded }.count == 1)
        let report = bench.desk.report(at: bench.now)
        #expect(!report.isFlood)
        #expect(report.floods == 1)
        #expect(report.floodShare > 0.8 && report.floodShare < 1)
    }

    @Test("The figures of EEMUA 191 are counted")
    func figures() throws {
        var bench = Bench()
        for number in 0..<40 {
            bench.report(.active, key(number), severity: number < 30 ? .advisory : .warning)
            bench.after(60)
        }
        for number in 0..<5 {
            bench.report(.cleared, key(number))
        }
        let loud = try #require(bench.desk.alert(of: key(6)))
        try bench.perform(.acknowledge(loud.id))
        try bench.perform(.shelve(loud.id, length: .seconds(3600), isOneShot: false))
        let report = bench.desk.report(at: bench.now)
        #expect(report.last10Minutes == 9 || report.last10Minutes == 10)
        #expect(report.lastHour == 40)
        #expect(report.lastDay == 40)
        #expect(report.hoursAbove30 == 1)
        #expect(report.mostIn10Minutes == 10)
        #expect(abs(report.averagePer10Minutes - 10) < 0.3)
        #expect(report.lastDayBySeverity == [.advisory: 30, .warning: 10, .critical: 0])
        #expect(report.standing == 34)
        #expect(report.unacknowledged == 39)
        #expect(report.shelved == 1)
        #expect(report.frequent.count == 10)
        bench.after(86_400)
        #expect(bench.desk.report(at: bench.now).lastDay >= 0)
        bench.after(86_400 * 2)
        let later = bench.desk.report(at: bench.now)
        #expect(later.lastDay == 0)
        #expect(later.frequent.isEmpty)
    }

    @Test("The most frequent come first with their share")
    func frequent() {
        var bench = Bench()
        for round in 0..<20 {
            for number in 0..<3 where round % (number + 1) == 0 {
                bench.report(.active, key(number))
                bench.after(40)
                bench.report(.cleared, key(number))
            }
        }
        let top = bench.desk.report(at: bench.now).frequent
        #expect(top.map(\.count) == [20, 10, 7])
        #expect(top[0].subject == "part 0")
        #expect(abs(top[0].share - 20.0 / 37) < 1e-12)
    }

    @Test("The list of the most frequent remembers so many conditions, and counts on for those")
    func frequentLimit() {
        var bench = Bench(policy: AlertPolicy(needsAcknowledgement: []))
        func comesAndGoes(_ number: Int) {
            bench.report(.active, key(number))
            bench.after(1)
            bench.report(.cleared, key(number))
        }
        for number in 0..<(AlertLimits.frequentConditions + 100) { comesAndGoes(number) }
        // Both come again: one that is remembered, and one that came too late to be.
        for _ in 0..<3 {
            bench.after(120)
            comesAndGoes(0)
            comesAndGoes(AlertLimits.frequentConditions + 50)
        }
        let top = bench.desk.report(at: bench.now).frequent
        #expect(top.first?.subject == "part 0" && top.first?.count == 4)
        #expect(top.dropFirst().allSatisfy { $0.count == 1 })
    }

    @Test("Conditions beyond an owner's limit are counted together, never dropped")
    func limit() throws {
        var bench = Bench()
        for number in 0..<(AlertLimits.gatewayConditions + 50) {
            bench.report(.active, key(number))
        }
        #expect(bench.desk.openAlerts.count == AlertLimits.gatewayConditions + 1)
        let others = try #require(
            bench.desk.alert(of: ConditionKey(part: "gateway", detail: ConditionKey.others))
        )
        #expect(others.occurrences == 50)
        for number in 0..<(AlertLimits.conditionsPerInstrument + 5) {
            bench.report(
                .active,
                ConditionKey(instrument: Bench.pt101, type: .anomaly, detail: "\(number)")
            )
        }
        #expect(
            bench.desk.alerts(of: Bench.pt101).count == AlertLimits.conditionsPerInstrument + 1
        )
    }

    @Test("Nothing is kept of conditions that came and went")
    func forgets() throws {
        var bench = Bench(policy: AlertPolicy(needsAcknowledgement: []))
        for number in 0..<1000 {
            bench.report(.active, key(number))
            bench.after(1)
            bench.report(.cleared, key(number))
        }
        bench.after(61)
        for number in 1000..<(1000 + AlertLimits.gatewayConditions) {
            bench.report(.active, key(number))
        }
        #expect(bench.desk.alert(of: key(1000)) != nil)
        #expect(
            bench.desk.alert(of: ConditionKey(part: "gateway", detail: ConditionKey.others)) == nil
        )
    }
}
