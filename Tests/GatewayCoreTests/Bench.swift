import Alerts
import Signal

@testable import GatewayCore

/// A gateway under a virtual clock with a bus, a journal and a broker that do as they are told.
///
/// Every effect becomes an event at a later time on one heap of events; nothing waits for real.
struct Bench {
    /// How the outside behaves; a test changes it at any time.
    struct World {
        /// Units that do not answer.
        var silentUnits: Set<UInt8> = []
        /// What a unit answers instead of values, by address of the request.
        var refusals: [UInt16: UInt8] = [:]
        /// Words answered at addresses, over the default of 12 mA in µA.
        var registers: [UInt16: UInt16] = [:]
        var linkIsDown = false
        var replyTime = Nanoseconds.milliseconds(5)
        var commitTime = Nanoseconds.milliseconds(8)
        var storeFault: StoreFault?
        var acknowledges = true
        var ackTime = Nanoseconds.milliseconds(10)
        /// Sequences that the broker refuses, and how.
        var refusedReadings: [UInt64: PublishOutcome] = [:]
    }
    /// What the subscriber saw.
    struct Received: Hashable {
        var identity: Position
        var historical: Bool
        var instrument: InstrumentID
        var at: MonotonicTime
    }
    private struct Due: Comparable {
        var at: MonotonicTime
        var order: UInt64
        var event: Event
        static func < (a: Due, b: Due) -> Bool { (a.at, a.order) < (b.at, b.order) }
        static func == (a: Due, b: Due) -> Bool { a.order == b.order }
    }

    var world = World()
    var gateway: Gateway
    var now: MonotonicTime
    private(set) var requests: [(at: MonotonicTime, request: BusRequest)] = []
    private(set) var received: [Received] = []
    private(set) var receivedRecords: [SequencedRecord] = []
    private(set) var notices: [Notice] = []
    private(set) var halted: String?
    /// What the relay was told, each change once.
    private(set) var demands: [(at: MonotonicTime, demand: RelayDemand)] = []
    private(set) var relayWasLate = false
    private(set) var detectorState: [UInt8]?
    /// Jobs handed to other threads, and what was told of their end.
    private(set) var jobs: [Job] = []
    private(set) var answers: [(job: UInt64, refusal: String?, text: String)] = []
    /// Answers to commands, by the command's id.
    private(set) var responses: [(command: String, body: String)] = []
    /// What the register holds when the gateway starts next.
    var register = StoreOpening()
    /// What the journal holds, by run.
    private(set) var stored: [UInt64: [UInt64: SequencedReading]] = [:]
    private(set) var storedRecords: [UInt64: [UInt64: SequencedRecord]] = [:]
    private(set) var offers: [UInt64: SequenceSet] = [:]
    private(set) var marks: [String: DeliveryMark] = [:]
    private(set) var epochs: [StoreOpening.Epoch] = []
    /// Settings of the journal that commits have deleted.
    private(set) var settled: [String] = []
    private(set) var mostInFlight = 0
    private(set) var largestBatch = 0
    private(set) var brokerIsUp = false
    private var inFlight: [UInt64] = []
    private var queue: [Due] = []
    private var order: UInt64 = 0

    init(
        _ settings: GatewaySettings,
        epoch: UInt64 = 1,
        register: StoreOpening = StoreOpening()
    ) {
        self.register = register
        now = MonotonicTime(nanoseconds: 1_000_000_000)
        gateway = Gateway(
            settings: settings,
            epoch: epoch,
            opening: register,
            at: Bench.stamp(MonotonicTime(nanoseconds: 1_000_000_000))
        )
        perform(gateway.handle(.timer, at: now))
    }

    static func stamp(_ at: MonotonicTime) -> Stamp {
        Stamp(
            monotonic: at,
            wall: WallTime(nanosecondsSince1970: 1_700_000_000_000_000_000 + at.nanoseconds),
            clock: .synced
        )
    }

    // MARK: Driving

