import Alerts
import Signal
import Testing

@Suite("Putting alerts aside")
struct SuppressionTests {
    @Test("A shelf ends by itself, and the alert is unacknowledged again if its condition is there")
    func shelfEnds() throws {
        var bench = Bench()
        bench.report(.active)
        let id = try #require(bench.alert?.id)
        try bench.perform(.acknowledge(id))
        try bench.perform(.shelve(id, length: .seconds(3600), isOneShot: false))
        #expect(bench.alert?.alarmState == .shelved)
        bench.after(3599)
        #expect(bench.alert?.alarmState == .shelved)
        bench.after(1)
        #expect(bench.alert?.alarmState == .unacknowledged)
        #expect(bench.alert?.shelf == nil)
        #expect(bench.alert?.annunciations == 2)
        #expect(
            bench.states == [.unacknowledged, .acknowledged, .shelved, .unacknowledged]
        )
    }

    @Test("While shelved a condition may come and go unheard; the end of the shelf resolves it")
    func quietShelf() throws {
        var bench = Bench()
        bench.report(.active)
        let id = try #require(bench.alert?.id)
        try bench.perform(.shelve(id, length: .seconds(3600), isOneShot: false))
        let before = bench.transitions.count
        for _ in 0..<500 {
            bench.after(1)
            bench.report(.cleared)
            bench.report(.active)
        }
        bench.report(.cleared)
        #expect(bench.transitions.count == before)
        bench.after(3600)
        #expect(bench.desk.openAlerts.isEmpty)
        #expect(bench.transitions.count == before + 1)
        #expect(bench.transitions.last?.occurrences == 501)
    }

    @Test("A one-shot shelf ends with the next return to normal")
    func oneShot() throws {
        var bench = Bench()
        bench.report(.active)
        let id = try #require(bench.alert?.id)
        try bench.perform(.shelve(id, length: .seconds(3600), isOneShot: true))
        bench.after(60)
        bench.report(.cleared)
        #expect(bench.desk.openAlerts.isEmpty)
        bench.report(.active)
        #expect(bench.alert?.alarmState == .unacknowledged)
    }

    @Test("Unshelving by hand brings the alert back")
    func unshelve() throws {
        var bench = Bench()
        bench.report(.active)
        let id = try #require(bench.alert?.id)
        #expect(throws: AlertRefusal.notShelved(id)) { try bench.perform(.unshelve(id)) }
        try bench.perform(.shelve(id, length: .seconds(3600), isOneShot: false))
        try bench.perform(.unshelve(id))
        #expect(bench.alert?.alarmState == .unacknowledged)
    }

    @Test(
        "A shelf wants a time within bounds and a reason",
        arguments: [
            (0, "because", AlertRefusal.badLength(longest: .seconds(86_400))),
            (-5, "because", .badLength(longest: .seconds(86_400))),
            (86_401, "because", .badLength(longest: .seconds(86_400))),
            (60, "", .reasonMissing), (60, nil, .reasonMissing),
        ] as [(Double, String?, AlertRefusal)]
    )
    func badShelf(seconds: Double, note: String?, refusal: AlertRefusal) throws {
        var bench = Bench()
        bench.report(.active)
        let id = try #require(bench.alert?.id)
        #expect(throws: refusal) {
            try bench.perform(
                .shelve(id, length: .seconds(seconds), isOneShot: false),
                note: note
            )
        }
        #expect(bench.alert?.alarmState == .unacknowledged)
    }

    @Test("A shelf does not lose a latch")
    func shelfKeepsLatch() throws {
        var bench = Bench(policy: AlertPolicy(relay: RelayRules(isLatching: true)))
        bench.report(.active)
        let id = try #require(bench.alert?.id)
        try bench.perform(.shelve(id, length: .seconds(3600), isOneShot: false))
        bench.report(.cleared)
        bench.after(3600)
        #expect(bench.alert?.alarmState == .latchedUnacknowledged)
    }

    @Test("After maintenance an instrument's alarms are suppressed for the time asked, others not")
    func maintenance() throws {
        var bench = Bench()
        try bench.perform(.startMaintenance(Bench.pt101, length: .seconds(600)))
        #expect(bench.desk.isUnderMaintenance(Bench.pt101))
        bench.report(.active)
        #expect(bench.alert?.alarmState == .suppressed)
        #expect(bench.alert?.annunciations == 0)
        #expect(bench.notices.isEmpty)
        let other = ConditionKey(
            instrument: InstrumentID(rawValue: 2),
            type: .ruleViolation,
            detail: "high"
        )
        bench.report(.active, other)
        #expect(bench.desk.alert(of: other)?.alarmState == .unacknowledged)
        bench.after(600)
        #expect(!bench.desk.isUnderMaintenance(Bench.pt101))
        #expect(bench.desk.alert(of: Bench.high)?.alarmState == .unacknowledged)
        #expect(bench.desk.alert(of: Bench.high)?.annunciations == 1)
    }

    @Test("Maintenance can be renewed and ended early")
    func renewed() throws {
        var bench = Bench()
        try bench.perform(.startMaintenance(Bench.pt101, length: .seconds(600)))
        bench.after(500)
        try bench.perform(.startMaintenance(Bench.pt101, length: .seconds(600)))
        bench.after(500)
        #expect(bench.desk.isUnderMaintenance(Bench.pt101))
        try bench.perform(.endMaintenance(Bench.pt101))
        #expect(!bench.desk.isUnderMaintenance(Bench.pt101))
        #expect(throws: AlertRefusal.notUnderMaintenance(Bench.pt101)) {
            try bench.perform(.endMaintenance(Bench.pt101))
        }
        #expect(throws: AlertRefusal.unknownInstrument(InstrumentID(rawValue: 99))) {
            try bench.perform(
                .startMaintenance(InstrumentID(rawValue: 99), length: .seconds(60))
            )
        }
    }

    @Test("Out of service holds until somebody returns the instrument")
    func outOfService() throws {
        var bench = Bench()
        bench.report(.active)
        try bench.perform(.takeOutOfService(Bench.pt101), note: "rebuilt")
        #expect(bench.alert?.alarmState == .outOfService)
        let notice = try #require(bench.desk.openAlerts.first { $0.isNotice })
        #expect(notice.severity == .advisory)
        #expect(notice.explanation == "Out of service: rebuilt")
        #expect(throws: AlertRefusal.isNotice(notice.id)) {
            try bench.perform(.acknowledge(notice.id))
        }
        bench.after(30 * 86_400)
        #expect(bench.alert?.alarmState == .outOfService)
        try bench.perform(.returnToService(Bench.pt101))
        #expect(bench.alert?.alarmState == .unacknowledged)
        #expect(bench.desk.openAlerts.count == 1)
    }

    @Test("Out of service outlasts the end of a maintenance")
    func both() throws {
        var bench = Bench()
        bench.report(.active)
        try bench.perform(.takeOutOfService(Bench.pt101))
        try bench.perform(.startMaintenance(Bench.pt101, length: .seconds(60)))
        bench.after(61)
        #expect(bench.alert?.alarmState == .outOfService)
        try bench.perform(.returnToService(Bench.pt101))
        #expect(bench.alert?.alarmState == .unacknowledged)
    }

    @Test("Nobody can report a notice as a condition that comes and goes")
    func noticeIsNoCondition() throws {
        var bench = Bench()
        try bench.perform(.takeOutOfService(Bench.pt101))
        let key = ConditionKey(
            instrument: Bench.pt101,
            type: .system,
            detail: ConditionKey.outOfService
        )
        bench.report(.cleared, key)
        #expect(bench.desk.isOutOfService(Bench.pt101))
    }
}

