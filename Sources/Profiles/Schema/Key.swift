import Signal

/// What the reference says of one key.
public struct KeyEntry: Hashable, Sendable {
    /// Whether a file must hold the key, may, or gets a value without it.
    public enum Presence: Hashable, Sendable {
        /// The file must hold it.
        case required
        /// Without it the feature it sets is off.
        case optional
        /// Without it this value holds.
        case fallback(String)
    }

    /// The key as written in the file.
    public var name: String
    /// Its kind, unit and range, in words.
    public var form: String
    /// Whether it may be left out.
    public var presence: Presence
    /// What it does.
    public var meaning: String
    /// Whether an environment variable can override it: a scalar or a list of scalars.
    public var isOverridable: Bool
    /// Whether it is a list of scalars, which a variable separates by commas.
    public var isList: Bool
}

/// One map of the configuration: where it is, and its keys.
public struct KeySection: Hashable, Sendable {
    /// Keys from the outermost map on; `[]` marks a list of maps: `uplink[].tls`. Empty: outermost.
    public var path: String
    /// What the section is about.
    public var meaning: String
    /// Its keys, in the order of the reference.
    public var keys: [KeyEntry]
}

/// How the value of a key is read, and how the reference describes it.
struct Form<Value: Sendable>: Sendable {
    var text: String
    var isOverridable = true
    var isList = false
    var parse: @Sendable (DocumentValue) -> MapReader.Parsed<Value>

    /// The same form with a further check of the value: nil is well, else what is wrong and the
    /// mend.
    func checked(
        _ check: @escaping @Sendable (Value) -> (String, mend: String)?
    ) -> Form {
        Form(text: text, isOverridable: isOverridable, isList: isList) { [parse] value in
            let parsed = parse(value)
            guard case .value(let good) = parsed, let fault = check(good) else { return parsed }
            return .wrong(fault.0, mend: fault.mend)
        }
    }
}

/// A key that a file must hold, or may.
struct Key<Value: Sendable>: Sendable {
    let entry: KeyEntry
    let form: Form<Value>

    static func required(_ name: String, _ form: Form<Value>, _ meaning: String) -> Key {
        Key(
            entry: KeyEntry(
                name: name,
                form: form.text,
                presence: .required,
                meaning: meaning,
                isOverridable: form.isOverridable,
                isList: form.isList
            ),
            form: form
        )
    }

    static func optional(_ name: String, _ form: Form<Value>, _ meaning: String) -> Key {
        Key(
            entry: KeyEntry(
                name: name,
                form: form.text,
                presence: .optional,
                meaning: meaning,
                isOverridable: form.isOverridable,
                isList: form.isList
            ),
            form: form
        )
    }
}

/// A key with a value of its own where the file is silent.
struct KeyWithFallback<Value: Sendable>: Sendable {
    let entry: KeyEntry
    let form: Form<Value>
    let fallback: Value

    /// - shown: the fallback as the reference writes it.
    init(
        _ name: String,
        _ form: Form<Value>,
        else fallback: Value,
        shown: String,
        _ meaning: String
    ) {
        entry = KeyEntry(
            name: name,
            form: form.text,
            presence: .fallback(shown),
            meaning: meaning,
            isOverridable: form.isOverridable,
            isList: form.isList
        )
        self.form = form
        self.fallback = fallback
    }
}

extension MapReader {
    /// The value of `key`; nil where it is missing or wrong, which is noted unless it is optional
    /// and missing.
    func read<Value>(_ key: Key<Value>) -> Value? {
        switch key.entry.presence {
        case .required: required(key.entry.name, key.form.parse)
        case .optional, .fallback: optional(key.entry.name, key.form.parse)
        }
    }

    /// The value of `key`, or its fallback where it is missing or wrong.
    func read<Value>(_ key: KeyWithFallback<Value>) -> Value {
        optional(key.entry.name, key.form.parse) ?? key.fallback
    }

    /// Notes what `section` does not know.
    func finish(_ section: KeySection) {
        finish(others: section.keys.map(\.name), refused: Secrets.refusedKeys)
    }
}

/// Secrets never stand in a file or a variable of ours.
enum Secrets {
    private static let answer = (
        what: "a password does not belong here, where backups and colleagues read it",
        mend: "put it in a file of its own, readable only by the daemon, and name that as "
            + "'passwordFile', or use a systemd credential and 'credential'"
    )
    /// Keys that people write when they mean to give a secret.
    static let refusedKeys: [String: (what: String, mend: String)] = [
        "password": answer, "passwd": answer, "pass": answer, "secret": answer, "token": answer,
        "Password": answer, "PASSWORD": answer, "pwd": answer,
    ]
}
