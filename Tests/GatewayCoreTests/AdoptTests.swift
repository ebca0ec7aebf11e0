import Alerts
import Detection
import Signal
import Testing

@testable import GatewayCore

@Suite struct AdoptTests {
    /// Two units of four channels, 0 to 16 bar, one limit each that 12 mA (8 bar) does not touch.
    private static func settings(
        change: (inout [InstrumentSettings]) -> Void = { _ in }
    ) -> GatewaySettings {
        var settings = Bench.settings(units: 2, channels: 4)
        settings.alerts = AlertPolicy(relay: settings.relay.rules)
        for index in settings.instruments.indices {
            settings.instruments[index].span = span(16)
            settings.instruments[index].limits = ProcessLimits(
                highHigh: 15,
                deadband: 0.2,
                onDelay: .seconds(1),
                offDelay: .seconds(1)
            )
        }
        change(&settings.instruments)
        return settings
    }

    private static func span(_ urv: Double) -> Span {
        guard let span = Span(lrv: 0, urv: urv, unit: "bar") else { fatalError("no span") }
        return span
    }

    private static let first = InstrumentID(rawValue: 1)
    private static let second = InstrumentID(rawValue: 2)

    /// What one instrument's readings were, without their numbers.
    private func readings(_ bench: Bench, of id: InstrumentID) -> [Reading] {
        (bench.stored[bench.gateway.epoch] ?? [:]).sorted { $0.key < $1.key }
            .map(\.value.reading).filter { $0.instrument == id }
    }

    private func adopt(
        _ bench: inout Bench,
        audits: [AuditEntry] = [],
        settles: String? = nil,
        models: [KeptModel] = [],
        _ change: (inout [InstrumentSettings]) -> Void
    ) {
        var instruments = bench.gateway.settings.instruments
        change(&instruments)
        bench.adopt(
            RegisterAdoption(
                instruments: instruments,
                models: models,
                by: "4711",
                audits: audits,
                settles: settles
            )
        )
    }

