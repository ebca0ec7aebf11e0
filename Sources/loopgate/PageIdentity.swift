import Foundation
import GatewayCore
import Logging
import Vault

/// What the page proves itself with, and what it signs tokens with: files beside the journal.
struct PageIdentity {
    private let folder: String
    private let logger: Logger

    init(journal: String, logger: Logger) {
        let folder = (journal as NSString).deletingLastPathComponent
        self.folder = folder.isEmpty ? "." : folder
        self.logger = logger
    }

    /// Bytes of a secret that the gateway makes.
    private static let secretBytes = 32

    /// The secret that signs tokens: the systemd credential `page.secret`, or a file made at the
    /// first start. With another one every session has ended.
    func secret() -> [UInt8] {
        if let credentials = ProcessInfo.processInfo.environment["CREDENTIALS_DIRECTORY"],
            let data = FileManager.default.contents(atPath: credentials + "/page.secret")
        {
            if data.count >= Self.secretBytes { return Array(data) }
            logger.error("the credential page.secret is shorter than 32 bytes: it is not used")
        }
        let file = SecretFile(folder + "/page.secret")
        switch file.read() {
        case .bytes(let bytes) where bytes.count >= Self.secretBytes: return bytes
        case .bytes: logger.warning("\(file.path) is too short: another secret is made")
        case .unfit(let why): logger.warning("\(file.path): \(why): another secret is made")
        case .missing: break
        }
        let secret = Chance.bytes(Self.secretBytes)
        do { try file.write(secret) } catch {
            logger.warning("\(error): sessions end with this run")
        }
        return secret
    }

    /// What the settings ask for; nil where they ask for plain HTTP.
    ///
    /// Where the given files cannot be used the page shows a self-made certificate: a page that is
    /// gone would hide the alarms with it.
    func certificate(_ page: PageSettings) throws(SecretFault) -> TLSIdentity? {
        switch page.certificate {
        case nil: return nil
        case .selfMade: return try selfMade(page)
        case .files(let certificate, let key):
            do throws(SecretFault) {
                return try TLSIdentity(chain: try bytes(certificate), key: try bytes(key))
            } catch {
                logger.error("page.tls: \(error): the page shows a self-made certificate")
                return try selfMade(page)
            }
        }
    }

    private func bytes(_ path: String) throws(SecretFault) -> [UInt8] {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw SecretFault("\(path) cannot be read")
        }
        return Array(data)
    }

    /// The certificate made at the first start, or now.
    private func selfMade(_ page: PageSettings) throws(SecretFault) -> TLSIdentity {
        let file = SecretFile(folder + "/page.pem")
        switch file.read() {
        case .bytes(let bytes):
            do throws(SecretFault) {
                let identity = try TLSIdentity(chain: bytes, key: bytes)
                tell(bytes)
                return identity
            } catch { logger.warning("\(file.path): \(error): another certificate is made") }
        case .unfit(let why): logger.warning("\(file.path): \(why): another certificate is made")
        case .missing: break
        }
        let host = ProcessInfo.processInfo.hostName
        let short = String(host.prefix { $0 != "." })
        let names = Set([host, short, short + ".local", "localhost"] + page.names)
        let addresses = Set(Self.addresses + ["127.0.0.1", "::1"])
        let made = try SelfMadeCertificate.make(
            for: short,
            names: names.sorted(),
            addresses: addresses.sorted()
        )
        do { try file.write(made.key + made.certificate) } catch {
            logger.warning("\(error): the page's certificate ends with this run")
        }
        tell(made.certificate)
        return try TLSIdentity(chain: made.certificate, key: made.key)
    }

    /// The fingerprint is what a technician compares before trusting it.
    private func tell(_ pem: [UInt8]) {
        let text = String(decoding: pem, as: UTF8.self)
        guard let begin = text.range(of: "-----BEGIN CERTIFICATE-----"),
            let end = text.range(of: "-----END CERTIFICATE-----"),
            let bytes = Data(
                base64Encoded: String(text[begin.upperBound..<end.lowerBound]),
                options: .ignoreUnknownCharacters
            )
        else { return }
        let print = Digest.sha256(bytes).map { String(format: "%02X", $0) }.joined(separator: ":")
        logger.info("the page's certificate has the SHA-256 fingerprint \(print)")
    }

    /// The addresses of this machine's interfaces, without zones.
    private static var addresses: [String] {
        var list: UnsafeMutablePointer<ifaddrs>?
        guard getifaddrs(&list) == 0 else { return [] }
        defer { freeifaddrs(list) }
        var found: [String] = []
        var next = list
        while let entry = next?.pointee {
            next = entry.ifa_next
            guard let address = entry.ifa_addr else { continue }
            let family = Int32(address.pointee.sa_family)
            guard family == AF_INET || family == AF_INET6 else { continue }
            let size =
                family == AF_INET
                ? MemoryLayout<sockaddr_in>.size : MemoryLayout<sockaddr_in6>.size
            var text = [CChar](repeating: 0, count: 256)
            let code = getnameinfo(
                address,
                socklen_t(size),
                &text,
                socklen_t(text.count),
                nil,
                0,
                NI_NUMERICHOST
            )
            guard code == 0 else { continue }
            let literal = String(
                decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) },
                as: UTF8.self
            )
            if !literal.contains("%") { found.append(literal) }
        }
        return found
    }
}
