import Foundation
import Runtime

/// A real mosquitto on a port of its own, started, stopped, paused and killed by a test.
///
/// @unchecked: the running process is behind `Locked`; the rest never changes.
public final class MosquittoBroker: @unchecked Sendable {
    /// Where it listens, on 127.0.0.1.
    public let port: UInt16
    private let folder: TemporaryFolder
    private let configuration: String
    private let process = Locked<ChildProcess?>(nil)

    /// How clients reach a broker over TLS.
    public struct TLS {
        /// PEM files of the authority, the broker's certificate and its key.
        public var ca, certificate, key: String
        /// Whether clients must show a certificate of that authority.
        public var wantsClientCertificate: Bool

        /// Files by path.
        public init(ca: String, certificate: String, key: String, wantsClientCertificate: Bool) {
            self.ca = ca
            self.certificate = certificate
            self.key = key
            self.wantsClientCertificate = wantsClientCertificate
        }
    }

    /// A broker that is not running yet.
    ///
    /// - Parameters:
    ///   - lines: further lines of its configuration.
    ///   - acl: lines of an access list; nil: anybody may do anything.
    ///   - persistent: keeps sessions and retained messages over `stop()` and `start()`.
    public init(
        lines: [String] = [],
        acl: [String]? = nil,
        tls: TLS? = nil,
        persistent: Bool = false,
        port: UInt16? = nil
    ) throws {
        folder = try TemporaryFolder()
        self.port = try port ?? freePort()
        var text = ["listener \(self.port) 127.0.0.1", "allow_anonymous true"]
        if let tls {
            text += ["cafile \(tls.ca)", "certfile \(tls.certificate)", "keyfile \(tls.key)"]
            if tls.wantsClientCertificate { text.append("require_certificate true") }
        }
        if let acl {
            let path = try folder.write(acl.joined(separator: "\n") + "\n", to: "acl")
            text.append("acl_file \(path)")
        }
        if persistent {
            text += ["persistence true", "persistence_location \(folder.path)/"]
        }
        if !lines.contains(where: { $0.hasPrefix("log_type") }) { text.append("log_type all") }
        text += ["log_dest stderr"] + lines
        // Started as root it would become `mosquitto`, who may not read the test's folder.
        if getuid() == 0 { text.append("user root") }
        configuration = try folder.write(text.joined(separator: "\n") + "\n", to: "mosquitto.conf")
    }

    deinit { process.withLock { $0?.send(SIGKILL) } }

    /// Starts it, and waits until it listens.
    public func start() throws {
        let child = try ChildProcess("mosquitto", ["-c", configuration])
        process.withLock { $0 = child }
        try child.line(containing: " running")
    }

    /// Ends it in good order: sessions are kept if it is persistent.
    public func stop() {
        process.withLock { child in
            child?.send(SIGCONT)
            child?.stop()
            child = nil
        }
    }

    /// Ends it at once.
    public func kill() {
        let child = process.withLock { child in
            defer { child = nil }
            return child
        }
        child?.send(SIGKILL)
        _ = try? child?.wait()
    }

    /// Freezes it: its connections stay open and say nothing.
    public func pause() { process.withLock { $0?.send(SIGSTOP) } }

    /// Lets it run again.
    public func resume() { process.withLock { $0?.send(SIGCONT) } }

    /// What it has logged so far.
    public var log: [String] { process.withLock { $0?.output ?? [] } }

    /// Waits for a line of its log.
    @discardableResult
    public func logLine(containing text: String) throws -> String {
        guard let child = process.withLock({ $0 }) else { throw TestFailure("no broker runs") }
        return try child.line(containing: text)
    }

    /// Publishes one message with mosquitto's own client and waits until it is acknowledged.
    public func publish(_ payload: String, to topic: String, retained: Bool = false) throws {
        var arguments = ["-p", "\(port)", "-V", "5", "-q", "1", "-t", topic, "-m", payload]
        if retained { arguments.append("-r") }
        let client = try ChildProcess("mosquitto_pub", arguments)
        guard try client.wait() == 0 else {
            throw TestFailure("mosquitto_pub: \(client.output)")
        }
    }
}

/// A QoS 1 subscriber with a session of its own that records all it is given.
public final class MessageRecorder: Sendable {
    /// One message as it came.
    public struct Message: Hashable, Sendable {
        /// The whole topic.
        public var topic: String
        /// The payload as text.
        public var payload: String
        /// Whether the broker had kept it from before.
        public var retained: Bool
        /// Whether the broker gave it to this subscriber again: the publisher's repeats are not.
        public var redelivered: Bool
    }
    private let client: ChildProcess

    /// Subscribes to `filter`, and waits until the broker has granted it.
    ///
    /// - session: a client id under which the broker keeps what is missed; nil: a passing session.
    public init(_ broker: MosquittoBroker, filter: String, session: String? = nil) throws {
        // Into a pipe it would keep its own lines back until a message comes.
        var arguments = [
            "-oL", "mosquitto_sub", "-p", "\(broker.port)", "-V", "5", "-q", "1", "-d", "-t",
            filter, "-F",
            "MESSAGE\t%r\t%t\t%p",
        ]
        if let session { arguments += ["-c", "-i", session, "-x", "3600"] }
        client = try ChildProcess("stdbuf", arguments)
        try client.line(containing: "Subscribed (mid")
    }

    /// Everything received so far, in order.
    public var messages: [Message] {
        var isAgain = false
        return client.output.compactMap { line in
            if line.contains(" received PUBLISH (d") {
                isAgain = line.contains(" received PUBLISH (d1")
            }
            let parts = line.split(separator: "\t", maxSplits: 3, omittingEmptySubsequences: false)
            guard parts.count == 4, parts[0] == "MESSAGE" else { return nil }
            return Message(
                topic: String(parts[2]),
                payload: String(parts[3]),
                retained: parts[1] == "1",
                redelivered: isAgain
            )
        }
    }

    /// Waits until `count` messages are there.
    @discardableResult
    public func wait(for count: Int, within seconds: Double = 30) throws -> [Message] {
        try eventually("\(count) messages, \(messages.count) so far", within: seconds) {
            messages.count >= count
        }
        return messages
    }

    /// Goes; a session that has a name stays with the broker.
    public func stop() { client.stop() }
}
