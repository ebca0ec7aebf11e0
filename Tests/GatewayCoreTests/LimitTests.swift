import Alerts
import Detection
import Signal
import Testing

@testable import GatewayCore

/// Bounds that no other test drives to their end: each is reached here, and what goes on is shown.
@Suite struct LimitTests {
    private static let connection = ConnectionID(rawValue: 0)

    private static func silence(_ number: Int) -> Event {
        .command(
            connection,
            .success(
                GatewayCommand(
                    name: "silence",
                    id: "c-\(number)",
                    expires: WallTime(nanosecondsSince1970: .max),
                    by: "4711",
                    note: nil,
                    act: .silenceHorn
                )
            )
        )
    }

    @Test("records that come in a flood are committed ten times a second, no more")
    func commits() {
        var bench = Bench(Bench.settings(units: 1, channels: 1))
        bench.run(for: .seconds(5))
        let before = bench.gateway.journal.commits
        for number in 0..<300 {
            bench.send(.part("box", detail: "d\(number % 200)", .active, .mainAlarm, "It fails."))
            bench.run(for: .milliseconds(10))
        }
        let commits = bench.gateway.journal.commits - before
        #expect(commits <= UInt64(3 * Limits.commitsPerSecond + 1))
        #expect(commits >= UInt64(2 * Limits.commitsPerSecond))
    }

    @Test("a command is known again as long as it is remembered, and no longer")
    func commands() {
        var bench = Bench(Bench.settings(units: 1, channels: 1))
        bench.brokerUp()
        for number in 0...Limits.rememberedCommands { bench.send(Self.silence(number)) }
        func again(_ number: Int) -> String {
            bench.send(Self.silence(number))
            bench.run(for: .milliseconds(100))
            return bench.responses.last { $0.command == "c-\(number)" }?.body ?? ""
        }
        #expect(again(Limits.rememberedCommands).contains("answered already"))
        #expect(again(1).contains("answered already"))
        // The oldest has been forgotten: its expiry is what guards it.
        #expect(again(0).contains("done"))
    }

    @Test("beyond the records and readings kept in memory, the journal serves the rest")
    func memory() {
        var bench = Bench(Bench.settings(units: 8, channels: 64))
        bench.run(for: .seconds(5))
        for number in 0..<(Limits.recentRecords + 300) {
            bench.send(Self.silence(number))
            if number % 100 == 0 { bench.run(for: .seconds(1)) }
        }
        bench.run(for: .seconds(5))
        #expect(bench.gateway.records.last >= UInt64(Limits.recentRecords + 300))
        #expect(bench.gateway.records.count == Limits.recentRecords)
        #expect(bench.gateway.readings.last > UInt64(Limits.recentReadings + 2_000))
        // What is not stored yet comes on top: a commit interval's worth and a second more.
        #expect(bench.gateway.readings.count <= Limits.recentReadings + 3 * 512)
        bench.brokerUp()
        bench.run(for: .seconds(20))
        bench.expectAllDelivered(since: .seconds(3))
        #expect(bench.receivedRecords.count >= Limits.recentRecords + 300)
    }

    @Test("beyond the refused ranges that may wait, nothing is sent until one was tried again")
    func refusals() {
        var bench = Bench(Bench.settings(units: 4, channels: 8))
        let refused = (1...200).map { UInt64($0 * 2) }
        for sequence in refused { bench.world.refusedReadings[sequence] = .refused(reason: 0x87) }
        bench.brokerUp()
        var wasHeld = false
        for _ in 0..<600 {
            bench.run(for: .seconds(1))
            wasHeld = wasHeld || bench.gateway.outboxes[0].readings.isHeld
        }
        #expect(wasHeld)
        let arrived = Set(bench.received.map(\.identity.sequence))
        let stored = bench.gateway.journal.storedReadings
        let missing = (1...(stored - 500)).filter { !arrived.contains($0) }
        #expect(missing == refused)
    }

    @Test("of findings in shadow the newest are remembered")
    func shadow() {
        var settings = Bench.settings(units: 1, channels: 1)
        settings.instruments[0].limits = ProcessLimits(high: 6, onDelay: .zero, offDelay: .zero)
        settings.instruments[0].detection.shadow = [.limits]
        var bench = Bench(settings)
        for _ in 0..<(Limits.shadowFindings + 10) {
            bench.world.registers[0] = 18_000
            bench.run(for: .seconds(3))
            bench.world.registers[0] = 8_000
            bench.run(for: .seconds(3))
        }
        #expect(bench.gateway.snapshot(at: bench.now).shadow.count == Limits.shadowFindings)
    }

    @Test("a batch has no more readings than its limit")
    func batch() {
        var bench = Bench(Bench.settings(units: 8, channels: 64) { $0.form = .batch })
        bench.brokerUp()
        bench.run(for: .seconds(5))
        bench.brokerDown()
        bench.run(for: .seconds(20))
        bench.brokerUp()
        bench.run(for: .seconds(20))
        #expect(bench.largestBatch > 500 && bench.largestBatch <= Limits.batchReadings)
        bench.expectAllDelivered(since: .seconds(5))
    }
}
