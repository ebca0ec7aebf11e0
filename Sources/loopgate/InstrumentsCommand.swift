import ArgumentParser
import Foundation
import GatewayCore
import Journal
import LocalPage
import Profiles
import Signal

/// `loopgate instruments`: the instrument register, of the running daemon or of its journal.
struct InstrumentsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "instruments",
        abstract: "List and change the instrument register, while the daemon runs or not.",
        subcommands: [List.self, Show.self, Apply.self, Retire.self, Restore.self],
        defaultSubcommand: List.self
    )

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "All instruments.")
        @Flag(help: "Retired ones too.") var all = false
        @OptionGroup var place: RegisterPlace

        func run() async throws {
            let found = try place.instruments().filter { all || !$0.isRetired }
            if found.isEmpty { print("The register is empty.") }
            for item in found {
                func word(_ key: String) -> String { item.entry[key]?.words ?? "–" }
                let state =
                    item.isRetired ? "  retired" : item.fault.map { "  LEFT OUT: \($0)" } ?? ""
                print(
                    "\(item.id)  \(item.tag)  \(word("type"))  \(word("lrv"))–\(word("urv")) "
                        + "\(word("unit"))  \(word("module")) channel \(word("channel"))\(state)"
                )
            }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "One instrument, as it would stand in instruments.yaml."
        )
        @Argument(help: "The instrument's tag.") var tag: String
        @OptionGroup var place: RegisterPlace

        func run() async throws {
            guard let item = try place.instruments().first(where: { $0.tag == tag }) else {
                throw CommandError("the register has no \(tag)")
            }
            if item.isRetired { print("# retired") }
            if let fault = item.fault { print("# left out: \(fault)") }
            let keys = RegisterDecoder.order(item.entry.keys)
            for (index, key) in keys.enumerated() {
                let value = item.entry[key] ?? .null
                print("\(index == 0 ? "- " : "  ")\(key): \(value.yaml)")
            }
        }
    }

    struct Apply: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make the register what a file says: shows the difference, asks, applies it.",
            discussion: """
                All of it or nothing. What the file does not name stays, unless --retire-missing. \
                Exit codes: 0 when the register is as the file says, 1 when it is not.
                """
        )
        @Argument(help: "A file like instruments.yaml.") var file: String
        @Flag(help: "Do not ask.") var yes = false
        @Flag(help: "Only show the difference.") var dryRun = false
        @Flag(help: "Retire what is in the register and not in the file.") var retireMissing = false
        @OptionGroup var place: RegisterPlace

        func run() async throws {
            guard let data = FileManager.default.contents(atPath: file) else {
                throw CommandError("\(file) cannot be read")
            }
            guard data.count <= DocumentLimits.fileBytes / 2 else {
                throw CommandError("\(file) has more than \(DocumentLimits.fileBytes / 2) bytes")
            }
            var order = InstrumentsOrder(
                .apply,
                by: ControlClient.who(place.by),
                file: URL(fileURLWithPath: file).path,
                text: String(decoding: data, as: UTF8.self),
                retiresMissing: retireMissing,
                isDryRun: true
            )
            try await place.withRegister { give in
                let difference = try await give(order)
                for line in difference.lines { print(line) }
                guard difference.isDone else { throw ExitCode(1) }
                if difference.changes == 0 {
                    print("Nothing to do.")
                    // Said all the same, so that the register knows which file it agrees with.
                } else if dryRun {
                    print("Nothing is changed: this was a dry run.")
                    throw ExitCode(1)
                } else if !yes {
                    print("Apply? [y/N] ", terminator: "")
                    fflush(nil)
                    guard let answer = readLine()?.lowercased(), ["y", "yes"].contains(answer)
                    else {
                        print("Nothing is changed.")
                        throw ExitCode(1)
                    }
                }
                guard !dryRun else { return }
                order.isDryRun = false
                order.state = difference.state
                let applied = try await give(order)
                for line in applied.lines where difference.changes > 0 || !applied.isDone {
                    print(line)
                }
                guard applied.isDone else { throw ExitCode(1) }
            }
        }
    }

    struct Retire: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Stop polling an instrument; its number, tag and history stay."
        )
        @Argument(help: "The instrument's tag.") var tag: String
        @OptionGroup var place: RegisterPlace
        func run() async throws { try await place.give(.retire, tag) }
    }

    struct Restore: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Take a retired instrument into service again."
        )
        @Argument(help: "The instrument's tag.") var tag: String
        @OptionGroup var place: RegisterPlace
        func run() async throws { try await place.give(.restore, tag) }
    }
}

/// Where the register is: with the daemon if one runs, else in the journal.
struct RegisterPlace: ParsableArguments {
    @Option(help: "The daemon's runtime folder.")
    var runtime: String?

    @Option(help: "The configuration file, which names the journal, where no daemon runs.")
    var config = RunCommand.defaultPath

    @Option(help: "On whose behalf: an employee number; you, unless told otherwise.")
    var by: String?

    typealias Give = (InstrumentsOrder) async throws -> InstrumentsAnswer

    /// All instruments.
    func instruments() throws -> [ListedInstrument] {
        if let running = try daemon { return try running.instruments() }
        let settings = try loaded().settings
        do {
            let rows = try JournalReader(settings.journal.path).instruments()
            return InstrumentRegister.records(rows, decoder(settings)).map(ListedInstrument.init)
        } catch let fault as StoreFault {
            throw CommandError("\(settings.journal.path): \(fault.words)")
        }
    }

    /// Runs `body` with whoever takes orders: the daemon, or the journal itself where none runs.
    func withRegister(_ body: (Give) async throws -> Void) async throws {
        if let running = try daemon {
            try await body { try running.order($0) }
            return
        }
        let loaded = try loaded()
        let settings = loaded.settings
        let journal: JournalStore
        do {
            let opened = try await JournalStore.open(
                settings.journal,
                connections: settings.connections.map(\.name)
            )
            journal = opened.store
            if let damage = opened.opening.damage { print("journal: \(damage)") }
        } catch let fault as StoreFault {
            throw CommandError(
                "no daemon answers, and the journal cannot be opened: \(fault.words). If a daemon "
                    + "runs, name its folder with --runtime"
            )
        }
        do {
            let register = try await InstrumentRegister.open(
                journal,
                decoder: decoder(settings),
                seed: loaded.list
            ).register
            try await body { await register.carryOut($0, with: settings) }
        } catch {
            await journal.close()
            throw error
        }
        await journal.close()
    }

    /// Gives one order about one instrument.
    func give(_ act: InstrumentsOrder.Act, _ tag: String) async throws {
        try await withRegister { give in
            let answer = try await give(
                InstrumentsOrder(act, by: ControlClient.who(by), tag: tag)
            )
            for line in answer.lines { print(line) }
            guard answer.isDone else { throw ExitCode(1) }
        }
    }

    /// The daemon that runs; nil: none does.
    private var daemon: ControlClient? {
        get throws {
            let client = ControlClient(folder: runtime)
            return try client.isAnswered ? client : nil
        }
    }

    private func loaded() throws -> LoadedConfiguration {
        switch Configuration.load(config) {
        case .success(let loaded): return loaded
        case .failure(let refused): throw CommandError(refused.description)
        }
    }

    private func decoder(_ settings: GatewaySettings) -> RegisterDecoder {
        RegisterDecoder(modules: settings.modules, detection: settings.detection)
    }
}
