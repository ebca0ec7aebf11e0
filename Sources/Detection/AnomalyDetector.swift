import Signal

/// Cuts readings into windows and judges each against a model.
struct AnomalyDetector {
    /// The most samples that a window is made of; of more, every so-manieth is used.
    static let mostSamples = 256
    /// The newest part of a window, by which a return is judged: one third.
    static let newestPart = 3
    /// A distance that one good window in a hundred exceeds.
    static let near = 3.37

    /// Nanoseconds of the monotonic clock and values, a ring in order of time.
    private var times: [Int64] = []
    private var values: [Double] = []
    private var head = 0
    private var skipped = 0
    private var lastHop: Int64?

    /// The last windows' verdicts on the distance (or fixed score), newest in bit 0.
    private var history: UInt8 = 0
    /// Since when every window exceeded the forest's limit.
    private var scoreSince: Int64?
    private var isFar = false
    /// How far the mean was off at most, in deviations, and how often in a row it seemed back.
    private var level = 0.0
    private var returned = 0
    /// Whether the anomaly under way is one of the autocorrelation, which takes a whole window to see.
    private var isOfShape = false
    /// Until then windows still hold readings of an anomaly that is over.
    private var mixedUntil = Int64.min
    private var isOdd = false
    private var since = MonotonicTime.zero
    private var severity = FindingSeverity.warning
    /// Whether an onset was told and no end yet.
    private var isTold = false

    /// The last window's score and distance.
    private(set) var score: Double?
    private(set) var distance: Double?

    var isActive: Bool { isFar || isOdd }

    mutating func process(
        _ value: Double,
        at now: MonotonicTime,
        settings: DetectorSettings,
        model: AnomalyModel,
        into verdicts: inout [Verdict]
    ) {
        keep(value, at: now, settings)
        // A reading stands for the interval that begins with it: the last one of a window closes it.
        let hop = max(settings.anomaly.hop.count, 1_000_000)
        let reached = (now + settings.expectedInterval).nanoseconds
        let index = reached >= 0 ? reached / hop : (reached - hop + 1) / hop
        guard let lastHop else {
            self.lastHop = index
            return
        }
        guard index > lastHop else { return }
        self.lastHop = index
        guard let window = features(upTo: index &* hop, part: 1, settings) else { return }
        let newest = features(upTo: index &* hop, part: Int64(Self.newestPart), settings)
        judge(window, newest, at: now, settings: settings, model: model, &verdicts)
    }

    private mutating func keep(_ value: Double, at now: MonotonicTime, _ settings: DetectorSettings)
    {
        skipped += 1
        guard skipped >= settings.thinning else { return }
        skipped = 0
        if times.count < Self.mostSamples, times.isEmpty || !isOldest(now, settings) {
            // Still growing: the ring has its oldest entry at `head`, the newest before it.
            times.insert(now.nanoseconds, at: head)
            values.insert(value, at: head)
            head = head + 1 == times.count ? 0 : head + 1
        } else {
            times[head] = now.nanoseconds
            values[head] = value
            head = head + 1 == times.count ? 0 : head + 1
        }
    }

    /// Whether the oldest sample has left every window that can still be asked for.
    private func isOldest(_ now: MonotonicTime, _ settings: DetectorSettings) -> Bool {
        let kept = settings.anomaly.window + settings.expectedInterval * 2
        return now.nanoseconds &- times[head] > kept.count
    }

    private func features(
        upTo end: Int64,
        part: Int64,
        _ settings: DetectorSettings
    ) -> WindowFeatures? {
        let slack = settings.expectedInterval.count / 4
        let begin = end &- settings.anomaly.window.count / part &- slack
        let count = times.count
        // From the oldest on, the first sample inside; and the first beyond the end.
        var first = 0
        while first < count, at(first) < begin { first += 1 }
        var last = count
        while last > first, at(last - 1) >= end &- slack { last -= 1 }
        let least = part == 1 ? settings.leastSamples : settings.leastNewest
        guard (last - first) * settings.thinning >= least else { return nil }
        let origin = at(first)
        return WindowFeatures(
            count: last - first,
            nominal: settings.nominal,
            lower: settings.span.lrv,
            upper: settings.span.urv
        ) { index in
            let place = slot(first + index)
            return (Double(times[place] &- origin) / 1e9, values[place])
        }
    }

    @inline(__always) private func slot(_ age: Int) -> Int {
        let place = head + age
        return place >= times.count ? place - times.count : place
    }
    @inline(__always) private func at(_ age: Int) -> Int64 { times[slot(age)] }

    private mutating func judge(
        _ window: WindowFeatures,
        _ newest: WindowFeatures?,
        at now: MonotonicTime,
        settings: DetectorSettings,
        model: AnomalyModel,
        _ verdicts: inout [Verdict]
    ) {
        let anomaly = settings.anomaly
        let score = model.forest.score(window)
        let distance = model.distance(window)
        self.score = score
        self.distance = distance
        var isCritical = false
        switch anomaly.thresholds {
        case .fixed(let warning, let critical):
            remember(score >= warning, anomaly)
            isCritical = score >= critical
            isOdd = false
        case .wanted:
            let isMixed = now.nanoseconds < mixedUntil
            let newestDistance = newest.map { model.newest($0) }
            remember((isMixed ? newestDistance ?? 0 : distance) > model.distanceLimit, anomaly)
            isCritical = !isMixed && distance > 2 * model.distanceLimit
            if isActive, !isMixed {
                watchReturn(window, newest, newestDistance, model, anomaly, now)
            } else if !isActive {
                level = 0
                returned = 0
                isOfShape = false
            }
            if score > model.scoreLimit, now.nanoseconds >= mixedUntil {
                let began = scoreSince ?? now.nanoseconds
                scoreSince = began
                // Three disjoint windows: the first ended when this began, two more since.
                if now.nanoseconds &- began >= anomaly.window.count &* 2 { isOdd = true }
            } else {
                scoreSince = nil
                isOdd = false
            }
        }
        report(window, score, distance, isCritical, now, settings, model, &verdicts)
    }

