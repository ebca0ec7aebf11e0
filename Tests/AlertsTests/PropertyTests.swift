import Alerts
import Signal
import Testing

private let seeds: [UInt64] = (1...40).map { $0 } + [UInt64.random(in: 0 ... .max)]

@Suite("Whatever happens, in any order")
struct PropertyTests {
    static let keys: [ConditionKey] =
        (1...3).flatMap { number in
            ["high", "low", "stuck"].map {
                ConditionKey(
                    instrument: InstrumentID(rawValue: UInt32(number)),
                    type: .ruleViolation,
                    detail: $0
                )
            }
        } + [ConditionKey(part: "relay", detail: "busy")]

    /// A random thing that happens at the desk; true where it was an operator's reset or resolve.
    static func step(
        _ bench: inout Bench,
        _ active: inout Set<ConditionKey>,
        _ dice: inout Dice
    ) {
        let key = keys.randomElement(using: &dice) ?? Bench.high
        let alarms = bench.desk.openAlerts.filter { !$0.isNotice }
        let id = alarms.randomElement(using: &dice)?.id ?? AlertID(epoch: 0, number: 0)
        let instrument = InstrumentID(rawValue: UInt32.random(in: 1...3, using: &dice))
        switch Int.random(in: 0..<100, using: &dice) {
        case 0..<30:
            active.insert(key)
            bench.report(.active, key, grade: Bool.random(using: &dice) ? .preAlarm : .mainAlarm)
        case 30..<55:
            active.remove(key)
            bench.report(.cleared, key)
        case 55..<60:
            bench.report(.event, key)
        case 60..<70: try? bench.perform(.acknowledge(id))
        case 70..<73: try? bench.perform(.resolve(id))
        case 73..<78:
            try? bench.perform(
                .shelve(
                    id,
                    length: .seconds(Double.random(in: 1...400, using: &dice)),
                    isOneShot: Bool.random(using: &dice)
                )
            )
        case 78..<80: try? bench.perform(.unshelve(id))
        case 80..<83: try? bench.perform(.resetLatch(id))
        case 83: try? bench.perform(.resetLatches)
        case 84..<86:
            try? bench.perform(.startMaintenance(instrument, length: .seconds(120)))
        case 86: try? bench.perform(.endMaintenance(instrument))
        case 87: try? bench.perform(.takeOutOfService(instrument))
        case 88..<90: try? bench.perform(.returnToService(instrument))
        default: bench.after(Double.random(in: 0...90, using: &dice))
        }
    }

