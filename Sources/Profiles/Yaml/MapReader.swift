import Signal

/// Typed access to one map of a document: every accessor notes what is wrong and goes on, so that
/// one run tells everything.
///
/// An accessor without `default:` or `ifPresent:` wants the key: it notes a problem and returns nil
/// where the key is missing. With them a missing or empty key is well; a wrong value is noted and
/// gives the default or nil. Call `finish()` when all known keys have been asked for: it notes the
/// keys that nobody knows, with the nearest known one.
public final class MapReader {
    /// Where the map begins.
    public let place: Place
    /// The map's own path, such as `buses[field1]`; empty for the outermost.
    public let keyPath: String
    /// Where problems go.
    public let problems: ProblemList
    private let entries: [DocumentValue.Entry]
    private var asked: Set<String> = []

    /// A reader over `value`, or nil with a problem noted where it is no map.
    ///
    /// - keyPath: the value's own path, for messages.
    public init?(_ value: DocumentValue, keyPath: String, problems: ProblemList) {
        switch value.content {
        case .map(let entries):
            self.entries = entries
        case .scalar where value.isNull:
            entries = []
        default:
            problems.add(
                at: value.place,
                key: keyPath,
                what: "here stands \(value.quoted) where a map of keys belongs",
                mend: "write 'key: value' lines, indented below"
            )
            return nil
        }
        place = value.place
        self.keyPath = keyPath
        self.problems = problems
    }

    // MARK: Keys

    /// The keys that are written, in order.
    public var keys: [String] { entries.map(\.key) }

    /// The value of `key`, nil where it is missing or empty; counts as asked for.
    public func value(_ key: String) -> DocumentValue? {
        asked.insert(key)
        guard let value = entries.first(where: { $0.key == key })?.value, !value.isNull else {
            return nil
        }
        return value
    }

    /// Whether `key` is written with a value; counts as asked for.
    public func has(_ key: String) -> Bool { value(key) != nil }

    /// Where `key`'s value is written, or the map where it is not.
    public func place(of key: String) -> Place {
        entries.first { $0.key == key }.map { $0.value.isNull ? $0.keyPlace : $0.value.place }
            ?? place
    }

    /// The path of `key` in messages.
    public func path(of key: String) -> String { keyPath.isEmpty ? key : "\(keyPath).\(key)" }

    /// Notes that `key` is wrong.
    public func problem(_ key: String, _ what: String, mend: String) {
        problems.add(at: place(of: key), key: path(of: key), what: what, mend: mend)
    }

    /// Notes that `key` works but deserves a look.
    public func warn(_ key: String, _ what: String, mend: String) {
        problems.warn(at: place(of: key), key: path(of: key), what: what, mend: mend)
    }

    /// Notes that this map as a whole is wrong.
    public func problem(_ what: String, mend: String) {
        problems.add(at: place, key: keyPath, what: what, mend: mend)
    }

    /// Notes every key that was never asked for and is not in `others`.
    ///
    /// - refused: keys that deserve an answer of their own: what is wrong and the mend.
    public func finish(
        others: [String] = [],
        refused: [String: (what: String, mend: String)] = [:]
    ) {
        let known = asked.union(others)
        for entry in entries where !known.contains(entry.key) {
            let path = path(of: printable(entry.key))
            if let answer = refused[entry.key] {
                problems.add(
                    at: entry.keyPlace,
                    key: path,
                    what: answer.what,
                    mend: answer.mend
                )
            } else if let near = nearest(to: entry.key, among: known.sorted()) {
                problems.add(
                    at: entry.keyPlace,
                    key: path,
                    what: "no such key",
                    mend: "write '\(near)'"
                )
            } else {
                let list = known.sorted().map { "'\($0)'" }.joined(separator: ", ")
                problems.add(
                    at: entry.keyPlace,
                    key: path,
                    what: "no such key",
                    mend: known.isEmpty ? "delete it" : "delete it; known here: \(list)"
                )
            }
        }
    }

