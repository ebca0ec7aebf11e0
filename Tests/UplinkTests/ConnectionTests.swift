import Foundation
import GatewayCore
import Runtime
import Signal
import TestSupport
import Testing

@testable import Uplink

@Suite("A connection and a real mosquitto")
struct Connections {
    private func sequence(of payload: String) -> Int? {
        guard let start = payload.range(of: "\"seq\":")?.upperBound else { return nil }
        return Int(payload[start...].prefix { $0.isNumber })
    }

    @Test(
        "Everything handed over is acknowledged and arrives in order",
        arguments: [
            ConnectionSettings.MQTTVersion.v5, .v311,
        ]
    )
    func order(version: ConnectionSettings.MQTTVersion) throws {
        let broker = try MosquittoBroker()
        try broker.start()
        let recorder = try MessageRecorder(broker, filter: "cimms/instruments/+/reading")
        let watched = try Watched(connection([broker.port], version: version))
        try watched.waitUp()
        watched.send(1...500)
        watched.send(501...1000)
        try watched.waitOutcomes(1000)
        #expect(watched.outcomes.allSatisfy { $0.outcome == .delivered(hadSubscribers: true) })
        let messages = try recorder.wait(for: 1000)
        #expect(messages.compactMap { sequence(of: $0.payload) } == Array(1...1000))
        #expect(messages.allSatisfy { !$0.retained })
        let counters = watched.link.counters
        #expect(watched.end())
        #expect(counters.connections == 1)
        #expect(watched.link.counters.delivered == 1000)
        #expect(watched.everything.last == .down(.stopped))
    }

    @Test("MQTT 5 tells that nobody has subscribed")
    func nobody() throws {
        let broker = try MosquittoBroker()
        try broker.start()
        let watched = try Watched(connection([broker.port]))
        try watched.waitUp()
        watched.send(1...3)
        try watched.waitOutcomes(3)
        #expect(watched.outcomes.allSatisfy { $0.outcome == .delivered(hadSubscribers: false) })
        #expect(watched.end())
        #expect(watched.link.counters.withoutSubscribers == 3)
    }

