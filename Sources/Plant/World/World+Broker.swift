import GatewayCore
import Signal

/// The broker and the link to it.
struct WorldBroker {
    private(set) var isUp = false
    /// Grows with every link that comes or goes: what belongs to an older one does not arrive.
    private(set) var session = 0
    /// Sent and not answered, in order.
    private(set) var unanswered: Set<UInt64> = []
    /// Acknowledgements that the broker keeps for itself.
    var held: [(id: UInt64, outcome: PublishOutcome)] = []
    /// Messages of links that are gone.
    private(set) var forgotten: [UInt64] = []

    mutating func up() {
        isUp = true
        session += 1
    }
    mutating func sent(_ id: UInt64) { unanswered.insert(id) }
    mutating func answered(_ id: UInt64) { unanswered.remove(id) }
    /// The link is gone: what was not answered, in order.
    mutating func down() -> [UInt64] {
        let lost = unanswered.sorted()
        forgotten = Array(lost.prefix(8))
        endSession()
        return lost
    }
    mutating func endSession() {
        isUp = false
        session += 1
        unanswered = []
        held = []
    }
}

extension World {
    private static let link = ConnectionID(rawValue: 0)
    private static let address = BrokerAddress(host: "broker", port: 1883)

    /// The uplink tries to connect.
    mutating func connect() throws(WorldFinding) {
        guard !isDown, !broker.isUp else { return }
        guard !has(.brokerAway) else { return try stayDown(.unreachable(errno: 111)) }
        if has(.refusedConnections) {
            let codes: [UInt8] = [
                0x80, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8A, 0x97, 0x9C, 0x9F,
            ]
            let code = codes[Int(random.next() % UInt64(codes.count))]
            return try stayDown(.refusedByBroker(reason: code))
        }
        broker.up()
        tell("the link to the broker is up")
        try handle(.broker(Self.link, .up(broker: Self.address)))
        if has(.flappingBroker) {
            later(.seconds(2), .loseLink(.linkLost("flap"), session: broker.session))
        }
        if has(.noAcknowledgements) { watchAcknowledgements() }
    }

    private mutating func stayDown(_ reason: DownReason) throws(WorldFinding) {
        let wait = seconds(1...5)
        later(wait, .connect)
        try handle(.broker(Self.link, .down(reason, retryIn: wait)))
    }

    /// Everything under way is answered `unsent`, then the gateway hears that the link is gone.
    mutating func loseLink(_ reason: DownReason) throws(WorldFinding) {
        let lost = broker.down()
        checks.linkLost()
        tell("the link to the broker is gone with \(lost.count) messages unacknowledged")
        later(seconds(1...5), .connect)
        for id in lost where !isDown {
            try handle(.broker(Self.link, .acknowledged(id: id, .unsent)))
        }
        guard !isDown else { return }
        try handle(.broker(Self.link, .down(reason, retryIn: .seconds(1))))
    }

    /// The uplink gives up a broker that acknowledges nothing for the deadline.
    mutating func watchAcknowledgements() {
        guard broker.isUp else { return }
        later(
            plan.settings.connections[0].ackDeadline,
            .loseLink(.acknowledgementOverdue, session: broker.session)
        )
    }

    mutating func releaseAcknowledgements() {
        guard broker.isUp, !broker.held.isEmpty else { return }
        later(.milliseconds(5), .acknowledge(broker.held, session: broker.session))
        broker.held = []
    }

    mutating func publish(_ messages: [OutgoingMessage]) throws(WorldFinding) {
        guard broker.isUp else {
            // The gateway has not heard yet that the link is gone.
            for message in messages { checks.sent(message) }
            checks.linkLost()
            later(.zero, .acknowledge(messages.map { ($0.id, .unsent) }, session: nil))
            return
        }
        var answers: [(id: UInt64, outcome: PublishOutcome)] = []
        var arriving: [OutgoingMessage] = []
        for message in messages {
            checks.sent(message)
            broker.sent(message.id)
            var outcome = PublishOutcome.delivered(hadSubscribers: chance(0.9))
            if has(.refusedMessages), message.isOfStream, chance(0.05) {
                outcome = refusal(of: message)
            } else {
                arriving.append(message)
            }
            answers.append((message.id, outcome))
        }
        try checks.look(atUnacknowledged: broker.unanswered.count)
        later(.milliseconds(2), .arrive(arriving, session: broker.session))
        guard !has(.noAcknowledgements) else {
            broker.held += answers
            return
        }
        let delay = has(.lateAcknowledgements) ? seconds(1...20) : milliseconds(6...14)
        let session = broker.session
        later(delay, .acknowledge(answers, session: session))
        if has(.doubleAcknowledgements) {
            later(delay + .milliseconds(3), .acknowledge(answers, session: session))
        }
        if has(.unknownAcknowledgements), chance(0.2) {
            // Ids that never were, and those of a link that is gone.
            let strays = [random.next() | 1 << 60] + broker.forgotten
            later(
                delay,
                .acknowledge(strays.map { ($0, .delivered(hadSubscribers: true)) }, session: nil)
            )
        }
    }

    private mutating func refusal(of message: OutgoingMessage) -> PublishOutcome {
        checks.refused(message)
        let codes: [UInt8] = [0x80, 0x83, 0x87, 0x90, 0x97, 0x99]
        return chance(0.1)
            ? .tooLarge : .refused(reason: codes[Int(random.next() % UInt64(codes.count))])
    }

    mutating func acknowledge(
        _ id: UInt64,
        _ outcome: PublishOutcome
    ) throws(WorldFinding) {
        broker.answered(id)
        try handle(.broker(Self.link, .acknowledged(id: id, outcome)))
    }

    /// The subscriber sees the messages.
    mutating func arrive(_ messages: [OutgoingMessage]) throws(WorldFinding) {
        for message in messages {
            switch message.content {
            case .reading(let row, let epoch, let historical):
                try arrive(row, epoch, historical: historical)
            case .batch(let rows, let epoch, let historical):
                for row in rows { try arrive(row, epoch, historical: historical) }
            case .record(let record, let epoch):
                mix(record.sequence)
                try checks.arrived(record, epoch: epoch)
            case .health, .response: break
            }
        }
    }

    private mutating func arrive(
        _ row: SequencedReading,
        _ epoch: UInt64,
        historical: Bool
    ) throws(WorldFinding) {
        report.arrived += 1
        mix(row.sequence)
        try checks.arrived(row, epoch: epoch, historical: historical, at: now)
    }
}

extension OutgoingMessage {
    /// Whether it is part of a stream that must arrive whole.
    var isOfStream: Bool {
        switch content {
        case .reading, .batch, .record: true
        case .health, .response: false
        }
    }
}
