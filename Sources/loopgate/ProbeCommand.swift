import ArgumentParser
import Fieldbus
import Foundation
import GatewayCore
import Profiles
import Signal

/// `loopgate probe`: who answers on a line, what it is, and what its registers could mean.
struct ProbeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "probe",
        abstract:
            "Find units on a bus, recognise them, and show registers in every interpretation.",
        discussion: """
            Give --tcp or --device. On a serial line every baud rate and parity given is tried. \
            Nothing is written to any module. A port that the daemon holds is left alone: stop it first.
            """
    )

    @Option(help: "HOST:PORT of a Modbus TCP module or gateway.")
    var tcp: String?

    @Option(help: "A serial port.")
    var device: String?

    @Option(help: "Baud rates to try, separated by commas.")
    var baud = "9600,19200,115200"

    @Option(help: "Parities to try: none, even, odd.")
    var parity = "none,even"

    @Option(help: "Units to ask: 1, 1-16 or 1,5,7.")
    var units = "1-16"

    @Option(help: "Table to show: input or holding.")
    var table = "input"

    @Option(help: "0-based address of the first register to show.")
    var address = 0

    @Option(help: "How many registers to show, 1 to 32.")
    var count = 8

    @Flag(help: "Show only interpretations that a live loop could mean.")
    var plausible = false

    @Flag(help: "Go on to the other line settings after units were found.")
    var every = false

    @Option(help: "How long to wait for an answer, in milliseconds.")
    var timeout = 300

    @Option(help: "Folder of the firmware profiles.")
    var profiles = ConfigurationLoader.packagedProfiles

    func run() async throws {
        guard let numbers = Self.numbers(units), !numbers.isEmpty else {
            throw ValidationError(
                "--units: '\(units)' is no list of units from 0 to 255; write 1-16"
            )
        }
        guard let shown = ["input": RegisterTable.input, "holding": .holding][table] else {
            throw ValidationError("--table: '\(table)'; write input or holding")
        }
        guard (0...65_535).contains(address), (1...256).contains(count), address + count <= 65_536,
            (10...10_000).contains(timeout)
        else { throw ValidationError("--address, --count or --timeout is out of range") }
        let addresses = numbers.map { UnitAddress(rawValue: $0) }
        let found =
            switch (tcp, device) {
            case (let tcp?, nil): try survey([Self.tcp(tcp, timeout)], addresses, shown)
            case (nil, let device?): try survey(try lines(device), addresses, shown)
            default: throw ValidationError("give --tcp or --device")
            }
        guard found else {
            print("Nobody answers: check power, wiring, units, baud rate and parity.")
            throw ExitCode(1)
        }
    }

    /// Looks at one bus after the other until, on one, somebody answers readably.
    private func survey(
        _ buses: [BusSettings],
        _ units: [UnitAddress],
        _ table: RegisterTable
    ) throws -> Bool {
        let folder =
            FileManager.default.fileExists(atPath: profiles) ? profiles : "firmware-profiles"
        let library = ModuleLibrary(folders: [folder], problems: ProblemList())
        for settings in buses {
            print("\(settings.link.words):")
            let bus = openBus(settings)
            defer { bus.closeAndWait() }
            let prober = Prober(bus: bus, responseTimeout: .milliseconds(timeout))
            let found: [FoundUnit]
            do { found = try prober.findUnits(units) } catch {
                throw CommandError(error.explained(on: settings))
            }
            print(ProbeReport.text(found, asked: units.count), terminator: "")
            let readable = found.filter { if case .garbled = $0.answer { false } else { true } }
            for unit in readable.map(\.unit) {
                recognise(unit, prober, library)
                let cells = prober.survey(unit, table, UInt16(clamping: address), count: count)
                print(ProbeReport.text(cells, plausibleOnly: plausible), terminator: "")
            }
            if !readable.isEmpty && !every { return true }
        }
        return false
    }

    /// Says which profiles fit a unit: those told by words with the nearest that does not fit, and
    /// those told by a text only where it is there.
    private func recognise(_ unit: UnitAddress, _ prober: Prober, _ library: ModuleLibrary) {
        let profiles = library.profiles.sorted { $0.key < $1.key }
        let signatures = profiles.compactMap { name, profile -> ModuleSignature? in
            let checks = profile.identification.compactMap(\.check)
            guard checks.count == profile.identification.count else { return nil }
            return ModuleSignature(profile: name, checks: checks)
        }
        let byText = profiles.filter { _, profile in
            profile.identification.contains { $0.check == nil }
                && profile.identification.allSatisfy { one in
                    let words = prober.read(unit, one.table, one.address, count: one.count)
                    return (try? words.get()).map(one.matches) ?? false
                }
        }
        for (name, profile) in byText {
            let why = profile.identification.map(\.meaning).joined(separator: ", ")
            print("unit \(unit.rawValue)  is \(name)  (\(why))")
        }
        let recognitions = prober.recognise(unit, among: signatures)
        if byText.isEmpty || recognitions.contains(where: \.isMatch) {
            print(ProbeReport.text(recognitions, unit: unit), terminator: "")
        }
    }

    private func lines(_ device: String) throws -> [BusSettings] {
        var all: [BusSettings] = []
        for rate in baud.split(separator: ",") {
            guard let rate = Int(rate), (1_200...115_200).contains(rate) else {
                throw ValidationError("--baud: '\(rate)' is no rate from 1200 to 115200")
            }
            for word in parity.split(separator: ",") {
                guard let parity = SerialSettings.Parity(rawValue: String(word)) else {
                    throw ValidationError("--parity: '\(word)'; write none, even or odd")
                }
                let serial = SerialSettings(path: device, baud: rate, parity: parity)
                all.append(
                    BusSettings(
                        id: BusID(rawValue: 0),
                        name: "probe",
                        link: .rtu(serial),
                        responseTimeout: .milliseconds(timeout)
                    )
                )
            }
        }
        return all
    }

    private static func tcp(_ text: String, _ timeout: Int) throws -> BusSettings {
        guard let colon = text.lastIndex(of: ":"),
            let port = UInt16(text[text.index(after: colon)...])
        else {
            throw ValidationError("--tcp: '\(text)'; write an address and a port: 192.168.1.20:502")
        }
        return BusSettings(
            id: BusID(rawValue: 0),
            name: "probe",
            link: .tcp(host: String(text[..<colon]), port: port),
            responseTimeout: .milliseconds(timeout)
        )
    }

    /// `1-3,7` as 1, 2, 3, 7; nil where it is no such list.
    static func numbers(_ text: String) -> [UInt8]? {
        var all: [UInt8] = []
        for part in text.split(separator: ",") {
            let ends = part.split(separator: "-").map { UInt8($0) }
            switch ends.count {
            case 1:
                guard let only = ends[0] else { return nil }
                all.append(only)
            case 2:
                guard let low = ends[0], let high = ends[1], low <= high else { return nil }
                all += Array(low...high)
            default: return nil
            }
        }
        return all
    }
}