    @Test("What the broker's access list denies is refused with 0x87, and the rest goes on")
    func denied() throws {
        let broker = try MosquittoBroker(
            acl: [
                "topic readwrite cimms/instruments/gateways/#",
                "topic readwrite cimms/instruments/TT-205/#",
            ])
        try broker.start()
        let watched = try Watched(connection([broker.port]))
        try watched.waitUp()
        let denied = OutgoingMessage(
            id: 1,
            content: .reading(reading(1), epoch: 1, historical: false)
        )
        let allowed = OutgoingMessage(
            id: 2,
            content: .reading(reading(2, instrument: 2), epoch: 1, historical: false)
        )
        watched.link.publish([denied, allowed])
        try watched.waitOutcomes(2)
        #expect(
            watched.outcomes.map(\.outcome) == [
                .refused(reason: 0x87), .delivered(hadSubscribers: false),
            ]
        )
        #expect(watched.downs.isEmpty)
        #expect(watched.end())
    }

    @Test("A message larger than the broker takes is never sent, and the rest goes on")
    func tooLarge() throws {
        let broker = try MosquittoBroker(lines: ["max_packet_size 2000"])
        try broker.start()
        let watched = try Watched(connection([broker.port]))
        try watched.waitUp()
        let large = String(repeating: "x", count: 3000)
        watched.link.publish([
            OutgoingMessage(id: 1, content: .health("{\"x\":\"\(large)\"}")),
            OutgoingMessage(id: 2, content: .health("{}")),
            OutgoingMessage(
                id: 3,
                content: .health(
                    String(repeating: "y", count: UplinkLimits.messageBytes + 1)
                )
            ),
        ])
        try watched.waitOutcomes(3)
        let byID = Dictionary(uniqueKeysWithValues: watched.outcomes.map { ($0.id, $0.outcome) })
        #expect(byID[1] == .tooLarge)
        #expect(byID[2] == .delivered(hadSubscribers: false))
        #expect(byID[3] == .tooLarge)
        #expect(watched.downs.isEmpty)
        #expect(watched.end())
    }

    @Test("The birth is retained, and a clean stop says so itself")
    func birthAndGoodbye() throws {
        let broker = try MosquittoBroker()
        try broker.start()
        let previous = BirthInfo.Previous(epoch: 9, lastReading: 100, lastRecord: 2)
        let watched = try Watched(connection([broker.port]), previous: previous)
        try watched.waitUp()
        let recorder = try MessageRecorder(
            broker,
            filter: "cimms/instruments/gateways/gw1/status"
        )
        let birth = try #require(try recorder.wait(for: 1).first)
        #expect(birth.retained)
        #expect(birth.payload.contains(#""state":"online""#))
        #expect(birth.payload.contains(#""previousEpoch":"0000000000000009""#))
        #expect(watched.end())
        let last = try #require(try recorder.wait(for: 2).last)
        #expect(last.payload.contains(#""state":"offline""#))
        #expect(last.payload.contains(#""reason":"stopped""#))
        // Give a wrongly kept will the time a second status message would take.
        try broker.publish("{}", to: "cimms/instruments/gateways/gw1/status")
        #expect(try recorder.wait(for: 3).count == 3)
    }

    @Test("When the gateway dies the broker tells it by the last will")
    func lastWill() throws {
        let broker = try MosquittoBroker()
        try broker.start()
        let recorder = try MessageRecorder(
            broker,
            filter: "cimms/instruments/gateways/gw1/status"
        )
        let watched = try Watched(connection([broker.port]))
        try recorder.wait(for: 1)
        // Another client with our id: the broker drops us without a good-bye, as a dead link would.
        let thief = try ChildProcess(
            "mosquitto_sub",
            ["-p", "\(broker.port)", "-V", "5", "-i", "gw1-test", "-t", "x", "-d"]
        )
        try watched.waitDown()
        let will = try #require(try recorder.wait(for: 2).dropFirst().first)
        #expect(will.payload.contains(#""state":"offline""#))
        #expect(will.payload.contains(#""reason":"lost""#))
        guard case .linkLost = try #require(watched.downs.first) else {
            Issue.record("\(watched.downs)")
            return
        }
        thief.stop()
        #expect(watched.end())
    }

    @Test("Through restarts of the broker everything arrives, repeats stay within the window")
    func restart() throws {
        let broker = try MosquittoBroker(
            lines: ["max_inflight_messages 50", "max_queued_messages 0"],
            persistent: true
        )
        try broker.start()
        let recorder = try MessageRecorder(
            broker,
            filter: "cimms/instruments/+/reading",
            session: "historian"
        )
        let window = 50
        let watched = try Watched(connection([broker.port], inFlight: window))
        let total: UInt64 = 6000
        var waiting = Set(1...total)
        var answered = 0
        for round in 1... {
            try watched.waitUp(round)
            let wanted = waiting.sorted()
            watched.link.publish(
                wanted.map {
                    OutgoingMessage(
                        id: $0,
                        content: .reading(reading($0), epoch: testEpoch, historical: round > 1)
                    )
                }
            )
            if round < 4 {
                try eventually("some delivered") { watched.outcomes.count > answered + 200 }
                broker.stop()
                try watched.waitDown(round)
                try broker.start()
            }
            try watched.waitOutcomes(answered + wanted.count)
            for (id, outcome) in watched.outcomes[answered...] where outcome != .unsent {
                #expect(outcome == .delivered(hadSubscribers: true))
                #expect(waiting.remove(id) != nil)
            }
            answered += wanted.count
            if waiting.isEmpty { break }
        }
        let messages = try recorder.wait(for: Int(total))
        try eventually("every identity") {
            Set(recorder.messages.compactMap { sequence(of: $0.payload) }).count == Int(total)
        }
        let published = recorder.messages.filter { !$0.redelivered }
        #expect(published.count - Int(total) <= 3 * window)
        #expect(messages.allSatisfy { $0.payload.contains(#""epoch":"3f9a1c2b44d0e1aa""#) })
        #expect(watched.end())
    }

    @Test("What was out when the broker was killed is answered unsent before the down")
    func unsentBeforeDown() throws {
        let broker = try MosquittoBroker(lines: ["max_inflight_messages 300"])
        try broker.start()
        let watched = try Watched(connection([broker.port]))
        try watched.waitUp()
        watched.send(501...501)
        try watched.waitOutcomes(1)
        broker.pause()
        watched.send(1...500)
        try eventually("200 out") { watched.link.counters.sent > 200 }
        broker.kill()
        try watched.waitDown()
        let down = try #require(
            watched.everything.firstIndex { if case .down = $0 { true } else { false } }
        )
        let answers = watched.everything[..<down].compactMap { item in
            if case .acknowledged(let id, .unsent) = item { id } else { nil }
        }
        #expect(answers == Array(1...500))
        #expect(watched.link.counters.sent == 201)
        #expect(watched.end())
    }

    @Test("A frozen broker is given up after the acknowledgement deadline")
    func frozen() throws {
        let broker = try MosquittoBroker()
        try broker.start()
        let watched = try Watched(connection([broker.port], ackDeadline: .seconds(1)))
        try watched.waitUp()
        broker.pause()
        watched.send(1...5)
        try watched.waitDown()
        #expect(watched.downs.first == .acknowledgementOverdue)
        #expect(watched.outcomes.prefix(5).allSatisfy { $0.outcome == .unsent })
        broker.resume()
        try watched.waitUp(2)
        #expect(watched.end())
    }

    @Test("An idle link to a frozen broker is given up after two keep-alives")
    func frozenAndIdle() throws {
        let broker = try MosquittoBroker()
        try broker.start()
        let watched = try Watched(connection([broker.port], keepAlive: .seconds(5)))
        try watched.waitUp()
        watched.send(1...1)
        try watched.waitOutcomes(1)
        let start = monotonicNow()
        broker.pause()
        try watched.waitDown()
        #expect(monotonicNow() - start < 40_000_000_000)
        guard case .linkLost = try #require(watched.downs.first) else {
            Issue.record("\(watched.downs)")
            return
        }
        broker.resume()
        #expect(watched.end())
    }

    @Test("A stop takes less than five seconds with a frozen broker")
    func stopWhileFrozen() throws {
        let broker = try MosquittoBroker()
        try broker.start()
        let watched = try Watched(connection([broker.port]))
        try watched.waitUp()
        broker.pause()
        watched.send(1...5)
        let start = monotonicNow()
        #expect(watched.end())
        // The promise is 5 s; the rest is for a busy machine.
        #expect(monotonicNow() - start < 10_000_000_000)
        #expect(watched.everything.last == .down(.stopped))
        #expect(watched.outcomes.map(\.outcome) == Array(repeating: .unsent, count: 5))
        broker.resume()
    }

    @Test("After the stop, and without a broker, everything is answered unsent")
    func nobodyThere() throws {
        let port = try freePort()
        let watched = try Watched(connection([port]))
        try watched.waitDown()
        #expect(watched.downs.first == .unreachable(errno: ECONNREFUSED))
        watched.send(1...3)
        try watched.waitOutcomes(3)
        #expect(watched.end())
        watched.send(4...5)
        #expect(watched.outcomes.map(\.outcome) == Array(repeating: .unsent, count: 5))
    }

    @Test("A name without an address is told as such")
    func noName() throws {
        let watched = try Watched(connection([1883], host: "no-such-host.invalid"))
        try watched.waitDown()
        #expect(watched.downs.first == .nameNotFound(host: "no-such-host.invalid"))
        #expect(watched.end())
    }

    @Test("The next broker of the list takes over, and the first again once it is back")
    func failover() throws {
        let home = try MosquittoBroker()
        let other = try MosquittoBroker()
        try other.start()
        let policy = ReconnectPolicy(
            first: .milliseconds(20),
            last: .seconds(1),
            homeInterval: .milliseconds(200)
        )
        let watched = try Watched(connection([home.port, other.port]), policy: policy)
        try watched.waitUp()
        #expect(watched.ups.first?.port == other.port)
        watched.send(1...10)
        try watched.waitOutcomes(10)
        let recorder = try MessageRecorder(
            other,
            filter: "cimms/instruments/gateways/gw1/status"
        )
        try recorder.wait(for: 1)
        try home.start()
        try watched.waitUp(2)
        #expect(watched.ups.last?.port == home.port)
        #expect(try recorder.wait(for: 2).last?.payload.contains(#""reason":"moved""#) == true)
        watched.send(11...20)
        try watched.waitOutcomes(20)
        #expect(watched.outcomes.allSatisfy { $0.outcome == .delivered(hadSubscribers: false) })
        home.kill()
        try watched.waitUp(3)
        #expect(watched.ups.last?.port == other.port)
        #expect(watched.end())
    }

    @Test(
        "Wrong credentials are told with the broker's reason",
        arguments: [
            ConnectionSettings.MQTTVersion.v5, .v311,
        ]
    )
    func credentials(version: ConnectionSettings.MQTTVersion) throws {
        let folder = try TemporaryFolder()
        let passwords = folder.file("passwords")
        let made = try ChildProcess("mosquitto_passwd", ["-b", "-c", passwords, "gw1", "right"])
        #expect(try made.wait() == 0)
        let broker = try MosquittoBroker(lines: [
            "password_file \(passwords)", "allow_anonymous false",
        ])
        try broker.start()
        var settings = connection([broker.port], version: version)
        settings.username = "gw1"
        settings.passwordFile = try folder.write("wrong\n", to: "secret")
        let refused = try Watched(settings)
        try refused.waitDown()
        #expect(refused.downs.first == .refusedByBroker(reason: 0x87))
        #expect(refused.end())
        try folder.write("right\n", to: "secret")
        let accepted = try Watched(settings)
        try accepted.waitUp()
        #expect(accepted.end())
        settings.passwordFile = folder.file("missing")
        let blind = try Watched(settings)
        try blind.waitDown()
        #expect(blind.downs.first?.words.contains("missing") == true)
        #expect(blind.end())
    }
}