    // MARK: Text

    /// The text of `key`, 1 to `longest` bytes without control characters.
    public func string(_ key: String, longest: Int = DocumentLimits.textBytes) -> String? {
        required(key) { Scalars.text($0, longest: longest) }
    }
    /// The text of `key`, or `fallback`.
    public func string(
        _ key: String,
        default fallback: String,
        longest: Int = DocumentLimits.textBytes
    ) -> String {
        optional(key) { Scalars.text($0, longest: longest) } ?? fallback
    }
    /// The text of `key`, or nil.
    public func string(
        ifPresent key: String,
        longest: Int = DocumentLimits.textBytes
    ) -> String? {
        optional(key) { Scalars.text($0, longest: longest) }
    }

    // MARK: Truth

    /// `true` or `false` (`yes`, `no`, `on`, `off`).
    public func bool(_ key: String) -> Bool? { required(key, Scalars.bool) }
    /// `true` or `false`, or `fallback`.
    public func bool(_ key: String, default fallback: Bool) -> Bool {
        optional(key, Scalars.bool) ?? fallback
    }

    // MARK: Numbers

    /// A whole number in `range`, decimal or `0x…`.
    public func integer(_ key: String, in range: ClosedRange<Int>) -> Int? {
        required(key) { Scalars.integer($0, in: range) }
    }
    /// A whole number in `range`, or `fallback`.
    public func integer(
        _ key: String,
        default fallback: Int,
        in range: ClosedRange<Int>
    ) -> Int { optional(key) { Scalars.integer($0, in: range) } ?? fallback }
    /// A whole number in `range`, or nil.
    public func integer(ifPresent key: String, in range: ClosedRange<Int>) -> Int? {
        optional(key) { Scalars.integer($0, in: range) }
    }

    /// A finite number in `range`.
    public func double(
        _ key: String,
        in range: ClosedRange<Double> = Scalars.anyFinite
    ) -> Double? { required(key) { Scalars.double($0, in: range) } }
    /// A finite number in `range`, or `fallback`.
    public func double(
        _ key: String,
        default fallback: Double,
        in range: ClosedRange<Double> = Scalars.anyFinite
    ) -> Double { optional(key) { Scalars.double($0, in: range) } ?? fallback }
    /// A finite number in `range`, or nil.
    public func double(
        ifPresent key: String,
        in range: ClosedRange<Double> = Scalars.anyFinite
    ) -> Double? { optional(key) { Scalars.double($0, in: range) } }

    // MARK: Durations

    /// A length of time with its unit, such as `500ms`, `2 s`, `15min`, `1 h`, `90 d`.
    public func duration(
        _ key: String,
        in range: ClosedRange<Nanoseconds> = Scalars.anyDuration
    ) -> Nanoseconds? { required(key) { Scalars.duration($0, in: range) } }
    /// A length of time with its unit, or `fallback`.
    public func duration(
        _ key: String,
        default fallback: Nanoseconds,
        in range: ClosedRange<Nanoseconds> = Scalars.anyDuration
    ) -> Nanoseconds { optional(key) { Scalars.duration($0, in: range) } ?? fallback }
    /// A length of time with its unit, or nil.
    public func duration(
        ifPresent key: String,
        in range: ClosedRange<Nanoseconds> = Scalars.anyDuration
    ) -> Nanoseconds? { optional(key) { Scalars.duration($0, in: range) } }

    // MARK: Choices

