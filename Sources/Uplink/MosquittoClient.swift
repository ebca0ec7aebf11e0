import CMosquitto
import Foundation
import GatewayCore
import Signal

/// What libmosquitto told through its callbacks, in order.
enum ClientNews {
    /// CONNACK: an MQTT 5 reason code, whatever the version, and the broker's limits if it has any.
    case connected(reason: UInt8, receiveMaximum: UInt16?)
    case acknowledged(wire: UInt16, reason: UInt8)
    case subscribed(reason: UInt8)
    /// `payload` is nil where it was larger than `Limits.commandBytes`.
    case message(topic: String, payload: [UInt8]?, retained: Bool)
}

/// Where the callbacks drop what they hear: they do nothing else, since the library calls them with
/// locks held. The connection's own thread drives the library, so this is never shared.
private final class Inbox {
    var news: [ClientNews] = []
    let isVersion5: Bool
    init(isVersion5: Bool) { self.isVersion5 = isVersion5 }
}

/// Owns one libmosquitto client for the length of one connection; used on one thread only.
///
/// A new one is made for each attempt, so the library never sends again what we send again. The
/// library speaks MQTT and keeps the session; the socket it reads and writes is one end of a local
/// pair, and `Wire` carries the bytes. So no call here ever blocks, and no byte from outside
/// reaches the library unseen.
final class MosquittoClient {
    private let handle: OpaquePointer
    private let inbox: Inbox
    private let settings: ConnectionSettings
    /// Our end of the pair; -1 before `connect`.
    private var pipe: CInt = -1
    private var buffer = [UInt8](repeating: 0, count: UplinkLimits.readBytes)

    /// A client that is not connected.
    init(_ settings: ConnectionSettings) throws(Failure) {
        _ = libraryIsReady
        inbox = Inbox(isVersion5: settings.version == .v5)
        self.settings = settings
        let context = Unmanaged.passUnretained(inbox).toOpaque()
        guard
            let handle = mosquitto_new(settings.clientID, !settings.acceptsCommands, context)
        else {
            throw Failure(.linkLost("the client id '\(settings.clientID)' cannot be used"))
        }
        self.handle = handle
        let version = settings.version == .v5 ? MQTT_PROTOCOL_V5 : MQTT_PROTOCOL_V311
        mosquitto_int_option(handle, MOSQ_OPT_PROTOCOL_VERSION, version)
        // The window is kept by us; the library's own must never hold anything back.
        mosquitto_int_option(handle, MOSQ_OPT_SEND_MAXIMUM, 65_535)
        mosquitto_connect_v5_callback_set(handle, onConnect)
        mosquitto_publish_v5_callback_set(handle, onPublish)
        mosquitto_subscribe_v5_callback_set(handle, onSubscribe)
        mosquitto_message_v5_callback_set(handle, onMessage)
        try logIn()
    }

    deinit {
        mosquitto_destroy(handle)
        if pipe >= 0 { close(pipe) }
    }

    private func logIn() throws(Failure) {
        guard let username = settings.username else { return }
        var password: String?
        if let file = settings.passwordFile { password = try readPassword(file) }
        try check(mosquitto_username_pw_set(handle, username, password))
    }

    /// The message that the broker publishes when we vanish.
    func setWill(topic: String, payload: [UInt8]) throws(Failure) {
        try check(mosquitto_will_set(handle, topic, CInt(payload.count), payload, 1, true))
    }

    /// Lets the library write its CONNECT; `takeOutput` gives it.
    ///
    /// The library can only connect by address, so it is given a listener of ours for a moment, and
    /// its socket is then exchanged for an end of the pair. While it believes that another thread
    /// does its writing it keeps the CONNECT back.
    func connect() throws(Failure) {
        var properties: OpaquePointer?
        defer { mosquitto_property_free_all(&properties) }
        if settings.version == .v5 {
            let expiry = settings.acceptsCommands ? UplinkLimits.sessionExpirySeconds : 0
            mosquitto_property_add_int32(
                &properties,
                CInt(MQTT_PROP_SESSION_EXPIRY_INTERVAL.rawValue),
                expiry
            )
            mosquitto_property_add_int32(
                &properties,
                CInt(MQTT_PROP_MAXIMUM_PACKET_SIZE.rawValue),
                UInt32(UplinkLimits.incomingPacketBytes)
            )
        }
        let pair = try socketPair()
        pipe = pair.ours
        defer { close(pair.theirs) }
        let listener = try Listener()
        // The library takes no keep-alive below 5 s, and MQTT none above 65,535 s.
        let keepAlive = CInt(max(5, min(settings.keepAlive.seconds.rounded(), 65_535)))
        mosquitto_threaded_set(handle, true)
        try check(
            mosquitto_connect_bind_v5(
                handle,
                "127.0.0.1",
                CInt(listener.port),
                keepAlive,
                nil,
                properties
            )
        )
        guard dup2(pair.theirs, socket) >= 0 else { throw linkLost(errno) }
        mosquitto_threaded_set(handle, false)
        try check(mosquitto_loop_write(handle, 1))
    }

