/// Every bound by name, and the test that drives something to it: `Suite/function`.
///
/// A bound that is only a size of pieces, or a length of time, is met all along: it says so.
enum LimitTable {
    enum Proof {
        case test(String)
        /// No end that anything can be driven to: what it is instead.
        case met(String)
    }

    /// Rooms whose abuse is not proved yet: docs/reliability.md lists it as open.
    static let openRooms: Set = ["LocalPage", "People"]

    static let proofs: [String: Proof] = [
        "Limits.deliveredRanges": .test("JournalStoreTests/manyRanges"),
        "Limits.unstoredReadings": .test("DeliveryTests/overflow"),
        "Limits.fetchRows": .test("EnduranceTests/outage"),
        "Limits.commandBytes": .test("Commands/dropped"),
        "Limits.rememberedCommands": .test("LimitTests/commands"),
        "Limits.jobs": .test("ModelJobTests/limit"),
        "Limits.rememberedJobs": .test("ModelJobTests/limit"),
        "Limits.shadowFindings": .test("LimitTests/shadow"),
        "Limits.commitsPerSecond": .test("LimitTests/commits"),
        "Limits.refusedRanges": .test("LimitTests/refusals"),
        "Limits.recentReadings": .test("LimitTests/memory"),
        "Limits.recentRecords": .test("LimitTests/memory"),
        "Limits.batchReadings": .test("LimitTests/batch"),
        "Limits.refusals": .test("DeliveryTests/poison"),
        "Limits.frameBytes": .test("LastFramesTests/bounded"),
        "Limits.instruments": .test("InstrumentRegisterTests/tooMany"),

        "Limits.pageBytes": .test("PageServerTests/files"),
        "Limits.chartBytes": .test("PageServerTests/files"),

        "UplinkLimits.queuedMessages": .test("Misbehaviour/queueLimit"),
        "UplinkLimits.messageBytes": .test("Connections/tooLarge"),
        "UplinkLimits.incomingPacketBytes": .test("Guarding/atTheLimit"),
        "UplinkLimits.controlPacketBytes": .test("Guarding/stops"),
        "UplinkLimits.readBytes": .met("the piece that is read at a time"),
        "UplinkLimits.outgoingBytes": .test("Connections/frozen"),
        "UplinkLimits.kernelBytes": .test("Connections/frozen"),
        "UplinkLimits.topicLevelCharacters": .test("Codecs/topicLevels"),
        "UplinkLimits.passwordBytes": .met("the longest text that is read of a file"),
        "UplinkLimits.addresses": .met("names of tests have one address"),
        "UplinkLimits.sessionExpirySeconds": .met("a length of time, kept by the broker"),
        "UplinkLimits.goodbyeDeadline": .test("Connections/stopWhileFrozen"),

        "AlertLimits.conditionsPerInstrument": .test("FloodTests/limit"),
        "AlertLimits.gatewayConditions": .test("FloodTests/limit"),
        "AlertLimits.textCharacters": .test("LifecycleTests/longTexts"),
        "AlertLimits.frequentConditions": .test("FloodTests/frequentLimit"),
        "AlertLimits.reasonsNamed": .test("RelayLogicTests/manyReasons"),

        "DocumentLimits.fileBytes": .test("DocumentTests/tooLarge"),
        "DocumentLimits.values": .test("DocumentTests/billionLaughs"),
        "DocumentLimits.depth": .test("DocumentTests/depth"),
        "DocumentLimits.problems": .test("BusLoadTests/large"),
        "DocumentLimits.textBytes": .test("MapReaderTests/texts"),
        "DocumentLimits.quotedBytes": .test("MapReaderTests/quoting"),
        "DocumentLimits.parserStackBytes": .test("DocumentTests/depth"),

        "RelayLimits.retry": .met("a length of time between two tries"),
        "RelayLimits.round": .test("ContractTests/progress"),
        "RelayLimits.release": .met("a length of time; outputs of tests let go at once"),
        "RelayLimits.coil": .test("CoilTests/misbehaves"),
        "RelayLimits.fileBytes": .met("the longest text that is read of a file"),

        "BusLimits.owedReplies": .test("LedgerTests/full"),
        "BusLimits.timeoutsBetweenFences": .test("RTUTests/lateReplies"),
        "BusLimits.lateReply": .test("LedgerTests/expiry"),
        "BusLimits.buffer": .test("RTUTests/babble"),
        "BusLimits.settle": .met("a length of silence"),
        "BusLimits.descriptors": .met("systemd allows the process 512"),
    ]
}