    mutating func run(for length: Nanoseconds) {
        let end = now + length
        while true {
            let due = queue.indices.min { queue[$0] < queue[$1] }
            let deadline = gateway.nextDeadline(at: now)
            if let due, queue[due].at <= max(deadline, now), queue[due].at <= end {
                let next = queue.remove(at: due)
                now = max(now, next.at)
                if let event = arriving(next.event) { perform(gateway.handle(event, at: now)) }
            } else if deadline <= end {
                now = max(now + Nanoseconds(1), deadline)
                perform(gateway.handle(.timer, at: now))
            } else {
                now = end
                return
            }
        }
    }

    mutating func brokerUp() {
        brokerIsUp = true
        send(.broker(ConnectionID(rawValue: 0), .up(broker: .init(host: "broker", port: 1883))))
    }

    mutating func brokerDown() {
        brokerIsUp = false
        queue.removeAll { if case .broker(_, .acknowledged) = $0.event { true } else { false } }
        for id in inFlight {
            send(.broker(ConnectionID(rawValue: 0), .acknowledged(id: id, .unsent)))
        }
        inFlight = []
        send(
            .broker(
                ConnectionID(rawValue: 0),
                .down(.linkLost("test"), retryIn: .seconds(1))
            )
        )
    }

    /// Has the gateway take over another register.
    mutating func adopt(_ change: RegisterAdoption) {
        perform(gateway.adopt(change, at: now))
    }

    mutating func send(_ event: Event) { perform(gateway.handle(event, at: now)) }

    /// Ends this run without a word and starts the next from what the journal holds.
    mutating func crashAndRestart(epoch: UInt64) {
        queue = []
        inFlight = []
        brokerIsUp = false
        let opening = StoreOpening(
            epochs: epochs,
            delivery: Array(marks.values),
            openAlerts: openAlerts,
            detectorState: detectorState,
            models: register.models,
            calibrations: register.calibrations,
            baselines: register.baselines,
            damage: nil
        )
        gateway = Gateway(
            settings: gateway.settings,
            epoch: epoch,
            opening: opening,
            at: Bench.stamp(now)
        )
        perform(gateway.handle(.timer, at: now))
    }

    /// The last stored step of every alert that was not resolved.
    var openAlerts: [AlertTransition] {
        var last: [AlertID: AlertTransition] = [:]
        for epoch in epochs.map(\.epoch) {
            for (_, record) in (storedRecords[epoch] ?? [:]).sorted(by: { $0.key < $1.key }) {
                if case .alert(let step) = record.body { last[step.alert] = step }
            }
        }
        return last.values.filter { $0.state != .resolved }.sorted { $0.alert < $1.alert }
    }

    /// Every stored step of every alert, in order, of the present run.
    var steps: [AlertTransition] {
        (storedRecords[gateway.epoch] ?? [:]).sorted { $0.key < $1.key }.compactMap {
            if case .alert(let step) = $0.value.body { step } else { nil }
        }
    }

    mutating func perform(
        _ action: AlertAction,
        by: String,
        note: String? = nil
    ) throws(AlertRefusal) {
        let (result, effects) = gateway.perform(action, by: by, note: note, at: now)
        perform(effects)
        _ = try result.get()
    }

    /// Gives a command as somebody on the box.
    mutating func execute(_ act: GatewayCommand.Act, note: String? = nil) -> CommandResult {
        let (result, effects) = gateway.execute(
            GatewayCommand(
                name: "test",
                id: "t",
                expires: WallTime(nanosecondsSince1970: .max),
                by: "4711",
                note: note,
                act: act
            ),
            at: now
        )
        perform(effects)
        return result
    }

    // MARK: The outside

    private mutating func later(_ delay: Nanoseconds, _ event: Event) {
        order += 1
        queue.append(Due(at: now + delay, order: order, event: event))
    }

