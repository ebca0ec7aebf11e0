import Alerts
import GatewayCore
import Signal

/// What the invariants remember of a world: they see what passes between the gateway and its parts,
/// and the world's truth, and nothing of the gateway's inside but how full its queues are.
struct WorldChecks {
    /// One run of the gateway.
    struct Run {
        let epoch: UInt64
        var readings = WorldLedger()
        var records = WorldLedger()
        /// The wall clock minus the monotonic one, from an instant of the box on.
        var anchors: [(from: MonotonicTime, anchor: Nanoseconds, isTrusted: Bool)] = []
    }
    /// The place of a row among all that were ever made.
    struct Rank: Comparable {
        var run: Int
        var sequence: UInt64
        static func < (a: Rank, b: Rank) -> Bool { (a.run, a.sequence) < (b.run, b.sequence) }
    }

    let plan: WorldPlan
    var runs: [Run] = []
    private var places: [UInt64: Int] = [:]
    /// World time minus box time, of the present run.
    private(set) var boot = Nanoseconds.zero
    private(set) var upSince = MonotonicTime.distantFuture
    private(set) var stored: UInt64 = 0
    private(set) var alerts: UInt64 = 0
    /// Rows that the gateway says it gave up because the broker will not take them.
    var quarantined: UInt64 = 0

    // Rows.
    /// The newest reading of this run that was seen.
    private(set) var sequence: UInt64 = 0
    private var seenReading: UInt64 = 0
    private var seenRecord: UInt64 = 0
    /// By instrument: what arrived last for the first time.
    private var lastArrived = [Rank?](repeating: nil, count: WorldPlan.instruments)
    private var lastRecord: Rank?
    /// No order is promised up to here: the clock was not to be trusted, or the link went.
    private var unordered = Rank(run: -1, sequence: 0)

    // Alerts and relay.
    var open: [ConditionKey: AlertID] = [:]
    var active: Set<AlertID> = []
    var drivers: Set<AlertID> = []
    /// Followed and not annunciated: what their condition does makes no step.
    var aside: Set<AlertID> = []
    var shelves: [AlertID: (since: MonotonicTime, until: MonotonicTime)] = [:]
    private(set) var demand = RelayDemand.safe
    /// When the alarm output was last told what to show.
    private var fedAt = MonotonicTime.zero
    /// When there was last a reason for the relay to be safe, or for an alarm to be late.
    private var troubleAt = MonotonicTime.zero
    private var pausedAt = MonotonicTime.zero
    private var isStopping = false

    init(plan: WorldPlan) { self.plan = plan }

    var openAlerts: [AlertID] { open.values.sorted() }

    // MARK: Runs

    mutating func begin(_ epoch: UInt64, opening: StoreOpening, boot: Nanoseconds) {
        self.boot = boot
        if runs.last?.anchors.last?.isTrusted == false {
            // It ended with its backlog held: what it sent went beside it.
            unordered = Rank(run: runs.count - 1, sequence: .max)
        }
        if let old = places[epoch] {
            // An identity is used again: what comes meets what was.
            runs.append(runs[old])
        } else {
            runs.append(Run(epoch: epoch))
        }
        places[epoch] = runs.count - 1
        (sequence, seenReading, seenRecord) = (0, 0, 0)
        (open, active, drivers, aside, shelves) = ([:], [], [], [], [:])
        for step in opening.openAlerts { note(step) }
        upSince = .distantFuture
    }

    mutating func died(at now: MonotonicTime) {
        demand = .safe
        upSince = .distantFuture
        isStopping = false
    }

    /// The gateway is told to stop: it asks no more, and ends as soon as the journal has answered.
    mutating func stopping() { isStopping = true }

    mutating func trouble(at now: MonotonicTime) {
        troubleAt = now
        pausedAt = now
    }

    /// The file is set aside: what it held is told to be gone as a whole.
    mutating func setAside() {
        for index in runs.indices {
            runs[index].readings.excuseAll()
            runs[index].records.excuseAll()
        }
    }

    /// From now on, the wall clock of this run is ahead of its monotonic one by `anchor`.
    mutating func note(anchor: Nanoseconds, isTrusted: Bool, at now: MonotonicTime) {
        guard let last = runs.indices.last else { return }
        if isTrusted, let before = runs[last].anchors.last, !before.isTrusted {
            unordered = Rank(run: last, sequence: sequence)
        }
        runs[last].anchors.append((now - boot, anchor, isTrusted))
    }

    private func run(_ epoch: UInt64) throws(WorldFinding) -> Int {
        guard let place = places[epoch] else {
            throw WorldFinding(.identitiesAreUnique, "a row of run \(epoch.hex), which never was")
        }
        return place
    }

