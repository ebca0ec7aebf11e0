import Alerts
import Signal
import Testing

/// The relay's logic on a bench, fed by its own desk.
struct RelayBench {
    var bench: Bench
    var relay: RelayLogic
    var token: UInt64 = 0
    var events: [RelayEvent] = []

    init(_ rules: RelayRules = RelayRules(), started: Bool = true) {
        bench = Bench(policy: AlertPolicy(relay: rules))
        relay = RelayLogic(rules: rules, at: bench.now.monotonic)
        if started { after(2) }
    }

    var time: MonotonicTime { bench.now.monotonic }

    /// Lets `seconds` pass, feeding four times a second.
    mutating func after(_ seconds: Double, feeds: Set<FeedSource> = Set(FeedSource.allCases)) {
        var left = seconds
        repeat {
            feed(feeds)
            let step = min(left, 0.25)
            bench.after(step)
            left -= step
            update()
        } while left > 1e-9
    }

    private var tokens: [FeedSource: UInt64] = [:]
    mutating func feed(_ feeds: Set<FeedSource>) {
        for source in feeds { tokens[source, default: 0] += 1 }
        take(
            relay.feed(
                polling: tokens[.polling] ?? 0,
                detection: tokens[.detection] ?? 0,
                journal: tokens[.journal] ?? 0,
                at: time
            )
        )
    }

    mutating func update() {
        take(relay.update(bench.desk.openAlerts, at: time))
    }

    mutating func report(
        _ phase: ConditionChange.Phase,
        _ key: ConditionKey = Bench.high,
        grade: AlertGrade = .mainAlarm
    ) {
        bench.report(phase, key, grade: grade)
        update()
    }

    mutating func perform(_ action: AlertAction) throws {
        try bench.perform(action)
        update()
    }

    mutating func take(_ output: RelayOutput) { events += output.events }
}

@Suite("The relay's demand")
struct RelayLogicTests {
    @Test("an output taken over energised stays so; a source that never goes round makes it safe")
    func takenOver() {
        let start = MonotonicTime(nanoseconds: 1_000_000_000)
        var relay = RelayLogic(rules: RelayRules(), takingOver: .energised, at: start)
        #expect(relay.feed(polling: 0, detection: 0, journal: 0, at: start).demand == .energised)
        #expect(relay.update([], at: start + .seconds(1)).demand == .energised)
        let limit = relay.rules.stallLimit(of: .polling)
        var now = start
        var round: UInt64 = 0
        while now - start < limit {
            now = now + .milliseconds(500)
            round += 1
            _ = relay.feed(polling: 0, detection: round, journal: round, at: now)
        }
        #expect(relay.demand == .energised)
        let late = relay.feed(
            polling: 0,
            detection: round + 1,
            journal: round + 1,
            at: now + .seconds(1)
        )
        #expect(late.demand == .safe)
        #expect(relay.reasons == [.stalled(.polling)])
    }

    @Test("an output taken over energised goes safe at once for an alert that is open")
    func takenOverWithAlert() {
        var bench = RelayBench(started: false)
        bench.relay = RelayLogic(
            rules: RelayRules(),
            takingOver: .energised,
            at: bench.bench.now.monotonic
        )
        bench.report(.active)
        #expect(bench.relay.demand == .safe)
    }

