import Alerts
import GatewayCore
import Signal

/// The whole gateway in a world of its own: the same `Gateway` that the daemon runs, under a virtual
/// clock, with buses, a journal, a broker and a wall clock that fail by chance.
///
/// What happens follows from the seed alone. After every event the invariants are looked at.
public struct World {
    /// What comes of something that was begun earlier.
    enum Coming {
        case reply(Int, BusReply)
        case committed(Commit, Result<StoreStatus, StoreFault>, isDurable: Bool)
        case fetched(StoreStream, UInt64, ClosedRange<UInt64>)
        case arrive([OutgoingMessage], session: Int)
        case acknowledge([(id: UInt64, outcome: PublishOutcome)], session: Int?)
        case expected(WorldFault)
        case begin(WorldFault)
        case end(WorldFault, Int)
        case connect
        case loseLink(DownReason, session: Int)
        case start
        case stepWall(Nanoseconds)
        case setClock(boot: Int)
        case powerFails
        case killed
        case minute

        /// Whether it goes with the process.
        var isOfProcess: Bool {
            switch self {
            case .reply, .committed, .fetched, .arrive, .acknowledge, .loseLink, .powerFails,
                .killed:
                true
            default: false
            }
        }
    }

    let plan: WorldPlan
    let end: MonotonicTime
    var saboteur: Saboteur?
    var report: WorldReport
    var story: WorldStory
    var random: SeededGenerator
    var gateway: Gateway
    var checks: WorldChecks
    /// Since the world began; the box's own monotonic clock begins with every boot.
    var now = MonotonicTime(nanoseconds: 1_000_000_000)
    var coming = DueHeap<Coming>()
    var isOver = false
    var isDown = false

    var faults: [WorldFault: Int] = [:]
    /// Faults of the process: where in the effects of one event it is to die, and of which kind.
    var dyingAt: Int?
    var plant: WorldPlant
    var journal: WorldJournal
    var disk = WorldDisk()
    /// Gaps that the journal tells with its next answer.
    var untold: [GapRecord] = []
    var broker = WorldBroker()
    var clock: WorldClock
    private var epochs: [UInt64] = []

    /// Runs a world.
    ///
    /// - Parameters:
    ///   - hours: with faults, at least a hundredth; twenty minutes without follow, in which
    ///     everything must drain.
    ///   - sabotage: plant this bug.
    ///   - listener: given every line of the story as it happens.
    public static func run(
        seed: UInt64,
        hours: Double,
        sabotage: Sabotage? = nil,
        listener: ((String) -> Void)? = nil
    ) -> WorldReport {
        var world = World(seed: seed, hours: hours, sabotage: sabotage, listener: listener)
        do throws(WorldFinding) {
            try world.run()
        } catch {
            world.report.violation = Violation(
                invariant: error.invariant,
                at: Double(world.now.nanoseconds / 1_000_000) / 1e3,
                text: error.text
            )
            world.report.last = world.story.last
        }
        world.report.stored = world.checks.stored
        world.report.alerts = world.checks.alerts
        world.report.runs = world.epochs.count
        return world.report
    }

    private init(
        seed: UInt64,
        hours: Double,
        sabotage: Sabotage?,
        listener: ((String) -> Void)?
    ) {
        plan = WorldPlan(seed: seed, sabotage: sabotage)
        saboteur = sabotage.map { Saboteur($0) }
        report = WorldReport(seed: seed, hours: hours)
        story = WorldStory(listener: listener)
        random = SeededGenerator(seed: seed)
        end = now + .seconds(min(max(hours, 0.01), 10_000) * 3_600)
        plant = WorldPlant()
        journal = WorldJournal(quota: plan.quota)
        clock = WorldClock(isUnset: plan.beginsUnset, at: now)
        let epoch = random.next() | 1
        epochs = [epoch]
        let opening = journal.open().opening
        checks = WorldChecks(plan: plan)
        checks.begin(epoch, opening: opening, boot: clock.boot)
        gateway = Gateway(
            settings: plan.settings,
            epoch: epoch,
            opening: opening,
            at: clock.stamp(now)
        )
    }

    // MARK: The run

    private mutating func run() throws(WorldFinding) {
        for fault in WorldFault.allCases { expect(fault) }
        later(.seconds(60), .minute)
        later(.seconds(3), .connect)
        if plan.beginsUnset { later(seconds(60...900), .setClock(boot: clock.boots)) }
        checks.note(anchor: clock.anchor, isTrusted: clock.state.isTrusted, at: now)
        plant.settle(at: now)
        try handle(.timer)
        try run(until: end)
        try calm()
        try run(until: end + .seconds(20 * 60))
        let uplink = gateway.snapshot(at: box).uplinks.first
        checks.quarantined += uplink?.counters.quarantined ?? 0
        let backlog = uplink?.backlog ?? 0
        guard !isDown, backlog < 200 else {
            throw WorldFinding(.drainsInTheEnd, "\(backlog) rows are still waiting")
        }
        try checks.everythingArrived(allowing: backlog)
    }

