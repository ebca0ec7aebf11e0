import Foundation
import GatewayCore
import Runtime
import Signal

/// What one transaction came to.
struct Exchange {
    var outcome: Result<[UInt16], BusFault>
    var strayBytes = 0
    var strayWasReply = false
}

/// A link and the rules of its transport, used from its bus's thread only.
protocol Wire: AnyObject {
    /// One transaction, from opening the link if need be to the reply or its deadline.
    func exchange(_ request: BusRequest) -> Exchange
    /// What was sent last, and what came after it; nil: nothing was sent in the last exchange.
    var frames: (request: [UInt8], reply: [UInt8])? { get }
    /// Closes the link; the next exchange opens it again.
    func close()
}

/// Modbus RTU on one serial port.
///
/// RTU replies carry neither transaction nor address, so the rules of this class are what keeps a
/// value from landing on another register: the line is emptied and silent before each request; a
/// request is sent only while no reply of its shape is owed by that unit (`ReplyLedger`); a frame
/// counts only with a right CRC, unit, function and byte count, and alone; and after a miss of a
/// unit that has answered before, the line stays quiet for one more response time.
final class RTUWire: Wire {
    private let settings: BusSettings
    private let serial: SerialSettings
    private var port: SerialPort?
    private var buffer = FrameBuffer()
    private var frame = [UInt8](repeating: 0, count: ModbusFrame.rtuRequestLength)
    private var units: [UInt8: UnitState] = [:]
    /// When the line last carried a byte, as far as we know; monotonic ns.
    private var lastActivity: Int64 = 0
    private var lastUnit: UnitAddress?
    /// No request before this, after a miss; monotonic ns.
    private var quietUntil: Int64 = 0
    private var strayBytes = 0
    private var strayWasReply = false
    private var hasSent = false

    var frames: (request: [UInt8], reply: [UInt8])? { hasSent ? (frame, buffer.heard) : nil }

    private struct UnitState {
        var ledger = ReplyLedger()
        /// Whether it answered the last time it was asked.
        var isAlive = false
    }

    init(settings: BusSettings, serial: SerialSettings) {
        self.settings = settings
        self.serial = serial
    }

    func close() { port = nil }

