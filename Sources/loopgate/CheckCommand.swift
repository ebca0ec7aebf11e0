import ArgumentParser
import Foundation
import GatewayCore
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
            for warning in loaded.warnings { print("warning: \(warning)") }
            Self.show(loaded.loads)
            print(
                "\(file): right. \(loaded.settings.buses.count) buses, \(loaded.settings.modules.count) modules, \(loaded.settings.instruments.count) instruments, \(loaded.settings.connections.count) uplinks"
            )
        case .failure(let refused):
            print(refused.description)
            for warning in refused.warnings { print("warning: \(warning)") }
            Self.show(refused.loads)
            let count = refused.problems.count + refused.uncounted
            print("\(file): \(count) \(count == 1 ? "error" : "errors")")
            throw ExitCode(1)
        }
    }

    private static func show(_ loads: [BusLoad]) {
        for load in loads {
            let cycle = Double(load.cycle.milliseconds)
            let share = (load.share * 1000).rounded() / 10
            print(
                "bus \(load.name): one cycle takes \(Int(cycle)) ms, the bus is \(share) % busy"
            )
        }
    }
}

/// Loading as every command does it: profiles from the usual folders, overrides from the environment.
enum Configuration {
    static var loader: ConfigurationLoader {
        ConfigurationLoader(findModules: { folders, _, problems in
            ModuleLibrary(folders: folders, problems: problems)
        })
    }

    static func load(_ path: String) -> Result<LoadedConfiguration, RefusedConfiguration> {
        loader.load(path)
    }
}
