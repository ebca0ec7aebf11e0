import GatewayCore
import Signal

/// `instruments.yaml` as it is written: what the register is seeded from and compared with.
public struct InstrumentList: Hashable, Sendable {
    /// One instrument as it is written.
    public struct Item: Hashable, Sendable {
        /// Its tag.
        public var tag: Tag
        /// Its keys, `tag` among them; what is empty is left out.
        public var entry: [String: RegisterValue]

        public init(tag: Tag, entry: [String: RegisterValue]) {
            self.tag = tag
            self.entry = entry
        }
    }
    /// The file.
    public var path: String
    /// In the order of the file.
    public var entries: [Item]

    public init(path: String = "", entries: [Item] = []) {
        self.path = path
        self.entries = entries
    }

    /// The instruments of a document; what has no tag is left out: decoding says so.
    static func entries(of document: Document) -> [Item] {
        guard case .list(let values) = document.root["instruments"]?.content else { return [] }
        return values.compactMap { value in
            guard case .map(let entry) = RegisterValue(value), case .text(let text) = entry["tag"],
                let tag = Tag(text)
            else { return nil }
            return Item(tag: tag, entry: entry)
        }
    }

    /// A number that changes whenever anything in the list does (FNV-1a, 64 bits).
    public var fingerprint: String {
        var sum: UInt64 = 0xCBF2_9CE4_8422_2325
        for item in entries {
            for byte in RegisterValue.map(item.entry).words.utf8 {
                sum = (sum ^ UInt64(byte)) &* 0x100_0000_01B3
            }
        }
        return sum.hex
    }
}

extension RegisterValue {
    /// A value of a document. A number stays one only where it reads back as it was written: a
    /// location `007` is text.
    init(_ value: DocumentValue) {
        switch value.content {
        case .scalar(let text, let isPlain):
            if value.isNull {
                self = .null
            } else if isPlain, let number = Scalars.decimal(text),
                RegisterValue.number(number).words == text
            {
                self = .number(number)
            } else {
                self = .text(text)
            }
        case .list(let values): self = .list(values.map(RegisterValue.init))
        case .map(let entries):
            let pairs = entries.filter { !$0.value.isNull }
                .map { ($0.key, RegisterValue($0.value)) }
            self = .map(Dictionary(pairs, uniquingKeysWith: { first, _ in first }))
        }
    }

    /// The value as `instruments.yaml` holds it, on one line.
    public var yaml: String {
        switch self {
        case .null: return "~"
        case .flag, .number: return words
        case .text(let text):
            let isPlain =
                text.utf8.first.map { $0 | 0x20 >= 0x61 && $0 | 0x20 <= 0x7A } == true
                && text.utf8.allSatisfy { Self.isPlain($0) }
                && !["true", "false", "yes", "no", "null"].contains(text.lowercased())
            let escaped = text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
            return isPlain ? text : "\"\(escaped)\""
        case .list(let list): return "[\(list.map(\.yaml).joined(separator: ", "))]"
        case .map(let map):
            let keys = map.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value.yaml)" }
            return "{\(keys.joined(separator: ", "))}"
        }
    }

    /// Letters, digits and what means nothing in YAML between them.
    private static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x80...0xFF, UInt8(ascii: "-"),
            UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: "/"), UInt8(ascii: " "):
            true
        default: false
        }
    }

    /// The value as the decoders read it.
    func document(at place: Place) -> DocumentValue {
        let content: DocumentValue.Content =
            switch self {
            case .null: .scalar("", isPlain: true)
            case .flag(let flag): .scalar("\(flag)", isPlain: true)
            case .number: .scalar(words, isPlain: true)
            case .text(let text): .scalar(text, isPlain: false)
            case .list(let values): .list(values.map { $0.document(at: place) })
            case .map(let map):
                .map(
                    map.sorted { $0.key < $1.key }.map {
                        DocumentValue.Entry(
                            key: $0.key,
                            keyPlace: place,
                            value: $0.value.document(at: place)
                        )
                    }
                )
            }
        return DocumentValue(place: place, content: content)
    }
}
