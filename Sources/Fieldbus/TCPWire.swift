import CModbus
import Foundation
import GatewayCore
import Runtime
import Signal

/// Modbus TCP to one address, behind which several units may live.
///
/// A connection that has shown anything unexpected is never used again: a late or doubled reply
/// would poison whatever is asked next. Transaction numbers go on counting over connections.
final class TCPWire: Wire {
    private let settings: BusSettings
    private let host: String
    private let port: UInt16
    private let lockFolder: String?
    private var lock: HeldLock?
    private var context: ModbusContext?
    private var buffer = FrameBuffer()
    private var frame = [UInt8](repeating: 0, count: ModbusFrame.tcpRequestLength)
    private var transaction = UInt16.random(in: 0...UInt16.max)
    private var lastActivity: Int64 = 0
    private var lastUnit: UnitAddress?
    private var strayBytes = 0
    private var strayWasReply = false
    private var hasSent = false

    var frames: (request: [UInt8], reply: [UInt8])? { hasSent ? (frame, buffer.heard) : nil }

    /// The lock file of the address, or the fact that none can be had and none is held.
    private enum HeldLock: ~Copyable {
        case file(DescriptorLock)
        case none
    }

    /// - lockFolder: where the lock files of TCP addresses are; nil: no lock.
    init(settings: BusSettings, host: String, port: UInt16, lockFolder: String?) {
        self.settings = settings
        self.host = host
        self.port = port
        self.lockFolder = lockFolder
    }

    func close() {
        context = nil
        lock = nil
    }

    func exchange(_ request: BusRequest) -> Exchange {
        strayBytes = 0
        strayWasReply = false
        hasSent = false
        let outcome: Result<[UInt16], BusFault>
        do throws(BusFault) {
            outcome = .success(try run(request))
        } catch {
            if case .refused = error {} else { context = nil }
            outcome = .failure(error)
        }
        return Exchange(
            outcome: outcome,
            strayBytes: strayBytes,
            strayWasReply: strayWasReply
        )
    }

    private func run(_ request: BusRequest) throws(BusFault) -> [UInt16] {
        guard ModbusFrame.isLegal(request) else { throw .linkLost(errno: EINVAL) }
        try takeLock()
        try connectIfNeeded()
        try clear(before: request)
        return try transact(request)
    }

    // MARK: The connection

    private func takeLock() throws(BusFault) {
        guard lock == nil else { return }
        guard let lockFolder else {
            lock = HeldLock.none
            return
        }
        let path = TCPWire.lockPath(folder: lockFolder, host: host, port: port)
        do throws(BusFault) {
            lock = .file(
                try DescriptorLock(path: path, flags: O_RDWR | O_CREAT | O_CLOEXEC, mode: 0o644)
            )
        } catch {
            guard case .linkLost(EACCES) = error else {
                if case .portBusy = error { throw error }
                // No such folder, a read-only one: no daemon can have made a lock there either.
                lock = HeldLock.none
                return
            }
            // Another user's file can still be locked through a descriptor that only reads.
            do throws(BusFault) {
                lock = .file(try DescriptorLock(path: path, flags: O_RDONLY | O_CLOEXEC))
            } catch {
                guard case .linkLost(ENOENT) = error else { throw error }
                lock = HeldLock.none
            }
        }
    }

    /// The file that is locked while somebody talks to this address.
    static func lockPath(folder: String, host: String, port: UInt16) -> String {
        let name = host.map { $0 == ":" || $0 == "/" || $0 == "%" ? "_" : $0 }
        return "\(folder)/tcp-\(String(name))-\(port).lock"
    }

    private func connectIfNeeded() throws(BusFault) {
        guard context == nil else { return }
        var new = try ModbusContext(host: host, port: port)
        try new.connect(timeout: settings.responseTimeout)
        let socket = new.descriptor
        setOption(socket, SOL_SOCKET, SO_KEEPALIVE, 1)
        let tcp = Int32(IPPROTO_TCP)
        setOption(socket, tcp, TCP_NODELAY, 1)
        setOption(socket, tcp, TCP_KEEPIDLE, 5)
        setOption(socket, tcp, TCP_KEEPINTVL, 5)
        setOption(socket, tcp, TCP_KEEPCNT, 2)
        // Milliseconds that sent data may stay unacknowledged.
        setOption(socket, tcp, TCP_USER_TIMEOUT, 15_000)
        context = consume new
    }

    private func setOption(_ socket: Int32, _ level: Int32, _ name: Int32, _ value: Int32) {
        var value = value
        setsockopt(socket, level, name, &value, socklen_t(MemoryLayout<Int32>.size))
    }

    var descriptor: Int32 { context?.descriptor ?? -1 }

    // MARK: The transaction

    /// Keeps the silences that the settings ask for, and changes a connection that has said
    /// anything meanwhile, or has ended, for a fresh one.
    private func clear(before request: BusRequest) throws(BusFault) {
        let change = lastUnit == request.unit ? Nanoseconds.zero : settings.unitChangeGap
        let gap = max(settings.turnaround + change, request.quietBefore).count
        buffer.clear()
        let earliest = lastActivity == 0 ? 0 : saturating(lastActivity, gap)
        guard awaitReadable(descriptor, until: earliest, now: monotonicNow()) != .nothing else {
            return
        }
        let count = buffer.read(from: descriptor)
        if count == -Int(EAGAIN) { return }
        if count > 0 {
            strayBytes += count
            strayWasReply = buffer.look(ModbusFrame.isTCPReply)
        }
        buffer.clear()
        context = nil
        try connectIfNeeded()
    }

    private func transact(_ request: BusRequest) throws(BusFault) -> [UInt16] {
        transaction &+= 1
        ModbusFrame.writeTCP(request, transaction: transaction, into: &frame)
        let start = monotonicNow()
        buffer.forgetHeard()
        try send()
        hasSent = true
        lastUnit = request.unit
        lastActivity = start
        let deadline = saturating(start, request.responseTimeout.count)
        while true {
            switch awaitReadable(descriptor, until: deadline, now: start) {
            case .nothing:
                if buffer.filled > 0 { throw .garbled(.length) }
                throw .silent
            case .lost:
                throw .linkLost(errno: pendingError())
            case .readable:
                break
            }
            let count = buffer.read(from: descriptor)
            if count == -Int(EAGAIN) { continue }
            guard count > 0 else { throw .linkLost(errno: count < 0 ? Int32(-count) : ECONNRESET) }
            let now = monotonicNow()
            lastActivity = now
            let number = transaction
            switch buffer.look({
                ModbusFrame.judgeTCP($0, answers: request, transaction: number)
            }) {
            case .answer:
                return buffer.look { ModbusFrame.values($0, from: 9, of: request) }
            case .exception(let code):
                throw .refused(code: code)
            case .wrong(let garble):
                throw .garbled(garble)
            case .incomplete:
                // Bytes that keep coming must not stretch the wait.
                if now >= deadline { throw .garbled(.length) }
            }
        }
    }

    private func send() throws(BusFault) {
        while true {
            let count = frame.withUnsafeBytes {
                Foundation.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            if count == frame.count { return }
            if count < 0 && errno == EINTR { continue }
            // Twelve bytes into an idle connection go whole or not at all.
            throw .linkLost(errno: count < 0 ? errno : EIO)
        }
    }

    private func pendingError() -> Int32 {
        var code: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &size)
        return code == 0 ? ECONNRESET : code
    }
}
