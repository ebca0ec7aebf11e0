import Signal
import Testing

@testable import GatewayCore

@Suite struct DeliveryTests {
    @Test("a fresh reading goes out at once, before its commit")
    func live() {
        var bench = Bench(Bench.settings())
        bench.brokerUp()
        bench.run(for: .milliseconds(1_300))
        #expect(bench.received.count >= 16)
        #expect(bench.received.allSatisfy { !$0.historical })
        #expect(bench.stored.isEmpty)
    }

    @Test("with publish: stored nothing goes out before its commit, and is not historical")
    func stored() {
        var bench = Bench(Bench.settings { $0.publish = .stored })
        bench.brokerUp()
        bench.run(for: .milliseconds(1_300))
        #expect(bench.received.isEmpty)
        bench.run(for: .seconds(30))
        #expect(bench.received.count > 400)
        #expect(bench.received.allSatisfy { !$0.historical })
    }

    @Test(
        "an outage loses nothing, doubles nothing and drains in order",
        arguments: [
            ConnectionSettings.Backlog.ordered, .interleaved, .sibling,
        ],
        [ConnectionSettings.PayloadForm.cmms, .batch]
    )
    func outage(backlog: ConnectionSettings.Backlog, form: ConnectionSettings.PayloadForm) {
        var bench = Bench(
            Bench.settings {
                $0.backlog = backlog
                $0.form = form
            }
        )
        bench.brokerUp()
        bench.run(for: .seconds(10))
        bench.brokerDown()
        bench.run(for: .seconds(120))
        bench.brokerUp()
        bench.run(for: .seconds(60))
        bench.expectAllDelivered(since: .seconds(3))
        let identities = bench.received.map(\.identity)
        let repeats = identities.count - Set(identities).count
        #expect(
            repeats <= bench.gateway.settings.connections[0].inFlight * (form == .batch ? 1000 : 1)
        )
        let wasReplayed = bench.received.contains { $0.historical }
        #expect(wasReplayed)
        #expect(bench.mostInFlight <= 200)
        if backlog == .ordered { bench.expectOrderPerTag() }
    }

    @Test("what was read before the link came up is backlog, though its commit comes after")
    func batchAcrossConnect() {
        var bench = Bench(
            Bench.settings(connection: {
                $0.form = .batch
                $0.backlog = .interleaved
            })
        )
        bench.run(for: .milliseconds(5_500))
        let before = bench.gateway.readings.last
        #expect(bench.gateway.journal.committingReadings < before)
        bench.brokerUp()
        bench.run(for: .seconds(10))
        for row in bench.received {
            #expect(row.historical == (row.identity.sequence <= before), "\(row)")
        }
        bench.expectAllDelivered(since: .seconds(5))
    }

    @Test("live readings go on while an interleaved backlog drains")
    func interleaved() {
        var bench = Bench(
            Bench.settings {
                $0.backlog = .interleaved
                $0.backlogRate = 50
            }
        )
        bench.brokerUp()
        bench.run(for: .seconds(3))
        bench.brokerDown()
        bench.run(for: .seconds(600))
        bench.brokerUp()
        bench.run(for: .seconds(5))
        #expect(bench.gateway.outboxes[0].backlog > 5_000)
        let newest = bench.received.map(\.at).max() ?? .zero
        #expect(bench.now - newest < .seconds(2))
        let historical = bench.received.filter(\.historical).count
        #expect(historical <= 50 * 6 && historical > 50 * 3)
    }

    @Test(
        "whatever crashes and whenever, what is stored arrives with one payload and few repeats",
        arguments: 0..<30
    )
    func crashes(seed: UInt64) {
        var random = SplitMix(seed: seed)
        let backlog: ConnectionSettings.Backlog = seed.isMultiple(of: 2) ? .ordered : .interleaved
        var bench = Bench(Bench.settings { $0.backlog = backlog })
        bench.world.ackTime = .milliseconds(Int.random(in: 1...600, using: &random))
        var disturbances = 0
        for epoch in 2...8 {
            for _ in 0..<4 {
                bench.run(for: .milliseconds(Int.random(in: 0...7_000, using: &random)))
                switch Int.random(in: 0..<3, using: &random) {
                case 0: if !bench.brokerIsUp { bench.brokerUp() }
                case 1:
                    if bench.brokerIsUp {
                        bench.brokerDown()
                        disturbances += 1
                    }
                default: break
                }
            }
            bench.run(for: .milliseconds(Int.random(in: 0...3_000, using: &random)))
            bench.crashAndRestart(epoch: UInt64(epoch))
            disturbances += 1
        }
        bench.brokerUp()
        bench.run(for: .seconds(120))
        bench.expectAllDelivered(since: .seconds(5))
        // One identity, one payload: the flag is the only part of it that delivery decides.
        let payloads = Dictionary(grouping: Set(bench.received), by: \.identity)
        #expect(payloads.values.allSatisfy { $0.count == 1 })
        let identities = bench.received.map(\.identity)
        #expect(identities.count - Set(identities).count <= disturbances * 200)
    }

    @Test("a message that can never be delivered does not block the queue")
    func poison() {
        var bench = Bench(Bench.settings())
        bench.world.refusedReadings = [5: .tooLarge, 9: .refused(reason: 0x99)]
        bench.brokerUp()
        bench.run(for: .seconds(60))
        #expect(bench.gateway.outboxes[0].counters.quarantined == 2)
        #expect(bench.gateway.outboxes[0].readings.present.delivered.floor > 500)
        #expect(bench.notices.contains { $0.text.contains("given up") && $0.level == .error })
    }

    @Test("a broker that refuses everything is waited out: nothing is given up")
    func refusesAll() {
        var bench = Bench(Bench.settings())
        for sequence in 1...5_000 {
            bench.world.refusedReadings[UInt64(sequence)] = .refused(reason: 0x87)
        }
        bench.brokerUp()
        bench.run(for: .seconds(120))
        #expect(bench.gateway.outboxes[0].counters.quarantined == 0)
        bench.world.refusedReadings = [:]
        bench.run(for: .seconds(200))
        bench.expectAllDelivered(since: .seconds(3))
    }

    @Test("a broker that never acknowledges gets no more than the window")
    func neverAcknowledges() {
        var bench = Bench(Bench.settings { $0.inFlight = 20 })
        bench.world.acknowledges = false
        bench.brokerUp()
        bench.run(for: .seconds(60))
        #expect(bench.mostInFlight == 20)
        #expect(bench.gateway.outboxes[0].readings.present.delivered.floor == 0)
        bench.brokerDown()
        bench.world.acknowledges = true
        bench.brokerUp()
        bench.run(for: .seconds(60))
        bench.expectAllDelivered(since: .seconds(3))
    }

    @Test("acknowledgements that are unknown or come twice change nothing")
    func oddAcknowledgements() {
        var bench = Bench(Bench.settings())
        bench.world.acknowledges = false
        bench.brokerUp()
        bench.run(for: .seconds(2))
        let id = ConnectionID(rawValue: 0)
        bench.send(.broker(id, .acknowledged(id: 9_999, .delivered(hadSubscribers: true))))
        #expect(bench.gateway.outboxes[0].counters.delivered == 0)
        bench.send(.broker(id, .acknowledged(id: 1, .delivered(hadSubscribers: true))))
        bench.send(.broker(id, .acknowledged(id: 1, .delivered(hadSubscribers: true))))
        #expect(bench.gateway.outboxes[0].counters.delivered == 1)
        #expect(bench.gateway.outboxes[0].readings.present.delivered.floor == 1)
    }

    @Test("thinning keeps the interval per tag, counts what it leaves out and blocks nothing")
    func thinning() {
        var bench = Bench(Bench.settings { $0.perTagInterval = .seconds(5) })
        bench.brokerUp()
        bench.run(for: .seconds(100))
        for tag in Set(bench.received.map(\.instrument)) {
            let times = bench.received.filter { $0.instrument == tag }.map(\.at)
            #expect(zip(times, times.dropFirst()).allSatisfy { $1 - $0 >= .seconds(5) })
            #expect(times.count >= 19)
        }
        let counters = bench.gateway.outboxes[0].counters
        #expect(counters.thinned > 1_200)
        #expect(bench.gateway.outboxes[0].backlog < 100)
    }

    @Test("a total rate is kept, live and from the journal")
    func totalRate() {
        var bench = Bench(Bench.settings { $0.totalRate = 4 })
        bench.brokerUp()
        bench.run(for: .seconds(100))
        #expect(bench.received.count <= 4 * 100 + 8)
        #expect(bench.received.count >= 350)
        bench.brokerDown()
        bench.run(for: .seconds(20))
        let before = bench.received.count
        bench.brokerUp()
        bench.run(for: .seconds(50))
        #expect(bench.received.count - before <= 4 * 50 + 8)
    }

    @Test("a failed read of the journal waits a second; then room is waited for, and no clock")
    func failedRead() {
        var lane = DeliveryLane<SequencedReading>(
            stream: .readings,
            isOrdered: false,
            epoch: 2,
            earlier: [(epoch: 1, last: 10)],
            marks: [DeliveryMark(connection: "cmms", stream: .readings, epoch: 1, floor: 0)]
        )
        let now = MonotonicTime(nanoseconds: 1_000_000_000)
        func wants(_ at: MonotonicTime, _ lane: inout DeliveryLane<SequencedReading>) -> Bool {
            if case .fetch = lane.nextBacklog(firstInMemory: 1, at: at) { true } else { false }
        }
        #expect(wants(now, &lane))
        lane.fetchStarted()
        lane.fetchFailed(at: now)
        #expect(!wants(now, &lane))
        let again = now + .seconds(1)
        #expect(lane.nextDeadline(at: now) == again)
        #expect(wants(again, &lane))
        #expect(lane.nextDeadline(at: again) == .distantFuture)
    }

    @Test("a full disk keeps readings in memory and stores them when space returns")
    func fullDisk() {
        var bench = Bench(Bench.settings())
        bench.brokerUp()
        bench.run(for: .seconds(10))
        bench.world.storeFault = .full
        bench.run(for: .seconds(300))
        #expect(bench.gateway.snapshot(at: bench.now).store.isWorking == false)
        #expect(
            HealthReport(bench.gateway.snapshot(at: bench.now), version: "0").status == .failing
        )
        bench.world.storeFault = nil
        bench.run(for: .seconds(10))
        let sequences = (bench.stored[1] ?? [:]).keys.sorted()
        #expect(sequences == Array(1...UInt64(sequences.count)))
        #expect(sequences.count > 4_500)
    }

    @Test("when memory is full too, the oldest readings go and a gap record says which")
    func overflow() {
        var bench = Bench(Bench.settings(units: 8, channels: 64))
        bench.world.storeFault = .full
        bench.run(for: .seconds(260))
        bench.world.storeFault = nil
        bench.brokerUp()
        bench.run(for: .seconds(60))
        let gaps = (bench.storedRecords[1] ?? [:]).values.compactMap { record -> GapRecord? in
            if case .gap(let gap) = record.body { gap } else { nil }
        }
        let kept = bench.stored[1] ?? [:]
        let lost = SequenceSet(floor: 0, ranges: gaps.map { $0.first...$0.last })
        #expect(!gaps.isEmpty)
        #expect(gaps.allSatisfy { $0.cause == .storeFault })
        #expect((1...(kept.keys.max() ?? 0)).allSatisfy { lost.contains($0) != (kept[$0] != nil) })
        let received = bench.receivedRecords.filter {
            if case .gap = $0.body { true } else { false }
        }
        #expect(received.count == gaps.count)
        #expect(bench.receivedRecords.count == bench.storedRecords[1]?.count)
    }

    @Test("a failing medium halts the process")
    func medium() {
        var bench = Bench(Bench.settings())
        bench.world.storeFault = .medium("disk I/O error")
        bench.run(for: .seconds(5))
        #expect(bench.halted?.contains("disk I/O error") == true)
    }
}

extension Bench {
    /// Everything stored so far, except what is younger than `since`, has reached the subscriber.
    func expectAllDelivered(
        since: Nanoseconds,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let arrived = Set(received.map(\.identity))
        for (epoch, rows) in stored {
            let missing = rows.values.filter {
                $0.reading.stamp.monotonic < now - since
                    && !arrived.contains(Position(epoch: epoch, sequence: $0.sequence))
            }
            #expect(
                missing.isEmpty,
                "run \(epoch): \(missing.count) never arrived",
                sourceLocation: sourceLocation
            )
        }
    }

    /// The times of each tag, repeats left out, only ever rise.
    func expectOrderPerTag(sourceLocation: SourceLocation = #_sourceLocation) {
        var last: [InstrumentID: MonotonicTime] = [:]
        var seen: Set<Position> = []
        for item in received where seen.insert(item.identity).inserted {
            #expect(
                item.at >= last[item.instrument] ?? .zero,
                "\(item.identity)",
                sourceLocation: sourceLocation
            )
            last[item.instrument] = item.at
        }
    }
}
