import ArgumentParser
import Plant

/// The command line; each subcommand is in a file of its own.
@main
struct Loopgate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "loopgate",
        abstract: "Edge gateway for 4–20 mA loops: Modbus in, trusted readings and alarms out.",
        version: loopgateVersion,
        subcommands: [
            RunCommand.self, CheckCommand.self, InstrumentsCommand.self, JournalCommand.self,
            DemoCommand.self,
            EvaluateCommand.self, ProbeCommand.self, ReadCommand.self, RelaySafeCommand.self,
            AlertsCommand.self, MaintenanceCommand.self, RelayCommand.self,
            TrainCommand.self, BaselineCommand.self, ModelsCommand.self, CalibrationCommand.self,
            ReplayCommand.self, ResendCommand.self, PeopleCommand.self, AuditCommand.self,
            SimCommand.self,
        ]
    )
}
