import GatewayCore
import Signal

extension Form where Value == String {
    /// One line of text.
    static func text(longest: Int = 256) -> Form {
        Form(text: "text, up to \(longest) bytes") { Scalars.text($0, longest: longest) }
    }

    /// A path; relative ones start at the folder of `loopgate.yaml`.
    static let path = Form(text: "path") { Scalars.text($0, longest: 1024) }

    /// A name that goes into topics, variables and metrics.
    static let name = Form(text: "name: letters, digits, `-`, `_`, `.`, up to 64") {
        Scalars.text($0)
    }.checked { text in
        guard let wrong = text.first(where: { !isNameCharacter($0) }) else {
            return text.utf8.count <= 64 ? nil : ("the name is too long", mend: "use 64 letters")
        }
        return (
            "the name holds \(quote(String(wrong)))", mend: "use letters, digits, '-', '_' and '.'"
        )
    }

    /// A DNS name.
    static let hostName = Form(text: "DNS name") {
        Scalars.text($0, longest: 253)
    }.checked { text in
        let labels = text.split(separator: ".", omittingEmptySubsequences: false)
        let isName = labels.allSatisfy { label in
            (1...63).contains(label.utf8.count)
                && label.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-") }
        }
        return isName
            ? nil
            : (
                "\(quote(text)) is no DNS name",
                mend: "use letters, digits, '-' and '.': no scheme, no port"
            )
    }

    /// An IPv4 or IPv6 literal.
    static let address = Form(text: "IPv4 or IPv6 address") { Scalars.text($0) }.checked {
        HostAddress.isLiteral($0) ? nil : HostAddress.fault(ofLiteral: $0)
    }

    /// The levels that begin every topic.
    static let topic = Form(text: "topic levels without `+`, `#`") {
        Scalars.text($0, longest: 256)
    }.checked { text in
        if text.contains("+") || text.contains("#") {
            return (
                "\(quote(text)) holds a wildcard", mend: "publish to plain levels: no + and no #"
            )
        }
        if text.hasPrefix("$") {
            return (
                "\(quote(text)) begins with $, which brokers keep for themselves",
                mend: "begin with a letter"
            )
        }
        let levels = text.split(separator: "/", omittingEmptySubsequences: false)
        if levels.contains(where: \.isEmpty) {
            return (
                "\(quote(text)) has an empty level",
                mend: "write level/level without a slash "
                    + "at either end"
            )
        }
        return nil
    }

    private static func isNameCharacter(_ character: Character) -> Bool {
        character.isASCII
            && (character.isLetter || character.isNumber || "-_.".contains(character))
    }
}

extension Form where Value == Int {
    static func integer(_ range: ClosedRange<Int>, unit: String = "") -> Form {
        let bounds = "whole number \(range.lowerBound)–\(range.upperBound)"
        return Form(text: unit.isEmpty ? bounds : "\(bounds) \(unit)") {
            Scalars.integer($0, in: range)
        }
    }

    /// One of the few numbers that make sense.
    static func integer(among known: [Int]) -> Form {
        let list = known.map(String.init).joined(separator: ", ")
        return Form(text: list) {
            Scalars.integer($0, in: (known.min() ?? 0)...(known.max() ?? 0))
        }.checked { number in
            guard !known.contains(number) else { return nil }
            let near = known.min { abs($0 - number) < abs($1 - number) } ?? number
            return ("\(number) is not one of \(list)", mend: "write \(near) if that is meant")
        }
    }
}

extension Form where Value == UInt16 {
    /// A TCP port.
    static let port = Form(text: "port 1–65535") { value in
        Scalars.integer(value, in: 1...65535).map { UInt16(truncatingIfNeeded: $0) }
    }
}

extension Form where Value == Bool {
    static let flag = Form(text: "`true` or `false`") { Scalars.bool($0) }
}

extension Form where Value == Double {
    static func number(_ range: ClosedRange<Double>, unit: String = "") -> Form {
        let text = "number \(plain(range.lowerBound))–\(plain(range.upperBound))"
        return Form(text: unit.isEmpty ? text : "\(text) \(unit)") {
            Scalars.double($0, in: range)
        }
    }

    /// Any finite number.
    static func number(unit: String) -> Form {
        Form(text: "number, \(unit)") { Scalars.double($0) }
    }

    /// A finite number above zero.
    static func positive(unit: String) -> Form {
        Form(text: "number above 0, \(unit)") { Scalars.double($0) }.checked {
            $0 > 0
                ? nil
                : (
                    "\(plain($0)) is not above zero",
                    mend: "write a number above 0 or delete the key"
                )
        }
    }

    /// A share: `2 %`, or `0.02`.
    static func share(upTo most: Double) -> Form {
        let text = "share 0–\(plain(most * 100)) %"
        return Form(text: text) { value in
            let written = value.text ?? ""
            let isPercent = written.hasSuffix("%")
            var bare = value
            if isPercent {
                let number = String(written.dropLast().reversed().drop { $0 == " " }.reversed())
                bare.content = .scalar(number, isPlain: true)
            }
            switch Scalars.double(bare) {
            case .wrong(let what, let mend): return .wrong(what, mend: mend)
            case .value(let number):
                let share = isPercent ? number / 100 : number
                guard share >= 0, share <= most else {
                    return .wrong(
                        "\(value.quoted) is out of range",
                        mend: "write a share from 0 % to \(plain(most * 100)) %, with its % sign"
                    )
                }
                return .value(share)
            }
        }
    }
}

