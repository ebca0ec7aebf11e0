import Detection
import Foundation

/// Turns what the detectors said about one data set into lines of figures.
struct Report {
    var folder: DataFolder
    var set: String
    var suite: Suite
    var results: [Evaluated]

    func lines() throws -> [String] {
        switch set {
        case "skab": try skab()
        case "synthetic": try synthetic()
        case "hydraulic": try hydraulic()
        case "nab": try nab()
        default: try tep()
        }
    }

    private static let all: UInt8 = 0xFF
    private static func bit(_ kind: DetectorKind) -> UInt8 { 1 << kind.rawValue }

    private func line(_ what: String, _ figures: String) -> String {
        "  " + pad(suite.rawValue, 9) + pad(what, 32) + "  " + figures
    }
    private func percent(_ share: Double) -> String { String(format: "%5.1f %%", 100 * share) }

    // MARK: SKAB

    private func skab() throws -> [String] {
        var truth: [String: [Bool]] = [:]
        for file in folder.skabFiles() {
            let table = try Table("\(folder.path)/skab/\(file)", separator: ";")
            truth[file] = try table.numbers("anomaly").map { $0 == 1 }
        }
        let flow = results.filter { $0.channel.contains("Flow") }
        var lines: [String] = []
        let choices: [(String, UInt8)] = [
            ("all detectors", Self.all), ("cusum", Self.bit(.drift)),
            ("iforest", Self.bit(.anomaly)), ("stuck", Self.bit(.stuck)),
        ]
        for (name, mask) in choices {
            lines.append(line("flow, \(name)", points(flow, mask, truth)))
            lines.append(line("any of 8, \(name)", points(results, mask, truth)))
        }
        var scored: [(score: Float, truth: Bool)] = []
        for result in flow {
            for index in result.rows.indices where !result.isBaseline[index] {
                let score = result.scores[index]
                scored.append((score.isNaN ? 0 : score, truth[result.file]?[index] ?? false))
            }
        }
        lines.append(
            line("flow, forest score alone", String(format: "AUC %.3f", areaUnderCurve(scored)))
        )
        return lines
    }

    /// F1, FAR and MAR of the rows of all files, a row in alarm if any channel is.
    private func points(
        _ results: [Evaluated],
        _ mask: UInt8,
        _ truth: [String: [Bool]]
    ) -> String {
        var counts = PointCounts()
        var delays: [Double] = []
        var falseAlarms = 0
        var clean = 0.0
        for (file, parts) in Dictionary(grouping: results, by: \.file).sorted(by: {
            $0.key < $1.key
        }
        ) {
            guard let labels = truth[file], let first = parts.first else { continue }
            var flags = [Bool](repeating: false, count: labels.count)
            for part in parts {
                for index in labels.indices where part.flags[index] & mask != 0 {
                    flags[index] = true
                }
            }
            for index in labels.indices where first.isBaseline[index] { flags[index] = false }
            for index in labels.indices where !first.isBaseline[index] {
                counts.add(flag: flags[index], truth: labels[index])
            }
            clean += labels.indices.reduce(0) {
                $0 + (!labels[$1] && !first.isBaseline[$1] ? 1 : 0)
            }
            for event in episodes(labels) {
                if let onset = event.first(where: { flags[$0] && !first.isBaseline[$0] }) {
                    delays.append(Double(onset - event.lowerBound))
                }
            }
            falseAlarms += episodes(flags).count { !labels[$0.lowerBound] }
        }
        return String(format: "F1 %.3f  FAR ", counts.f1) + percent(counts.falseAlarmRate)
            + "  MAR " + percent(counts.missedRate)
            + String(
                format: "  median delay %.0f s  false alarms/day %.1f",
                median(delays),
                Double(falseAlarms) * 86_400 / max(clean, 1)
            )
    }

    // MARK: Synthetic

    private func synthetic() throws -> [String] {
        let labels = try Table("\(folder.path)/synthetic/labels.csv")
        let kinds = labels.columns["kind"] ?? []
        let cases = labels.columns["case"] ?? []
        let files = labels.columns["file"] ?? []
        var lines: [String] = []
        for file in Set(files).sorted() {
            var falseAlarms = 0
            var clean = 0.0
            var found: [String] = []
            var missed: [String] = []
            for row in files.indices where files[row] == file {
                guard
                    let result = results.first(where: {
                        $0.file == file && $0.channel == cases[row]
                    })
                else { continue }
                let flags = result.flags.map { $0 != 0 }
                let isFaulty = kinds[row] != "none"
                let end = isFaulty ? min(7_200, flags.count) : flags.count
                falseAlarms += episodes(flags[min(3_600, end)..<end]).count
                clean += Double(max(0, end - 3_600))
                guard isFaulty else { continue }
                if let onset = flags.indices.dropFirst(7_200).first(where: { flags[$0] }) {
                    found.append("\(cases[row]) \(onset - 7_199) s")
                } else {
                    missed.append(String(cases[row]))
                }
            }
            lines.append(
                line(
                    String(file),
                    String(format: "false alarms/day %.1f", Double(falseAlarms) * 86_400 / clean)
                        + "  found \(found.count)/\(found.count + missed.count): "
                        + found.joined(separator: ", ")
                        + (missed.isEmpty ? "" : "; missed: " + missed.joined(separator: ", "))
                )
            )
        }
        return lines
    }

