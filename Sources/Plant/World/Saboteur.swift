import Alerts
import GatewayCore
import Signal

/// Plants one bug between the gateway and its world: what one of the gateway's parts, or an adapter
/// beside it, would do if it were wrong.
struct Saboteur {
    let sabotage: Sabotage
    /// How often the thing that goes wrong has come.
    var count = 0
    /// Until when the relay's news is held back.
    var until = MonotonicTime.zero

    init(_ sabotage: Sabotage) { self.sabotage = sabotage }
}

extension World {
    /// An event as the gateway gets it with the planted bug; nil: it never does.
    mutating func sabotaged(_ event: Event) -> Event? {
        guard var saboteur else { return event }
        defer { self.saboteur = saboteur }
        switch (saboteur.sabotage, event) {
        case (.lostRow, .fetched(let connection, let stream, let asked, .success(var fetched))):
            guard case .readings(var rows) = fetched.rows, rows.count > 3 else { return event }
            rows.remove(at: 1)
            fetched.rows = .readings(rows)
            return .fetched(connection, stream, asked: asked, .success(fetched))
        case (.swappedRegister, .reply(let bus, var reply)):
            saboteur.count += 1
            guard saboteur.count % 500 == 0, case .success(var words) = reply.outcome,
                words.count > 1
            else { return event }
            words.swapAt(0, 1)
            reply.outcome = .success(words)
            return .reply(bus, reply)
        case (.deafUplink, .broker(_, .up)):
            saboteur.count += 1
            return saboteur.count > 3 ? nil : event
        default: return event
        }
    }

    /// Effects as the world gets them with the planted bug.
    mutating func sabotaged(_ effects: [Effect]) -> [Effect] {
        guard let sabotage = saboteur?.sabotage else { return effects }
        return effects.compactMap { effect -> Effect? in
            switch effect {
            case .relay(let demand): sabotaged(demand, sabotage)
            case .commit(let commit): .commit(sabotaged(commit, sabotage))
            case .publish(let connection, let messages):
                .publish(connection, sabotaged(messages, sabotage))
            case .correctClock: sabotage == .uncorrectedTimes ? nil : effect
            case .read:
                sabotage == .forgottenBus && count(every: 5_000) ? nil : effect
            default: effect
            }
        }
    }

    private mutating func count(every period: Int) -> Bool {
        saboteur?.count += 1
        return (saboteur?.count ?? 0) % period == 0
    }

    private mutating func sabotaged(_ demand: RelayDemand, _ sabotage: Sabotage) -> Effect? {
        switch sabotage {
        case .lateRelay where demand == .safe && checks.demand == .energised:
            if saboteur?.until == .zero { saboteur?.until = now + .seconds(30) }
            if now < saboteur?.until ?? now { return nil }
            saboteur?.until = .zero
        case .stuckRelay where demand == .energised: return .relay(.safe)
        case .energisedWhileStalled where hangs && checks.drivers.isEmpty:
            return .relay(.energised)
        default: break
        }
        return .relay(demand)
    }

    private var hangs: Bool {
        has(.hungJournal) || plant.buses.contains { $0.fault == .hungBus }
    }

    private mutating func sabotaged(_ commit: Commit, _ sabotage: Sabotage) -> Commit {
        var commit = commit
        switch sabotage {
        case .swallowedAlert:
            commit.records.removeAll {
                if case .alert(let step) = $0.body { step.type == .ruleViolation } else { false }
            }
        case .doubledAlert:
            guard let last = commit.records.last, case .alert(var step) = last.body,
                step.state == .raised
            else { break }
            step.alert.number += 1_000_000
            commit.records.append(
                SequencedRecord(
                    sequence: last.sequence + 1,
                    stamp: last.stamp,
                    body: .alert(step)
                )
            )
        case .alarmFromBadReading:
            // Whoever alarms on the broken wire, alarms on its −2 bar.
            guard let last = commit.records.last, case .alert(var step) = last.body,
                step.type == .instrumentFault, step.state == .raised, step.detail != "stuck"
            else { break }
            step.type = .ruleViolation
            step.detail = "low"
            step.alert.number += 1_000_000
            commit.records.append(
                SequencedRecord(
                    sequence: last.sequence + 1,
                    stamp: last.stamp,
                    body: .alert(step)
                )
            )
        default: break
        }
        return commit
    }

    private mutating func sabotaged(
        _ messages: [OutgoingMessage],
        _ sabotage: Sabotage
    ) -> [OutgoingMessage] {
        switch sabotage {
        case .reorderedLane: return messages.reversed()
        case .lostRecord:
            return messages.filter { message in
                guard broker.isUp, case .record = message.content else { return true }
                let answer = PublishOutcome.delivered(hadSubscribers: true)
                later(
                    .milliseconds(9),
                    .acknowledge([(message.id, answer)], session: broker.session)
                )
                return false
            }
        case .changedPayload, .badAsGood: return messages.map { sabotaged($0, sabotage) }
        default: return messages
        }
    }

    private func sabotaged(_ message: OutgoingMessage, _ sabotage: Sabotage) -> OutgoingMessage {
        var message = message
        switch message.content {
        case .reading(let row, let epoch, let historical):
            message.content = .reading(
                sabotaged(row, sabotage, historical),
                epoch: epoch,
                historical: historical
            )
        case .batch(let rows, let epoch, let historical):
            message.content = .batch(
                rows.map { sabotaged($0, sabotage, historical) },
                epoch: epoch,
                historical: historical
            )
        default: break
        }
        return message
    }

    private func sabotaged(
        _ row: SequencedReading,
        _ sabotage: Sabotage,
        _ historical: Bool
    ) -> SequencedReading {
        var row = row
        let reading = row.reading
        if sabotage == .changedPayload, historical, let value = reading.value {
            row.reading.value = value + 0.000_05
        }
        if sabotage == .badAsGood, reading.quality.level == .bad {
            row.reading = Reading(
                instrument: reading.instrument,
                stamp: reading.stamp,
                raw: reading.raw,
                current: reading.current,
                value: nil,
                quality: .good
            )
        }
        return row
    }
}
