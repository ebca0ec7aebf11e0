import Detection
import Foundation
import Signal

/// One channel of one file: values in time, and which of them a detector may learn from.
struct Series {
    var file: String
    var channel: String
    /// Seconds.
    var times: [Double]
    var values: [Double]
    /// The row that the output names for each value: the row in the file, or the cycle.
    var rows: [Int]
    /// Whether the value belongs to the baseline.
    var isBaseline: [Bool]
    /// Another file's channel to learn from instead: times and values.
    var training: (times: [Double], values: [Double])?
    var lower: Double
    var upper: Double
}

/// What `evaluate` sets for one data set; everything else is what ships.
struct SetTable {
    var name: String
    /// Seconds between two readings.
    var interval: Double
    var window: Double
    var hop: Double
    var leastWindows: Int

    static let all = [
        SetTable(name: "skab", interval: 1, window: 22, hop: 1, leastWindows: 16),
        SetTable(name: "synthetic", interval: 1, window: 60, hop: 10, leastWindows: 60),
        SetTable(name: "hydraulic", interval: 1, window: 60, hop: 60, leastWindows: 32),
        SetTable(name: "nab", interval: 300, window: 7_200, hop: 300, leastWindows: 12),
        SetTable(name: "tep", interval: 180, window: 3_600, hop: 180, leastWindows: 12),
    ]
}

/// A folder or file that cannot be used, and what to do.
public struct EvaluationFault: Error, CustomStringConvertible {
    /// What is wrong and what to do.
    public let description: String
}

/// A CSV file by column.
struct Table {
    var columns: [String: [Substring]]
    var header: [String]
    var count: Int

    init(_ path: String, separator: Character = ",") throws {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw EvaluationFault(
                description: "\(path): cannot be read; name a folder of data sets"
            )
        }
        let text = String(decoding: data, as: UTF8.self)
        var lines = text.split(whereSeparator: \.isNewline)
        guard !lines.isEmpty else { throw EvaluationFault(description: "\(path): is empty") }
        header = lines.removeFirst().split(separator: separator, omittingEmptySubsequences: false)
            .map(String.init)
        var cells = header.map { _ in [Substring]() }
        for (number, line) in lines.enumerated() {
            let parts = line.split(separator: separator, omittingEmptySubsequences: false)
            guard parts.count == header.count else {
                throw EvaluationFault(
                    description:
                        "\(path), line \(number + 2): \(parts.count) cells, the header has "
                        + "\(header.count)"
                )
            }
            for (index, part) in parts.enumerated() { cells[index].append(part) }
        }
        count = lines.count
        columns = Dictionary(zip(header, cells), uniquingKeysWith: { first, _ in first })
    }

    func numbers(_ name: String) throws -> [Double] {
        guard let cells = columns[name] else {
            throw EvaluationFault(description: "a column '\(name)' is missing")
        }
        return cells.map { Double($0) ?? .nan }
    }

    /// A column of `2020-03-09 10:14:33` in seconds.
    func times(_ name: String) throws -> [Double] {
        guard let cells = columns[name] else {
            throw EvaluationFault(description: "a column '\(name)' is missing")
        }
        return try cells.map { cell in
            let parts = cell.split { !$0.isNumber }.prefix(6).compactMap { Int($0) }
            guard parts.count == 6 else {
                throw EvaluationFault(description: "'\(cell)' is no date and time")
            }
            let (year, month) = parts[1] > 2 ? (parts[0], parts[1]) : (parts[0] - 1, parts[1] + 12)
            let days =
                365 * year + year / 4 - year / 100 + year / 400 + (153 * (month - 3) + 2) / 5
                + parts[2] - 719_469
            return Double(days * 86_400 + parts[3] * 3_600 + parts[4] * 60 + parts[5])
        }
    }
}

/// The data sets of a folder laid out like `data/`.
struct DataFolder {
    var path: String

    func has(_ set: String) -> Bool { FileManager.default.fileExists(atPath: "\(path)/\(set)") }

