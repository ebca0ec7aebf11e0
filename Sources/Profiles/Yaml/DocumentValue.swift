/// One value of a document with its place: a scalar as written, a list or a map.
public struct DocumentValue: Sendable {
    /// What the value holds.
    public enum Content: Sendable {
        /// Text as written, quotes removed; `isPlain` where it had none.
        case scalar(String, isPlain: Bool)
        /// Values in order.
        case list([DocumentValue])
        /// Keys in order, unique, merges (`<<`) already applied.
        case map([Entry])
    }
    /// One key of a map.
    public struct Entry: Sendable {
        /// The key's text.
        public var key: String
        /// Where the key is written.
        public var keyPlace: Place
        /// Its value.
        public var value: DocumentValue
    }

    /// Where it is written; for an alias, where the anchor's value is.
    public var place: Place
    /// What it holds.
    public var content: Content

    /// A value at `place`.
    public init(place: Place, content: Content) {
        self.place = place
        self.content = content
    }

    /// A text from nowhere, read as if it stood in quotes.
    init(text: String) {
        self.init(place: Place(file: ""), content: .scalar(text, isPlain: false))
    }

    /// Whether it is written but empty: nothing, `~` or `null` without quotes.
    public var isNull: Bool {
        guard case .scalar(let text, isPlain: true) = content else { return false }
        return text.isEmpty || text == "~" || text == "null" || text == "Null" || text == "NULL"
    }

    /// The text of a scalar.
    public var text: String? {
        guard case .scalar(let text, _) = content else { return nil }
        return text
    }

    /// The value of `key` in a map.
    public subscript(key: String) -> DocumentValue? {
        guard case .map(let entries) = content else { return nil }
        return entries.first { $0.key == key }?.value
    }

    /// What it is in the words of a message: the text in quotes, or `a list`, `a map`, `nothing`.
    public var quoted: String {
        switch content {
        case .scalar: isNull ? "nothing" : quote(text ?? "")
        case .list: "a list"
        case .map: "a map"
        }
    }
}

/// `text` in single quotes for a message: shortened, control characters replaced.
func quote(_ text: String) -> String { "'\(printable(text))'" }

/// `text` for a message: shortened, control characters replaced.
func printable(_ text: String) -> String {
    var clean = ""
    for scalar in text.unicodeScalars {
        if clean.utf8.count >= DocumentLimits.quotedBytes {
            clean += "…"
            break
        }
        let isControl = scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value)
        clean.unicodeScalars.append(isControl ? "\u{FFFD}" : scalar)
    }
    return clean
}
