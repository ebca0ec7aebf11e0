import CMosquitto
import Foundation
import GatewayCore

/// TLS over one socket: at least version 1.2, the broker's certificate and name always checked.
///
/// Our own and not libmosquitto's, because the library tells a wrong name, an expired certificate
/// and an unknown authority by one and the same number, and lets the name check be switched off.
final class TLSSession {
    /// What the session waits for before it can go on.
    enum Want { case nothing, read, write }

    private let context: OpaquePointer
    private let session: OpaquePointer
    private(set) var wants = Want.nothing
    fileprivate var verifyError: CInt = 0

    /// A session with a broker that must prove to be `host`.
    init(_ settings: TLSSettings, host: String) throws(Failure) {
        guard let context = SSL_CTX_new(TLS_client_method()) else {
            throw Failure(.tlsOther("OpenSSL gives no context: \(lastError())"))
        }
        do {
            session = try TLSSession.makeSession(settings, host: host, in: context)
        } catch {
            SSL_CTX_free(context)
            throw error
        }
        self.context = context
        SSL_set_ex_data(session, 0, Unmanaged.passUnretained(self).toOpaque())
    }

    deinit {
        SSL_free(session)
        SSL_CTX_free(context)
    }

    private static func makeSession(
        _ settings: TLSSettings,
        host: String,
        in context: OpaquePointer
    ) throws(Failure) -> OpaquePointer {
        SSL_CTX_ctrl(context, SSL_CTRL_SET_MIN_PROTO_VERSION, CLong(TLS1_2_VERSION), nil)
        // SSL_MODE_ENABLE_PARTIAL_WRITE, _ACCEPT_MOVING_WRITE_BUFFER, _RELEASE_BUFFERS.
        SSL_CTX_ctrl(context, SSL_CTRL_MODE, 0x1 | 0x2 | 0x10, nil)
        try load(settings, into: context)
        let isLiteral = isLiteralAddress(host)
        let checks = SSL_CTX_get0_param(context)
        X509_VERIFY_PARAM_set_hostflags(checks, UInt32(X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS))
        let named =
            isLiteral
            ? X509_VERIFY_PARAM_set1_ip_asc(checks, host)
            : X509_VERIFY_PARAM_set1_host(checks, host, 0)
        guard named == 1 else {
            throw Failure(.tlsOther("'\(host)' cannot be checked against a certificate"))
        }
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER, verified)
        guard let session = SSL_new(context) else {
            throw Failure(.tlsOther("OpenSSL gives no session: \(lastError())"))
        }
        if !isLiteral {
            var name = cString(host)  // OpenSSL copies it.
            SSL_ctrl(
                session,
                SSL_CTRL_SET_TLSEXT_HOSTNAME,
                CLong(TLSEXT_NAMETYPE_host_name),
                &name
            )
        }
        SSL_set_connect_state(session)
        return session
    }

    private static func load(
        _ settings: TLSSettings,
        into context: OpaquePointer
    ) throws(Failure) {
        ERR_clear_error()
        if let file = settings.caFile {
            guard SSL_CTX_load_verify_locations(context, file, nil) == 1 else {
                throw Failure(.tlsOther("no authority can be read from \(file): \(lastError())"))
            }
        } else {
            SSL_CTX_set_default_verify_paths(context)
        }
        guard let certificate = settings.certificateFile else { return }
        guard SSL_CTX_use_certificate_chain_file(context, certificate) == 1 else {
            throw Failure(
                .tlsOther("no client certificate can be read from \(certificate): \(lastError())")
            )
        }
        let key = settings.keyFile ?? certificate
        guard SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) == 1 else {
            throw Failure(
                .tlsOther("\(key) does not hold the private key of \(certificate): \(lastError())")
            )
        }
    }

    /// Sets the session on a connected socket; the socket stays its owner's.
    func attach(to socket: CInt) throws(Failure) {
        guard SSL_set_fd(session, socket) == 1 else { throw Failure(.tlsOther(lastError())) }
    }

    /// Goes on with the handshake; true once it is through.
    func shakeHands() throws(Failure) -> Bool {
        ERR_clear_error()
        let code = SSL_do_handshake(session)
        if code == 1 {
            wants = .nothing
            return true
        }
        try settle(code, during: "during the handshake")
        return false
    }

    /// Bytes read; 0: nothing for now.
    func read(into buffer: UnsafeMutableRawBufferPointer) throws(Failure) -> Int {
        ERR_clear_error()
        let count = SSL_read(session, buffer.baseAddress, CInt(clamping: buffer.count))
        if count > 0 {
            wants = .nothing
            return Int(count)
        }
        try settle(count, during: "")
        return 0
    }

    /// Bytes written; 0: none for now.
    func write(_ bytes: UnsafeRawBufferPointer) throws(Failure) -> Int {
        ERR_clear_error()
        let count = SSL_write(session, bytes.baseAddress, CInt(clamping: bytes.count))
        if count > 0 {
            wants = .nothing
            return Int(count)
        }
        try settle(count, during: "")
        return 0
    }

    private func settle(_ code: CInt, during phase: String) throws(Failure) {
        let system = errno
        switch SSL_get_error(session, code) {
        case SSL_ERROR_WANT_READ: wants = .read
        case SSL_ERROR_WANT_WRITE: wants = .write
        case SSL_ERROR_ZERO_RETURN:
            throw Failure(.linkLost("the broker closed the connection \(phase)"))
        case SSL_ERROR_SYSCALL:
            throw system == 0
                ? Failure(.linkLost("the broker closed the connection \(phase)"))
                : linkLost(system)
        default:
            if let refusal { throw Failure(refusal) }
            throw Failure(.tlsOther(lastError()))
        }
    }

    /// Why the broker's certificate was refused, if it was.
    private var refusal: DownReason? {
        switch verifyError {
        case X509_V_OK: nil
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
            X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT,
            X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, X509_V_ERR_CERT_UNTRUSTED,
            X509_V_ERR_CERT_SIGNATURE_FAILURE, X509_V_ERR_INVALID_CA:
            .tlsUnknownAuthority
        case X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH: .tlsNameMismatch
        case X509_V_ERR_CERT_HAS_EXPIRED: .tlsCertificateExpired
        case X509_V_ERR_CERT_NOT_YET_VALID:
            .tlsOther("the broker's certificate is not valid yet: check this box's clock")
        default: .tlsOther(String(cString: X509_verify_cert_error_string(CLong(verifyError))))
        }
    }
}

/// The first of OpenSSL's errors on this thread, in its words.
private func lastError() -> String {
    let code = ERR_get_error()
    ERR_clear_error()
    guard code != 0, let text = ERR_reason_error_string(code) else { return "no reason given" }
    return String(cString: text)
}

private func isLiteralAddress(_ host: String) -> Bool {
    var four = in_addr()
    var six = in6_addr()
    return inet_pton(AF_INET, host, &four) == 1 || inet_pton(AF_INET6, host, &six) == 1
}

/// Called by OpenSSL for each certificate of the chain, on the session's own thread: keeps the first
/// thing found wrong.
private func verified(_ accepted: CInt, _ store: OpaquePointer?) -> CInt {
    guard accepted != 1 else { return accepted }
    let session = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx())
    guard let session, let owner = SSL_get_ex_data(OpaquePointer(session), 0) else { return 0 }
    let tls = Unmanaged<TLSSession>.fromOpaque(owner).takeUnretainedValue()
    if tls.verifyError == X509_V_OK { tls.verifyError = X509_STORE_CTX_get_error(store) }
    return 0
}