    /// One of the raw values of `type`; a near miss is told the nearest.
    public func choice<Choice>(_ key: String, _ type: Choice.Type) -> Choice?
    where Choice: CaseIterable & RawRepresentable, Choice.RawValue == String {
        required(key) { Scalars.choice($0, type) }
    }
    /// One of the raw values of `type`, or `fallback`.
    public func choice<Choice>(_ key: String, default fallback: Choice) -> Choice
    where Choice: CaseIterable & RawRepresentable, Choice.RawValue == String {
        optional(key) { Scalars.choice($0, Choice.self) } ?? fallback
    }
    /// One of the raw values of `type`, or nil.
    public func choice<Choice>(ifPresent key: String, _ type: Choice.Type) -> Choice?
    where Choice: CaseIterable & RawRepresentable, Choice.RawValue == String {
        optional(key) { Scalars.choice($0, type) }
    }
    /// The meaning of one of the words in `meanings`.
    public func choice<Meaning>(_ key: String, among meanings: [(String, Meaning)]) -> Meaning? {
        required(key) { Scalars.choice($0, among: meanings) }
    }
    /// The meaning of one of the words in `meanings`, or nil where the key is missing.
    public func choice<Meaning>(
        ifPresent key: String,
        among meanings: [(String, Meaning)]
    ) -> Meaning? { optional(key) { Scalars.choice($0, among: meanings) } }

    // MARK: Lists and maps

    /// The values of a list; a single value that is no list counts as a list of one. Empty where
    /// the key is missing.
    public func list(_ key: String) -> [DocumentValue] {
        guard let value = value(key) else { return [] }
        if case .list(let values) = value.content { return values }
        return [value]
    }

    /// The values of a list, each as `read` reads it; wrong ones are noted and left out.
    public func list<Value>(
        _ key: String,
        _ read: (DocumentValue) -> Parsed<Value>
    ) -> [Value] {
        list(key).enumerated().compactMap { index, value in
            resolve(read(value), at: value.place, path: "\(path(of: key))[\(index + 1)]")
        }
    }

    /// A reader for each map of a list; what is no map is noted and left out. The readers' paths
    /// name the item by its `name` or `tag`, else by its number from 1.
    public func maps(_ key: String) -> [MapReader] {
        guard let value = value(key) else { return [] }
        guard case .list(let values) = value.content else {
            problem(
                key,
                "here stands \(value.quoted) where a list belongs",
                mend: "begin each item with '- '"
            )
            return []
        }
        return values.enumerated().compactMap { index, value in
            let name = (value["name"] ?? value["tag"])?.text.map(printable)
            return MapReader(
                value,
                keyPath: "\(path(of: key))[\(name ?? String(index + 1))]",
                problems: problems
            )
        }
    }

    /// A reader for the map below `key`, or nil where the key is missing or holds no map.
    public func map(_ key: String) -> MapReader? {
        value(key).flatMap { MapReader($0, keyPath: path(of: key), problems: problems) }
    }

    // MARK: Own readers

    /// What a reader of one value found: a value, or what is wrong and how to mend it.
    public enum Parsed<Value> {
        /// The value.
        case value(Value)
        /// What is wrong with it, and the mend.
        case wrong(String, mend: String)
    }

    /// The value of `key` as `read` reads it; a missing key is noted.
    public func required<Value>(
        _ key: String,
        _ read: (DocumentValue) -> Parsed<Value>
    ) -> Value? {
        guard let value = value(key) else {
            let isWritten = entries.contains { $0.key == key }
            problem(
                key,
                isWritten ? "the key has no value" : "the key is missing",
                mend: isWritten ? "write its value after the colon" : "add '\(key): …' here"
            )
            return nil
        }
        return resolve(read(value), at: value.place, path: path(of: key))
    }

    /// The value of `key` as `read` reads it, nil where it is missing.
    public func optional<Value>(
        _ key: String,
        _ read: (DocumentValue) -> Parsed<Value>
    ) -> Value? {
        guard let value = value(key) else { return nil }
        return resolve(read(value), at: value.place, path: path(of: key))
    }

    private func resolve<Value>(
        _ reading: Parsed<Value>,
        at place: Place,
        path: String
    ) -> Value? {
        switch reading {
        case .value(let value): return value
        case .wrong(let what, let mend):
            problems.add(at: place, key: path, what: what, mend: mend)
            return nil
        }
    }
}
