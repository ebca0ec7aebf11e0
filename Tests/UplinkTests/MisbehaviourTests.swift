import Foundation
import GatewayCore
import Runtime
import Signal
import TestSupport
import Testing

@testable import Uplink

@Suite("Brokers that misbehave")
struct Misbehaviour {
    @Test("A broker that never acknowledges gets one window, and is left at the deadline")
    func neverAcknowledges() throws {
        let broker = try StandInBroker(onPublish: { _ in [] })
        let watched = try Watched(
            connection([broker.port], inFlight: 10, ackDeadline: .seconds(1)),
            policy: ReconnectPolicy(first: .seconds(600), last: .seconds(1200))
        )
        try watched.waitUp()
        watched.send(1...100)
        try watched.waitDown()
        #expect(watched.downs == [.acknowledgementOverdue])
        #expect(watched.outcomes.map(\.id) == Array(1...100))
        #expect(watched.outcomes.allSatisfy { $0.outcome == .unsent })
        // The birth is out, too.
        #expect(broker.publishes.count == 10)
        #expect(broker.connects == 1)
        #expect(watched.end())
    }

    @Test(
        "The window is never exceeded, and a smaller one of the broker is kept to",
        arguments: [1, 5, 300]
    )
    func receiveMaximum(limit: Int) throws {
        let waiting = Locked<[UInt16]>([])
        let highest = Locked(0)
        let broker = try StandInBroker(
            onConnect: { _ in
                [0x20, 6, 0, 0, 3, 0x21, UInt8(limit >> 8), UInt8(limit & 0xFF)]
            },
            onPublish: { publish in
                // Nothing is acknowledged before the window must be full.
                waiting.withLock { waiting in
                    waiting.append(publish.wire)
                    highest.withLock { $0 = max($0, waiting.count) }
                    guard waiting.count == min(limit, 20) else { return [] }
                    defer { waiting.removeAll() }
                    return waiting.flatMap { StandInBroker.acknowledge($0) }
                }
            }
        )
        let watched = try Watched(connection([broker.port], inFlight: 20))
        try watched.waitUp()
        let total = UInt64(20 * 30 - 1)  // With the birth, whole windows.
        watched.send(1...total)
        try watched.waitOutcomes(Int(total))
        #expect(highest.withLock { $0 } == min(limit, 20))
        #expect(watched.outcomes.allSatisfy { $0.outcome == .delivered(hadSubscribers: true) })
        #expect(broker.connects == 1)
        #expect(watched.end())
    }

    @Test("What the broker's window keeps back is not counted as sent")
    func keptBack() throws {
        let broker = try StandInBroker(
            onConnect: { _ in [0x20, 6, 0, 0, 3, 0x21, 0, 5] },
            onPublish: { _ in [] }
        )
        let watched = try Watched(connection([broker.port], ackDeadline: .seconds(1)))
        try watched.waitUp()
        watched.send(1...100)
        try watched.waitDown()
        #expect(broker.publishes.count == 5)
        #expect(watched.link.counters.sent == 4)
        #expect(watched.end())
    }

    @Test("Acknowledgements in reverse order are matched")
    func reverse() throws {
        let waiting = Locked<[UInt16]>([])
        let broker = try StandInBroker(onPublish: { publish in
            waiting.withLock { waiting in
                waiting.append(publish.wire)
                guard waiting.count == 20 else { return [] }
                defer { waiting.removeAll() }
                return waiting.reversed().flatMap {
                    StandInBroker.acknowledge($0, reason: $0 % 2 == 0 ? 0x10 : 0)
                }
            }
        })
        let watched = try Watched(connection([broker.port], inFlight: 20))
        try watched.waitUp()
        watched.send(1...199)
        try watched.waitOutcomes(199)
        for (id, outcome) in watched.outcomes {
            // The birth took wire id 1, so message n has wire id n + 1.
            #expect(outcome == .delivered(hadSubscribers: (id + 1) % 2 != 0))
        }
        #expect(watched.outcomes.first?.id == 19)
        #expect(watched.end())
    }

