import Foundation
import GatewayCore
import Journal
import Signal
import TestSupport
import Testing

@testable import LocalPage
@testable import loopgate

extension EndToEndTests {
    /// A box with two instruments of 8 bar at 12 mA on a pymodbus server, and a relay in a file.
    private struct RegisterBox {
        let box: Box
        let broker: MosquittoBroker
        let recorder: MessageRecorder
        let output: String
        private let slaves: PymodbusSlaves
        private let top: String

        static let list = """
              - {tag: PT-101, type: pressure, unit: bar, lrv: 0, urv: 16, module: boiler, channel: 1}
              - {tag: PT-102, type: pressure, unit: bar, lrv: 0, urv: 16, module: boiler, channel: 2}
            """

        init() throws {
            broker = try MosquittoBroker()
            try broker.start()
            slaves = try PymodbusSlaves()
            box = try Box()
            output = try box.folder.write("?", to: "relay")
            top = """
                buses:
                  - {name: net, link: tcp, host: 127.0.0.1, port: \(slaves.port)}
                  - {name: spareline, link: rtu, device: \(slaves.near), baud: 115200}
                modules:
                  - {name: boiler, bus: net, unit: 1, profile: sequent-megaind, period: 250ms}
                  - {name: spare, bus: spareline, unit: 1, profile: sequent-megaind}
                relay: {output: sysfs, path: \(output), minimumDwell: 1s}
                uplink:
                  - {name: cmms, brokers: ["127.0.0.1:\(broker.port)"]}
                """
            try box.configure(top, instruments: Self.list)
            recorder = try MessageRecorder(broker, filter: "cimms/#")
        }

        var relay: String? { try? String(contentsOfFile: output, encoding: .utf8) }

        /// Writes the configuration again, changed.
        func configure(_ change: (String) -> String = { $0 }, list: String) throws {
            try box.configure(change(top), instruments: list)
        }

        /// Tells every change of the output from here on.
        func watch() throws -> ChildProcess {
            let script = """
                import sys, threading
                last, never = None, threading.Event()
                while True:
                    now = open(sys.argv[1]).read()
                    if now != last and now in ("0", "1"):
                        print("output", now, flush=True)
                        last = now
                    never.wait(0.002)
                """
            return try ChildProcess(python, ["-c", script, output])
        }

        func run(_ arguments: [String]) throws -> (code: Int32, text: String) {
            let command = try ChildProcess(Box.program, ["instruments"] + arguments)
            let code = try command.wait(within: 60)
            return (code, command.output.joined(separator: "\n"))
        }

        var runtime: [String] { ["--runtime", box.folder.path] }

        /// Readings of one instrument in the order of arrival.
        func readings(_ tag: String) -> [(message: Message, value: Double?)] {
            let topic = "cimms/instruments/\(tag)/reading"
            return recorder.messages.compactMap {
                guard $0.topic == topic,
                    let message = Message(topic: $0.topic, payload: $0.payload),
                    let body = try? JSONSerialization.jsonObject(with: Data($0.payload.utf8))
                        as? [String: Any]
                else { return nil }
                return (message, body["value"] as? Double)
            }
        }

        var alerts: [MessageRecorder.Message] {
            recorder.messages.filter { $0.topic.contains("/alerts/") }
        }
    }

    @Test("another range while polling: numbers go on, relay energised, no alert, new values")
    func registerEdit() throws {
        let plant = try RegisterBox()
        defer { plant.broker.stop() }
        try plant.box.start()
        try eventually("the relay is energised") { plant.relay == "1" }
        let watch = try plant.watch()
        try watch.line(containing: "output 1")
        let before = plant.readings("PT-101").count
        let list = RegisterBox.list.replacing(
            "urv: 16, module: boiler, channel: 1",
            with: "urv: 10, module: boiler, channel: 1"
        )
        let file = try plant.box.folder.write("instruments:\n\(list)\n", to: "new.yaml")

        let dry = try plant.run(["apply", file, "--dry-run"] + plant.runtime)
        #expect(dry.code == 1)
        #expect(dry.text.contains("~ PT-101") && dry.text.contains("urv: 16 → 10"))
        #expect(dry.text.contains("1 unchanged"))
        let applied = try plant.run(["apply", file, "--yes", "--by", "4711"] + plant.runtime)
        #expect(applied.code == 0, "\(applied.text)")
        try eventually("values in the new range") {
            plant.readings("PT-101").suffix(4).allSatisfy { $0.value == 5 }
        }
        try eventually("the audit is forwarded") {
            plant.recorder.messages.contains {
                $0.topic.hasSuffix("/audit") && $0.payload.contains("instrument.change")
                    && $0.payload.contains("4711") && $0.payload.contains("PT-101")
            }
        }
        let readings = plant.readings("PT-101")
        #expect(readings.count > before)
        #expect(Set(readings.compactMap(\.value)) == [8, 5])
        let both = plant.recorder.messages.compactMap {
            Message(topic: $0.topic, payload: $0.payload)
        }
        #expect(Set(both.map(\.epoch)).count == 1)
        #expect(both.map(\.sequence).sorted() == Array(1...UInt64(both.count)))
        #expect(plant.readings("PT-102").allSatisfy { $0.value == 8 })
        #expect(plant.alerts.isEmpty)
        #expect(watch.output.filter { $0.hasPrefix("output") } == ["output 1"])
        watch.stop()

        // The register wins over the file, which has not changed: nothing is said.
        #expect(try plant.box.health().body["remarks"] as? [String] == [])
        #expect(try plant.box.stop() == 0)
        try plant.box.start()
        try eventually("the next run has the new range") {
            let last = plant.readings("PT-101").last
            return last?.message.epoch != readings.last?.message.epoch && last?.value == 5
        }
        #expect(try plant.box.stop() == 0)
    }