    @Test(
        "One open alert per condition, no lost latch, shelves end, nothing resolved comes back",
        arguments: seeds
    )
    func invariants(seed: UInt64) throws {
        var dice = Dice(seed: seed)
        let policy = AlertPolicy(
            needsAcknowledgement: Bool.random(using: &dice) ? [.critical] : [.warning, .critical],
            latching: RelayRules(severities: [.critical])
        )
        var bench = Bench(policy: policy)
        var active: Set<ConditionKey> = []
        var resolved: Set<AlertID> = []
        var read = 0
        for round in 0..<1500 {
            let before = bench.desk.openAlerts
            Self.step(&bench, &active, &dice)
            bench.take(bench.desk.advance(to: bench.now))
            let open = bench.desk.openAlerts

            #expect(Set(open.map(\.key)).count == open.count, "seed \(seed), round \(round)")
            #expect(
                Set(bench.stored.map(\.alert)) == Set(open.map(\.id)),
                "the journal knows what is open; seed \(seed), round \(round)"
            )
            for alert in open where !alert.isNotice {
                #expect(alert.isActive == active.contains(alert.key), "seed \(seed)")
                if let shelf = alert.shelf {
                    #expect(
                        shelf.from.monotonic + shelf.length > bench.now.monotonic,
                        "seed \(seed)"
                    )
                }
            }
            for key in active { #expect(bench.desk.alert(of: key) != nil, "seed \(seed)") }
            for step in bench.transitions[read...] {
                #expect(!resolved.contains(step.alert), "seed \(seed), round \(round)")
                if step.state == .resolved {
                    resolved.insert(step.alert)
                    if before.contains(where: { $0.id == step.alert && $0.isLatched }) {
                        #expect(step.by != "system", "a latch was lost; seed \(seed)")
                    }
                }
            }
            read = bench.transitions.count

            if Int.random(in: 0..<60, using: &dice) == 0 {
                let old = bench
                bench = bench.restarted(after: Double.random(in: 0...300, using: &dice))
                // The new journal goes on where the old one ended.
                bench.transitions = old.stored
                read = bench.transitions.count
                bench.take(bench.desk.advance(to: bench.now))
                for alert in old.desk.openAlerts where alert.shelf == nil && !alert.isNotice {
                    let again = bench.desk.alert(alert.id)
                    let wasLetGo =
                        again.map { $0.suppression != alert.suppression }
                        ?? (alert.suppression != nil)
                    guard !wasLetGo else { continue }
                    #expect(again?.isAcknowledged == alert.isAcknowledged, "seed \(seed)")
                    #expect(again?.isLatched == alert.isLatched, "seed \(seed)")
                }
                for key in active.sorted() { bench.report(.active, key) }
                bench.take(bench.desk.clearUnconfirmed(at: bench.now) { _ in true })
                for alert in bench.desk.openAlerts where !alert.isNotice {
                    #expect(alert.isActive == active.contains(alert.key), "seed \(seed)")
                }
                for step in bench.transitions[read...] where step.state == .resolved {
                    resolved.insert(step.alert)
                }
                read = bench.transitions.count
            }
        }
    }

    @Test("The relay's demand is what alerts, feed and delays say, at every step", arguments: seeds)
    func relay(seed: UInt64) {
        var dice = Dice(seed: seed)
        let onDelay = Bool.random(using: &dice) ? 0.0 : 3.0
        let rules = RelayRules(
            onDelay: .seconds(onDelay),
            offDelay: .seconds(Bool.random(using: &dice) ? 0 : 4),
            minimumDwell: .seconds(1),
            isLatching: Bool.random(using: &dice),
            holdsUntilAcknowledged: Bool.random(using: &dice),
            stallLimits: [.polling: .seconds(6), .detection: .seconds(6), .journal: .seconds(6)]
        )
        var bench = Bench(policy: AlertPolicy(relay: rules))
        var relay = RelayLogic(rules: rules, at: bench.now.monotonic)
        var active: Set<ConditionKey> = []
        var tokens: [UInt64] = [0, 0, 0]
        var fedAt = [bench.now, bench.now, bench.now].map(\.monotonic)
        var isFed = [false, false, false]
        var driverSince: MonotonicTime?
        var lastTrouble = bench.now.monotonic
        var energised: MonotonicTime?
        var wentSafe = bench.now.monotonic
        var test: MonotonicTime?
        var first = true
        for _ in 0..<3000 {
            // Time never passes a deadline unnoticed, as the gateway's timer has it.
            let goal = bench.now.monotonic + .seconds(Double.random(in: 0...0.6, using: &dice))
            var stops: [MonotonicTime] = []
            while relay.nextDeadline < goal, stops.count < 20 {
                let deadline = max(relay.nextDeadline, bench.now.monotonic)
                stops.append(deadline)
                let was = relay.demand
                _ = relay.advance(to: deadline)
                note(was, relay.demand, deadline)
            }
            #expect(stops.count < 20, "the deadline does not move; seed \(seed)")
            bench.after((goal - bench.now.monotonic).seconds)
            var was = relay.demand
            let sleeps = Int.random(in: 0..<400, using: &dice) == 0
            for index in 0..<3 where Int.random(in: 0..<4, using: &dice) != 0 && !sleeps {
                tokens[index] += 1
                if !first { isFed[index] = true }
                fedAt[index] = bench.now.monotonic
            }
            first = false
            if sleeps {
                bench.after(10)
                _ = relay.advance(to: bench.now.monotonic)
                note(was, relay.demand, bench.now.monotonic)
                was = relay.demand
            }
            _ = relay.feed(
                polling: tokens[0],
                detection: tokens[1],
                journal: tokens[2],
                at: bench.now.monotonic
            )
            note(was, relay.demand, bench.now.monotonic)
            was = relay.demand
            if Int.random(in: 0..<50, using: &dice) == 0 {
                if (try? relay.startTest(by: "E", length: .seconds(2), at: bench.now.monotonic))
                    != nil
                {
                    test = bench.now.monotonic + .seconds(2)
                }
                note(was, relay.demand, bench.now.monotonic)
                was = relay.demand
            }
            if Int.random(in: 0..<5, using: &dice) == 0 {
                Self.step(&bench, &active, &dice)
            }
            if relay.driverCount > 0 { lastTrouble = bench.now.monotonic }
            _ = relay.update(bench.desk.openAlerts, at: bench.now.monotonic)
            note(was, relay.demand, bench.now.monotonic)

            let now = bench.now.monotonic
            if let end = test, end <= now { test = nil }
            let drivers = bench.desk.openAlerts.filter { alert in
                guard alert.suppression == nil, alert.key.instrument != nil, !alert.isNotice else {
                    return false
                }
                if alert.isLatched { return alert.severity == .critical }
                if alert.isActive { return alert.presentSeverity == .critical }
                return rules.holdsUntilAcknowledged && !alert.isAcknowledged
                    && alert.severity == .critical
            }
            driverSince = drivers.isEmpty ? nil : driverSince ?? now
            let isStalled = fedAt.contains { now - $0 > .seconds(6) } || isFed.contains(false)
            let isAlarm = driverSince.map { now - $0 >= .seconds(onDelay) } ?? false
            if isStalled || isAlarm || test != nil {
                #expect(relay.demand == .safe, "seed \(seed)")
            }
            if isStalled || !drivers.isEmpty || test != nil { lastTrouble = now }
            // Nothing wanted it safe for long: it must be energised.
            if now - lastTrouble > .seconds(7) {
                #expect(relay.demand == .energised, "seed \(seed)")
            }
            #expect(relay.reasons.isEmpty == (relay.demand == .energised), "seed \(seed)")
        }

        func note(_ was: RelayDemand, _ demand: RelayDemand, _ now: MonotonicTime) {
            guard was != demand else { return }
            if demand == .safe {
                wentSafe = now
                lastTrouble = now
                #expect(relay.reasons != [.delay], "safe for no reason; seed \(seed)")
            } else {
                #expect(now - wentSafe >= .seconds(1), "dwell; seed \(seed)")
                if let energised {
                    #expect(now - energised >= .seconds(2), "twice the dwell; seed \(seed)")
                }
                energised = now
            }
        }
    }
}