    private var socket: CInt { mosquitto_socket(handle) }
    /// False once the library has closed its end.
    var isOpen: Bool { socket >= 0 }

    /// What came since the last call.
    func takeNews() -> [ClientNews] {
        guard !inbox.news.isEmpty else { return [] }
        var news: [ClientNews] = []
        swap(&news, &inbox.news)
        return news
    }

    /// The first of what has come and was not taken yet.
    var peekNews: ClientNews? { inbox.news.first }

    /// The first of what came; the rest stays.
    func takeFirstNews() -> ClientNews? {
        inbox.news.isEmpty ? nil : inbox.news.removeFirst()
    }

    /// Appends what the library has written since the last call.
    func takeOutput(_ output: inout [UInt8]) {
        repeat {
            while true {
                let count = buffer.withUnsafeMutableBytes {
                    recv(pipe, $0.baseAddress, $0.count, 0)
                }
                if count > 0 { output.append(contentsOf: buffer[..<count]) }
                if count < buffer.count { break }
            }
            // The pair was full, and the library keeps the rest.
            guard isOpen, mosquitto_want_write(handle) else { return }
        } while mosquitto_loop_write(handle, 1) == MOSQ_ERR_SUCCESS.rawValue
    }

    /// Gives whole packets to the library, and lets it answer them.
    func take(_ packets: [UInt8]) throws(Failure) {
        var given = 0
        while given < packets.count, isOpen {
            let count = packets.withUnsafeBytes { bytes in
                send(
                    pipe,
                    bytes.baseAddress.map { $0 + given },
                    packets.count - given,
                    CInt(MSG_NOSIGNAL)
                )
            }
            if count > 0 { given += count }
            guard count > 0 || errno == EAGAIN else { throw linkLost(errno) }
            while isOpen, unread > 0 { try check(mosquitto_loop_read(handle, 1)) }
        }
    }

    /// Bytes that the library has not read yet.
    private var unread: CInt {
        var count: CInt = 0
        return ioctl(socket, UInt(FIONREAD), &count) == 0 ? count : 0
    }

    /// Pings in time; to be called once a second.
    func keepAlive() throws(Failure) { try check(mosquitto_loop_misc(handle)) }

    private func check(_ code: CInt) throws(Failure) {
        guard code != MOSQ_ERR_SUCCESS.rawValue else { return }
        throw Failure(.linkLost(libraryWords(code)))
    }

    /// What a publish came to.
    enum Published {
        case sent(wire: UInt16)
        case tooLarge
        /// Never sent, for a reason of the message's own.
        case refused(reason: UInt8)
    }

    /// Sends one message with QoS 1; `topic` ends with a zero.
    func publish(
        topic: [CChar],
        payload: [UInt8],
        retained: Bool = false
    ) throws(Failure) -> Published {
        guard payload.count <= UplinkLimits.messageBytes else { return .tooLarge }
        var wire: CInt = 0
        let code = mosquitto_publish_v5(
            handle,
            &wire,
            topic,
            CInt(payload.count),
            payload,
            1,
            retained,
            nil
        )
        switch mosq_err_t(rawValue: code) {
        case MOSQ_ERR_SUCCESS: return .sent(wire: UInt16(truncatingIfNeeded: wire))
        case MOSQ_ERR_OVERSIZE_PACKET, MOSQ_ERR_PAYLOAD_SIZE: return .tooLarge
        case MOSQ_ERR_INVAL, MOSQ_ERR_MALFORMED_UTF8: return .refused(reason: 0x90)
        case MOSQ_ERR_QOS_NOT_SUPPORTED: return .refused(reason: 0x9B)
        case MOSQ_ERR_RETAIN_NOT_SUPPORTED: return .refused(reason: 0x9A)
        default:
            try check(code)
            return .refused(reason: 0x80)
        }
    }

    /// Asks for commands, QoS 1.
    func subscribe(_ filter: String) throws(Failure) {
        try check(mosquitto_subscribe_v5(handle, nil, filter, 1, 0, nil))
    }

    /// Says good-bye, so that the broker keeps the last will to itself.
    func disconnect() { mosquitto_disconnect_v5(handle, 0, nil) }
}

/// What a code of the library means to people.
func libraryWords(_ code: CInt) -> String {
    switch mosq_err_t(rawValue: code) {
    case MOSQ_ERR_KEEPALIVE: "the broker did not answer a ping within the keep-alive"
    case MOSQ_ERR_CONN_LOST: "the broker closed the connection"
    case MOSQ_ERR_ERRNO: errnoText(errno)
    default: String(cString: mosquitto_strerror(code))
    }
}

