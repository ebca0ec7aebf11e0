import Alerts
import Foundation
import GatewayCore
import Journal
import Signal
import TestSupport
import Testing

@testable import LocalPage

@Suite("What people do through the API")
struct ActRouteTests {
    private static let id = AlertID(epoch: 5, number: 1)

    /// An alert of PT-101 that was raised, acknowledged and resolved an hour ago.
    private static func fill(_ journal: JournalStore) async throws {
        let steps = AlertState.allCases.enumerated().map { index, state in
            APIBox.step(
                UInt64(index + 1),
                of: id,
                raised: -3_600,
                at: -3_600 + Int64(index),
                state,
                by: state == .acknowledged ? "4711" : "system",
                note: state == .acknowledged ? "seen" : nil
            )
        }
        try await APIBox.commit(Commit(id: 1, epoch: 5, records: steps), to: journal)
    }

    @Test("An act is carried out in the name of whoever is signed in, with the note")
    func acts() async throws {
        let box = try await APIBox(fill: Self.fill)
        let path = "/api/alerts/\(Self.id)"
        let json = #"{"note":"  looked at it "}"#
        let done = try await box.ask("POST", path + "/acknowledge", as: "technician", json: json)
        #expect(done.status == 204)
        #expect(try await box.ask("POST", path + "/reset", as: "technician").status == 204)
        let shelve = #"{"minutes":30,"one_shot":true,"note":"pump off"}"#
        #expect(try await box.ask("POST", path + "/shelve", json: shelve).status == 204)
        #expect(try await box.ask("POST", "/api/instruments/PT-101/out-of-service").status == 204)
        let commands = box.state.withLock { $0.commands }
        #expect(
            commands.map(\.act) == [
                .alert(.acknowledge(Self.id)), .alert(.resetLatch(Self.id)),
                .alert(.shelve(Self.id, length: .seconds(1_800), isOneShot: true)),
                .instrument(tag: "PT-101", .takeOutOfService),
            ]
        )
        #expect(commands.map(\.by) == ["E-technician", "E-technician", "E-admin", "E-admin"])
        #expect(commands.map(\.note) == ["looked at it", nil, "pump off", nil])
    }

    @Test("An unknown alert is not found; a refused act is a conflict with its reason")
    func refused() async throws {
        let box = try await APIBox(fill: Self.fill)
        for unknown in ["0000000000000005-2", "nonsense", "-1", "%00"] {
            let answer = try await box.ask("POST", "/api/alerts/\(unknown)/acknowledge")
            #expect(answer.status == 404)
        }
        #expect(box.state.withLock { $0.commands.isEmpty })
        box.state.withLock { $0.answer = ControlAnswer(isDone: false, text: "it is resolved") }
        let answer = try await box.ask("POST", "/api/alerts/\(Self.id)/resolve")
        #expect(answer.status == 409)
        #expect(answer.json["detail"] as? String == "it is resolved")
    }

    @Test("An alert's story is told from the first step to the last; history and trend know it")
    func story() async throws {
        let box = try await APIBox(fill: Self.fill)
        let story = try await box.ask("GET", "/api/alerts/\(Self.id)").json
        let steps = try #require(story["transitions"] as? [[String: Any]])
        #expect(
            steps.compactMap { $0["state"] as? String } == ["raised", "acknowledged", "resolved"]
        )
        #expect(steps[1]["by"] as? String == "4711" && steps[1]["note"] as? String == "seen")
        #expect(story["resolved_at"] as? String == APIBox.time(-3_598))
        let history = try await box.ask("GET", "/api/alerts/history?tag_number=PT-101&limit=1")
        #expect(
            (history.json["items"] as? [[String: Any]])?.first?["state"] as? String == "resolved"
        )
        #expect(try await box.ask("GET", "/api/alerts").list.isEmpty)
        let trend = try await box.ask("GET", "/api/readings/trends?tag_number=PT-101&hours=2")
        let marks = try #require(trend.json["alerts"] as? [[String: Any]])
        #expect(marks.count == 1)
        #expect(marks.first?["from"] as? String == APIBox.time(-3_600))
        #expect(marks.first?["to"] as? String == APIBox.time(-3_598))
        let later = "from=\(APIBox.time(-600))"
        let after = try await box.ask("GET", "/api/readings/trends?tag_number=PT-101&\(later)")
        #expect((after.json["alerts"] as? [[String: Any]])?.isEmpty == true)
    }

    @Test("Secrets are masked; the level of the log can be changed, and that is audited")
    func settings() async throws {
        let box = try await APIBox()
        let shown = try await box.ask("GET", "/api/settings")
        #expect(!shown.body.contains("the-secret") && !shown.body.contains("the-user"))
        #expect(shown.body.contains("uplink.cmms.password"))
        let changed = try await box.ask("PATCH", "/api/settings", json: #"{"log_level":"debug"}"#)
        #expect(changed.status == 200)
        let entry = try #require(box.state.withLock { $0.audit.first })
        #expect(entry.who == "E-admin" && entry.old == "info" && entry.new == "debug")
        let wrong = try await box.ask("PATCH", "/api/settings", json: #"{"log_level":"all"}"#)
        #expect(wrong.status == 422 && wrong.fields == ["log_level"])
    }

    @Test("A real plant has no simulator; the demo's takes only tags and faults that it knows")
    func simulator() async throws {
        let real = try await APIBox()
        #expect(try await real.ask("GET", "/api/simulator/status").status == 404)
        #expect(try await real.ask("POST", "/api/simulator/stop").status == 404)
        let box = try await APIBox(simulator: Simulator())
        let wrong = try await box.ask("POST", "/api/simulator/start", json: #"{"tags":["X"]}"#)
        #expect(wrong.status == 422 && wrong.fields == ["tags"])
        let many = Array(repeating: #""stuck""#, count: Limits.simulatorFaults + 1)
        let flood = #"{"faults":[\#(many.joined(separator: ","))]}"#
        let tooMany = try await box.ask("POST", "/api/simulator/start", json: flood)
        #expect(tooMany.status == 422 && tooMany.fields == ["faults"])
        let right = #"{"tags":["PT-101"],"faults":["stuck"]}"#
        let done = try await box.ask("POST", "/api/simulator/start", json: right)
        #expect(done.status == 200)
        #expect(box.state.withLock { $0.audit.map(\.action) } == ["simulator.start"])
    }

    private struct Simulator: PlantSimulator {
        func status() -> SimulatorStatus {
            SimulatorStatus(running: false, tags: ["PT-101"], faults: ["stuck"], active: [])
        }
        func start(tags: [String], faults: [String]) {}
        func stop() {}
    }
}
