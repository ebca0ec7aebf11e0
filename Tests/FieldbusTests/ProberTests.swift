import Foundation
import GatewayCore
import Runtime
import Signal
import TestSupport
import Testing

@testable import Fieldbus

@Suite("Probing a bus")
struct ProberTests {
    private func units(_ range: ClosedRange<UInt8>) -> [UnitAddress] {
        range.map(UnitAddress.init(rawValue:))
    }

    @Test("Units that answer are found, by whatever they answer; the others are not")
    func findUnits() throws {
        let slave = try RawSlave.pty { request, _ in
            switch request[0] {
            case 3: [.send(SlaveFrame.rtu(request))]
            // Knows input registers only.
            case 5 where request[1] == 4: [.send(SlaveFrame.rtu(request))]
            case 7: [.send(SlaveFrame.withCRC([7, request[1] | 0x80, 2]))]
            case 9: [.send([9, request[1], 2, 0, 0, 0, 0])]
            case 11: [.send(SlaveFrame.withCRC([11, request[1] | 0x80, 11]))]
            default: []
            }
        }
        defer { slave.stop() }
        let prober = Prober(bus: rtuBus(slave.path), responseTimeout: .milliseconds(250))
        var told: [UInt8] = []
        let found = try prober.findUnits(units(1...12)) { told.append($0.unit.rawValue) }
        #expect(found.map(\.unit.rawValue) == [3, 5, 7, 9])
        #expect(told == [3, 5, 7, 9])
        #expect(
            found.map(\.answer) == [
                .values(.holding), .values(.input), .refused(2), .garbled(.crc),
            ]
        )
        let text = ProbeReport.text(found, asked: 12)
        #expect(text.contains("unit   7  answers with exception 2: illegal data address"))
        #expect(!text.contains("Every address"))
    }

    @Test("A port or an address that another program holds is not probed, and its holder is named")
    func held() throws {
        let slave = try RawSlave.pty { request, _ in [.send(SlaveFrame.rtu(request))] }
        defer { slave.stop() }
        let daemon = rtuBus(slave.path)
        #expect(try daemon.ask(.read(1, .input, 0, 1)).values != nil)
        let prober = Prober(bus: rtuBus(slave.path))
        do {
            _ = try prober.findUnits(units(1...247))
            Issue.record("the port was shared")
        } catch {
            guard case .portBusy = error else {
                Issue.record("\(error)")
                return
            }
            let words = error.explained(on: daemon.settings)
            #expect(words.contains("pid \(getpid())"))
            #expect(words.contains("systemctl stop loopgate"))
        }
        #expect(slave.requests.count == 1)

        let server = try RawSlave.tcp { request, _ in [.send(SlaveFrame.tcp(request))] }
        defer { server.stop() }
        let folder = try TemporaryFolder()
        let holder = tcpBus(server.port, lockFolder: folder.path)
        #expect(try holder.ask(.read(1, .input, 0, 1)).values != nil)
        #expect(throws: BusFault.self) {
            try Prober(bus: tcpBus(server.port, lockFolder: folder.path))
                .findUnits(units(1...2))
        }
        #expect(server.requests.count == 1)
    }

    @Test("A link that cannot be had ends the search at once")
    func noLink() throws {
        let prober = Prober(bus: tcpBus(try freePort()))
        #expect(throws: BusFault.linkLost(errno: ECONNREFUSED)) {
            try prober.findUnits(units(1...247))
        }
    }

    @Test("One device that answers to every address is told as such")
    func everyAddress() throws {
        let slave = try RawSlave.tcp { request, _ in [.send(SlaveFrame.tcp(request))] }
        defer { slave.stop() }
        let found = try Prober(bus: tcpBus(slave.port)).findUnits(units(1...20))
        #expect(ProbeReport.text(found, asked: 20).contains("Every address answered"))
    }

    @Test("A module is recognised by its identification registers, the most telling profile first")
    func recognise() throws {
        let slave = try RawSlave.tcp { request, _ in [.send(SlaveFrame.tcp(request))] }
        defer { slave.stop() }
        let right = SlaveFrame.register
        let signatures = [
            ModuleSignature(profile: "without-checks", checks: []),
            ModuleSignature(
                profile: "wrong",
                checks: [
                    RegisterCheck(
                        table: .holding,
                        address: 210,
                        expected: [1, 2],
                        meaning: "model 1-2"
                    )
                ]
            ),
            ModuleSignature(
                profile: "family",
                checks: [
                    RegisterCheck(
                        table: .holding,
                        address: 210,
                        expected: [right(210) & 0xFF00],
                        masks: [0xFF00],
                        meaning: "family"
                    )
                ]
            ),
            ModuleSignature(
                profile: "model",
                checks: [
                    RegisterCheck(
                        table: .holding,
                        address: 210,
                        expected: [right(210), right(211)],
                        meaning: "model name"
                    )
                ]
            ),
        ]
        let prober = Prober(bus: tcpBus(slave.port))
        let unit = UnitAddress(rawValue: 1)
        let all = prober.recognise(unit, among: signatures)
        #expect(all.map(\.profile) == ["model", "family", "wrong"])
        #expect(all.map(\.isMatch) == [true, true, false])
        // The same registers are read once.
        #expect(slave.requests.count == 2)
        #expect(ProbeReport.text(all, unit: unit).contains("unit 1  is model  (model name)"))
        let none = prober.recognise(unit, among: [signatures[1]])
        #expect(ProbeReport.text(none, unit: unit).contains("no profile fits"))
    }

    @Test("A hole in the map costs a survey only itself")
    func survey() throws {
        let slave = try RawSlave.tcp { request, _ in
            let first = Int(request[8]) << 8 | Int(request[9])
            let last = first + Int(request[11]) - 1
            return (first...last).contains(105)
                ? [
                    .send(
                        SlaveFrame.tcp(
                            transaction: Array(request[0..<2]),
                            unit: request[6],
                            pdu: [request[7] | 0x80, 2]
                        )
                    )
                ] : [.send(SlaveFrame.tcp(request))]
        }
        defer { slave.stop() }
        let cells = Prober(bus: tcpBus(slave.port))
            .survey(UnitAddress(rawValue: 1), .input, 100, count: 20)
        #expect(cells.map(\.address) == Array(100..<120))
        for cell in cells {
            let expected: Result<UInt16, BusFault> =
                cell.address == 105
                ? .failure(.refused(code: 2)) : .success(SlaveFrame.register(Int(cell.address)))
            #expect(cell.word == expected)
        }
        let text = ProbeReport.text(cells)
        #expect(text.contains("  105   30106  exception 2"))
        #expect(
            text.contains(
                "  104   30105  0x\(String(SlaveFrame.register(104), radix: 16).uppercased())"
            )
        )
        let end = Prober(bus: tcpBus(slave.port))
            .survey(UnitAddress(rawValue: 1), .input, 65530, count: 20)
        #expect(end.count == 6)
    }

    @Test("A module is read through its profile: currents, status and whether the profile fits")
    func readModule() throws {
        let slave = try RawSlave.tcp { request, _ in
            let first = Int(request[8]) << 8 | Int(request[9])
            let word: Int? = [0: 12_000, 1: 3_500, 10: 1, 20: 0x4117][first]
            let pdu: [UInt8] =
                word.map { [request[7], 2] + SlaveFrame.word($0) }
                ?? [request[7] | 0x80, 2]
            return [
                .send(
                    SlaveFrame.tcp(
                        transaction: Array(request[0..<2]),
                        unit: request[6],
                        pdu: pdu
                    )
                )
            ]
        }
        defer { slave.stop() }
        let microamps = RawEncoding(
            format: .unsigned,
            words: 1,
            low: .init(raw: 0, milliamps: 0),
            high: .init(raw: 20_000, milliamps: 20)
        )
        let broken = StatusSource(
            table: .holding,
            address: 10,
            meanings: [StatusMeaning(mask: 1, value: 1, condition: .wireBreak)]
        )
        let map = ModuleMap(
            channels: [
                ChannelMap(table: .input, address: 0, encoding: microamps),
                ChannelMap(table: .input, address: 1, encoding: microamps, status: [broken]),
                ChannelMap(table: .input, address: 2, encoding: microamps),
            ],
            identity: [
                RegisterCheck(
                    table: .holding,
                    address: 20,
                    expected: [0x4117],
                    meaning: "module name 0x4117"
                )
            ],
            assumptions: [
                RegisterCheck(table: .holding, address: 20, expected: [1], meaning: "range 1")
            ]
        )
        let sample = Prober(bus: tcpBus(slave.port)).read(UnitAddress(rawValue: 4), map)
        #expect(sample.identity.map(\.holds) == [true])
        #expect(sample.assumptions.map(\.holds) == [false])
        #expect(sample.channels[0].decoded?.milliamps == 12)
        #expect(sample.channels[1].decoded?.condition == .wireBreak)
        #expect(sample.channels[2].decoded == nil)
        #expect(sample.channels[2].words == .failure(.refused(code: 2)))
        let text = ProbeReport.text(sample)
        #expect(text.contains("identity ok: module name 0x4117: holding registers 20 holds 0x4117"))
        #expect(text.contains("assumption WRONG: range 1"))
        #expect(text.contains("12.0000 mA  ok"))
        #expect(text.contains("3.5000 mA  wire-break status 0x0001"))
        #expect(text.contains("exception 2"))
    }

    @Test("The line settings are found by trying them, and the port is free between two tries")
    func lineSearch() throws {
        let box = Locked<RawSlave?>(nil)
        let slave = try RawSlave.pty { request, _ in
            guard let speed = box.withLock({ $0?.speed }), speed == UInt32(B19200) else {
                return [.send([0x00, 0xFE, 0x80])]
            }
            return request[0] == 2 ? [.send(SlaveFrame.rtu(request))] : []
        }
        box.withLock { $0 = slave }
        defer {
            box.withLock { $0 = nil }
            slave.stop()
        }
        var tried: [Int] = []
        let hits = try LineSearch(path: slave.path).run(
            units(1...2),
            responseTimeout: .milliseconds(150)
        ) { tried.append($0.baud) }
        #expect(hits.count == 1)
        #expect(hits.first?.settings.baud == 19200)
        #expect(hits.first?.units.map(\.unit.rawValue) == [2])
        #expect(tried == [9600, 9600, 9600, 9600, 19200])
    }

    @Test("The candidates are every usual speed with every usual frame")
    func candidates() {
        let search = LineSearch(path: "/dev/ttyUSB0", direction: .kernel)
        #expect(search.candidates.count == 32)
        #expect(Set(search.candidates).count == 32)
        #expect(search.candidates.allSatisfy { $0.direction == .kernel })
    }
}