    /// The CSV files below `folder`, as paths below the set's folder, in order.
    func files(_ set: String, below folder: String) -> [String] {
        let root = "\(path)/\(set)/\(folder)"
        let names = (try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []
        return names.filter { $0.hasSuffix(".csv") }
            .sorted { $0.compare($1, options: .numeric) == .orderedAscending }
            .map { folder.isEmpty ? $0 : "\(folder)/\($0)" }
    }

    func series(_ set: String) throws -> [Series] {
        switch set {
        case "skab": try skab()
        case "synthetic": try synthetic()
        case "hydraulic": try hydraulic()
        case "nab": try nab()
        default: try tep()
        }
    }

    static let skabFolders = ["valve1", "valve2", "other"]
    static let skabBaseline = 400
    static let skabChannels: [(name: String, lower: Double, upper: Double)] = [
        ("Accelerometer1RMS", 0, 1), ("Accelerometer2RMS", 0, 1), ("Current", 0, 5),
        ("Pressure", -1, 10), ("Temperature", 0, 150), ("Thermocouple", 0, 100),
        ("Voltage", 0, 300), ("Volume Flow RateRMS", 0, 150),
    ]
    static let hydraulicChannels: [(name: String, lower: Double, upper: Double)] = [
        ("TS1", 0, 100), ("TS2", 0, 100), ("TS3", 0, 100), ("TS4", 0, 100), ("VS1", 0, 2),
        ("CE", 0, 100), ("CP", 0, 5), ("SE", 0, 100),
    ]

    func skabFiles() -> [String] { Self.skabFolders.flatMap { files("skab", below: $0) } }

    private func skab() throws -> [Series] {
        try skabFiles().flatMap { file in
            let table = try Table("\(path)/skab/\(file)", separator: ";")
            let times = try table.times("datetime")
            return try Self.skabChannels.map { channel in
                Series(
                    file: file,
                    channel: channel.name,
                    times: times,
                    values: try table.numbers(channel.name),
                    rows: Array(0..<table.count),
                    isBaseline: (0..<table.count).map { $0 < Self.skabBaseline },
                    training: nil,
                    lower: channel.lower,
                    upper: channel.upper
                )
            }
        }
    }

    private func synthetic() throws -> [Series] {
        try files("synthetic", below: "").filter { $0.hasPrefix("series_") }.flatMap { file in
            let table = try Table("\(path)/synthetic/\(file)")
            let times = try table.numbers("time_s")
            return try table.header.filter { $0 != "time_s" }.map { channel in
                Series(
                    file: file,
                    channel: channel,
                    times: times,
                    values: try table.numbers(channel),
                    rows: Array(0..<table.count),
                    isBaseline: (0..<table.count).map { $0 < 3_600 },
                    training: nil,
                    lower: 0,
                    upper: 100
                )
            }
        }
    }

    private func hydraulic() throws -> [Series] {
        let table = try Table("\(path)/hydraulic/cycles_1hz.csv")
        let cycles = try table.numbers("cycle")
        let seconds = try table.numbers("second")
        let learned = Set(try Table("\(path)/hydraulic/baseline_cycles.csv").numbers("cycle"))
        let times = zip(cycles, seconds).map { $0 * 60 + $1 }
        return try Self.hydraulicChannels.map { channel in
            Series(
                file: "cycles_1hz.csv",
                channel: channel.name,
                times: times,
                values: try table.numbers(channel.name),
                rows: cycles.map { Int($0) },
                isBaseline: cycles.map(learned.contains),
                training: nil,
                lower: channel.lower,
                upper: channel.upper
            )
        }
    }

    func nabFiles() -> [String] {
        let root = "\(path)/nab"
        let names = (try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []
        return names.sorted().flatMap { files("nab", below: $0) }.filter { $0.contains("/") }
    }

    private func nab() throws -> [Series] {
        try nabFiles().map { file in
            let table = try Table("\(path)/nab/\(file)")
            let learned = Int(0.15 * Double(table.count))
            let values = try table.numbers("value")
            let (lower, upper) = Self.range(values.prefix(learned))
            return Series(
                file: file,
                channel: "value",
                times: try table.times("timestamp"),
                values: values,
                rows: Array(0..<table.count),
                isBaseline: (0..<table.count).map { $0 < learned },
                training: nil,
                lower: lower,
                upper: upper
            )
        }
    }

    private func tep() throws -> [Series] {
        let training = try Table("\(path)/tep/normal_train.csv")
        let channels = training.header.filter { $0.hasPrefix("XMEAS") }
        return try files("tep", below: "").filter { $0.hasSuffix("_test.csv") }.flatMap { file in
            let table = try Table("\(path)/tep/\(file)")
            return try channels.map { channel in
                let learned = try training.numbers(channel)
                let (lower, upper) = Self.range(learned[...])
                return Series(
                    file: file,
                    channel: channel,
                    times: (0..<table.count).map { Double($0) * 180 },
                    values: try table.numbers(channel),
                    rows: Array(0..<table.count),
                    isBaseline: (0..<table.count).map { _ in false },
                    training: (learned.indices.map { Double($0) * 180 }, learned),
                    lower: lower,
                    upper: upper
                )
            }
        }
    }

    /// A range for an instrument of which none is known: ten times as wide as its baseline.
    private static func range(_ values: ArraySlice<Double>) -> (Double, Double) {
        let low = values.min() ?? 0
        let high = values.max() ?? 1
        let margin = max(4.5 * (high - low), 1)
        return (low - margin, high + margin)
    }
}
