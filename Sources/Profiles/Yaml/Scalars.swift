import Signal

/// How single values are read: strictly, with an answer for each way to get them wrong.
public enum Scalars {
    /// Every finite number.
    public static let anyFinite = -Double.greatestFiniteMagnitude...Double.greatestFiniteMagnitude
    /// Every length of time from zero to about 292 years.
    public static let anyDuration = Nanoseconds.zero...Nanoseconds.max

    /// Text of 1 to `longest` bytes without control characters.
    public static func text(
        _ value: DocumentValue,
        longest: Int = DocumentLimits.textBytes
    ) -> MapReader.Parsed<String> {
        guard let text = value.text else {
            return .wrong(
                "here stands \(value.quoted) where text belongs",
                mend: "write one value"
            )
        }
        if text.isEmpty { return .wrong("the text is empty", mend: "fill it in or delete the key") }
        if text.utf8.count > longest {
            return .wrong(
                "the text has \(text.utf8.count) bytes, and \(longest) are the limit",
                mend: "shorten it"
            )
        }
        let isControl = text.unicodeScalars.contains {
            $0.value < 0x20 || (0x7F...0x9F).contains($0.value)
        }
        if isControl {
            return .wrong("the text holds a control character", mend: "write it on one line")
        }
        return .value(text)
    }

    /// `true` or `false`, or YAML's other words for them.
    public static func bool(_ value: DocumentValue) -> MapReader.Parsed<Bool> {
        switch value.text?.lowercased() {
        case "true", "yes", "on": .value(true)
        case "false", "no", "off": .value(false)
        default:
            .wrong("\(value.quoted) is neither true nor false", mend: "write true or false")
        }
    }

    /// A whole number in `range`, decimal or `0x…`; a leading zero is refused, for YAML 1.1 takes
    /// it for octal.
    public static func integer(
        _ value: DocumentValue,
        in range: ClosedRange<Int>
    ) -> MapReader.Parsed<Int> {
        let wanted = "write a whole number from \(range.lowerBound) to \(range.upperBound)"
        guard let text = value.text, !text.isEmpty else {
            return .wrong("\(value.quoted) is no whole number", mend: wanted)
        }
        let isNegative = text.hasPrefix("-")
        let digits = text.hasPrefix("-") || text.hasPrefix("+") ? text.dropFirst() : text[...]
        let magnitude: Int?
        if digits.hasPrefix("0x") || digits.hasPrefix("0X") {
            let hex = digits.dropFirst(2)
            magnitude = hex.first?.isHexDigit == true ? Int(hex, radix: 16) : nil
        } else if digits.count > 1, digits.hasPrefix("0"), digits.allSatisfy(isDigit) {
            let plain = digits.drop { $0 == "0" }
            return .wrong(
                "\(value.quoted) begins with a zero, which YAML takes for octal",
                mend: "write \(plain.isEmpty ? "0" : String(plain.prefix(20)))"
            )
        } else {
            magnitude = digits.allSatisfy(isDigit) ? Int(digits) : nil
            if magnitude == nil, !digits.isEmpty, digits.allSatisfy(isDigit) {
                return .wrong("\(value.quoted) is far too large", mend: wanted)
            }
        }
        guard let magnitude else {
            return .wrong("\(value.quoted) is no whole number", mend: wanted)
        }
        let number = isNegative ? -magnitude : magnitude
        guard range.contains(number) else {
            return .wrong("\(number) is out of range", mend: wanted)
        }
        return .value(number)
    }

    /// A finite decimal number in `range`.
    public static func double(
        _ value: DocumentValue,
        in range: ClosedRange<Double> = anyFinite
    ) -> MapReader.Parsed<Double> {
        guard let text = value.text, !text.isEmpty else {
            return .wrong("\(value.quoted) is no number", mend: "write a number such as 3.5")
        }
        guard let number = decimal(text) else { return .wrong(notANumber(value, text)) }
        guard number.isFinite else {
            return .wrong("\(value.quoted) is too large", mend: "write a finite number")
        }
        guard range.contains(number) else {
            return .wrong("\(plain(number)) is out of range", mend: bounds(range))
        }
        return .value(number)
    }