@Suite("Interpretations of registers")
struct InterpretationTests {
    /// The scaling that gives `milliamps` for these words, among the plausible ones.
    private func scalings(
        _ words: [UInt16],
        _ name: String,
        near milliamps: Double
    ) -> [String] {
        Interpretation.all(first: words[0], second: words.count > 1 ? words[1] : nil)
            .filter { $0.names.contains(name) && $0.words == words.count }
            .flatMap(\.currents)
            .filter { $0.isPlausible && abs(($0.milliamps ?? 0) - milliamps) < 0.01 }
            .map(\.scaling)
    }

    @Test(
        "A current is found again under the way its module writes it",
        arguments: [
            ([12_000], "u16", 12.0, "µA"),
            ([1200], "u16", 12, "0.01 mA"),
            ([384], "s16", 12, "1/32 mA"),
            ([39321], "u16", 12, "0–20 = 0…65535"),
            ([32768], "u16", 12, "4–20 = 0…65535"),
            ([19660], "s16", 12, "±20 = ±32767"),
            ([16380], "u16", 12, "4–20 = 0…32760"),
            ([18_000], "s16", 12, "0–20 = 0…30000"),
            ([13824], "u16", 12, "4–20 = 0…27648"),
            ([2457], "u16", 12, "0–20 = 0…4095"),
            ([500], "u16", 12, "4–20 = 0…1000 ‰"),
            ([52428], "offset-binary", 12, "±20 = ±32767"),
            ([15887], "sign-magnitude", 9.697, "±20 = ±32767"),
            ([0x00B7, 0x1B00], "u32 high-first", 12, "nA"),
            ([0x1B00, 0x00B7], "s32 low-first", 12, "nA"),
            ([0x4140, 0x0000], "float32 high-first", 12, "mA"),
            ([0x0000, 0x4140], "float32 low-first", 12, "mA"),
            ([0x4041, 0x0000], "float32 high-first-swapped", 12, "mA"),
            ([0x0000, 0x4041], "float32 low-first-swapped", 12, "mA"),
            ([0x4248, 0x0000], "float32 high-first", 12, "4–20 = 0…100 %"),
        ] as [([UInt16], String, Double, String)]
    )
    func found(words: [UInt16], name: String, milliamps: Double, scaling: String) {
        #expect(scalings(words, name, near: milliamps).contains(scaling))
    }

