/// The shape of a JSON value, as OpenAPI 3.1 (JSON Schema 2020-12) writes it.
indirect enum Schema: Sendable {
    case text
    /// At least one character.
    case filled
    /// RFC 3339 in UTC.
    case time
    case word([String])
    case integer(ClosedRange<Int>?)
    case number
    case flag
    case list(Schema)
    case object([Property])
    /// An object of any fields.
    case anyObject
    /// One of `components.schemas`.
    case named(String)
    case orNull(Schema)
    /// All of these together; the last one adds to the first.
    case both(String, [Property])

    static let integer = Schema.integer(nil)

    /// A field of an object.
    struct Property: Sendable {
        var name: String
        var schema: Schema
        var isRequired = true
        var words: String?

        init(_ name: String, _ schema: Schema, _ words: String? = nil) {
            self.name = name
            self.schema = schema
            self.words = words
        }

        /// A field that may be left out.
        static func optional(
            _ name: String,
            _ schema: Schema,
            _ words: String? = nil
        ) -> Property {
            var property = Property(name, schema, words)
            property.isRequired = false
            return property
        }
    }

    /// An object whose fields are all there.
    static func fields(_ fields: KeyValuePairs<String, Schema>) -> Schema {
        .object(fields.map { Property($0.key, $0.value) })
    }
}

/// A JSON value as the document needs it.
indirect enum DocumentNode: Encodable, Sendable {
    case text(String)
    case integer(Int)
    case flag(Bool)
    case list([DocumentNode])
    case map([String: DocumentNode])

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .text(let text): try container.encode(text)
        case .integer(let integer): try container.encode(integer)
        case .flag(let flag): try container.encode(flag)
        case .list(let list): try container.encode(list)
        case .map(let map): try container.encode(map)
        }
    }

    static func type(_ name: String, _ more: [String: DocumentNode] = [:]) -> DocumentNode {
        .map(more.merging(["type": .text(name)]) { old, _ in old })
    }
}

extension Schema {
    /// The schema as the document writes it.
    var node: DocumentNode {
        switch self {
        case .text: return .type("string")
        case .filled: return .type("string", ["minLength": .integer(1)])
        case .time: return .type("string", ["format": .text("date-time")])
        case .word(let words):
            return .type("string", ["enum": .list(words.map { .text($0) })])
        case .integer(let range):
            guard let range else { return .type("integer") }
            return .type(
                "integer",
                [
                    "minimum": .integer(range.lowerBound), "maximum": .integer(range.upperBound),
                ]
            )
        case .number: return .type("number")
        case .flag: return .type("boolean")
        case .list(let item): return .type("array", ["items": item.node])
        case .anyObject: return .type("object")
        case .object(let properties): return Self.object(properties)
        case .named(let name): return .map(["$ref": .text("#/components/schemas/\(name)")])
        case .orNull(let schema):
            return .map(["anyOf": .list([schema.node, .type("null")])])
        case .both(let name, let properties):
            guard case .object(let base)? = APISchemas.all[name] else {
                return Self.object(properties)
            }
            return Self.object(base + properties)
        }
    }

    private static func object(_ properties: [Property]) -> DocumentNode {
        var fields: [String: DocumentNode] = [:]
        for property in properties {
            var node = property.schema.node
            if let words = property.words, case .map(var map) = node {
                map["description"] = .text(words)
                node = .map(map)
            }
            fields[property.name] = node
        }
        let required = properties.filter(\.isRequired).map { DocumentNode.text($0.name) }
        var more: [String: DocumentNode] = [
            "properties": .map(fields), "additionalProperties": .flag(false),
        ]
        if !required.isEmpty { more["required"] = .list(required) }
        return .type("object", more)
    }
}
