import Foundation
import Vault

/// Makes and checks tokens: JWTs (RFC 7519) of one form only, HS256 with one header.
///
/// A token names a session. Whether that goes on is for the list of sessions to say, so that a step
/// of the clock ends none and signing out ends it at once; `exp` is for the client.
struct TokenMint: Sendable {
    struct Claims: Codable, Equatable {
        /// The employee number.
        var sub: String
        /// The session.
        var sid: String
        /// Seconds since 1970.
        var iat: Int64
        var exp: Int64
    }

    /// `{"alg":"HS256","typ":"JWT"}`. A token with any other header is none of ours, which is all
    /// there is to say about `alg`.
    static let header = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9"

    private let secret: [UInt8]

    init(secret: [UInt8]) {
        precondition(secret.count >= Digest.byteCount, "a short secret")
        self.secret = secret
    }

    func token(_ claims: Claims) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let payload = (try? encoder.encode(claims)) ?? Data()
        let signed = Self.header + "." + Base64URL.encode(Array(payload))
        return signed + "." + Base64URL.encode(Digest.hmac(Array(signed.utf8), key: secret))
    }

    /// What a token says, if we made it.
    func claims(of token: String) -> Claims? {
        guard token.utf8.count <= PeopleLimits.tokenBytes else { return nil }
        let parts = token.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0] == Self.header,
            let mark = Base64URL.decode(parts[2]),
            Digest.isEqual(
                mark,
                Digest.hmac(Array("\(parts[0]).\(parts[1])".utf8), key: secret)
            ),
            let payload = Base64URL.decode(parts[1])
        else { return nil }
        return try? JSONDecoder().decode(Claims.self, from: Data(payload))
    }
}

/// Base 64 for URLs without padding (RFC 4648 §5), strictly: one text for each sequence of bytes.
enum Base64URL {
    static func encode(_ bytes: [UInt8]) -> String {
        Data(bytes).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_")
            .replacing("=", with: "")
    }

    static func decode(_ text: some StringProtocol) -> [UInt8]? {
        let isOurs = text.utf8.allSatisfy {
            (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0)
                || $0 == 0x2D || $0 == 0x5F
        }
        guard isOurs, text.utf8.count % 4 != 1 else { return nil }
        let padding = String(repeating: "=", count: (4 - text.utf8.count % 4) % 4)
        let plain = String(text).replacing("-", with: "+").replacing("_", with: "/") + padding
        guard let bytes = Data(base64Encoded: plain).map(Array.init),
            encode(bytes) == text
        else { return nil }
        return bytes
    }
}
