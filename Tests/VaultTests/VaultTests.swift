import Foundation
import TestSupport
import Testing

@testable import Vault

@Suite struct VaultTests {
    static func hex(_ bytes: [UInt8]) -> String {
        bytes.map { String(format: "%02x", $0) }.joined()
    }

    @Test(
        "SHA-256 gives the digests of FIPS 180-4's examples",
        arguments: [
            ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        ]
    )
    func sha256(text: String, digest: String) {
        #expect(Self.hex(Digest.sha256(text.utf8)) == digest)
    }

    @Test("HMAC-SHA-256 gives the value of RFC 4231's second case")
    func hmac() {
        let mark = Digest.hmac(Array("what do ya want for nothing?".utf8), key: Array("Jefe".utf8))
        #expect(
            Self.hex(mark) == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        )
    }

    @Test("Bcrypt knows its own hashes and those of others")
    func bcrypt() throws {
        let hash = try #require(Bcrypt.hash("Grüße von der Anlage", cost: 4))
        #expect(hash.hasPrefix("$2b$04$"))
        #expect(Bcrypt.matches("Grüße von der Anlage", hash))
        #expect(!Bcrypt.matches("grüße von der Anlage", hash))
        #expect(Bcrypt.hash("Grüße von der Anlage", cost: 4) != hash)
        // Openwall's test vector.
        #expect(
            Bcrypt.matches("U*U*U", "$2b$05$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a")
        )
    }

    @Test("A password that bcrypt would cut short is never hashed, and matches nothing")
    func cutShort() throws {
        let whole = String(repeating: "ä", count: 36)
        let hash = try #require(Bcrypt.hash(whole, cost: 4))
        #expect(Bcrypt.matches(whole, hash))
        #expect(!Bcrypt.matches(whole + "x", hash))
        #expect(Bcrypt.hash(whole + "x", cost: 4) == nil)
        #expect(Bcrypt.hash("with\0zero", cost: 4) == nil)
        #expect(!Bcrypt.matches("with\0zero", hash))
    }

    @Test(
        "A hash that is none matches nothing and harms nothing",
        arguments: ["", "*0", "$2b$", "$2b$99$xxx", "$1$abc$def", "plain", "$2b$04$\0"]
    )
    func noHash(text: String) { #expect(!Bcrypt.matches("password", text)) }

    @Test("Words made by chance differ, and hold no letter that looks like another")
    func words() {
        let words = Set((0..<100).map { _ in Chance.word(letters: 16) })
        #expect(words.count == 100)
        for word in words {
            #expect(word.count == 19)
            #expect(word.allSatisfy { !"IO01".contains($0) })
        }
    }

    @Test("A secret file is the owner's alone; one that others may read is unfit")
    func secretFile() throws {
        let folder = try TemporaryFolder()
        let file = SecretFile(folder.file("secret"))
        #expect(file.read() == .missing)
        try file.write([1, 2, 3])
        #expect(file.read() == .bytes([1, 2, 3]))
        #expect(file.read(most: 2) == .unfit("it is longer than 2 bytes"))
        var status = stat()
        #expect(stat(file.path, &status) == 0)
        #expect(status.st_mode & 0o777 == 0o600)
        chmod(file.path, 0o640)
        #expect(file.read() == .unfit("others may read it"))
        #expect(throws: SecretFault.self) { try SecretFile("/nowhere/secret").write([1]) }
    }

    @Test("A self-made certificate names its names and addresses, as openssl reads it")
    func certificate() throws {
        let folder = try TemporaryFolder()
        let made = try SelfMadeCertificate.make(
            for: "gw-1",
            names: ["gw-1.plant.example", "not a name", "x,IP:1.2.3.4"],
            addresses: ["192.168.1.20", "::1", "nonsense"]
        )
        let path = folder.file("page.pem")
        try SecretFile(path).write(made.key + made.certificate)
        func openssl(_ arguments: String...) throws -> String {
            let tool = try ChildProcess("/usr/bin/openssl", arguments)
            #expect(try tool.wait(within: 30) == 0)
            return tool.output.joined(separator: "\n")
        }
        let text = try openssl("x509", "-in", path, "-noout", "-text")
        #expect(text.contains("CN = gw-1"))
        #expect(
            text.contains(
                "DNS:gw-1.plant.example, IP Address:192.168.1.20, IP Address:0:0:0:0:0:0:0:1"
            )
        )
        #expect(!text.contains("1.2.3.4"))
        #expect(text.contains("prime256v1"))
        #expect(text.contains("CA:FALSE"))
        let keys = try openssl("pkey", "-in", path, "-pubout")
        #expect(try openssl("x509", "-in", path, "-noout", "-pubkey") == keys)
        #expect(throws: SecretFault.self) {
            try SelfMadeCertificate.make(for: "x", names: [], addresses: [])
        }
    }

    @Test("A chain and a key that do not belong together, or are none, are refused in words")
    func identity() throws {
        let one = try SelfMadeCertificate.make(for: "a", names: ["a"], addresses: [])
        let other = try SelfMadeCertificate.make(for: "b", names: ["b"], addresses: [])
        _ = try TLSIdentity(chain: one.certificate + other.certificate, key: one.key)
        #expect(throws: SecretFault.self) {
            try TLSIdentity(chain: one.certificate, key: other.key)
        }
        #expect(throws: SecretFault.self) { try TLSIdentity(chain: [], key: one.key) }
        #expect(throws: SecretFault.self) {
            try TLSIdentity(chain: one.certificate, key: Array("nonsense".utf8))
        }
    }

    @Test("What is no TLS ends the session with a fault, and nothing worse")
    func noTLS() throws {
        let made = try SelfMadeCertificate.make(for: "a", names: ["a"], addresses: [])
        let identity = try TLSIdentity(chain: made.certificate, key: made.key)
        for text in ["GET / HTTP/1.1\r\n\r\n", "\u{16}\u{3}\u{1}\u{0}\u{4}zzzz", "\0\0\0\0\0\0"] {
            let session = try TLSSession(identity)
            #expect(throws: SecretFault.self) { try session.receive(Array(text.utf8)) }
            #expect(throws: SecretFault.self) { try session.send([1]) }
            session.end()
        }
        #expect(try TLSSession(identity).receive([]).isEmpty)
    }
}
