import GatewayCore
import Signal

/// What `loopgate instruments apply` would do: how a list differs from the register.
public struct RegisterDifference: Hashable, Sendable, Codable {
    /// A key and its value before and after; null: not there.
    public struct KeyChange: Hashable, Sendable, Codable {
        /// The key's path within the entry: `limits.high`.
        public var key: String
        public var old: RegisterValue
        public var new: RegisterValue
    }
    /// What becomes of an instrument.
    public enum Kind: String, Hashable, Sendable, Codable {
        case added, changed, restored, retired
    }
    /// One instrument that does not stay as it is.
    public struct Change: Hashable, Sendable, Codable {
        public var tag: Tag
        public var kind: Kind
        /// The keys that change; for an added one all of its keys; empty for a retired one.
        public var keys: [KeyChange]
    }

    /// In the order of the list, then what is retired.
    public var changes: [Change] = []
    /// Instruments that stay as they are.
    public var unchanged = 0
    /// In use in the register and not in the list.
    public var missing: [Tag] = []

    /// Whether the list and the register say the same.
    public var isEmpty: Bool { changes.isEmpty && missing.isEmpty }

    /// - retiresMissing: whether what the list does not name is retired.
    public init(
        from register: [InstrumentRecord],
        to list: [InstrumentList.Item],
        retiresMissing: Bool
    ) {
        let known = Dictionary(register.map { ($0.tag, $0) }, uniquingKeysWith: { a, _ in a })
        for item in list {
            let record = known[item.tag]
            let keys = RegisterDifference.keys(from: record?.entry ?? [:], to: item.entry)
            let kind: Kind =
                record == nil ? .added : record?.isRetired == true ? .restored : .changed
            if kind == .changed, keys.isEmpty {
                unchanged += 1
            } else {
                changes.append(Change(tag: item.tag, kind: kind, keys: keys))
            }
        }
        let listed = Set(list.map(\.tag))
        for record in register where !record.isRetired && !listed.contains(record.tag) {
            if retiresMissing {
                changes.append(Change(tag: record.tag, kind: .retired, keys: []))
            } else {
                missing.append(record.tag)
            }
        }
    }

    /// The keys in which two entries differ, by path.
    public static func keys(
        from old: [String: RegisterValue],
        to new: [String: RegisterValue],
        below path: String = ""
    ) -> [KeyChange] {
        Set(old.keys).union(new.keys).sorted().flatMap { key -> [KeyChange] in
            let (was, becomes) = (old[key] ?? .null, new[key] ?? .null)
            guard was != becomes else { return [] }
            switch (was, becomes) {
            case (.map(let was), .map(let becomes)):
                return keys(from: was, to: becomes, below: "\(path)\(key).")
            case (.map(let was), .null): return keys(from: was, to: [:], below: "\(path)\(key).")
            case (.null, .map(let becomes)):
                return keys(from: [:], to: becomes, below: "\(path)\(key).")
            default: return [KeyChange(key: path + key, old: was, new: becomes)]
            }
        }
    }

    /// The difference as people read it, a line for each key.
    public var lines: [String] {
        var lines: [String] = []
        for change in changes {
            switch change.kind {
            case .added:
                let keys = change.keys.filter { $0.key != "tag" }
                    .map { "\($0.key): \($0.new.words)" }
                lines.append("+ \(change.tag)  \(keys.joined(separator: ", "))")
            case .restored: lines.append("+ \(change.tag)  is retired, and is restored")
            case .retired: lines.append("- \(change.tag)  is retired; its history stays")
            case .changed: lines.append("~ \(change.tag)")
            }
            guard change.kind == .changed || change.kind == .restored else { continue }
            for key in change.keys {
                let note = key.key == "unit" ? "  (stored values are not converted)" : ""
                lines.append("    \(key.key): \(key.old.words) → \(key.new.words)\(note)")
            }
        }
        if unchanged > 0 { lines.append("= \(unchanged) unchanged") }
        if !missing.isEmpty {
            let named = missing.prefix(8).map(\.text).joined(separator: ", ")
            let more = missing.count > 8 ? " and \(missing.count - 8) more" : ""
            lines.append("? \(named)\(more): in the register and not in the file; they stay")
        }
        return lines
    }

    /// The difference in a few words: `1 added, 2 changed`.
    public var summary: String {
        var parts: [String] = []
        for kind in [Kind.added, .changed, .restored, .retired] {
            let count = changes.reduce(0) { $0 + ($1.kind == kind ? 1 : 0) }
            if count > 0 { parts.append("\(count) \(kind.rawValue)") }
        }
        if !missing.isEmpty { parts.append("\(missing.count) not in the file") }
        return parts.isEmpty ? "no difference" : parts.joined(separator: ", ")
    }
}