    // MARK: What is stored

    mutating func stored(_ commit: Commit, told: [GapRecord]) {
        guard let index = places[commit.epoch] else { return }
        for row in commit.readings {
            stored += 1
            runs[index].readings.set(.stored, row.sequence...row.sequence)
        }
        for record in commit.records {
            runs[index].records.set(.stored, record.sequence...record.sequence)
            if case .gap(let gap) = record.body, let gone = places[gap.epoch] {
                runs[gone].readings.set(.excused, gap.first...gap.last)
            }
        }
        for gap in told {
            guard let gone = places[gap.epoch] else { continue }
            runs[gone].readings.set(.pruned, gap.first...gap.last)
        }
    }

    /// A mark says that rows are delivered: they must have arrived.
    mutating func look(at marks: [DeliveryMark]) throws(WorldFinding) {
        for mark in marks {
            let index = try run(mark.epoch)
            let missing =
                mark.stream == .readings
                ? runs[index].readings.delivered(through: mark.floor)
                : runs[index].records.delivered(through: mark.floor)
            guard let missing else { continue }
            let isTold =
                mark.stream == .readings
                && runs[index].readings.marks(of: missing).contains(.pruned)
            guard !isTold else { continue }
            throw WorldFinding(
                .nothingStoredIsLost,
                "\(mark.stream) \(missing) of run \(mark.epoch.hex) is taken for delivered and never "
                    + "arrived"
            )
        }
    }

    /// At the end: every stored row has arrived or is told to be gone.
    func everythingArrived(allowing backlog: UInt64) throws(WorldFinding) {
        var refused: UInt64 = 0
        for run in runs {
            for (name, ledger) in [("reading", run.readings), ("record", run.records)] {
                let (first, others) = ledger.missing
                refused += UInt64(others)
                // What was stored in the last seconds is on its way.
                guard let first, run.epoch != runs.last?.epoch || first + 200 < ledger.last else {
                    continue
                }
                throw WorldFinding(
                    .nothingStoredIsLost,
                    "\(name) \(first) of run \(run.epoch.hex) is stored and never arrived "
                        + "(\(ledger.owed) of that run)"
                )
            }
        }
        guard refused <= quarantined else {
            throw WorldFinding(
                .nothingStoredIsLost,
                "\(refused) refused rows never arrived, \(quarantined) are told to be given up"
            )
        }
    }

    // MARK: What is sent and arrives

    mutating func sent(_ message: OutgoingMessage) {
        let (epoch, last): (UInt64, UInt64?) =
            switch message.content {
            case .reading(let row, let epoch, _): (epoch, row.sequence)
            case .batch(let rows, let epoch, _): (epoch, rows.last?.sequence)
            default: (0, nil)
            }
        if let last, epoch == runs.last?.epoch { sequence = max(sequence, last) }
    }

    /// What was offered as live on a link that is gone comes again as it can.
    mutating func linkLost() {
        guard plan.settings.connections[0].backlog != .ordered else { return }
        unordered = Rank(run: runs.count - 1, sequence: sequence)
    }

    func look(atUnacknowledged count: Int) throws(WorldFinding) {
        guard count <= WorldPlan.window else {
            throw WorldFinding(
                .queuesAreBounded,
                "\(count) messages are unacknowledged, the window is \(WorldPlan.window)"
            )
        }
    }

    mutating func refused(_ message: OutgoingMessage) {
        switch message.content {
        case .reading(let row, let epoch, _):
            mark(.refused, \.readings, epoch, row.sequence...row.sequence)
        case .batch(let rows, let epoch, _):
            guard let first = rows.first, let last = rows.last else { return }
            mark(.refused, \.readings, epoch, first.sequence...last.sequence)
        case .record(let record, let epoch):
            mark(.refused, \.records, epoch, record.sequence...record.sequence)
        case .health, .response: break
        }
    }

    private mutating func mark(
        _ mark: WorldLedger.Mark,
        _ ledger: WritableKeyPath<Run, WorldLedger>,
        _ epoch: UInt64,
        _ range: ClosedRange<UInt64>
    ) {
        guard let index = places[epoch] else { return }
        runs[index][keyPath: ledger].set(mark, range)
    }