@Suite("After a restart")
struct RestoreTests {
    @Test("Acknowledgements, latches, counts and names survive")
    func survives() throws {
        var bench = Bench(policy: AlertPolicy(relay: RelayRules(isLatching: true)))
        bench.report(.active)
        bench.after(70)
        bench.report(.cleared)
        bench.after(70)
        bench.report(.active)
        let id = try #require(bench.alert?.id)
        try bench.perform(.acknowledge(id))
        let second = bench.restarted(after: 5)
        let alert = try #require(second.alert)
        #expect(alert.id == id)
        #expect(alert.isAcknowledged && alert.isLatched && alert.isActive)
        #expect(alert.acknowledgedBy == "E042")
        #expect(alert.occurrences == 2)
        #expect(second.desk.unconfirmed == [Bench.high])
        var third = bench.restarted(after: 5)
        third.report(.active)
        #expect(third.transitions.isEmpty, "still there: nothing new")
        #expect(third.desk.unconfirmed.isEmpty)
        #expect(third.alert?.isAcknowledged == true)
    }

    @Test("A condition that is not there any more is cleared once its detector has looked")
    func unconfirmed() throws {
        var bench = Bench()
        bench.report(.active)
        try bench.perform(.acknowledge(try #require(bench.alert?.id)))
        var second = bench.restarted(after: 5)
        second.take(second.desk.clearUnconfirmed(at: second.now) { $0.type == .drift })
        #expect(second.alert?.isActive == true)
        second.take(
            second.desk.clearUnconfirmed(at: second.now) { $0.instrument == Bench.pt101 }
        )
        #expect(second.desk.openAlerts.isEmpty)
        #expect(second.transitions.last?.state == .resolved)
    }

    @Test("A shelf and a maintenance go on for the rest of their time")
    func shelfGoesOn() throws {
        var bench = Bench()
        bench.report(.active)
        let id = try #require(bench.alert?.id)
        try bench.perform(.shelve(id, length: .seconds(600), isOneShot: false))
        let two = InstrumentID(rawValue: 2)
        try bench.perform(.startMaintenance(two, length: .seconds(900)))
        var second = bench.restarted(after: 400)
        second.after(0)
        #expect(second.alert?.alarmState == .shelved)
        #expect(second.desk.isUnderMaintenance(two))
        second.after(199)
        #expect(second.alert?.alarmState == .shelved)
        second.after(1)
        #expect(second.alert?.alarmState == .unacknowledged)
        #expect(second.desk.isUnderMaintenance(two))
        second.after(300)
        #expect(!second.desk.isUnderMaintenance(two))
    }

    @Test(
        "A shelf ends at the restart where its time is over or nobody can tell",
        arguments: [(700, .synced), (60, .unset), (60, .restored), (-60, .synced)]
            as [(Double, ClockState)]
    )
    func shelfEnds(seconds: Double, clock: ClockState) throws {
        var bench = Bench()
        bench.report(.active)
        let id = try #require(bench.alert?.id)
        try bench.perform(.shelve(id, length: .seconds(600), isOneShot: false))
        var second = bench.restarted(after: seconds, clock: clock)
        second.after(0)
        #expect(second.alert?.alarmState == .unacknowledged)
        #expect(second.transitions.first?.state == .raised)
    }

    @Test("Out of service survives whatever the clock says")
    func outOfService() throws {
        var bench = Bench()
        try bench.perform(.takeOutOfService(Bench.pt101))
        let second = bench.restarted(after: 60, clock: .unset)
        #expect(second.desk.isOutOfService(Bench.pt101))
        var third = second
        third.report(.active)
        #expect(third.alert?.alarmState == .outOfService)
    }

    @Test("Two stored alerts of one condition become one")
    func doubles() throws {
        var bench = Bench()
        bench.report(.active)
        var twin = bench.transitions[0]
        twin.alert.number = 9
        var second = Bench(
            restoring: [bench.transitions[0], twin],
            epoch: 8,
            now: stamp(2000)
        )
        second.after(0)
        #expect(second.desk.openAlerts.map(\.id) == [twin.alert])
        #expect(second.transitions.map(\.alert) == [bench.transitions[0].alert])
        #expect(second.transitions.map(\.state) == [.resolved])
    }

    @Test("An alert that has stood for a day before the restart is stale after it")
    func stale() throws {
        var bench = Bench()
        bench.report(.active)
        var second = bench.restarted(after: 86_400)
        second.after(0)
        #expect(second.alert?.marks == [.stale])
    }
}
