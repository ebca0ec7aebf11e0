import COpenSSL

/// What a TLS server proves itself with: a certificate, those that vouch for it, and its key.
///
/// @unchecked: the context is set up once here; OpenSSL lets any thread make sessions of it.
public final class TLSIdentity: @unchecked Sendable {
    fileprivate let context: OpaquePointer

    /// Takes up a chain and its key, both in PEM; blocks of another kind between them are passed
    /// over, so one file may hold both.
    ///
    /// - Throws: `SecretFault` where they cannot be read or do not belong together.
    public init(chain: [UInt8], key: [UInt8]) throws(SecretFault) {
        guard let context = SSL_CTX_new(TLS_server_method()) else {
            throw SecretFault("OpenSSL gives no context")
        }
        self.context = context
        ERR_clear_error()
        SSL_CTX_ctrl(context, SSL_CTRL_SET_MIN_PROTO_VERSION, CLong(TLS1_2_VERSION), nil)
        // SSL_OP_NO_RENEGOTIATION, SSL_OP_NO_COMPRESSION, SSL_OP_IGNORE_UNEXPECTED_EOF: bits that
        // Swift does not see. HTTP tells by itself where an answer ends.
        _ = SSL_CTX_set_options(context, 1 << 30 | 1 << 17 | 1 << 7)
        // Tickets do; a cache would keep memory for every visitor.
        SSL_CTX_ctrl(context, SSL_CTRL_SET_SESS_CACHE_MODE, 0, nil)
        // Every property is set: where these throw, `deinit` frees the context.
        try Self.takeUp(chain, in: context)
        try Self.takeUp(key: key, in: context)
    }

    deinit { SSL_CTX_free(context) }

    private static func takeUp(
        _ chain: [UInt8],
        in context: OpaquePointer
    ) throws(SecretFault) {
        guard let source = BIO_new_mem_buf(chain, Int32(clamping: chain.count)) else {
            throw SecretFault("OpenSSL is out of memory")
        }
        defer { BIO_free(source) }
        guard let own = PEM_read_bio_X509(source, nil, nil, nil) else {
            throw SecretFault("there is no certificate in PEM")
        }
        defer { X509_free(own) }
        guard SSL_CTX_use_certificate(context, own) == 1 else {
            throw SecretFault("the certificate cannot be used: \(lastError())")
        }
        while let next = PEM_read_bio_X509(source, nil, nil, nil) {
            // The context takes it over.
            SSL_CTX_ctrl(context, SSL_CTRL_EXTRA_CHAIN_CERT, 0, UnsafeMutableRawPointer(next))
        }
        ERR_clear_error()
    }

    private static func takeUp(
        key: [UInt8],
        in context: OpaquePointer
    ) throws(SecretFault) {
        guard let source = BIO_new_mem_buf(key, Int32(clamping: key.count)) else {
            throw SecretFault("OpenSSL is out of memory")
        }
        defer { BIO_free(source) }
        // Nobody is there to be asked for a password.
        let refuse:
            @convention(c) (
                UnsafeMutablePointer<CChar>?, Int32, Int32, UnsafeMutableRawPointer?
            ) -> Int32 = { _, _, _, _ in -1 }
        guard let key = PEM_read_bio_PrivateKey(source, nil, refuse, nil) else {
            throw SecretFault("there is no key in PEM, or it has a password")
        }
        defer { EVP_PKEY_free(key) }
        guard SSL_CTX_use_PrivateKey(context, key) == 1,
            SSL_CTX_check_private_key(context) == 1
        else { throw SecretFault("the key is not the certificate's: \(lastError())") }
    }
}

/// The server's end of one TLS connection, as a converter of bytes: it owns no socket.
///
/// Not for sharing: one thread at a time.
public final class TLSSession {
    private let session: OpaquePointer
    /// From and to the network; the session owns both.
    private let incoming: OpaquePointer
    private let outgoing: OpaquePointer
    /// Whether the other side has said that nothing more comes.
    public private(set) var hasEnded = false

    /// - Throws: `SecretFault` where OpenSSL is out of memory.
    public init(_ identity: TLSIdentity) throws(SecretFault) {
        guard let session = SSL_new(identity.context), let incoming = BIO_new(BIO_s_mem()),
            let outgoing = BIO_new(BIO_s_mem())
        else { throw SecretFault("OpenSSL is out of memory") }
        SSL_set_bio(session, incoming, outgoing)
        SSL_set_accept_state(session)
        self.session = session
        self.incoming = incoming
        self.outgoing = outgoing
    }

    deinit { SSL_free(session) }

    /// Takes bytes from the network and gives what they say; `takeOutput` may have to be sent.
    ///
    /// - Throws: `SecretFault` for what is no TLS, or was tampered with: the connection is over.
    public func receive(_ bytes: [UInt8]) throws(SecretFault) -> [UInt8] {
        ERR_clear_error()
        guard BIO_write(incoming, bytes, Int32(clamping: bytes.count)) == bytes.count else {
            throw SecretFault("OpenSSL is out of memory")
        }
        var plain: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 16_384)
        while true {
            // It shakes hands first where that has not been done.
            let count = SSL_read(session, &chunk, Int32(chunk.count))
            if count > 0 {
                plain += chunk.prefix(Int(count))
                continue
            }
            switch SSL_get_error(session, count) {
            case SSL_ERROR_WANT_READ, SSL_ERROR_WANT_WRITE: return plain
            case SSL_ERROR_ZERO_RETURN:
                hasEnded = true
                return plain
            default: throw SecretFault("TLS: \(lastError())")
            }
        }
    }

    /// Takes what is to be said; `takeOutput` gives it for the network.
    ///
    /// - Throws: `SecretFault` before hands were shaken, and after the end.
    public func send(_ plain: [UInt8]) throws(SecretFault) {
        guard !plain.isEmpty else { return }
        ERR_clear_error()
        guard SSL_write(session, plain, Int32(clamping: plain.count)) == plain.count else {
            throw SecretFault("TLS: \(lastError())")
        }
    }

    /// Says that nothing more comes.
    public func end() {
        ERR_clear_error()
        SSL_shutdown(session)
    }

    /// What is to go to the network now.
    public func takeOutput() -> [UInt8] {
        let count = BIO_ctrl_pending(outgoing)
        guard count > 0 else { return [] }
        var bytes = [UInt8](repeating: 0, count: count)
        let read = BIO_read(outgoing, &bytes, Int32(clamping: count))
        return Array(bytes.prefix(Int(max(0, read))))
    }
}

/// OpenSSL's own words for what went wrong last on this thread.
private func lastError() -> String {
    var text = [CChar](repeating: 0, count: 256)
    ERR_error_string_n(ERR_get_error(), &text, text.count)
    return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
}
