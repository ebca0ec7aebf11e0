import Detection
import Foundation

/// Runs the shipped detectors over every data set of a folder and prints how they do, beside the
/// textbook's settings of the same detectors.
///
/// Each series is judged in order, from its own baseline rows and nothing later.
///
/// - Parameters:
///   - data: a folder laid out like `data/`: `skab`, `synthetic`, `hydraulic`, `nab`, `tep`; sets
///     that are not there are left out.
///   - out: a file for the findings of the shipped detectors, one line
///     `file,channel,row,detector,flag` per row in alarm; nil: none.
///   - scores: a file for the forest's score at every row, `file,channel,row,score`; nil: none.
///   - print: takes the report line by line.
/// - Throws: `EvaluationFault` where a file cannot be read or written.
public func evaluate(
    data: String,
    out: String?,
    scores: String? = nil,
    print: (String) -> Void
) throws {
    let folder = DataFolder(path: data)
    let tables = SetTable.all.filter { folder.has($0.name) }
    guard !tables.isEmpty else {
        throw EvaluationFault(
            description: "\(data): holds none of skab, synthetic, hydraulic, nab, tep"
        )
    }
    print("set        interval    window       hop  least windows")
    for table in tables {
        print(
            pad(table.name, 10)
                + [table.interval, table.window, table.hop].map {
                    padLeft("\(Int($0)) s", 10)
                }.joined() + padLeft("\(table.leastWindows)", 15)
        )
    }
    var findings = "file,channel,row,detector,flag\n"
    var scored = "file,channel,row,score\n"
    for table in tables {
        let series = try folder.series(table.name)
        print("")
        print("\(table.name): \(series.count) series")
        for suite in Suite.allCases {
            let results = series.map { Evaluator.run($0, table: table, suite: suite) }
            try Report(folder: folder, set: table.name, suite: suite, results: results)
                .lines().forEach(print)
            guard suite == .shipped else { continue }
            if out != nil { for result in results { append(result, to: &findings) } }
            if scores != nil { for result in results { appendScores(result, to: &scored) } }
            var counts: [String: Int] = [:]
            for note in results.flatMap(\.notes) {
                counts[withoutNumbers(note), default: 0] += 1
            }
            for (note, count) in counts.sorted(by: { $0.value > $1.value }).prefix(6) {
                print("  note (\(count)x): \(note)")
            }
        }
    }
    if let out { try write(findings, to: out) }
    if let scores { try write(scored, to: scores) }
}

/// The note with `…` for every number: notes that differ in numbers alone are counted as one.
private func withoutNumbers(_ note: String) -> String {
    note.replacing(/[0-9]+(\.[0-9]+)?/, with: "…")
}

private func append(_ result: Evaluated, to text: inout String) {
    var last = -1
    for kind in DetectorKind.allCases {
        last = -1
        for index in result.rows.indices
        where result.flags[index] & 1 << kind.rawValue != 0 && !result.isBaseline[index] {
            // A cycle is one row of the output: what held at its end counts.
            if index + 1 < result.rows.count, result.rows[index + 1] == result.rows[index] {
                continue
            }
            guard result.rows[index] != last else { continue }
            last = result.rows[index]
            text += "\(result.file),\(result.channel),\(last),\(kind.name),1\n"
        }
    }
}

private func appendScores(_ result: Evaluated, to text: inout String) {
    for index in result.rows.indices where !result.isBaseline[index] && result.scores[index] >= 0 {
        text += "\(result.file),\(result.channel),\(result.rows[index]),\(result.scores[index])\n"
    }
}

private func write(_ text: String, to path: String) throws {
    do {
        try text.write(toFile: path, atomically: true, encoding: .utf8)
    } catch {
        throw EvaluationFault(description: "\(path): cannot be written: \(error)")
    }
}

func pad(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(0, width - text.count))
}
func padLeft(_ text: String, _ width: Int) -> String {
    String(repeating: " ", count: max(0, width - text.count)) + text
}
