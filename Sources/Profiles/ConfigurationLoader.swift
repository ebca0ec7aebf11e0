import Foundation
import GatewayCore
import Signal

/// A configuration that is right: what the gateway is told, and what deserves a look.
public struct LoadedConfiguration: Sendable {
    /// One file that was read, as it was then.
    public struct File: Hashable, Sendable, Codable {
        /// Its absolute path.
        public var path: String
        /// Its text.
        public var text: String
    }

    /// What the gateway is told.
    public var settings: GatewaySettings
    /// The instrument list as it is written.
    public var list: InstrumentList
    /// Things that work but deserve a look.
    public var warnings: [Problem]
    /// Each bus's predicted cycle and load.
    public var loads: [BusLoad]
    /// Every file that was read, `loopgate.yaml` first.
    public var files: [File]
    /// The overriding variables in force.
    public var environment: [String: String]

    /// What `loopgate check` prints: warnings, and the load of each bus.
    public var report: String {
        Profiles.report(of: [], warnings: warnings, uncounted: 0, loads: loads)
    }
}

/// Why a configuration is refused: everything at once.
public struct RefusedConfiguration: Error, Sendable, CustomStringConvertible {
    /// What is wrong, by file and line.
    public var problems: [Problem]
    /// Things that work but deserve a look.
    public var warnings: [Problem]
    /// Problems and warnings beyond `DocumentLimits.problems`.
    public var uncounted: Int
    /// Each bus's predicted cycle and load, as far as it could be told.
    public var loads: [BusLoad]

    /// All problems, one a line.
    public var description: String {
        let lines = problems.map(\.description).joined(separator: "\n")
        return uncounted > 0 ? "\(lines)\n… and \(uncounted) more" : lines
    }

    /// What `loopgate check` prints: problems, warnings, and the load of each bus.
    public var report: String {
        Profiles.report(of: problems, warnings: warnings, uncounted: uncounted, loads: loads)
    }
}

private func report(
    of problems: [Problem],
    warnings: [Problem],
    uncounted: Int,
    loads: [BusLoad]
) -> String {
    var lines = problems.map(\.description)
    lines += warnings.map { "warning: \($0)" }
    if uncounted > 0 { lines.append("… and \(uncounted) more") }
    lines += loads.map(\.summary)
    return lines.joined(separator: "\n")
}

/// Reads `loopgate.yaml` and the files it names, checks all of it, and tells every error at once.
public struct ConfigurationLoader: Sendable {
    /// How files are read; their bytes, or why not.
    public typealias Read = @Sendable (_ path: String) -> Result<[UInt8], FileFault>
    /// How module profiles are found: the folders to search, the reader for their files, and where
    /// faults of the profiles themselves go.
    public typealias FindModules =
        @Sendable (_ folders: [String], _ read: @escaping Read, _ problems: ProblemList)
        -> any ModuleCatalogue

    /// Where packages put the profiles.
    public static let packagedProfiles = "/usr/share/loopgate/firmware-profiles"

    private let environment: [String: String]
    private let read: Read
    private let findModules: FindModules

    /// A loader.
    ///
    /// - environment: overrides (`LOOPGATE_…`) and `CREDENTIALS_DIRECTORY`.
    /// - read: reads files; the disk unless told otherwise.
    /// - findModules: finds the module profiles; files of the folders unless told otherwise.
    public init(
        environment: [String: String] = ProcessInfo.processInfo.environment,
        read: @escaping Read = FileFault.readFile,
        findModules: @escaping FindModules = { folders, read, problems in
            ProfileFolders(folders: folders, read: read, problems: problems)
        }
    ) {
        self.environment = environment
        self.read = read
        self.findModules = findModules
    }

    /// The same loader with `files` and overriding variables as they were kept.
    func replaying(
        _ files: [LoadedConfiguration.File],
        environment kept: [String: String]
    ) -> ConfigurationLoader {
        let texts = Dictionary(files.map { ($0.path, $0.text) }, uniquingKeysWith: { $1 })
        let present = environment.filter { !$0.key.hasPrefix(EnvironmentOverrides.prefix) }
        return ConfigurationLoader(
            environment: present.merging(kept) { $1 },
            read: { [read] path in
                texts[path].map { .success(Array($0.utf8)) } ?? read(path)
            },
            findModules: findModules
        )
    }