    /// A length of time with its unit: `ns`, `us`, `ms`, `s`, `min`, `h`, `d`; `0` needs none.
    public static func duration(
        _ value: DocumentValue,
        in range: ClosedRange<Nanoseconds> = anyDuration
    ) -> MapReader.Parsed<Nanoseconds> {
        let example = "write a number and a unit, such as 500ms, 2 s, 15 min, 1 h or 7 d"
        guard let text = value.text, !text.isEmpty else {
            return .wrong("\(value.quoted) is no length of time", mend: example)
        }
        let numeral = text.prefix { !$0.isLetter && $0 != "µ" && $0 != " " }
        let unit = text.dropFirst(numeral.count).drop { $0 == " " }
        guard let number = decimal(String(numeral)), number.isFinite else {
            return .wrong("\(value.quoted) is no length of time", mend: example)
        }
        if unit.isEmpty {
            guard number == 0 else {
                return .wrong("\(value.quoted) has no unit", mend: example)
            }
        }
        guard let seconds = unit.isEmpty ? 1 : units[String(unit)] else {
            return .wrong(
                "\(quote(String(unit))) is no unit of time",
                mend: "write ms, s, min, h or d"
            )
        }
        // Whole numbers of a unit stay exact: 4 s is 4,000,000,000 ns.
        let length = Nanoseconds.seconds(number * seconds)
        guard range.contains(length) else {
            return .wrong(
                "\(value.quoted) is out of range",
                mend: "write a time from \(describe(range.lowerBound))"
                    + (range.upperBound == .max ? " up" : " to \(describe(range.upperBound))")
            )
        }
        return .value(length)
    }

    /// One of the raw values of `type`.
    public static func choice<Choice>(
        _ value: DocumentValue,
        _ type: Choice.Type
    ) -> MapReader.Parsed<Choice>
    where Choice: CaseIterable & RawRepresentable, Choice.RawValue == String {
        choice(value, among: Choice.allCases.map { ($0.rawValue, $0) })
    }

    /// The meaning of one of the words in `meanings`.
    public static func choice<Meaning>(
        _ value: DocumentValue,
        among meanings: [(String, Meaning)]
    ) -> MapReader.Parsed<Meaning> {
        let text = value.text
        if let hit = meanings.first(where: { $0.0 == text }) { return .value(hit.1) }
        let words = meanings.map { $0.0 }
        let list = words.joined(separator: ", ")
        if let text, let near = nearest(to: text, among: words) {
            return .wrong(
                "\(value.quoted) is not one of \(list)",
                mend: "write '\(near)' if that is meant"
            )
        }
        return .wrong("\(value.quoted) is not known", mend: "write one of \(list)")
    }

    /// A length of time as a technician writes it: `500 ms`, `2 s`, `15 min`.
    public static func describe(_ length: Nanoseconds) -> String {
        let count = length.count
        for (size, unit) in [
            (86_400_000_000_000, "d"), (3_600_000_000_000, "h"), (60_000_000_000, "min"),
            (1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "us"),
        ] as [(Int64, String)] where count != 0 && count % size == 0 {
            return "\(count / size) \(unit)"
        }
        return count == 0 ? "0 s" : "\(count) ns"
    }

    // MARK: Helpers

    private static let units: [String: Double] = [
        "ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1, "min": 60, "h": 3600, "d": 86_400,
    ]

    /// A decimal number by YAML's core schema, without `nan`, `inf`, hexadecimal or blanks.
    static func decimal(_ text: String) -> Double? {
        guard text.utf8.count <= 64, text.contains(where: isDigit) else { return nil }
        let allowed = text.utf8.allSatisfy { byte in
            switch byte {
            case 0x30...0x39, UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."),
                UInt8(ascii: "e"), UInt8(ascii: "E"):
                true
            default: false
            }
        }
        return allowed ? Double(text) : nil
    }

    private static func isDigit(_ character: Character) -> Bool {
        ("0"..."9").contains(character) && character.isASCII
    }

    private static func notANumber(
        _ value: DocumentValue,
        _ text: String
    ) -> (String, String) {
        let lower = text.lowercased()
        if lower.hasSuffix("nan") || lower.hasSuffix("inf") || lower.contains("infinity") {
            return ("\(value.quoted) is no finite number", "write a number, or delete the key")
        }
        let dotted = text.replacing(",", with: ".")
        if dotted != text, decimal(dotted) != nil {
            return ("\(value.quoted) has a comma", "write \(dotted)")
        }
        return ("\(value.quoted) is no number", "write a number such as 3.5, without its unit")
    }

    private static func bounds(_ range: ClosedRange<Double>) -> String {
        let low = range.lowerBound == anyFinite.lowerBound
        let high = range.upperBound == anyFinite.upperBound
        if low { return "write \(plain(range.upperBound)) or less" }
        if high { return "write \(plain(range.lowerBound)) or more" }
        return "write a number from \(plain(range.lowerBound)) to \(plain(range.upperBound))"
    }
}

extension MapReader.Parsed {
    fileprivate static func wrong(_ pair: (String, String)) -> Self {
        .wrong(pair.0, mend: pair.1)
    }
}
