import Foundation
import GatewayCore
import Signal

/// What a probe found, as text for a terminal.
public enum ProbeReport {
    /// The units that answered, one line each.
    ///
    /// - asked: how many were asked; one that answers to every address is noticed.
    public static func text(_ units: [FoundUnit], asked: Int) -> String {
        guard !units.isEmpty else {
            return "No unit answered. Check power, A and B, termination, baud rate and parity.\n"
        }
        var lines = units.map { found in
            let what =
                switch found.answer {
                case .values(let table): "answers (\(name(table)))"
                case .refused(let code):
                    "answers with exception \(code): \(BusFault.exception(code))"
                case .garbled(let garble):
                    "garbled (\(garble.rawValue)): other line settings, or two units with this address"
                }
            let time = String(format: "%.0f ms", found.took.seconds * 1000)
            return "unit \(pad(found.unit.rawValue, 3))  \(what), \(time)"
        }
        if units.count == asked && asked > 3 {
            lines.append(
                "Every address answered: this is probably one device that ignores the unit."
            )
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// Which profiles fit a unit, and for the best that does not, why.
    public static func text(_ recognitions: [Recognition], unit: UnitAddress) -> String {
        let matches = recognitions.filter(\.isMatch)
        var lines: [String] = []
        for match in matches {
            let why = match.checks.map(\.check.meaning).joined(separator: ", ")
            lines.append("unit \(unit.rawValue)  is \(match.profile)  (\(why))")
        }
        if matches.isEmpty {
            lines.append("unit \(unit.rawValue)  no profile fits its identification registers")
            if let near = recognitions.first, near.weight > 0 {
                lines.append("  nearest: \(near.profile)")
                lines += near.checks.map { "    " + text($0) }
            }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// How one check came out.
    public static func text(_ outcome: CheckOutcome) -> String {
        let check = outcome.check
        let place = "\(name(check.table)) \(check.address)"
        let expected = check.expected.map(hex).joined(separator: " ")
        let found =
            switch outcome.words {
            case .success(let words): words.map(hex).joined(separator: " ")
            case .failure(let fault): short(fault)
            }
        return outcome.holds
            ? "\(check.meaning): \(place) holds \(found)"
            : "\(check.meaning): \(place) holds \(found), expected \(expected)"
    }

    /// Registers in every interpretation beside the mA that they would mean; `*` marks currents
    /// that a healthy loop can carry (3.5 to 21 mA).
    ///
    /// - plausibleOnly: leave out all other currents, and interpretations without any.
    public static func text(_ cells: [SurveyedCell], plausibleOnly: Bool = false) -> String {
        guard let table = cells.first?.table else { return "" }
        var lines = [
            "\(name(table)): address (0-based), number in manuals (1-based), content",
            "* marks currents between 3.5 and 21 mA",
        ]
        for (index, cell) in cells.enumerated() {
            let place = "\(pad(cell.address, 5))  \(pad(documented(cell), 6))"
            switch cell.word {
            case .failure(let fault):
                lines.append("\(place)  \(short(fault))")
            case .success(let word) where table.isBits:
                lines.append("\(place)  \(word)")
            case .success(let word):
                let next = index + 1 < cells.count ? try? cells[index + 1].word.get() : nil
                lines.append("\(place)  \(hex(word))")
                lines += Interpretation.all(first: word, second: next)
                    .compactMap { line($0, plausibleOnly: plausibleOnly) }
            }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// The channels of a module as its profile reads them, and whether the profile fits.
    public static func text(_ sample: ModuleSample) -> String {
        var lines: [String] = []
        for (title, outcomes) in [
            ("identity", sample.identity), ("assumption", sample.assumptions),
        ] {
            for outcome in outcomes {
                lines.append("\(title) \(outcome.holds ? "ok" : "WRONG"): \(text(outcome))")
            }
        }
        for channel in sample.channels {
            let place =
                "channel \(pad(channel.channel, 2))  \(name(channel.map.table)) "
                + "\(pad(channel.map.address, 5))"
            switch channel.words {
            case .failure(let fault):
                lines.append("\(place)  \(short(fault))")
            case .success(let words):
                let current =
                    channel.decoded?.milliamps.map { String(format: "%9.4f mA", $0) }
                    ?? "no current  "
                let condition = channel.decoded?.condition ?? .moduleFault
                let status = channel.status.map { word in
                    switch word {
                    case .success(let word): " status \(hex(word))"
                    case .failure(let fault): " status \(short(fault))"
                    }
                }.joined()
                lines.append(
                    "\(place)  \(words.map(hex).joined(separator: " "))  \(current)  "
                        + "\(condition.rawValue)\(status)"
                )
            }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func line(_ one: Interpretation, plausibleOnly: Bool) -> String? {
        let shown = plausibleOnly ? one.currents.filter(\.isPlausible) : one.currents
        if plausibleOnly && shown.isEmpty { return nil }
        let currents = shown.map { current in
            let value =
                current.milliamps.map { abs($0) < 1e5 ? String(format: "%.3f", $0) : "–" } ?? "–"
            return "\(current.isPlausible ? "*" : "")\(value) (\(current.scaling))"
        }
        return "       \(one.names.joined(separator: ", ")): \(one.number)  →  "
            + currents.joined(separator: "  ")
    }

    /// The number in a manual: 1-based, with the table as its first digit; six digits where five
    /// do not reach.
    private static func documented(_ cell: SurveyedCell) -> String {
        let digit =
            switch cell.table {
            case .coils: 0
            case .discreteInputs: 1
            case .input: 3
            case .holding: 4
            }
        let number = Int(cell.address) + 1
        return number <= 9999
            ? "\(digit)" + String(format: "%04d", number)
            : "\(digit)" + String(format: "%05d", number)
    }

    private static func name(_ table: RegisterTable) -> String {
        switch table {
        case .coils: "coils"
        case .discreteInputs: "discrete inputs"
        case .holding: "holding registers"
        case .input: "input registers"
        }
    }

    private static func short(_ fault: BusFault) -> String {
        switch fault {
        case .silent: "no answer"
        case .refused(let code): "exception \(code) (\(BusFault.exception(code)))"
        case .garbled(let garble): "garbled (\(garble.rawValue))"
        case .linkLost(let code): "link lost (\(String(cString: strerror(code))))"
        case .portBusy(let holder): "port held by \(holder)"
        }
    }

    private static func hex(_ word: UInt16) -> String { String(format: "0x%04X", Int(word)) }

    private static func pad(_ value: some CustomStringConvertible, _ width: Int) -> String {
        let text = value.description
        return String(repeating: " ", count: max(0, width - text.count)) + text
    }
}
