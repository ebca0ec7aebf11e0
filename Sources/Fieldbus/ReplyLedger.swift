import GatewayCore

/// All that an RTU reply tells of its request: RTU has neither a transaction id nor the address.
struct ReplyShape: Equatable {
    var function: UInt8
    var byteCount: Int

    init(function: UInt8, byteCount: Int) {
        self.function = function
        self.byteCount = byteCount
    }
    init(_ request: BusRequest) {
        self.init(
            function: request.table.rawValue,
            byteCount: ModbusFrame.byteCount(request)
        )
    }
}

/// The requests of one unit whose replies may still come, oldest first.
///
/// A late RTU reply looks exactly like the answer to a later request of the same shape. A unit
/// answers in the order it was asked, so one thing is certain: a reply settles every request before
/// the oldest one it can belong to. A request is therefore sent only when no reply of its shape is
/// owed; where one is, a request of another shape goes first (the fence), and its answer settles
/// what was owed.
struct ReplyLedger {
    private struct Debt {
        var shape: ReplyShape
        /// Monotonic nanoseconds.
        var asked: Int64
        /// Monotonic nanoseconds after which no reply is expected any more.
        var expires: Int64
    }
    private var debts: [Debt] = []

    /// Where a reply stands among what is owed.
    enum Standing: Equatable {
        /// The answer to the newest request.
        case newest
        /// The late answer to an earlier one.
        case late
        /// Nobody asked for it.
        case unasked
    }

    /// Whether nothing is owed.
    var isEmpty: Bool { debts.isEmpty }
    /// Whether no further request may be sent until old ones expire.
    var isFull: Bool { debts.count >= BusLimits.owedReplies }

    /// Notes that a request was sent whose reply has this shape.
    mutating func asked(_ shape: ReplyShape, at now: Int64, expires: Int64) {
        precondition(!isFull, "a unit that owes this many replies is left alone")
        debts.append(Debt(shape: shape, asked: now, expires: expires))
    }

    /// Forgets what is too old to be answered.
    mutating func expire(now: Int64) {
        if !debts.isEmpty { debts.removeAll { $0.expires <= now } }
    }

    /// Whether a reply of this shape may still come.
    func owes(_ shape: ReplyShape) -> Bool { debts.contains { $0.shape == shape } }

    /// Settles what this reply with data settles.
    mutating func settle(_ shape: ReplyShape) -> Standing {
        guard let index = debts.firstIndex(where: { $0.shape == shape }) else { return .unasked }
        let standing: Standing = index == debts.count - 1 ? .newest : .late
        debts.removeFirst(index + 1)
        return standing
    }

    /// Settles what this exception settles: the oldest request of its function and all before.
    ///
    /// An exception may belong to any request of its function; it carries no values, so only the
    /// debts must be on the safe side.
    mutating func settleException(function: UInt8) -> Bool {
        guard let index = debts.firstIndex(where: { $0.shape.function == function }) else {
            return false
        }
        debts.removeFirst(index + 1)
        return true
    }

    /// Takes back the newest request: its reply came, but damaged.
    mutating func forgetNewest() { _ = debts.popLast() }

    /// When this fence was last sent to settle what `request` waits for, if it still may.
    func lastAsked(_ fence: BusRequest, for request: BusRequest) -> Int64? {
        let lastOwed = debts.lastIndex { $0.shape == ReplyShape(request) } ?? debts.count
        return debts.suffix(from: lastOwed).last { $0.shape == ReplyShape(fence) }?.asked
    }

    /// A request whose reply cannot be taken for that of `request`, as small as can be; it reads
    /// where `request` reads, so that a module which answers that answers this.
    func fence(for request: BusRequest) -> BusRequest {
        let shape = ReplyShape(request)
        var fence = request
        // One register more or eight bits more is another byte count. The same fence may be sent
        // again: whichever of them is answered, what is owed from before is settled.
        let step: UInt16 = request.table.isBits ? 8 : 1
        fence.count = 1
        let lastOwed = debts.lastIndex { $0.shape == shape } ?? 0
        while ReplyShape(fence) == shape
            || debts.prefix(lastOwed).contains(where: { $0.shape == ReplyShape(fence) })
        {
            fence.count += step
        }
        fence.address = UInt16(min(Int(fence.address), 65536 - Int(fence.count)))
        return fence
    }
}

/// The bounds of this room, by name.
enum BusLimits {
    /// Requests of one unit that may be unanswered at once; then it is left alone until they expire.
    static let owedReplies = 32
    /// Response timeouts between two fences to one unit; between them the line is only listened to,
    /// so that a slow unit is not given ever more to answer.
    static let timeoutsBetweenFences = 3
    /// How long a reply may be late at least, ns; ten response times if that is longer.
    static let lateReply: Int64 = 30_000_000_000
    /// Bytes held of what the line says out of turn; a longer babble is counted and dropped.
    static let buffer = 1024
    /// Silence after which a damaged reply is taken to be over, ns: more than a USB adapter's 16 ms.
    static let settle: Int64 = 20_000_000
    /// libmodbus and `select` stop the process from this descriptor on.
    static let descriptors: Int32 = 1000
}
