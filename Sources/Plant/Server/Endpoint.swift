import Foundation
import GatewayCore
import Signal

/// What a TCP port does about a unit that is not there.
public enum AbsentUnit: Hashable, Sendable {
    /// Nothing, as a module that knows its own address only.
    case silent
    /// Exception 11 at once, as a gateway whose device does not answer.
    case gatewayFault
}

/// A port or line with the units behind it.
struct Endpoint: Sendable {
    /// Unique in a server.
    var id: Int
    var units: [UInt8: PlantUnit]
    var absent: AbsentUnit
    /// Answers take as long as they would at this baud; nil: no time.
    var pace: SerialSettings?
    /// What ends a frame on a line.
    var silence: Nanoseconds
}

/// Descriptors, opened and readied.
enum Descriptor {
    /// A listening socket on 127.0.0.1 and its port.
    static func listening(on port: UInt16) throws(PlantError) -> (descriptor: Int32, port: UInt16) {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { throw .cannotListen(port: port, reason: lastError()) }
        ready(descriptor)
        var yes: Int32 = 1
        setsockopt(
            descriptor,
            SOL_SOCKET,
            SO_REUSEADDR,
            &yes,
            socklen_t(MemoryLayout<Int32>.size)
        )
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let failed = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length) != 0 || listen(descriptor, 512) != 0
                    || getsockname(descriptor, $0, &length) != 0
            }
        }
        guard !failed else {
            let reason = lastError()
            close(descriptor)
            throw .cannotListen(port: port, reason: reason)
        }
        return (descriptor, UInt16(bigEndian: address.sin_port))
    }

    /// A pipe that wakes a poll, read end first.
    static func pipe() throws(PlantError) -> (Int32, Int32) {
        var ends: [Int32] = [-1, -1]
        guard Foundation.pipe(&ends) == 0 else { throw .noTerminal(reason: lastError()) }
        ready(ends[0])
        ready(ends[1])
        return (ends[0], ends[1])
    }

    /// Lets calls on `descriptor` return at once, and programs started by us not inherit it.
    static func ready(_ descriptor: Int32) {
        _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    }

    /// The last error in words.
    static func lastError() -> String { String(cString: strerror(errno)) }
}

/// A pseudo-terminal in raw mode whose other end is found under a path of our choice.
///
/// The far end is held open here too: clients come and go without the line hanging up.
struct PseudoTerminal: Sendable {
    /// The server's end.
    let near: Int32
    /// The client's end.
    let far: Int32
    /// The device of the client's end.
    let device: String
    /// A symbolic link to `device`.
    let link: String

    init(link: String) throws(PlantError) {
        var near: Int32 = -1
        var far: Int32 = -1
        guard openpty(&near, &far, nil, nil, nil) == 0 else {
            throw .noTerminal(reason: Descriptor.lastError())
        }
        var settings = termios()
        tcgetattr(far, &settings)
        cfmakeraw(&settings)
        tcsetattr(far, TCSANOW, &settings)
        Descriptor.ready(near)
        Descriptor.ready(far)
        var name = [CChar](repeating: 0, count: 256)
        ttyname_r(far, &name, name.count)
        device = String(
            decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) },
            as: UTF8.self
        )
        self.near = near
        self.far = far
        self.link = link
        // A link left behind by a plant that was killed may go; anything else may not.
        if PseudoTerminal.target(of: link) != nil { unlink(link) }
        guard symlink(device, link) == 0 else {
            let reason = Descriptor.lastError()
            close(near)
            close(far)
            throw .cannotLink(path: link, reason: reason)
        }
    }

    /// Closes both ends and takes the link away, where it is still ours.
    func remove() {
        if PseudoTerminal.target(of: link) == device { unlink(link) }
        close(near)
        close(far)
    }

    private static func target(of link: String) -> String? {
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = buffer.withUnsafeMutableBytes { bytes in
            bytes.withMemoryRebound(to: CChar.self) {
                readlink(link, $0.baseAddress!, $0.count)
            }
        }
        return count < 0 ? nil : String(decoding: buffer.prefix(count), as: UTF8.self)
    }
}

extension Descriptor {
    /// Closes `descriptor`.
    static func shut(_ descriptor: Int32) { close(descriptor) }
}
