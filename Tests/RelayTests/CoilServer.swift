import Foundation
import Runtime
import TestSupport

/// A Modbus TCP server of coils on 127.0.0.1, which misbehaves on request. One client at a time.
///
/// @unchecked: `listener` is written once before the thread starts; the rest is behind `Locked`.
final class CoilServer: @unchecked Sendable {
    enum Manner: Sendable, Hashable, CaseIterable {
        case proper, exception, silent, wrongTransaction, wrongUnit, wrongProtocol, wrongFunction
        case emptyFrame, longFrame, cut, disobedient, closing
    }
    let port: UInt16
    private let listener: Int32
    private let coils = Locked<[UInt16: Bool]>([:])
    private let manner = Locked(Manner.proper)
    private let connection = Locked<Int32>(-1)
    private let isStopped = Locked(false)

    init(port: UInt16? = nil) throws {
        let port = try port ?? freePort()
        self.port = port
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var on: Int32 = 1
        setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<Int32>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let bound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard bound == 0, listen(listener, 8) == 0 else {
            throw TestFailure("cannot listen on \(port): errno \(errno)")
        }
        let thread = Thread { [self] in serve() }
        thread.start()
    }

    subscript(coil: UInt16) -> Bool {
        get { coils.withLock { $0[coil] ?? false } }
        set { coils.withLock { $0[coil] = newValue } }
    }

    func behave(_ manner: Manner) { self.manner.withLock { $0 = manner } }

    func stop() {
        isStopped.withLock { $0 = true }
        connection.withLock { if $0 >= 0 { shutdown($0, Int32(SHUT_RDWR)) } }
        shutdown(listener, Int32(SHUT_RDWR))
    }

    private func serve() {
        while !isStopped.withLock({ $0 }) {
            let client = accept(listener, nil, nil)
            guard client >= 0 else { break }
            connection.withLock { $0 = client }
            while let request = read(client, 12), answer(request, to: client) {}
            connection.withLock { $0 = -1 }
            close(client)
        }
        close(listener)
    }

    private func read(_ client: Int32, _ count: Int) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: count)
        let got = recv(client, &bytes, count, Int32(MSG_WAITALL))
        return got == count ? bytes : nil
    }

    private func answer(_ request: [UInt8], to client: Int32) -> Bool {
        let manner = manner.withLock { $0 }
        let coil = UInt16(request[8]) << 8 | UInt16(request[9])
        var pdu: [UInt8]
        if request[7] == 5 {
            if manner != .disobedient { self[coil] = request[10] == 0xFF }
            pdu = Array(request[7...])
        } else {
            pdu = [1, 1, self[coil] ? 1 : 0]
        }
        if manner == .exception { pdu = [request[7] | 0x80, 2] }
        if manner == .wrongFunction { pdu[0] = 3 }
        var reply = Array(request[..<4]) + [0, UInt8(pdu.count + 1), request[6]] + pdu
        switch manner {
        case .silent: return true
        case .closing: return false
        case .wrongTransaction: reply[1] &+= 1
        case .wrongUnit: reply[6] &+= 1
        case .wrongProtocol: reply[3] = 1
        case .emptyFrame: reply[5] = 0
        case .longFrame: reply[4] = 0xFF
        case .cut: reply.removeLast()
        case .proper, .exception, .wrongFunction, .disobedient: break
        }
        let sent = send(client, reply, reply.count, Int32(MSG_NOSIGNAL))
        return sent == reply.count && manner != .cut
    }
}
