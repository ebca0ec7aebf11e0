import ArgumentParser
import Foundation
import GatewayCore

/// What every command to the running daemon takes.
struct ControlOptions: ParsableArguments {
    @Option(help: "The daemon's runtime folder.")
    var runtime: String?

    @Option(help: "On whose behalf: an employee number; you, unless told otherwise.")
    var by: String?

    @Option(help: "Why.")
    var note: String?

    func give(_ name: String, _ body: [String: Any] = [:]) throws {
        try ControlClient(folder: runtime).command(name, body, by: by, note: note)
    }
}

/// `loopgate alerts`: what is open in the running daemon, and what to do about it.
struct AlertsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "alerts",
        abstract: "List open alerts of the running daemon; acknowledge, resolve, shelve them.",
        subcommands: [
            List.self, Acknowledge.self, Resolve.self, Shelve.self, Unshelve.self, Reset.self,
        ],
        defaultSubcommand: List.self
    )

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Open alerts, worst first.")
        @Option(help: "The daemon's runtime folder.")
        var runtime: String?

        func run() async throws {
            let alerts = try ControlClient(folder: runtime).alerts()
            if alerts.isEmpty { print("No alert is open.") }
            for alert in alerts {
                let times = alert.occurrences > 1 ? ", \(alert.occurrences) times" : ""
                let normal = alert.isActive ? "" : ", returned to normal"
                print(
                    "\(alert.id)  \(alert.severity)  \(alert.subject)  \(alert.type) \(alert.detail)"
                        + "  \(alert.alarmState)\(normal)\(times)\n    \(alert.explanation)"
                )
            }
        }
    }

    struct Acknowledge: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Take note of an alert.")
        @Argument(help: "The alert's id.") var alert: String
        @OptionGroup var options: ControlOptions
        func run() async throws { try options.give("acknowledge", ["alert": alert]) }
    }

    struct Resolve: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Close an alert whose condition has gone."
        )
        @Argument(help: "The alert's id.") var alert: String
        @OptionGroup var options: ControlOptions
        func run() async throws { try options.give("resolve", ["alert": alert]) }
    }

    struct Shelve: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Put an alert aside for a time; --note is wanted."
        )
        @Argument(help: "The alert's id.") var alert: String
        @Option(help: "For how long.") var minutes: Double
        @Flag(help: "Only until it next returns to normal.") var oneShot = false
        @OptionGroup var options: ControlOptions
        func run() async throws {
            try options.give("shelve", ["alert": alert, "minutes": minutes, "oneShot": oneShot])
        }
    }

    struct Unshelve: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "End a shelf early.")
        @Argument(help: "The alert's id.") var alert: String
        @OptionGroup var options: ControlOptions
        func run() async throws { try options.give("unshelve", ["alert": alert]) }
    }

    struct Reset: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Reset one latch, or all, whose condition has gone."
        )
        @Argument(help: "The alert's id; without it, all.") var alert: String?
        @OptionGroup var options: ControlOptions
        func run() async throws {
            try options.give("reset", alert.map { ["alert": $0] } ?? [:])
        }
    }
}

/// `loopgate maintenance`: windows in which an instrument's alarms are suppressed.
struct MaintenanceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "maintenance",
        abstract: "Suppress an instrument's alarms for a time, or take it out of service.",
        subcommands: [Add.self, End.self, Out.self, Return.self]
    )

    struct Add: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Suppress its alarms for a time; --note is wanted."
        )
        @Argument(help: "The instrument's tag.") var tag: String
        @Option(help: "For how long.") var minutes: Double
        @OptionGroup var options: ControlOptions
        func run() async throws {
            try options.give("maintenance", ["tag": tag, "minutes": minutes])
        }
    }

    struct End: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "End that early.")
        @Argument(help: "The instrument's tag.") var tag: String
        @OptionGroup var options: ControlOptions
        func run() async throws { try options.give("end-maintenance", ["tag": tag]) }
    }

    struct Out: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "out-of-service",
            abstract: "Take it out of service until it is returned; --note is wanted."
        )
        @Argument(help: "The instrument's tag.") var tag: String
        @OptionGroup var options: ControlOptions
        func run() async throws { try options.give("out-of-service", ["tag": tag]) }
    }

    struct Return: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "return-to-service",
            abstract: "Return it to service."
        )
        @Argument(help: "The instrument's tag.") var tag: String
        @OptionGroup var options: ControlOptions
        func run() async throws { try options.give("return-to-service", ["tag": tag]) }
    }
}

/// `loopgate relay`: the horn, and a test of the circuit behind the relay.
struct RelayCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "relay",
        abstract: "Silence the horn, or test the circuit behind the relay.",
        subcommands: [Silence.self, Test.self]
    )

    struct Silence: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Silence the horn for what it sounds for now."
        )
        @OptionGroup var options: ControlOptions
        func run() async throws { try options.give("silence") }
    }

    struct Test: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show the safe state for a time; it is audited."
        )
        @Option(help: "For how long, at most 60 s.") var seconds: Double
        @OptionGroup var options: ControlOptions
        func run() async throws { try options.give("test-relay", ["seconds": seconds]) }
    }
}
