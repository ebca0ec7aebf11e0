import Signal

/// Counts of annunciated alarms, as EEMUA 191 and ISA-18.2 judge an alarm system by them.
///
/// A ring of minutes over the last day, the exact times of the last few alarms for the flood, and
/// how often each condition came up; all of fixed size.
struct AlarmMetrics: Sendable {
    private static let minutes = 1440
    /// Annunciations in each minute of the last day, by severity.
    private var ring: [[UInt32]]
    /// The minute (of the monotonic clock) that the ring has reached.
    private var minute: Int64
    /// The latest annunciations, oldest first: enough to tell a flood.
    private var latest: [MonotonicTime] = []
    private let began: MonotonicTime
    private(set) var isFlood = false
    private var floodBegan: MonotonicTime
    private var floodLength = Nanoseconds.zero
    private var floods = 0
    private var fleeting: [UInt32]
    /// How often each condition came up, in the present day of this run and in the one before.
    private var frequent: [ConditionKey: UInt32] = [:]
    private var frequentBefore: [ConditionKey: UInt32] = [:]
    private var day: Int64 = 0

    init(since time: MonotonicTime) {
        ring = Array(
            repeating: Array(repeating: 0, count: AlarmMetrics.minutes),
            count: Severity.allCases.count
        )
        fleeting = Array(repeating: 0, count: AlarmMetrics.minutes)
        minute = AlarmMetrics.minute(of: time)
        began = time
        floodBegan = time
    }

    /// Counts an annunciation; true where it begins a flood.
    mutating func annunciated(_ severity: Severity, at time: MonotonicTime) -> Bool {
        _ = turn(to: time)
        ring[AlarmMetrics.row(of: severity)][slot] &+= 1
        latest.append(time)
        if latest.count > AlarmDefinitions.floodBegins + 1 { latest.removeFirst() }
        guard !isFlood, recent(at: time) > AlarmDefinitions.floodBegins else { return false }
        isFlood = true
        floods += 1
        floodBegan = time
        return true
    }

    /// Counts a condition that came up.
    mutating func activated(_ key: ConditionKey, at time: MonotonicTime) {
        _ = turn(to: time)
        if frequent[key] == nil, frequent.count >= AlertLimits.frequentConditions { return }
        frequent[key, default: 0] &+= 1
    }

    /// Counts an alarm that cleared by itself within seconds.
    mutating func fleeted(at time: MonotonicTime) {
        _ = turn(to: time)
        fleeting[slot] &+= 1
    }

    /// Lets time pass; true where a flood has ended.
    mutating func advance(to time: MonotonicTime) -> Bool {
        turn(to: time)
    }

    /// When a flood would end if no further alarm came.
    var nextDeadline: MonotonicTime {
        guard isFlood else { return .distantFuture }
        let index = latest.count - AlarmDefinitions.floodEnds
        guard index >= 0 else { return .zero }
        return latest[index] + AlarmDefinitions.floodWindow + Nanoseconds(1)
    }

    private mutating func turn(to time: MonotonicTime) -> Bool {
        let now = AlarmMetrics.minute(of: time)
        if now > minute {
            for step in 0..<min(now - minute, Int64(AlarmMetrics.minutes)) {
                let index = AlarmMetrics.slot(of: now - step)
                for row in ring.indices { ring[row][index] = 0 }
                fleeting[index] = 0
            }
            minute = now
        }
        let today = (time - began).count / AlarmDefinitions.stale.count
        if today > day {
            frequentBefore = today == day + 1 ? frequent : [:]
            frequent = [:]
            day = today
        }
        guard isFlood, recent(at: time) < AlarmDefinitions.floodEnds else { return false }
        isFlood = false
        floodLength = floodLength + (time - floodBegan)
        return true
    }

    /// Annunciations within the flood window, as far as the latest ones tell.
    private func recent(at time: MonotonicTime) -> Int {
        latest.count { time - $0 <= AlarmDefinitions.floodWindow }
    }

    private var slot: Int { AlarmMetrics.slot(of: minute) }
    private static func slot(of minute: Int64) -> Int {
        let rest = Int(minute % Int64(minutes))
        return rest < 0 ? rest + minutes : rest
    }
    private static func minute(of time: MonotonicTime) -> Int64 {
        time.nanoseconds / 60_000_000_000
    }
    private static func row(of severity: Severity) -> Int {
        switch severity {
        case .advisory: 0
        case .warning: 1
        case .critical: 2
        }
    }

    /// All annunciations of each minute of the last day, oldest first.
    private var history: [Int] {
        (0..<Int64(AlarmMetrics.minutes)).map { back in
            let index = AlarmMetrics.slot(of: minute - Int64(AlarmMetrics.minutes) + 1 + back)
            return ring.reduce(0) { $0 + Int($1[index]) }
        }
    }

