import Signal
import Testing

@testable import GatewayCore

@Suite struct PollingTests {
    static let microamps = RawEncoding(
        format: .unsigned,
        low: .init(raw: 4000, milliamps: 4),
        high: .init(raw: 20_000, milliamps: 20)
    )

    static func map(
        addresses: [UInt16],
        gap: Int = 8,
        most: Int = 125,
        identity: [RegisterCheck] = [],
        status: [UInt16: [StatusSource]] = [:]
    ) -> ModuleMap {
        ModuleMap(
            channels: addresses.map {
                ChannelMap(
                    table: .input,
                    address: $0,
                    encoding: microamps,
                    status: status[$0] ?? []
                )
            },
            maxRegisters: most,
            bridgeableGap: gap,
            identity: identity
        )
    }

    @Test(
        "neighbours are read together as far as the profile allows",
        arguments: [
            ([0, 1, 2, 3], 8, 125, [0...3]),
            ([0, 1, 2, 3], 0, 2, [0...1, 2...3]),
            ([0, 5], 4, 125, [0...5]),
            ([0, 5], 3, 125, [0...0, 5...5]),
            ([0, 1, 5], 0, 125, [0...1, 5...5]),
            ([0, 100, 130], 125, 125, [0...100, 130...130]),
        ]
    )
    func coalescing(addresses: [UInt16], gap: Int, most: Int, expected: [ClosedRange<Int>]) {
        let blocks = PollPlanner.blocks(
            for: Self.map(addresses: addresses, gap: gap, most: most),
            channels: Array(1...addresses.count)
        )
        #expect(blocks.map { Int($0.address)...($0.end - 1) } == expected)
    }