    /// Ends an anomaly of the level or the spread as soon as the newest part of the window is back:
    /// twice in a row near its own baseline, and nearer to it than to where the anomaly was.
    private mutating func watchReturn(
        _ window: WindowFeatures,
        _ newest: WindowFeatures?,
        _ newestDistance: Double?,
        _ model: AnomalyModel,
        _ anomaly: AnomalySettings,
        _ now: MonotonicTime
    ) {
        let shift = abs(model.distance.shift(window))
        level = max(level, shift)
        let isLevelOrSpread = model.distance.isLevelOrSpread(window)
        if !isLevelOrSpread, model.distance(window) > model.distanceLimit { isOfShape = true }
        guard let newest, let newestDistance, newestDistance < Self.near,
            isLevelOrSpread, !isOfShape,
            abs(model.distance.shift(newest)) <= max(level / 2, Self.near / 2)
        else {
            returned = 0
            return
        }
        returned += 1
        guard returned >= 2 else { return }
        isFar = false
        isOdd = false
        history = 0
        returned = 0
        level = 0
        scoreSince = nil
        // Until every reading of a window is newer than the return, its newest part speaks for it.
        mixedUntil = (now + anomaly.window).nanoseconds
    }

    /// Enters and leaves the far state by `needed` of `among`, and by none of them.
    private mutating func remember(_ exceeds: Bool, _ anomaly: AnomalySettings) {
        history = history << 1 | (exceeds ? 1 : 0)
        let recent = history & UInt8(truncatingIfNeeded: (1 << anomaly.among) - 1)
        if isFar {
            if recent == 0 { isFar = false }
        } else if recent.nonzeroBitCount >= anomaly.needed {
            isFar = true
        }
    }

    private mutating func report(
        _ window: WindowFeatures,
        _ score: Double,
        _ distance: Double,
        _ isCritical: Bool,
        _ now: MonotonicTime,
        _ settings: DetectorSettings,
        _ model: AnomalyModel,
        _ verdicts: inout [Verdict]
    ) {
        let was = isTold
        isTold = isActive
        let length = NumberText.duration(seconds: settings.anomaly.window.seconds)
        guard isActive else {
            if was {
                verdicts.append(
                    Verdict(
                        condition: .anomaly,
                        phase: .clear,
                        severity: severity,
                        since: since,
                        explanation: "The last windows of \(length) look like the baseline again, "
                            + NumberText.duration(seconds: (now - since).seconds)
                            + " after the first that did not.",
                        numbers: ["score": score, "distance": distance]
                    )
                )
            }
            return
        }
        let grade: FindingSeverity = isFar && isCritical ? .critical : .warning
        let phase: Finding.Phase
        if !was {
            phase = .onset
            since = now - settings.anomaly.window
            severity = grade
        } else if grade > severity {
            phase = .update
            severity = grade
        } else {
            return
        }
        let (feature, deviations) = model.distance.farthest(window)
        let unit = settings.span.unit
        verdicts.append(
            Verdict(
                condition: .anomaly,
                phase: phase,
                severity: grade,
                since: since,
                explanation: "Windows of \(length) are unlike the baseline: distance "
                    + "\(NumberText.number(distance, digits: 3)) (limit "
                    + "\(NumberText.number(model.distanceLimit, digits: 3))), forest score "
                    + "\(NumberText.number(score, digits: 3)) (limit "
                    + "\(NumberText.number(scoreLimit(settings, model), digits: 3))); farthest is "
                    + "\(feature.name) at \(NumberText.number(window[feature])), "
                    + "\(NumberText.signed(deviations)) deviations off; mean "
                    + "\(NumberText.number(window[.mean])) \(unit).",
                numbers: [
                    "score": score, "score_limit": scoreLimit(settings, model),
                    "distance": distance, "distance_limit": model.distanceLimit,
                    "mean": window[.mean],
                ]
            )
        )
    }

    private func scoreLimit(_ settings: DetectorSettings, _ model: AnomalyModel) -> Double {
        if case .fixed(let warning, _) = settings.anomaly.thresholds { return warning }
        return model.scoreLimit
    }

    /// Readings are missing or held back: windows must not span the hole.
    mutating func gap() {
        times.removeAll(keepingCapacity: true)
        values.removeAll(keepingCapacity: true)
        head = 0
        skipped = 0
        scoreSince = nil
    }

    // MARK: State

    func encode(into writer: inout ByteWriter, at now: MonotonicTime) {
        writer.write(history)
        writer.write(isFar)
        writer.write(isOdd)
        writer.write(isTold)
        writer.write(severity.rawValue)
        writer.write(now.nanoseconds &- since.nanoseconds)
        writer.write(score)
        writer.write(distance)
    }

    /// The window itself is not kept: it fills again in its own length.
    mutating func restore(
        from reader: inout ByteReader,
        at now: MonotonicTime
    ) throws(CodingFault) {
        gap()
        lastHop = nil
        history = try reader.read(UInt8.self)
        isFar = try reader.readBool()
        isOdd = try reader.readBool()
        isTold = try reader.readBool()
        severity = FindingSeverity(rawValue: try reader.read(UInt8.self)) ?? .warning
        since = MonotonicTime(nanoseconds: now.nanoseconds &- (try reader.read(Int64.self)))
        score = try reader.readOptional()
        distance = try reader.readOptional()
    }
}
