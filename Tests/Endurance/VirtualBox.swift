import Foundation
import GatewayCore
import Journal
import Runtime
import Signal

/// A gateway with its real journal under a clock of its own: days of plant in minutes.
///
/// Modules and broker are values here: every module answers after 2 ms, the broker acknowledges
/// after 5 ms while it is there. The journal is SQLite on a real disk, waited for.
public final class VirtualBox {
    /// What a box is made of.
    public struct Size: Sendable {
        public var units = 8
        public var channels = 8
        public var quotaBytes: Int64 = 4 << 30
        public init() {}
        public var instruments: Int { units * channels }
    }

    /// An answer on its way: what it is, and when it arrives.
    private struct Due {
        var at: MonotonicTime
        var event: Event
    }

    public private(set) var gateway: Gateway
    public private(set) var now: MonotonicTime
    public let epoch: UInt64
    private let store: JournalStore
    private let answers = Mailbox<Event>()
    /// Answers of each kind take equally long, so each kind is a queue in order of time.
    private var replies: ArraySlice<Due> = []
    private var acknowledgements: ArraySlice<Due> = []
    private var fetches: ArraySlice<Due> = []
    private var noise: UInt64 = 1
    private var brokerIsUp = false

    /// Units that do not answer.
    public var silentUnits: Set<UInt8> = []

    // What came of it.

    /// Readings that the broker has acknowledged, bad ones among them.
    public private(set) var received = SequenceSet()
    public private(set) var messages = 0
    /// What records said was given up.
    public private(set) var givenUp = SequenceSet()
    /// Highest sequence polled, and the newest reading that arrived.
    public private(set) var lastReceived: UInt64 = 0
    /// Age of the live readings that arrived since it was last set to zero, at most.
    public var worstLag = Nanoseconds.zero
    public private(set) var status: StoreStatus?
    public private(set) var mostInFlight = 0
    public private(set) var halted: String?
    private var inFlight = 0

    /// Opens the journal at `path`.
    public init(_ size: Size, journal path: String, epoch: UInt64 = 1) throws {
        self.epoch = epoch
        now = MonotonicTime(nanoseconds: 1_000_000_000)
        var settings = VirtualBox.settings(size)
        settings.journal = JournalSettings(path: path, quotaBytes: size.quotaBytes)
        let connections = settings.connections.map(\.name)
        let journal = settings.journal
        let (store, opening) = try VirtualBox.wait {
            try await JournalStore.open(journal, connections: connections, ballastBytes: 0)
        }
        self.store = store
        gateway = Gateway(
            settings: settings,
            epoch: epoch,
            opening: opening,
            at: VirtualBox.stamp(now)
        )
        perform(gateway.handle(.timer, at: now))
    }

    /// Closes the journal.
    public func close() throws {
        let store = store
        try VirtualBox.wait { await store.close() }
    }

    private static func wait<Value: Sendable>(
        _ body: @escaping @Sendable () async throws -> Value
    ) throws -> Value {
        let done = Mailbox<Result<Value, any Error>>()
        Task.detached {
            do { done.post(.success(try await body())) } catch { done.post(.failure(error)) }
        }
        guard let result = done.take()?.first else { throw CancellationError() }
        return try result.get()
    }

    private static func stamp(_ at: MonotonicTime) -> Stamp {
        Stamp(
            monotonic: at,
            wall: WallTime(nanosecondsSince1970: 1_780_000_000_000_000_000 + at.nanoseconds),
            clock: .synced
        )
    }

    // MARK: Driving

    /// Lets `length` pass, or as much of it as it takes until `end` holds, looked at each second.
    public func run(for length: Nanoseconds, until end: (VirtualBox) -> Bool = { _ in false }) {
        let last = now + length
        var look = now + .seconds(1)
        while now < last, halted == nil {
            let deadline = gateway.nextDeadline(at: now)
            var next = deadline
            for queue in [replies.first, acknowledgements.first, fetches.first] {
                if let due = queue { next = min(next, due.at) }
            }
            guard next < last else {
                now = last
                return
            }
            now = max(now, next)
            if let event = arriving() {
                perform(gateway.handle(event, at: now))
            } else {
                now = now + Nanoseconds(1)
                perform(gateway.handle(.timer, at: now))
            }
            if now >= look {
                look = now + .seconds(1)
                if end(self) { return }
            }
        }
    }

    private func arriving() -> Event? {
        if let due = replies.first, due.at <= now { return replies.removeFirst().event }
        if let due = fetches.first, due.at <= now { return fetches.removeFirst().event }
        if let due = acknowledgements.first, due.at <= now {
            inFlight -= 1
            return acknowledgements.removeFirst().event
        }
        return nil
    }

    public func brokerUp() {
        brokerIsUp = true
        let broker = BrokerAddress(host: "broker", port: 1883)
        perform(gateway.handle(.broker(ConnectionID(rawValue: 0), .up(broker: broker)), at: now))
    }

