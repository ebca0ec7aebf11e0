import Foundation
import Runtime
import TestSupport
import Testing

/// The wall clock of a daemon under test: `Tests/Shims/wallclock.c`, preloaded.
private final class WallClock {
    private let folder: TemporaryFolder
    private let file: FileHandle
    let environment: [String: String]

    /// A clock that is off by `offset` seconds and not in step.
    init(offset: Double) throws {
        folder = try TemporaryFolder()
        let library = folder.file("wallclock.so")
        let source = projectFolder + "/Tests/Shims/wallclock.c"
        let compiler = try ChildProcess(
            "gcc",
            ["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o", library, source]
        )
        guard try compiler.wait() == 0 else { throw TestFailure("\(compiler.output)") }
        let path = try folder.write(String(repeating: "\0", count: 16), to: "clock")
        guard let file = FileHandle(forUpdatingAtPath: path) else { throw TestFailure(path) }
        self.file = file
        environment = ["LD_PRELOAD": library, "WALLCLOCK": path]
        try set(offset: offset, inStep: false)
    }

    func set(offset: Double, inStep: Bool) throws {
        var bytes = Data()
        for number in [Int64(offset * 1e9), inStep ? 1 : 0] {
            withUnsafeBytes(of: number.littleEndian) { bytes.append(contentsOf: $0) }
        }
        try file.seek(toOffset: 0)
        try file.write(contentsOf: bytes)
    }
}

/// A reading's message, by what its time says.
private struct Timed {
    var topic: String
    var sequence: Int
    var time: Date?
    var isHistorical: Bool

    init?(_ message: MessageRecorder.Message) {
        guard message.topic.hasSuffix("/reading"),
            let body = try? JSONSerialization.jsonObject(with: Data(message.payload.utf8))
                as? [String: Any],
            let sequence = body["seq"] as? Int
        else { return nil }
        topic = message.topic
        self.sequence = sequence
        isHistorical = body["historical"] as? Bool ?? false
        let style = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
        time = (body["timestamp"] as? String).flatMap { try? style.parse($0) }
    }
}

