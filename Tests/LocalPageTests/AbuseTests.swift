import Foundation
import GatewayCore
import NIOCore
import NIOEmbedded
import Runtime
import TestSupport
import Testing

@testable import LocalPage

/// What a stranger on the network may try. Deadlines are those of a hung test, not of the promise:
/// each wait ends with the event itself.
@Suite struct AbuseTests {
    private let ask = PageBox.request("GET", "/page/page.css")

    @Test("A request that is too long is refused by name, and the connection is closed")
    func tooLong() async throws {
        let box = try await PageBox()
        let long = String(repeating: "x", count: 1 << 20)
        let many = (0..<10_000).map { "X-\($0): y\r\n" }.joined()
        let few = (0..<Limits.headerCount).map { "X-\($0): y\r\n" }.joined()
        let cases: [(Int, String)] = [
            (431, "GET /\(long) HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"),
            (431, "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: \(long)\r\n\r\n"),
            (431, "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: \(long)\r\n\r\n"),
            (431, "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\(many)\r\n"),
            (431, "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\(few)\r\n"),
            (413, PageBox.request("POST", "/api/auth/login", ["Content-Length: 1073741824"])),
            (413, PageBox.request("POST", "/", ["Content-Length: 65537"])),
        ]
        for (status, text) in cases {
            let reply = try await onThread { [port = box.port] in
                let client = try RawConnection(port: port)
                client.send(text)
                return Answer(try client.read())
            }
            #expect(reply.status == status)
            #expect(reply.header("Connection") == "close")
            #expect(reply.header("Content-Type") == "application/problem+json; charset=utf-8")
        }
        #expect(try await box.ask("GET", "/page/page.css").status == 200)
    }

    @Test("A body in chunks that never ends is refused at 64 KiB")
    func endless() async throws {
        let box = try await PageBox()
        let reply = try await onThread { [port = box.port] in
            let client = try RawConnection(port: port)
            client.send(
                "POST /api/auth/login HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                    + "Transfer-Encoding: chunked\r\n\r\n"
            )
            let chunk = "2000\r\n" + String(repeating: "x", count: 0x2000) + "\r\n"
            // The other side stops listening: then it is over.
            for _ in 0..<10_000 where !client.send(chunk) { break }
            return Answer(try client.read())
        }
        #expect(reply.status == 413)
    }

    @Test(
        "What is no HTTP, or could be read in two ways, is refused and closed",
        arguments: [
            "nonsense\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcd",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\nab\r\n0\r\n\r\n",
            "GET / HTTP/1.1\r\nHost : a\r\n\r\n", "GET / HTTP/1.1\r\nX: \u{0}\r\n\r\n",
        ]
    )
    func smuggled(text: String) async throws {
        let box = try await PageBox()
        let reply = try await onThread { [port = box.port] in
            let client = try RawConnection(port: port)
            client.send(text + PageBox.request("GET", "/page/page.css"))
            return try client.read()
        }
        #expect(!reply.contains("200 OK"), "the request behind it was served")
        #expect(try await box.ask("GET", "/page/page.css").status == 200)
    }

    @Test("Headers that dribble are cut off, and so is a request that never ends")
    func slow() async throws {
        let box = try await PageBox()
        for text in [
            "GET / HT", "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n\r\nab",
        ] {
            let began = monotonicNow()
            _ = try await onThread { [port = box.port] in
                let client = try RawConnection(port: port)
                client.send(text)
                return try client.read()
            }
            // Not at once: an honest client may take its time.
            #expect(monotonicNow() - began > Limits.headerTime.nanoseconds - 500_000_000)
        }
    }

    /// A connection on a loop whose clock the test moves, with an answered request behind it.
    private func watched() throws -> (EmbeddedChannel, ConnectionGuard) {
        let watch = ConnectionGuard(onBusy: { _ in }, onStream: {})
        let channel = EmbeddedChannel(handler: watch)
        try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
        watch.headIsWhole()
        watch.requestIsWhole()
        return (channel, watch)
    }

    @Test("An idle connection is closed after its time")
    func idle() throws {
        let (channel, watch) = try watched()
        watch.answerEnded()
        channel.embeddedEventLoop.advanceTime(by: Limits.idleTime - .milliseconds(1))
        #expect(channel.isActive)
        channel.embeddedEventLoop.advanceTime(by: .milliseconds(1))
        #expect(!channel.isActive)
    }

    @Test("A client may be slow to take its answer, but not take nothing for so long")
    func takesNothing() throws {
        let (channel, watch) = try watched()
        for _ in 0..<5 {
            watch.writes()
            channel.embeddedEventLoop.advanceTime(by: Limits.stalledTime - .milliseconds(1))
            #expect(channel.isActive)
            watch.wrote()
        }
        watch.writes()
        channel.embeddedEventLoop.advanceTime(by: Limits.stalledTime)
        #expect(!channel.isActive)
    }

    @Test("Five hundred connections that dribble: the owner gets in, from elsewhere and from there")
    func slowLoris() async throws {
        let box = try await PageBox()
        let open = try await onThread { [port = box.port] in
            var clients: [RawConnection] = []
            for index in 0..<500 {
                // Some are refused by then, which is as good.
                guard let client = try? RawConnection(port: port, from: "127.0.1.\(index % 50 + 1)")
                else { continue }
                client.send("GET / HTTP/1.1\r\nX-A: ")
                clients.append(client)
            }
            return clients
        }
        #expect(try await box.ask("GET", "/page/page.css").status == 200)
        #expect(try await box.ask("GET", "/page/page.css", from: "127.0.1.1").status == 200)
        #expect(try await box.signIn(from: "127.0.0.2").status == 200)
        withExtendedLifetime(open) {}
    }

    // MARK: The ledger

    @Test("So many connections from one address; an idle one makes way, a busy one does not")
    func perAddress() {
        var ledger = ConnectionLedger()
        let ids = (0..<Limits.connectionsPerAddress).map { _ in ledger.admit(from: "a").id }
        for id in ids { ledger.set(id, busy: true) }
        #expect(ledger.admit(from: "a").1 == .refused)
        #expect(ledger.admit(from: "b").1 == .admitted)
        ledger.set(ids[3], busy: false)
        ledger.set(ids[5], busy: false)
        #expect(ledger.admit(from: "a").1 == .instead(of: ids[3]))
        ledger.remove(ids[0])
        #expect(ledger.admit(from: "a").1 == .admitted)
    }

    @Test("In all so many: who has the most makes way for a stranger")
    func inAll() {
        var ledger = ConnectionLedger()
        var first: UInt64?
        for index in 0..<Limits.connections {
            let address = index < 8 ? "many" : "one-\(index)"
            let (id, admission) = ledger.admit(from: address)
            #expect(admission == .admitted)
            if first == nil { first = id }
        }
        #expect(ledger.admit(from: "stranger").1 == .instead(of: first ?? 0))
        #expect(ledger.count == Limits.connections)
    }

    @Test("Event streams do not count: 32 pages from one address stay open, and may ask")
    func streams() {
        var ledger = ConnectionLedger()
        for _ in 0..<32 {
            let (id, admission) = ledger.admit(from: "panel")
            #expect(admission == .admitted)
            ledger.set(id, busy: true)
            ledger.becomesStream(id)
        }
        #expect(ledger.count == 0)
        #expect(Limits.eventStreams >= 32)
        #expect(ledger.admit(from: "panel").1 == .admitted)
    }
}
