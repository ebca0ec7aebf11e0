import ArgumentParser
import Fieldbus
import Foundation
import GatewayCore
import Profiles
import Runtime
import Signal

/// `loopgate probe`: who answers on a line, what it is, and what its registers could mean.
struct ProbeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "probe",
        abstract: "Find units on a bus, recognise them, and show registers in every interpretation.",
        discussion: """
            Give --tcp or --device. On a serial line every baud rate and parity given is tried. \
            Nothing is written to any module. A port that the daemon holds is left alone: stop it first.
            """)

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

    @Option(help: "How long to wait for an answer, in milliseconds.")
    var timeout = 300

    @Option(help: "Folder of the firmware profiles.")
    var profiles = ConfigurationLoader.packagedProfiles

    func run() async throws {
        guard let numbers = Self.numbers(units), !numbers.isEmpty else {
            throw ValidationError("--units: '\(units)' is no list of units from 0 to 255; write 1-16")
        }
        guard let shown = ["input": RegisterTable.input, "holding": .holding][table] else {
            throw ValidationError("--table: '\(table)'; write input or holding")
        }
        guard (0...65_535).contains(address), (1...32).contains(count), address + count <= 65_536,
            (10...10_000).contains(timeout)
        else { throw ValidationError("--address, --count or --timeout is out of range") }
        let folder = FileManager.default.fileExists(atPath: profiles) ? profiles : "firmware-profiles"
        let library = ModuleLibrary(folders: [folder], problems: ProblemList())
        var found = 0
        for bus in try buses() {
            let line = BusLine(bus)
            defer { line.close() }
            for unit in numbers {
                guard try line.answers(unit, shown, UInt16(address), timeout) else { continue }
                found += 1
                print("\(bus.link.words): unit \(unit) answers")
                recognise(unit, line, library)
                show(unit, shown, line)
            }
        }
        if found == 0 {
            print("nobody answers: check wiring, units, baud rate and parity")
            throw ExitCode(1)
        }
    }

    private func buses() throws -> [BusSettings] {
        if let tcp, device == nil {
            return [try BusLine.tcp(tcp, milliseconds: timeout)]
        }
        guard let device, tcp == nil else { throw ValidationError("give --tcp or --device") }
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
                        id: BusID(rawValue: 0), name: "probe", link: .rtu(serial),
                        responseTimeout: .milliseconds(timeout)))
            }
        }
        return all
    }

    private func recognise(_ unit: UInt8, _ line: BusLine, _ library: ModuleLibrary) {
        var names: [String] = []
        for (name, profile) in library.profiles.sorted(by: { $0.key < $1.key })
        where !profile.identification.isEmpty {
            let isIt = profile.identification.allSatisfy { register in
                guard let count = UInt16(exactly: register.count) else { return false }
                let words = line.words(unit, register.table, register.address, count, timeout)
                return words.map(register.matches) ?? false
            }
            if isIt { names.append(name) }
        }
        print(
            names.isEmpty
                ? "  no profile recognises it (many modules cannot be told apart)"
                : "  recognised: \(names.joined(separator: ", "))")
    }

    private func show(_ unit: UInt8, _ table: RegisterTable, _ line: BusLine) {
        guard let words = line.words(unit, table, UInt16(address), UInt16(count), timeout) else {
            print("  \(count) registers from \(address) cannot be read at once: give another --address or --count")
            return
        }
        let base = table == .input ? 30_001 : 40_001
        for (index, word) in words.enumerated() {
            let number = address + index
            let hex = String(word, radix: 16, uppercase: true)
            let padded = String(repeating: "0", count: 4 - hex.count) + hex
            print("  address \(number) (document \(base + number)): \(word) = 0x\(padded)")
            for way in Interpretation.all {
                guard let current = way.milliamps(words[index...]),
                    Interpretation.isPlausible(current)
                else { continue }
                print("    \(Self.rounded(current)) mA as \(way.name)")
            }
        }
    }

    static func rounded(_ number: Double) -> Double { (number * 10_000).rounded() / 10_000 }

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
        commandName: "read", abstract: "Read one module of the configuration through its profile.")

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
        let line = BusLine(bus)
        defer { line.close() }
        let timeout = Int((found.responseTimeout ?? bus.responseTimeout).milliseconds)
        print("\(module): unit \(found.unit.rawValue) on \(bus.link.words), profile \(found.profile)")
        for check in found.map.identity + found.map.assumptions {
            let words = try line.read(
                found.unit.rawValue, check.table, check.address,
                UInt16(clamping: check.expected.count), timeout)
            print("  \(check.meaning): \(check.holds(for: words) ? "yes" : "NO")")
        }
        for (index, channel) in found.map.channels.enumerated() {
            let tag = settings.instruments.first {
                $0.module == module && $0.channel == index + 1
            }
            let words = try line.read(
                found.unit.rawValue, channel.table, channel.address,
                UInt16(channel.encoding.words), timeout)
            var decoded = channel.encoding.decode(words)
            for source in channel.status {
                let status = try line.read(
                    found.unit.rawValue, source.table, source.address, 1, timeout)
                decoded = decoded.with(
                    status: StatusMeaning.condition(of: status[0], by: source.meanings))
            }
            let current = decoded.milliamps.map { "\(ProbeCommand.rounded($0)) mA" } ?? "no current"
            let name = tag.map { " \($0.tag)" } ?? ""
            print("  channel \(index + 1)\(name): raw \(decoded.raw), \(current), \(decoded.condition.rawValue)")
        }
    }
}

