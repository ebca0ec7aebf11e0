import Foundation
import GatewayCore
import Journal
import Plant
import Runtime
import Signal
import TestSupport
import Testing

/// The daemon itself, against real peers: one at a time, for they share two cores.
@Suite(.serialized) struct EndToEndTests {
    static let fourInstruments = """
          - {tag: PT-101, type: pressure, unit: bar, lrv: 0, urv: 16, module: boiler, channel: 1}
          - {tag: FT-102, type: flow, unit: m³/h, lrv: 0, urv: 120, module: boiler, channel: 2}
          - {tag: LT-201, type: level, unit: "%", lrv: 0, urv: 100, module: tank, channel: 1}
          - {tag: TT-202, type: temperature, unit: °C, lrv: -50, urv: 150, module: tank, channel: 4}
        """

    @Test("pymodbus over TCP and over a serial line, to a subscriber, the page and the metrics")
    func mainJob() throws {
        let broker = try MosquittoBroker()
        try broker.start()
        defer { broker.stop() }
        let slaves = try PymodbusSlaves()
        let box = try Box()
        try box.configure(
            """
            buses:
              - {name: net, link: tcp, host: 127.0.0.1, port: \(slaves.port)}
              - {name: line, link: rtu, device: \(slaves.near), baud: 115200}
            modules:
              - {name: boiler, bus: net, unit: 1, profile: sequent-megaind, period: 500ms}
              - {name: tank, bus: line, unit: 1, profile: sequent-megaind, period: 500ms}
            uplink:
              - {name: cmms, brokers: ["127.0.0.1:\(broker.port)"]}
            """,
            instruments: Self.fourInstruments
        )
        let recorder = try MessageRecorder(broker, filter: "cimms/#")
        try box.start()
        try eventually("readings of all four instruments") {
            let topics = Set(recorder.messages.map(\.topic))
            return ["PT-101", "FT-102", "LT-201", "TT-202"].allSatisfy {
                topics.contains("cimms/instruments/\($0)/reading")
            }
        }
        // Input register 8 holds 12000 µA: half of the span.
        let message = try #require(
            recorder.messages.first { $0.topic.contains("PT-101/reading") }
        )
        let body = try #require(
            JSONSerialization.jsonObject(with: Data(message.payload.utf8)) as? [String: Any]
        )
        #expect(body["value"] as? Double == 8)
        #expect(body["mA"] as? Double == 12)
        #expect(body["unit"] as? String == "bar")
        #expect(body["quality"] as? String == "good")
        #expect(body["gateway"] as? String == "gw-test")
        #expect((body["timestamp"] as? String)?.hasSuffix("Z") == true)

        let health = try box.health()
        #expect(health.status == 200)
        #expect(health.body["status"] as? String == "healthy", "\(health.body["reasons"] ?? "")")
        let metrics = try HTTPReply.get(box.pagePort, "/metrics")
        let file = box.folder.file("metrics.txt")
        try metrics.body.write(to: URL(fileURLWithPath: file))
        let parser = try ChildProcess(
            python,
            [
                "-c",
                """
                import sys
                from prometheus_client.parser import text_string_to_metric_families as parse
                families = {f.name: f for f in parse(open(sys.argv[1]).read())}
                value = {s.labels["tag"]: s.value for s in families["loopgate_value"].samples}
                print("parsed", len(families), value["PT-101"])
                """, file,
            ]
        )
        let parsed = try parser.line(containing: "parsed")
        #expect(parsed.hasSuffix(" 8.0"))
        let families = parsed.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
        #expect(families > 25)

        try page(box)
        #expect(try box.stop() == 0)
    }

    /// The page in a real browser, narrow as a phone: its text as a reader has it.
    private func page(_ box: Box) throws {
        let browser = try ChildProcess(
            "chromium",
            [
                "--headless", "--no-sandbox", "--disable-gpu", "--window-size=390,844",
                "--disable-dev-shm-usage", "--virtual-time-budget=6000",
                "--user-data-dir=\(box.folder.file("chromium"))", "--dump-dom",
                "http://127.0.0.1:\(box.pagePort)/",
            ]
        )
        #expect(try browser.wait(within: 120) == 0)
        let text = browser.output.joined(separator: "\n")
        // Nobody has signed in yet: the page's own script asks for the set-up code, and shows nothing.
        #expect(text.contains("Set-up code"), "\(text.suffix(2_000))")
        #expect(!text.contains("PT-101"))
    }

    @Test("an outage of the broker loses nothing, and the backlog drains in order")
    func outage() throws {
        let broker = try MosquittoBroker(
            lines: ["max_queued_messages 0"],
            persistent: true
        )
        try broker.start()
        defer { broker.stop() }
        let plant = try LoadPlant()
        defer { plant.stop() }
        let box = try Box()
        try plant.configure(box, broker: broker.port)
        let recorder = try MessageRecorder(
            broker,
            filter: "cimms/instruments/+/reading",
            session: "judge"
        )
        try box.start()
        try eventually("live readings") { recorder.messages.count > 100 }
        broker.stop()
        try eventually("the gateway notices") { try box.uplink().isUp == false }
        try eventually("a backlog", within: 60) { try box.uplink().backlog > 400 }
        let health = try box.health()
        #expect(health.status == 200)
        #expect(health.body["status"] as? String == "degraded")
        try broker.start()
        try eventually("the backlog is gone", within: 90) {
            let uplink = try box.uplink()
            return uplink.isUp && uplink.backlog < 50
        }
        #expect(try box.stop() == 0)
        try plant.drain(box, broker: broker.port)
        try Judge(recorder, box).verdict(repeats: 400, ordered: true)
    }

    @Test("SIGTERM ends it with everything committed; SIGHUP takes a good configuration only")
    func signals() throws {
        let plant = try LoadPlant()
        defer { plant.stop() }
        let broker = try MosquittoBroker()
        try broker.start()
        defer { broker.stop() }
        let box = try Box()
        try plant.configure(box, broker: broker.port)
        try box.start()
        let daemon = try #require(box.daemon)
        try eventually("readings are stored") {
            let store = try box.health().body["store"] as? [String: Any]
            return (store?["stored"] as? Int ?? 0) > 50
        }
        let right = try String(contentsOfFile: box.configuration, encoding: .utf8)
        try box.folder.write(right.replacing("link: tcp", with: "link: tpc"), to: "loopgate.yaml")
        daemon.send(SIGHUP)
        try daemon.line(containing: "the running configuration stays")
        #expect(daemon.output.contains { $0.contains("loopgate.yaml:") && $0.contains("tcp") })
        #expect(try box.health().body["gateway"] as? String == "gw-test")
        try box.folder.write(right.replacing("gw-test", with: "gw-renamed"), to: "loopgate.yaml")
        daemon.send(SIGHUP)
        try daemon.line(containing: "page on http://")
        try eventually("the new name") {
            (try? box.health().body["gateway"] as? String) == "gw-renamed"
        }
        #expect(try box.stop() == 0)
        #expect(daemon.output.contains { $0.contains("everything is committed") })
    }

    @Test("with a wrong configuration the last good one runs, and it says so")
    func lastGood() throws {
        let plant = try LoadPlant()
        defer { plant.stop() }
        let box = try Box()
        try plant.configure(box, broker: 1)
        try box.start()
        #expect(try box.stop() == 0)
        try box.folder.write("gateway: [", to: "loopgate.yaml")
        try box.start()
        #expect(box.daemon?.output.contains { $0.contains("last good") } == true)
        #expect(try box.health().body["gateway"] as? String == "gw-test")
        try eventually("health says so") {
            let reasons = try box.health().body["reasons"] as? [String] ?? []
            return reasons.contains { $0.contains("configuration: ") && $0.contains("last good") }
        }
        #expect(try box.stop() == 0)
        // Without a good one to fall back on it ends, with a code of its own.
        let empty = try Box()
        try empty.folder.write("gateway: [", to: "loopgate.yaml")
        try empty.launch()
        #expect(try empty.daemon?.wait() == 78)
    }
}

