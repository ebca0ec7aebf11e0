import Foundation
import GatewayCore

/// Tells addresses from names and from typing errors.
///
/// The Modbus library takes a name or `192.168.1` without complaint and then talks to nobody, or
/// to somebody else; so literals are checked strictly here.
enum HostAddress {
    /// Whether `text` is a whole IPv4 or IPv6 literal: four decimal numbers without leading zeros,
    /// or an RFC 4291 text without a zone.
    static func isLiteral(_ text: String) -> Bool { canonical(text) != nil }

    /// The address in its one canonical spelling, nil where it is none.
    static func canonical(_ text: String) -> String? {
        var v4 = in_addr()
        if inet_pton(AF_INET, text, &v4) == 1 { return text }
        var v6 = in6_addr()
        guard inet_pton(AF_INET6, text, &v6) == 1 else { return nil }
        var buffer = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        guard inet_ntop(AF_INET6, &v6, &buffer, socklen_t(buffer.count)) != nil else { return nil }
        return String(
            decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) },
            as: UTF8.self
        )
    }

    /// Whether the address reaches only this machine.
    static func isLoopback(_ text: String) -> Bool {
        text == "localhost" || text == "::1" || (text.hasPrefix("127.") && isLiteral(text))
    }

    /// What is wrong with `text` as a literal.
    static func fault(ofLiteral text: String) -> (String, mend: String) {
        if text.contains("%") {
            return (
                "\(quote(text)) names an interface", mend: "use an address that needs no zone"
            )
        }
        if looksLikeIPv4(text) {
            return (
                "\(quote(text)) is no IPv4 address",
                mend: "write four numbers from 0 to 255 without leading zeros: 192.168.1.20"
            )
        }
        if text.contains("://") {
            return ("\(quote(text)) is a URL", mend: "write the address alone: 192.168.1.20")
        }
        if text.contains(":") {
            return (
                "\(quote(text)) is no IPv6 address",
                mend: "write an address; a port goes under 'port'"
            )
        }
        return (
            "\(quote(text)) is a name, and names are not looked up on a fieldbus",
            mend: "write the address: 192.168.1.20"
        )
    }

    /// Whether `text` could only have been meant as an IPv4 address.
    static func looksLikeIPv4(_ text: String) -> Bool {
        !text.isEmpty && text.contains(".")
            && text.allSatisfy { $0 == "." || ("0"..."9").contains($0) }
    }

    /// Whether `text` is a host name by RFC 1123.
    static func isName(_ text: String) -> Bool {
        guard (1...253).contains(text.utf8.count) else { return false }
        return text.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { label in
            (1...63).contains(label.utf8.count) && label.first != "-" && label.last != "-"
                && label.allSatisfy {
                    $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-" || $0 == "_")
                }
        }
    }
}

extension Form where Value == BrokerAddress {
    /// `host`, `host:port`, `[IPv6]:port`.
    static let broker = Form(text: "`host`, `host:port` or `[IPv6]:port`") { value in
        switch Scalars.text(value) {
        case .wrong(let what, let mend): return .wrong(what, mend: mend)
        case .value(let text): return broker(text)
        }
    }

    /// The port of a broker where none is written: 1883, and 8883 with TLS. Filled in later.
    static var unwrittenPort: UInt16 { 0 }

    private static func broker(_ text: String) -> MapReader.Parsed<BrokerAddress> {
        let example = "write a host and a port, such as mqtt.plant.example:8883"
        if text.contains("@") {
            return .wrong(
                "the address holds a user name or password",
                mend: "write the host alone; use 'username' and 'passwordFile'"
            )
        }
        if text.contains("://") || text.contains("/") {
            return .wrong("\(quote(text)) is a URL", mend: example)
        }
        var host = text
        var portText: String?
        if text.hasPrefix("[") {
            guard let end = text.firstIndex(of: "]") else {
                return .wrong("\(quote(text)) lacks a ']'", mend: "write [fd00::1]:1883")
            }
            host = String(text[text.index(after: text.startIndex)..<end])
            let rest = text[text.index(after: end)...]
            guard rest.isEmpty || rest.hasPrefix(":") else {
                return .wrong("\(quote(text)) is no address", mend: "write [fd00::1]:1883")
            }
            portText = rest.isEmpty ? nil : String(rest.dropFirst())
            guard host.contains(":"), HostAddress.isLiteral(host) else {
                return .wrong("\(quote(host)) is no IPv6 address", mend: "write [fd00::1]:1883")
            }
        } else if text.filter({ $0 == ":" }).count > 1 {
            guard HostAddress.isLiteral(text) else {
                return .wrong("\(quote(text)) is no address", mend: "write [fd00::1]:1883")
            }
        } else if let colon = text.firstIndex(of: ":") {
            host = String(text[..<colon])
            portText = String(text[text.index(after: colon)...])
        }
        if HostAddress.looksLikeIPv4(host), !HostAddress.isLiteral(host) {
            let fault = HostAddress.fault(ofLiteral: host)
            return .wrong(fault.0, mend: fault.mend)
        }
        guard HostAddress.isLiteral(host) || HostAddress.isName(host) else {
            return .wrong("\(quote(host)) is no host name", mend: example)
        }
        guard let portText else { return .value(BrokerAddress(host: host, port: unwrittenPort)) }
        guard let port = UInt16(portText), port > 0,
            portText.allSatisfy({ ("0"..."9").contains($0) })
        else {
            return .wrong("\(quote(portText)) is no port", mend: "write 1 to 65535")
        }
        return .value(BrokerAddress(host: host, port: port))
    }
}
