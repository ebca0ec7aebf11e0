import Foundation
import GatewayCore
import Signal
import TestSupport
import Testing

@testable import Uplink

@Suite("TLS")
struct TLS {
    private func broker(
        _ certificates: TestCertificates,
        _ certificate: String,
        wantsClient: Bool = false
    ) throws -> MosquittoBroker {
        let broker = try MosquittoBroker(
            tls: .init(
                ca: certificates.ca,
                certificate: certificate,
                key: certificates.key,
                wantsClientCertificate: wantsClient
            )
        )
        try broker.start()
        return broker
    }

    private func firstDown(_ settings: ConnectionSettings) throws -> DownReason {
        let watched = try Watched(settings)
        try watched.waitDown()
        let reason = try #require(watched.downs.first)
        #expect(watched.ups.isEmpty)
        #expect(watched.end())
        return reason
    }

    @Test(
        "With the right authority and name it connects and delivers",
        arguments: ["127.0.0.1", "localhost"]
    )
    func good(host: String) throws {
        let certificates = try TestCertificates()
        let broker = try broker(
            certificates,
            certificates.certificate("good", names: ["DNS:localhost", "IP:127.0.0.1"])
        )
        let watched = try Watched(
            connection([broker.port], host: host, tls: TLSSettings(caFile: certificates.ca))
        )
        try watched.waitUp()
        watched.send(1...2000)
        try watched.waitOutcomes(2000)
        #expect(watched.outcomes.allSatisfy { $0.outcome == .delivered(hadSubscribers: false) })
        #expect(watched.downs.isEmpty)
        #expect(watched.end())
    }

    @Test("Unknown authority, wrong name and expiry are three different reasons")
    func reasons() throws {
        let ours = try TestCertificates()
        let strangers = try TestCertificates()
        let trust = TLSSettings(caFile: ours.ca)

        let unknown = try broker(
            strangers,
            strangers.certificate("unknown", names: ["IP:127.0.0.1"])
        )
        #expect(try firstDown(connection([unknown.port], tls: trust)) == .tlsUnknownAuthority)
        let unnamed = try broker(ours, ours.certificate("wrong", names: ["DNS:elsewhere.example"]))
        #expect(try firstDown(connection([unnamed.port], tls: trust)) == .tlsNameMismatch)
        #expect(
            try firstDown(connection([unnamed.port], host: "localhost", tls: trust))
                == .tlsNameMismatch
        )
        let expired = try broker(
            ours,
            ours.certificate("old", names: ["IP:127.0.0.1"], expired: true)
        )
        #expect(try firstDown(connection([expired.port], tls: trust)) == .tlsCertificateExpired)
        // The system's authorities do not know a test's.
        let good = try broker(ours, ours.certificate("good", names: ["IP:127.0.0.1"]))
        #expect(try firstDown(connection([good.port], tls: TLSSettings())) == .tlsUnknownAuthority)
    }

    @Test("A client certificate is shown where it is wanted; without one the reason is TLS")
    func clientCertificate() throws {
        let certificates = try TestCertificates()
        let broker = try broker(
            certificates,
            certificates.certificate("server", names: ["IP:127.0.0.1"]),
            wantsClient: true
        )
        let mine = try certificates.certificate("gw1", names: ["DNS:gw1"])
        let watched = try Watched(
            connection(
                [broker.port],
                tls: TLSSettings(
                    caFile: certificates.ca,
                    certificateFile: mine,
                    keyFile: certificates.key
                )
            )
        )
        try watched.waitUp()
        #expect(watched.end())
        let reason = try firstDown(
            connection([broker.port], tls: TLSSettings(caFile: certificates.ca))
        )
        guard case .tlsOther(let words) = reason else {
            Issue.record("\(reason)")
            return
        }
        #expect(words.contains("certificate required"))
    }

    @Test("Files that cannot be read are named")
    func files() throws {
        let port = try MosquittoBroker()
        try port.start()
        let reason = try firstDown(
            connection([port.port], tls: TLSSettings(caFile: "/nowhere/ca.pem"))
        )
        #expect(reason.words.contains("/nowhere/ca.pem"))
        let certificates = try TestCertificates()
        let keyless = try firstDown(
            connection(
                [port.port],
                tls: TLSSettings(
                    caFile: certificates.ca,
                    certificateFile: certificates.ca,
                    keyFile: certificates.key
                )
            )
        )
        #expect(keyless.words.contains("ca.pem"))
    }

    @Test("TLS towards a plain port is told as TLS, a plain client towards TLS as no answer")
    func mixed() throws {
        let plain = try MosquittoBroker()
        try plain.start()
        let certificates = try TestCertificates()
        let reason = try firstDown(
            connection([plain.port], tls: TLSSettings(caFile: certificates.ca))
        )
        #expect(
            [.tlsUnknownAuthority, .tlsNameMismatch, .tlsCertificateExpired].contains(reason)
                == false
        )
        let secure = try broker(
            certificates,
            certificates.certificate("s", names: ["IP:127.0.0.1"])
        )
        let other = try firstDown(connection([secure.port]))
        guard case .linkLost = other else {
            Issue.record("\(other)")
            return
        }
    }

    @Test("The broker is asked for by its name, never by the address it was found at")
    func serverName() throws {
        let certificates = try TestCertificates()
        let certificate = try certificates.certificate("s", names: ["DNS:localhost"])
        let port = try freePort()
        let server = try ChildProcess(
            python,
            [
                "-u", "-c",
                """
                import ssl, socket, sys
                c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                c.load_cert_chain(sys.argv[2], sys.argv[3])
                def named(s, name, ctx): print("asked for", name, s.version(), flush=True)
                c.sni_callback = named
                l = socket.create_server(("127.0.0.1", int(sys.argv[1])))
                print("listening", flush=True)
                while True:
                    s, _ = l.accept()
                    try: c.wrap_socket(s, server_side=True).recv(1000)
                    except Exception as e: print(type(e).__name__, flush=True)
                """, "\(port)", certificate, certificates.key,
            ]
        )
        try server.line(containing: "listening")
        let watched = try Watched(
            connection([port], host: "localhost", tls: TLSSettings(caFile: certificates.ca))
        )
        #expect(try server.line(containing: "asked for").contains("asked for localhost"))
        #expect(watched.end())
        server.stop()
    }

    @Test("A broker that speaks no TLS 1.2 is refused")
    func oldVersion() throws {
        let certificates = try TestCertificates()
        let certificate = try certificates.certificate("s", names: ["IP:127.0.0.1"])
        let port = try freePort()
        let server = try ChildProcess(
            "openssl",
            [
                "s_server", "-accept", "\(port)", "-cert", certificate, "-key", certificates.key,
                "-tls1_1", "-cipher", "ALL:@SECLEVEL=0", "-quiet",
            ]
        )
        try eventually("it listens") {
            let watched = try Watched(
                connection([port], tls: TLSSettings(caFile: certificates.ca))
            )
            try watched.waitDown()
            let reason = watched.downs.first
            #expect(watched.ups.isEmpty)
            #expect(watched.end())
            if case .tlsOther = reason { return true }
            return false
        }
        server.stop()
    }
}
