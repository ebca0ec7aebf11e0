import GatewayCore

extension Limits {
    /// Bytes of a request's body.
    static let requestBytes = 64 * 1024
    /// Fields of a request that a refusal names.
    static let namedFields = 16
    /// Event streams open at a time: 32 open pages, and some for whoever reloads.
    public static let eventStreams = 40
}