@Suite("Commands from above")
struct Commands {
    private let topic = "cimms/instruments/gateways/gw1/commands"

    @Test(
        "A command arrives; a retained one arrives flagged",
        arguments: [
            ConnectionSettings.MQTTVersion.v5, .v311,
        ]
    )
    func arrives(version: ConnectionSettings.MQTTVersion) throws {
        let broker = try MosquittoBroker()
        try broker.start()
        try broker.publish(#"{"id":"old"}"#, to: "\(topic)/train", retained: true)
        let watched = try Watched(
            connection([broker.port], version: version, acceptsCommands: true)
        )
        try eventually("the retained one") { watched.commands.count == 1 }
        try broker.publish(#"{"id":"c-1"}"#, to: "\(topic)/acknowledge")
        try eventually("the fresh one") { watched.commands.count == 2 }
        #expect(
            watched.commands == [
                UplinkCommand(name: "train", payload: #"{"id":"old"}"#, retained: true),
                UplinkCommand(name: "acknowledge", payload: #"{"id":"c-1"}"#, retained: false),
            ]
        )
        watched.link.publish([
            OutgoingMessage(id: 1, content: .response(command: "c-1", body: "{}"))
        ])
        try watched.waitOutcomes(1)
        #expect(watched.end())
    }

    @Test(
        "Commands sent while the gateway is away wait for it",
        arguments: [
            ConnectionSettings.MQTTVersion.v5, .v311,
        ]
    )
    func waits(version: ConnectionSettings.MQTTVersion) throws {
        let broker = try MosquittoBroker()
        try broker.start()
        let settings = connection([broker.port], version: version, acceptsCommands: true)
        let first = try Watched(settings)
        try first.waitUp()
        try broker.logLine(containing: "Sending SUBACK to gw1-test")
        #expect(first.end())
        try broker.publish(#"{"id":"c-2"}"#, to: "\(topic)/shelve")
        let second = try Watched(settings)
        try eventually("the waiting one") { second.commands.count == 1 }
        #expect(second.commands.first?.name == "shelve")
        #expect(second.end())
    }

    @Test(
        "What is too large, not text or names no command is dropped and counted",
        arguments: [
            ConnectionSettings.MQTTVersion.v5, .v311,
        ]
    )
    func dropped(version: ConnectionSettings.MQTTVersion) throws {
        let broker = try MosquittoBroker()
        try broker.start()
        let watched = try Watched(
            connection([broker.port], version: version, acceptsCommands: true)
        )
        try broker.logLine(containing: "Sending SUBACK to gw1-test")
        let folder = try TemporaryFolder()
        let path = folder.file("large")
        try Data(repeating: 65, count: Limits.commandBytes + 1).write(
            to: URL(fileURLWithPath: path)
        )
        let large = try ChildProcess(
            "mosquitto_pub",
            ["-p", "\(broker.port)", "-q", "1", "-t", "\(topic)/resend", "-f", path]
        )
        #expect(try large.wait() == 0)
        try Data([0xFF, 0xFE]).write(to: URL(fileURLWithPath: path))
        let notText = try ChildProcess(
            "mosquitto_pub",
            ["-p", "\(broker.port)", "-q", "1", "-t", "\(topic)/resend", "-f", path]
        )
        #expect(try notText.wait() == 0)
        try broker.publish("{}", to: "\(topic)/a/b")
        try broker.publish("{}", to: topic)
        try broker.publish(String(repeating: "x", count: 60_000), to: "\(topic)/fits")
        try eventually("the one that fits") { watched.commands.count == 1 }
        #expect(watched.commands.first?.name == "fits")
        #expect(watched.downs.isEmpty)
        #expect(watched.end())
        #expect(watched.link.counters.commands == 1)
        #expect(watched.link.counters.commandsDropped == 4)
    }

    @Test("Without acceptsCommands nothing is subscribed")
    func deaf() throws {
        let broker = try MosquittoBroker()
        try broker.start()
        let watched = try Watched(connection([broker.port]))
        try watched.waitUp()
        watched.send(1...1)
        try watched.waitOutcomes(1)
        try broker.publish("{}", to: "\(topic)/train")
        #expect(watched.end())
        #expect(watched.commands.isEmpty)
        #expect(!broker.log.contains { $0.contains("SUBSCRIBE from gw1-test") })
    }
}