    @Test("Unknown and repeated acknowledgements answer nothing twice and confuse nothing")
    func strangers() throws {
        let broker = try StandInBroker(onPublish: { publish in
            let right = StandInBroker.acknowledge(publish.wire)
            let wrong = StandInBroker.acknowledge(publish.wire &+ 30_000, reason: 0x97)
            return wrong + right + right
        })
        let watched = try Watched(connection([broker.port], inFlight: 5))
        // Whether the library shrugs or hangs up, what is unsent is sent again.
        var waiting = Set<UInt64>(1...50)
        var answered = 0
        for round in 1...200 where !waiting.isEmpty {
            try watched.waitUp(round)
            let wanted = waiting.sorted()
            watched.link.publish(
                wanted.map {
                    OutgoingMessage(
                        id: $0,
                        content: .reading(reading($0), epoch: 1, historical: false)
                    )
                }
            )
            try watched.waitOutcomes(answered + wanted.count)
            for (id, outcome) in watched.outcomes[answered...] where outcome != .unsent {
                #expect(outcome == .delivered(hadSubscribers: true))
                #expect(waiting.remove(id) != nil)
            }
            answered += wanted.count
        }
        #expect(waiting.isEmpty)
        #expect(watched.end())
        #expect(watched.outcomes.count == answered)
    }

    @Test("A broker that passes one message over is left, though it acknowledges the rest")
    func passesOver() throws {
        let broker = try StandInBroker(onPublish: {
            $0.connection == 1 && $0.payload.contains("\"seq\":1,")
                ? [] : StandInBroker.acknowledge($0.wire)
        })
        let watched = try Watched(connection([broker.port], ackDeadline: .seconds(1)))
        try watched.waitUp()
        var next: UInt64 = 1
        try eventually("it is left") {
            if next < 2000 { watched.send(next...next) }
            next += 1
            return !watched.downs.isEmpty
        }
        #expect(watched.downs.first == .acknowledgementOverdue)
        #expect(watched.outcomes.contains { $0.id == 1 && $0.outcome == .unsent })
        #expect(watched.end())
    }

    @Test("A broker that knows only the older protocol is told as such")
    func olderBroker() throws {
        let broker = try StandInBroker(onConnect: { _ in [0x20, 2, 0, 1] })
        let watched = try Watched(connection([broker.port]))
        try watched.waitDown()
        #expect(watched.downs.first == .refusedByBroker(reason: 0x84))
        #expect(watched.end())
    }

    @Test("A message refused by quota is told, and the connection stays")
    func quota() throws {
        let broker = try StandInBroker(onPublish: {
            StandInBroker.acknowledge($0.wire, reason: $0.topic.contains("status") ? 0 : 0x97)
        })
        let watched = try Watched(connection([broker.port]))
        try watched.waitUp()
        watched.send(1...3)
        try watched.waitOutcomes(3)
        #expect(watched.outcomes.allSatisfy { $0.outcome == .refused(reason: 0x97) })
        #expect(watched.downs.isEmpty)
        #expect(watched.end())
    }

    @Test(
        "A refused connection is told with its reason and tried for ever",
        arguments: [
            UInt8(0x87), 0x88, 0x89, 0x97, 0x9F,
        ]
    )
    func refused(reason: UInt8) throws {
        let broker = try StandInBroker(onConnect: {
            $0 < 4 ? [0x20, 3, 0, reason, 0] : StandInBroker.accepts
        })
        let watched = try Watched(connection([broker.port]))
        try watched.waitUp()
        #expect(watched.downs == Array(repeating: .refusedByBroker(reason: reason), count: 3))
        #expect(watched.end())
    }

