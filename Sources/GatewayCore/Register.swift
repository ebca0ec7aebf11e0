import Signal

/// A value of an entry of the instrument register: what JSON can say, without its text.
public enum RegisterValue: Hashable, Sendable, Codable {
    case null
    case flag(Bool)
    case number(Double)
    case text(String)
    case list([RegisterValue])
    case map([String: RegisterValue])

    /// Decodes whatever JSON holds.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let flag = try? container.decode(Bool.self) {
            self = .flag(flag)
        } else if let number = try? container.decode(Double.self) {
            self = .number(number)
        } else if let text = try? container.decode(String.self) {
            self = .text(text)
        } else if let map = try? container.decode([String: RegisterValue].self) {
            self = .map(map)
        } else {
            self = .list(try container.decode([RegisterValue].self))
        }
    }

    /// Encodes the value as JSON; whole numbers without a decimal point.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .null: try container.encodeNil()
        case .flag(let flag): try container.encode(flag)
        case .number(let number):
            if let whole = Int64(exactly: number) {
                try container.encode(whole)
            } else {
                try container.encode(number)
            }
        case .text(let text): try container.encode(text)
        case .list(let list): try container.encode(list)
        case .map(let map): try container.encode(map)
        }
    }

    /// The value as a line of `instruments.yaml` shows it; what is not there is `–`.
    public var words: String {
        switch self {
        case .null: "–"
        case .flag(let flag): "\(flag)"
        case .number(let number): Int64(exactly: number).map { "\($0)" } ?? "\(number)"
        case .text(let text): text
        case .list(let list): "[\(list.map(\.words).joined(separator: ", "))]"
        case .map(let map):
            "{\(map.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value.words)" }.joined(separator: ", "))}"
        }
    }
}

extension [String: RegisterValue] {
    /// This entry with `patch` laid over it: maps are merged, null or an empty text takes a key away,
    /// and a map without a key left goes too.
    public func patched(by patch: [String: RegisterValue]) -> [String: RegisterValue] {
        var entry = self
        for (key, value) in patch {
            switch value {
            case .null, .text(""): entry[key] = nil
            case .map(let inner):
                var old: [String: RegisterValue] = [:]
                if case .map(let map) = entry[key] { old = map }
                let merged = old.patched(by: inner)
                entry[key] = merged.isEmpty ? nil : .map(merged)
            default: entry[key] = value
            }
        }
        return entry
    }
}

/// An instrument of the register, retired ones included.
public struct InstrumentRecord: Hashable, Sendable {
    /// Its number: given once, never used again.
    public var id: InstrumentID
    /// Its tag: never changed, and never given to another instrument.
    public var tag: Tag
    /// Retired: not polled; number, tag and history stay.
    public var isRetired: Bool
    /// What is written of it, by the keys of `instruments.yaml`.
    public var entry: [String: RegisterValue]
    /// What that comes to; nil where it is wrong.
    public var settings: InstrumentSettings?
    /// Why an instrument that is not retired is left out, and the mend; nil: it runs.
    public var fault: String?

    public init(
        id: InstrumentID,
        tag: Tag,
        isRetired: Bool,
        entry: [String: RegisterValue],
        settings: InstrumentSettings?,
        fault: String? = nil
    ) {
        self.id = id
        self.tag = tag
        self.isRetired = isRetired
        self.entry = entry
        self.settings = settings
        self.fault = fault
    }
}

/// What is wrong with one field of an entry.
public struct RegisterProblem: Hashable, Sendable, Codable {
    /// The key as a path within the entry: `urv`, `limits.high`; empty: the entry as a whole.
    public var key: String
    /// What is wrong and how to mend it, one sentence without a full stop.
    public var detail: String

    public init(key: String, detail: String) {
        self.key = key
        self.detail = detail
    }
}

/// Why a change of the register was refused; nothing was changed then.
public enum RegisterRefusal: Error, Hashable, Sendable {
    /// There is no such instrument.
    case unknown
    /// It cannot be done as things stand: the tag is taken, the instrument is retired already.
    case conflict(String)
    /// What was given is wrong, field by field; never empty.
    case invalid([RegisterProblem])
    /// It could not be stored, or the gateway is stopping.
    case unavailable(String)
}

extension InstrumentSettings {
    /// Whether its readings mean something else than those of `other` did, so that what was learnt
    /// from those does not hold.
    public func readsOtherwise(than other: InstrumentSettings) -> Bool {
        span.lrv != other.span.lrv || span.urv != other.span.urv
            || extraction != other.extraction || trim != other.trim || damping != other.damping
    }
}
