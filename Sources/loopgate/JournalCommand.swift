import ArgumentParser
import Foundation
import GatewayCore
import Journal
import Signal

/// `loopgate journal`: looks into a journal, while the daemon writes it or not.
struct JournalCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "journal",
        abstract: "Look into the journal: numbers, a check, an export.",
        subcommands: [Stat.self, Verify.self, Export.self]
    )

    /// Where the journal is.
    struct Place: ParsableArguments {
        @Option(help: "The journal's file; without it, the one that the configuration names.")
        var file: String?

        @Option(help: "The configuration file.")
        var config = RunCommand.defaultPath

        func open() throws -> JournalReader {
            let path: String
            if let file {
                path = file
            } else {
                switch Configuration.load(config) {
                case .success(let loaded): path = loaded.settings.journal.path
                case .failure(let refused): throw ValidationError(refused.description)
                }
            }
            do {
                return try JournalReader(path)
            } catch let fault as StoreFault {
                throw ValidationError("\(path): \(fault.words)")
            }
        }
    }

    struct Stat: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "What the journal holds.")
        @OptionGroup var place: Place

        func run() async throws {
            let numbers = try place.open().statistics()
            print("database     \(numbers.databaseBytes) bytes")
            print("log          \(numbers.logBytes) bytes")
            print("readings     \(numbers.readings) in \(numbers.rows) rows")
            print("from         \(numbers.from?.iso8601 ?? "–")")
            print("to           \(numbers.to?.iso8601 ?? "–")")
            print("records      \(numbers.records), \(numbers.openAlerts) alerts open")
            print(
                "rollup rows  \(numbers.rollups[0]) of minutes, \(numbers.rollups[1]) of hours, \(numbers.rollups[2]) of days"
            )
            for run in numbers.runs { print("run \(run.epoch.hex)  \(run.readings) readings") }
        }
    }

    struct Verify: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Check every row's checksum and that no sequence is missing.",
            discussion: "Exit code 1 where anything is wrong."
        )
        @OptionGroup var place: Place

        func run() async throws {
            let found = try place.open().verify()
            for fault in found.faults { print(fault) }
            print("\(found.readings) readings in \(found.rows) rows, \(found.faults.count) faults")
            if !found.faults.isEmpty { throw ExitCode(1) }
        }
    }

    struct Export: AsyncParsableCommand {
        enum Format: String, ExpressibleByArgument, CaseIterable { case csv, ndjson }
        static let configuration = CommandConfiguration(
            abstract: "Print readings as CSV or as one JSON object a line."
        )
        @OptionGroup var place: Place

        @Option(help: "csv or ndjson.")
        var format = Format.csv

        @Option(help: "Only this tag.")
        var tag: String?

        @Option(help: "From this time on, ISO 8601 such as 2026-03-30T05:00:00Z.")
        var from: String?

        @Option(help: "Up to this time.")
        var to: String?

        func run() async throws {
            let reader = try place.open()
            let begin = try from.map(Self.time)
            let end = try to.map(Self.time)
            var out = Output()
            if format == .csv {
                out.line("time,tag,value,mA,raw,quality,reason,epoch,sequence,clock")
            }
            try reader.forEachReading(from: begin, to: end) { row in
                guard tag == nil || tag == row.tag else { return true }
                out.line(format == .csv ? Self.csv(row) : Self.json(row))
                return true
            }
            out.flush()
        }

        private static func time(_ text: String) throws -> WallTime {
            guard let time = WallTime(iso8601: text) else {
                throw ValidationError("'\(text)' is no time; write 2026-03-30T05:00:00Z")
            }
            return time
        }

        private static func csv(_ row: JournalReader.Row) -> String {
            let reading = row.reading
            let value = reading.value.map { "\($0)" } ?? ""
            let current = reading.current.map { "\($0.milliamps)" } ?? ""
            let raw = reading.raw.map { "\($0)" } ?? ""
            return [
                reading.stamp.wall.iso8601, row.tag, value, current, raw,
                reading.quality.level.name, reading.quality.reason, row.epoch.hex,
                "\(row.sequence)",
                reading.stamp.clock.word,
            ].joined(separator: ",")
        }

        private static func json(_ row: JournalReader.Row) -> String {
            let reading = row.reading
            // Tags, reasons and numbers hold nothing that JSON would have to escape.
            let value = reading.value.map { "\($0)" } ?? "null"
            let current = reading.current.map { "\($0.milliamps)" } ?? "null"
            let raw = reading.raw.map { "\($0)" } ?? "null"
            return """
                {"time":"\(row.reading.stamp.wall.iso8601)","tag":"\(row.tag)","value":\(value),"mA":\(current),"raw":\(raw),\
                "quality":"\(reading.quality.level.name)","reason":"\(reading.quality.reason)",\
                "epoch":"\(row.epoch.hex)","seq":\(row.sequence),"clock":"\(reading.stamp.clock.word)"}
                """
        }
    }

    /// Standard output in large pieces.
    private struct Output {
        private var bytes: [UInt8] = []

        mutating func line(_ text: String) {
            bytes.append(contentsOf: text.utf8)
            bytes.append(10)
            if bytes.count > 1 << 16 { flush() }
        }

        mutating func flush() {
            FileHandle.standardOutput.write(Data(bytes))
            bytes.removeAll(keepingCapacity: true)
        }
    }
}