    @Test("a list that differs is said, checked and applied; offline too, and put on record")
    func registerList() throws {
        let plant = try RegisterBox()
        defer { plant.broker.stop() }
        try plant.box.start()
        // SIGHUP with another list alone: no restart, and it is said.
        let third =
            RegisterBox.list
            + "\n  - {tag: PT-103, type: pressure, unit: bar, lrv: 0, urv: 4, module: boiler, "
            + "channel: 3}"
        try plant.configure(list: third)
        plant.box.daemon?.send(SIGHUP)
        try eventually("health says so") {
            let remarks = try plant.box.health().body["remarks"] as? [String]
            return remarks?.first?.contains("1 added") == true
        }
        #expect(try plant.box.health().body["status"] as? String == "healthy")
        let check = try ChildProcess(Box.program, ["check", plant.box.configuration])
        #expect(try check.wait(within: 60) == 0)
        #expect(check.output.joined().contains("loopgate instruments apply"))
        let path = plant.box.folder.file("instruments.yaml")
        #expect(try plant.run(["apply", path, "--yes"] + plant.runtime).code == 0)
        try eventually("the new instrument is polled") {
            plant.readings("PT-103").last?.value == 2
        }
        try eventually("nothing is said any more") {
            try plant.box.health().body["remarks"] as? [String] == []
        }
        #expect(try plant.run(["retire", "PT-102"] + plant.runtime).code == 0)
        let listed = try plant.run(["list", "--all"] + plant.runtime)
        #expect(listed.text.contains("PT-102") && listed.text.contains("retired"))
        #expect(!(try plant.run(["list"] + plant.runtime).text.contains("PT-102")))
        // An order beyond all measure is refused, and changes nothing.
        let client = ControlClient(folder: plant.box.folder.path)
        let flood = String(repeating: "x", count: Limits.instrumentsOrderBytes)
        #expect(throws: (any Error).self) {
            try client.order(InstrumentsOrder(.apply, by: "4711", file: "flood", text: flood))
        }
        #expect(try client.instruments().count == 3)
        #expect(Set(plant.readings("PT-101").map(\.message.epoch)).count == 1)
        #expect(try plant.box.stop() == 0)

        // Without a daemon, on the journal itself.
        let offline = ["--config", plant.box.configuration] + plant.runtime
        #expect(try plant.run(["restore", "PT-102", "--by", "0815"] + offline).code == 0)
        let taken = try plant.run(["restore", "PT-102"] + offline)
        #expect(taken.code == 1 && taken.text.contains("in service already"))
        let shown = try plant.run(["show", "PT-103"] + offline)
        #expect(shown.text.contains("urv: 4"))
        let count = plant.readings("PT-102").count
        try plant.box.start()
        try eventually("it is polled again") { plant.readings("PT-102").count > count }
        try eventually("what was done offline is on record") {
            plant.recorder.messages.contains {
                $0.topic.hasSuffix("/audit") && $0.payload.contains("instrument.restore")
                    && $0.payload.contains("0815")
            }
        }
        #expect(try plant.box.stop() == 0)
    }

    @Test("an instrument whose module is gone is left out and said; the others run")
    func registerLeftOut() throws {
        let plant = try RegisterBox()
        defer { plant.broker.stop() }
        let moved = RegisterBox.list.replacing(
            "module: boiler, channel: 2",
            with: "module: spare, channel: 2"
        )
        try plant.configure(list: moved)
        try plant.box.start()
        #expect(try plant.box.stop() == 0)
        let first = RegisterBox.list.split(separator: "\n").first.map(String.init) ?? ""
        try plant.configure(
            { $0.split(separator: "\n").filter { !$0.contains("spare") }.joined(separator: "\n") },
            list: first
        )
        try plant.box.start()
        try eventually("the other one is polled") { plant.readings("PT-101").last?.value == 8 }
        try eventually("health names it, with the mend") {
            let reasons = try plant.box.health().body["reasons"] as? [String]
            return reasons?.contains {
                $0.contains("PT-102 is left out") && $0.contains("loopgate instruments apply")
            } == true
        }
        let file = plant.box.folder.file("instruments.yaml")
        let gone = try plant.run(["apply", file, "--yes", "--retire-missing"] + plant.runtime)
        #expect(gone.code == 0, "\(gone.text)")
        try eventually("nothing is wrong any more") {
            try plant.box.health().body["status"] as? String == "healthy"
        }
        #expect(try plant.box.stop() == 0)
    }

    @Test("another period by SIGHUP: a new run, and the relay stays energised throughout")
    func relayHandover() throws {
        let plant = try RegisterBox()
        defer { plant.broker.stop() }
        try plant.box.start()
        try eventually("the relay is energised") { plant.relay == "1" }
        let watch = try plant.watch()
        try watch.line(containing: "output 1")
        let epochs = { Set(plant.readings("PT-101").map(\.message.epoch)).count }
        try plant.configure(
            { $0.replacing("period: 250ms", with: "period: 300ms") },
            list: RegisterBox.list
        )
        plant.box.daemon?.send(SIGHUP)
        try eventually("a new run") { epochs() == 2 }
        // Longer than it takes to be energised from the start.
        let count = plant.readings("PT-101").count
        try eventually("it goes on") { plant.readings("PT-101").count > count + 15 }
        #expect(watch.output.filter { $0.hasPrefix("output") } == ["output 1"])
        // When the last life ends, the output is safe.
        #expect(try plant.box.stop() == 0)
        #expect(plant.relay == "0")
        watch.stop()
    }
}