    /// Lets what an event means for the outside happen as it arrives.
    private mutating func arriving(_ event: Event) -> Event? {
        if case .broker(_, .acknowledged(let id, _)) = event {
            guard brokerIsUp else { return nil }
            inFlight.removeAll { $0 == id }
        }
        return event
    }

    private mutating func perform(_ effects: [Effect]) {
        for (index, effect) in effects.enumerated() {
            switch effect {
            case .read(let bus, let request): answer(request, on: bus)
            case .commit(let commit): store(commit)
            case .fetch(let connection, let stream, let epoch, let range):
                fetch(stream, epoch: epoch, range: range, for: connection)
            case .publish(let connection, let messages):
                for message in messages { publish(message, on: connection) }
            case .log(let notice): notices.append(notice)
            case .halt(let why): halted = why
            case .relay(let demand):
                if demands.last?.demand != demand { demands.append((now, demand)) }
                // The relay comes first: nothing that is written or sent may hold it up.
                if effects[..<index].contains(where: \.isWrittenOrSent) { relayWasLate = true }
            case .work(let job): jobs.append(job)
            case .answer(let job, let refusal, let text): answers.append((job, refusal, text))
            case .indicate, .correctClock, .stopped: break
            }
        }
    }

    private mutating func answer(_ request: BusRequest, on bus: BusID) {
        requests.append((now, request))
        var outcome: Result<[UInt16], BusFault>
        var time = world.replyTime
        if world.linkIsDown {
            outcome = .failure(.linkLost(errno: 5))
        } else if world.silentUnits.contains(request.unit.rawValue) {
            outcome = .failure(.silent)
            time = request.responseTimeout
        } else if let code = world.refusals.first(where: {
            request.address <= $0.key && $0.key < request.address + request.count
        })?.value {
            outcome = .failure(.refused(code: code))
        } else {
            outcome = .success(
                (0..<request.count).map { world.registers[request.address + $0] ?? 12_000 }
            )
        }
        let reply = BusReply(
            request: request,
            outcome: outcome,
            received: Bench.stamp(now + time)
        )
        later(time, .reply(bus, reply))
    }

    private mutating func store(_ commit: Commit) {
        if let fault = world.storeFault {
            later(world.commitTime, .committed(.init(id: commit.id, result: .failure(fault))))
            return
        }
        for row in commit.readings { stored[commit.epoch, default: [:]][row.sequence] = row }
        for row in commit.records {
            storedRecords[commit.epoch, default: [:]][row.sequence] = row
        }
        if let state = commit.detectorState { detectorState = state }
        settled += commit.settles
        for offer in commit.offers { offers[commit.epoch, default: .init()].insert(offer.range) }
        for mark in commit.delivery {
            marks["\(mark.connection) \(mark.stream) \(mark.epoch)"] = mark
        }
        epochs.removeAll { $0.epoch == commit.epoch }
        epochs.append(
            .init(
                epoch: commit.epoch,
                lastReading: stored[commit.epoch]?.keys.max() ?? 0,
                lastRecord: storedRecords[commit.epoch]?.keys.max() ?? 0
            )
        )
        let status = StoreStatus(databaseBytes: 1, logBytes: 1, oldest: nil)
        later(world.commitTime, .committed(.init(id: commit.id, result: .success(status))))
    }

    private mutating func fetch(
        _ stream: StoreStream,
        epoch: UInt64,
        range: ClosedRange<UInt64>,
        for connection: ConnectionID
    ) {
        let limit = Limits.fetchRows
        let rows: Fetched.Rows
        var through = range.upperBound
        switch stream {
        case .readings:
            let all = range.compactMap { stored[epoch]?[$0] }
            if all.count > limit { through = all[limit - 1].sequence }
            rows = .readings(Array(all.prefix(limit)))
        case .records:
            let all = range.compactMap { storedRecords[epoch]?[$0] }
            if all.count > limit { through = all[limit - 1].sequence }
            rows = .records(Array(all.prefix(limit)))
        }
        let fetched = Fetched(
            epoch: epoch,
            rows: rows,
            offered: (offers[epoch] ?? .init()).intersection(range),
            through: through
        )
        later(.milliseconds(1), .fetched(connection, stream, asked: range, .success(fetched)))
    }

