import Detection
import Foundation
import GatewayCore
import Journal
import Signal
import TestSupport
import Testing

@testable import loopgate

extension EndToEndTests {
    /// When the recorded readings begin, in seconds since 1970: yesterday, well within retention.
    static let begin = Int64(Date().timeIntervalSince1970) / 3_600 * 3_600 - 86_400

    /// `hours` and `minutes` after the recorded readings begin.
    static func time(_ hours: Int64, _ minutes: Int64 = 0) -> String {
        Date(timeIntervalSince1970: Double(begin + hours * 3_600 + minutes * 60))
            .formatted(.iso8601)
    }

    /// Six hours of an instrument at 8 bar, a reading a second, stored as an earlier run would have:
    /// one bad reading in the sixth hour.
    static func fill(_ path: String) async throws {
        let tag = try #require(Tag("PT-101"))
        let (journal, _) = try await JournalStore.open(
            JournalSettings(path: path),
            connections: [],
            ballastBytes: 0
        )
        let id = try #require(try await journal.register([tag])[tag])
        var random = SeededGenerator(seed: 5)
        var sequence: UInt64 = 0
        for minute in 0..<360 {
            var rows: [SequencedReading] = []
            for second in 0..<60 {
                sequence += 1
                let at = Int64(minute * 60 + second)
                let value = 8 + 0.01 * random.normal()
                let isBad = at == 20_000
                rows.append(
                    SequencedReading(
                        sequence: sequence,
                        reading: Reading(
                            instrument: id,
                            stamp: Stamp(
                                monotonic: MonotonicTime(nanoseconds: at * 1_000_000_000),
                                wall: WallTime(
                                    nanosecondsSince1970: (begin + at) * 1_000_000_000
                                ),
                                clock: .synced
                            ),
                            raw: Int64(value * 1e6),
                            current: nil,
                            value: isBad ? nil : value,
                            quality: isBad ? .communication : .good
                        )
                    )
                )
            }
            let commit = Commit(id: UInt64(minute), epoch: 17, readings: rows)
            let outcome = await withCheckedContinuation { continuation in
                journal.commit(commit) { continuation.resume(returning: $0) }
            }
            _ = try outcome.result.get()
        }
        await journal.close()
    }

    @Test("a model is trained on recorded readings, versioned, rolled back and replayed")
    func models() async throws {
        let broker = try MosquittoBroker()
        try broker.start()
        defer { broker.stop() }
        let slaves = try PymodbusSlaves()
        let box = try Box()
        try await Self.fill(box.journal)
        try box.configure(
            """
            buses:
              - {name: net, link: tcp, host: 127.0.0.1, port: \(slaves.port)}
            modules:
              - {name: boiler, bus: net, unit: 1, profile: sequent-megaind, period: 1s}
            uplink:
              - {name: cmms, brokers: ["127.0.0.1:\(broker.port)"], commands: true}
            """,
            instruments: """
                  - tag: PT-101
                    type: pressure
                    unit: bar
                    lrv: 0
                    urv: 16
                    module: boiler
                    channel: 1
                    calibrationInterval: 365d
                """
        )
        let recorder = try MessageRecorder(broker, filter: "cimms/#")
        try box.start()
        let token = try box.signInFirst()
        let runtime = ["--runtime", box.folder.path, "--by", "4711"]
        let config = ["--config", box.configuration]
        func say(_ arguments: [String]) throws -> (code: Int32, text: String) {
            let command = try ChildProcess(Box.program, arguments)
            let code = try command.wait()
            return (code, command.output.joined(separator: "\n"))
        }

        let nothing = try say(["train", "PT-101"] + runtime)
        #expect(nothing.code != 0 && nothing.text.contains("no baseline of PT-101 is marked"))
        let short = try say(
            ["train", "PT-101", "--from", Self.time(0), "--to", Self.time(1)] + runtime
        )
        #expect(short.code != 0)
        #expect(short.text.contains("60 windows, 256 are needed: 196 are missing"))
        let bad = try say(
            ["train", "PT-101", "--from", Self.time(0), "--to", Self.time(6)] + runtime
        )
        #expect(bad.code != 0 && bad.text.contains("1 readings of the span are not good"))
        let first = try say(
            ["train", "PT-101", "--from", Self.time(0), "--to", Self.time(5)] + runtime
        )
        #expect(first.code == 0)
        #expect(first.text.hasPrefix("version 1 is in use: 300 windows of"))

        let marked = try say(
            ["baseline", "mark", "PT-101", "--from", Self.time(0, 30), "--to", Self.time(5, 30)]
                + runtime + ["--note", "after the overhaul"]
        )
        #expect(marked.code == 0)
        #expect(try say(["baseline", "list"] + config).text.contains(Self.time(5, 30)))
        let commands = "cimms/instruments/gateways/gw-test/commands/"
        let common = #""expires":"2999-01-01T00:00:00Z","by":"4711","tag":"PT-101""#
        try broker.publish(#"{"id":"t1",\#(common)}"#, to: commands + "train")
        try eventually("the model is trained by command") {
            recorder.messages.contains {
                $0.topic.hasSuffix("responses/t1")
                    && $0.payload.contains("version 2 is in use: 300 windows")
            }
        }
        #expect(
            recorder.messages.contains {
                $0.topic.hasSuffix("responses/t1")
                    && $0.payload.contains(#""status":"started""#)
            }
        )
        let list = try say(["models", "list", "PT-101"] + config).text
        #expect(list.contains("* 2  ") && list.contains("  1  "))
        #expect(list.contains("on \(Self.time(0, 30)) to \(Self.time(5, 30))"))
        #expect(try say(["models", "rollback", "PT-101"] + config + runtime).code == 0)
        #expect(try say(["models", "list", "PT-101"] + config).text.contains("* 1  "))
        let none = try say(["models", "activate", "PT-101", "9"] + runtime)
        #expect(none.code != 0 && none.text.contains("there are 2, 1"))

        let posted = try say(
            ["calibration", "add", "PT-101", "--failed", "--as-found", "8.4", "--reference", "8"]
                + runtime
        )
        #expect(posted.code == 0 && posted.text.contains("as found 8.4 bar (2.5 % of span)"))
        #expect(try say(["alerts", "--runtime", box.folder.path]).text.contains("failed its"))
        #expect(try say(["calibration", "list", "PT-101"] + config).text.contains("4711: failed"))

        // What is stored outlives the process.
        try box.kill()
        try box.start()
        let shown = try box.ask("GET", "/api/instruments/PT-101/status", token).object
        #expect((shown["model"] as? [String: Any])?["version"] as? Int == 1)
        #expect(shown["baseline"] is [String: Any])
        #expect((shown["calibration"] as? [String: Any])?["status"] as? String == "valid")

        let span = ["--from", Self.time(0), "--to", Self.time(6)]
        let replay = try say(["replay", "--tag", "PT-101"] + span + config)
        #expect(replay.code == 0 && replay.text.contains("version 1 of the model is in use"))
        #expect(replay.text.contains("21600 readings, 1 of bad quality; 0 findings would have"))
        #expect(try box.stop() == 0)
    }
}
