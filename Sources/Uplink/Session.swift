import Foundation
import GatewayCore
import Runtime
import Signal

/// One connection from CONNECT to its end: the window, the deadlines, birth and commands.
final class Session {
    private let loop: ConnectionLoop
    private let settings: ConnectionSettings
    private let broker: BrokerAddress
    private let wire: Wire
    private var packets: PacketGuard
    private var passed: [UInt8] = []
    private var inFlight: InFlight
    private var window: Int
    /// Taken over and not yet sent, from `next` on.
    private var pending: [OutgoingMessage] = []
    private var next = 0
    private var epoch: UInt64 = 0
    private var provedGood = false

    init(loop: ConnectionLoop, broker: BrokerAddress, wire: Wire) {
        self.loop = loop
        self.broker = broker
        self.wire = wire
        settings = loop.settings
        packets = PacketGuard(isVersion5: loop.settings.version == .v5)
        window = max(1, loop.settings.inFlight)
        inFlight = InFlight(deadline: loop.settings.ackDeadline)
    }

    /// Opens the MQTT connection and serves until the end; throws where none comes about.
    func run(until deadline: MonotonicTime) throws -> ConnectionLoop.Ending {
        let birth = loop.plan.birth()
        epoch = birth.epoch
        let client = try MosquittoClient(settings)
        try client.setWill(topic: loop.topics.status, payload: offline(.lost))
        try client.connect()
        try awaitConnection(client, until: deadline)
        loop.counters.connections += 1
        loop.counters.commandsRefused = nil
        try own(client, payload: GatewayStatus.online(gateway: loop.plan.gateway, birth))
        if settings.acceptsCommands { try client.subscribe(loop.topics.commandFilter) }
        loop.emit(.up(broker: broker))
        let ending = serve(client)
        // The order is the promise: everything is answered before the loop tells `down`.
        for id in inFlight.giveUp() { loop.answer(id, .unsent) }
        loop.refuse(Array(pending[next...]))
        return ending
    }

    /// Waits for the broker's word.
    private func awaitConnection(_ client: MosquittoClient, until deadline: MonotonicTime) throws {
        while true {
            // Whatever came behind it, such as a waiting command, stays for `serve`.
            if case .connected(let code, let receiveMaximum) = client.takeFirstNews() {
                guard code == 0 else { throw Failure(.refusedByBroker(reason: code)) }
                if let receiveMaximum { window = min(window, max(1, Int(receiveMaximum))) }
                return
            }
            guard client.isOpen else {
                throw Failure(.linkLost("the broker's answer to CONNECT cannot be understood"))
            }
            do {
                try loop.attend(until: deadline)
            } catch is Failure {
                throw Failure(
                    .linkLost(
                        "the broker did not answer CONNECT: is this an MQTT port, and is TLS set "
                            + "on both sides or on neither?"
                    )
                )
            }
            do {
                try exchange(client, milliseconds: (deadline - now()).milliseconds + 1)
            } catch let failure as Failure {
                // The library calls a refusal an error: the broker's word goes before.
                guard case .connected(1..., _) = client.peekNews else { throw failure }
            }
        }
    }

    /// Carries bytes both ways, after waiting for them.
    private func exchange(_ client: MosquittoClient, milliseconds: Int64) throws {
        try write(client)
        let found = waitForNews(
            socket: wire.socket,
            events: wire.events,
            wakeup: loop.outbox.wakeup,
            milliseconds: milliseconds
        )
        guard found != 0 else { return }
        // Not for ever: what is to be sent has its turn.
        for _ in 0..<16 where try wire.receive({ try take($0, client) }) {}
        try write(client)
    }

    private func write(_ client: MosquittoClient) throws {
        wire.queue { client.takeOutput(&$0) }
        do {
            try wire.flush()
        } catch {
            // A broker that closes says why, and what it said may lie unread.
            while try wire.receive({ try take($0, client) }) {}
            throw error
        }
    }

    private func take(_ bytes: UnsafeRawBufferPointer, _ client: MosquittoClient) throws {
        do {
            try packets.take(bytes, passed: &passed)
        } catch {
            throw Failure(.linkLost("the broker sent \(error.words), which is not MQTT"))
        }
        defer { passed.removeAll(keepingCapacity: true) }
        try client.take(passed)
    }

    // MARK: Serving

    private func serve(_ client: MosquittoClient) -> ConnectionLoop.Ending {
        var nextPing = now() + .seconds(1)
        var lookAt = loop.homeLook(after: now())
        var look: HomeLook?
        do {
            while true {
                settle(client.takeNews())
                guard client.isOpen else { throw Failure(.linkLost("the connection was closed")) }
                if loop.outbox.isStopping {
                    sayGoodbye(client, .stopped)
                    return .stopped
                }
                let time = now()
                if let due = lookAt, time >= due {
                    look = loop.lookHome()
                    lookAt = nil
                }
                if let isBack = look?.isBack {
                    look = nil
                    lookAt = loop.homeLook(after: time)
                    if isBack {
                        sayGoodbye(client, .moved)
                        return .moved
                    }
                }
                try send(client)
                if let overdue = inFlight.overdueAt, time >= overdue {
                    throw Failure(.acknowledgementOverdue)
                }
                if time >= nextPing {
                    nextPing = time + .seconds(1)
                    loop.showCounters()
                    try client.keepAlive()
                }
                let wake = min(nextPing, inFlight.overdueAt ?? nextPing, lookAt ?? nextPing)
                try exchange(client, milliseconds: (wake - time).milliseconds + 1)
            }
        } catch {
            // What came before the break still counts.
            settle(client.takeNews())
            return lost(error)
        }
    }