    /// A reading reached the subscriber.
    mutating func arrived(
        _ row: SequencedReading,
        epoch: UInt64,
        historical: Bool,
        at now: MonotonicTime
    ) throws(WorldFinding) {
        try look(at: row.reading)
        let index = try run(epoch)
        let before = runs[index].readings.marks(of: row.sequence)
        guard
            runs[index].readings.note(row.sequence, payload: row.reading.payload, .arrived)
        else {
            throw WorldFinding(
                .identitiesAreUnique,
                "reading \(row.sequence) of run \(epoch.hex) has two payloads"
            )
        }
        try lookAtTime(
            of: row,
            in: runs[index],
            historical: historical,
            sentAt: index == runs.count - 1 ? now - boot : .distantFuture
        )
        guard before.isDisjoint(with: [.arrived, .refused]) else { return }
        let rank = Rank(run: index, sequence: row.sequence)
        let isPromised =
            plan.settings.connections[0].backlog == .ordered
            || !historical && index == runs.count - 1
        guard isPromised, rank > unordered else { return }
        let place = Int(row.reading.instrument.rawValue) - 1
        if let last = lastArrived[place], last >= rank {
            throw WorldFinding(
                .orderPerTagHolds,
                "instrument \(place + 1): reading \(rank.sequence) of run \(epoch.hex) came after "
                    + "\(last.sequence) of run \(runs[last.run].epoch.hex)"
            )
        }
        lastArrived[place] = rank
    }

    /// A record reached the subscriber.
    mutating func arrived(_ record: SequencedRecord, epoch: UInt64) throws(WorldFinding) {
        let index = try run(epoch)
        let before = runs[index].records.marks(of: record.sequence)
        guard
            runs[index].records.note(record.sequence, payload: record.payload, .arrived)
        else {
            throw WorldFinding(
                .identitiesAreUnique,
                "record \(record.sequence) of run \(epoch.hex) has two payloads"
            )
        }
        guard before.isDisjoint(with: [.arrived, .refused]) else { return }
        let rank = Rank(run: index, sequence: record.sequence)
        if let lastRecord, lastRecord >= rank {
            throw WorldFinding(
                .orderPerTagHolds,
                "record \(rank.sequence) of run \(epoch.hex) came after \(lastRecord.sequence) of "
                    + "run \(runs[lastRecord.run].epoch.hex)"
            )
        }
        lastRecord = rank
    }

    private func lookAtTime(
        of row: SequencedReading,
        in run: Run,
        historical: Bool,
        sentAt: MonotonicTime
    ) throws(WorldFinding) {
        let stamp = row.reading.stamp
        guard let place = run.anchors.lastIndex(where: { $0.from <= stamp.monotonic }) else {
            return
        }
        guard let set = run.anchors[place...].first(where: \.isTrusted) else {
            guard !stamp.clock.isTrusted else {
                throw WorldFinding(
                    .timesAreCorrected,
                    "reading \(row.sequence) of run \(run.epoch.hex) has a certain time, and the "
                        + "clock was never set in that run"
                )
            }
            return
        }
        if stamp.clock.isTrusted {
            let wall = WallTime(nanosecondsSince1970: stamp.monotonic.nanoseconds) + set.anchor
            // At the very instant of a step the clock is read before or after it.
            let atStep = place > 0 && run.anchors[place].from == stamp.monotonic
            let before = run.anchors[atStep ? place - 1 : place].anchor - set.anchor
            guard stamp.wall == wall || atStep && stamp.wall == wall + before else {
                throw WorldFinding(
                    .timesAreCorrected,
                    "reading \(row.sequence) of run \(run.epoch.hex) is off by "
                        + "\((stamp.wall - wall).seconds) s"
                )
            }
        } else if historical, sentAt > set.from + .milliseconds(10) {
            throw WorldFinding(
                .timesAreCorrected,
                "reading \(row.sequence) of run \(run.epoch.hex) comes late and its time is not "
                    + "corrected"
            )
        }
    }

    // MARK: What a commit tells

    mutating func look(
        at commit: Commit,
        now: MonotonicTime,
        plant: WorldPlant
    ) throws(WorldFinding) {
        let index = try run(commit.epoch)
        for row in commit.readings where row.sequence > seenReading {
            seenReading = row.sequence
            sequence = max(sequence, row.sequence)
            try look(at: row.reading)
            guard
                runs[index].readings.note(row.sequence, payload: row.reading.payload, [])
            else {
                throw WorldFinding(
                    .identitiesAreUnique,
                    "reading \(row.sequence) of run \(commit.epoch.hex) has two payloads"
                )
            }
        }
        for record in commit.records where record.sequence > seenRecord {
            seenRecord = record.sequence
            guard runs[index].records.note(record.sequence, payload: record.payload, []) else {
                throw WorldFinding(
                    .identitiesAreUnique,
                    "record \(record.sequence) of run \(commit.epoch.hex) has two payloads"
                )
            }
            if case .alert(let step) = record.body { try look(at: step, now: now, plant: plant) }
        }
        try lookAtRelay(now)
    }

