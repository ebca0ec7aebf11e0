import ArgumentParser
import Foundation
import GatewayCore
import Journal
import Signal
import Uplink

/// `loopgate train`: learns from a span of clean readings and puts the model to use.
struct TrainCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "train",
        abstract: "Train an instrument's detectors on a span of clean readings.",
        discussion: """
            Without --from and --to the marked baseline is used. The model becomes the one in use; \
            earlier versions are kept: see 'loopgate models'.
            """
    )
    @Argument(help: "The instrument's tag.") var tag: String
    @Option(help: "First instant of the span, as 2026-03-30T05:32:00Z.") var from: String?
    @Option(help: "First instant after it.") var to: String?
    @Flag(help: "Leave readings of bad or uncertain quality out instead of refusing the span.")
    var allowBadQuality = false
    @Flag(help: "Learn although alerts of the instrument were active in the span.")
    var allowAlerts = false
    @OptionGroup var options: ControlOptions

    func run() async throws {
        var body: [String: Any] = [
            "tag": tag, "allowBadQuality": allowBadQuality, "allowAlerts": allowAlerts,
        ]
        if let from { body["from"] = from }
        if let to { body["to"] = to }
        try options.give("train", body)
    }
}

/// `loopgate baseline`: the span of clean readings that an instrument is trained on.
struct BaselineCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "baseline",
        abstract: "Mark a span of readings as clean, or list what is marked.",
        subcommands: [Mark.self, List.self]
    )

    struct Mark: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Call a span clean.")
        @Argument(help: "The instrument's tag.") var tag: String
        @Option(help: "First instant of the span, as 2026-03-30T05:32:00Z.") var from: String
        @Option(help: "First instant after it.") var to: String
        @OptionGroup var options: ControlOptions
        func run() async throws {
            try options.give("baseline", ["tag": tag, "from": from, "to": to])
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "What is marked.")
        @OptionGroup var place: JournalCommand.Place
        func run() async throws {
            let reader = try place.open()
            let tags = try reader.tags()
            for mark in try reader.baselines() {
                print(
                    "\(tags[mark.instrument] ?? "?")  \(mark.from.text) to \(mark.to.text)  "
                        + "by \(mark.markedBy) at \(mark.markedAt.text)  \(mark.note ?? "")"
                )
            }
        }
    }
}

/// `loopgate models`: the versions of an instrument's model.
struct ModelsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "models",
        abstract: "List the versions of an instrument's model, put one to use, roll back.",
        subcommands: [List.self, Activate.self, Rollback.self]
    )

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "All versions, newest first.")
        @Argument(help: "The instrument's tag.") var tag: String
        @OptionGroup var place: JournalCommand.Place
        func run() async throws {
            let reader = try place.open()
            for model in try reader.models(of: try reader.instrument(tag)) {
                let span = model.from.flatMap { from in
                    model.to.map { " on \(from.text) to \($0.text)" }
                }
                print(
                    "\(model.isActive ? "*" : " ") \(model.version)  \(model.trainedAt.text) by "
                        + "\(model.trainedBy), \(model.windows) windows\(span ?? ""), feature set "
                        + "\(model.featureVersion)"
                )
                if let report = model.report, !report.isEmpty { print("    \(report)") }
            }
        }
    }

    struct Activate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Put a version to use.")
        @Argument(help: "The instrument's tag.") var tag: String
        @Argument(help: "The version.") var version: Int
        @OptionGroup var options: ControlOptions
        func run() async throws {
            try options.give("activate", ["tag": tag, "version": version])
        }
    }

    struct Rollback: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Put the version before the present one to use."
        )
        @Argument(help: "The instrument's tag.") var tag: String
        @OptionGroup var place: JournalCommand.Place
        @OptionGroup var options: ControlOptions
        func run() async throws {
            let reader = try place.open()
            let models = try reader.models(of: try reader.instrument(tag))
            guard let present = models.first(where: \.isActive) else {
                throw CommandError("\(tag) has no model in use")
            }
            guard let earlier = models.first(where: { $0.version < present.version }) else {
                throw CommandError("version \(present.version) of \(tag) is its first")
            }
            try options.give("activate", ["tag": tag, "version": earlier.version])
        }
    }
}