    /// All faults end.
    private mutating func calm() throws(WorldFinding) {
        isOver = true
        tell("the faults are over")
        for fault in WorldFault.allCases where (faults[fault] ?? 0) > 0 {
            while has(fault) { try ended(fault, -1) }
        }
        for bus in plant.buses.indices { plant.buses[bus].fault = nil }
        disk.trap = nil
        dyingAt = nil
        plant.settle(at: now)
        for index in plant.truth.indices where plant.truth[index] != .normal { restore(index) }
        if !clock.state.isTrusted { try setClock(boot: clock.boots) }
        later(.seconds(1), .connect)
    }

    private mutating func run(until limit: MonotonicTime) throws(WorldFinding) {
        // Deadlines that were over when they were told, one after the other.
        var overdue = 0
        while true {
            let deadline = isDown ? .distantFuture : clock.world(soonest)
            overdue = deadline > now ? 0 : overdue + 1
            guard overdue < 10_000 else {
                throw WorldFinding(
                    .timersGoOn,
                    "the gateway wants to be called at once, again and again, and does nothing"
                )
            }
            if let due = coming.soonest, due <= max(deadline, now) {
                guard due <= limit, let next = coming.pop() else { break }
                now = max(now, due)
                try take(next)
            } else {
                guard deadline <= limit else { break }
                now = max(now + Nanoseconds(1), deadline)
                try handle(.timer)
            }
        }
        now = max(now, limit)
    }

    /// When the gateway wants to be called next.
    private var soonest: MonotonicTime {
        saboteur?.sabotage == .stuckTimer && now > MonotonicTime(nanoseconds: 600_000_000_000)
            ? box : gateway.nextDeadline(at: box)
    }

    /// Now, on the box's monotonic clock.
    var box: MonotonicTime { clock.box(now) }

    mutating func handle(_ event: Event) throws(WorldFinding) {
        report.events += 1
        var event = event
        if saboteur != nil {
            guard let altered = sabotaged(event) else { return }
            event = altered
        }
        try perform(gateway.handle(event, at: box))
        guard !isDown else { return }
        try checks.afterEvent(
            at: now,
            plant: plant,
            committingSince: disk.writing?.began,
            queue: gateway.fullQueue
        )
    }

    mutating func perform(_ effects: [Effect]) throws(WorldFinding) {
        let effects = saboteur == nil ? effects : sabotaged(effects)
        var death: Int?
        if let place = dyingAt, effects.count > 1, !isOver {
            death = place % (effects.count - 1)
            dyingAt = nil
        }
        for (index, effect) in effects.enumerated() {
            guard !isDown else { return }
            switch effect {
            case .read(let bus, let request): answer(request, on: Int(bus.rawValue))
            case .relay(let demand):
                if checks.show(demand, at: now) { mix(demand == .safe ? 1 : 2) }
            case .commit(let commit): try begin(commit)
            case .fetch(_, let stream, let epoch, let range):
                later(.milliseconds(2), .fetched(stream, epoch, range))
            case .publish(_, let messages): try publish(messages)
            case .halt(let why):
                tell("the process ends: \(why)")
                die(hasPower: true)
            case .stopped: die(hasPower: true)
            case .correctClock(let epoch, let offset): journal.correct(epoch, by: offset)
            case .log(let notice): story.tell(.gateway, notice.text, at: now)
            case .work, .answer, .indicate: break
            }
            if death == index, !isDown {
                tell("the process dies after \(effect.name), before \(effects[index + 1].name)")
                die(hasPower: chance(0.5))
            }
        }
    }

