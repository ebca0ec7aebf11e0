import Foundation
import GatewayCore
import Runtime
import Signal
import TestSupport
import Testing

@testable import LocalPage

@Suite("Server-sent events")
struct EventTests {
    private static func stream(_ box: APIBox) throws -> RawConnection {
        let connection = try RawConnection(port: box.port)
        connection.send(APIBox.request("GET", "/api/events", as: "technician"))
        return connection
    }

    /// Streams opened one after the other: of connections that are none yet, one address has few.
    private static func open(_ count: Int, _ box: APIBox) throws -> [RawConnection] {
        try (0..<count).map { _ in
            let connection = try stream(box)
            let begin = try connection.read { $0.contains("event: health") }
            try #require(begin.contains("event: health"), "\(begin.prefix(300))")
            return connection
        }
    }

    /// Whether one more stream is opened, rather than refused.
    private static func isOpen(_ box: APIBox) throws -> Bool {
        let connection = try stream(box)
        let answer = try connection.read {
            $0.contains("event: health") || $0.contains(#""status":503"#)
        }
        return answer.contains("event: health")
    }

    @Test("A stream begins with the whole state, and tells of an alert when it comes and goes")
    func changes() async throws {
        let box = try await APIBox()
        try await onThread {
            let stream = try Self.stream(box)
            let begin = try stream.read { $0.contains("event: health") }
            #expect(begin.lowercased().contains("content-type: text/event-stream"))
            #expect(begin.contains("event: readings\ndata: [{"))
            #expect(begin.contains("event: relay\ndata: {"))
            let alert = try JSONDecoder().decode(
                GatewaySnapshot.Alert.self,
                from: Data(Self.alert.utf8)
            )
            box.state.withLock { $0.snapshot?.alerts = [alert] }
            let raised = try stream.read { $0.contains("event: alert") && $0.contains("\n\n") }
            #expect(raised.contains(#""state":"raised""#))
            box.state.withLock { $0.snapshot?.alerts = [] }
            let gone = try stream.read { $0.contains(#""state":"resolved""#) }
            #expect(gone.contains(#""id":"0000000000000005-1""#))
        }
    }

    private static let alert = #"""
        {"id":"0000000000000005-1","subject":"PT-101","type":"rule_violation","detail":"high",
        "area":"","severity":"warning","state":"raised","alarmState":"unacknowledged",
        "isActive":true,"occurrences":1,"marks":[],"explanation":"","isNotice":false,
        "raisedAt":{"nanosecondsSince1970":1767312000000000000}}
        """#

    @Test("Thirty-two open pages cost one look at the gateway a second")
    func manyPages() async throws {
        let box = try await APIBox()
        let begin = monotonicNow()
        try await onThread {
            for stream in try Self.open(32, box) {
                let ticks = try stream.read {
                    $0.components(separatedBy: "event: readings").count > 3
                }
                #expect(ticks.components(separatedBy: "event: readings").count > 3)
            }
        }
        let seconds = Double(monotonicNow() - begin) / 1e9
        let looks = box.state.withLock { $0.snapshots }
        #expect(Double(looks) <= seconds + 2, "\(looks) looks in \(seconds) s")
    }

    @Test("A stream ends with the session that opened it")
    func sessionEnds() async throws {
        let box = try await APIBox()
        try await onThread {
            let stream = try Self.stream(box)
            _ = try stream.read { $0.contains("event: health") }
            box.state.withLock { $0.goesOn = false }
            _ = try stream.read { $0.hasSuffix("0\r\n\r\n") }
        }
    }

    @Test("There are no more streams than the limit says; a place is free again when a page closes")
    func limit() async throws {
        let box = try await APIBox()
        try await onThread {
            var streams = try Self.open(Limits.eventStreams, box)
            #expect(try !Self.isOpen(box))
            streams.removeFirst()
            try eventually("a place is free") { try Self.isOpen(box) }
        }
    }

    @Test("A reader that does not keep up is let go, not buffered")
    func slowReader() async throws {
        let box = try await APIBox()
        let parts = APIParts(desk: box.desk)
        let hub = EventHub(
            desk: box.desk,
            snapshots: parts.snapshots,
            exports: parts.exports,
            tick: .milliseconds(5)
        )
        let slow = try await hub.open { true }
        let brisk = try await hub.open { true }
        let reading = Task {
            var count = 0
            for await _ in brisk.pieces { count += 1 }
            return count
        }
        var isLetGo = false
        for await _ in slow.letGo { isLetGo = true }
        #expect(isLetGo)
        var held = 0
        for await _ in slow.pieces { held += 1 }
        #expect(held <= Limits.waitingEvents)
        await hub.close(brisk.number)
        #expect(await reading.value > 0)
    }
}