    @Test("an edit in the middle leaves no trace in the readings of the others")
    func others() throws {
        let wave: (Int) -> UInt16 = { UInt16(12_000 + 3_000 * ($0 % 7)) }
        func run(_ edit: Bool) -> Bench {
            var bench = Bench(Self.settings())
            for second in 0..<60 {
                for channel in 0..<4 { bench.world.registers[UInt16(channel)] = wave(second) }
                if second == 30, edit {
                    adopt(&bench) { $0[0].span = Self.span(10) }
                }
                bench.run(for: .seconds(1))
            }
            bench.run(for: .seconds(5))
            return bench
        }
        let (plain, edited) = (run(false), run(true))
        for instrument in plain.gateway.settings.instruments.dropFirst() {
            let found = readings(edited, of: instrument.id)
            #expect(found == readings(plain, of: instrument.id))
            #expect(found.count > 55)
        }
        let subjects = { (bench: Bench) in bench.steps.filter { $0.instrument != Self.first } }
        #expect(
            subjects(plain).map { [$0.subject, $0.state.rawValue, $0.explanation] }
                == subjects(edited).map { [$0.subject, $0.state.rawValue, $0.explanation] }
        )
        #expect(!subjects(plain).isEmpty)
    }

    @Test("another range: numbers go on, the relay stays energised, no alert, new values")
    func range() throws {
        var bench = Bench(Self.settings())
        bench.run(for: .seconds(20))
        #expect(bench.demands.last?.demand == .energised)
        let demands = bench.demands.count
        let audit = AuditEntry(
            who: "4711",
            action: "instrument.change",
            subject: "PT-11",
            old: #"{"urv":16}"#,
            new: #"{"urv":10}"#
        )
        adopt(&bench, audits: [audit], settles: "audit-pending-1") { $0[0].span = Self.span(10) }
        bench.run(for: .seconds(20))
        let values = readings(bench, of: Self.first).map(\.value)
        #expect(Set(values) == [8, 5])
        #expect(values == values.sorted { ($0 ?? 0) > ($1 ?? 0) })
        let rows = bench.stored[bench.gateway.epoch] ?? [:]
        #expect(rows.keys.sorted() == Array(1...UInt64(rows.count)))
        #expect(bench.demands.count == demands)
        #expect(bench.steps.isEmpty)
        let audits = (bench.storedRecords[bench.gateway.epoch] ?? [:]).values.compactMap {
            if case .audit(let entry) = $0.body { entry } else { nil }
        }
        #expect(audits == [audit])
        #expect(bench.settled == ["audit-pending-1"])
    }

    @Test("what asks for a record stays until the record is stored")
    func settling() {
        var bench = Bench(Self.settings())
        bench.run(for: .seconds(5))
        bench.world.storeFault = .full
        let audit = AuditEntry(who: "a", action: "b", subject: "c", old: nil, new: nil)
        adopt(&bench, audits: [audit], settles: "audit-pending-1") { $0[0].location = "roof" }
        bench.run(for: .seconds(10))
        #expect(bench.settled.isEmpty)
        bench.world.storeFault = nil
        bench.run(for: .seconds(10))
        #expect(bench.settled == ["audit-pending-1"])
    }

    @Test("a new instrument is polled from the next cycle on; a retired one no more")
    func comesAndGoes() throws {
        var bench = Bench(Self.settings { $0.removeLast() })
        bench.run(for: .seconds(10))
        var all = Self.settings().instruments
        let added = all.removeLast()
        let before = Int(bench.gateway.snapshot(at: bench.now).instruments[0].readings)
        adopt(&bench) {
            $0.append(added)
            $0.remove(at: 0)
        }
        bench.run(for: .seconds(10))
        #expect(readings(bench, of: added.id).count >= 9)
        #expect(readings(bench, of: Self.first).count == before)
        #expect(bench.gateway.snapshot(at: bench.now).instruments.count == 7)
        #expect(bench.steps.isEmpty)
        #expect(bench.demands.last?.demand == .energised)
        // Nothing of unit 1 that nobody uses is asked for any more.
        bench.run(for: .seconds(2))
        let last = try #require(bench.requests.last { $0.request.unit.rawValue == 1 })
        #expect(last.request.address == 1 && last.request.count == 3)
    }

    @Test("the alerts of a retired instrument are resolved, and the relay with them")
    func retired() throws {
        var bench = Bench(Self.settings())
        bench.run(for: .seconds(20))
        bench.world.registers[0] = 19_900
        bench.run(for: .seconds(5))
        #expect(bench.demands.last?.demand == .safe)
        adopt(&bench) { $0.removeAll { $0.channel == 1 } }
        bench.run(for: .seconds(5))
        let step = try #require(bench.steps.last { $0.instrument == Self.first })
        #expect(step.state == .resolved)
        #expect(step.note == "the instrument is retired" && step.by == "4711")
        #expect(bench.demands.last?.demand == .energised)
    }

    @Test("an alarm that stands goes on through an edit that does not concern it")
    func standing() throws {
        var bench = Bench(Self.settings())
        bench.run(for: .seconds(20))
        bench.world.registers[0] = 19_900
        bench.run(for: .seconds(5))
        let steps = bench.steps.count
        let demands = bench.demands.count
        adopt(&bench) { instruments in
            for index in instruments.indices {
                instruments[index].measuredVariable = "renamed"
                instruments[index].calibrationIntervalDays = 365
                instruments[index].limits.highHigh = 14
            }
        }
        bench.run(for: .seconds(10))
        #expect(bench.steps.count == steps)
        #expect(bench.demands.count == demands)
        bench.world.registers[0] = 12_000
        bench.run(for: .seconds(10))
        #expect(bench.steps.count > steps)
    }

    @Test("a limit that is taken away while it is exceeded alarms no more")
    func limitGone() throws {
        var bench = Bench(Self.settings())
        bench.run(for: .seconds(20))
        // 15.9 bar: above high-high, within the range.
        bench.world.registers[0] = 19_900
        bench.run(for: .seconds(5))
        #expect(bench.demands.last?.demand == .safe)
        adopt(&bench) { instruments in
            for index in instruments.indices { instruments[index].limits.highHigh = nil }
        }
        bench.run(for: .seconds(10))
        #expect(bench.demands.last?.demand == .energised)
        #expect(bench.gateway.snapshot(at: bench.now).alerts.allSatisfy { !$0.isActive })
    }

    @Test("a shorter interval makes no gap of the time before it")
    func interval() {
        var bench = Bench(
            Self.settings { instruments in
                for index in instruments.indices {
                    instruments[index].expectedInterval = .seconds(3600)
                }
            }
        )
        bench.run(for: .seconds(10))
        bench.world.silentUnits = [1]
        bench.run(for: .seconds(60))
        adopt(&bench) { $0[0].expectedInterval = .seconds(10) }
        bench.run(for: .seconds(15))
        #expect(!bench.steps.contains { $0.type == .dataGap })
        bench.run(for: .seconds(10))
        #expect(bench.steps.contains { $0.type == .dataGap && $0.instrument == Self.first })
    }

    @Test("a bus without an instrument does not keep the relay safe")
    func emptyBus() {
        var bench = Bench(Self.settings { $0 = [] })
        bench.run(for: .seconds(20))
        #expect(bench.demands.last?.demand == .energised)
        adopt(&bench) { $0 = Self.settings().instruments }
        bench.run(for: .seconds(20))
        #expect(bench.demands.last?.demand == .energised)
        #expect(bench.steps.isEmpty)
        #expect(!readings(bench, of: Self.first).isEmpty)
    }

    @Test("a job of an instrument that is retired meanwhile ends, and says why")
    func job() throws {
        var bench = Bench(Self.settings())
        bench.run(for: .seconds(5))
        let from = WallTime(nanosecondsSince1970: 1)
        let to = WallTime(nanosecondsSince1970: 2)
        let tag = bench.gateway.settings.instruments[0].tag.text
        let begun = bench.execute(.instrument(tag: tag, .markBaseline(from: from, to: to)))
        guard case .started(let id) = begun else {
            Issue.record("no job: \(begun)")
            return
        }
        adopt(&bench) { $0.remove(at: 0) }
        bench.send(.worked(id, .success(.kept)))
        #expect(bench.answers.last?.refusal?.contains("retired meanwhile") == true)
    }

    @Test("a channel that comes in while a cycle runs waits for the next one")
    func midCycle() throws {
        var bench = Bench(Self.settings { $0.removeLast() })
        // Stops between a request and its answer.
        bench.world.replyTime = .milliseconds(400)
        bench.run(for: .seconds(5))
        while bench.gateway.buses.allSatisfy({ !$0.isBusy }) { bench.run(for: .milliseconds(50)) }
        let all = Self.settings().instruments
        adopt(&bench) { $0 = all }
        bench.run(for: .seconds(10))
        for instrument in all {
            #expect(readings(bench, of: instrument.id).allSatisfy { $0.quality == .good })
        }
        #expect(!readings(bench, of: InstrumentID(rawValue: 8)).isEmpty)
        #expect(bench.steps.isEmpty)
    }
}
