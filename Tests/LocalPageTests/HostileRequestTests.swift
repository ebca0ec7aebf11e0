import Foundation
import GatewayCore
import TestSupport
import Testing

@testable import LocalPage

@Suite("Requests that want to do harm, or are merely wrong")
struct HostileRequestTests {
    private static let values = [
        "", "NaN", "-NaN", "inf", "1e400", "-1", "0", "99999999999999999999999", "1.5", "0x10",
        "%00", "%ff%fe", "%F0%9F%92%A5", "..%2f..%2fetc%2fpasswd", "'%20OR%201=1--",
        "%3Cscript%3E", "true", "null", "ffffffffffffffff-18446744073709551615",
        "0000000000000005-99999999999999999999", "9999-12-31T23:59:59Z", "1970-01-01T00:00:00Z",
        String(repeating: "a", count: 5_000),
    ]

    @Test("No query makes the server trap or blame itself", arguments: values)
    func query(value: String) async throws {
        let box = try await APIBox { journal in
            try await APIBox.readings(-100..<0, into: journal) { Double($0) }
        }
        for operation in APIOperations.all
        where operation.method == "GET" && !operation.path.hasSuffix("/events") {
            let path = operation.path.replacing(/\{\w+\}/, with: value.isEmpty ? "x" : value)
            let filled = operation.query.map { "\($0.name)=\(value)" }.joined(separator: "&")
            let right = operation.query.filter(\.isRequired).map { "\($0.name)=PT-101" }
            for query in [filled, (right + ["unknown=\(value)"]).joined(separator: "&")] {
                let answer = try await box.ask("GET", "\(path)?\(query)")
                #expect(
                    [200, 400, 401, 404, 409, 422, 503].contains(answer.status)
                        || value.utf8.count > 1_000 && [414, 431].contains(answer.status),
                    "\(path)?\(query): \(answer.text.prefix(200))"
                )
                #expect(answer.status != 503 || answer.body.contains("does not answer"))
            }
        }
        #expect(try await box.ask("GET", "/api/instruments").status == 200)
    }

    @Test(
        "A refusal names the field",
        arguments: [
            ("readings/trends", "tag_number"),
            ("readings/trends?tag_number=PT-101&hours=x", "hours"),
            ("readings/trends?tag_number=PT-101&hours=NaN", "hours"),
            ("readings/trends?tag_number=PT-101&points=1e9", "points"),
            ("readings/trends?tag_number=PT-101&from=yesterday", "from"),
            ("readings/trends?tag_number=PT-101&from=2099-01-01T00:00:00Z", "from"),
            ("readings?tag_number=PT-101&after=5", "after"),
            ("readings?tag_number=PT-101&limit=0", "limit"),
            ("readings?tag_number=PT-101&limit=5&limit=6", "limit"),
            ("alerts?severity=worst", "severity"), ("alerts?colour=red", "colour"),
            ("instruments?retired=maybe", "retired"), ("instruments/live-readings?x=1", "x"),
        ]
    )
    func named(path: String, field: String) async throws {
        let box = try await APIBox()
        let answer = try await box.ask("GET", "/api/\(path)")
        #expect(answer.status == 422)
        #expect(answer.header("content-type")?.hasPrefix("application/problem+json") == true)
        #expect(answer.fields == [field])
    }

    @Test(
        "A body that is wrong is refused with its field",
        arguments: [
            ("alerts/0000000000000005-1/shelve", "{}", "minutes"),
            ("alerts/0000000000000005-1/shelve", #"{"minutes":-1}"#, "minutes"),
            ("alerts/0000000000000005-1/shelve", #"{"minutes":"ten"}"#, "minutes"),
            ("alerts/0000000000000005-1/acknowledge", #"{"nota":"x"}"#, "nota"),
            ("relay/test", #"{"seconds":1e300}"#, "seconds"),
            ("calibrations", #"{"tag_number":"PT-101","passed":true}"#, "performed_at"),
            ("exports", #"{"from":"2026-01-01T00:00:00Z","to":"2025-01-01T00:00:00Z"}"#, "from"),
            ("ml/train/PT-101", #"{"from":"2026-01-01T00:00:00Z"}"#, "to"),
            ("ml/baselines/PT-101", #"{"from":1,"to":2}"#, "from"),
        ]
    )
    func body(path: String, json: String, field: String) async throws {
        let box = try await APIBox()
        let answer = try await box.ask("POST", "/api/\(path)", json: json)
        #expect(answer.status == 422, "\(answer.text)")
        #expect(answer.fields == [field])
        #expect(box.state.withLock { $0.commands.isEmpty })
    }

    @Test(
        "What is no JSON object is a bad request, and what is too large is too large",
        arguments: [
            ("[1,2]", 400), ("{", 400), ("null", 400), (#"{"minutes":1e400}"#, 422),
            (String(repeating: "[", count: 5_000), 400),
            (String(repeating: " ", count: 70_000) + "{}", 413),
        ]
    )
    func notJSON(json: String, status: Int) async throws {
        let box = try await APIBox()
        let path = "/api/alerts/0000000000000005-1/shelve"
        #expect(try await box.ask("POST", path, json: json).status == status)
    }
}
