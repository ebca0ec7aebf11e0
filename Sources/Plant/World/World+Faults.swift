import Alerts
import GatewayCore
import Signal

extension World {
    /// The next time that this goes wrong.
    mutating func expect(_ fault: WorldFault) {
        later(seconds(0...(2 * 3_600 / fault.rate)), .expected(fault))
    }

    mutating func begin(_ fault: WorldFault) throws(WorldFinding) {
        guard !isOver else { return }
        var target = 0
        let length = seconds(fault.lasts)
        if fault == .hungForHours, now + length > end { return }
        if fault.isOfBus {
            target = Int(random.next() % UInt64(plant.buses.count))
            guard plant.buses[target].fault == nil else { return }
            plant.buses[target].fault = fault
            plant.buses[target].inOrderSince = .distantFuture
        }
        report.faults[fault.rawValue, default: 0] += 1
        switch fault {
        case .silentUnit, .garbledReplies, .refusals, .unplugged, .lateReplies, .hungBus, .babble:
            tell("bus \(target): \(fault.rawValue) for \(Int(length.seconds)) s")
        case .highValue, .brokenWire, .shortedLoop, .frozenValue:
            target = Int(random.next() % UInt64(plant.truth.count))
            guard plant.truth[target] == .normal else { return }
            let truth = fault.truth
            become(truth, target)
            tell(
                "\(plan.settings.instruments[target].tag) is \(truth.rawValue) for "
                    + "\(Int(length.seconds)) s"
            )
        case .diskFull, .fullForHours, .hungJournal, .hungForHours, .failingReads:
            tell("journal: \(fault.rawValue) for \(Int(length.seconds)) s")
        case .failingWrites, .mediumDies, .foundDamaged, .powerCut:
            disk.trap = (fault.trap, Int(random.next() % 60))
            return
        case .brokerAway, .refusedConnections, .flappingBroker:
            tell("broker: \(fault.rawValue) for \(Int(length.seconds)) s")
            if broker.isUp { try loseLink(.linkLost("the broker closed the connection")) }
        case .noAcknowledgements, .lateAcknowledgements, .doubleAcknowledgements,
            .unknownAcknowledgements, .refusedMessages:
            tell("broker: \(fault.rawValue) for \(Int(length.seconds)) s")
            if fault == .noAcknowledgements { watchAcknowledgements() }
        case .wallStep:
            let size = [1.0, 3_600, 86_400][Int(random.next() % 3)]
            return later(.zero, .stepWall(.seconds(chance(0.5) ? size : -size)))
        case .crash:
            // The process dies between two effects of what comes next.
            dyingAt = Int(random.next() % 64)
            return
        case .damagedStore:
            tell("the journal's file is damaged")
            checks.setAside()
            journal.damage("header")
            return die(hasPower: false)
        case .cleanStop:
            if !isDown {
                tell("the gateway is stopped")
                checks.stopping()
                // `TimeoutStopSec` of the service.
                later(.seconds(10), .killed)
                try handle(.stop)
            }
            return
        case .hungGateway:
            guard !isDown else { return }
            let pause = seconds(1...40)
            tell("the gateway's thread gets no time for \(Int(pause.seconds)) s")
            now = now + pause
            checks.trouble(at: now)
            return
        case .shelve: return try shelve()
        case .acknowledge: return try acknowledgeAlerts()
        case .resend: return try resend()
        case .relayTest: return try execute(.testRelay(length: .seconds(10)))
        }
        if fault == .hungForHours { disk.hangsUntil = now + length }
        faults[fault, default: 0] += 1
        later(length, .end(fault, target))
    }

    /// - target: the bus or instrument; -1: whichever.
    mutating func ended(_ fault: WorldFault, _ target: Int) throws(WorldFinding) {
        faults[fault, default: 1] -= 1
        switch fault {
        case .silentUnit, .garbledReplies, .refusals, .unplugged, .lateReplies, .hungBus, .babble:
            guard target >= 0 else { return }
            tell("bus \(target): \(fault.rawValue) is over")
            plant.buses[target].fault = nil
            if !isDown { plant.settle(at: now) }
        case .highValue, .brokenWire, .shortedLoop, .frozenValue:
            guard target >= 0 else { return }
            tell("\(plan.settings.instruments[target].tag) is normal again")
            restore(target)
        case .noAcknowledgements:
            tell("broker: \(fault.rawValue) is over")
            releaseAcknowledgements()
        default: tell("\(fault.rawValue) is over")
        }
    }

    // MARK: People

    private mutating func execute(_ act: GatewayCommand.Act) throws(WorldFinding) {
        guard !isDown else { return }
        let (_, effects) = gateway.execute(command(act), at: box)
        checks.trouble(at: now)
        try perform(effects)
    }

    private func command(_ act: GatewayCommand.Act) -> GatewayCommand {
        GatewayCommand(
            name: "world",
            id: "w",
            expires: WallTime(nanosecondsSince1970: .max),
            by: "4711",
            note: "world",
            act: act
        )
    }

    /// Shelves an active alert for half an hour; soon after it the wall clock goes on by a day.
    private mutating func shelve() throws(WorldFinding) {
        guard !isDown, let alert = checks.active.min() else { return }
        let length = Nanoseconds.seconds(1_800)
        let (result, effects) = gateway.execute(
            command(.alert(.shelve(alert, length: length, isOneShot: false))),
            at: box
        )
        if result == .done {
            tell("alert \(alert) is shelved for half an hour")
            checks.shelved(alert, at: now, until: now + length)
            later(seconds(1...20), .stepWall(.seconds(86_400)))
        }
        try perform(effects)
    }

    private mutating func acknowledgeAlerts() throws(WorldFinding) {
        for alert in checks.openAlerts { try execute(.alert(.acknowledge(alert))) }
    }

    /// The central system asks for what it has already, or has lost.
    private mutating func resend() throws(WorldFinding) {
        guard !isDown, checks.sequence > 2_000 else { return }
        let from = Position(
            epoch: gateway.epoch,
            sequence: checks.sequence - random.next() % 2_000
        )
        try execute(.resend(from, uplink: "cmms"))
    }
}

extension WorldFault {
    fileprivate var truth: WorldPlant.Truth {
        switch self {
        case .highValue: .high
        case .brokenWire: .open
        case .shortedLoop: .shorted
        default: .frozen
        }
    }

    fileprivate var trap: WorldDisk.Trap {
        switch self {
        case .mediumDies: .mediumFails
        case .foundDamaged: .damaged
        case .powerCut: .powerFails
        default: .cannotWrite
        }
    }
}
