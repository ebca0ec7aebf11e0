import Signal

/// One module as its bus sees it: its reads, the cycle under way, and whether it answers.
struct UnitState: Sendable {
    /// One request of a cycle.
    enum Step: Hashable, Sendable {
        /// A register that tells what the module is or how it is set.
        case check(Int)
        case block(Int)
    }

    /// How the module stands.
    enum Standing: Hashable, Sendable {
        /// Answers.
        case answering
        /// Was silent this many times in a row, still polled in turn.
        case missing(Int)
        /// The breaker is open: one probe per back-off period.
        case silent
        /// Answers, but is not what the profile describes.
        case wrongModule(String)
    }

    /// Misses in a row that open the breaker.
    static let missesToOpen = 3
    /// How long a refused block is left alone.
    static let refusedRest = Nanoseconds.seconds(60)
    /// How long a module that is not the expected one is left alone.
    static let wrongModuleRest = Nanoseconds.seconds(30)

    let module: ModuleSettings
    private(set) var channels: [ChannelPlace] = []
    private var cells: [BlockRead] = []
    private var checks: [RegisterCheck] = []
    private(set) var blocks: [Block] = []
    private(set) var standing = Standing.answering
    var counters = UnitCounters()
    /// When anything was last heard.
    private(set) var lastReply: MonotonicTime?

    /// The channels to read from the next cycle on; nil: no change.
    private var wanted: [Int]?
    private var due: MonotonicTime
    private var notBefore = MonotonicTime.zero
    private var steps: [Step] = []
    private var retriesLeft = 0
    private var mustCheck = false
    private var afterTimeout = false
    private var breaker = BackOff(first: .milliseconds(500), longest: .seconds(30))

    /// A read of the module and what it brought in the cycle under way.
    struct Block: Sendable {
        var read: BlockRead
        /// Refused by the module: left alone until then.
        var restsUntil: MonotonicTime?
        var outcome: Outcome = .pending

        enum Outcome: Sendable {
            case pending
            case words([UInt16], afterTimeout: Bool)
            case refused
            case faulty
        }
    }

    /// Where a channel's cells are, and whether it was reported this cycle.
    struct ChannelPlace: Sendable {
        var number: Int
        var map: ChannelMap
    }
    private var reported: [Bool] = []

    init(module: ModuleSettings, channels numbers: [Int], due: MonotonicTime) {
        self.module = module
        self.due = due
        lay(out: numbers)
    }

    /// Reads these channels from the next cycle on; the one under way is brought to its end.
    mutating func use(channels numbers: [Int]) {
        wanted = numbers == channels.map(\.number) ? nil : numbers
    }

    /// Plans the reads for these channels.
    private mutating func lay(out numbers: [Int]) {
        channels = numbers.filter { module.map.channels.indices.contains($0 - 1) }.map {
            ChannelPlace(number: $0, map: module.map.channels[$0 - 1])
        }
        cells = PollPlanner.cells(of: module.map, channels: numbers)
        blocks = PollPlanner.blocks(for: module.map, channels: numbers).map { Block(read: $0) }
        let before = checks
        checks = (module.map.identity + module.map.assumptions).filter { check in
            check.channel.map { numbers.contains($0) } ?? true
        }
        // What was checked before need not be checked again.
        if !checks.allSatisfy(before.contains) { mustCheck = true }
        if checks.isEmpty { mustCheck = false }
        reported = Array(repeating: false, count: channels.count)
    }

    /// When this unit may next be asked something.
    var readyAt: MonotonicTime {
        steps.isEmpty ? max(due, notBefore) : notBefore
    }

    /// Cycles under way first, then by due time.
    var urgency: MonotonicTime { steps.isEmpty ? due : .zero }

    /// The step to take now; starts a cycle where none is under way.
    mutating func begin(at now: MonotonicTime) -> Step? {
        if steps.isEmpty { startCycle(at: now) }
        return steps.first
    }

    /// The cells that `step` reads.
    func read(for step: Step) -> BlockRead {
        switch step {
        case .block(let index): blocks[index].read
        case .check(let index):
            BlockRead(
                table: checks[index].table,
                address: checks[index].address,
                count: UInt16(clamping: max(1, checks[index].expected.count))
            )
        }
    }

    /// The link is gone: no channel of this unit has a value, and nothing is asked before `retry`.
    mutating func failWithLink(at now: MonotonicTime, until retry: MonotonicTime) -> ModuleUpdate {
        mustCheck = !checks.isEmpty
        let update = endCycle(failing: .communication, event: nil)
        due = max(due, retry)
        return update
    }

