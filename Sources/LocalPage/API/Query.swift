import Alerts
import Foundation
import GatewayCore
import Hummingbird
import Signal

/// The query of a request: every parameter known, given once and within its range.
///
/// Ask for each parameter, then call `check`: it names everything that is wrong at once, unknown
/// parameters included.
struct Query {
    private var given: [String: String] = [:]
    private var asked: [String] = []
    private var problems: [Problem.Field] = []

    init(_ request: Request) { self.init(request.uri.queryParameters.map { ($0.key, $0.value) }) }

    init(_ pairs: [(key: Substring, value: Substring)]) {
        for (key, value) in pairs.prefix(Limits.queryParameters) {
            let name = String(key.prefix(80))
            guard given.updateValue(String(value), forKey: name) == nil else {
                wrong(name, "it is given twice")
                continue
            }
            if value.utf8.count > Limits.queryBytes { wrong(name, "it is too long") }
        }
        if pairs.count > Limits.queryParameters {
            wrong("", "at most \(Limits.queryParameters) parameters can be given")
        }
    }

    /// - Throws: 422 with every parameter that cannot be taken.
    func check() throws(Problem) {
        let unknown = given.keys.filter { !asked.contains($0) }.sorted().map {
            Problem.Field(
                $0,
                asked.isEmpty
                    ? "no parameters are taken here"
                    : "there is no such parameter; known are \(asked.joined(separator: ", "))"
            )
        }
        let all = problems + unknown
        guard all.isEmpty else { throw .fields(Array(all.prefix(Limits.namedFields))) }
    }

    /// The text of a parameter; nil: it is not given, or empty.
    mutating func text(_ name: String) -> String? {
        guard let text = value(name), !text.isEmpty else { return nil }
        return text
    }

    /// A parameter as it is given: an empty one is no number, no time and no word.
    private mutating func value(_ name: String) -> String? {
        asked.append(name)
        return given[name]
    }

    /// A text that must be given.
    mutating func needed(_ name: String) -> String {
        guard let text = text(name) else {
            wrong(name, "it is missing")
            return ""
        }
        return text
    }

    mutating func integer(_ name: String, _ range: ClosedRange<Int>, otherwise: Int) -> Int {
        guard let text = value(name) else { return otherwise }
        guard let value = Int(text), range.contains(value) else {
            wrong(
                name,
                "it must be a whole number from \(range.lowerBound) to \(range.upperBound)"
            )
            return otherwise
        }
        return value
    }

    mutating func number(_ name: String, _ range: ClosedRange<Double>) -> Double? {
        guard let text = value(name) else { return nil }
        guard let value = Double(text), range.contains(value) else {
            wrong(name, "it must be a number from \(range.lowerBound) to \(range.upperBound)")
            return nil
        }
        return value
    }

    mutating func flag(_ name: String) -> Bool? {
        guard let text = value(name) else { return nil }
        switch text {
        case "true": return true
        case "false": return false
        default:
            wrong(name, "it must be true or false")
            return nil
        }
    }

    mutating func time(_ name: String) -> WallTime? {
        guard let text = value(name) else { return nil }
        guard let time = WallTime(iso8601: text) else {
            wrong(name, "it must be a time such as 2026-03-30T05:32:42Z")
            return nil
        }
        return time
    }

    /// One of several words.
    mutating func word(_ name: String, of known: [String]) -> String? {
        guard let text = value(name) else { return nil }
        guard known.contains(text) else {
            wrong(name, "it must be one of \(known.joined(separator: ", "))")
            return nil
        }
        return text
    }

    /// Where a page goes on: what `next` of the page before said.
    mutating func position(_ name: String) -> Position? {
        guard let text = value(name) else { return nil }
        guard let position = Position(cursor: text) else {
            wrong(name, "it must be what 'next' of the page before said")
            return nil
        }
        return position
    }

    /// A span of time.
    ///
    /// - hours: what is taken back from `now` where `from` is not given.
    mutating func span(
        now: WallTime,
        hours standard: Double = 24
    ) -> (from: WallTime, to: WallTime) {
        let hours = number("hours", Limits.spanHours)
        let from = time("from")
        let to = time("to") ?? now
        if hours != nil, from != nil { wrong("hours", "give either hours or from") }
        let begin = from ?? to + .seconds((hours ?? standard) * -3600)
        if begin >= to { wrong("from", "it must lie before to") }
        return (begin, max(begin, to))
    }

    mutating func wrong(_ name: String, _ detail: String) {
        problems.append(Problem.Field(name, detail))
    }
}

extension Position {
    /// The position as a page's `next` writes it.
    var cursor: String { "\(epoch.hex)-\(sequence)" }

    /// The position that a page's `next` wrote; nil: no page did.
    init?(cursor: String) {
        guard let named = AlertID(cursor) else { return nil }
        self.init(epoch: named.epoch, sequence: named.number)
    }
}
