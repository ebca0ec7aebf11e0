import Foundation
import TestSupport
import Testing

extension EndToEndTests {
    /// A box with two instruments on a simulated module, its first admin signed in.
    private static func box(_ slaves: PymodbusSlaves) throws -> (box: Box, token: String) {
        let box = try Box()
        try box.configure(
            """
            buses:
              - {name: net, link: tcp, host: 127.0.0.1, port: \(slaves.port)}
            modules:
              - {name: boiler, bus: net, unit: 1, profile: sequent-megaind, period: 1s}
            """,
            instruments: """
                  - {tag: PT-101, type: pressure, unit: bar, lrv: 0, urv: 16, module: boiler, channel: 1}
                  - {tag: PT-102, type: pressure, unit: bar, lrv: 0, urv: 16, module: boiler, channel: 2}
                """
        )
        try box.start()
        return (box, try box.signInFirst())
    }

    @Test("The API does from sign-in to audit what the page needs, on the real daemon")
    func api() throws {
        let slaves = try PymodbusSlaves()
        let (box, token) = try Self.box(slaves)
        func ask(_ method: String, _ path: String, _ json: String? = nil) throws -> Answered {
            try box.ask(method, "/api/\(path)", token, json)
        }
        try eventually("readings are stored") {
            let page = try ask("GET", "readings?tag_number=PT-101&hours=1").object
            return (page["items"] as? [Any])?.isEmpty == false
        }
        let live = try #require(try ask("GET", "instruments/live-readings").list.first)
        #expect(live["tag_number"] as? String == "PT-101" && live["stale"] as? Bool == false)
        let trend = try ask("GET", "readings/trends?tag_number=PT-101&hours=1").object
        #expect((trend["points"] as? [Any])?.isEmpty == false)
        let bus = try #require(try ask("GET", "buses").list.first)
        let module = try #require((bus["modules"] as? [[String: Any]])?.first)
        #expect((module["last_request_hex"] as? String)?.isEmpty == false)
        #expect((module["last_reply_hex"] as? String)?.isEmpty == false)

        #expect(
            try ask("POST", "instruments/PT-101/maintenance", #"{"minutes":5,"note":"x"}"#).status
                == 204
        )
        let status = try ask("GET", "instruments/PT-101/status").object
        #expect(status["suppressed_until"] is String)
        #expect(try ask("DELETE", "instruments/PT-101/maintenance").status == 204)
        #expect(try ask("DELETE", "instruments/PT-101/maintenance").status == 409)
        let calibration =
            #"{"tag_number":"PT-101","performed_at":"2025-01-01T00:00:00Z","passed":true,"as_found_value":8,"reference_value":8.08}"#
        let recorded = try ask("POST", "calibrations", calibration)
        #expect(recorded.status == 201)
        #expect(recorded.object["as_found_error_percent"] as? Double == -0.5)
        #expect(try ask("GET", "calibrations?tag_number=PT-101").list.count == 1)
        #expect(try ask("POST", "ml/train/PT-101").status == 409)
        #expect(try ask("POST", "ml/models/PT-101/activate/1").status == 404)

        try eventually("what was done is in the audit log") {
            let audit = try ask("GET", "audit?limit=100").object
            let actions = (audit["items"] as? [[String: Any]] ?? []).compactMap {
                $0["action"] as? String
            }
            return Set(actions).isSuperset(of: ["command.maintenance", "command.end-maintenance"])
        }
        #expect(try ask("GET", "audit/verify").object["valid"] as? Bool == true)
        #expect(try box.stop() == 0)
    }

    @Test("Every answer of the API is what its description says, whatever is asked")
    func contract() throws {
        let slaves = try PymodbusSlaves()
        let (box, token) = try Self.box(slaves)
        let settings = try box.folder.write(
            """
            [checks.positive_data_acceptance]
            # What a description cannot say: a tag that nobody has, a span that ends before it begins.
            expected-statuses = ["2xx", "401", "403", "404", "409", "422"]
            """,
            to: "schemathesis.toml"
        )
        let program = (python as NSString).deletingLastPathComponent + "/schemathesis"
        // What ends the session, the stream that never ends; and nothing retires what others ask about.
        let excluded = ["/api/events", "/api/auth/logout", "/api/auth/password"]
        let run = try ChildProcess(
            program,
            [
                "--config-file", settings, "run",
                "http://127.0.0.1:\(box.pagePort)/api/openapi.json", "-H",
                "Authorization: Bearer \(token)", "--seed", "1", "--generation-deterministic",
                "--max-examples", "6", "--phases", "examples,coverage,fuzzing", "--max-time", "150",
                "--no-shrink", "--suppress-health-check", "all", "--warnings", "off",
                "--request-timeout", "30", "--no-color", "--exclude-path-regex",
                "^/api/(setup|auth/login)$", "--exclude-operation-id", "delete_instruments_id",
            ] + excluded.flatMap { ["--exclude-path", $0] },
            directory: box.folder.path
        )
        let code = try run.wait(within: 400)
        #expect(code == 0, "\(run.output.suffix(150).joined(separator: "\n"))")
        #expect(try box.health().status == 200)
        #expect(try box.stop() == 0)
    }
}

/// An answer of the API.
struct Answered {
    var status: Int
    var text: String
    private var json: Any? { try? JSONSerialization.jsonObject(with: Data(text.utf8)) }
    var object: [String: Any] { json as? [String: Any] ?? [:] }
    var list: [[String: Any]] { json as? [[String: Any]] ?? [] }
}

extension Box {
    /// Makes the first admin with the code that the daemon told, and gives its token.
    func signInFirst() throws -> String {
        var told: String?
        try eventually("the set-up code is told") {
            told = daemon?.output.first { $0.contains("set-up code: ") }
            return told != nil
        }
        let code = try #require(told?.components(separatedBy: "set-up code: ").last?.prefix(19))
        let answer = try ask(
            "POST",
            "/api/setup",
            "",
            #"{"code":"\#(code)","employee_number":"4711","full_name":"Anna","password":"lantern on the quay"}"#
        )
        guard let token = answer.object["access_token"] as? String else {
            throw TestFailure("no first admin: \(answer.text)")
        }
        return token
    }

    /// One request of the API.
    func ask(
        _ method: String,
        _ path: String,
        _ token: String,
        _ json: String? = nil
    ) throws -> Answered {
        var lines = ["\(method) \(path) HTTP/1.1", "Host: 127.0.0.1", "Connection: close"]
        if !token.isEmpty { lines.append("Authorization: Bearer \(token)") }
        if let json {
            lines += ["Content-Type: application/json", "Content-Length: \(json.utf8.count)"]
        }
        let request = lines.joined(separator: "\r\n") + "\r\n\r\n" + (json ?? "")
        let answer = try RawConnection(port: Int(pagePort)).ask(request)
        let status = answer.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
        let body = answer.range(of: "\r\n\r\n").map { String(answer[$0.upperBound...]) } ?? ""
        return Answered(status: status, text: body)
    }
}
