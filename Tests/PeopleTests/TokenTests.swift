import Foundation
import Testing
import Vault

@testable import People

@Suite struct TokenTests {
    private let mint = TokenMint(secret: [UInt8](repeating: 7, count: 32))
    private let claims = TokenMint.Claims(sub: "4711", sid: "abc", iat: 1_000, exp: 29_800)

    private func sign(_ header: String, _ payload: String, _ secret: [UInt8]) -> String {
        let signed =
            Base64URL.encode(Array(header.utf8)) + "." + Base64URL.encode(Array(payload.utf8))
        return signed + "." + Base64URL.encode(Digest.hmac(Array(signed.utf8), key: secret))
    }

    @Test("A token of ours says what it was made of, and its header is HS256")
    func round() throws {
        let token = mint.token(claims)
        #expect(mint.claims(of: token) == claims)
        let header = try #require(Base64URL.decode(token.split(separator: ".")[0]))
        #expect(String(decoding: header, as: UTF8.self) == #"{"alg":"HS256","typ":"JWT"}"#)
    }

    @Test("Another algorithm, another header and another secret are no token of ours")
    func forged() {
        let secret = [UInt8](repeating: 7, count: 32)
        let payload = #"{"sub":"4711","sid":"abc","iat":1000,"exp":29800}"#
        let ours = #"{"alg":"HS256","typ":"JWT"}"#
        #expect(mint.claims(of: sign(ours, payload, secret)) == claims)
        for header in [
            #"{"alg":"none","typ":"JWT"}"#, #"{"alg":"HS512","typ":"JWT"}"#,
            #"{"typ":"JWT","alg":"HS256"}"#, #"{"alg":"HS256","typ":"JWT","kid":"../x"}"#, "",
        ] { #expect(mint.claims(of: sign(header, payload, secret)) == nil) }
        #expect(mint.claims(of: sign(ours, payload, [UInt8](repeating: 8, count: 32))) == nil)
        #expect(mint.claims(of: sign(ours, #"{"sub":"4711"}"#, secret)) == nil)
        #expect(mint.claims(of: sign(ours, "no JSON", secret)) == nil)
    }

    @Test("No changed byte, and no other end, of a token is taken")
    func changed() {
        let token = mint.token(claims)
        for index in token.indices {
            var other = token
            let letter = token[index] == "A" ? "B" : "A"
            other.replaceSubrange(index...index, with: letter)
            #expect(mint.claims(of: other) == nil)
        }
        let unsigned = token[..<token.lastIndex(of: ".")!]
        for other in [String(unsigned), unsigned + ".", token + ".", token + "=", token + "A", ""] {
            #expect(mint.claims(of: other) == nil)
        }
    }

    @Test("A token of ours that is too long is none")
    func tooLong() {
        var long = claims
        long.sub = String(repeating: "7", count: PeopleLimits.tokenBytes)
        #expect(mint.claims(of: mint.token(long)) == nil)
    }

    @Test("Garbage is no token and harms nothing")
    func garbage() {
        var random = Seeded(state: 11)
        for _ in 0..<2_000 {
            let bytes = (0..<Int.random(in: 0..<200, using: &random)).map { _ in
                UInt8.random(in: .min ... .max, using: &random)
            }
            #expect(mint.claims(of: String(decoding: bytes, as: UTF8.self)) == nil)
            #expect(mint.claims(of: "\(TokenMint.header).\(Base64URL.encode(bytes)).x") == nil)
        }
        #expect(mint.claims(of: String(repeating: ".", count: 1_000_000)) == nil)
    }

    @Test(
        "Base 64 is read strictly: one text for each sequence of bytes",
        arguments: ["A", "AB=", "A+", "A/", "AB", "A B", "é"]
    )
    func strict(text: String) { #expect(Base64URL.decode(text) == nil) }

    private struct Seeded: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state ^ state >> 29
        }
    }
}
