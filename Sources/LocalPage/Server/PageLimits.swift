import GatewayCore
import NIOCore

extension Limits {
    /// Bytes of a request's body.
    static let requestBytes = 64 * 1024
    /// Bytes of a request's first line and headers together.
    static let headerBytes = 8 * 1024
    /// Headers of a request.
    static let headerCount = 64
    /// Fields of a request that a refusal names.
    static let namedFields = 16
    /// Event streams open at a time: 32 open pages, and some for whoever reloads.
    public static let eventStreams = 40
    /// Connections beside event streams at a time: in all, and from one address. A browser takes up
    /// to six for a page and closes them when idle; an idle one makes way for a new one.
    static let connections = 32
    static let connectionsPerAddress = 8
    /// How long a request's headers may take from its first byte, with the TLS handshake.
    static let headerTime = TimeAmount.seconds(5)
    /// How long a whole request may take from its first byte.
    static let requestTime = TimeAmount.seconds(15)
    /// How long a client may take nothing of what is being sent to it.
    static let stalledTime = TimeAmount.seconds(20)
    /// How long a connection may be idle.
    static let idleTime = TimeAmount.seconds(60)
    /// How long input is thrown away after a refusal, so that the refusal can be read.
    static let lingerTime = TimeAmount.seconds(1)
}
