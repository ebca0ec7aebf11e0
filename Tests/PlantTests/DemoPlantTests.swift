import Foundation
import GatewayCore
import Plant
import Profiles
import Runtime
import Signal
import TestSupport
import Testing

extension OnTheWire {
    @Suite(.serialized) struct DemoPlantTests {
        static let profiles = projectFolder + "/firmware-profiles"

        static let loader = ConfigurationLoader(
            environment: [:],
            findModules: { folders, _, problems in
                ModuleLibrary(folders: folders, problems: problems)
            }
        )

        static func findMap(_ module: DemoModule) throws -> ModuleMap {
            let library = ModuleLibrary(folders: [profiles], problems: ProblemList())
            let options = ModuleOptions(range: module.range, base: module.base)
            return try #require(library.module(module.profile, options)).get().map
        }

        static func demo(
            in folder: TemporaryFolder,
            quiet: Double = 120,
            rounds: Int = 1,
            seed: UInt64 = 5
        ) -> DemoPlant {
            DemoPlant(
                seed: seed,
                folder: folder.path,
                options: DemoPlant.Options(
                    profiles: profiles,
                    quiet: .seconds(quiet),
                    rounds: rounds
                )
            )
        }

        @Test("Its configuration is right by the gateway's own check, without a warning")
        func configuration() throws {
            let folder = try TemporaryFolder()
            let plant = Self.demo(in: folder)
            defer { plant.stop() }
            let running = try plant.start(findMap: Self.findMap)
            let loaded: LoadedConfiguration
            switch Self.loader.load(running.configPath) {
            case .success(let found): loaded = found
            case .failure(let refused): throw TestFailure(refused.report)
            }
            #expect(loaded.warnings.map(\.description) == [])
            #expect(loaded.settings.instruments.map(\.tag.text) == DemoPlant.tags)
            #expect((16...24).contains(loaded.settings.instruments.count))
            #expect(Set(loaded.settings.modules.map(\.profile)).count >= 3)
            #expect(running.timeline.count > 10)
            for module in loaded.settings.modules {
                let description = try #require(DemoModule.all.first { $0.name == module.name })
                #expect(try Self.findMap(description) == module.map)
            }
        }

