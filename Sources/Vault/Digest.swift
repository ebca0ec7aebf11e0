import COpenSSL

/// SHA-256 (FIPS 180-4) and what is made of it, by OpenSSL.
public enum Digest {
    /// Bytes of a digest.
    public static let byteCount = 32

    /// SHA-256 of `bytes`.
    public static func sha256(_ bytes: some Sequence<UInt8>) -> [UInt8] {
        let input = Array(bytes)
        var output = [UInt8](repeating: 0, count: byteCount)
        let done = EVP_Digest(input, input.count, &output, nil, EVP_sha256(), nil)
        precondition(done == 1, "OpenSSL has no SHA-256")
        return output
    }

    /// HMAC-SHA-256 (RFC 2104) of `bytes` under `key`.
    public static func hmac(_ bytes: [UInt8], key: [UInt8]) -> [UInt8] {
        var output = [UInt8](repeating: 0, count: byteCount)
        let done = HMAC(
            EVP_sha256(),
            key,
            Int32(clamping: key.count),
            bytes,
            bytes.count,
            &output,
            nil
        )
        precondition(done != nil, "OpenSSL has no HMAC")
        return output
    }

    /// Whether `a` and `b` are equal, in a time that tells nothing of where they differ.
    public static func isEqual(_ a: [UInt8], _ b: [UInt8]) -> Bool {
        a.count == b.count && CRYPTO_memcmp(a, b, a.count) == 0
    }
}

/// Random bytes from the kernel.
public enum Chance {
    public static func bytes(_ count: Int) -> [UInt8] {
        var generator = SystemRandomNumberGenerator()
        return (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
    }

    /// A word of `letters` letters and digits that cannot be mistaken for one another, in groups
    /// of four: five bits each.
    public static func word(letters: Int) -> String {
        let alphabet = Array("ABCDEFGHJKLMNPQRSTUVWXYZ23456789")
        var word = ""
        for (index, byte) in bytes(letters).enumerated() {
            if index > 0, index % 4 == 0 { word += "-" }
            // 32 letters: the low five bits choose evenly.
            word.append(alphabet[Int(byte & 31)])
        }
        return word
    }
}