    private mutating func take(_ next: Coming) throws(WorldFinding) {
        switch next {
        case .expected(let fault):
            expect(fault)
            try begin(fault)
        case .begin(let fault): try begin(fault)
        case .end(let fault, let target): if has(fault) { try ended(fault, target) }
        case .start: try start()
        case .stepWall(let size): try stepWall(by: size)
        case .setClock(let boot): try setClock(boot: boot)
        case .powerFails: powerFails()
        case .killed:
            tell("the gateway has not ended in time and is killed")
            die(hasPower: true)
        case .minute:
            later(.seconds(60), .minute)
            if !isDown { try checks.everyMinute(at: now, plant: plant) }
        case .connect: try connect()
        case .loseLink(let reason, let session):
            if session == broker.session, broker.isUp { try loseLink(reason) }
        case .reply(let bus, var reply):
            if reply.request.id == plant.buses[bus].lastRequest?.id {
                plant.buses[bus].asked = nil
                plant.buses[bus].lastReply = now
            }
            reply.received = clock.stamp(now)
            try handle(.reply(BusID(rawValue: bus), reply))
        case .committed(let commit, let result, let isDurable):
            try committed(commit, result, isDurable: isDurable)
        case .fetched(let stream, let epoch, let range): try fetched(stream, epoch, range)
        case .arrive(let messages, let session):
            if session == broker.session { try arrive(messages) }
        case .acknowledge(let answers, let session):
            guard session.map({ $0 == broker.session }) ?? true else { return }
            for (id, outcome) in answers where !isDown { try acknowledge(id, outcome) }
        }
    }

    // MARK: The process

    /// The process is gone; it comes back in a few seconds.
    mutating func die(hasPower: Bool) {
        guard !isDown else { return }
        isDown = true
        if let commit = disk.survives(at: now, hasPower: hasPower, random: &random) {
            tell("the commit under way is in the journal")
            checks.stored(commit, told: journal.apply(commit))
        } else if disk.writing != nil {
            tell("the commit under way is lost")
        }
        disk.writing = nil
        checks.quarantined += gateway.snapshot(at: box).uplinks.first?.counters.quarantined ?? 0
        checks.died(at: now)
        plant.died()
        broker.endSession()
        coming.removeAll { $0.isOfProcess }
        dyingAt = nil
        if hasPower {
            later(seconds(1...8), .start)
        } else {
            boots = true
            later(seconds(15...120), .start)
        }
    }

    private mutating func start() throws(WorldFinding) {
        isDown = false
        if boots {
            boots = false
            // A box without a battery begins in 1970, or when it was switched off.
            clock.boot(at: now, as: chance(0.4) ? .unset : chance(0.5) ? .restored : .synced)
            if !clock.state.isTrusted {
                later(seconds(30...900), .setClock(boot: clock.boots))
                // Often the network is away at that time, too.
                if chance(0.5) { later(.seconds(5), .begin(.brokerAway)) }
            }
        }
        var epoch = random.next() | 1
        if saboteur?.sabotage == .reusedIdentity, let old = epochs.first { epoch = old }
        epochs.append(epoch)
        let (opening, gaps) = journal.open()
        untold = gaps
        checks.begin(epoch, opening: opening, boot: clock.boot)
        checks.note(anchor: clock.anchor, isTrusted: clock.state.isTrusted, at: now)
        tell(
            "the gateway starts as run \(epoch.hex)"
                + (clock.state.isTrusted ? "" : ", its clock is \(clock.state)")
        )
        gateway = Gateway(
            settings: plan.settings,
            epoch: epoch,
            opening: opening,
            at: clock.stamp(now)
        )
        plant.started(at: now)
        later(.seconds(2), .connect)
        try handle(.timer)
    }
    /// Whether the next start is a boot.
    var boots = false

    // MARK: Chance and time

    mutating func later(_ delay: Nanoseconds, _ what: Coming) { coming.add(what, at: now + delay) }

    mutating func seconds(_ range: ClosedRange<Double>) -> Nanoseconds {
        .seconds(range.lowerBound + (range.upperBound - range.lowerBound) * uniform())
    }
    private mutating func uniform() -> Double { Double(random.next() >> 11) * 0x1p-53 }
    mutating func chance(_ share: Double) -> Bool { uniform() < share }
    mutating func milliseconds(_ range: ClosedRange<Int64>) -> Nanoseconds {
        let width = UInt64(range.upperBound - range.lowerBound) * 1_000_000
        return Nanoseconds(range.lowerBound * 1_000_000 + Int64(random.next() % max(1, width)))
    }
    func has(_ fault: WorldFault) -> Bool { (faults[fault] ?? 0) > 0 }

    mutating func tell(_ text: String) { story.tell(.world, text, at: now) }

    mutating func mix(_ word: UInt64) {
        report.trace = (report.trace ^ word) &* 0x0000_0100_0000_01B3
    }
}

extension Effect {
    /// What is done, in words.
    fileprivate var name: String {
        switch self {
        case .read: "a request"
        case .relay: "the relay"
        case .indicate: "a lamp"
        case .commit: "a commit"
        case .fetch: "a read of the journal"
        case .publish: "a publish"
        case .work: "a job"
        case .answer: "an answer"
        case .log: "a line of the log"
        case .halt: "the end"
        case .correctClock: "a correction of times"
        case .stopped: "the stop"
        }
    }
}
