import Signal

/// The local page's listener.
public struct PageSettings: Hashable, Sendable {
    public var host: String
    public var port: UInt16
    /// Serve `/health` and `/metrics` without login.
    public var opensHealth: Bool
    /// The file of Chart.js, which draws the trends.
    public var chart: String

    /// How the page proves itself; nil: plain HTTP.
    public var certificate: Certificate?
    /// Names the page answers to, beside address literals and the machine's own.
    public var names: [String]

    /// Where the page's certificate comes from.
    public enum Certificate: Hashable, Sendable {
        /// The gateway makes one at its first start.
        case selfMade
        /// PEM files: the certificate with those that vouch for it, and its key.
        case files(certificate: String, key: String)
    }

    public init(
        host: String = "127.0.0.1",
        port: UInt16 = 8080,
        opensHealth: Bool = true,
        chart: String = "/usr/share/javascript/chart.js/chart.min.js",
        certificate: Certificate? = nil,
        names: [String] = []
    ) {
        self.host = host
        self.port = port
        self.opensHealth = opensHealth
        self.chart = chart
        self.certificate = certificate
        self.names = names
    }

    /// Whether nobody but this machine can connect.
    public var isLoopback: Bool { host == "::1" || host.hasPrefix("127.") }
}