/// pymodbus slaves over TCP and over a socat pair of terminals.
final class PymodbusSlaves {
    let port: UInt16
    let near: String
    private let folder: TemporaryFolder
    private var children: [ChildProcess] = []

    init() throws {
        folder = try TemporaryFolder()
        port = try freePort()
        near = folder.file("near")
        let far = folder.file("far")
        children.append(
            try ChildProcess(
                "socat",
                ["pty,raw,echo=0,link=\(near)", "pty,raw,echo=0,link=\(far)"]
            )
        )
        let (a, b) = (near, far)
        try eventually("socat's terminals") { access(a, F_OK) == 0 && access(b, F_OK) == 0 }
        let script = try folder.write(Self.server, to: "server.py")
        for arguments in [["tcp", "\(port)"], ["rtu", far]] {
            let child = try ChildProcess(python, [script] + arguments)
            try child.line(containing: "ready", within: 60)
            children.append(child)
        }
    }

    deinit { for child in children { child.send(SIGKILL) } }

    private static let server = """
        import asyncio, sys
        from pymodbus.datastore import (
            ModbusDeviceContext, ModbusSequentialDataBlock, ModbusServerContext)
        from pymodbus.server import ModbusSerialServer, ModbusTcpServer

        async def main():
            # The data block's first cell answers protocol address 0.
            block = ModbusSequentialDataBlock(1, [12000] * 100)
            device = ModbusDeviceContext(ir=block, hr=block)
            context = ModbusServerContext(devices={1: device}, single=False)
            if sys.argv[1] == "tcp":
                server = ModbusTcpServer(context, address=("127.0.0.1", int(sys.argv[2])))
            else:
                server = ModbusSerialServer(context, port=sys.argv[2], baudrate=115200)
            await server.serve_forever(background=True)
            print("ready", flush=True)
            await asyncio.Event().wait()

        asyncio.run(main())
        """
}

