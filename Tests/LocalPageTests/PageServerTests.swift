import Foundation
import GatewayCore
import Logging
import People
import Runtime
import Signal
import TestSupport
import Testing

@testable import LocalPage

@Suite struct PageServerTests {
    /// A gateway that answers with what the test says, or not at all.
    private struct Desk: PageDesk {
        let answer: GatewaySnapshot?
        let version = "1.2.3"
        func snapshot() async -> GatewaySnapshot? { answer }
        let settings = GatewaySettings(gateway: "gw")
        let logLevel = "info"
        func signedIn(bearing token: String) async -> SignedIn? { nil }
        func setLogLevel(_ level: String) {}
        func audit(_ entry: AuditEntry) async {}
        func carryOut(_ command: GatewayCommand, waiting: Bool) async -> ControlAnswer { .silence }
        func execute(_ name: String, _ payload: String, waiting: Bool) async -> ControlAnswer {
            .silence
        }
    }

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
    private func fetch(_ path: String, from answer: GatewaySnapshot?) async throws -> String {
        let listening = Mailbox<Int>()
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let server = PageServer(
            settings: PageSettings(host: "127.0.0.1", port: 0),
            desk: Desk(answer: answer),
            logger: logger,
            onListening: { listening.post($0) }
        )
        let serving = Task { try await server.run() }
        defer { serving.cancel() }
        return try await withCheckedThrowingContinuation { continuation in
            Thread {
                continuation.resume(
                    with: Result {
                        guard
                            let port = listening.take(until: monotonicNow() + 120_000_000_000)?
                                .first
                        else { throw TestFailure("the page never listened") }
                        let client = try ChildProcess(
                            python,
                            [
                                "-c",
                                """
                                import sys, urllib.request, urllib.error
                                try:
                                    reply = urllib.request.urlopen(sys.argv[1], timeout=20)
                                except urllib.error.HTTPError as error:
                                    reply = error
                                print(reply.status)
                                for name, value in reply.headers.items(): print(name.lower() + ": " + value)
                                print()
                                print(reply.read().decode())
                                """, "http://127.0.0.1:\(port)\(path)",
                            ]
                        )
                        _ = try client.wait(within: 60)
                        try eventually("the reply is read") { client.output.count > 3 }
                        return client.output.joined(separator: "\n")
                    }
                )
            }.start()
        }
    }

    @Test("health answers 503 when the gateway does not, and 200 with reasons when it does")
    func health() async throws {
        let silent = try await fetch("/health", from: nil)
        #expect(silent.hasPrefix("503"))
        #expect(silent.contains("does not answer"))
        let fine = try await fetch("/health", from: Self.snapshot())
        #expect(fine.hasPrefix("200"))
        #expect(fine.contains("\"version\":\"1.2.3\""))
    }

    @Test("metrics escape what labels must escape")
    func metrics() async throws {
        let reply = try await fetch("/metrics", from: Self.snapshot())
        #expect(reply.contains(#"gateway="gw \"quoted\"""#))
        #expect(reply.contains("text/plain; version=0.0.4"))
    }

    @Test(
        "the page's files are whole, allow no foreign script and are small",
        arguments: ["/", "/page/page.css", "/page/main.js"]
    )
    func files(path: String) async throws {
        let reply = try await fetch(path, from: Self.snapshot())
        #expect(reply.hasPrefix("200"))
        #expect(reply.contains("content-security-policy: default-src 'none'"))
        #expect(reply.contains("x-content-type-options: nosniff"))
        #expect((500..<100_000).contains(reply.utf8.count))
    }

    @Test(
        "an unknown path, and a path out of the folder, is not found",
        arguments: ["/nope", "/../etc/passwd"]
    )
    func unknown(path: String) async throws {
        #expect(try await fetch(path, from: Self.snapshot()).hasPrefix("404"))
    }
}
