/// What must hold in the simulated world after every event.
public enum Invariant: String, Hashable, Sendable, CaseIterable {
    /// Every stored row arrives, or a record tells that it is gone; no delivery mark passes a row
    /// that never arrived.
    case nothingStoredIsLost = "nothing-stored-is-lost"
    /// Nobody sees one identity with two payloads.
    case identitiesAreUnique = "identities-are-unique"
    /// First arrivals of a tag, and of records, come in the order of runs and sequences: all of them
    /// on an ordered connection, the live ones on the others.
    case orderPerTagHolds = "order-per-tag-holds"
    /// No value stands under another register's instrument, unless it is marked as one that may: the
    /// first after a timeout on a bus without transaction numbers.
    case noSwappedRegister = "no-swapped-register"
    /// What cannot be trusted is never stored or published as good.
    case badIsNeverGood = "bad-is-never-good"
    /// A bad reading is no input of a process alarm.
    case alarmsComeFromTheProcess = "alarms-come-from-the-process"
    /// An alarm that lasts is an open alert within its delay.
    case noMissedAlarm = "no-missed-alarm"
    /// The relay is safe from the event on in which an alert that drives it is decided, and
    /// energised again within half a minute after nothing is wrong.
    case relayFollowsAlerts = "relay-follows-alerts"
    /// The relay is safe while what feeds it stands still.
    case relayIsSafeWhileStalled = "relay-is-safe-while-stalled"
    /// One condition has at most one open alert.
    case oneAlertPerCondition = "one-alert-per-condition"
    /// No queue grows past its limit.
    case queuesAreBounded = "queues-are-bounded"
    /// A step of the wall clock makes nothing expire.
    case wallClockExpiresNothing = "wall-clock-expires-nothing"
    /// A time that is published as certain is the civil time of its instant, also where the clock was
    /// set later.
    case timesAreCorrected = "times-are-corrected"
    /// A bus that is in order is asked every second.
    case pollingGoesOn = "polling-goes-on"
    /// The gateway never asks to be called at an instant that is over, without end: it would take a
    /// core for itself.
    case timersGoOn = "timers-go-on"
    /// With all faults gone, everything is delivered.
    case drainsInTheEnd = "drains-in-the-end"
}

/// A known bug of one of the gateway's parts, one for each invariant at least: what finds nothing then
/// proves nothing otherwise. Each changes what passes between gateway and world; the checks know
/// nothing of it.
public enum Sabotage: String, Hashable, Sendable, CaseIterable {
    case lostRow = "lost-row"
    case lostRecord = "lost-record"
    case reusedIdentity = "reused-identity"
    case changedPayload = "changed-payload"
    case reorderedLane = "reordered-lane"
    case swappedRegister = "swapped-register"
    case badAsGood = "bad-as-good"
    case alarmFromBadReading = "alarm-from-bad-reading"
    case swallowedAlert = "swallowed-alert"
    case lateRelay = "late-relay"
    case stuckRelay = "stuck-relay"
    case energisedWhileStalled = "energised-while-stalled"
    case doubledAlert = "doubled-alert"
    case unboundedQueue = "unbounded-queue"
    case wallClockTimers = "wall-clock-timers"
    case uncorrectedTimes = "uncorrected-times"
    case forgottenBus = "forgotten-bus"
    case stuckTimer = "stuck-timer"
    case deafUplink = "deaf-uplink"

    /// The invariant that it breaks.
    public var breaks: Invariant {
        switch self {
        case .lostRow, .lostRecord: .nothingStoredIsLost
        case .reusedIdentity, .changedPayload: .identitiesAreUnique
        case .reorderedLane: .orderPerTagHolds
        case .swappedRegister: .noSwappedRegister
        case .badAsGood: .badIsNeverGood
        case .alarmFromBadReading: .alarmsComeFromTheProcess
        case .swallowedAlert: .noMissedAlarm
        case .lateRelay, .stuckRelay: .relayFollowsAlerts
        case .energisedWhileStalled: .relayIsSafeWhileStalled
        case .doubledAlert: .oneAlertPerCondition
        case .unboundedQueue: .queuesAreBounded
        case .wallClockTimers: .wallClockExpiresNothing
        case .uncorrectedTimes: .timesAreCorrected
        case .forgottenBus: .pollingGoesOn
        case .stuckTimer: .timersGoOn
        case .deafUplink: .drainsInTheEnd
        }
    }

    /// The bug in a sentence.
    public var summary: String {
        switch self {
        case .lostRow: "a read of the journal leaves a reading out"
        case .lostRecord: "an alert is taken for delivered and was not sent"
        case .reusedIdentity: "a restart uses the run number of an earlier one"
        case .changedPayload: "a reading read back has another value"
        case .reorderedLane: "messages go out last first"
        case .swappedRegister: "two registers of a reply are exchanged"
        case .badAsGood: "bad readings are published as good"
        case .alarmFromBadReading: "a broken wire raises a process alarm"
        case .swallowedAlert: "limit alarms are not recorded"
        case .lateRelay: "the relay goes safe half a minute late"
        case .stuckRelay: "the relay is never energised again"
        case .energisedWhileStalled: "the relay is fed though a bus or the journal hangs"
        case .doubledAlert: "every alert is raised twice"
        case .unboundedQueue: "the window of unacknowledged messages is not kept"
        case .wallClockTimers: "timers run on the wall clock"
        case .uncorrectedTimes: "times from before the clock was set are not corrected"
        case .forgottenBus: "a bus is not asked any more after a lost request"
        case .stuckTimer: "a deadline stays where it is when its time has come"
        case .deafUplink: "the link does not come up any more after its third loss"
        }
    }
}
