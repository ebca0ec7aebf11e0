import Signal

/// Decides what one bus asks next, and makes channel samples of what comes back.
///
/// One transaction is under way at a time. Units take turns by due time; a unit that stays silent
/// is probed once per back-off period and costs the others nothing else; a block that is refused is
/// cut until the cells that work are read without those that do not.
struct BusScheduler: Sendable {
    let settings: BusSettings
    private(set) var units: [UnitState]
    private(set) var link = LinkState()
    private var outstanding: Outstanding?
    /// The unit asked last, for the silence that a change of units wants.
    private var lastUnit: UnitAddress?

    /// The request under way.
    private struct Outstanding {
        var id: UInt64
        var unit: Int
        var step: UnitState.Step
        var sent: MonotonicTime
    }

    /// A scheduler for the modules on this bus, each with its channels in use; first polls are
    /// spread over the first period, or over the first second where that is shorter.
    init(
        settings: BusSettings,
        modules: [(module: ModuleSettings, channels: [Int])],
        at now: MonotonicTime
    ) {
        self.settings = settings
        units = modules.enumerated().map { index, entry in
            let spread = min(entry.module.period, .seconds(1))
            let phase = Nanoseconds(
                spread.count / Int64(max(1, modules.count)) * Int64(index) / 2
            )
            return UnitState(
                module: entry.module,
                channels: entry.channels,
                due: now + phase
            )
        }
    }

    /// Whether there is nothing to ask: no instrument is on its modules.
    var isEmpty: Bool { units.allSatisfy(\.channels.isEmpty) }

    /// Whether a request is under way.
    var isBusy: Bool { outstanding != nil }

    /// When `next` may have something to ask; the distant future while a request is under way.
    var nextDeadline: MonotonicTime {
        guard outstanding == nil else { return .distantFuture }
        let ready = units.map(\.readyAt).min() ?? .distantFuture
        return max(ready, link.retryAt)
    }

    /// The next request, if one is due and none is under way.
    mutating func next(at now: MonotonicTime, id: UInt64) -> BusRequest? {
        guard outstanding == nil, now >= link.retryAt else { return nil }
        guard
            let index = units.indices.filter({ units[$0].readyAt <= now }).min(by: {
                units[$0].urgency < units[$1].urgency
            })
        else { return nil }
        guard let step = units[index].begin(at: now) else { return nil }
        let module = units[index].module
        let read = units[index].read(for: step)
        var quiet = settings.turnaround
        if lastUnit != module.unit { quiet = max(quiet, settings.unitChangeGap) }
        lastUnit = module.unit
        outstanding = Outstanding(id: id, unit: index, step: step, sent: now)
        units[index].counters.requests += 1
        return BusRequest(
            id: id,
            unit: module.unit,
            table: read.table,
            address: read.address,
            count: read.count,
            responseTimeout: module.responseTimeout ?? settings.responseTimeout,
            quietBefore: quiet
        )
    }

    /// Reads these channels of the unit at `index` from its next cycle on.
    mutating func use(channels: [Int], of index: Int) { units[index].use(channels: channels) }

    /// What a reply brought; empty where it is not the answer to the request under way.
    mutating func handle(_ reply: BusReply, at now: MonotonicTime) -> ModuleUpdate? {
        guard let asked = outstanding, asked.id == reply.request.id else { return nil }
        outstanding = nil
        units[asked.unit].counters.note(reply, sent: asked.sent)
        switch reply.outcome {
        case .failure(.linkLost), .failure(.portBusy):
            link.lost(reply.outcome, at: now)
            var update = units[asked.unit].failWithLink(at: now, until: link.retryAt)
            update.stamp = reply.received
            update.unit = asked.unit
            return update
        default:
            link.worked()
        }
        var update = units[asked.unit].take(
            reply,
            for: asked.step,
            at: now,
            hasTransactionNumbers: !settings.isSerial
        )
        update.stamp = reply.received
        update.unit = asked.unit
        return update
    }
}

extension BusSettings {
    /// Whether frames carry no transaction number, so that a late reply looks like a fresh one.
    var isSerial: Bool {
        if case .rtu = link { true } else { false }
    }
}

/// What one reply told about one module's channels.
struct ModuleUpdate: Sendable {
    /// The module's place on its bus.
    var unit = 0
    var stamp = Stamp.none
    var samples: [ChannelSample]
    /// Set where the module's standing changed: for alerts and the log.
    var event: ModuleEvent?
}

/// A module's standing on its bus, when it changes.
enum ModuleEvent: Hashable, Sendable {
    case silent
    case answersAgain
    case wrongModule(String)
    case identified
}

/// One look at one channel.
struct ChannelSample: Sendable {
    enum Outcome: Sendable {
        case decoded(DecodedChannel, afterTimeout: Bool)
        /// No value could be had: the quality says why.
        case failed(Quality)
    }
    /// The channel's number on its module, from 1.
    var channel: Int
    var outcome: Outcome
}

/// The port or connection of a bus.
struct LinkState: Hashable, Sendable {
    /// No request before this.
    private(set) var retryAt = MonotonicTime.zero
    /// Why it is down; nil while it works or was never tried.
    private(set) var fault: BusFault?
    private(set) var losses: UInt64 = 0
    private var backOff = BackOff(first: .milliseconds(500), longest: .seconds(30))

    mutating func lost(_ outcome: Result<[UInt16], BusFault>, at now: MonotonicTime) {
        guard case .failure(let fault) = outcome else { return }
        if self.fault == nil { losses += 1 }
        self.fault = fault
        retryAt = now + backOff.next()
    }

    mutating func worked() {
        fault = nil
        backOff.reset()
    }
}

/// What happened between the gateway and one unit since the start.
public struct UnitCounters: Hashable, Sendable, Codable {
    public var requests: UInt64 = 0
    public var replies: UInt64 = 0
    public var timeouts: UInt64 = 0
    public var crcErrors: UInt64 = 0
    /// Replies thrown away for any other reason: wrong unit, function, length, transaction.
    public var garbled: UInt64 = 0
    public var exceptions: UInt64 = 0
    public var lateReplies: UInt64 = 0
    /// Bytes on the line that belonged to no reply.
    public var noiseBytes: UInt64 = 0
    public var linkLosses: UInt64 = 0
    /// Cycles left out because the one before took longer than the period.
    public var overruns: UInt64 = 0
    /// Smoothed time from request to reply, in milliseconds.
    public var responseMilliseconds: Double = 0
    /// The last exception code; 0: none.
    public var lastException: UInt8 = 0

    mutating func note(_ reply: BusReply, sent: MonotonicTime) {
        noiseBytes += UInt64(max(0, reply.strayBytes))
        if reply.strayWasReply { lateReplies += 1 }
        switch reply.outcome {
        case .success:
            replies += 1
            let milliseconds = (reply.received.monotonic - sent).seconds * 1000
            responseMilliseconds +=
                (milliseconds - responseMilliseconds) / (replies == 1 ? 1 : 16)
        case .failure(.silent): timeouts += 1
        case .failure(.refused(let code)):
            exceptions += 1
            lastException = code
        case .failure(.garbled(.crc)): crcErrors += 1
        case .failure(.garbled): garbled += 1
        case .failure(.linkLost), .failure(.portBusy): linkLosses += 1
        }
    }
}