    private func lost(_ error: any Error) -> ConnectionLoop.Ending {
        if let code = packets.disconnectReason {
            // 0x8E: another client took our id; both would come back at once, for ever.
            return .lost(
                .linkLost("the broker closed the connection: \(mqttReason(code))"),
                provedGood: provedGood && code != 0x8E
            )
        }
        let reason = (error as? Failure)?.reason ?? .linkLost("\(error)")
        return .lost(reason, provedGood: provedGood)
    }

    /// Sends what the window has room for.
    private func send(_ client: MosquittoClient) throws {
        if next == pending.count {
            pending = loop.outbox.take()
            next = 0
        }
        while inFlight.count < window, next < pending.count,
            wire.outgoingCount < UplinkLimits.outgoingBytes
        {
            let message = pending[next]
            loop.codec.encode(message.content)
            // Whatever throws here is still pending, and answered `unsent` with the rest.
            let published = try client.publish(
                topic: loop.codec.topic,
                payload: loop.codec.payload
            )
            next += 1
            switch published {
            case .sent(let id):
                loop.counters.sent += 1
                try note(wire: id, message: message.id)
            case .tooLarge: loop.answer(message.id, .tooLarge)
            case .refused(let reason): loop.answer(message.id, .refused(reason: reason))
            }
            if next % 64 == 0 { wire.queue { client.takeOutput(&$0) } }
        }
    }

    private func note(wire id: UInt16, message: UInt64?) throws {
        guard inFlight.add(wire: id, message: message, at: now()) else {
            // 65,535 messages later its namesake is still out.
            if let message { loop.answer(message, .unsent) }
            throw Failure(.acknowledgementOverdue)
        }
    }

    /// Publishes one of our own retained messages.
    private func own(_ client: MosquittoClient, payload: [UInt8]) throws {
        let topic = cString(loop.topics.status)
        var published = try client.publish(topic: topic, payload: payload, retained: true)
        if case .refused(0x9A) = published {
            published = try client.publish(topic: topic, payload: payload)
        }
        if case .sent(let id) = published { try note(wire: id, message: nil) }
    }

    private func settle(_ news: [ClientNews]) {
        for item in news {
            switch item {
            case .acknowledged(let id, let reason): acknowledged(id, reason)
            case .message(let topic, let payload, let retained):
                command(topic: topic, payload: payload, retained: retained)
            case .subscribed(let reason):
                if reason >= 0x80 { loop.counters.commandsRefused = reason }
            case .connected: break
            }
        }
    }

    private func acknowledged(_ id: UInt16, _ reason: UInt8) {
        guard let entry = inFlight.acknowledge(wire: id, at: now()) else {
            loop.counters.strayAcknowledgements += 1
            return
        }
        provedGood = true
        guard let message = entry.message else { return }
        loop.answer(
            message,
            reason < 0x80 ? .delivered(hadSubscribers: reason != 0x10) : .refused(reason: reason)
        )
    }

    private func command(topic: String, payload: [UInt8]?, retained: Bool) {
        let prefix = loop.topics.commandPrefix
        let name = topic.dropFirst(prefix.count)
        guard topic.hasPrefix(prefix), !name.isEmpty, !name.contains("/"), let payload,
            let text = String(validating: payload, as: UTF8.self)
        else {
            loop.counters.commandsDropped += 1
            return
        }
        loop.counters.commands += 1
        loop.emit(.command(UplinkCommand(name: String(name), payload: text, retained: retained)))
    }

    // MARK: The end

    private func offline(_ absence: GatewayStatus.Absence) -> [UInt8] {
        GatewayStatus.offline(gateway: loop.plan.gateway, epoch: epoch, because: absence)
    }

    /// Tells that we go, waits a moment for what is out, and disconnects.
    private func sayGoodbye(_ client: MosquittoClient, _ absence: GatewayStatus.Absence) {
        let deadline = now() + UplinkLimits.goodbyeDeadline
        do {
            try own(client, payload: offline(absence))
            while !inFlight.isEmpty, now() < deadline, client.isOpen {
                try exchange(client, milliseconds: (deadline - now()).milliseconds + 1)
                settle(client.takeNews())
            }
            client.disconnect()
            wire.queue { client.takeOutput(&$0) }
            try wire.flush()
            while wire.hasOutgoing, now() < deadline {
                waitForNews(
                    socket: wire.socket,
                    events: Int16(POLLOUT),
                    wakeup: loop.outbox.wakeup,
                    milliseconds: (deadline - now()).milliseconds + 1
                )
                try wire.flush()
            }
        } catch {
            // The link broke first: the last will says that we are gone.
        }
    }
}