    @Test("every unit keeps its period")
    func period() {
        var bench = Bench(Bench.settings(units: 4))
        bench.run(for: .seconds(100))
        for unit in 1...4 {
            let times = bench.requests.filter { $0.request.unit.rawValue == UInt8(unit) }.map(\.at)
            #expect((99...101).contains(times.count))
            #expect(
                zip(times, times.dropFirst()).allSatisfy {
                    ($1 - $0 - .seconds(1)).count.magnitude < 100_000_000
                }
            )
        }
    }

    @Test("one dead unit of 32 costs the others one timeout per back-off period, no more")
    func deadUnit() {
        var bench = Bench(Bench.settings(units: 32, channels: 2))
        bench.world.silentUnits = [7]
        bench.run(for: .seconds(300))
        let dead = bench.requests.filter { $0.request.unit.rawValue == 7 }.map(\.at)
        let late = dead.filter { $0 > MonotonicTime.zero + .seconds(100) }
        #expect(zip(late, late.dropFirst()).allSatisfy { $1 - $0 >= .seconds(29) })
        #expect(dead.count < 20)
        for unit in 1...32 where unit != 7 {
            let times = bench.requests.filter { $0.request.unit.rawValue == UInt8(unit) }.map(\.at)
            #expect(times.count >= 298)
            let longest = zip(times, times.dropFirst()).map { $1 - $0 }.max() ?? .max
            #expect(longest < .milliseconds(1_450), "unit \(unit)")
        }
        bench.world.silentUnits = []
        bench.run(for: .seconds(60))
        let again = bench.requests.filter { $0.request.unit.rawValue == 7 }.count
        #expect(again - dead.count >= 28)
        #expect(bench.notices.contains { $0.text.contains("answers again") })
    }

    @Test("a dead unit's channels are bad, with the reason, and end in a data gap")
    func silence() {
        var bench = Bench(Bench.settings(units: 2, channels: 2))
        bench.run(for: .seconds(5))
        bench.world.silentUnits = [2]
        bench.run(for: .seconds(10))
        let snapshot = bench.gateway.snapshot(at: bench.now)
        let dead = snapshot.instruments.filter { $0.module == "AI2" }
        #expect(dead.allSatisfy { $0.quality == "bad" && $0.reason == "communication-failure" })
        #expect(dead.allSatisfy { $0.value == nil && $0.isInGap })
        #expect(
            snapshot.instruments.filter { $0.module == "AI1" }.allSatisfy { $0.quality == "good" }
        )
        let report = HealthReport(snapshot, version: "0")
        #expect(report.status == .degraded)
        #expect(report.instruments.gaps == ["PT-21", "PT-22"])
    }

    @Test(
        "a refused register is cut out of its block and remembered; the others are read",
        arguments: [UInt8(2), 3]
    )
    func refusal(code: UInt8) {
        var bench = Bench(
            Bench.settings(units: 1, map: Self.map(addresses: [0, 1, 2, 3, 4, 5, 6, 7]))
        )
        bench.world.refusals = [5: code]
        bench.run(for: .seconds(30))
        let snapshot = bench.gateway.snapshot(at: bench.now)
        let bad = snapshot.instruments.filter { $0.quality == "bad" }
        #expect(bad.map(\.tag) == ["PT-16"])
        #expect(bad.allSatisfy { $0.reason == "refused-by-module" })
        // After it was found, the refused cell rests: nobody asks for it within the minute.
        let asked = bench.requests.filter {
            $0.request.address <= 5 && 5 < $0.request.address + $0.request.count
        }
        #expect(asked.count <= 6)
        bench.world.refusals = [:]
        bench.run(for: .seconds(70))
        let after = bench.gateway.snapshot(at: bench.now)
        #expect(after.instruments.allSatisfy { $0.quality == "good" })
    }

    @Test("a status that cannot be read leaves the value in doubt, not lost")
    func statusRefused() {
        let source = StatusSource(
            table: .input,
            address: 60,
            meanings: [StatusMeaning(mask: 0xFFFF, value: 1, condition: .wireBreak)]
        )
        var bench = Bench(
            Bench.settings(
                units: 1,
                map: Self.map(addresses: [0, 1], gap: 0, status: [0: [source]])
            )
        )
        bench.world.registers = [60: 0]
        bench.run(for: .seconds(3))
        #expect(
            bench.gateway.snapshot(at: bench.now).instruments.map(\.quality) == ["good", "good"]
        )
        bench.world.registers = [60: 1]
        bench.run(for: .seconds(3))
        #expect(
            bench.gateway.snapshot(at: bench.now).instruments.map(\.reason) == ["wire-break", "ok"]
        )
        bench.world.refusals = [60: 2]
        bench.run(for: .seconds(3))
        #expect(
            bench.gateway.snapshot(at: bench.now).instruments.map(\.reason) == ["ambiguous", "ok"]
        )
    }

    @Test("a module that is not the one of its profile gives no values until it is")
    func wrongModule() {
        let check = RegisterCheck(
            table: .input,
            address: 210,
            expected: [0x4117],
            meaning: "module name 0x4117"
        )
        var bench = Bench(
            Bench.settings(units: 1, map: Self.map(addresses: [0, 1], identity: [check]))
        )
        bench.world.registers = [210: 0x4018]
        bench.run(for: .seconds(5))
        let wrong = bench.gateway.snapshot(at: bench.now)
        #expect(wrong.instruments.allSatisfy { $0.reason == "wrong-module" && $0.value == nil })
        #expect(wrong.buses[0].units[0].state == "wrong-module")
        #expect(bench.notices.filter { $0.level == .error }.count == 1)
        bench.world.registers = [210: 0x4117]
        bench.run(for: .seconds(40))
        let right = bench.gateway.snapshot(at: bench.now)
        #expect(right.instruments.allSatisfy { $0.quality == "good" })
        #expect(right.buses[0].units[0].state == "answering")
    }

    @Test("a swapped module is noticed after it was silent")
    func swapped() {
        let check = RegisterCheck(
            table: .input,
            address: 210,
            expected: [0x4117],
            meaning: "module name 0x4117"
        )
        var bench = Bench(
            Bench.settings(units: 1, map: Self.map(addresses: [0, 1], identity: [check]))
        )
        bench.world.registers = [210: 0x4117]
        bench.run(for: .seconds(5))
        bench.world.silentUnits = [1]
        bench.run(for: .seconds(10))
        bench.world.silentUnits = []
        bench.world.registers = [210: 0x4018, 0: 8_000]
        bench.run(for: .seconds(40))
        let snapshot = bench.gateway.snapshot(at: bench.now)
        #expect(snapshot.instruments.allSatisfy { $0.reason == "wrong-module" })
    }

    @Test("a lost link is tried again with a back-off from 0.5 to 30 s, and polling goes on after")
    func linkLost() {
        var bench = Bench(Bench.settings())
        bench.run(for: .seconds(5))
        bench.world.linkIsDown = true
        let before = bench.requests.count
        bench.run(for: .seconds(200))
        let tries = bench.requests[before...].map(\.at)
        #expect((8...16).contains(tries.count))
        let waits = zip(tries, tries.dropFirst()).map { $1 - $0 }
        #expect(waits.allSatisfy { $0 >= .milliseconds(500) && $0 <= .milliseconds(30_100) })
        bench.world.linkIsDown = false
        bench.run(for: .seconds(35))
        let snapshot = bench.gateway.snapshot(at: bench.now)
        #expect(snapshot.buses[0].isUp)
        #expect(snapshot.instruments.allSatisfy { $0.quality == "good" })
    }

    @Test("on a serial line the first value after a timeout is uncertain; over TCP it is not")
    func afterTimeout() {
        for isSerial in [true, false] {
            var bench = Bench(Bench.settings(units: 1, channels: 1, isSerial: isSerial))
            bench.run(for: .seconds(5))
            bench.world.silentUnits = [1]
            bench.run(for: .milliseconds(1_100))
            bench.world.silentUnits = []
            bench.run(for: .seconds(10))
            let doubtful = (bench.stored[1] ?? [:]).values.filter {
                $0.reading.quality == .afterTimeout
            }
            #expect(doubtful.count == (isSerial ? 1 : 0))
        }
    }

    @Test("a busy module (exception 6) is left alone for a second and is not called dead")
    func busy() {
        var bench = Bench(Bench.settings(units: 1, channels: 2))
        bench.world.refusals = [0: 6]
        bench.run(for: .seconds(10))
        #expect(bench.requests.count <= 12)
        let unit = bench.gateway.snapshot(at: bench.now).buses[0].units[0]
        #expect(unit.state == "answering")
        #expect(unit.counters.exceptions >= 5)
        #expect(unit.counters.lastException == 6)
    }

    @Test("an unrequested or stale reply changes nothing")
    func strayReply() {
        var bench = Bench(Bench.settings())
        bench.run(for: .seconds(3))
        let readings = bench.gateway.readings.last
        let request = BusRequest(
            id: 1,
            unit: UnitAddress(rawValue: 1),
            table: .input,
            address: 0,
            count: 8,
            responseTimeout: .seconds(1)
        )
        bench.send(
            .reply(
                BusID(rawValue: 0),
                BusReply(
                    request: request,
                    outcome: .success(Array(repeating: 1, count: 8)),
                    received: Bench.stamp(bench.now)
                )
            )
        )
        #expect(bench.gateway.readings.last == readings)
    }
}
