import CModbus
import Foundation
import GatewayCore
import Signal

/// An open serial port that nobody else can open: locked, configured, ready for frames.
///
/// The lock is taken on a descriptor of its own before libmodbus touches the port, so that a
/// second program never changes the line settings under a running daemon. Closing gives it back.
struct SerialPort: ~Copyable {
    private let lock: DescriptorLock
    private let context: ModbusContext
    private let togglesRTS: Bool

    /// The descriptor to read from, non-blocking.
    var descriptor: Int32 { context.descriptor }

    private init(
        lock: consuming DescriptorLock,
        context: consuming ModbusContext,
        togglesRTS: Bool
    ) {
        self.lock = lock
        self.context = context
        self.togglesRTS = togglesRTS
    }

    /// Opens and locks the port. The path is resolved anew: a link below `/dev/serial/by-id` leads
    /// to wherever the adapter is now.
    static func open(_ settings: SerialSettings) throws(BusFault) -> SerialPort {
        let flags = O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC
        let lock = try DescriptorLock(path: settings.path, flags: flags)
        guard isatty(lock.descriptor) == 1 else { throw .linkLost(errno: ENOTTY) }
        var context = try ModbusContext(serial: settings)
        try context.connect(timeout: .seconds(1))
        try SerialPort.check(context.descriptor, settings)
        switch settings.direction {
        case .automatic:
            break
        case .kernel, .kernelInverted:
            let high: Int32 = settings.direction == .kernel ? 1 : 0
            let code = cmodbus_set_kernel_rs485(context.descriptor, high)
            guard code == 0 else { throw .linkLost(errno: code) }
        case .rts, .rtsInverted:
            try context.toggleRTS(highWhileSending: settings.direction == .rts)
        }
        // The lock binds those who ask for it; this refuses the others. Not every driver knows it.
        _ = cmodbus_set_exclusive(context.descriptor, 1)
        let togglesRTS = settings.direction == .rts || settings.direction == .rtsInverted
        return SerialPort(lock: lock, context: context, togglesRTS: togglesRTS)
    }

    deinit {
        _ = cmodbus_set_exclusive(context.descriptor, 0)
        // libmodbus puts the old line settings back: that must come before the lock goes.
        context.close()
    }

    /// Sends one frame, CRC included.
    func send(_ frame: [UInt8]) throws(BusFault) {
        guard !togglesRTS else {
            try context.sendToggling(frame)
            return
        }
        var sent = 0
        while sent < frame.count {
            let count = frame.withUnsafeBytes { bytes in
                write(descriptor, bytes.baseAddress.map { $0 + sent }, bytes.count - sent)
            }
            if count > 0 {
                sent += count
            } else if count < 0 && errno == EINTR {
                continue
            } else if count < 0 && errno == EAGAIN {
                // Eight bytes fit into any driver's buffer unless the port has stopped sending.
                guard cmodbus_wait(descriptor, Int16(POLLOUT), 1_000_000_000) & Int32(POLLOUT) != 0
                else { throw .linkLost(errno: EIO) }
            } else {
                throw .linkLost(errno: count < 0 ? errno : EIO)
            }
        }
    }

    /// tcsetattr succeeds if it could do anything at all; see whether it did everything. The parity
    /// bit is not looked at: pseudo-terminals, on which tests run, drop it.
    private static func check(_ descriptor: Int32, _ settings: SerialSettings) throws(BusFault) {
        var terminal = termios()
        guard tcgetattr(descriptor, &terminal) == 0 else { throw .linkLost(errno: errno) }
        let hasTwoStopBits = terminal.c_cflag & tcflag_t(CSTOPB) != 0
        guard cfgetospeed(&terminal) == speed(settings.baud),
            hasTwoStopBits == (settings.stopBits == 2)
        else { throw .linkLost(errno: EINVAL) }
    }

    private static func speed(_ baud: Int) -> speed_t {
        switch baud {
        case 1200: speed_t(B1200)
        case 2400: speed_t(B2400)
        case 4800: speed_t(B4800)
        case 9600: speed_t(B9600)
        case 19200: speed_t(B19200)
        case 38400: speed_t(B38400)
        case 57600: speed_t(B57600)
        default: speed_t(B115200)
        }
    }
}

/// A file held open under an exclusive `flock`, given back when this goes.
struct DescriptorLock: ~Copyable {
    let descriptor: Int32

    /// Opens and locks `path`; throws `portBusy` naming the holder, or `linkLost`.
    init(path: String, flags: Int32, mode: mode_t = 0o644) throws(BusFault) {
        let opened = open(path, flags, mode)
        guard opened >= 0 else {
            let code = errno
            if code == EBUSY { throw .portBusy(holder: PortHolder.describe(path: path)) }
            throw .linkLost(errno: code)
        }
        if flock(opened, LOCK_EX | LOCK_NB) != 0 {
            let code = errno
            close(opened)
            if code == EWOULDBLOCK { throw .portBusy(holder: PortHolder.describe(path: path)) }
            throw .linkLost(errno: code)
        }
        descriptor = opened
    }

    deinit { close(descriptor) }
}

/// Finds out who holds a file, as far as this process may see.
enum PortHolder {
    /// `loopgate (pid 123)`, or words for somebody unknown.
    static func describe(path: String) -> String {
        guard let id = lockHolder(path) ?? openHolder(path) else { return "another process" }
        let name = (try? String(contentsOfFile: "/proc/\(id)/comm", encoding: .utf8)) ?? ""
        let trimmed = name.trimmingCharacters(in: .whitespacesAndNewlines)
        return trimmed.isEmpty ? "pid \(id)" : "\(trimmed) (pid \(id))"
    }

    /// From `/proc/locks`: `1: FLOCK  ADVISORY  WRITE 123 00:17:5 0 EOF`.
    private static func lockHolder(_ path: String) -> Int? {
        var status = stat()
        guard stat(path, &status) == 0,
            let locks = try? String(contentsOfFile: "/proc/locks", encoding: .utf8)
        else { return nil }
        for line in locks.split(separator: "\n") {
            let fields = line.split(separator: " ").map(String.init)
            guard fields.count >= 6, fields[1] == "FLOCK", let id = Int(fields[4]), id > 0,
                let inode = fields[5].split(separator: ":").last.flatMap({ UInt64($0) }),
                inode == status.st_ino
            else { continue }
            return id
        }
        return nil
    }

    /// From the open files of all processes.
    private static func openHolder(_ path: String) -> Int? {
        guard let real = realpath(path, nil) else { return nil }
        defer { free(real) }
        let wanted = String(cString: real)
        let files = FileManager.default
        for id in (try? files.contentsOfDirectory(atPath: "/proc"))?.compactMap(Int.init) ?? [] {
            let folder = "/proc/\(id)/fd"
            for name in (try? files.contentsOfDirectory(atPath: folder)) ?? []
            where (try? files.destinationOfSymbolicLink(atPath: "\(folder)/\(name)")) == wanted {
                return id
            }
        }
        return nil
    }
}