    /// The figures at `time`; what is open is added by the desk.
    mutating func report(at time: MonotonicTime) -> AlarmReport {
        _ = turn(to: time)
        let history = history
        var report = AlarmReport()
        report.last10Minutes = history.suffix(10).reduce(0, +)
        report.lastHour = history.suffix(60).reduce(0, +)
        report.lastDay = history.reduce(0, +)
        let watched = max(10, min(AlarmMetrics.minutes, Int((time - began).seconds / 60)))
        report.averagePer10Minutes = Double(report.lastDay) * 10 / Double(watched)
        var sum = 0
        for (index, count) in history.enumerated() {
            sum += count - (index >= 10 ? history[index - 10] : 0)
            report.mostIn10Minutes = max(report.mostIn10Minutes, sum)
        }
        for hour in 0..<24 where history[(hour * 60)..<(hour * 60 + 60)].reduce(0, +) > 30 {
            report.hoursAbove30 += 1
        }
        report.isFlood = isFlood
        report.floods = floods
        let flooded = floodLength + (isFlood ? time - floodBegan : .zero)
        report.floodShare =
            time > began ? min(1, flooded.seconds / (time - began).seconds) : 0
        report.fleetingLastDay = fleeting.reduce(0) { $0 + Int($1) }
        for severity in Severity.allCases {
            report.lastDayBySeverity[severity] =
                ring[AlarmMetrics.row(of: severity)].reduce(0) { $0 + Int($1) }
        }
        let both = frequent.merging(frequentBefore) { $0 &+ $1 }
        let total = both.values.reduce(0) { $0 + Int($1) }
        report.frequent = both.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.prefix(10).map {
            AlarmReport.Frequent(
                key: $0.key,
                subject: "",
                count: Int($0.value),
                share: total == 0 ? 0 : Double($0.value) / Double(total)
            )
        }
        return report
    }
}

/// The figures by which an alarm system is judged, with the targets of EEMUA 191 in brackets.
public struct AlarmReport: Hashable, Sendable {
    /// One of the most frequent conditions.
    public struct Frequent: Hashable, Sendable {
        /// Which condition.
        public var key: ConditionKey
        /// Its tag or part.
        public var subject: String
        /// How often it came up since yesterday.
        public var count: Int
        /// Its share of all that came up (the ten together: below 5 %).
        public var share: Double
    }

    /// Alarms annunciated in the last ten minutes (1 on average, at most 10).
    public internal(set) var last10Minutes = 0
    /// In the last hour (6).
    public internal(set) var lastHour = 0
    /// In the last 24 hours (150).
    public internal(set) var lastDay = 0
    /// Average over ten minutes in the last 24 hours (1, at most 2).
    public internal(set) var averagePer10Minutes = 0.0
    /// The most in any ten minutes of the last 24 hours (10).
    public internal(set) var mostIn10Minutes = 0
    /// Hours of the last 24 with more than 30 alarms (below 1 %).
    public internal(set) var hoursAbove30 = 0
    /// Whether a flood is going on.
    public internal(set) var isFlood = false
    /// Floods since the start.
    public internal(set) var floods = 0
    /// Share of the time since the start spent in flood, 0 to 1 (below 0.01).
    public internal(set) var floodShare = 0.0
    /// Alarms of the last 24 hours by severity (80 % advisory, 15 % warning, 5 % critical).
    public internal(set) var lastDayBySeverity: [Severity: Int] = [:]
    /// Alarms that cleared by themselves within seconds, in the last 24 hours (0).
    public internal(set) var fleetingLastDay = 0
    /// Active now and annunciated.
    public internal(set) var standing = 0
    /// Waiting for an acknowledgement.
    public internal(set) var unacknowledged = 0
    /// Waiting for a reset.
    public internal(set) var latched = 0
    /// On a shelf.
    public internal(set) var shelved = 0
    /// Suppressed after maintenance.
    public internal(set) var suppressed = 0
    /// Of instruments out of service.
    public internal(set) var outOfService = 0
    /// Chattering now (0).
    public internal(set) var chattering: [AlertID] = []
    /// Active for more than a day (fewer than 5).
    public internal(set) var stale: [AlertID] = []
    /// The ten conditions that came up most often.
    public internal(set) var frequent: [Frequent] = []
}

extension AlertDesk {
    /// The alarm system's figures.
    public mutating func report(at now: Stamp) -> AlarmReport {
        var report = metrics.report(at: now.monotonic)
        for index in report.frequent.indices {
            report.frequent[index].subject = subject(of: report.frequent[index].key)
        }
        for alert in openAlerts where !alert.isNotice {
            switch alert.suppression {
            case .shelved: report.shelved += 1
            case .maintenance: report.suppressed += 1
            case .outOfService: report.outOfService += 1
            case nil:
                if alert.isActive { report.standing += 1 }
                if !alert.isAcknowledged { report.unacknowledged += 1 }
            }
            if alert.isLatched { report.latched += 1 }
            if alert.marks.contains(.chattering) { report.chattering.append(alert.id) }
            if alert.marks.contains(.stale) { report.stale.append(alert.id) }
        }
        return report
    }
}