/// `loopgate relay-safe`: drives every output of the box safe, whatever became of the daemon.
struct RelaySafeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "relay-safe",
        abstract: "Drive the alarm output safe: what the service does after the daemon has ended.")

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

/// A bus asked by hand: one question, one answer.
private final class BusLine {
    private let bus: BusMaster
    private let settings: BusSettings
    private var next: UInt64 = 1

    init(_ settings: BusSettings) {
        self.settings = settings
        let environment = ProcessInfo.processInfo.environment["RUNTIME_DIRECTORY"]
        let usual = FileManager.default.fileExists(atPath: "/run/loopgate") ? "/run/loopgate" : nil
        bus = BusMaster(settings, lockFolder: environment ?? usual)
    }

    static func tcp(_ text: String, milliseconds: Int) throws -> BusSettings {
        guard let colon = text.lastIndex(of: ":"),
            let port = UInt16(text[text.index(after: colon)...])
        else { throw ValidationError("--tcp: '\(text)'; write an address and a port, 192.168.1.20:502") }
        return BusSettings(
            id: BusID(rawValue: 0), name: "probe",
            link: .tcp(host: String(text[..<colon]), port: port),
            responseTimeout: .milliseconds(milliseconds))
    }

    func close() { bus.close() }

    /// Whether anybody answers as `unit`, be it with a refusal; throws where the port is not ours.
    func answers(
        _ unit: UInt8, _ table: RegisterTable, _ address: UInt16, _ timeout: Int
    ) throws -> Bool {
        switch ask(unit, table, address, 1, timeout) {
        case .success, .failure(.refused): return true
        case .failure(.silent), .failure(.garbled): return false
        case .failure(let fault): throw ValidationError(fault.explained(on: settings))
        }
    }

    /// The registers, or nil where they cannot be had.
    func words(
        _ unit: UInt8, _ table: RegisterTable, _ address: UInt16, _ count: UInt16, _ timeout: Int
    ) -> [UInt16]? {
        try? ask(unit, table, address, count, timeout).get()
    }

    /// The registers, or an error in words.
    func read(
        _ unit: UInt8, _ table: RegisterTable, _ address: UInt16, _ count: UInt16, _ timeout: Int
    ) throws -> [UInt16] {
        switch ask(unit, table, address, max(1, count), timeout) {
        case .success(let words): return words
        case .failure(let fault): throw ValidationError(fault.explained(on: settings))
        }
    }

    private func ask(
        _ unit: UInt8, _ table: RegisterTable, _ address: UInt16, _ count: UInt16, _ timeout: Int
    ) -> Result<[UInt16], BusFault> {
        let answer = Mailbox<Result<[UInt16], BusFault>>()
        next += 1
        bus.submit(
            BusRequest(
                id: next, unit: UnitAddress(rawValue: unit), table: table, address: address,
                count: count, responseTimeout: .milliseconds(timeout))
        ) { answer.post($0.outcome) }
        return answer.take()?.first ?? .failure(.linkLost(errno: ECANCELED))
    }
}