    /// Reads and checks the configuration at `path`.
    public func load(_ path: String) -> Result<LoadedConfiguration, RefusedConfiguration> {
        let problems = ProblemList()
        var loads: [BusLoad] = []
        let recorder = FileRecorder(read)
        let overrides = EnvironmentOverrides(environment)
        var list = InstrumentList()
        let settings = settings(path, overrides, recorder, problems, &loads, &list)
        let order = Dictionary(
            recorder.paths.enumerated().map { ($1, $0) },
            uniquingKeysWith: { first, _ in first }
        )
        func sorted(_ list: [Problem]) -> [Problem] {
            list.enumerated().sorted { a, b in
                let (fileA, fileB) = (order[a.element.file] ?? .max, order[b.element.file] ?? .max)
                return (fileA, a.element.place, a.offset) < (fileB, b.element.place, b.offset)
            }.map(\.element)
        }
        guard let settings, problems.isEmpty else {
            return .failure(
                RefusedConfiguration(
                    problems: sorted(problems.problems),
                    warnings: sorted(problems.warnings),
                    uncounted: problems.uncounted,
                    loads: loads
                )
            )
        }
        return .success(
            LoadedConfiguration(
                settings: settings,
                list: list,
                warnings: sorted(problems.warnings),
                loads: loads,
                files: recorder.files,
                environment: overrides.variables
            )
        )
    }

    /// Reads and checks an instrument list alone, against the modules of a running configuration.
    ///
    /// - detection: how the detectors of all instruments work: `detectors` of `loopgate.yaml`.
    public func instruments(
        _ path: String,
        modules: [ModuleSettings],
        detection: DetectionSettings = DetectionSettings()
    ) -> Result<InstrumentList, RefusedConfiguration> {
        let problems = ProblemList()
        var found = InstrumentList(path: path)
        let recorder = FileRecorder(read)
        if let document = recorder.document(path, problems), let top = document.map(problems) {
            _ = InstrumentDecoding.alone(problems, modules: modules, detection: detection)
                .instruments(top)
            found.entries = InstrumentList.entries(of: document)
        }
        guard problems.isEmpty else {
            return .failure(
                RefusedConfiguration(
                    problems: problems.problems,
                    warnings: problems.warnings,
                    uncounted: problems.uncounted,
                    loads: []
                )
            )
        }
        return .success(found)
    }

    // MARK: Steps

    private func settings(
        _ path: String,
        _ overrides: EnvironmentOverrides,
        _ recorder: FileRecorder,
        _ problems: ProblemList,
        _ loads: inout [BusLoad],
        _ list: inout InstrumentList
    ) -> GatewaySettings? {
        guard var document = recorder.document(path, problems) else { return nil }
        overrides.apply(to: &document, problems: problems)
        guard let top = document.map(problems) else { return nil }
        typealias Keys = GatewayKeys.Top
        let folder = ConfigurationLoader.folder(of: path)
        let folders =
            top.read(Keys.profiles)
            ?? [
                ConfigurationLoader.packagedProfiles, "firmware-profiles",
                FileManager.default.currentDirectoryPath + "/firmware-profiles",
            ]
        let context = DecodingContext(
            problems: problems,
            folder: folder,
            credentials: environment["CREDENTIALS_DIRECTORY"],
            catalogue: NoModules()
        )
        let catalogue = findModules(folders.map(context.absolute), recorder.read, problems)
        var full = DecodingContext(
            problems: problems,
            folder: folder,
            credentials: context.credentials,
            catalogue: catalogue
        )
        full.box = full.box(
            top,
            folders: folders.map(context.absolute),
            read: recorder.read
        )
        let gateway = top.read(Keys.gateway)
        let trustsRTC = full.trustsRTC(top)
        let buses = full.buses(top)
        let modules = full.modules(top, buses: buses)
        let connections = full.connections(top, gateway: gateway)
        let journal = full.journal(top)
        let detection = DetectorDecoding(over: DetectionSettings()).settings(top)
        let relay = full.relay(top)
        let alerts = full.alarms(top, relay)
        let page = full.page(top)
        let file = context.absolute(top.read(Keys.instruments))
        top.finish(Keys.section)

        list.path = file
        let instruments = self.instruments(&list, full, modules, detection, recorder)
        checkLoads(buses, modules, instruments, &loads)
        full.checkAreas(top, relay, instruments)
        full.checkLatchingAreas(top, alerts, instruments)
        guard let gateway, problems.isEmpty else { return nil }
        let settings = GatewaySettings(
            gateway: gateway,
            buses: buses.compactMap(\.value),
            modules: modules.compactMap(\.value),
            instruments: instruments,
            connections: connections.compactMap(\.value),
            journal: journal,
            relay: relay,
            page: page,
            trustsRTC: trustsRTC,
            alerts: alerts,
            detection: detection
        )
        full.checkBox(top, full.box, settings)
        return settings
    }