    private mutating func publish(_ message: OutgoingMessage, on connection: ConnectionID) {
        guard brokerIsUp else {
            later(.zero, .broker(connection, .acknowledged(id: message.id, .unsent)))
            return
        }
        inFlight.append(message.id)
        mostInFlight = max(mostInFlight, inFlight.count)
        var outcome = PublishOutcome.delivered(hadSubscribers: true)
        switch message.content {
        case .reading(let row, let epoch, let historical):
            if let refused = world.refusedReadings[row.sequence] {
                outcome = refused
            } else {
                receive(row, epoch, historical)
            }
        case .batch(let rows, let epoch, let historical):
            largestBatch = max(largestBatch, rows.count)
            for row in rows { receive(row, epoch, historical) }
        case .record(let record, _): receivedRecords.append(record)
        case .response(let command, let body): responses.append((command, body))
        case .health: break
        }
        guard world.acknowledges else { return }
        later(world.ackTime, .broker(connection, .acknowledged(id: message.id, outcome)))
    }

    private mutating func receive(_ row: SequencedReading, _ epoch: UInt64, _ historical: Bool) {
        received.append(
            Received(
                identity: Position(epoch: epoch, sequence: row.sequence),
                historical: historical,
                instrument: row.reading.instrument,
                at: row.reading.stamp.monotonic
            )
        )
    }
}

extension Effect {
    fileprivate var isWrittenOrSent: Bool {
        switch self {
        case .commit, .publish: true
        default: false
        }
    }
}

extension Bench {
    /// Two units with eight channels each on one TCP bus, one connection.
    static func settings(
        units: Int = 2,
        channels: Int = 8,
        isSerial: Bool = false,
        map: ModuleMap? = nil,
        connection change: (inout ConnectionSettings) -> Void = { _ in }
    ) -> GatewaySettings {
        let encoding = RawEncoding(
            format: .unsigned,
            low: .init(raw: 4000, milliamps: 4),
            high: .init(raw: 20_000, milliamps: 20)
        )
        let plain = ModuleMap(
            channels: (0..<channels).map {
                ChannelMap(table: .input, address: UInt16($0), encoding: encoding)
            }
        )
        let link: BusLink =
            isSerial ? .rtu(SerialSettings(path: "/dev/null")) : .tcp(host: "127.0.0.1", port: 502)
        let bus = BusSettings(
            id: BusID(rawValue: 0),
            name: "line",
            link: link,
            responseTimeout: .milliseconds(200)
        )
        var modules: [ModuleSettings] = []
        var instruments: [InstrumentSettings] = []
        for unit in 1...units {
            let map = map ?? plain
            modules.append(
                ModuleSettings(
                    name: "AI\(unit)",
                    bus: bus.id,
                    unit: UnitAddress(rawValue: UInt8(unit)),
                    profile: "test",
                    map: map
                )
            )
            for channel in 1...map.channels.count {
                guard let tag = Tag("PT-\(unit)\(channel)"),
                    let span = Span(lrv: 0, urv: 10, unit: "bar")
                else { continue }
                instruments.append(
                    InstrumentSettings(
                        id: InstrumentID(rawValue: UInt32(instruments.count + 1)),
                        tag: tag,
                        type: .pressure,
                        span: span,
                        module: "AI\(unit)",
                        channel: channel
                    )
                )
            }
        }
        var connection = ConnectionSettings(
            id: ConnectionID(rawValue: 0),
            name: "cmms",
            brokers: [BrokerAddress(host: "broker", port: 1883)],
            clientID: "test"
        )
        change(&connection)
        return GatewaySettings(
            gateway: "test",
            buses: [bus],
            modules: modules,
            instruments: instruments,
            connections: [connection]
        )
    }
}
