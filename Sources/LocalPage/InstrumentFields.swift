import GatewayCore

/// The API's names for the keys of `instruments.yaml`: those of the central CMMS where it has one,
/// else the key in snake case.
public enum InstrumentFields {
    private static let special: [(field: String, key: String)] = [
        ("tag_number", "tag"), ("instrument_type", "type"), ("range_min", "lrv"),
        ("range_max", "urv"), ("nominal_value", "nominal"),
        ("calibration_interval_days", "calibrationInterval"),
    ]
    private static let keys = Dictionary(uniqueKeysWithValues: special.map { ($0.field, $0.key) })
    private static let fields = Dictionary(
        uniqueKeysWithValues: special.map { ($0.key, $0.field) }
    )

    /// The entry that a JSON object of the API amounts to. A field that nobody knows keeps a name
    /// that no key has, and the register says so.
    public static func entry(of object: [String: RegisterValue]) -> [String: RegisterValue] {
        var entry: [String: RegisterValue] = [:]
        for (field, value) in object {
            let key = key(of: field)
            switch value {
            case .map(let map): entry[key] = .map(Self.entry(of: map))
            case .number(let days) where field == "calibration_interval_days":
                entry[key] = .text("\(RegisterValue.number(days).words) d")
            default: entry[key] = value
            }
        }
        return entry
    }

    /// The key behind a field: `range_max` is `urv`, `limits.low_low` is `limits.lowLow`.
    public static func key(of field: String) -> String {
        if let key = keys[field] { return key }
        // A key is not a field: `urv` must not pass for `range_max`.
        if fields[field] != nil || field.contains(where: \.isUppercase) { return "?\(field)" }
        return field.split(separator: ".", omittingEmptySubsequences: false).map { part in
            let words = part.split(separator: "_", omittingEmptySubsequences: false)
            return words.enumerated().map { index, word in
                index == 0 ? String(word) : word.prefix(1).uppercased() + word.dropFirst()
            }.joined()
        }.joined(separator: ".")
    }

    /// The field behind a key of an entry, for problems: `urv` is `range_max`.
    public static func field(of key: String) -> String {
        if let field = fields[key] { return field }
        if key.hasPrefix("?") { return String(key.dropFirst()) }
        return key.map { $0.isUppercase ? "_\($0.lowercased())" : String($0) }.joined()
    }
}