    func exchange(_ request: BusRequest) -> Exchange {
        strayBytes = 0
        strayWasReply = false
        hasSent = false
        let outcome: Result<[UInt16], BusFault>
        do throws(BusFault) {
            outcome = .success(try run(request))
        } catch {
            if case .linkLost = error { close() }
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
        try openIfNeeded()
        try quietLine(before: request)
        let unit = request.unit.rawValue
        let shape = ReplyShape(request)
        units[unit, default: UnitState()].ledger.expire(now: monotonicNow())
        if let ledger = units[unit]?.ledger, ledger.owes(shape) {
            guard !ledger.isFull else { throw .silent }
            let fence = ledger.fence(for: request)
            let patience = request.responseTimeout * BusLimits.timeoutsBetweenFences
            let now = monotonicNow()
            do throws(BusFault) {
                if let asked = ledger.lastAsked(fence, for: request), now - asked < patience.count {
                    buffer.clear()
                    let deadline = saturating(now, request.responseTimeout.count)
                    _ = try receive(fence, until: deadline, settling: shape)
                } else {
                    _ = try transact(fence, settling: shape)
                }
            } catch {
                // An exception answers too.
                guard case .refused = error else { throw error }
            }
            guard units[unit]?.ledger.owes(shape) == false else { throw .silent }
            try quietLine(before: request)
        }
        guard units[unit]?.ledger.isFull == false else { throw .silent }
        return try transact(request)
    }

    private func openIfNeeded() throws(BusFault) {
        guard port == nil else { return }
        port = try SerialPort.open(serial)
        lastActivity = monotonicNow()
        buffer.clear()
    }

    private var descriptor: Int32 { port?.descriptor ?? -1 }

    // MARK: Before a request

    /// Waits until the line has been silent for as long as `request` wants, and takes in what
    /// was still on it.
    private func quietLine(before request: BusRequest) throws(BusFault) {
        let gap = silence(before: request)
        buffer.clear()
        var now = monotonicNow()
        let patience = max(request.responseTimeout.count, gap)
        let limit = saturating(max(now, quietUntil), patience)
        var reopened = false
        while true {
            let earliest = max(saturating(lastActivity, gap), quietUntil)
            switch awaitReadable(descriptor, until: earliest, now: now) {
            case .nothing:
                absorb(isLast: true)
                return
            case .readable:
                let count = buffer.read(from: descriptor)
                if count > 0 {
                    strayBytes += count
                    lastActivity = monotonicNow()
                    absorb(isLast: false)
                } else if count != -Int(EAGAIN) {
                    fallthrough
                }
            case .lost:
                // Nothing was asked yet: the port may be back already, perhaps under another name.
                guard !reopened else { throw .linkLost(errno: EIO) }
                reopened = true
                close()
                try openIfNeeded()
            }
            now = monotonicNow()
            guard now < limit else {
                buffer.clear()
                throw .garbled(.unrequested)
            }
        }
    }

    private func silence(before request: BusRequest) -> Int64 {
        let change = lastUnit == request.unit ? Nanoseconds.zero : settings.unitChangeGap
        let minimum = Nanoseconds(1_750_000)
        return max(
            serial.silentInterval,
            minimum,
            settings.turnaround + change,
            request.quietBefore
        ).count
    }

    /// Accounts for bytes that came out of turn: late replies settle what their unit owes, another
    /// master's requests make it owe more, and noise is only counted.
    private func absorb(isLast: Bool) {
        var frames = 0
        while buffer.filled > 0 {
            if case .frame(let frame) = buffer.look(ModbusFrame.scanRTU) {
                settle(frame)
                frames += 1
                buffer.consume(frame.length)
            } else if isLast, let (unit, shape) = buffer.look(ModbusFrame.rtuRequest) {
                noteForeign(shape, of: unit)
                buffer.consume(ModbusFrame.rtuRequestLength)
            } else {
                break
            }
        }
        if frames > 0 && buffer.filled == 0 { strayWasReply = true }
        if isLast { buffer.clear() }
        if quietUntil > 0, let unit = lastUnit?.rawValue, units[unit]?.ledger.isEmpty != false {
            quietUntil = 0
        }
    }

    @discardableResult
    private func settle(_ frame: ModbusFrame.RTUFrame) -> ReplyLedger.Standing {
        units[frame.unit]?.isAlive = true
        switch frame.body {
        case .data(let byteCount):
            let shape = ReplyShape(function: frame.function, byteCount: byteCount)
            return units[frame.unit]?.ledger.settle(shape) ?? .unasked
        case .exception:
            let known = units[frame.unit]?.ledger.settleException(function: frame.function)
            return known == true ? .late : .unasked
        case .other:
            return .unasked
        }
    }

    private func noteForeign(_ shape: ReplyShape, of unit: UInt8) {
        guard units[unit, default: UnitState()].ledger.isFull == false else { return }
        let now = monotonicNow()
        units[unit]?.ledger
            .asked(shape, at: now, expires: saturating(now, BusLimits.lateReply))
    }

    // MARK: The transaction

    /// Sends `request` and waits for its answer.
    private func transact(
        _ request: BusRequest,
        settling awaited: ReplyShape? = nil
    ) throws(BusFault) -> [UInt16] {
        let shape = ReplyShape(request)
        ModbusFrame.writeRTU(request, into: &frame)
        buffer.clear()
        buffer.forgetHeard()
        guard port != nil else { throw .linkLost(errno: ENODEV) }
        let start = monotonicNow()
        let horizon = max(BusLimits.lateReply, (request.responseTimeout * 10).count)
        units[request.unit.rawValue, default: UnitState()].ledger
            .asked(shape, at: start, expires: saturating(start, horizon))
        try port?.send(frame)
        hasSent = true
        lastUnit = request.unit
        lastActivity = start + serial.time(characters: Double(frame.count)).count
        // The timeout is the unit's; the time that both frames need on the wire is the baud's.
        let onWire = serial.time(characters: Double(frame.count + 5 + shape.byteCount)).count
        let deadline = saturating(start + onWire, request.responseTimeout.count)
        return try receive(request, until: deadline, settling: awaited)
    }

    /// Waits for the answer to `request`, the last one sent.
    ///
    /// - settling: for a fence, the shape that must not be owed any more: once it is not, nothing
    ///   more is waited for, and no values are given.
    private func receive(
        _ request: BusRequest,
        until deadline: Int64,
        settling awaited: ReplyShape?
    ) throws(BusFault) -> [UInt16] {
        let unit = request.unit.rawValue
        let shape = ReplyShape(request)
        var suspicion: BusFault.Garble?
        while true {
            if buffer.filled >= 3 && buffer.agrees(with: frame) {
                // The adapter hears itself, or will turn out not to: an echo is never an answer.
                if buffer.filled >= frame.count {
                    strayBytes += frame.count
                    buffer.consume(frame.count)
                    continue
                }
            } else {
                switch buffer.look(ModbusFrame.scanRTU) {
                case .incomplete:
                    break
                case .frame(let reply):
                    if let values = try take(reply, for: request, shape, &suspicion, deadline) {
                        return values
                    }
                    if let awaited, units[unit]?.ledger.owes(awaited) == false { return [] }
                    continue
                case .broken:
                    settleLine(until: deadline)
                    throw .garbled(diagnoseBroken(unit: unit, shape))
                }
            }
            switch awaitReadable(descriptor, until: deadline, now: monotonicNow()) {
            case .nothing:
                if buffer.filled > 0 { throw .garbled(.length) }
                if let suspicion { throw .garbled(suspicion) }
                // A unit that was silent last time too is taken for dead: no more waiting for it.
                if units[unit]?.isAlive == true {
                    quietUntil = saturating(deadline, request.responseTimeout.count)
                }
                units[unit]?.isAlive = false
                throw .silent
            case .readable:
                let count = buffer.read(from: descriptor)
                guard count > 0 || count == -Int(EAGAIN) else {
                    throw .linkLost(errno: count < 0 ? Int32(-count) : EIO)
                }
                lastActivity = monotonicNow()
            case .lost:
                throw .linkLost(errno: EIO)
            }
        }
    }

    /// Takes a whole frame off the buffer: the values if it is the answer, nil if it was a stray.
    private func take(
        _ reply: ModbusFrame.RTUFrame,
        for request: BusRequest,
        _ shape: ReplyShape,
        _ suspicion: inout BusFault.Garble?,
        _ deadline: Int64
    ) throws(BusFault) -> [UInt16]? {
        let standing = settle(reply)
        guard reply.unit == request.unit.rawValue else {
            strayBytes += reply.length
            strayWasReply = true
            suspicion = .unit
            buffer.consume(reply.length)
            return nil
        }
        if case .exception(let code) = reply.body, reply.function == shape.function {
            buffer.clear()
            throw .refused(code: code)
        }
        switch standing {
        case .newest where buffer.filled == reply.length:
            defer { buffer.clear() }
            return buffer.look { ModbusFrame.values($0, from: 3, of: request) }
        case .newest:
            settleLine(until: deadline)
            throw .garbled(.length)
        case .late:
            strayBytes += reply.length
            strayWasReply = true
            buffer.consume(reply.length)
            return nil
        case .unasked:
            settleLine(until: deadline)
            throw .garbled(reply.function == shape.function ? .length : .function)
        }
    }

    /// Waits until whatever is going on on the line is over, at most until `deadline`.
    private func settleLine(until deadline: Int64) {
        let gap = max(BusLimits.settle, serial.silentInterval.count * 2)
        while true {
            let now = monotonicNow()
            let end = min(saturating(now, gap), max(deadline, saturating(now, gap / 4)))
            guard now < deadline, awaitReadable(descriptor, until: end, now: now) == .readable,
                buffer.read(from: descriptor) > 0
            else { return }
            lastActivity = monotonicNow()
        }
    }

    /// What was wrong with the bytes in the buffer, none of which make a reply.
    private func diagnoseBroken(unit: UInt8, _ shape: ReplyShape) -> BusFault.Garble {
        let isOurs = buffer.look { $0[0] == unit && $0[1] == shape.function }
        if isOurs && buffer.filled == 5 + shape.byteCount {
            // The reply itself, damaged on the way: nothing more will come.
            units[unit]?.ledger.forgetNewest()
            units[unit]?.isAlive = true
            return .crc
        }
        if let (foreign, shape) = buffer.look(ModbusFrame.rtuRequest) {
            noteForeign(shape, of: foreign)
            return .unrequested
        }
        guard buffer.look({ ModbusFrame.hasRightCRC($0, length: $0.count) }) else { return .crc }
        return buffer.first == unit ? .function : .unit
    }
}

/// The later point of a monotonic time, never beyond the end of time.
func saturating(_ time: Int64, _ length: Int64) -> Int64 {
    let (sum, overflow) = time.addingReportingOverflow(length)
    return overflow ? .max : sum
}
