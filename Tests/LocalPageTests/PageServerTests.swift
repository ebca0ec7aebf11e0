import Foundation
import GatewayCore
import Signal
import TestSupport
import Testing

@testable import LocalPage

@Suite struct PageServerTests {
    static func snapshot() throws -> GatewaySnapshot {
        let now = Stamp(
            monotonic: MonotonicTime(nanoseconds: 5_000_000_000),
            wall: WallTime(nanosecondsSince1970: 1_767_300_000_000_000_000),
            clock: .synced
        )
        let settings = GatewaySettings(
            gateway: "gw \"quoted\"",
            instruments: [
                InstrumentSettings(
                    id: InstrumentID(rawValue: 1),
                    tag: try #require(Tag("PT-101")),
                    type: .pressure,
                    measuredVariable: "<script>alert(1)</script>",
                    span: try #require(Span(lrv: 0, urv: 10, unit: "bar\\\"")),
                    module: "none",
                    channel: 1
                )
            ]
        )
        let gateway = Gateway(
            settings: settings,
            epoch: 7,
            opening: StoreOpening(),
            at: now
        )
        return gateway.snapshot(at: now.monotonic)
    }

    /// Serves `answer`, fetches `path`, and stops.
    private func fetch(
        _ path: String,
        from answer: GatewaySnapshot?,
        host: String = "127.0.0.1"
    ) async throws -> Answer {
        let box = try await PageBox(answer: answer, admin: false)
        return try await box.ask("GET", path, host: host)
    }

    @Test("health answers 503 when the gateway does not, and 200 with reasons when it does")
    func health() async throws {
        let silent = try await fetch("/health", from: nil)
        #expect(silent.status == 503)
        #expect(silent.body.contains("does not answer"))
        // Whatever name a monitor knows the gateway by.
        let fine = try await fetch("/health", from: Self.snapshot(), host: "gw.monitor.example")
        #expect(fine.status == 200)
        #expect(fine.json["version"] as? String == "1.2.3")
    }

    @Test("metrics escape what labels must escape")
    func metrics() async throws {
        let reply = try await fetch("/metrics", from: Self.snapshot())
        #expect(reply.body.contains(#"gateway="gw \"quoted\"""#))
        #expect(reply.header("Content-Type") == "text/plain; version=0.0.4; charset=utf-8")
    }

    @Test(
        "the page's files are whole, allow no foreign script and are small",
        arguments: ["/", "/page/page.css", "/page/main.js"]
    )
    func files(path: String) async throws {
        let reply = try await fetch(path, from: Self.snapshot())
        #expect(reply.status == 200)
        #expect(reply.header("Content-Security-Policy") == SecurityHeaders.policy)
        #expect(reply.header("X-Content-Type-Options") == "nosniff")
        #expect(reply.header("X-Frame-Options") == "DENY")
        #expect(reply.header("Referrer-Policy") == "no-referrer")
        #expect((500..<100_000).contains(reply.body.utf8.count))
    }

    @Test(
        "an unknown path, and a path out of the folder, is not found",
        arguments: [
            "/nope", "/../etc/passwd", "/page/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd",
            "/..%2f..%2fetc%2fpasswd", "//etc/passwd", "/page.css/../page.css%00", "/api/nope",
            "/page/....//....//etc/passwd", "/page/\\..\\..\\etc\\passwd",
        ]
    )
    func unknown(path: String) async throws {
        let reply = try await fetch(path, from: Self.snapshot())
        #expect(reply.status == 404)
        #expect(reply.header("Content-Type") == "application/problem+json; charset=utf-8")
        #expect(reply.header("Content-Security-Policy") == SecurityHeaders.policy)
        #expect(!reply.body.contains("root:"))
    }
}
