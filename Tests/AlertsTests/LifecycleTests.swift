import Alerts
import Foundation
import Signal
import Testing

@Suite("An alert's life")
struct LifecycleTests {
    @Test("ISA-18.2 A-B-C-A: raised, acknowledged, resolved when the condition goes")
    func acknowledgedThenCleared() throws {
        var bench = Bench()
        bench.report(.active, value: 9.5)
        let id = try #require(bench.alert?.id)
        #expect(id.description == "0000000000000007-1")
        try bench.perform(.acknowledge(id), note: "seen")
        bench.after(20)
        bench.report(.cleared)
        #expect(bench.states == [.unacknowledged, .acknowledged, .normal])
        #expect(bench.transitions.map(\.state) == [.raised, .acknowledged, .resolved])
        #expect(bench.transitions.map(\.by) == ["system", "E042", "system"])
        #expect(bench.transitions[1].note == "seen")
        #expect(bench.transitions[2].acknowledgedBy == "E042")
        #expect(bench.transitions.allSatisfy { $0.subject == "PT-101" && $0.area == "boiler" })
        #expect(bench.transitions[0].value == 9.5)
        #expect(bench.desk.openAlerts.isEmpty)
    }

    @Test("ISA-18.2 A-B-D-A: what clears unacknowledged waits for its acknowledgement")
    func returnedUnacknowledged() throws {
        var bench = Bench()
        bench.report(.active)
        bench.after(20)
        bench.report(.cleared)
        let alert = try #require(bench.alert)
        #expect(alert.alarmState == .returnedUnacknowledged)
        try bench.perform(.acknowledge(alert.id))
        #expect(bench.states == [.unacknowledged, .returnedUnacknowledged, .normal])
        #expect(bench.transitions.last?.state == .resolved)
    }

    @Test("ISA-18.2 D-B: a condition that comes back counts on its open alert, and calls again")
    func reAlarm() throws {
        var bench = Bench()
        bench.report(.active)
        bench.after(30)
        bench.report(.cleared)
        bench.after(30)
        bench.report(.active)
        let alert = try #require(bench.alert)
        #expect(alert.occurrences == 2)
        #expect(alert.annunciations == 2)
        #expect(Set(bench.transitions.map(\.alert)).count == 1)
    }

