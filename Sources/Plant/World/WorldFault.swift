import Signal

/// What may go wrong in a world, how often, and for how long.
enum WorldFault: String, CaseIterable, Hashable {
    // A bus, one of these at a time.
    case silentUnit, garbledReplies, refusals, unplugged, lateReplies, hungBus, babble
    // An instrument.
    case highValue, brokenWire, shortedLoop, frozenValue
    // The journal.
    case diskFull, fullForHours, failingWrites, mediumDies, foundDamaged, hungJournal
    case hungForHours, failingReads
    // The broker.
    case brokerAway, refusedConnections, flappingBroker, noAcknowledgements
    case lateAcknowledgements, doubleAcknowledgements, unknownAcknowledgements, refusedMessages
    // The clock.
    case wallStep
    // The process and the box.
    case crash, powerCut, cleanStop, hungGateway, damagedStore
    // People.
    case shelve, acknowledge, resend, relayTest

    /// Those that keep the instruments of a bus from being read.
    var isOfBus: Bool {
        switch self {
        case .silentUnit, .garbledReplies, .refusals, .unplugged, .lateReplies, .hungBus, .babble:
            true
        default: false
        }
    }

    /// Times an hour.
    var rate: Double {
        switch self {
        case .highValue, .brokenWire, .brokerAway, .lateReplies: 6
        case .wallStep, .silentUnit, .garbledReplies, .refusals, .unplugged, .acknowledge: 4
        case .crash: 3
        case .shortedLoop, .flappingBroker, .noAcknowledgements, .lateAcknowledgements, .powerCut: 2
        case .doubleAcknowledgements, .unknownAcknowledgements, .refusedConnections: 2
        case .diskFull, .failingWrites, .babble, .hungBus, .shelve, .failingReads: 2
        case .hungJournal, .hungGateway, .cleanStop, .refusedMessages, .mediumDies: 1
        case .frozenValue, .resend, .relayTest: 1
        case .foundDamaged, .damagedStore: 0.2
        case .fullForHours, .hungForHours: 0.02
        }
    }

    /// Seconds that it lasts, where it lasts.
    var lasts: ClosedRange<Double> {
        switch self {
        case .highValue: 90...240
        case .frozenValue: 500...800
        case .brokenWire, .shortedLoop, .silentUnit: 20...200
        case .hungBus, .hungJournal: 20...40
        case .unplugged, .garbledReplies, .refusals, .lateReplies, .babble: 5...120
        case .diskFull: 20...300
        case .fullForHours, .hungForHours: 7_000...9_000
        case .failingReads: 5...60
        case .brokerAway: 20...600
        case .flappingBroker, .lateAcknowledgements, .refusedConnections: 10...120
        case .noAcknowledgements: 10...100
        case .doubleAcknowledgements, .unknownAcknowledgements, .refusedMessages: 10...120
        default: 0...0
        }
    }
}
