import Alerts
import Foundation
import GatewayCore
import Signal
import TestSupport
import Testing

@testable import loopgate

extension EndToEndTests {
    @Test("a high-high: relay safe, alert at the broker and on the page; commands move both")
    func alarm() throws {
        let broker = try MosquittoBroker()
        try broker.start()
        defer { broker.stop() }
        let slaves = try PymodbusSlaves()
        let box = try Box()
        let output = try box.folder.write("?", to: "relay")
        func relay() -> String? { try? String(contentsOfFile: output, encoding: .utf8) }
        try box.configure(
            """
            buses:
              - {name: net, link: tcp, host: 127.0.0.1, port: \(slaves.port)}
            modules:
              - {name: boiler, bus: net, unit: 1, profile: sequent-megaind, period: 500ms}
            relay: {output: sysfs, path: \(output), minimumDwell: 1s}
            uplink:
              - {name: cmms, brokers: ["127.0.0.1:\(broker.port)"], commands: true}
            """,
            // The module shows 8 bar.
            instruments: """
                  - tag: PT-101
                    type: pressure
                    unit: bar
                    lrv: 0
                    urv: 16
                    module: boiler
                    channel: 1
                    limits: {highHigh: 7, deadband: 0.1, onDelay: 1s, offDelay: 1s}
                """
        )
        let recorder = try MessageRecorder(broker, filter: "cimms/#")
        try box.start()
        #expect(relay() == "0")
        try eventually("the alert is at the broker") {
            recorder.messages.contains { $0.topic == "cimms/instruments/alerts/PT-101" }
        }
        let message = try #require(
            recorder.messages.first { $0.topic == "cimms/instruments/alerts/PT-101" }
        )
        let body = try #require(
            JSONSerialization.jsonObject(with: Data(message.payload.utf8)) as? [String: Any]
        )
        #expect(body["type"] as? String == "rule_violation")
        #expect(body["severity"] as? String == "critical")
        let token = try box.signInFirst()
        let alerts = try box.ask("GET", "/api/alerts", token).list
        #expect(alerts.map { $0["tag_number"] as? String } == ["PT-101"])
        #expect(try box.ask("GET", "/api/relay", token).object["demand"] as? String == "safe")
        #expect(relay() == "0")

        let commands = "cimms/instruments/gateways/gw-test/commands/"
        let common = #""expires":"2999-01-01T00:00:00Z","by":"4711""#
        try broker.publish(
            #"{"id":"c1",\#(common),"tag":"PT-101","note":"being exchanged"}"#,
            to: commands + "out-of-service"
        )
        try eventually("the relay is energised") { relay() == "1" }
        try broker.publish(
            #"{"id":"c2",\#(common),"tag":"PT-101"}"#,
            to: commands + "return-to-service"
        )
        try eventually("the relay is safe again") { relay() == "0" }
        // The same id again, an expired one, and one that is no JSON at all.
        for (id, text) in [
            ("c2", #"{"id":"c2",\#(common),"tag":"PT-101","note":"again"}"#),
            ("c3", #"{"id":"c3","expires":"2001-01-01T00:00:00Z","by":"4711","tag":"PT-101"}"#),
            ("c4", #"{"id":"c4",\#(common),"tag":7}"#),
        ] {
            try broker.publish(text, to: commands + "out-of-service")
            try eventually("\(id) is refused") {
                recorder.messages.contains {
                    $0.topic.hasSuffix("responses/\(id)") && $0.payload.contains("refused")
                }
            }
        }
        #expect(relay() == "0")
        #expect(
            recorder.messages.contains {
                $0.topic.hasSuffix("responses/c1") && $0.payload == #"{"status":"done"}"#
            }
        )
        try eventually("the audit is forwarded") {
            recorder.messages.contains {
                $0.topic.hasSuffix("gateways/gw-test/audit") && $0.payload.contains("4711")
            }
        }
        try commandLine(box, relay)
        #expect(try box.stop() == 0)
        #expect(relay() == "0")
        let (code, text) = try loopgate(["alerts", "--runtime", box.folder.path])
        #expect(code != 0)
        #expect(text.contains("no daemon runs"))
    }

    private func loopgate(_ arguments: [String]) throws -> (code: Int32, text: String) {
        let command = try ChildProcess(Box.program, arguments)
        let code = try command.wait()
        return (code, command.output.joined(separator: "\n"))
    }

    /// The same from the box's own command line.
    private func commandLine(_ box: Box, _ relay: () -> String?) throws {
        let runtime = ["--runtime", box.folder.path]
        let (_, list) = try loopgate(["alerts"] + runtime)
        let id = try #require(list.split(separator: " ").first.map(String.init))
        #expect(list.contains("critical  PT-101  rule_violation high  unacknowledged"))
        let early = try loopgate(["alerts", "resolve", id] + runtime)
        #expect(early.code != 0 && early.text.contains("still there"))
        let taken = try loopgate(["alerts", "acknowledge", id, "--by", "4711"] + runtime)
        #expect(taken.code == 0 && taken.text == "done")
        #expect(try loopgate(["alerts"] + runtime).text.contains("high  acknowledged"))
        let unsaid = try loopgate(["maintenance", "add", "PT-101", "--minutes", "5"] + runtime)
        #expect(unsaid.code != 0 && unsaid.text.contains("a reason is wanted"))
        let added = try loopgate(
            ["maintenance", "add", "PT-101", "--minutes", "5", "--note", "purge"] + runtime
        )
        #expect(added.code == 0)
        try eventually("the relay is energised under maintenance") { relay() == "1" }
        #expect(try loopgate(["relay", "test", "--seconds", "30"] + runtime).code == 0)
        try eventually("the relay is tested") { relay() == "0" }
    }
}
