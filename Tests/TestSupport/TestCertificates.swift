import Foundation

/// Certificates made by OpenSSL for one test run: an authority, and what it signed.
public final class TestCertificates: Sendable {
    private let folder: TemporaryFolder
    /// The authority's certificate.
    public var ca: String { folder.file("ca.pem") }
    /// The key of every certificate below.
    public var key: String { folder.file("key.pem") }

    /// Makes a new authority.
    public init() throws {
        folder = try TemporaryFolder()
        try folder.write(
            """
            [ca]
            default_ca = test
            [test]
            database = \(folder.file("index"))
            serial = \(folder.file("serial"))
            new_certs_dir = \(folder.path)
            certificate = \(folder.file("ca.pem"))
            private_key = \(folder.file("ca-key.pem"))
            default_md = sha256
            policy = any
            copy_extensions = copy
            unique_subject = no
            [any]
            commonName = supplied
            """,
            to: "ca.conf"
        )
        try folder.write("", to: "index")
        try folder.write("1000\n", to: "serial")
        try openssl([
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj",
            "/CN=Test Authority", "-keyout", folder.file("ca-key.pem"), "-out", ca, "-addext",
            "basicConstraints=critical,CA:TRUE",
        ])
        try openssl(["genrsa", "-out", key, "2048"])
    }

    /// A certificate for `names` (such as `DNS:localhost`, `IP:127.0.0.1`), valid from yesterday.
    public func certificate(
        _ file: String,
        names: [String],
        expired: Bool = false
    ) throws -> String {
        let request = folder.file("\(file).csr")
        try openssl([
            "req", "-new", "-key", key, "-subj", "/CN=\(file)", "-out", request, "-addext",
            "subjectAltName=\(names.joined(separator: ","))",
        ])
        let form = DateFormatter()
        form.locale = Locale(identifier: "en_US_POSIX")
        form.timeZone = TimeZone(identifier: "UTC")
        form.dateFormat = "yyyyMMddHHmmss'Z'"
        let start = Date(timeIntervalSinceNow: -10 * 86_400)
        let end = Date(timeIntervalSinceNow: expired ? -86_400 : 20 * 86_400)
        let path = folder.file("\(file).pem")
        try openssl([
            "ca", "-batch", "-notext", "-config", folder.file("ca.conf"), "-startdate",
            form.string(from: start), "-enddate", form.string(from: end), "-in", request, "-out",
            path,
        ])
        return path
    }

    private func openssl(_ arguments: [String]) throws {
        let child = try ChildProcess("openssl", arguments)
        guard try child.wait() == 0 else {
            throw TestFailure("openssl \(arguments[0]): \(child.output.joined(separator: "\n"))")
        }
    }
}