        @Test("Every channel, read over its own bus, shows a sound value near its usual one")
        func values() throws {
            let folder = try TemporaryFolder()
            let plant = Self.demo(in: folder)
            defer { plant.stop() }
            let running = try plant.start(findMap: Self.findMap)
            let settings = try Self.loader.load(running.configPath).get().settings
            for instrument in settings.instruments {
                let found = try Self.look(instrument, settings, running)
                #expect(found.condition == .ok, "\(instrument.tag)")
                let milliamps = try #require(found.milliamps)
                let current = try #require(LoopCurrent(milliamps: milliamps))
                let share =
                    if case .squareRoot = instrument.extraction {
                        max(current.fraction, 0).squareRoot()
                    } else {
                        current.fraction
                    }
                let value = instrument.span.lrv + share * instrument.span.width
                let nominal = try #require(instrument.nominal)
                #expect(abs(value - nominal) < 0.07 * instrument.span.width, "\(instrument.tag)")
                if let low = instrument.limits.low { #expect(value > low) }
                if let high = instrument.limits.high { #expect(value < high) }
            }
        }

        @Test("Its faults come by their time and show on the wire")
        func faults() throws {
            let folder = try TemporaryFolder()
            let plant = Self.demo(in: folder, quiet: 0)
            defer { plant.stop() }
            let running = try plant.start(findMap: Self.findMap)
            let settings = try Self.loader.load(running.configPath).get().settings
            let first = try #require(running.timeline.first)
            #expect(first.text.hasPrefix("PT-108"))
            #expect(running.withInstrument("PT-108") { $0.activeFaults } == [.spike(0.45)])
            // The next ones are made to come at once.
            running.withInstrument("TT-205") { $0.fail(.wireBreak) }
            running.withInstrument("LT-302") { $0.fail(.saturatedHigh) }
            running.withInstrument("FT-403") { $0.fail(.failHigh) }
            func look(_ tag: String) throws -> DecodedChannel {
                let instrument = try #require(settings.instruments.first { $0.tag.text == tag })
                return try Self.look(instrument, settings, running)
            }
            #expect(try abs(#require(look("TT-205").milliamps)) < 0.01)
            #expect(try #require(look("LT-302").milliamps) > 19.99)
            #expect(try look("FT-403").condition == .overRange)
            running.units["cooling-ai"]?.misbehave(.exception(4))
            #expect(throws: TestFailure.self) { try look("TT-404") }
            #expect(try look("TT-402").condition == .ok)
        }

        @Test("The load moves what belongs to the boiler together, and nothing out of its limits")
        func load() throws {
            let folder = try TemporaryFolder()
            let plant = Self.demo(in: folder, rounds: 0)
            defer { plant.stop() }
            let running = try plant.start(findMap: Self.findMap)
            let settings = try Self.loader.load(running.configPath).get().settings
            var tracks: [String: [Double]] = [:]
            for instrument in settings.instruments {
                var random = SeededGenerator(seed: 1)
                tracks[instrument.tag.text] = running.withInstrument(instrument.tag.text) { found in
                    (0..<20_000).map { _ in
                        found.advance(by: .seconds(4), using: &random)
                        return found.processValue
                    }
                }
                let track = try #require(tracks[instrument.tag.text])
                let low = instrument.limits.low ?? instrument.span.lrv
                let high = instrument.limits.high ?? instrument.span.urv
                #expect(try #require(track.min()) > low, "\(instrument.tag)")
                #expect(try #require(track.max()) < high, "\(instrument.tag)")
            }
            #expect(try correlation(#require(tracks["FT-106"]), #require(tracks["FT-202"])) > 0.9)
            #expect(try correlation(#require(tracks["FT-106"]), #require(tracks["PT-105"])) < -0.8)
            #expect(
                try abs(correlation(#require(tracks["FT-106"]), #require(tracks["TT-205"]))) < 0.5
            )
        }

        @Test("What cannot be set up is said, and nothing is served or left then")
        func failures() throws {
            let before = try openDescriptors()
            let folder = try TemporaryFolder()
            let missing = DemoPlant(
                seed: 1,
                folder: folder.file("nowhere"),
                options: DemoPlant.Options(profiles: Self.profiles)
            )
            #expect(throws: PlantError.self) { try missing.start(findMap: Self.findMap) }
            let unknown = Self.demo(in: folder)
            #expect(throws: TestFailure.self) {
                try unknown.start { _ in throw TestFailure("no such profile") }
            }
            #expect(try openDescriptors() <= before)
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
        }

        /// Reads one channel with its status over its bus, as the gateway would.
        static func look(
            _ instrument: InstrumentSettings,
            _ settings: GatewaySettings,
            _ running: DemoPlant.Running
        ) throws -> DecodedChannel {
            let module = try #require(settings.modules.first { $0.name == instrument.module })
            let bus = try #require(settings.buses.first { $0.id == module.bus })
            let channel = module.map.channels[instrument.channel - 1]
            let words = try read(
                channel.table,
                channel.address,
                channel.encoding.words,
                module.unit,
                bus
            )
            var found = channel.encoding.decode(words)
            for source in channel.status {
                let word = try read(source.table, source.address, 1, module.unit, bus)
                let status = StatusMeaning.condition(of: word[0], by: source.meanings)
                found = found.with(status: status)
            }
            return found
        }

        private static func read(
            _ table: RegisterTable,
            _ address: UInt16,
            _ count: Int,
            _ unit: UnitAddress,
            _ bus: BusSettings
        ) throws -> [UInt16] {
            let pdu = [
                table.rawValue, UInt8(address >> 8), UInt8(address & 255), 0, UInt8(count),
            ]
            let data: [UInt8]
            switch bus.link {
            case .rtu(let serial):
                let wire = try Wire(device: serial.path)
                wire.send(sealed([unit.rawValue] + pdu))
                let answer = try wire.receive(5 + 2 * count)
                #expect(sealed(Array(answer.dropLast(2))) == answer)
                data = Array(answer.dropFirst(3).dropLast(2))
            case .tcp(_, let port):
                let wire = try Wire(port: port)
                wire.send([0, 1, 0, 0, 0, 6, unit.rawValue] + pdu)
                let head = try wire.receive(8)
                guard head[7] < 0x80 else { throw TestFailure("refused") }
                data = Array(try wire.receive(1 + 2 * count).dropFirst())
            }
            return stride(from: 0, to: data.count, by: 2).map {
                UInt16(data[$0]) << 8 | UInt16(data[$0 + 1])
            }
        }

        private func correlation(_ a: [Double], _ b: [Double]) -> Double {
            let meanA = a.reduce(0, +) / Double(a.count)
            let meanB = b.reduce(0, +) / Double(b.count)
            var (ab, aa, bb) = (0.0, 0.0, 0.0)
            for (x, y) in zip(a, b) {
                ab += (x - meanA) * (y - meanB)
                aa += (x - meanA) * (x - meanA)
                bb += (y - meanB) * (y - meanB)
            }
            return ab / (aa * bb).squareRoot()
        }
    }
}