    mutating func raised() { alerts += 1 }

    /// What the alarm output is told; true where that is news.
    mutating func show(_ wanted: RelayDemand, at now: MonotonicTime) -> Bool {
        defer { (demand, fedAt) = (wanted, now) }
        return wanted != demand
    }

    // MARK: After every event

    mutating func afterEvent(
        at now: MonotonicTime,
        plant: WorldPlant,
        committingSince: MonotonicTime?,
        queue: QueueLevel?
    ) throws(WorldFinding) {
        let buses = plant.buses
        let isHigh = plant.truth.contains(.high)
        if upSince == .distantFuture { (upSince, troubleAt, pausedAt) = (now, now, now) }
        if let queue {
            throw WorldFinding(
                .queuesAreBounded,
                "\(queue.count) \(queue.name), the limit is \(queue.limit)"
            )
        }
        // An output that is not fed goes safe by itself.
        if now - fedAt > plan.settings.relay.feedTimeout { demand = .safe }
        if !drivers.isEmpty || isHigh { troubleAt = now }
        // A gateway that stops feeds the output no more.
        let starves = isStopping ? plan.settings.relay.feedTimeout : .zero
        let patience = RelayRules.defaultStallLimit + .seconds(2) + starves
        for (index, bus) in buses.enumerated() {
            guard let asked = bus.asked else { continue }
            let waiting = now - asked
            if waiting > .seconds(1) { troubleAt = now }
            guard demand != .energised || waiting <= patience else {
                throw WorldFinding(
                    .relayIsSafeWhileStalled,
                    "bus \(index) has not answered for \(waiting.seconds) s"
                )
            }
        }
        if let committingSince {
            let waiting = now - committingSince
            if waiting > .seconds(1) { (troubleAt, pausedAt) = (now, now) }
            guard demand != .energised || waiting <= patience else {
                throw WorldFinding(
                    .relayIsSafeWhileStalled,
                    "the journal has not answered for \(waiting.seconds) s"
                )
            }
        }
        guard !isStopping else {
            guard committingSince != nil else {
                throw WorldFinding(
                    .pollingGoesOn,
                    "the gateway was told to stop, waits for nothing and does not end"
                )
            }
            return
        }
        for (index, bus) in buses.enumerated()
        where bus.inOrderSince != .distantFuture && now - bus.inOrderSince > .seconds(60) {
            guard now - max(bus.lastReply, pausedAt) < .seconds(4) else {
                throw WorldFinding(
                    .pollingGoesOn,
                    "bus \(index) was in order and not asked for "
                        + "\((now - bus.lastReply).seconds) s"
                )
            }
        }
    }

    private func lookAtRelay(_ now: MonotonicTime) throws(WorldFinding) {
        if let driver = drivers.min(), demand == .energised {
            throw WorldFinding(
                .relayFollowsAlerts,
                "alert \(driver) is critical and the relay energised"
            )
        }
        if drivers.isEmpty, demand == .safe, upSince < now, now - troubleAt > .seconds(30) {
            throw WorldFinding(
                .relayFollowsAlerts,
                "the relay is safe, and nothing was wrong for \((now - troubleAt).seconds) s"
            )
        }
    }

    /// Alarms that last are open alerts.
    mutating func everyMinute(at now: MonotonicTime, plant: WorldPlant) throws(WorldFinding) {
        guard !isStopping else { return }
        for place in plant.truth.indices {
            let bus = plant.buses[place / WorldPlan.channels]
            let truth = plant.truth[place]
            guard bus.inOrderSince != .distantFuture, truth == .high || truth == .frozen else {
                continue
            }
            let calm = max(bus.inOrderSince, upSince, pausedAt)
            let id = InstrumentID(rawValue: UInt32(place + 1))
            let key: ConditionKey
            if truth == .high {
                guard now - max(plant.since[place], calm) >= .seconds(60) else { continue }
                key = ConditionKey(instrument: id, type: .ruleViolation, detail: "high")
            } else {
                let since = plant.since[place]
                guard calm < since, now - since >= .seconds(400) else { continue }
                key = ConditionKey(instrument: id, type: .instrumentFault, detail: "stuck")
            }
            guard let alert = open[key], active.contains(alert) || aside.contains(alert) else {
                throw WorldFinding(
                    .noMissedAlarm,
                    "instrument \(place + 1) has been \(truth.rawValue) for "
                        + "\((now - plant.since[place]).seconds) s and there is no alert"
                )
            }
        }
    }
}
