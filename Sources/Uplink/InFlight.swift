import GatewayCore
import Signal

/// What is sent and not yet acknowledged: message id on the wire → message id of the gateway.
///
/// The library's message ids wrap at 65,535 without a look at what is still out, so one that comes
/// twice means that an acknowledgement is long overdue.
struct InFlight {
    private struct Sent {
        var message: UInt64?
        var at: MonotonicTime
    }
    private var sent: [UInt16: Sent] = [:]
    /// Wire ids in order of sending from `oldest` on; those answered meanwhile are skipped.
    private var order: [UInt16] = []
    private var oldest = 0
    private var lastAnswer = MonotonicTime.zero
    let deadline: Nanoseconds

    init(deadline: Nanoseconds) { self.deadline = deadline }

    var count: Int { sent.count }
    var isEmpty: Bool { sent.isEmpty }

    /// Notes a message as sent; `message` is nil for our own (birth, good-bye). False where the wire
    /// id is still out.
    mutating func add(wire: UInt16, message: UInt64?, at now: MonotonicTime) -> Bool {
        guard sent.updateValue(Sent(message: message, at: now), forKey: wire) == nil else {
            return false
        }
        order.append(wire)
        return true
    }

    /// An acknowledgement came. Nil: the id is unknown or was answered before, and means nothing.
    mutating func acknowledge(wire: UInt16, at now: MonotonicTime) -> Acknowledged? {
        guard let entry = sent.removeValue(forKey: wire) else { return nil }
        lastAnswer = now
        skipAnswered()
        return Acknowledged(message: entry.message)
    }

    struct Acknowledged {
        /// Nil for our own messages.
        var message: UInt64?
    }

    /// When the link is to be given up; nil with nothing out.
    ///
    /// That is when nothing at all was acknowledged for the deadline, or one message was passed over
    /// for four times as long. A window of large messages may take longer than the deadline on a
    /// slow link: as long as it moves, it is left alone.
    var overdueAt: MonotonicTime? {
        guard oldest < order.count, let entry = sent[order[oldest]] else { return nil }
        return min(max(entry.at, lastAnswer) + deadline, entry.at + deadline * 4)
    }

    /// Everything still out, in order of sending; empty afterwards.
    mutating func giveUp() -> [UInt64] {
        let rest = order[oldest...].compactMap { sent.removeValue(forKey: $0)?.message }
        sent.removeAll()
        order.removeAll()
        oldest = 0
        return rest
    }

    private mutating func skipAnswered() {
        while oldest < order.count, sent[order[oldest]] == nil { oldest += 1 }
        if oldest == order.count {
            order.removeAll(keepingCapacity: true)
            oldest = 0
        } else if oldest > 4096 {
            order.removeFirst(oldest)
            oldest = 0
        }
    }
}