    /// The broker goes; what it had not acknowledged was never sent.
    public func brokerDown() {
        brokerIsUp = false
        let lost = acknowledgements
        acknowledgements = []
        inFlight = 0
        for due in lost {
            guard case .broker(let connection, .acknowledged(let id, _)) = due.event else {
                continue
            }
            let event = Event.broker(connection, .acknowledged(id: id, .unsent))
            perform(gateway.handle(event, at: now))
        }
        let down = BrokerEvent.down(.linkLost("outage"), retryIn: .seconds(1))
        perform(gateway.handle(.broker(ConnectionID(rawValue: 0), down), at: now))
    }

    /// Readings and records that wait for the broker.
    public var backlog: UInt64 { gateway.snapshot(at: now).uplinks.first?.backlog ?? 0 }

    /// Readings produced so far.
    public private(set) var produced: UInt64 = 0

    // MARK: The outside

    private func perform(_ effects: [Effect]) {
        for effect in effects {
            switch effect {
            case .read(let bus, let request): answer(request, on: bus)
            case .commit(let commit):
                produced = max(produced, commit.readings.last?.sequence ?? 0)
                for record in commit.records {
                    if case .gap(let gap) = record.body, gap.epoch == epoch {
                        givenUp.insert(gap.first...gap.last)
                    }
                }
                store.commit(commit) { [answers] in answers.post(.committed($0)) }
                if let event = answers.take()?.first {
                    if case .committed(let outcome) = event, case .success(let now) = outcome.result
                    {
                        status = now
                    }
                    perform(gateway.handle(event, at: now))
                }
            case .fetch(let connection, let stream, let epoch, let range):
                store.fetch(
                    stream,
                    epoch: epoch,
                    range: range,
                    limit: Limits.fetchRows,
                    for: "cmms"
                ) { [answers] in
                    answers.post(.fetched(connection, stream, asked: range, $0))
                }
                if let event = answers.take()?.first {
                    fetches.append(Due(at: now + .milliseconds(1), event: event))
                }
            case .publish(let connection, let sent): publish(sent, on: connection)
            case .halt(let reason): halted = reason
            default: break
            }
        }
    }

    private func answer(_ request: BusRequest, on bus: BusID) {
        var outcome = Result<[UInt16], BusFault>.failure(.silent)
        var time = request.responseTimeout
        if !silentUnits.contains(request.unit.rawValue) {
            time = .milliseconds(2)
            outcome = .success(
                (0..<request.count).map { cell in
                    noise = noise &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                    return 10_000 + (request.address + cell) * 100 + UInt16(noise >> 60)
                }
            )
        }
        let at = now + time
        let reply = BusReply(
            request: request,
            outcome: outcome,
            received: VirtualBox.stamp(at)
        )
        replies.append(Due(at: at, event: .reply(bus, reply)))
    }

    private func publish(_ sent: [OutgoingMessage], on connection: ConnectionID) {
        for message in sent {
            guard brokerIsUp else {
                let event = BrokerEvent.acknowledged(id: message.id, .unsent)
                replies.append(Due(at: now, event: .broker(connection, event)))
                continue
            }
            messages += 1
            if case .reading(let row, let epoch, let historical) = message.content,
                epoch == self.epoch
            {
                received.insert(row.sequence...row.sequence)
                lastReceived = max(lastReceived, row.sequence)
                if !historical {
                    worstLag = max(worstLag, now - row.reading.stamp.monotonic)
                }
            }
            inFlight += 1
            mostInFlight = max(mostInFlight, inFlight)
            let event = BrokerEvent.acknowledged(
                id: message.id,
                .delivered(hadSubscribers: true)
            )
            acknowledgements.append(
                Due(at: now + .milliseconds(5), event: .broker(connection, event))
            )
        }
    }

    // MARK: Settings

    private static func settings(_ size: Size) -> GatewaySettings {
        let encoding = RawEncoding(
            format: .unsigned,
            low: .init(raw: 0, milliamps: 0),
            high: .init(raw: 20_000, milliamps: 20)
        )
        let map = ModuleMap(
            channels: (0..<size.channels).map {
                ChannelMap(table: .input, address: UInt16($0), encoding: encoding)
            }
        )
        let bus = BusSettings(
            id: BusID(rawValue: 0),
            name: "line",
            link: .tcp(host: "127.0.0.1", port: 502),
            responseTimeout: .milliseconds(200)
        )
        var modules: [ModuleSettings] = []
        var instruments: [InstrumentSettings] = []
        for unit in 1...size.units {
            modules.append(
                ModuleSettings(
                    name: "AI\(unit)",
                    bus: bus.id,
                    unit: UnitAddress(rawValue: UInt8(unit)),
                    profile: "virtual",
                    map: map
                )
            )
            for channel in 1...size.channels {
                guard let tag = Tag("PT-\(unit)\(channel)"),
                    let span = Span(lrv: 0, urv: 100, unit: "%")
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
            clientID: "virtual"
        )
        // Live readings go on while the backlog drains.
        connection.backlog = .interleaved
        return GatewaySettings(
            gateway: "virtual",
            buses: [bus],
            modules: modules,
            instruments: instruments,
            connections: [connection]
        )
    }
}