    @Test("ISA-18.2 B-E-F-A and C-F-A: a latched alert stays until it is reset")
    func latched() throws {
        var bench = Bench(policy: AlertPolicy(relay: RelayRules(isLatching: true)))
        bench.report(.active)
        let id = try #require(bench.alert?.id)
        #expect(throws: AlertRefusal.stillActive(id)) { try bench.perform(.resetLatch(id)) }
        bench.after(20)
        bench.report(.cleared)
        #expect(bench.alert?.alarmState == .latchedUnacknowledged)
        try bench.perform(.acknowledge(id))
        #expect(bench.alert?.alarmState == .latchedAcknowledged)
        try bench.perform(.resetLatch(id))
        #expect(bench.desk.openAlerts.isEmpty)
        #expect(
            bench.states == [
                .unacknowledged, .latchedUnacknowledged, .latchedAcknowledged, .normal,
            ]
        )
    }

    @Test("A latch that is reset before the acknowledgement still waits for that")
    func resetBeforeAcknowledgement() throws {
        var bench = Bench(policy: AlertPolicy(relay: RelayRules(isLatching: true)))
        bench.report(.active)
        bench.after(20)
        bench.report(.cleared)
        try bench.perform(.resetLatches)
        #expect(bench.alert?.alarmState == .returnedUnacknowledged)
    }

    @Test("Only what drives a latching relay is latched")
    func latchRule() throws {
        var bench = Bench(
            policy: AlertPolicy(relay: RelayRules(areas: ["turbine"], isLatching: true))
        )
        bench.report(.active)
        #expect(bench.alert?.isLatched == false)
        let other = ConditionKey(
            instrument: InstrumentID(rawValue: 3),
            type: .ruleViolation,
            detail: "high"
        )
        bench.report(.active, other)
        #expect(bench.desk.alert(of: other)?.isLatched == true)
    }

    @Test("A worse limit raises the severity of the same alert, and takes back its acknowledgement")
    func escalation() throws {
        var bench = Bench()
        bench.report(.active, grade: .preAlarm)
        let id = try #require(bench.alert?.id)
        #expect(bench.alert?.severity == .warning)
        try bench.perform(.acknowledge(id))
        bench.report(.active, grade: .mainAlarm)
        #expect(bench.alert?.id == id)
        #expect(bench.alert?.severity == .critical)
        #expect(bench.alert?.state == .raised)
        #expect(bench.alert?.occurrences == 1)
        bench.report(.active, grade: .preAlarm)
        #expect(bench.alert?.severity == .critical)
        #expect(bench.alert?.presentSeverity == .warning)
        bench.report(.active, grade: .mainAlarm)
        #expect(bench.transitions.count == 3)
    }

    @Test("Reporting a known state again makes no transition")
    func repeatedReports() {
        var bench = Bench()
        bench.report(.cleared)
        #expect(bench.transitions.isEmpty)
        for _ in 0..<50 { bench.report(.active, value: 10) }
        #expect(bench.transitions.count == 1)
        #expect(bench.alert?.occurrences == 1)
        #expect(bench.alert?.value == 10)
    }

    @Test("An active condition cannot be resolved by hand; one that has gone can")
    func resolve() throws {
        var bench = Bench()
        bench.report(.active)
        let id = try #require(bench.alert?.id)
        #expect(throws: AlertRefusal.stillActive(id)) { try bench.perform(.resolve(id)) }
        bench.after(20)
        bench.report(.cleared)
        try bench.perform(.resolve(id), note: "valve closed")
        #expect(bench.desk.openAlerts.isEmpty)
        #expect(bench.transitions.last?.note == "valve closed")
        #expect(bench.transitions.last?.acknowledgedBy == "E042")
        #expect(throws: AlertRefusal.notOpen(id)) { try bench.perform(.acknowledge(id)) }
    }

    @Test("Acknowledging twice is no error and no second transition")
    func acknowledgeTwice() throws {
        var bench = Bench()
        bench.report(.active)
        let id = try #require(bench.alert?.id)
        try bench.perform(.acknowledge(id))
        try bench.perform(.acknowledge(id), by: "E043")
        #expect(bench.transitions.count == 2)
        #expect(bench.alert?.acknowledgedBy == "E042")
    }

    @Test("An event is raised as already gone; another one counts on it")
    func events() throws {
        var bench = Bench()
        let key = ConditionKey(part: "uplink cmms", detail: "quarantined")
        bench.report(.event, key)
        bench.after(30)
        bench.report(.event, key)
        let alert = try #require(bench.alert)
        #expect(alert.alarmState == .returnedUnacknowledged)
        #expect(alert.occurrences == 2)
        #expect(alert.subject == "uplink cmms")
        try bench.perform(.acknowledge(alert.id))
        #expect(bench.desk.openAlerts.isEmpty)
    }

    @Test("Severities that need no acknowledgement are resolved when they clear")
    func automatic() {
        var bench = Bench(policy: AlertPolicy(needsAcknowledgement: [.critical]))
        bench.report(.active, severity: .advisory)
        bench.after(20)
        bench.report(.cleared)
        #expect(bench.states == [.unacknowledged, .normal])
    }

    @Test("A value that is not finite is left out of the transition")
    func notFinite() throws {
        var bench = Bench()
        bench.report(.active, value: .nan)
        #expect(bench.transitions[0].value == nil)
        _ = try JSONEncoder().encode(bench.transitions[0])
    }

    @Test("Texts are cut at their limit")
    func longTexts() throws {
        var bench = Bench()
        bench.report(.active)
        let id = try #require(bench.alert?.id)
        let long = String(repeating: "x", count: 10_000)
        try bench.perform(.acknowledge(id), by: long, note: long)
        #expect(bench.transitions[1].note?.count == AlertLimits.textCharacters)
        #expect(bench.transitions[1].by.count == AlertLimits.textCharacters)
    }

    @Test("Alerts of an instrument that leaves the register are resolved")
    func removedInstrument() throws {
        var bench = Bench()
        bench.report(.active)
        try bench.perform(.takeOutOfService(Bench.pt101))
        bench.take(
            bench.desk.setInstruments(Array(Bench.instruments.dropFirst()), at: bench.now)
        )
        #expect(bench.desk.openAlerts.isEmpty)
        #expect(bench.stored.isEmpty)
    }

    @Test("Worst first, then in the order of raising, notices last")
    func order() throws {
        var bench = Bench()
        try bench.perform(.takeOutOfService(InstrumentID(rawValue: 4)))
        for (number, severity) in [(1, Severity.warning), (2, .critical), (3, .warning)] {
            bench.after(1)
            bench.report(
                .active,
                ConditionKey(
                    instrument: InstrumentID(rawValue: UInt32(number)),
                    type: .anomaly,
                    detail: "forest"
                ),
                severity: severity
            )
        }
        #expect(bench.desk.openAlerts.map(\.subject) == ["PT-102", "PT-101", "PT-103", "PT-104"])
    }

    @Test(
        "An alert's name reads back; anything else is none",
        arguments: [
            ("0000000000000007-1", AlertID(epoch: 7, number: 1)),
            (
                "ffffffffffffffff-18446744073709551615",
                AlertID(epoch: .max, number: .max)
            ),
            ("7-1", nil), ("", nil), ("0000000000000007-", nil), ("0000000000000007-+1", nil),
            ("0000000000000007-1-2", nil), ("+000000000000007-1", nil),
            ("0000000000000007-18446744073709551616", nil),
        ] as [(String, AlertID?)]
    )
    func names(text: String, id: AlertID?) {
        #expect(AlertID(text) == id)
        if let id { #expect(id.description == text) }
    }
}