    @Test("Safe at the start; energised only after every source has completed a cycle")
    func start() {
        var bench = RelayBench(started: false)
        #expect(bench.relay.demand == .safe)
        #expect(
            bench.relay.reasons == [
                .starting(.polling), .starting(.detection), .starting(.journal),
            ]
        )
        bench.after(5, feeds: [.polling, .detection])
        #expect(bench.relay.demand == .safe)
        #expect(bench.relay.reasons == [.starting(.journal)])
        bench.after(0.75)
        #expect(bench.relay.demand == .energised)
        #expect(bench.relay.reasons.isEmpty)
    }

    @Test("The first token alone is no cycle")
    func firstToken() {
        var relay = RelayLogic(rules: RelayRules(), at: .zero)
        let later = MonotonicTime.zero + .seconds(5)
        _ = relay.feed(polling: 9, detection: 9, journal: 9, at: later)
        #expect(relay.demand == .safe)
        _ = relay.feed(polling: 10, detection: 10, journal: 10, at: later + .seconds(1))
        #expect(relay.demand == .energised)
    }

    @Test("An alarm makes it safe at once; its end energises it again after the dwell")
    func follows() {
        var bench = RelayBench()
        #expect(bench.relay.demand == .energised)
        bench.report(.active)
        #expect(bench.relay.demand == .safe)
        bench.report(.cleared)
        #expect(bench.relay.demand == .safe)
        #expect(bench.relay.reasons == [.delay])
        bench.after(1)
        #expect(bench.relay.demand == .energised)
    }

    @Test("Only the severities, process units and kinds asked for drive it")
    func selection() {
        var bench = RelayBench(RelayRules(areas: ["boiler"]))
        bench.report(.active, grade: .preAlarm)
        #expect(bench.relay.demand == .energised, "a warning")
        bench.report(
            .active,
            ConditionKey(
                instrument: InstrumentID(rawValue: 3),
                type: .ruleViolation,
                detail: "high"
            )
        )
        #expect(bench.relay.demand == .energised, "another process unit")
        bench.report(.active, ConditionKey(part: "journal", detail: "full"))
        #expect(bench.relay.demand == .energised, "the gateway itself")
        bench.report(.active)
        #expect(bench.relay.demand == .safe)
        var all = RelayBench(RelayRules(includesGateway: true))
        all.report(.active, ConditionKey(part: "journal", detail: "full"))
        #expect(all.relay.demand == .safe)
    }

    @Test("Back from high-high to high, a relay for critical alarms lets go")
    func presentSeverity() {
        var bench = RelayBench()
        bench.report(.active)
        bench.after(2)
        bench.report(.active, grade: .preAlarm)
        bench.after(2)
        #expect(bench.relay.demand == .energised)
    }

    @Test("An on-delay that was asked for is kept, and an alarm that goes in time is none")
    func onDelay() {
        var bench = RelayBench(RelayRules(onDelay: .seconds(5)))
        bench.report(.active)
        bench.after(4.75)
        #expect(bench.relay.demand == .energised)
        bench.report(.cleared)
        bench.after(2)
        bench.report(.active)
        bench.after(4.75)
        #expect(bench.relay.demand == .energised)
        bench.after(0.25)
        #expect(bench.relay.demand == .safe)
    }

    @Test("An off-delay is kept, and starts anew with every alarm")
    func offDelay() {
        var bench = RelayBench(RelayRules(offDelay: .seconds(10)))
        bench.report(.active)
        bench.after(1)
        bench.report(.cleared)
        bench.after(9)
        #expect(bench.relay.demand == .safe)
        bench.report(.active)
        bench.report(.cleared)
        bench.after(9)
        #expect(bench.relay.demand == .safe)
        bench.after(1.25)
        #expect(bench.relay.demand == .energised)
    }

    @Test("A latching relay stays safe until the reset, which is refused while the alarm is there")
    func latching() throws {
        var bench = RelayBench(RelayRules(isLatching: true))
        bench.report(.active)
        bench.report(.cleared)
        bench.after(60)
        #expect(bench.relay.demand == .safe)
        try bench.perform(.acknowledge(try #require(bench.bench.alert?.id)))
        bench.after(60)
        #expect(bench.relay.demand == .safe)
        try bench.perform(.resetLatches)
        #expect(bench.relay.demand == .energised)
    }

    @Test("Held until acknowledged, it waits for that")
    func untilAcknowledged() throws {
        var bench = RelayBench(RelayRules(holdsUntilAcknowledged: true))
        bench.report(.active)
        bench.after(10)
        bench.report(.cleared)
        bench.after(60)
        #expect(bench.relay.demand == .safe)
        try bench.perform(.acknowledge(try #require(bench.bench.alert?.id)))
        #expect(bench.relay.demand == .energised)
    }

    @Test("Shelved alerts do not drive it")
    func shelved() throws {
        var bench = RelayBench()
        bench.report(.active)
        bench.after(5)
        try bench.perform(
            .shelve(
                try #require(bench.bench.alert?.id),
                length: .seconds(60),
                isOneShot: false
            )
        )
        #expect(bench.relay.demand == .energised)
        bench.after(60)
        #expect(bench.relay.demand == .safe)
    }

    @Test(
        "A source that stalls makes it safe; progress energises it again",
        arguments: FeedSource.allCases
    )
    func stall(source: FeedSource) {
        var bench = RelayBench(RelayRules(stallLimits: [source: .seconds(3)]))
        let others = Set(FeedSource.allCases).subtracting([source])
        bench.after(2.75, feeds: others)
        #expect(bench.relay.demand == .energised)
        bench.after(0.5, feeds: others)
        #expect(bench.relay.demand == .safe)
        #expect(bench.relay.reasons == [.stalled(source)])
        #expect(bench.events.contains(.stalled(source)))
        bench.after(60, feeds: others)
        #expect(bench.relay.demand == .safe)
        bench.after(1)
        #expect(bench.relay.demand == .energised)
        #expect(bench.events.contains(.resumed(source)))
    }

    @Test("nextDeadline comes before a stall, the end of a delay and of a test")
    func deadlines() throws {
        var bench = RelayBench()
        let stall = bench.relay.nextDeadline
        #expect(bench.relay.advance(to: stall - Nanoseconds(1)).demand == .energised)
        var copy = bench.relay
        #expect(copy.advance(to: stall).demand == .safe)
        bench.take(
            try bench.relay.startTest(by: "E042", length: .seconds(3), at: bench.time)
        )
        #expect(bench.relay.nextDeadline == bench.time + .seconds(3))
        bench.report(.active)
        bench.report(.cleared)
        bench.after(3)
        #expect(bench.relay.demand == .energised)
    }

    @Test("The horn sounds for a new alarm, is silenced apart from acknowledge, and sounds anew")
    func horn() throws {
        var bench = RelayBench()
        bench.report(.active)
        #expect(bench.relay.horn)
        bench.take(bench.relay.silence(by: "E042", at: bench.time))
        #expect(!bench.relay.horn)
        #expect(bench.bench.alert?.isAcknowledged == false)
        #expect(bench.relay.demand == .safe)
        bench.after(10)
        #expect(!bench.relay.horn)
        let second = ConditionKey(
            instrument: InstrumentID(rawValue: 2),
            type: .ruleViolation,
            detail: "high"
        )
        bench.report(.active, second)
        #expect(bench.relay.horn, "a new alarm")
        try bench.perform(.acknowledge(try #require(bench.bench.desk.alert(of: second)?.id)))
        #expect(!bench.relay.horn, "the first one is still silenced")
        bench.report(.cleared)
        bench.report(.active)
        #expect(bench.relay.horn, "the first one came back")
        #expect(bench.events.contains(.silenced(by: "E042")))
    }

    @Test("The horn goes on for an alarm that went unseen, and stops with its acknowledgement")
    func lockedIn() throws {
        var bench = RelayBench()
        bench.report(.active)
        bench.report(.cleared)
        bench.after(30)
        #expect(bench.relay.demand == .energised)
        #expect(bench.relay.horn)
        try bench.perform(.acknowledge(try #require(bench.bench.alert?.id)))
        #expect(!bench.relay.horn)
    }

    @Test("A chattering alarm that was silenced does not sound again")
    func chatteringHorn() {
        var bench = RelayBench()
        for _ in 0..<3 {
            bench.report(.active)
            bench.report(.cleared)
        }
        bench.take(bench.relay.silence(by: "E042", at: bench.time))
        for _ in 0..<100 {
            bench.report(.active)
            bench.report(.cleared)
        }
        #expect(!bench.relay.horn)
    }

    @Test("First-out names the alarm that began it, until all are gone")
    func firstOut() throws {
        var bench = RelayBench()
        #expect(bench.relay.firstOut == nil)
        bench.report(.active)
        let first = try #require(bench.bench.alert?.id)
        bench.after(1)
        let second = ConditionKey(
            instrument: InstrumentID(rawValue: 2),
            type: .ruleViolation,
            detail: "high"
        )
        bench.report(.active, second)
        #expect(bench.relay.firstOut == first)
        bench.report(.cleared)
        try bench.perform(.acknowledge(first))
        #expect(bench.relay.firstOut == first)
        bench.report(.cleared, second)
        try bench.perform(.acknowledge(try #require(bench.bench.desk.alert(of: second)?.id)))
        #expect(bench.relay.firstOut == nil)
        #expect(bench.events.filter { if case .firstOut = $0 { true } else { false } }.count == 1)
    }

    @Test("A test shows safe, ends by itself, and is in the events for the audit")
    func test() throws {
        var bench = RelayBench()
        #expect(throws: RelayRefusal.badLength(longest: .seconds(60))) {
            try bench.relay.startTest(by: "E042", length: .seconds(61), at: bench.time)
        }
        bench.take(
            try bench.relay.startTest(by: "E042", length: .seconds(5), at: bench.time)
        )
        #expect(bench.relay.demand == .safe)
        #expect(bench.relay.reasons == [.test(by: "E042")])
        bench.after(5.25)
        #expect(bench.relay.demand == .energised)
        #expect(bench.events.contains(.testBegan(by: "E042", length: .seconds(5))))
        #expect(bench.events.contains(.testEnded(by: "its time")))
        bench.report(.active)
        #expect(throws: RelayRefusal.alreadySafe) {
            try bench.relay.startTest(by: "E042", length: .seconds(5), at: bench.time)
        }
        #expect(throws: RelayRefusal.noTest) {
            try bench.relay.endTest(by: "E042", at: bench.time)
        }
    }

    @Test("An alarm during a test keeps the relay safe after it")
    func alarmDuringTest() throws {
        var bench = RelayBench()
        bench.take(
            try bench.relay.startTest(by: "E042", length: .seconds(5), at: bench.time)
        )
        bench.report(.active)
        bench.take(try bench.relay.endTest(by: "E042", at: bench.time))
        bench.after(10)
        #expect(bench.relay.demand == .safe)
    }

    @Test("So many alarms are named as reasons; all of them are counted")
    func manyReasons() {
        let rules = RelayRules(severities: Set(Severity.allCases), includesGateway: true)
        var bench = RelayBench(rules)
        for number in 0..<(AlertLimits.reasonsNamed + 5) {
            bench.bench.report(.active, ConditionKey(part: "part \(number)", detail: "fault"))
        }
        bench.after(0.5)
        #expect(bench.relay.demand == .safe)
        #expect(bench.relay.reasons.count == AlertLimits.reasonsNamed)
        #expect(bench.relay.driverCount == AlertLimits.reasonsNamed + 5)
    }

    @Test("A flood cannot make it chatter: one change a second at most, and safe at every alarm")
    func flood() {
        var bench = RelayBench()
        var changes = 0
        let second = MonotonicTime.zero + .seconds(100)
        for step in 0..<6000 {
            bench.bench.now.monotonic = second + .milliseconds(step * 10)
            let isAlarm = step % 3 != 0
            bench.feed(Set(FeedSource.allCases))
            bench.report(isAlarm ? .active : .cleared)
            if isAlarm { #expect(bench.relay.demand == .safe) }
        }
        for case .changed in bench.events { changes += 1 }
        #expect(changes <= 61, "in 60 s")
    }
}