    @Test("Each register has its four readings, each pair its twelve, the equal ones told once")
    func complete() {
        let names = Interpretation.all(first: 0x8123, second: 0x9456).flatMap(\.names)
        #expect(Set(names).count == 16)
        #expect(names.count == 16)
        let low = Interpretation.all(first: 100, second: nil)
        #expect(low.map(\.names) == [["u16", "s16", "sign-magnitude"], ["offset-binary"]])
    }

    @Test(
        "No content traps, and what is no number is no current",
        arguments: [
            (0x7FC0, 0x0000), (0xFF80, 0x0000), (0x0000, 0x7F80), (0xFFFF, 0xFFFF),
            (0x8000, 0x8000),
            (0x0000, 0x0001), (0x7F7F, 0xFFFF),
        ] as [(UInt16, UInt16)]
    )
    func extremes(first: UInt16, second: UInt16) {
        let all = Interpretation.all(first: first, second: second)
        for current in all.flatMap(\.currents) {
            #expect(current.milliamps?.isFinite != false)
        }
        let cells = [first, second].enumerated().map {
            SurveyedCell(
                table: .holding,
                address: UInt16($0.offset + 9998),
                word: .success($0.element)
            )
        }
        let text = ProbeReport.text(cells)
        #expect(text.contains(" 9998   49999"))
        #expect(text.contains(" 9999  410000"))
        #expect(!ProbeReport.text(cells, plausibleOnly: true).contains("  -"))
    }

    @Test("A report marks the plausible currents, and leaves the others out when asked to")
    func report() {
        let cells = [
            SurveyedCell(table: .input, address: 0, word: .success(12_000)),
            SurveyedCell(table: .input, address: 1, word: .failure(.silent)),
        ]
        let text = ProbeReport.text(cells)
        #expect(text.contains("    0   30001  0x2EE0"))
        #expect(
            text.contains("u16, s16, sign-magnitude: 12000  →  *12.000 (µA)  120.000 (0.01 mA)")
        )
        #expect(text.contains("    1   30002  no answer"))
        let plausible = ProbeReport.text(cells, plausibleOnly: true)
        #expect(plausible.contains("*12.000 (µA)"))
        #expect(!plausible.contains("(0.01 mA)"))
    }
}
