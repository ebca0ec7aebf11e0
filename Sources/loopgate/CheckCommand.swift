import ArgumentParser
import Foundation
import GatewayCore
import Journal
import Profiles

/// `loopgate check`: every error of a configuration at once, and what each bus will carry.
struct CheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Check a configuration: every error at once, with its place and its mend."
    )

    @Argument(help: "The configuration file.")
    var file = RunCommand.defaultPath

    func run() async throws {
        switch Configuration.load(file) {
        case .success(let loaded):
            if !loaded.report.isEmpty { print(loaded.report) }
            let settings = loaded.settings
            print(
                "\(file): right. \(settings.buses.count) buses, \(settings.modules.count) modules, "
                    + "\(settings.instruments.count) instruments, \(settings.connections.count) uplinks"
            )
            if let remark = Self.remark(on: loaded) { print("note: \(remark)") }
        case .failure(let refused):
            print(refused.report)
            let count = refused.problems.count + refused.uncounted
            print("\(file): \(count) \(count == 1 ? "error" : "errors")")
            throw ExitCode(1)
        }
    }
}

extension CheckCommand {
    /// Where the register of the journal, if there is one to read, is not what the list says.
    fileprivate static func remark(on loaded: LoadedConfiguration) -> String? {
        let settings = loaded.settings
        guard let reader = try? JournalReader(settings.journal.path),
            let rows = try? reader.instruments(), rows.contains(where: { $0.settings != nil })
        else { return nil }
        return InstrumentRegister.remark(
            on: loaded.list,
            InstrumentRegister.records(
                rows,
                RegisterDecoder(modules: settings.modules, detection: settings.detection)
            ),
            applied: (try? reader.setting(InstrumentRegister.appliedList)) ?? nil
        )
    }
}

/// Loading as every command does it: profiles from the usual folders, overrides from the environment.
enum Configuration {
    static var loader: ConfigurationLoader { ConfigurationLoader() }

    static func load(_ path: String) -> Result<LoadedConfiguration, RefusedConfiguration> {
        loader.load(path)
    }
}