    /// Takes a reply to `step` and tells what it means for the channels.
    mutating func take(
        _ reply: BusReply,
        for step: Step,
        at now: MonotonicTime,
        hasTransactionNumbers: Bool
    ) -> ModuleUpdate {
        notBefore = now + module.map.requestGap
        switch reply.outcome {
        case .success(let words):
            return answered(
                words,
                step: step,
                at: now,
                late: afterTimeout && !hasTransactionNumbers
            )
        case .failure(.refused(let code)) where !Self.meansAbsent(code):
            return refused(code, step: step, at: now)
        case .failure:
            return missed(at: now)
        }
    }

    // MARK: A cycle

    private mutating func startCycle(at now: MonotonicTime) {
        if let numbers = wanted {
            wanted = nil
            lay(out: numbers)
        }
        if standing != .silent {
            let period = max(Nanoseconds(1_000_000), module.period)
            let late = (now - due).count / period.count
            if late > 0 { counters.overruns += UInt64(late) }
            due = due + Nanoseconds(period.count * (late + 1))
        }
        retriesLeft = standing == .silent ? 0 : module.retries
        for index in blocks.indices { blocks[index].outcome = .pending }
        for index in reported.indices { reported[index] = false }
        steps = mustCheck ? checks.indices.map { .check($0) } : []
        for index in blocks.indices {
            if let until = blocks[index].restsUntil, until > now {
                blocks[index].outcome = .refused
            } else {
                steps.append(.block(index))
            }
        }
        if steps.isEmpty, let index = blocks.indices.first {
            // Everything rests: one block is asked all the same, so that silence is noticed.
            blocks[index].outcome = .pending
            steps = [.block(index)]
        }
    }

    private mutating func answered(
        _ words: [UInt16],
        step: Step,
        at now: MonotonicTime,
        late: Bool
    ) -> ModuleUpdate {
        var event = heard(at: now)
        if !steps.isEmpty { steps.removeFirst() }
        switch step {
        case .check(let index):
            guard checks[index].holds(for: words) else {
                return notWhatItShouldBe(checks[index], found: words, at: now)
            }
            if !steps.contains(where: { if case .check = $0 { true } else { false } }) {
                mustCheck = false
                if case .wrongModule = standing {
                    standing = .answering
                    event = .identified
                }
            }
            return ModuleUpdate(samples: [], event: event)
        case .block(let index):
            blocks[index].restsUntil = nil
            blocks[index].outcome = .words(words, afterTimeout: late)
        }
        var update = resolved()
        update.event = event
        finishIfDone()
        return update
    }

    private mutating func refused(
        _ code: UInt8,
        step: Step,
        at now: MonotonicTime
    ) -> ModuleUpdate {
        let event = heard(at: now)
        if !steps.isEmpty { steps.removeFirst() }
        guard case .block(let index) = step else {
            if case .check(let check) = step {
                return notWhatItShouldBe(checks[check], found: [], at: now)
            }
            return ModuleUpdate(samples: [], event: event)
        }
        switch code {
        case 1, 2, 3:
            if code != 1, let parts = PollPlanner.split(blocks[index].read, cells: cells) {
                // Remembered for good: the next cycle asks the parts.
                blocks[index].read = parts[0]
                blocks.append(contentsOf: parts.dropFirst().map { Block(read: $0) })
                let added = blocks.count - parts.count + 1
                steps.insert(
                    contentsOf: [.block(index)] + (added..<blocks.count).map(Step.block),
                    at: 0
                )
            } else {
                blocks[index].outcome = .refused
                blocks[index].restsUntil = now + Self.refusedRest
            }
        case 5, 6:
            // Busy: it will answer later, and nothing is known of its channels until then.
            notBefore = max(notBefore, now + .seconds(1))
            blocks[index].outcome = .faulty
            for place in channels.indices where uses(index, place) { reported[place] = true }
        default:
            blocks[index].outcome = .faulty
        }
        var update = resolved()
        update.event = event
        finishIfDone()
        return update
    }

    private mutating func missed(at now: MonotonicTime) -> ModuleUpdate {
        afterTimeout = true
        if retriesLeft > 0 {
            retriesLeft -= 1
            return ModuleUpdate(samples: [], event: nil)
        }
        var event: ModuleEvent?
        switch standing {
        case .silent: break
        case .missing(let count) where count + 1 >= Self.missesToOpen:
            standing = .silent
            event = .silent
        case .missing(let count): standing = .missing(count + 1)
        case .answering, .wrongModule: standing = .missing(1)
        }
        if standing == .silent {
            due = now + breaker.next()
            mustCheck = !checks.isEmpty
        }
        return endCycle(failing: .communication, event: event)
    }