extension Form where Value == Nanoseconds {
    static func time(_ range: ClosedRange<Nanoseconds>) -> Form {
        let low = Scalars.describe(range.lowerBound)
        return Form(text: "time \(low) – \(Scalars.describe(range.upperBound))") {
            Scalars.duration($0, in: range)
        }
    }
}

/// How long something is kept.
enum Keeping: Hashable, Sendable {
    case days(Int)
    case forever

    /// The days, nil for ever.
    var days: Int? {
        switch self {
        case .days(let days): days
        case .forever: nil
        }
    }
}

extension Form where Value == Keeping {
    /// Whole days, such as `90 d`, or `forever`.
    static let keeping = Form(text: "whole days 1 d – 36500 d, or `forever`") { value in
        if value.text == "forever" { return .value(.forever) }
        return Form<Int>.days(1...36_500).parse(value).map { .days($0) }
    }
}

extension Form where Value == Int {
    /// Whole days, written `365 d`.
    static func days(_ range: ClosedRange<Int>) -> Form {
        let day = Nanoseconds.seconds(86_400)
        return Form(text: "whole days \(range.lowerBound) d – \(range.upperBound) d") { value in
            switch Scalars.duration(value, in: day * range.lowerBound...day * range.upperBound) {
            case .wrong(let what, let mend): return .wrong(what, mend: mend)
            case .value(let length):
                guard length.count % day.count == 0 else {
                    return .wrong(
                        "\(value.quoted) is not a whole number of days",
                        mend: "write 7 d"
                    )
                }
                return .value(Int(length.count / day.count))
            }
        }
    }
}

extension Form where Value == Int64 {
    /// A size such as `4 GiB`.
    static func size(_ range: ClosedRange<Int64>) -> Form {
        let text =
            "size \(describe(bytes: range.lowerBound)) – \(describe(bytes: range.upperBound))"
        return Form(text: text) { value in
            let example = "write a number and a unit, such as 512 MiB or 4 GiB"
            guard let written = value.text, !written.isEmpty else {
                return .wrong("\(value.quoted) is no size", mend: example)
            }
            let numeral = written.prefix { !$0.isLetter && $0 != " " }
            let unit = String(written.dropFirst(numeral.count).drop { $0 == " " })
            guard let number = Scalars.decimal(String(numeral)), number >= 0 else {
                return .wrong("\(value.quoted) is no size", mend: example)
            }
            guard let size = sizes[unit] else {
                return .wrong(
                    unit.isEmpty
                        ? "\(value.quoted) has no unit" : "\(quote(unit)) is no unit of size",
                    mend: example
                )
            }
            let bytes = (number * size).rounded()
            guard bytes >= Double(range.lowerBound), bytes <= Double(range.upperBound) else {
                return .wrong("\(value.quoted) is out of range", mend: "write a \(text)")
            }
            return .value(Int64(bytes))
        }
    }

    private static var sizes: [String: Double] {
        [
            "MiB": 1_048_576, "GiB": 1_073_741_824, "TiB": 1_099_511_627_776,
            "MB": 1e6, "GB": 1e9, "TB": 1e12,
        ]
    }
}

/// Bytes as a technician writes them, in binary units.
func describe(bytes: Int64) -> String {
    for (size, unit) in [(1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB")] as [(Int64, String)]
    where bytes >= size && bytes % size == 0 {
        return "\(bytes / size) \(unit)"
    }
    return "\(bytes) bytes"
}

extension Form {
    /// One word among several.
    static func word(_ meanings: [(String, Value)]) -> Form {
        let words = meanings.map { "`\($0.0)`" }.joined(separator: ", ")
        return Form(text: words) { Scalars.choice($0, among: meanings) }
    }

    /// A list of values; one value that is no list counts as a list of one. An environment
    /// variable separates them by commas.
    static func list<Element>(
        of form: Form<Element>,
        most: Int
    ) -> Form where Value == [Element] {
        Form(text: "list of 1–\(most): \(form.text)", isList: true) { value in
            let items: [DocumentValue]
            if case .list(let values) = value.content { items = values } else { items = [value] }
            guard (1...most).contains(items.count) else {
                return .wrong(
                    "the list has \(items.count) items",
                    mend: "give it 1 to \(most)"
                )
            }
            var values: [Element] = []
            for item in items {
                switch form.parse(item) {
                case .value(let value): values.append(value)
                case .wrong(let what, let mend): return .wrong(what, mend: mend)
                }
            }
            return .value(values)
        }
    }
}

extension Form where Value == Void {
    /// A map, read by its own section.
    static let map = Form(text: "map", isOverridable: false) { _ in .value(()) }
    /// A list of maps, read by its own section.
    static let maps = Form(text: "list of maps", isOverridable: false) { _ in .value(()) }
}

extension MapReader.Parsed {
    func map<Other>(_ change: (Value) -> Other) -> MapReader.Parsed<Other> {
        switch self {
        case .value(let value): .value(change(value))
        case .wrong(let what, let mend): .wrong(what, mend: mend)
        }
    }
}

/// A number without a needless `.0`.
func plain(_ number: Double) -> String {
    let text = "\(number)"
    return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
}