@Suite("A transition as JSON")
struct TransitionCodingTests {
    @Test("Every step reads back as it was written")
    func roundTrip() throws {
        var bench = Bench(policy: AlertPolicy(relay: RelayRules(isLatching: true)))
        bench.report(.active, value: 3)
        let id = try #require(bench.alert?.id)
        try bench.perform(.acknowledge(id))
        try bench.perform(.shelve(id, length: .seconds(600), isOneShot: true))
        bench.after(700)
        bench.report(.cleared)
        try bench.perform(.resolve(id))
        #expect(bench.transitions.count >= 5)
        for step in bench.transitions {
            let data = try JSONEncoder().encode(step)
            #expect(try JSONDecoder().decode(AlertTransition.self, from: data) == step)
        }
    }

    @Test("A transition of an older release, without the newer keys, still reads")
    func older() throws {
        let json = """
            {"alert":{"epoch":1,"number":2},"subject":"PT-101","instrument":1,"type":"drift",
            "severity":"warning","state":"acknowledged","explanation":"It drifts.",
            "raisedAt":{"monotonic":{"nanoseconds":1},"wall":{"nanosecondsSince1970":2},"clock":3},
            "at":{"monotonic":{"nanoseconds":1},"wall":{"nanosecondsSince1970":2},"clock":3},
            "by":"system"}
            """
        let step = try JSONDecoder().decode(AlertTransition.self, from: Data(json.utf8))
        #expect(step.alarmState == .acknowledged)
        #expect(step.isActive)
        #expect(step.occurrences == 1)
        #expect(step.detail == "" && step.shelf == nil && step.marks.isEmpty)
    }
}