    // MARK: Hydraulic

    private func hydraulic() throws -> [String] {
        let labels = try Table("\(folder.path)/hydraulic/cycle_labels.csv")
        let cycle = try labels.numbers("cycle").map { Int($0) }
        let cooler = try labels.numbers("cooler_pct")
        let valve = try labels.numbers("valve_pct")
        let pump = try labels.numbers("pump_leak")
        let groups: [(String, (Int) -> Bool)] = [
            ("cooler 20 %", { cooler[$0] == 20 }), ("cooler 3 %", { cooler[$0] == 3 }),
            ("pump leak 1", { pump[$0] == 1 && cooler[$0] == 100 }),
            ("pump leak 2", { pump[$0] == 2 && cooler[$0] == 100 }),
            ("valve 73 %", { valve[$0] == 73 && cooler[$0] == 100 && pump[$0] == 0 }),
        ]
        return results.map { result in
            var atEnd: [Int: Bool] = [:]
            var learned: Set<Int> = []
            for index in result.rows.indices {
                atEnd[result.rows[index]] = result.flags[index] != 0
                if result.isBaseline[index] { learned.insert(result.rows[index]) }
            }
            func share(_ belongs: (Int) -> Bool) -> String {
                let rows = cycle.indices.filter(belongs)
                guard !rows.isEmpty else { return "  –  " }
                let hits = rows.count { atEnd[cycle[$0]] == true }
                return percent(Double(hits) / Double(rows.count))
            }
            let healthy = share {
                cooler[$0] == 100 && valve[$0] == 100 && pump[$0] == 0
                    && !learned.contains(cycle[$0])
            }
            return line(
                result.channel,
                "false on healthy \(healthy)  "
                    + groups.map { "\($0.0) \(share($0.1))" }.joined(separator: "  ")
            )
        }
    }

    // MARK: NAB

    private func nab() throws -> [String] {
        let labels = try Table("\(folder.path)/nab/labels.csv")
        let begins = try labels.times("start")
        let ends = try labels.times("end")
        let kinds = labels.columns["kind"] ?? []
        let files = labels.columns["file"] ?? []
        return try results.map { result in
            let times = try Table("\(folder.path)/nab/\(result.file)").times("timestamp")
            let events = files.indices
                .filter { files[$0] == result.file && kinds[$0] == "window" }
                .map { begins[$0]..<ends[$0] }
            var flags = result.flags.map { $0 != 0 }
            for index in flags.indices where result.isBaseline[index] { flags[index] = false }
            // Alarms less than an hour apart are one.
            var alarms: [Range<Int>] = []
            for alarm in episodes(flags) {
                if let last = alarms.last, times[alarm.lowerBound] - times[last.upperBound] <= 3_600
                {
                    alarms[alarms.count - 1] = last.lowerBound..<alarm.upperBound
                } else {
                    alarms.append(alarm)
                }
            }
            let onsets = alarms.map { times[$0.lowerBound] }
            let delays = events.compactMap { event in
                onsets.first { event.contains($0) }.map { ($0 - event.lowerBound) / 3_600 }
            }
            let falseAlarms = onsets.count { onset in !events.contains { $0.contains(onset) } }
            let clean = times.indices.count { index in
                !result.isBaseline[index] && !events.contains { $0.contains(times[index]) }
            }
            return line(
                URL(fileURLWithPath: result.file).lastPathComponent,
                String(
                    format: "found %d/%d  false alarms/day %.2f  median delay %.1f h",
                    delays.count,
                    events.count,
                    Double(falseAlarms) * 288 / Double(max(clean, 1)),
                    median(delays)
                )
            )
        }
    }

    // MARK: TEP

    private func tep() throws -> [String] {
        let files = Dictionary(grouping: results, by: \.file).sorted { $0.key < $1.key }
        return files.map { file, parts in
            let count = parts.map(\.flags.count).min() ?? 0
            let flags = (0..<count).map { row in parts.contains { $0.flags[row] != 0 } }
            let isFaulty = !file.hasPrefix("normal")
            let onset = min(160, count)
            let clean = isFaulty ? flags.prefix(onset) : flags[...]
            let share = Double(clean.count { $0 }) / Double(max(clean.count, 1))
            guard isFaulty else { return line(file, "false \(percent(share))") }
            let faulty = flags.dropFirst(onset)
            let found = Double(faulty.count { $0 }) / Double(max(faulty.count, 1))
            let delay = faulty.firstIndex(of: true).map { "\(($0 - onset) * 3) min" } ?? "never"
            return line(
                file,
                "false \(percent(share))  detection \(percent(found))  delay \(delay)"
            )
        }
    }
}
