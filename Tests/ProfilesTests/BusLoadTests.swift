import GatewayCore
import Signal
import Testing

@testable import Profiles

@Suite("Bus load") struct BusLoadTests {
    /// A serial bus with 11-bit characters.
    private func bus(_ baud: Int, turnaround: Nanoseconds = .zero) -> BusSettings {
        BusSettings(
            id: BusID(rawValue: 0),
            name: "field1",
            link: .rtu(SerialSettings(path: "/dev/ttyS0", baud: baud, parity: .even)),
            turnaround: turnaround
        )
    }

    private func module(
        _ name: String,
        profile: String = "ai8",
        period: Nanoseconds = .seconds(1)
    ) throws -> ModuleSettings {
        let resolved = try #require(TwoModules().module(profile, ModuleOptions())).get()
        return ModuleSettings(
            name: name,
            bus: BusID(rawValue: 0),
            unit: UnitAddress(rawValue: 1),
            profile: profile,
            map: resolved.map,
            period: period
        )
    }

    @Test(
        "Eight registers with 11-bit characters and 10 ms latency take 51, 31 and 16 ms",
        arguments: [
            (9600, 51), (19_200, 31), (115_200, 16),
        ]
    )
    func transaction(baud: Int, milliseconds: Double) {
        let block = BlockRead(table: .input, address: 0, count: 8)
        let time = BusLoad.transaction(block, over: bus(baud).link)
        #expect((time.seconds * 1000).rounded() == milliseconds)
    }

    @Test(
        "A reply's characters follow its table and count",
        arguments: [
            (RegisterTable.input, 1, 7), (.holding, 125, 255), (.coils, 1, 6),
            (.discreteInputs, 9, 7),
        ] as [(RegisterTable, UInt16, Int)]
    )
    func characters(table: RegisterTable, count: UInt16, expected: Int) {
        let block = BlockRead(table: table, address: 0, count: count)
        #expect(BusLoad.replyCharacters(block) == expected)
    }

    @Test("32 modules at 9600 baud take 1.64 s: far more than a second")
    func overfull() throws {
        let modules = try (1...32).map { try module("m\($0)") }
        let load = BusLoad(
            bus: bus(9600),
            modules: modules.map { (settings: $0, channels: Array(1...8)) }
        )
        #expect((load.cycle.seconds * 100).rounded() == 164)
        #expect((load.share * 100).rounded() == 164)
        #expect(load.requestsPerSecond == 32)
    }

    @Test("Only channels in use are read, and a module without any not at all")
    func channels() throws {
        let load = BusLoad(
            bus: bus(9600),
            modules: [
                (settings: try module("one"), channels: [1]),
                (settings: try module("none"), channels: []),
            ]
        )
        #expect(load.modules.map(\.name) == ["one"])
        let characters = Double(BusLoad.requestCharacters + 7) + 7
        let expected = characters * 11 / 9600 + 0.010
        #expect(abs(load.cycle.seconds - expected) < 1e-6)
    }

    @Test("Pauses count: turnaround before each request, the module's own gap between its requests")
    func pauses() throws {
        let quick = BusLoad(
            bus: bus(9600),
            modules: [(settings: try module("m", profile: "slow"), channels: Array(1...8))]
        )
        let slow = BusLoad(
            bus: bus(9600, turnaround: .milliseconds(40)),
            modules: [(settings: try module("m", profile: "slow"), channels: Array(1...8))]
        )
        #expect(quick.modules[0].requests == 4)
        // Without turnaround three gaps of 100 ms; with it 40 ms come before the first as well.
        #expect(slow.cycle - quick.cycle == .milliseconds(40))
        #expect(quick.cycle > .milliseconds(300))
    }

    @Test("On TCP the wire takes no time, only latency does")
    func network() throws {
        let tcp = BusSettings(
            id: BusID(rawValue: 0),
            name: "plc",
            link: .tcp(host: "10.0.0.1", port: 502)
        )
        let load = BusLoad(bus: tcp, modules: [(settings: try module("m"), channels: [1, 2])])
        #expect(load.cycle == .milliseconds(11))
        #expect(load.baud == nil)
    }

    /// A configuration with `count` modules of 8 channels on one serial bus.
    static func crowded(_ count: Int, baud: Int, period: String = "1 s") -> Configured {
        var gateway = """
            gateway: g
            buses:
              - {name: field1, link: rtu, device: /dev/ttyS9, baud: \(baud), parity: even}
            modules:

            """
        var list = "instruments:\n"
        for unit in 1...count {
            gateway +=
                "  - {name: m\(unit), bus: field1, unit: \(unit), profile: ai8, period: \(period)}\n"
            for channel in 1...8 {
                list +=
                    "  - {tag: PT-\(unit)-\(channel), type: pressure, unit: bar, lrv: 0, urv: 16, "
                    + "module: m\(unit), channel: \(channel)}\n"
            }
        }
        return Configured(gateway, list)
    }

