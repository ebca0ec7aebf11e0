import Signal

/// Process limits with deadband, on-delay and off-delay, each limit with a timer of its own.
///
/// A limit alarms when the value has been beyond it for the on-delay, and clears when the value has
/// been inside it by the deadband for the off-delay: the deadband belongs to the way back only.
/// A value that goes on from low to low-low starts the timer of low-low and leaves that of low.
struct LimitRules {
    /// What the limits of one instrument come to.
    struct Rules: Hashable {
        /// low-low, low, high, high-high; infinite where there is none.
        let limits: SIMD4<Double>
        let deadband: Double
        let onDelay: Nanoseconds
        let offDelay: Nanoseconds
        let unit: String

        init(_ settings: DetectorSettings) {
            let given = settings.limits
            let type = settings.signal ?? .pressure
            limits = SIMD4(
                given.lowLow ?? -.infinity,
                given.low ?? settings.span.lrv,
                given.high ?? settings.span.urv,
                given.highHigh ?? .infinity
            )
            deadband = max(0, given.deadband ?? type.deadbandShare * settings.span.width)
            onDelay = max(.zero, given.onDelay ?? type.delay)
            offDelay = max(.zero, given.offDelay ?? type.delay)
            unit = settings.span.unit
        }
    }

    private static let names = ["low-low", "low", "high", "high-high"]
    private static let never = Int64.min

    /// Per limit: since when the value is beyond (or, while active, back inside), or `never`.
    private var since = SIMD4<Int64>(repeating: LimitRules.never)
    /// Per limit: since when it is active; 0 bits of `active` where it is not.
    private var activeSince = SIMD4<Int64>.zero
    private var active: UInt8 = 0

    /// Whether limit `index` (low-low, low, high, high-high) is in alarm.
    func isActive(_ index: Int) -> Bool { active & 1 << UInt8(index) != 0 }
    /// Whether any limit is in alarm.
    var isAnyActive: Bool { active != 0 }

    @inline(__always)
    mutating func process(
        _ value: Double,
        at now: MonotonicTime,
        rules: Rules,
        into verdicts: inout [Verdict]
    ) {
        let limits = rules.limits
        // The usual case first: nothing active, nothing pending, value inside.
        if active == 0, value >= limits[1], value <= limits[2], value >= limits[0],
            value <= limits[3]
        {
            since = SIMD4(repeating: Self.never)
            return
        }
        let before = active
        for index in 0..<4 { advance(index, value, now, rules) }
        guard active != before else { return }
        report(.low, outer: 0, inner: 1, before, value, now, rules, &verdicts)
        report(.high, outer: 3, inner: 2, before, value, now, rules, &verdicts)
    }

    private mutating func advance(
        _ index: Int,
        _ value: Double,
        _ now: MonotonicTime,
        _ rules: Rules
    ) {
        let limit = rules.limits[index]
        guard limit.isFinite else { return }
        let excess = index < 2 ? limit - value : value - limit
        let isActive = isActive(index)
        // On the way out the limit itself counts, on the way back the deadband too.
        let moves = isActive ? excess <= -rules.deadband : excess > 0
        guard moves else {
            since[index] = Self.never
            return
        }
        if since[index] == Self.never { since[index] = now.nanoseconds }
        let lasted = now - MonotonicTime(nanoseconds: since[index])
        guard lasted >= (isActive ? rules.offDelay : rules.onDelay) else { return }
        active ^= 1 << UInt8(index)
        activeSince[index] = since[index]
        since[index] = Self.never
    }

    /// Turns a change on one side into one verdict: its two limits are one condition.
    private func report(
        _ condition: FindingCondition,
        outer: Int,
        inner: Int,
        _ before: UInt8,
        _ value: Double,
        _ now: MonotonicTime,
        _ rules: Rules,
        _ verdicts: inout [Verdict]
    ) {
        func severity(_ bits: UInt8) -> FindingSeverity? {
            bits & 1 << UInt8(outer) != 0
                ? .critical : bits & 1 << UInt8(inner) != 0 ? .warning : nil
        }
        let old = severity(before)
        let new = severity(active)
        guard old != new else { return }
        let index = new == .critical || new == nil && old == .critical ? outer : inner
        let limit = rules.limits[index]
        let since = MonotonicTime(nanoseconds: activeSince[index])
        let shown = NumberText.number(value) + " " + rules.unit
        let side = condition == .low ? "below" : "above"
        let lasted = NumberText.duration(seconds: (now - since).seconds)
        let explanation: String
        if let new {
            let eased = (old ?? .advisory) > new
            explanation =
                eased
                ? "\(shown) is back inside the \(Self.names[outer]) limit of "
                    + "\(NumberText.number(rules.limits[outer])) \(rules.unit) and still \(side) the "
                    + "\(Self.names[index]) limit of \(NumberText.number(limit)) \(rules.unit)."
                : "\(shown) has been \(side) the \(Self.names[index]) limit of "
                    + "\(NumberText.number(limit)) \(rules.unit) for \(lasted)."
        } else {
            explanation =
                "\(shown) has been back inside the \(Self.names[index]) limit of "
                + "\(NumberText.number(limit)) \(rules.unit) by the deadband of "
                + "\(NumberText.number(rules.deadband)) \(rules.unit) for \(lasted)."
        }
        verdicts.append(
            Verdict(
                condition: condition,
                phase: new == nil ? .clear : old == nil ? .onset : .update,
                severity: new ?? old ?? .warning,
                since: since,
                explanation: explanation,
                numbers: ["limit": limit, "deadband": rules.deadband]
            )
        )
    }

    /// Readings were missing: a delay must be seen through without a hole.
    mutating func gap() { since = SIMD4(repeating: Self.never) }

    /// Forgets that a side is in alarm: what is beyond its limits then has to last anew.
    mutating func forget(low: Bool, high: Bool) {
        for index in 0..<4 where index < 2 ? low : high {
            active &= ~(1 << UInt8(index))
            since[index] = Self.never
        }
    }

    // MARK: State

    func encode(into writer: inout ByteWriter, at now: MonotonicTime) {
        writer.write(active)
        for index in 0..<4 {
            writer.write(since[index] != Self.never)
            writer.write(now.nanoseconds &- (since[index] == Self.never ? 0 : since[index]))
            writer.write(now.nanoseconds &- activeSince[index])
        }
    }

    mutating func restore(
        from reader: inout ByteReader,
        at now: MonotonicTime
    ) throws(CodingFault) {
        active = try reader.read(UInt8.self) & 0x0F
        for index in 0..<4 {
            let isPending = try reader.readBool()
            let age = try reader.read(Int64.self)
            since[index] = isPending ? now.nanoseconds &- age : Self.never
            activeSince[index] = now.nanoseconds &- (try reader.read(Int64.self))
        }
    }
}
