import Alerts
import Signal

/// A desk on a bench: its clock is a number, and everything it said is kept.
struct Bench {
    static let instruments = (1...4).map { number in
        InstrumentFacts(
            id: InstrumentID(rawValue: UInt32(number)),
            tag: "PT-10\(number)",
            area: number <= 2 ? "boiler" : "turbine",
            criticality: .medium,
            calibrationIntervalDays: 30
        )
    }
    static let pt101 = InstrumentID(rawValue: 1)
    static let high = ConditionKey(instrument: pt101, type: .ruleViolation, detail: "high")

    var desk: AlertDesk
    var now: Stamp
    var transitions: [AlertTransition] = []
    var notices: [AlertNotice] = []

    init(
        policy: AlertPolicy = AlertPolicy(),
        clock: ClockState = .synced,
        restoring: [AlertTransition] = [],
        epoch: UInt64 = 7,
        now: Stamp? = nil
    ) {
        self.now = now ?? stamp(1000, clock: clock)
        desk = AlertDesk(
            epoch: epoch,
            policy: policy,
            instruments: Bench.instruments,
            restoring: restoring,
            now: self.now
        )
    }

    /// The only open alert that is no notice.
    var alert: OpenAlert? {
        let alarms = desk.openAlerts.filter { !$0.isNotice }
        return alarms.count == 1 ? alarms[0] : nil
    }
    var states: [AlarmState] { transitions.map(\.alarmState) }

    mutating func after(_ seconds: Double) {
        now.monotonic = now.monotonic + .seconds(seconds)
        now.wall = now.wall + .seconds(seconds)
        take(desk.advance(to: now))
    }

    mutating func report(
        _ phase: ConditionChange.Phase,
        _ key: ConditionKey = Bench.high,
        grade: AlertGrade = .mainAlarm,
        severity: Severity? = nil,
        value: Double? = nil
    ) {
        take(
            desk.handle(
                ConditionChange(
                    key: key,
                    phase: phase,
                    grade: grade,
                    severity: severity,
                    value: value,
                    explanation: "PT-101 is too high"
                ),
                at: now
            )
        )
    }

    mutating func perform(
        _ action: AlertAction,
        by: String = "E042",
        note: String? = "because"
    ) throws(AlertRefusal) {
        take(try desk.perform(action, by: by, note: note, at: now))
    }

    mutating func take(_ output: AlertOutput) {
        transitions += output.transitions
        notices += output.notices
    }

    /// The last transition of every alert that is not resolved, as a journal gives them.
    var stored: [AlertTransition] {
        var last: [AlertID: AlertTransition] = [:]
        for step in transitions { last[step.alert] = step.state == .resolved ? nil : step }
        return last.values.sorted { $0.alert < $1.alert }
    }

    /// A new run of the gateway over what was stored, `seconds` later.
    func restarted(after seconds: Double, clock: ClockState = .synced) -> Bench {
        var later = now
        later.monotonic = MonotonicTime(nanoseconds: 5_000_000_000)
        later.wall = now.wall + .seconds(seconds)
        later.clock = clock
        return Bench(policy: desk.policy, restoring: stored, epoch: desk.epoch + 1, now: later)
    }
}

func stamp(_ seconds: Double, clock: ClockState = .synced) -> Stamp {
    Stamp(
        monotonic: .zero + .seconds(seconds),
        wall: WallTime(nanosecondsSince1970: 1_700_000_000_000_000_000) + .seconds(seconds),
        clock: clock
    )
}

/// SplitMix64: a seed replays a run.
struct Dice: RandomNumberGenerator {
    var state: UInt64
    init(seed: UInt64) { state = seed }
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
