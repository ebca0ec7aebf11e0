import Foundation
import Runtime
import TestSupport

/// As much of an MQTT broker as misbehaviour needs: it answers what the test tells it to.
///
/// @unchecked: the listening descriptor never changes; all else is behind `Locked`.
final class StandInBroker: @unchecked Sendable {
    struct Publish: Sendable {
        /// Counts the connections, from 1.
        var connection: Int
        var wire: UInt16
        var topic: String
        var payload: String
    }
    static let accepts: [UInt8] = [0x20, 3, 0, 0, 0]
    static func acknowledge(_ wire: UInt16, reason: UInt8 = 0) -> [UInt8] {
        [0x40, 3, UInt8(wire >> 8), UInt8(wire & 0xFF), reason]
    }

    let port: UInt16
    private let listener: CInt
    private let seen = Locked<[Publish]>([])
    private let connections = Locked(0)
    private let open = Locked<[CInt]>([])

    /// Listens at once.
    ///
    /// - onConnect: the answer to the n-th CONNECT; empty: none.
    /// - onPublish: the answer to each PUBLISH; nil closes the connection.
    init(
        onConnect: @escaping @Sendable (Int) -> [UInt8] = { _ in StandInBroker.accepts },
        onPublish: @escaping @Sendable (Publish) -> [UInt8]? = {
            StandInBroker.acknowledge($0.wire)
        }
    ) throws {
        port = try freePort()
        listener = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
        var yes: CInt = 1
        setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, 4)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let bound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard bound == 0, listen(listener, 16) == 0 else { throw TestFailure("errno \(errno)") }
        let thread = Thread { [listener, seen, connections, open] in
            while true {
                let client = accept(listener, nil, nil)
                if client < 0 { return }
                open.withLock { $0.append(client) }
                let serving = Thread {
                    serve(client, connections, seen, onConnect, onPublish)
                    open.withLock { $0.removeAll { $0 == client } }
                    close(client)
                }
                serving.start()
            }
        }
        thread.start()
    }

    deinit {
        shutdown(listener, CInt(SHUT_RDWR))
        close(listener)
        open.withLock { for client in $0 { shutdown(client, CInt(SHUT_RDWR)) } }
    }

    var publishes: [Publish] { seen.withLock { $0 } }
    var connects: Int { connections.withLock { $0 } }
}

private func serve(
    _ client: CInt,
    _ connections: Locked<Int>,
    _ seen: Locked<[StandInBroker.Publish]>,
    _ onConnect: (Int) -> [UInt8],
    _ onPublish: (StandInBroker.Publish) -> [UInt8]?
) {
    var number = 0
    while let (type, body) = packet(from: client) {
        var answer: [UInt8]? = []
        switch type & 0xF0 {
        case 0x10:
            number = connections.withLock { count in
                count += 1
                return count
            }
            answer = onConnect(number)
        case 0x30:
            guard body.count > 4 else { return }
            let length = Int(body[0]) << 8 | Int(body[1])
            guard body.count > length + 4 else { return }
            let publish = StandInBroker.Publish(
                connection: number,
                wire: UInt16(body[length + 2]) << 8 | UInt16(body[length + 3]),
                topic: String(decoding: body[2..<(length + 2)], as: UTF8.self),
                // One byte says that there are no properties.
                payload: String(decoding: body[(length + 5)...], as: UTF8.self)
            )
            seen.withLock { $0.append(publish) }
            answer = onPublish(publish)
        case 0x80: answer = [0x90, 4, body[0], body[1], 0, 1]
        case 0xC0: answer = [0xD0, 0]
        default: break
        }
        guard let answer else { return }
        var rest = answer[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes {
                send(client, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL))
            }
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
        }
    }
}

private func packet(from client: CInt) -> (type: UInt8, body: [UInt8])? {
    guard let type = bytes(1, from: client)?.first else { return nil }
    var length = 0
    for shift in stride(from: 0, to: 28, by: 7) {
        guard let byte = bytes(1, from: client)?.first else { return nil }
        length |= Int(byte & 0x7F) << shift
        if byte & 0x80 == 0 { break }
    }
    guard let body = bytes(length, from: client) else { return nil }
    return (type, body)
}

private func bytes(_ count: Int, from client: CInt) -> [UInt8]? {
    var buffer = [UInt8](repeating: 0, count: count)
    var have = 0
    while have < count {
        let more = buffer.withUnsafeMutableBytes {
            recv(client, $0.baseAddress.map { $0 + have }, count - have, 0)
        }
        guard more > 0 else { return nil }
        have += more
    }
    return buffer
}
