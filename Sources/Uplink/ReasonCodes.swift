import GatewayCore

extension DownReason {
    /// One sentence for people: what is wrong, and where to mend it.
    public var explanation: String {
        switch self {
        case .notYetTried: "not tried yet"
        case .unreachable(let code): "the broker cannot be reached: \(errnoText(code))"
        case .nameNotFound(let host): "the name '\(host)' has no address: check it and the DNS"
        case .refusedByBroker(let code):
            "the broker refused the connection: \(mqttReason(code))"
        case .tlsUnknownAuthority:
            "the broker's certificate is signed by an authority that caFile does not hold"
        case .tlsNameMismatch: "the broker's certificate is made out to another name"
        case .tlsCertificateExpired: "the broker's certificate has expired"
        case .tlsOther(let words): "TLS: \(words)"
        case .acknowledgementOverdue:
            "the broker did not acknowledge a message within the deadline"
        case .linkLost(let words): words
        case .stopped: "stopped"
        }
    }
}

/// The name of an MQTT 5 reason code (OASIS MQTT 5.0, 2.4) and its number.
public func mqttReason(_ code: UInt8) -> String {
    let name =
        switch code {
        case 0x00: "success"
        case 0x10: "no matching subscribers"
        case 0x80: "unspecified error"
        case 0x81: "malformed packet"
        case 0x82: "protocol error"
        case 0x83: "implementation specific error"
        case 0x84: "unsupported protocol version"
        case 0x85: "client identifier not valid"
        case 0x86: "bad user name or password"
        case 0x87: "not authorised"
        case 0x88: "server unavailable"
        case 0x89: "server busy"
        case 0x8A: "banned"
        case 0x8B: "server shutting down"
        case 0x8C: "bad authentication method"
        case 0x8D: "keep-alive timeout"
        case 0x8E: "session taken over: is another client using this client id?"
        case 0x8F: "topic filter invalid"
        case 0x90: "topic name invalid"
        case 0x91: "packet identifier in use"
        case 0x93: "receive maximum exceeded"
        case 0x94: "topic alias invalid"
        case 0x95: "packet too large"
        case 0x96: "message rate too high"
        case 0x97: "quota exceeded"
        case 0x98: "administrative action"
        case 0x99: "payload format invalid"
        case 0x9A: "retain not supported"
        case 0x9B: "QoS not supported"
        case 0x9C: "use another server"
        case 0x9D: "server moved"
        case 0x9F: "connection rate exceeded"
        default: "reason"
        }
    let hex = String(code, radix: 16, uppercase: true)
    return "\(name) (0x\(code < 16 ? "0" : "")\(hex))"
}
