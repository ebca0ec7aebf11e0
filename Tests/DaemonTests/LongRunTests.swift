import Endurance
import Foundation
import Runtime
import TestSupport
import Testing

extension EndToEndTests {
    @Test("a broker that flaps costs repeats within the window, no reading, descriptor or thread")
    func flapping() throws {
        let broker = try MosquittoBroker(lines: ["max_queued_messages 0"], persistent: true)
        try broker.start()
        defer { broker.stop() }
        let plant = try LoadPlant()
        defer { plant.stop() }
        let box = try Box()
        try plant.configure(box, broker: broker.port)
        let recorder = try MessageRecorder(
            broker,
            filter: "cimms/instruments/+/reading",
            session: "judge"
        )
        try box.start()
        try eventually("live readings") { recorder.messages.count > 100 }
        let daemon = try #require(box.daemon)
        let before = try #require(Holdings(of: daemon.id))
        let flaps = dose("FLAPS", ordinarily: 6)
        for _ in 0..<flaps {
            broker.stop()
            try eventually("the gateway notices") { try !box.uplink().isUp }
            try broker.start()
            try eventually("the gateway is back", within: 150) { try box.uplink().isUp }
        }
        let after = try #require(Holdings(of: daemon.id))
        // One more connection, of the page or the broker, may be open at this instant.
        #expect(after.descriptors <= before.descriptors + 1)
        #expect(after.threads <= before.threads + 1)
        try eventually("the backlog is gone", within: 120) { try box.uplink().backlog < 50 }
        #expect(try box.stop() == 0)
        try plant.drain(box, broker: broker.port)
        try Judge(recorder, box).verdict(repeats: (flaps + 2) * 200, ordered: true)
    }

    @Test("one dead unit of 32 is probed, not polled, and costs the others nothing")
    func deadUnit() throws {
        let dead: UInt8 = 13
        let slave = try RawSlave.tcp { request, _ in
            request[6] == dead ? [] : [.send(SlaveFrame.tcp(request))]
        }
        defer { slave.stop() }
        let broker = try MosquittoBroker()
        try broker.start()
        defer { broker.stop() }
        let box = try Box()
        let modules = (1...32).map {
            "  - {name: m\($0), bus: net, unit: \($0), profile: sequent-megaind, period: 1s}"
        }
        let instruments = (1...32).map {
            "  - {tag: LT-\($0), type: level, unit: \"%\", lrv: 0, urv: 100, module: m\($0), "
                + "channel: 1, expectedInterval: 1s}"
        }
        try box.configure(
            """
            buses:
              - {name: net, link: tcp, host: 127.0.0.1, port: \(slave.port), responseTimeout: 300ms}
            modules:
            \(modules.joined(separator: "\n"))
            uplink:
              - {name: cmms, brokers: ["127.0.0.1:\(broker.port)"]}
            """,
            instruments: instruments.joined(separator: "\n")
        )
        try box.start()
        let daemon = try #require(box.daemon)
        try daemon.line(containing: "is silent: probed once per back-off period")
        let before = slave.requests
        try eventually("twelve more rounds", within: 60) {
            slave.requests.count >= before.count + 12 * 31
        }
        let since = slave.requests[before.count...]
        // Polled, it would be twelve. The wait doubles from half a second to thirty.
        #expect(since.filter { $0[6] == dead }.count <= 5)
        // Every other unit had its turn in every round.
        for unit in UInt8(1)...32 where unit != dead {
            let count = since.filter { $0[6] == unit }.count
            #expect((11...14).contains(count), "unit \(unit): \(count)")
        }
        let instrumentsNow = try box.health().body["instruments"] as? [String: Any]
        #expect(instrumentsNow?["good"] as? Int == 31)
        #expect(try box.stop() == 0)
    }

    @Test("a daemon under load holds its memory, descriptors and threads")
    func soak() throws {
        let broker = try MosquittoBroker()
        try broker.start()
        defer { broker.stop() }
        let plant = try LoadPlant()
        defer { plant.stop() }
        let box = try Box()
        try plant.configure(box, broker: broker.port)
        try box.start()
        let daemon = try #require(box.daemon)
        func stored() throws -> Int {
            let store = try box.health().body["store"] as? [String: Any]
            return store?["stored"] as? Int ?? 0
        }
        // Caches fill up and codebooks are learnt in the first half.
        let half = dose("SOAK_SECONDS", ordinarily: 30) / 2 * 160
        try eventually("the first half", within: 7200) { try stored() > half }
        let middle = try #require(Holdings(of: daemon.id))
        try eventually("the second half", within: 7200) { try stored() > 2 * half }
        let end = try #require(Holdings(of: daemon.id))
        print(
            "soak: \(2 * half) readings; own memory \(middle.anonymous) to \(end.anonymous) bytes, "
                + "descriptors \(middle.descriptors) to \(end.descriptors), "
                + "threads \(middle.threads) to \(end.threads)"
        )
        #expect(end.anonymous - middle.anonymous < 4 << 20)
        #expect(end.descriptors <= middle.descriptors + 1)
        #expect(end.threads <= middle.threads + 2)
        #expect(try box.stop() == 0)
    }
}
