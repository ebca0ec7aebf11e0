/// Environment variables that take the place of single values of `loopgate.yaml`.
///
/// The rule is mechanical: `LOOPGATE_`, then the key's path in capitals; an item of a list goes by
/// its `name`; capitals inside a key, dots and dashes become `_`:
/// `page.port` is `LOOPGATE_PAGE_PORT`, `journal.commitInterval` is
/// `LOOPGATE_JOURNAL_COMMIT_INTERVAL`, and `clientId` of the connection `cmms` is
/// `LOOPGATE_UPLINK_CMMS_CLIENT_ID`. Lists are separated by commas. An empty variable is none.
/// Lists of maps cannot be lengthened, and instruments have no variables.
public struct EnvironmentOverrides {
    /// Variables with our prefix that are no overrides.
    public static let reserved: Set<String> = [
        "LOOPGATE_CONFIG", "LOOPGATE_STRICT", "LOOPGATE_LOG_LEVEL",
    ]
    static let prefix = "LOOPGATE_"

    /// The variables that matter, without the empty ones.
    public let variables: [String: String]

    /// The overrides among `environment`.
    public init(_ environment: [String: String]) {
        variables = environment.filter {
            $0.key.hasPrefix(EnvironmentOverrides.prefix) && !$0.value.isEmpty
                && !EnvironmentOverrides.reserved.contains($0.key)
        }
    }

    /// One step on the way to a value.
    enum PathStep {
        case key(String)
        case item(Int)
    }
    private struct Target {
        var path: [PathStep]
        var shown: String
        var key: KeyEntry
    }

    /// Writes the variables into `document`; what fits nowhere, or twice, goes to `problems`.
    func apply(to document: inout Document, problems: ProblemList) {
        guard !variables.isEmpty else { return }
        let targets = self.targets(in: document.root)
        for (name, text) in variables.sorted(by: { $0.key < $1.key }) {
            let place = Place(file: "$\(name)")
            let hits = targets[name] ?? []
            if hits.count > 1 {
                problems.add(
                    at: place,
                    key: hits[0].shown,
                    what: "the variable also means \(hits[1].shown)",
                    mend: "set the values in the file, or rename one of the two"
                )
            } else if let hit = hits.first {
                document.root.set(value(text, hit.key, place), at: hit.path[...], place: place)
            } else {
                refuse(name, place, among: targets, problems)
            }
        }
    }

    private func refuse(
        _ name: String,
        _ place: Place,
        among targets: [String: [Target]],
        _ problems: ProblemList
    ) {
        let last = name.split(separator: "_").last.map { $0.lowercased() } ?? ""
        if !name.hasSuffix("_FILE"), let answer = Secrets.refusedKeys[last] {
            problems.add(
                at: place,
                key: "environment",
                what: answer.what,
                mend: answer.mend
            )
            return
        }
        // Without the prefix that all share, or everything would be near.
        let bare = { (name: String) in String(name.dropFirst(EnvironmentOverrides.prefix.count)) }
        let near = nearest(to: bare(name), among: targets.keys.map(bare).sorted())
        problems.warn(
            at: place,
            key: "environment",
            what: "no value of the configuration goes by this name",
            mend: near.map { "write '\(EnvironmentOverrides.prefix)\($0)'" } ?? "unset it"
        )
    }

    private func value(_ text: String, _ key: KeyEntry, _ place: Place) -> DocumentValue {
        func scalar(_ text: some StringProtocol) -> DocumentValue {
            // Variables have no quotes, yet `null` and `~` are their text.
            let trimmed = text.drop { $0 == " " }
            return DocumentValue(place: place, content: .scalar(String(trimmed), isPlain: false))
        }
        guard key.isList, text.contains(",") else { return scalar(text) }
        return DocumentValue(place: place, content: .list(text.split(separator: ",").map(scalar)))
    }

    private func targets(in root: DocumentValue) -> [String: [Target]] {
        var found: [String: [Target]] = [:]
        for section in ConfigurationSchema.gateway {
            for place in EnvironmentOverrides.maps(of: section.path, in: root) {
                for key in section.keys where key.isOverridable {
                    let shown = place.shown.isEmpty ? key.name : "\(place.shown).\(key.name)"
                    let name =
                        EnvironmentOverrides.prefix
                        + (place.names + [key.name]).map(EnvironmentOverrides.capitals)
                        .joined(separator: "_")
                    found[name, default: []].append(
                        Target(path: place.path + [.key(key.name)], shown: shown, key: key)
                    )
                }
            }
        }
        return found
    }

    private struct MapPlace {
        var path: [PathStep] = []
        var names: [String] = []
        var shown = ""
    }

    /// Every map that `sectionPath` means in `root`: one for a plain path, one per named item of a
    /// list.
    private static func maps(of sectionPath: String, in root: DocumentValue) -> [MapPlace] {
        var places = [MapPlace()]
        for part in sectionPath.split(separator: ".").map(String.init) {
            let key = part.dropListMark
            places = places.flatMap { place -> [MapPlace] in
                var below = place
                below.path.append(.key(key))
                below.names.append(key)
                below.shown += below.shown.isEmpty ? key : ".\(key)"
                guard part != key else { return [below] }
                guard case .list(let items)? = root.value(at: below.path[...])?.content else {
                    return []
                }
                return items.enumerated().compactMap { index, item in
                    guard let name = item["name"]?.text, !name.isEmpty else { return nil }
                    var inside = below
                    inside.path.append(.item(index))
                    inside.names.append(name)
                    inside.shown += "[\(name)]"
                    return inside
                }
            }
        }
        return places
    }

    /// `commitInterval` as `COMMIT_INTERVAL`, `plc-2` as `PLC_2`.
    static func capitals(_ word: String) -> String {
        var text = ""
        var previousIsLower = false
        for character in word {
            if character.isUppercase, previousIsLower { text += "_" }
            previousIsLower = character.isLowercase || character.isNumber
            let isPlain = character.isASCII && (character.isLetter || character.isNumber)
            text += isPlain ? character.uppercased() : "_"
        }
        return text
    }
}

extension DocumentValue {
    fileprivate func value(at path: ArraySlice<EnvironmentOverrides.PathStep>) -> DocumentValue? {
        guard let step = path.first else { return self }
        switch (step, content) {
        case (.key(let key), .map): return self[key]?.value(at: path.dropFirst())
        case (.item(let index), .list(let items)) where items.indices.contains(index):
            return items[index].value(at: path.dropFirst())
        default: return nil
        }
    }

    /// Puts `value` at `path`; maps on the way are made where they are missing, and what is no map
    /// where one belongs is left alone, for its own message.
    fileprivate mutating func set(
        _ value: DocumentValue,
        at path: ArraySlice<EnvironmentOverrides.PathStep>,
        place: Place
    ) {
        guard let step = path.first else {
            self = value
            return
        }
        switch (step, content) {
        case (.key(let key), .map(var entries)):
            let index =
                entries.firstIndex { $0.key == key }
                ?? {
                    let empty = DocumentValue(place: place, content: .scalar("", isPlain: true))
                    entries.append(Entry(key: key, keyPlace: place, value: empty))
                    return entries.count - 1
                }()
            entries[index].value.set(value, at: path.dropFirst(), place: place)
            content = .map(entries)
        case (.key, .scalar) where isNull:
            content = .map([])
            set(value, at: path, place: place)
        case (.item(let index), .list(var items)) where items.indices.contains(index):
            items[index].set(value, at: path.dropFirst(), place: place)
            content = .list(items)
        default: break
        }
    }
}
