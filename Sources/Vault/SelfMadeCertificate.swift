import COpenSSL

/// A certificate that vouches for itself, and its key: for a gateway that was given none.
///
/// Browsers ask before they trust it; what it gives is that nobody on the way reads along.
public struct SelfMadeCertificate: Sendable {
    /// Both in PEM.
    public var certificate: [UInt8]
    public var key: [UInt8]

    /// Makes a P-256 key and a certificate for `name`.
    ///
    /// - names: DNS names it is good for; what is none is left out.
    /// - addresses: IPv4 and IPv6 literals it is good for; what is none is left out.
    /// - Throws: `SecretFault` where nothing is left, or OpenSSL fails.
    public static func make(
        for name: String,
        names: [String],
        addresses: [String]
    ) throws(SecretFault) -> SelfMadeCertificate {
        let alternatives =
            names.filter(isName).map { "DNS:\($0)" }
            + addresses.filter(isAddress).map { "IP:\($0)" }
        guard !alternatives.isEmpty else { throw SecretFault("a certificate for no name at all") }
        guard let key = newKey() else { throw SecretFault("OpenSSL makes no key") }
        defer { EVP_PKEY_free(key) }
        guard let certificate = X509_new() else { throw SecretFault("OpenSSL is out of memory") }
        defer { X509_free(certificate) }
        guard fill(certificate, name, key),
            extend(certificate, NID_subject_alt_name, alternatives.joined(separator: ",")),
            extend(certificate, NID_basic_constraints, "critical,CA:FALSE"),
            extend(certificate, NID_key_usage, "critical,digitalSignature"),
            extend(certificate, NID_ext_key_usage, "serverAuth"),
            X509_sign(certificate, key, EVP_sha256()) > 0,
            let text = pem({ PEM_write_bio_X509($0, certificate) }),
            let keyText = pem({ PEM_write_bio_PrivateKey($0, key, nil, nil, 0, nil, nil) })
        else { throw SecretFault("OpenSSL makes no certificate") }
        return SelfMadeCertificate(certificate: text, key: keyText)
    }

    private static func isName(_ name: String) -> Bool {
        !name.isEmpty && name.utf8.count <= 253
            && name.utf8.allSatisfy {
                (0x30...0x39).contains($0) || (0x41...0x5A).contains($0)
                    || (0x61...0x7A).contains($0) || $0 == 0x2D || $0 == 0x2E
            }
    }

    private static func isAddress(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.count <= 45
            && text.utf8.allSatisfy {
                (0x30...0x3A).contains($0) || (0x41...0x46).contains($0)
                    || (0x61...0x66).contains($0) || $0 == 0x2E
            }
    }

    private static func newKey() -> OpaquePointer? {
        guard let context = EVP_PKEY_CTX_new_from_name(nil, "EC", nil) else { return nil }
        defer { EVP_PKEY_CTX_free(context) }
        var key: OpaquePointer?
        guard EVP_PKEY_keygen_init(context) > 0,
            EVP_PKEY_CTX_set_group_name(context, "P-256") > 0,
            EVP_PKEY_generate(context, &key) > 0
        else { return nil }
        return key
    }

    private static func fill(
        _ certificate: OpaquePointer,
        _ name: String,
        _ key: OpaquePointer
    ) -> Bool {
        let serial = Chance.bytes(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) } >> 1 | 1
        let subject = X509_get_subject_name(certificate)
        // Version 3 is written as 2. Fixed dates: the clock may be unset when this is made, and the
        // box must still be reachable when nobody has thought of it for years.
        return X509_set_version(certificate, 2) == 1
            && ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), serial) == 1
            && ASN1_TIME_set_string(X509_getm_notBefore(certificate), "240101000000Z") == 1
            && ASN1_TIME_set_string(X509_getm_notAfter(certificate), "491231235959Z") == 1
            && X509_set_pubkey(certificate, key) == 1
            && X509_NAME_add_entry_by_txt(
                subject,
                "CN",
                0x1000,  // MBSTRING_UTF8, which Swift does not see.
                Array(name.prefix(64).utf8),
                -1,
                -1,
                0
            ) == 1
            && X509_set_issuer_name(certificate, subject) == 1
    }

    private static func extend(
        _ certificate: OpaquePointer,
        _ kind: Int32,
        _ value: String
    ) -> Bool {
        var context = X509V3_CTX()
        X509V3_set_ctx(&context, certificate, certificate, nil, nil, 0)
        guard let made = X509V3_EXT_conf_nid(nil, &context, kind, value) else { return false }
        defer { X509_EXTENSION_free(made) }
        return X509_add_ext(certificate, made, -1) == 1
    }

    private static func pem(_ write: (OpaquePointer) -> Int32) -> [UInt8]? {
        guard let sink = BIO_new(BIO_s_mem()) else { return nil }
        defer { BIO_free(sink) }
        guard write(sink) == 1 else { return nil }
        var text: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = BIO_read(sink, &chunk, Int32(chunk.count))
            if count <= 0 { return text.isEmpty ? nil : text }
            text += chunk.prefix(Int(count))
        }
    }
}