/// `loopgate calibration`: the calibrations of an instrument.
struct CalibrationCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "calibration",
        abstract: "Record a calibration, or list those on record.",
        subcommands: [Add.self, List.self]
    )

    struct Add: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Record a calibration; a passed one makes the drift detector start anew."
        )
        @Argument(help: "The instrument's tag.") var tag: String
        @Flag(help: "Whether it passed, in the technician's judgement.")
        var outcome: Outcome
        @Option(help: "When, as 2026-03-30T05:32:00Z; now, unless told otherwise.")
        var performedAt: String?
        @Option(help: "Who calibrated: an employee number; --by, unless told otherwise.")
        var performedBy: String?
        @Option(help: "What it showed before any adjustment, in its unit.") var asFound: Double?
        @Option(help: "What it showed afterwards.") var asLeft: Double?
        @Option(help: "What the reference showed.") var reference: Double?
        @OptionGroup var options: ControlOptions

        enum Outcome: String, EnumerableFlag {
            case passed, failed
        }

        func run() async throws {
            var body: [String: Any] = ["tag": tag, "passed": outcome == .passed]
            if let performedAt { body["performedAt"] = performedAt }
            if let performedBy { body["performedBy"] = performedBy }
            if let asFound { body["asFound"] = asFound }
            if let asLeft { body["asLeft"] = asLeft }
            if let reference { body["reference"] = reference }
            try options.give("calibration", body)
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Those on record, newest first.")
        @Argument(help: "The instrument's tag.") var tag: String
        @OptionGroup var place: JournalCommand.Place
        func run() async throws {
            let reader = try place.open()
            for entry in try reader.calibrations(of: try reader.instrument(tag)) {
                guard let record = entry.record else { continue }
                func number(_ name: String, _ value: Double?) -> String {
                    value.map { ", \(name) \($0)" } ?? ""
                }
                print(
                    "\(record.performedAt.text) by \(record.performedBy): "
                        + (record.passed ? "passed" : "failed")
                        + number("as found", record.asFound) + number("as left", record.asLeft)
                        + number("reference", record.reference)
                        + (record.notes.map { " (\($0))" } ?? "")
                )
            }
        }
    }
}

/// `loopgate resend`: stored readings once more.
struct ResendCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resend",
        abstract: "Send stored readings again, from one of them to the end of its run."
    )
    @Argument(help: "The run: the 16 hexadecimal digits of its epoch.") var run: String
    @Argument(help: "The first sequence to be sent again.") var sequence: UInt64
    @Option(help: "Over this connection; all, unless told otherwise.") var uplink: String?
    @OptionGroup var options: ControlOptions

    func run() async throws {
        var body: [String: Any] = ["epoch": run, "sequence": sequence]
        if let uplink { body["uplink"] = uplink }
        try options.give("resend", body)
    }
}

extension JournalReader {
    /// The number of the instrument with this tag.
    func instrument(_ tag: String) throws -> InstrumentID {
        guard let found = try instruments().first(where: { $0.tag.text == tag }) else {
            throw CommandError("the journal knows no instrument with the tag \(tag)")
        }
        return found.id
    }

    /// The tags by number.
    func tags() throws -> [InstrumentID: String] {
        Dictionary(uniqueKeysWithValues: try instruments().map { ($0.id, $0.tag.text) })
    }
}

extension WallTime {
    /// ISO 8601 in UTC, to the second.
    var text: String {
        Date(timeIntervalSince1970: Double(nanosecondsSince1970) / 1e9)
            .formatted(.iso8601)
    }
}
