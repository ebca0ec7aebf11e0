import Foundation
import GatewayCore
import Runtime
import Signal

/// A small plant for trying the gateway without one: a steam boiler with its feed, fuel, tanks and
/// utilities, 24 instruments on five modules of four kinds of bus access, a fault now and then.
///
/// `start()` serves it and writes a configuration for it; `stop()` takes all of it away but the
/// files in the folder, which belong to the caller.
public final class DemoPlant: Sendable {
    /// What the configuration says beside the plant.
    public struct Options: Hashable, Sendable {
        /// The broker: `host:port`.
        public var broker: String
        /// Where the local page listens.
        public var pagePort: UInt16
        /// The folder that holds `modules/` with the profiles.
        public var profiles: String
        /// Time before the first fault.
        public var quiet: Nanoseconds
        /// How often the round of faults is gone through; 0: nothing ever fails.
        public var rounds: Int

        /// Options; everything but the profiles has a default.
        public init(
            profiles: String,
            broker: String = "127.0.0.1:1883",
            pagePort: UInt16 = 8080,
            quiet: Nanoseconds = .seconds(120),
            rounds: Int = 36
        ) {
            self.profiles = profiles
            self.broker = broker
            self.pagePort = pagePort
            self.quiet = quiet
            self.rounds = rounds
        }
    }

    /// Finds a module's registers by its profile.
    public typealias FindMap = (DemoModule) throws -> ModuleMap

    /// A plant that is being served.
    public struct Running: Sendable {
        /// The gateway's configuration file.
        public var configPath: String
        /// The instrument list that it names.
        public var instrumentsPath: String
        /// TCP ports by bus.
        public var ports: [String: UInt16]
        /// The serial line's path.
        public var line: String
        /// Every module by its name, to look at and to break by hand.
        public var units: [String: PlantUnit]
        /// What will go wrong, in order of time.
        public var timeline: [DemoEvent]

        /// Works on an instrument by its tag: `fail(_:after:for:)`, `repair()`, …; nil where there
        /// is none.
        public func withInstrument<Result>(
            _ tag: String,
            _ body: (inout PlantInstrument) -> Result
        ) -> Result? {
            guard let instrument = DemoInstrument.all.first(where: { $0.tag == tag }) else {
                return nil
            }
            return units[instrument.module]?.withModule {
                $0.withInstrument(instrument.channel, body)
            }
        }
    }

    private let seed: UInt64
    private let folder: String
    private let options: Options
    private let server = PlantServer()

    /// A plant whose chance follows from `seed`.
    ///
    /// - folder: where the configuration, the line and the gateway's journal go; it must exist.
    public init(seed: UInt64, folder: String, options: Options) {
        self.seed = seed
        self.folder = folder
        self.options = options
    }

    /// The tags of all instruments.
    public static var tags: [String] { DemoInstrument.all.map(\.tag) }

    /// Serves the plant and writes its configuration.
    ///
    /// - Throws: `PlantError`, or what `findMap` throws; nothing is served then.
    public func start(findMap: FindMap) throws -> Running {
        do {
            return try serve(findMap)
        } catch {
            stop()
            throw error
        }
    }

    /// Stops serving: ports, line and threads are gone when it returns. For good.
    public func stop() { server.stop() }

    private func serve(_ findMap: FindMap) throws -> Running {
        let timeline = DemoEvent.timeline(rounds: options.rounds, quiet: options.quiet)
        let units = try makeUnits(timeline, findMap)
        func byAddress(_ bus: String) -> [UInt8: PlantUnit] {
            var found: [UInt8: PlantUnit] = [:]
            for module in DemoModule.all where module.bus == bus {
                found[module.unit] = units[module.name]
            }
            return found
        }
        let line = folder + "/boiler-line"
        try server.openTerminal(
            link: line,
            units: byAddress("boiler"),
            pace: SerialSettings(path: line, baud: DemoModule.baud)
        )
        var ports: [String: UInt16] = [:]
        for bus in Set(DemoModule.all.map(\.bus)).sorted() where bus != "boiler" {
            ports[bus] = try server.listen(units: byAddress(bus))
        }
        let configPath = folder + "/loopgate.yaml"
        let instrumentsPath = folder + "/instruments.yaml"
        try write(
            DemoConfiguration.gateway(
                line: line,
                ports: ports,
                options: options,
                journal: folder + "/journal.db"
            ),
            to: configPath
        )
        try write(DemoConfiguration.instruments(), to: instrumentsPath)
        return Running(
            configPath: configPath,
            instrumentsPath: instrumentsPath,
            ports: ports,
            line: line,
            units: units,
            timeline: timeline
        )
    }

    private func makeUnits(
        _ timeline: [DemoEvent],
        _ findMap: FindMap
    ) throws -> [String: PlantUnit] {
        let moves = DemoLoad.moves(seed: seed)
        let now = MonotonicTime(nanoseconds: monotonicNow())
        var units: [String: PlantUnit] = [:]
        for (index, description) in DemoModule.all.enumerated() {
            let map = try findMap(description)
            var channels = [PlantChannel](repeating: .unused, count: map.channels.count)
            for instrument in DemoInstrument.all where instrument.module == description.name {
                guard channels.indices.contains(instrument.channel - 1) else { continue }
                let faults = timeline.compactMap { event -> ScheduledFault? in
                    guard case .instrument(instrument.tag, let fault) = event.cause else {
                        return nil
                    }
                    return ScheduledFault(fault, start: event.start, duration: event.duration)
                }
                channels[instrument.channel - 1] = .instrument(
                    PlantInstrument(instrument.behaviour(load: moves), faults: faults)
                )
            }
            let partSeed = seed &+ UInt64(index)
            var module = PlantModule(map: map, channels: channels, seed: partSeed)
            // The instruments' time begins now, whenever the first poll comes.
            module.sample(at: now)
            let unit = PlantUnit(module, seed: partSeed)
            for event in timeline {
                guard case .modules(let names, let kind, let share) = event.cause,
                    names.contains(description.name)
                else { continue }
                unit.misbehave(kind, share: share, after: event.start, for: event.duration)
            }
            units[description.name] = unit
        }
        return units
    }

    private func write(_ text: String, to path: String) throws {
        do {
            try text.write(toFile: path, atomically: true, encoding: .utf8)
        } catch {
            throw PlantError.cannotWrite(path: path, reason: "\(error.localizedDescription)")
        }
    }
}