    @Test("A bus more than 80 % busy is refused with its load and the mends")
    func refused() {
        #expect(
            Self.crowded(16, baud: 9600).problems() == [
                "/etc/gw/loopgate.yaml:3:5: buses[field1]: the bus would be 82 % busy (820 ms to "
                    + "read its modules once), and 80 % is the limit; make its periods 1.1 times "
                    + "as long (module 'm1' takes the most: 1100 ms), or set the bus and its "
                    + "modules to 19200 baud (49 %), or move modules to another bus"
            ]
        )
        #expect(Self.crowded(15, baud: 9600).problems().isEmpty)
        #expect(Self.crowded(16, baud: 9600, period: "1.1 s").problems().isEmpty)
        #expect(Self.crowded(16, baud: 19_200).problems().isEmpty)
    }

    @Test("The load is told for good and for refused configurations")
    func told() throws {
        let good = try Self.crowded(4, baud: 9600).load().get()
        #expect(
            good.loads.map(\.summary) == [
                "bus field1: cycle 205 ms, 21 % busy, 4 requests/s, 4 modules"
            ]
        )
        guard case .failure(let refused) = Self.crowded(16, baud: 9600).load() else {
            Issue.record("an overfull bus was accepted")
            return
        }
        #expect(refused.loads.count == 1)
    }

    @Test("A cycle longer than the shortest period is a warning")
    func uneven() {
        let crowded = Self.crowded(8, baud: 9600, period: "5 s")
        let gateway = crowded.files["/etc/gw/loopgate.yaml"] ?? ""
        let list = crowded.files["/etc/gw/instruments.yaml"] ?? ""
        let text = Configured.changed("period: 5 s", "period: 200 ms", in: gateway)
        let warnings = Configured(text, list).warnings()
        #expect(
            warnings.map { $0.contains("buses[field1]: reading all modules once takes 410 ms") }
                == [true],
            "\(warnings)"
        )
    }

    @Test(
        "A timeout shorter than the reply takes is refused where it is written",
        arguments: [
            ("period: 1 s}", "period: 1 s, timeout: 30 ms}", "modules[m1].timeout"),
            (
                "parity: even}", "parity: even, responseTimeout: 30 ms}",
                "buses[field1].responseTimeout"
            ),
        ]
    )
    func timeout(old: String, new: String, key: String) {
        let crowded = Self.crowded(1, baud: 9600)
        let gateway = crowded.files["/etc/gw/loopgate.yaml"] ?? ""
        let list = crowded.files["/etc/gw/instruments.yaml"] ?? ""
        let problems = Configured(Configured.changed(old, new, in: gateway), list).problems()
        #expect(
            problems.map { $0.contains("\(key): a reply of module 'm1' takes 38.1 ms on this bus") }
                == [true],
            "\(problems)"
        )
    }

    @Test("Ten thousand instruments are read, checked and told apart")
    func large() throws {
        var gateway = "gateway: g\nbuses:\n"
        var list = "instruments:\n"
        var modules = "modules:\n"
        for bus in 1...50 {
            gateway += "  - {name: b\(bus), link: tcp, host: 10.0.0.\(bus)}\n"
            for unit in 1...25 {
                modules +=
                    "  - {name: m\(bus)-\(unit), bus: b\(bus), unit: \(unit), profile: ai8}\n"
                for channel in 1...8 {
                    list += """
                          - tag: PT-\(bus)-\(unit)-\(channel)
                            type: pressure
                            measuredVariable: Header pressure
                            unit: bar
                            lrv: 0
                            urv: 16
                            module: m\(bus)-\(unit)
                            channel: \(channel)
                            limits: {low: 1, high: 14, deadband: 0.2}

                        """
                }
            }
        }
        let loaded = try Configured(gateway + modules, list).load().get()
        #expect(loaded.settings.instruments.count == 10_000)
        #expect(loaded.loads.count == 50)
        let broken = Configured(gateway + modules, list.replacing("urv: 16", with: "urv: -1"))
        guard case .failure(let refused) = broken.load() else {
            Issue.record("ten thousand inverted ranges were accepted")
            return
        }
        #expect(refused.problems.count == DocumentLimits.problems)
        #expect(refused.uncounted == 10_000 - DocumentLimits.problems)
    }
}

@Suite("Damaged configurations") struct DamagedConfigurationTests {
    @Test("Whatever the files hold, settings or problems come back", arguments: 0..<20)
    func survives(seed: UInt64) {
        var random = Seeded(seed: seed)
        for round in 0..<60 {
            var configured = Configured()
            let path =
                round % 2 == 0 ? "/etc/gw/loopgate.yaml" : "/etc/gw/instruments.yaml"
            let whole = Array((configured.files[path] ?? "").utf8)
            let bytes = Fuzz.damaged(whole, using: &random)
            configured.files[path] = String(decoding: bytes, as: UTF8.self)
            switch configured.load() {
            case .success(let loaded): #expect(!loaded.settings.gateway.isEmpty)
            case .failure(let refused):
                #expect(!refused.problems.isEmpty, "seed \(seed)")
                for problem in refused.problems {
                    #expect(!problem.what.isEmpty && !problem.mend.isEmpty, "seed \(seed)")
                }
            }
        }
    }
}