extension EndToEndTests {
    @Test(
        "a box that starts in 1970 and is set in mid-outage: times are right, each corrected once"
    )
    func unsetClock() throws {
        let broker = try MosquittoBroker(lines: ["max_queued_messages 0"], persistent: true)
        try broker.start()
        defer { broker.stop() }
        let plant = try LoadPlant()
        defer { plant.stop() }
        let began = Date()
        let clock = try WallClock(offset: 3600 - began.timeIntervalSince1970)
        let box = try Box()
        box.clock = "{source: ntp}"
        box.environment = clock.environment
        try plant.configure(box, broker: broker.port)
        let recorder = try MessageRecorder(
            broker,
            filter: "cimms/instruments/+/reading",
            session: "judge"
        )
        func timed() -> [Timed] { recorder.messages.compactMap { Timed($0) } }
        try box.start()

        // Live, without a time: better none than one of 1970.
        try eventually("live readings") { timed().count > 100 }
        #expect(timed().allSatisfy { $0.time == nil })

        // What waits while the clock is unset goes on waiting, though the broker is back.
        broker.stop()
        try eventually("a backlog", within: 60) { try box.uplink().backlog > 300 }
        try broker.start()
        try eventually("the broker is back", within: 60) { try box.uplink().isUp }
        let back = timed().count
        try eventually("live readings again") { timed().count > back + 300 }
        #expect(timed().allSatisfy { $0.time == nil })
        #expect(try box.uplink().backlog > 100)

        // Set in the middle of another outage.
        broker.stop()
        try eventually("the gateway notices") { try box.uplink().isUp == false }
        let unset = try box.uplink().backlog
        try eventually("more backlog", within: 60) { try box.uplink().backlog > unset + 200 }
        try clock.set(offset: 0, inStep: true)
        let daemon = try #require(box.daemon)
        try daemon.line(containing: "the clock is set")
        let known = try box.uplink().backlog
        try eventually("more backlog", within: 60) { try box.uplink().backlog > known + 200 }
        try broker.start()
        try eventually("the backlog is gone", within: 90) {
            let uplink = try box.uplink()
            return uplink.isUp && uplink.backlog < 50
        }
        // A later step corrects nothing again.
        try clock.set(offset: 7200, inStep: true)
        let ahead = timed().count
        try eventually("readings after the step") { timed().count > ahead + 300 }
        #expect(try box.stop() == 0)
        let ended = Date()

        let all = timed()
        let told = all.filter { $0.time != nil }
        let historical = all.filter(\.isHistorical)
        #expect(historical.allSatisfy { $0.time != nil })
        #expect(
            historical.count > 500,
            "\(historical.count) historical, \(all.count) in all, \(told.count) with a time"
        )
        var last: [String: Date] = [:]
        for reading in told {
            let time = try #require(reading.time)
            let isAhead = time > ended
            let right = isAhead ? time.addingTimeInterval(-7200) : time
            #expect(right > began.addingTimeInterval(-1) && right < ended.addingTimeInterval(1))
            #expect(!reading.isHistorical || !isAhead)
            #expect(time > last[reading.topic] ?? .distantPast, "\(reading)")
            last[reading.topic] = max(time, last[reading.topic] ?? .distantPast)
        }
        // In the journal every time is corrected, those of rollups with them.
        let stat = try ChildProcess(Box.program, ["journal", "stat", "--file", box.journal])
        #expect(try stat.wait() == 0)
        let from = stat.output.first { $0.hasPrefix("from") }.flatMap {
            try? Date.ISO8601FormatStyle().parse(String($0.split(separator: " ").last ?? ""))
        }
        #expect(try #require(from) > began.addingTimeInterval(-2))
    }

    @Test("TLS with the clock at 1970: it is said, all is kept and delivered once the clock is set")
    func unsetClockTLS() throws {
        let certificates = try TestCertificates()
        let broker = try MosquittoBroker(
            tls: .init(
                ca: certificates.ca,
                certificate: try certificates.certificate("broker", names: ["IP:127.0.0.1"]),
                key: certificates.key,
                wantsClientCertificate: false
            )
        )
        try broker.start()
        defer { broker.stop() }
        let plant = try LoadPlant()
        defer { plant.stop() }
        let clock = try WallClock(offset: 3600 - Date().timeIntervalSince1970)
        let box = try Box()
        box.clock = "{source: ntp}"
        box.environment = clock.environment
        try plant.configure(box, broker: broker.port, ca: certificates.ca)
        try box.start()
        let daemon = try #require(box.daemon)
        try eventually("it says why") {
            daemon.output.contains { $0.contains("not valid yet: check this box's clock") }
        }
        try eventually("a backlog", within: 60) { try box.uplink().backlog > 300 }
        #expect(try !box.uplink().isUp)
        try clock.set(offset: 0, inStep: true)
        try daemon.line(containing: "the clock is set")
        // The next try comes within its back-off.
        try eventually("it connects", within: 120) { try box.uplink().isUp }
        try eventually("all is delivered", within: 60) { try box.uplink().backlog < 200 }
        #expect(try box.stop() == 0)
    }

    @Test("steps of the wall clock: no poll is missed or doubled, nothing is lost or out of order")
    func clockSteps() throws {
        let broker = try MosquittoBroker(lines: ["max_queued_messages 0"], persistent: true)
        try broker.start()
        defer { broker.stop() }
        let plant = try LoadPlant()
        defer { plant.stop() }
        let clock = try WallClock(offset: 0)
        let box = try Box()
        box.environment = clock.environment
        try plant.configure(box, broker: broker.port)
        let recorder = try MessageRecorder(
            broker,
            filter: "cimms/instruments/+/reading",
            session: "judge"
        )
        let alerts = try MessageRecorder(broker, filter: "cimms/#")
        try box.start()
        try eventually("live readings") { recorder.messages.count > 100 }
        let start = monotonicNow()
        let first = recorder.messages.count
        for step in [1.0, -1, 3600, -3600, 86_400, -86_400, 0] {
            try clock.set(offset: step, inStep: true)
            let before = recorder.messages.count
            try eventually("readings after a step of \(step) s") {
                recorder.messages.count > before + 160
            }
        }
        // 160 a second are due: a doubled poll would show as more.
        let seconds = Double(monotonicNow() - start) / 1e9
        let count = Double(recorder.messages.count - first)
        #expect(count < seconds * 160 + 320, "\(count) in \(seconds) s")
        #expect(alerts.messages.allSatisfy { !$0.payload.contains("data_gap") })
        #expect(try box.stop() == 0)
        let verify = try ChildProcess(Box.program, ["journal", "verify", "--file", box.journal])
        #expect(try verify.wait() == 0, "\(verify.output)")
        try plant.drain(box, broker: broker.port)
        try Judge(recorder, box).verdict(repeats: 200, ordered: true)
    }
}