    @Test(
        "A broker that closes is quoted",
        arguments: [
            (UInt8(0x8E), "session taken over"), (0x8B, "server shutting down"),
            (0x97, "quota exceeded"),
        ]
    )
    func closes(reason: UInt8, words: String) throws {
        let broker = try StandInBroker(onPublish: { publish in
            publish.connection == 1
                ? [0xE0, 2, reason, 0] : StandInBroker.acknowledge(publish.wire)
        })
        let watched = try Watched(connection([broker.port]))
        try watched.waitUp(2)
        guard case .linkLost(let said) = try #require(watched.downs.first) else {
            Issue.record("\(watched.downs)")
            return
        }
        #expect(said.contains(words))
        #expect(watched.end())
    }

    @Test("A broker that takes the connection and says nothing is left at the deadline")
    func silent() throws {
        let broker = try StandInBroker(onConnect: { _ in [] })
        let watched = try Watched(
            connection([broker.port]),
            policy: ReconnectPolicy(
                first: .milliseconds(20),
                last: .seconds(1),
                connectDeadline: .seconds(1)
            )
        )
        watched.send(1...3)
        try watched.waitDown()
        guard case .linkLost(let words) = try #require(watched.downs.first) else {
            Issue.record("\(watched.downs)")
            return
        }
        #expect(words.contains("did not answer CONNECT"))
        #expect(watched.outcomes.count == 3)
        #expect(watched.end())
    }

    @Test("A stop does not wait for a broker that says nothing")
    func stopWhileConnecting() throws {
        let broker = try StandInBroker(onConnect: { _ in [] })
        let watched = try Watched(
            connection([broker.port]),
            policy: ReconnectPolicy(connectDeadline: .seconds(600))
        )
        try eventually("it has our CONNECT") { broker.connects == 1 }
        #expect(watched.end())
        #expect(watched.everything == [.down(.stopped)])
    }

    @Test("A broker that hangs up in the middle costs a reconnect and nothing else")
    func hangsUp() throws {
        let broker = try StandInBroker(onPublish: { publish in
            publish.connection == 1 && publish.payload.contains("\"seq\":5,")
                ? nil : StandInBroker.acknowledge(publish.wire)
        })
        let watched = try Watched(connection([broker.port], inFlight: 3))
        try watched.waitUp()
        watched.send(1...10)
        try watched.waitOutcomes(10)
        let unsent = watched.outcomes.filter { $0.outcome == .unsent }.map(\.id)
        #expect(unsent.contains(5))
        #expect(Set(watched.outcomes.map(\.id)) == Set(1...10))
        try watched.waitUp(2)
        watched.link.publish(
            unsent.map {
                OutgoingMessage(
                    id: $0,
                    content: .reading(reading($0), epoch: testEpoch, historical: false)
                )
            }
        )
        try watched.waitOutcomes(10 + unsent.count)
        // Same identity, same bytes.
        let readings = broker.publishes.filter { $0.topic.hasSuffix("/reading") }
        for (_, copies) in Dictionary(grouping: readings, by: { $0.payload.prefix(200) }) {
            #expect(Set(copies.map(\.payload)).count == 1)
        }
        #expect(watched.end())
    }

    @Test("Garbage from the broker costs a reconnect, never the process", arguments: 1...6)
    func garbage(seed: UInt64) throws {
        let rounds = 40
        let broker = try StandInBroker(
            onConnect: { connection in
                guard connection <= rounds else { return StandInBroker.accepts }
                var random = Seeded(state: seed &* 1000 &+ UInt64(connection))
                var bytes = connection % 2 == 0 ? [] : StandInBroker.accepts
                for _ in 0..<Int.random(in: 1...400, using: &random) {
                    bytes.append(UInt8.random(in: 0...255, using: &random))
                }
                // A length that never ends would only wait for the deadline.
                return bytes + [0x40, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]
            },
            onPublish: { publish in
                publish.connection <= rounds ? nil : StandInBroker.acknowledge(publish.wire)
            }
        )
        let watched = try Watched(
            connection([broker.port], ackDeadline: .seconds(1), acceptsCommands: true),
            policy: ReconnectPolicy(
                first: .zero,
                last: .zero,
                connectDeadline: .seconds(1)
            )
        )
        try eventually("all the garbage is through", within: 120) { broker.connects > rounds }
        let before = watched.outcomes.count
        #expect(before == 0)
        try eventually("a good connection delivers", within: 60) {
            let done = watched.outcomes.contains { $0.outcome == .delivered(hadSubscribers: true) }
            if !done, broker.connects > rounds, watched.outcomes.count < 1000 {
                watched.send(1...1)
            }
            return done
        }
        #expect(watched.end())
    }

    @Test("A queue beyond its limit is answered at once")
    func queueLimit() throws {
        let watched = try Watched(connection([try freePort()]))
        watched.send(1...UInt64(UplinkLimits.queuedMessages + 1))
        try watched.waitOutcomes(UplinkLimits.queuedMessages + 1)
        #expect(watched.end())
    }
}
