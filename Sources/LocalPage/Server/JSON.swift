import Foundation
import GatewayCore
import HTTPTypes
import Hummingbird
import NIOCore
import Signal

/// JSON as the API speaks it: keys in snake case, times in ISO 8601, every unknown key an error.
enum JSON {
    /// Writes keys in snake case.
    static var encoder: JSONEncoder {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        // A value that is no number must not cost the answer it stands in.
        encoder.nonConformingFloatEncodingStrategy = .convertToString(
            positiveInfinity: "inf",
            negativeInfinity: "-inf",
            nan: "nan"
        )
        return encoder
    }

    /// An answer with `value` as its body.
    static func response(
        _ value: some Encodable,
        status: HTTPResponse.Status = .ok
    ) throws -> Response {
        Response(
            status: status,
            headers: [.contentType: "application/json; charset=utf-8", .cacheControl: "no-store"],
            body: ResponseBody(byteBuffer: ByteBuffer(data: try encoder.encode(value)))
        )
    }

    /// The body of a request.
    ///
    /// - Throws: `Problem`: 413 for more than `Limits.requestBytes`, 400 for what is no JSON object,
    ///   422 with the names of the fields that are unknown, missing or of the wrong kind.
    static func decode<Body: RequestBodyFields>(
        _ type: Body.Type,
        from request: Request
    ) async throws -> Body {
        try decode(type, from: try await bytes(of: request))
    }

    /// The bytes of a request's body.
    ///
    /// - Throws: `Problem` 413 for more than `Limits.requestBytes`.
    static func bytes(of request: Request) async throws -> Data {
        do {
            var buffer = try await request.body.collect(upTo: Limits.requestBytes)
            return buffer.readData(length: buffer.readableBytes) ?? Data()
        } catch is NIOTooManyBytesError {
            throw Problem(
                .contentTooLarge,
                "a body may have at most \(Limits.requestBytes) bytes"
            )
        }
    }

    static func decode<Body: RequestBodyFields>(
        _ type: Body.Type,
        from data: Data
    ) throws(Problem) -> Body {
        let keys: [String: Anything]
        do { keys = try JSONDecoder().decode([String: Anything].self, from: data) } catch {
            throw Problem(.badRequest, "the body must be a JSON object")
        }
        let known = Set(Body.CodingKeys.allCases.map(\.stringValue))
        let unknown = keys.keys.filter { !known.contains($0) }.sorted()
        guard unknown.isEmpty else {
            throw .fields(
                unknown.prefix(Limits.namedFields).map {
                    Problem.Field(
                        String($0.prefix(80)),
                        "there is no such field; known are \(known.sorted().joined(separator: ", "))"
                    )
                }
            )
        }
        do { return try JSONDecoder().decode(type, from: data) } catch let error as DecodingError {
            throw .fields([error.field])
        } catch let problem as Problem { throw problem } catch {
            throw Problem(.badRequest, "the body cannot be read")
        }
    }

    /// Takes any value, so that the keys alone can be looked at.
    private struct Anything: Decodable {
        init(from decoder: any Decoder) {}
    }
}

/// A request's body: its `CodingKeys` spell every field as the request does.
///
/// Write the keys out (`case fullName = "full_name"`): they are what unknown fields are told from.
protocol RequestBodyFields: Decodable {
    associatedtype CodingKeys: CodingKey, CaseIterable
}

/// A field of a change: left out, given, or given as null.
enum Change<Value: Sendable>: Sendable {
    /// The field is left out: keep what there is.
    case keep
    /// The field is null: there shall be none.
    case clear
    case set(Value)
}

extension Change: Equatable where Value: Equatable {}

extension Change: Decodable where Value: Decodable {
    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        self = container.decodeNil() ? .clear : .set(try container.decode(Value.self))
    }
}

extension KeyedDecodingContainer {
    /// What synthesised decoding calls for a `Change`: a missing key is `keep`.
    func decode<Value: Decodable>(
        _ type: Change<Value>.Type,
        forKey key: Key
    ) throws -> Change<Value> {
        guard contains(key) else { return .keep }
        return try decodeNil(forKey: key) ? .clear : .set(decode(Value.self, forKey: key))
    }
}

/// A field that is written as null where there is no value, instead of being left out.
@propertyWrapper struct OrNull<Value: Encodable & Sendable>: Encodable, Sendable {
    var wrappedValue: Value?

    init(wrappedValue: Value?) { self.wrappedValue = wrappedValue }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        if let wrappedValue {
            try container.encode(wrappedValue)
        } else {
            try container.encodeNil()
        }
    }
}

extension OrNull: Equatable where Value: Equatable {}

/// A point in civil time as `2026-03-30T05:32:42.123Z`.
struct ISOTime: Hashable, Sendable, Codable {
    var wall: WallTime

    init(_ wall: WallTime) { self.wall = wall }

    /// The point that `text` names, cut to the millisecond: RFC 3339, `Z` or an offset; nil: none.
    init?(_ text: String) {
        guard let time = WallTime(iso8601: text) else { return nil }
        wall = WallTime(nanosecondsSince1970: time.millisecondsSince1970 * 1_000_000)
    }

    /// The text, in UTC, with milliseconds.
    var text: String { wall.iso8601 }

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let time = ISOTime(try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(
                in: container,
                debugDescription: "not a time such as 2026-03-30T05:32:42.123Z"
            )
        }
        self = time
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }
}

extension DecodingError {
    /// The field that could not be read, and what it should have been.
    fileprivate var field: Problem.Field {
        func named(_ path: [any CodingKey]) -> String {
            path.map { $0.intValue.map(String.init) ?? $0.stringValue }.joined(separator: ".")
        }
        switch self {
        case .keyNotFound(let key, let context):
            return Problem.Field(named(context.codingPath + [key]), "it is missing")
        case .valueNotFound(_, let context):
            return Problem.Field(named(context.codingPath), "it may not be null")
        case .typeMismatch(let type, let context):
            return Problem.Field(named(context.codingPath), "it must be \(kind(type))")
        case .dataCorrupted(let context):
            return Problem.Field(named(context.codingPath), context.debugDescription)
        @unknown default:
            return Problem.Field("", "it cannot be read")
        }
    }

    private func kind(_ type: Any.Type) -> String {
        switch type {
        case is String.Type: "a text"
        case is Bool.Type: "true or false"
        case is Double.Type, is Float.Type: "a number"
        case is any FixedWidthInteger.Type: "a whole number"
        case is [Any].Type: "a list"
        default: "an object"
        }
    }
}
