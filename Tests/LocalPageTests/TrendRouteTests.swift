import Foundation
import GatewayCore
import Journal
import Signal
import TestSupport
import Testing

@testable import LocalPage

@Suite("Trends and stored readings over HTTP")
struct TrendRouteTests {
    @Test("A trend keeps the one reading that stands out, whatever it is joined with")
    func peak() async throws {
        let box = try await APIBox { journal in
            try await APIBox.readings(-7_200..<0, into: journal) { $0 == -3_333 ? 15.5 : 8 }
        }
        for (hours, points) in [(1, 10), (2, 600), (24, 600), (168, 50)] {
            let path = "/api/readings/trends?tag_number=PT-101&hours=\(hours)&points=\(points)"
            let answer = try await box.ask("GET", path, as: "technician")
            #expect(answer.status == 200)
            let found = try #require(answer.json["points"] as? [[String: Any]])
            #expect(found.count <= points + 1)
            #expect(found.compactMap { $0["max"] as? Double }.max() == 15.5, "\(hours) h")
            let statistics = try #require(answer.json["statistics"] as? [String: Any])
            #expect(statistics["max"] as? Double == 15.5 && statistics["min"] as? Double == 8)
        }
    }

    @Test("A trend says where nothing came, and where what came was bad")
    func gaps() async throws {
        let box = try await APIBox { journal in
            try await APIBox.readings(-3_600..<0, silent: -2_000 ..< -1_000, into: journal) {
                (-500 ..< -400).contains($0) ? nil : 8
            }
        }
        let span = "from=\(APIBox.time(-3_600))&to=\(APIBox.time(0))"
        let answer = try await box.ask(
            "GET",
            "/api/readings/trends?tag_number=PT-101&\(span)&points=3000"
        )
        let gaps = try #require(answer.json["gaps"] as? [[String: String]])
        #expect(gaps.count == 1)
        #expect(gaps.first?["from"] == APIBox.time(-2_001))
        #expect(gaps.first?["to"] == APIBox.time(-1_000))
        let statistics = try #require(answer.json["statistics"] as? [String: Any])
        #expect(statistics["bad"] as? Int == 100)
        #expect(answer.json["level"] as? String == "raw")
        #expect((answer.json["limits"] as? [String: Any])?["high"] as? Double == 12)
    }

    @Test("Every stored reading is on exactly one page, and once in the export")
    func pages() async throws {
        let box = try await APIBox { journal in
            try await APIBox.readings(-5_000..<0, into: journal) { Double($0) }
        }
        var seen: [Double] = []
        var after = ""
        repeat {
            let path = "/api/readings?tag_number=PT-101&hours=2&limit=700\(after)"
            let page = try await box.ask("GET", path).json
            seen += (page["items"] as? [[String: Any]] ?? []).compactMap { $0["value"] as? Double }
            after = (page["next"] as? String).map { "&after=\($0)" } ?? ""
        } while !after.isEmpty
        #expect(seen == (-5_000..<0).map { Double($0) })
        let path = "/api/readings/export?tag_number=PT-101&hours=2"
        let request = APIBox.request("GET", path, as: "technician")
        let csv = try await onThread { [port = box.port] in
            let connection = try RawConnection(port: port)
            connection.send(request)
            return try connection.read { $0.hasSuffix("\r\n0\r\n\r\n") }
        }
        #expect(csv.contains("text/csv"))
        #expect(csv.contains("time,tag,value,unit,mA,quality,reason,epoch,sequence\r\n"))
        #expect(csv.components(separatedBy: ",PT-101,").count == 5_001)
        #expect(csv.contains(",PT-101,-1.0,'=bar,12.0,good,ok,"), "a formula must be disarmed")
    }

    @Test(
        "A text that a spreadsheet would take for a formula or a new cell stays a text",
        arguments: [
            ("bar", "bar"), ("=1+1", "'=1+1"), ("+1", "'+1"), ("-1", "'-1"), ("@A1", "'@A1"),
            ("a,b", "\"a,b\""), ("say \"x\"", "\"say \"\"x\"\"\""), ("\ta", "'\ta"),
            ("=\"a\",b", "\"'=\"\"a\"\",b\""), ("two\r\nlines", "\"two\r\nlines\""), ("", ""),
        ]
    )
    func cell(text: String, cell: String) { #expect(CSV.cell(text) == cell) }

    @Test("An export is a job whose file can be fetched when it is done")
    func export() async throws {
        let box = try await APIBox { journal in
            try await APIBox.readings(-600..<0, into: journal) { Double($0) }
        }
        let body = #"{"from":"\#(APIBox.time(-600))","to":"\#(APIBox.time(0))"}"#
        let begun = try await box.ask("POST", "/api/exports", json: body)
        #expect(begun.status == 202)
        let job = try #require(begun.json["job"] as? String)
        var state = ""
        for _ in 0..<2_000 where state != "done" {
            let answer = try await box.ask("GET", "/api/jobs/\(job)")
            state = try #require(answer.json["state"] as? String)
            #expect(state != "failed", "\(answer.body)")
        }
        let request = APIBox.request("GET", "/api/exports/\(job)", as: "technician")
        let csv = try await onThread { [port = box.port] in
            let connection = try RawConnection(port: port)
            connection.send(request)
            return try connection.read { $0.hasSuffix("\r\n0\r\n\r\n") }
        }
        #expect(csv.components(separatedBy: ",PT-101,").count == 601)
        #expect(try await box.ask("GET", "/api/exports/export-99").status == 404)
    }
}