    private mutating func notWhatItShouldBe(
        _ check: RegisterCheck,
        found: [UInt16],
        at now: MonotonicTime
    ) -> ModuleUpdate {
        let seen = found.map { "0x" + String($0, radix: 16) }.joined(separator: " ")
        let text =
            "expected \(check.meaning) at \(check.table) \(check.address), found "
            + (seen.isEmpty ? "a refusal" : seen)
        let isNews = standing != .wrongModule(text)
        standing = .wrongModule(text)
        mustCheck = true
        due = max(due, now + Self.wrongModuleRest)
        return endCycle(failing: .wrongModule, event: isNews ? .wrongModule(text) : nil)
    }

    /// Notes that the module answered; the event that this is, if it is one.
    private mutating func heard(at now: MonotonicTime) -> ModuleEvent? {
        lastReply = now
        let was = standing
        breaker.reset()
        switch was {
        case .wrongModule: return nil  // Its checks decide.
        case .silent:
            standing = .answering
            due = now + module.period
            return .answersAgain
        case .answering, .missing:
            standing = .answering
            return nil
        }
    }

    /// Ends the cycle; every channel not yet reported in it fails with `quality`.
    private mutating func endCycle(failing quality: Quality, event: ModuleEvent?) -> ModuleUpdate {
        var samples: [ChannelSample] = []
        for place in channels.indices where !reported[place] {
            reported[place] = true
            samples.append(
                ChannelSample(channel: channels[place].number, outcome: .failed(quality))
            )
        }
        steps = []
        return ModuleUpdate(samples: samples, event: event)
    }

    private mutating func finishIfDone() {
        if steps.isEmpty { afterTimeout = false }
    }

    // MARK: Channels

    /// The channels for which everything is now known.
    private mutating func resolved() -> ModuleUpdate {
        var samples: [ChannelSample] = []
        for place in channels.indices where !reported[place] {
            guard let outcome = outcome(of: channels[place].map) else { continue }
            reported[place] = true
            samples.append(ChannelSample(channel: channels[place].number, outcome: outcome))
        }
        return ModuleUpdate(samples: samples, event: nil)
    }

    /// Whether channel `place` has a cell in block `index`.
    private func uses(_ index: Int, _ place: Int) -> Bool {
        let map = channels[place].map
        return block(holding: map.table, map.address)?.index == index
            || map.status.contains { block(holding: $0.table, $0.address)?.index == index }
    }

    private func block(
        holding table: RegisterTable,
        _ address: UInt16
    ) -> (index: Int, offset: Int)? {
        for index in blocks.indices {
            let read = blocks[index].read
            if read.table == table, address >= read.address, Int(address) < read.end {
                return (index, Int(address) - Int(read.address))
            }
        }
        return nil
    }

    /// The sample that the blocks give for a channel; nil while a block of it is pending.
    private func outcome(of map: ChannelMap) -> ChannelSample.Outcome? {
        guard let value = block(holding: map.table, map.address) else { return .failed(.refused) }
        guard case .words(let words, let late) = blocks[value.index].outcome else {
            return switch blocks[value.index].outcome {
            case .refused: .failed(.refused)
            case .faulty: .failed(.moduleFault)
            default: nil
            }
        }
        var decoded = map.encoding.decode(words, at: value.offset)
        for source in map.status {
            guard let status = block(holding: source.table, source.address) else { continue }
            switch blocks[status.index].outcome {
            case .pending: return nil
            case .words(let words, _) where status.offset < words.count:
                decoded = decoded.with(
                    status: StatusMeaning.condition(
                        of: words[status.offset],
                        by: source.meanings
                    )
                )
            default:
                // A status that cannot be had leaves the value in doubt.
                decoded = decoded.with(status: .ambiguous)
            }
        }
        return .decoded(decoded, afterTimeout: late)
    }

    /// Whether an exception means that the unit behind a gateway is not there.
    private static func meansAbsent(_ code: UInt8) -> Bool { code == 0x0A || code == 0x0B }
}

extension Stamp {
    /// Replaced by the reply's own stamp before anyone sees it.
    static let none = Stamp(
        monotonic: .zero,
        wall: WallTime(nanosecondsSince1970: 0),
        clock: .unset
    )
}
