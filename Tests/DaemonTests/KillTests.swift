import Foundation
import Runtime
import TestSupport
import Testing

extension EndToEndTests {
    @Test("kill -9 at random instants: all the journal holds arrives, none with two payloads")
    func kills() throws {
        let kills = dose("KILLS", ordinarily: 15)
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
        let clock = Mailbox<Void>()
        for number in 1...kills {
            try box.launch()
            // A random instant: from before the journal is open to well into the load.
            _ = clock.take(until: monotonicNow() + Int64.random(in: 20_000_000...1_800_000_000))
            try box.kill()
            guard number % 50 == 0 || number == kills else { continue }
            // The structure, every row's checksum and every sequence.
            let verify = try ChildProcess(
                Box.program,
                ["journal", "verify", "--file", box.journal]
            )
            #expect(try verify.wait(within: 120) == 0, "after \(number) kills: \(verify.output)")
        }
        try box.start()
        try eventually("polling again", within: 5) {
            let instruments = try box.health().body["instruments"] as? [String: Any]
            return instruments?["good"] as? Int == 32
        }
        try eventually("readings of this run are stored") {
            let store = try box.health().body["store"] as? [String: Any]
            return store?["stored"] as? Int ?? 0 > 300
        }
        try eventually("everything is delivered", within: 600) {
            let uplink = try box.uplink()
            return uplink.isUp && uplink.backlog < 50
        }
        #expect(try box.stop() == 0)
        try plant.drain(box, broker: broker.port)
        let judge = try Judge(recorder, box)
        try judge.verdict(repeats: (kills + 2) * 200, ordered: false)
        print("kills: \(kills), messages: \(judge.received.count)")
    }
}