/// The system's words for an `errno`.
func errnoText(_ code: Int32) -> String { String(cString: strerror(code)) }

/// Both ends of a local stream, neither of which blocks.
private func socketPair() throws(Failure) -> (ours: CInt, theirs: CInt) {
    var pair: [CInt] = [-1, -1]
    let type = CInt(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
    guard socketpair(AF_UNIX, type, 0, &pair) == 0 else { throw linkLost(errno) }
    return (pair[0], pair[1])
}

/// Something on 127.0.0.1 that can be connected to, for as long as this lives.
private final class Listener {
    private let descriptor: CInt
    private(set) var port: UInt16 = 0

    init() throws(Failure) {
        let type = CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
        descriptor = Foundation.socket(AF_INET, type, 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let ready = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, size) == 0 && listen(descriptor, 1) == 0
                    && getsockname(descriptor, $0, &size) == 0
            }
        }
        guard ready else {
            throw Failure(
                .linkLost("127.0.0.1 cannot be used (\(errnoText(errno))): allow localhost")
            )
        }
        port = UInt16(bigEndian: address.sin_port)
    }

    deinit { if descriptor >= 0 { close(descriptor) } }
}

/// Starts the library once for the process.
private let libraryIsReady: Bool = {
    mosquitto_lib_init()
    return true
}()

private func readPassword(_ file: String) throws(Failure) -> String {
    guard let handle = fopen(file, "r") else {
        throw Failure(.linkLost("the password file \(file): \(errnoText(errno))"))
    }
    defer { fclose(handle) }
    var bytes = [UInt8](repeating: 0, count: UplinkLimits.passwordBytes)
    let count = fread(&bytes, 1, bytes.count, handle)
    var password = bytes.prefix(count)
    while let last = password.last, last == 10 || last == 13 { password.removeLast() }
    guard let text = String(validating: password, as: UTF8.self), !password.contains(0) else {
        throw Failure(.linkLost("the password file \(file) is not text"))
    }
    return text
}

// MARK: Callbacks

private func inbox(_ context: UnsafeMutableRawPointer?) -> Inbox? {
    context.map { Unmanaged<Inbox>.fromOpaque($0).takeUnretainedValue() }
}

private func onConnect(
    _: OpaquePointer?,
    context: UnsafeMutableRawPointer?,
    code: CInt,
    _: CInt,
    properties: OpaquePointer?
) {
    guard let inbox = inbox(context) else { return }
    var maximum: UInt16 = 0
    let found = mosquitto_property_read_int16(
        properties,
        CInt(MQTT_PROP_RECEIVE_MAXIMUM.rawValue),
        &maximum,
        false
    )
    // MQTT 3.1.1 has five codes of its own (3.2.2.3); people read one table.
    let older: [CInt: UInt8] = [1: 0x84, 2: 0x85, 3: 0x88, 4: 0x86, 5: 0x87]
    let known = code == 0 || inbox.isVersion5 ? nil : older[code]
    inbox.news.append(
        .connected(
            reason: known ?? UInt8(truncatingIfNeeded: code),
            receiveMaximum: found == nil ? nil : maximum
        )
    )
}

private func onPublish(
    _: OpaquePointer?,
    context: UnsafeMutableRawPointer?,
    wire: CInt,
    code: CInt,
    _: OpaquePointer?
) {
    inbox(context)?.news.append(
        .acknowledged(
            wire: UInt16(truncatingIfNeeded: wire),
            reason: UInt8(truncatingIfNeeded: code)
        )
    )
}

private func onSubscribe(
    _: OpaquePointer?,
    context: UnsafeMutableRawPointer?,
    _: CInt,
    count: CInt,
    granted: UnsafePointer<CInt>?,
    _: OpaquePointer?
) {
    guard let granted, count > 0 else { return }
    inbox(context)?.news.append(.subscribed(reason: UInt8(truncatingIfNeeded: granted[0])))
}

private func onMessage(
    _: OpaquePointer?,
    context: UnsafeMutableRawPointer?,
    message: UnsafePointer<mosquitto_message>?,
    _: OpaquePointer?
) {
    guard let inbox = inbox(context), let message = message?.pointee, let topic = message.topic
    else { return }
    let count = Int(message.payloadlen)
    var payload: [UInt8]? = []
    if count > Limits.commandBytes {
        payload = nil
    } else if count > 0, let start = message.payload {
        payload = Array(UnsafeRawBufferPointer(start: start, count: count))
    }
    inbox.news.append(
        .message(topic: String(cString: topic), payload: payload, retained: message.retain)
    )
}
