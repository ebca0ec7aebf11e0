import GatewayCore
import Signal

/// What a unit can do wrong on the wire.
public enum Misbehaviour: Hashable, Sendable {
    /// Says nothing.
    case silence
    /// Answers this much later.
    case late(Nanoseconds)
    /// Bits of the answer flip: over RTU the checksum tells; over TCP, which has none, the
    /// protocol identifier is hit, since nobody could tell otherwise.
    case noise
    /// Refuses with this exception code.
    case exception(UInt8)
    /// Answers in the name of the next unit.
    case wrongUnit
    /// Answers with the next function code.
    case wrongFunction
    /// Answers with another transaction number (TCP only).
    case wrongTransaction
    /// The header's length (TCP) or the byte count (RTU, with a right checksum) is off by this.
    case wrongLength(Int)
    /// Leaves off this many bytes at the end.
    case truncated(Int)
    /// Adds this many bytes at the end.
    case extra(Int)
    /// Takes this long for each byte.
    case slow(Nanoseconds)
    /// Answers twice.
    case twice
    /// The request comes back before the answer, as from an adapter that hears itself.
    case echo
    /// Breaks the connection instead of answering (TCP; silence over RTU).
    case hangUp
    /// Sends up to 16 random bytes this often, asked or not.
    case babble(every: Nanoseconds)
}

/// A misbehaviour with its time and dose.
public struct ScheduledMisbehaviour: Hashable, Sendable {
    /// What is wrong.
    public var kind: Misbehaviour
    /// How many of the answers are hit, 0 to 1.
    public var share: Double
    /// From when on, on the monotonic clock.
    public var start: MonotonicTime
    /// Until when.
    public var end: MonotonicTime

    /// A misbehaviour that hits `share` of the answers between `start` and `end`.
    public init(
        _ kind: Misbehaviour,
        share: Double = 1,
        start: MonotonicTime = .zero,
        end: MonotonicTime = .distantFuture
    ) {
        self.kind = kind
        self.share = share
        self.start = start
        self.end = end
    }

    /// Whether it hits at `time`.
    func isActive(at time: MonotonicTime) -> Bool { start <= time && time < end }
}

/// Which rules frame a request: where they differ, so do the ways to break them.
public enum Framing: Hashable, Sendable {
    /// Modbus TCP, with the transaction number of the request.
    case tcp(transaction: UInt16)
    /// Modbus RTU.
    case rtu
}

/// What goes onto the wire for one request.
public struct WireReply: Hashable, Sendable {
    /// The bytes, in order.
    public var bytes: [UInt8]
    /// How long after the answer is known the first byte goes out.
    public var delay = Nanoseconds.zero
    /// Time between two bytes; zero: all at once.
    public var byteGap = Nanoseconds.zero
    /// The connection is broken after the bytes.
    public var hangsUp = false
}

extension WireReply {
    /// The frame of `answer` (function and data; nil: no answer) with every misbehaviour applied.
    ///
    /// - request: function and data of the request, for those that repeat it.
    /// - Returns: nil for silence.
    static func make(
        answer: [UInt8]?,
        to request: [UInt8],
        unit: UInt8,
        framing: Framing,
        misbehaviours: [Misbehaviour],
        using random: inout some RandomNumberGenerator
    ) -> WireReply? {
        guard let function = request.first else { return nil }
        var answer = answer
        var reply = WireReply(bytes: [])
        var frame = Frame(unit: unit, framing: framing)
        for misbehaviour in misbehaviours {
            switch misbehaviour {
            case .silence: return nil
            case .hangUp:
                reply.hangsUp = true
                return reply
            case .exception(let code): answer = [function | 0x80, code]
            case .wrongUnit: frame.unit &+= 1
            case .wrongTransaction: frame.transactionShift &+= 1
            case .wrongFunction: if let first = answer?.first { answer?[0] = first &+ 1 }
            case .wrongLength(let shift): frame.lengthShift += shift
            case .late(let delay): reply.delay = reply.delay + max(delay, .zero)
            case .slow(let gap): reply.byteGap = max(gap, .zero)
            default: break
            }
        }
        guard let answer else { return nil }
        var bytes = frame.bytes(of: answer)
        for misbehaviour in misbehaviours {
            switch misbehaviour {
            case .noise: frame.disturb(&bytes, using: &random)
            case .truncated(let count): bytes.removeLast(min(max(count, 0), bytes.count))
            case .extra(let count):
                bytes.append(
                    contentsOf: (0..<min(max(count, 0), 1024)).map { _ in
                        UInt8.random(in: .min ... .max, using: &random)
                    }
                )
            case .twice: bytes += bytes
            case .echo: bytes = Frame(unit: unit, framing: framing).bytes(of: request) + bytes
            default: break
            }
        }
        reply.bytes = bytes
        return reply
    }
}

/// The envelope of an answer.
private struct Frame {
    var unit: UInt8
    var framing: Framing
    var transactionShift: UInt16 = 0
    var lengthShift = 0

    func bytes(of answer: [UInt8]) -> [UInt8] {
        switch framing {
        case .tcp(let transaction):
            return ModbusFrame.tcp(
                answer,
                unit: unit,
                transaction: transaction &+ transactionShift,
                lengthShift: lengthShift
            )
        case .rtu:
            var answer = answer
            if lengthShift != 0, answer.count > 1, answer[0] < 0x80 {
                answer[1] = UInt8(truncatingIfNeeded: Int(answer[1]) + lengthShift)
            }
            return ModbusFrame.rtu(answer, unit: unit)
        }
    }

    func disturb(_ bytes: inout [UInt8], using random: inout some RandomNumberGenerator) {
        guard bytes.count > 3 else { return }
        let index: Int
        switch framing {
        case .tcp: index = Int.random(in: 2...3, using: &random)
        case .rtu: index = Int.random(in: bytes.indices, using: &random)
        }
        bytes[index] ^= 1 << UInt8.random(in: 0..<8, using: &random)
    }
}