/// Simulated modules that give 160 readings a second: eight units of four channels, each 5 times.
final class LoadPlant {
    private let server = PlantServer()
    let port: UInt16

    init() throws {
        let encoding = RawEncoding(
            format: .unsigned,
            low: .init(raw: 0, milliamps: 0),
            high: .init(raw: 20_000, milliamps: 20)
        )
        let map = ModuleMap(
            channels: (0..<4).map {
                ChannelMap(table: .input, address: UInt16(8 + $0), encoding: encoding)
            }
        )
        var units: [UInt8: PlantUnit] = [:]
        for unit in 1...8 {
            let channels = try (1...4).map { _ -> PlantChannel in
                let span = try #require(Span(lrv: 0, urv: 100, unit: "%"))
                return .instrument(
                    PlantInstrument(ProcessBehaviour(span: span, nominal: 50))
                )
            }
            units[UInt8(unit)] = PlantUnit(
                PlantModule(map: map, channels: channels, seed: UInt64(unit)),
                seed: UInt64(unit)
            )
        }
        port = try server.listen(units: units)
    }

    func stop() { server.stop() }

    /// Starts the daemon once more with nothing to poll, until all it had stored is delivered.
    func drain(_ box: Box, broker: UInt16) throws {
        try configure(box, broker: broker, modbus: 1)
        try box.start()
        try eventually("all is delivered", within: 90) {
            let uplink = try box.uplink()
            return uplink.isUp && uplink.backlog == 0
        }
        #expect(try box.stop() == 0)
    }

    func configure(
        _ box: Box,
        broker: UInt16,
        modbus: UInt16? = nil,
        ca: String? = nil
    ) throws {
        let tls = ca.map { ", tls: {ca: \($0)}" } ?? ""
        let modules = (1...8).map {
            "  - {name: m\($0), bus: net, unit: \($0), profile: sequent-megaind, period: 200ms}"
        }
        let instruments = (1...8).flatMap { unit in
            (1...4).map {
                "  - {tag: LT-\(unit)0\($0), type: level, unit: \"%\", lrv: 0, urv: 100, "
                    + "module: m\(unit), channel: \($0), expectedInterval: 1s}"
            }
        }
        try box.configure(
            """
            buses:
              - {name: net, link: tcp, host: 127.0.0.1, port: \(modbus ?? port)}
            modules:
            \(modules.joined(separator: "\n"))
            uplink:
              - {name: cmms, brokers: ["127.0.0.1:\(broker)"]\(tls)}
            """,
            instruments: instruments.joined(separator: "\n")
        )
    }
}

/// Compares what a subscriber received with what the journal holds.
struct Judge {
    let received: [Message]
    let box: Box

    init(_ recorder: MessageRecorder, _ box: Box) throws {
        // What the broker still holds for the subscriber comes within moments.
        var last = -1
        var since = monotonicNow()
        try eventually("the subscriber has had everything") {
            let count = recorder.messages.count
            if count != last { (last, since) = (count, monotonicNow()) }
            return monotonicNow() - since > 2_000_000_000
        }
        received = recorder.messages.compactMap { Message(topic: $0.topic, payload: $0.payload) }
        self.box = box
    }