    private func instruments(
        _ found: inout InstrumentList,
        _ context: DecodingContext,
        _ modules: [Draft<ModuleSettings>],
        _ detection: DetectionSettings,
        _ recorder: FileRecorder
    ) -> [InstrumentSettings] {
        let path = found.path
        guard let document = recorder.document(path, context.problems) else { return [] }
        guard let list = document.map(context.problems) else { return [] }
        found.entries = InstrumentList.entries(of: document)
        var known: [String: InstrumentDecoding.Module] = [:]
        for module in modules {
            if let name = module.name { known[name] = .init(settings: module.value) }
        }
        let decoding = InstrumentDecoding(context: context, modules: known, detection: detection)
        let instruments = decoding.instruments(list)
        let used = Set(instruments.map(\.module))
        if context.problems.isEmpty {
            for module in modules where !used.contains(module.name ?? "") {
                context.problems.warn(
                    at: module.reader.place,
                    key: module.reader.keyPath,
                    what: "no instrument is on this module, so it is never read",
                    mend: "add one to \(path) or delete the module"
                )
            }
        }
        return instruments
    }

    private func checkLoads(
        _ buses: [Draft<BusSettings>],
        _ modules: [Draft<ModuleSettings>],
        _ instruments: [InstrumentSettings],
        _ loads: inout [BusLoad]
    ) {
        var channels: [String: Set<Int>] = [:]
        for instrument in instruments {
            channels[instrument.module, default: []].insert(instrument.channel)
        }
        for bus in buses {
            guard let settings = bus.value else { continue }
            let own = modules.compactMap { module -> (ModuleSettings, [Int], MapReader)? in
                guard let value = module.value, value.bus == settings.id else { return nil }
                return (value, (channels[value.name] ?? []).sorted(), module.reader)
            }
            let load = BusLoad(
                bus: settings,
                modules: own.map { (settings: $0.0, channels: $0.1) }
            )
            loads.append(load)
            load.check(
                settings,
                modules: own.map { (settings: $0.0, channels: $0.1, reader: $0.2) },
                reader: bus.reader
            )
        }
    }

    /// `path` from the root of the file system: relative ones start at the working folder.
    static func absolute(_ path: String) -> String {
        path.hasPrefix("/") ? path : FileManager.default.currentDirectoryPath + "/" + path
    }

    private static func folder(of path: String) -> String {
        let folder = (absolute(path) as NSString).deletingLastPathComponent
        return folder.isEmpty ? "/" : folder
    }
}

/// A catalogue without a profile.
struct NoModules: ModuleCatalogue {
    var names: [String] { [] }
    func module(_: String, _: ModuleOptions) -> Result<ResolvedModule, ModuleFault>? { nil }
}

/// Keeps what was read, so that the very same files can be kept as the last good ones.
///
/// @unchecked: everything that changes is behind the lock.
private final class FileRecorder: @unchecked Sendable {
    private let source: ConfigurationLoader.Read
    private let lock = NSLock()
    private var order: [String] = []
    private var bytes: [String: [UInt8]] = [:]

    init(_ source: @escaping ConfigurationLoader.Read) { self.source = source }

    var paths: [String] { lock.withLock { order } }

    var files: [LoadedConfiguration.File] {
        lock.withLock {
            order.compactMap { path in
                bytes[path].map { .init(path: path, text: String(decoding: $0, as: UTF8.self)) }
            }
        }
    }

    var read: ConfigurationLoader.Read { { [self] path in fetch(path) } }

    private func fetch(_ path: String) -> Result<[UInt8], FileFault> {
        let result = source(path)
        lock.withLock {
            if !order.contains(path) { order.append(path) }
            if case .success(let content) = result { bytes[path] = content }
        }
        return result
    }

    func document(_ path: String, _ problems: ProblemList) -> Document? {
        switch fetch(path) {
        case .success(let bytes): return Document(file: path, bytes: bytes, problems: problems)
        case .failure(let fault):
            problems.add(at: Place(file: path), key: "", what: fault.what, mend: fault.mend)
            return nil
        }
    }
}