/// `loopgate read`: one module of the configuration, through its profile, once.
struct ReadCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "read",
        abstract: "Read one module of the configuration through its profile."
    )

    @Argument(help: "The module's name.")
    var module: String

    @Option(help: "The configuration file.")
    var config = RunCommand.defaultPath

    func run() async throws {
        let settings: GatewaySettings
        switch Configuration.load(config) {
        case .success(let loaded): settings = loaded.settings
        case .failure(let refused): throw ValidationError(refused.description)
        }
        guard let found = settings.modules.first(where: { $0.name == module }),
            let bus = settings.buses.first(where: { $0.id == found.bus })
        else {
            let names = settings.modules.map(\.name).joined(separator: ", ")
            throw ValidationError("no module is called '\(module)'; there are \(names)")
        }
        let timeout = found.responseTimeout ?? bus.responseTimeout
        print(
            "\(module): unit \(found.unit.rawValue) on \(bus.link.words), profile \(found.profile)"
        )
        let tags = settings.instruments.filter { $0.module == module }
        for tag in tags.sorted(by: { $0.channel < $1.channel }) {
            print("channel \(tag.channel) is \(tag.tag)")
        }
        let master = openBus(bus)
        defer { master.closeAndWait() }
        let prober = Prober(
            bus: master,
            responseTimeout: timeout,
            quietBefore: found.map.requestGap
        )
        // One question first: whether the port may be had at all.
        do { _ = try prober.findUnits([found.unit]) } catch {
            throw CommandError(error.explained(on: bus))
        }
        let sample = prober.read(found.unit, found.map)
        print(ProbeReport.text(sample), terminator: "")
        let isRead = sample.channels.contains {
            if case .success = $0.words { true } else { false }
        }
        if !isRead { throw ExitCode(1) }
    }
}

/// `loopgate relay-safe`: drives every output of the box safe, whatever became of the daemon.
struct RelaySafeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "relay-safe",
        abstract: "Drive the alarm output safe: what the service does after the daemon has ended."
    )

    @Option(help: "The configuration file.")
    var config = RunCommand.defaultPath

    func run() async throws {
        let settings: GatewaySettings
        switch Configuration.load(config) {
        case .success(let loaded): settings = loaded.settings
        case .failure(let refused): throw ValidationError(refused.description)
        }
        let faults = Alarm.driveSafe(settings.relay)
        for fault in faults { print(fault) }
        if !faults.isEmpty { throw ExitCode(1) }
    }
}

/// A bus for questions by hand, under the lock that the daemon uses.
private func openBus(_ settings: BusSettings) -> BusMaster {
    let environment = ProcessInfo.processInfo.environment["RUNTIME_DIRECTORY"]
    let usual = FileManager.default.fileExists(atPath: "/run/loopgate") ? "/run/loopgate" : nil
    return BusMaster(settings, lockFolder: environment ?? usual)
}

/// Why a command could not do its work, for the person who gave it.
struct CommandError: Error, CustomStringConvertible {
    var description: String

    init(_ description: String) { self.description = description }
}