    func verdict(repeats allowed: Int, ordered: Bool) throws {
        let stored = try storedIdentities()
        #expect(stored.count > 300)
        var payloads: [String: Set<String>] = [:]
        for message in received {
            payloads["\(message.epoch)-\(message.sequence)", default: []].insert(
                message.topic + message.payload
            )
        }
        let missing = stored.filter { payloads[$0] == nil }
        #expect(missing.isEmpty, "\(missing.count) of \(stored.count) never arrived")
        let twofold = payloads.filter { $0.value.count > 1 }
        #expect(twofold.isEmpty, "\(twofold.first?.value ?? [])")
        #expect(received.count - payloads.count <= allowed)
        guard ordered else { return }
        var last: [String: UInt64] = [:]
        var seen: Set<String> = []
        for message in received
        where seen.insert("\(message.epoch)-\(message.sequence)").inserted {
            #expect(message.sequence > last[message.topic] ?? 0)
            last[message.topic] = message.sequence
        }
    }

    /// Every identity that the journal holds and that belongs on the readings' topic.
    private func storedIdentities() throws -> [String] {
        let answer = Mailbox<Result<[String], any Error>>()
        let path = box.journal
        Task.detached {
            do {
                let (store, opening) = try await JournalStore.open(
                    JournalSettings(path: path),
                    connections: ["cmms"],
                    ballastBytes: 0
                )
                var identities: [String] = []
                for run in opening.epochs {
                    var next: UInt64 = 1
                    while next <= run.lastReading {
                        let range = next...run.lastReading
                        let fetched = try await withCheckedThrowingContinuation { continuation in
                            store.fetch(
                                .readings,
                                epoch: run.epoch,
                                range: range,
                                limit: 2000,
                                for: "cmms"
                            ) {
                                continuation.resume(with: $0)
                            }
                        }
                        guard case .readings(let rows) = fetched.rows else { break }
                        identities += rows.filter { $0.reading.quality.level != .bad }.map {
                            "\(run.epoch.hex)-\($0.sequence)"
                        }
                        next = fetched.through + 1
                    }
                }
                await store.close()
                answer.post(.success(identities))
            } catch { answer.post(.failure(error)) }
        }
        guard let result = answer.take(until: monotonicNow() + 60_000_000_000)?.first else {
            throw TestFailure("the journal was not read in time")
        }
        return try result.get()
    }
}

extension EndToEndTests {
    @Test("probe finds a unit and the right reading of its registers; read shows its channels")
    func probe() throws {
        let plant = try LoadPlant()
        defer { plant.stop() }
        let box = try Box()
        try plant.configure(box, broker: 1)
        let probe = try ChildProcess(
            Box.program,
            [
                "probe", "--tcp", "127.0.0.1:\(plant.port)", "--units", "2,200", "--address", "8",
                "--count", "4", "--profiles", projectFolder + "/firmware-profiles",
            ]
        )
        #expect(try probe.wait() == 0)
        #expect(probe.output.contains { $0.contains("  2  answers") })
        #expect(!probe.output.contains { $0.contains("unit 200 ") })
        #expect(probe.output.contains { $0.contains("u16") && $0.contains("(µA)") })
        let read = try ChildProcess(
            Box.program,
            ["read", "m3", "--config", box.configuration]
        )
        #expect(try read.wait() == 0)
        #expect(read.output.contains("channel 4 is LT-304"))
        #expect(
            read.output.contains {
                $0.contains("channel  4") && $0.contains(" mA") && $0.hasSuffix("ok")
            }
        )
    }

    @Test("probe and read leave a port alone that the daemon holds, and say so")
    func shared() throws {
        let slaves = try PymodbusSlaves()
        let box = try Box()
        try box.configure(
            """
            buses:
              - {name: line, link: rtu, device: \(slaves.near), baud: 115200}
            modules:
              - {name: tank, bus: line, unit: 1, profile: sequent-megaind, period: 500ms}
            """,
            instruments:
                "  - {tag: LT-201, type: level, unit: \"%\", lrv: 0, urv: 100, module: tank, channel: 1}"
        )
        try box.start()
        try eventually("the line is in use") {
            let instruments = try box.health().body["instruments"] as? [String: Any]
            return instruments?["good"] as? Int == 1
        }
        for arguments in [
            ["probe", "--device", slaves.near, "--baud", "115200", "--units", "1"],
            ["read", "tank", "--config", box.configuration],
        ] {
            let command = try ChildProcess(
                Box.program,
                arguments,
                environment: ["RUNTIME_DIRECTORY": box.folder.path]
            )
            #expect(try command.wait() != 0)
            #expect(command.output.contains { $0.contains("held by") })
        }
        #expect(try box.stop() == 0)
    }
}
