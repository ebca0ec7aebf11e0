import Detection
import GatewayCore
import Signal

/// Reads `detectors`, of all instruments or of one: what is left out is as in `base`.
struct DetectorDecoding {
    private let base: DetectionSettings

    init(over base: DetectionSettings) { self.base = base }

    /// The detectors below `parent`.
    func settings(_ parent: MapReader) -> DetectionSettings {
        guard let reader = parent.map(DetectorKeys.name) else { return base }
        var settings = base
        if let map = reader.map(DetectorKeys.limits.entry.name) {
            run(map, .limits, &settings)
            map.finish(DetectorKeys.common[1])
        }
        if let map = reader.map(DetectorKeys.drift.entry.name) {
            run(map, .drift, &settings)
            settings.drift = drift(map)
            map.finish(DetectorKeys.common[2])
        }
        if let map = reader.map(DetectorKeys.stuck.entry.name) {
            run(map, .stuck, &settings)
            settings.stuck = stuck(map)
            map.finish(DetectorKeys.common[3])
        }
        if let map = reader.map(DetectorKeys.anomaly.entry.name) {
            run(map, .anomaly, &settings)
            settings.anomaly = anomaly(map)
            map.finish(DetectorKeys.common[4])
        }
        reader.finish(DetectorKeys.common[0])
        return settings
    }

    private func run(_ map: MapReader, _ kind: DetectorKind, _ settings: inout DetectionSettings) {
        let inherited: DetectorKeys.Run =
            base.disabled.contains(kind) ? .off : base.shadow.contains(kind) ? .shadow : .on
        settings.disabled.remove(kind)
        settings.shadow.remove(kind)
        switch map.read(DetectorKeys.run, or: inherited) {
        case .on: break
        case .shadow: settings.shadow.insert(kind)
        case .off: settings.disabled.insert(kind)
        }
    }

    private func drift(_ map: MapReader) -> DriftSettings {
        typealias Keys = DetectorKeys.Drift
        var method = DetectorKeys.DriftMethod.bank
        var days = DetectorDecoding.days(Keys.falseAlarmEvery.fallback)
        var (k, h) = (Keys.k.fallback, Keys.h.fallback)
        switch base.drift {
        case .bank(let wanted): days = wanted
        case .plain(let slack, let interval): (method, k, h) = (.plain, slack, interval)
        }
        method = map.read(Keys.method, or: method)
        refuse(map, "method", method, Keys.owned)
        if let wanted = map.ifWritten(Keys.falseAlarmEvery) { days = DetectorDecoding.days(wanted) }
        k = map.read(Keys.k, or: k)
        h = map.read(Keys.h, or: h)
        return method == .bank ? .bank(daysBetweenFalseAlarms: days) : .plain(k: k, h: h)
    }

    private func stuck(_ map: MapReader) -> StuckSettings {
        typealias Keys = DetectorKeys.Stuck
        var method = DetectorKeys.StuckMethod.baseline
        var (deadband, time) = (Keys.deadband.fallback, Keys.time.fallback)
        if case .plain(let band, let length) = base.stuck {
            (method, deadband, time) = (.plain, band, length)
        }
        method = map.read(Keys.method, or: method)
        refuse(map, "method", method, Keys.owned)
        deadband = map.read(Keys.deadband, or: deadband)
        time = map.read(Keys.time, or: time)
        return method == .baseline ? .fromBaseline : .plain(deadband: deadband, time: time)
    }

    private func anomaly(_ map: MapReader) -> DetectionSettings.Anomaly {
        typealias Keys = DetectorKeys.Anomaly
        var settings = base.anomaly
        settings.window = map.read(Keys.window) ?? settings.window
        settings.hop = map.read(Keys.hop) ?? settings.hop
        if let window = settings.window, let hop = settings.hop, hop > window {
            map.problem(
                map.has("hop") ? "hop" : "window",
                "the hop of \(Scalars.describe(hop)) is longer than the window of "
                    + "\(Scalars.describe(window)): what lies between is never looked at",
                mend: "write a hop of \(Scalars.describe(window)) or less"
            )
        }
        settings.leastWindows = map.read(Keys.leastWindows, or: settings.leastWindows)
        settings.thresholds = thresholds(map)
        settings.needed = map.read(Keys.needed, or: settings.needed)
        settings.among = map.read(Keys.among, or: settings.among)
        if settings.needed > settings.among {
            map.problem(
                map.has("needed") ? "needed" : "among",
                "\(settings.needed) of the last \(settings.among) windows can never exceed a "
                    + "threshold",
                mend: "keep 'needed' at most as large as 'among'"
            )
        }
        settings.forest.trees = map.read(Keys.trees, or: settings.forest.trees)
        settings.forest.subsample = map.read(Keys.subsample, or: settings.forest.subsample)
        settings.forest.background = map.read(Keys.background, or: settings.forest.background)
        return settings
    }

    private func thresholds(_ map: MapReader) -> AnomalyThresholds {
        typealias Keys = DetectorKeys.Anomaly
        var kind = DetectorKeys.Thresholds.wanted
        var days = DetectorDecoding.days(Keys.falseAlarmEvery.fallback)
        var (warning, critical) = (Keys.warning.fallback, Keys.critical.fallback)
        switch base.anomaly.thresholds {
        case .wanted(let wanted): days = wanted
        case .fixed(let low, let high): (kind, warning, critical) = (.fixed, low, high)
        }
        kind = map.read(Keys.thresholds, or: kind)
        refuse(map, "thresholds", kind, Keys.owned)
        if let wanted = map.ifWritten(Keys.falseAlarmEvery) { days = DetectorDecoding.days(wanted) }
        warning = map.read(Keys.warning, or: warning)
        critical = map.read(Keys.critical, or: critical)
        if kind == .fixed, warning >= critical {
            map.problem(
                map.has("critical") ? "critical" : "warning",
                "the critical score \(plain(critical)) is not above the warning score "
                    + plain(warning),
                mend: "keep warning < critical, such as 0.5 and 0.7"
            )
        }
        return kind == .wanted
            ? .wanted(daysBetweenFalseAlarms: days) : .fixed(warning: warning, critical: critical)
    }

    /// Notes keys that mean nothing with the method in force.
    private func refuse<Method: RawRepresentable & Equatable>(
        _ map: MapReader,
        _ key: String,
        _ method: Method,
        _ owned: [(Method, [String])]
    ) where Method.RawValue == String {
        for (owner, keys) in owned where owner != method {
            for foreign in keys where map.has(foreign) {
                map.problem(
                    foreign,
                    "the key belongs to '\(key): \(owner.rawValue)', and this is "
                        + method.rawValue,
                    mend: "delete it or write '\(key): \(owner.rawValue)'"
                )
            }
        }
    }

    private static func days(_ length: Nanoseconds) -> Double { length.seconds / 86_400 }

    // MARK: Against the instrument

    /// Notes what cannot work with a reading every `interval`.
    func check(_ settings: DetectionSettings, _ instrument: MapReader, every interval: Nanoseconds)
    {
        func problem(_ section: String, _ key: String, _ what: String, mend: String) {
            let written = instrument.value(DetectorKeys.name)?[section]?[key]
            instrument.problems.add(
                at: written?.place ?? instrument.place(of: DetectorKeys.name),
                key: instrument.path(of: "\(DetectorKeys.name).\(section).\(key)"),
                what: what + " with a reading every \(Scalars.describe(interval))",
                mend: mend
            )
        }
        if !settings.disabled.contains(.stuck), case .plain(_, let time) = settings.stuck,
            time < interval * 3
        {
            problem(
                "stuck",
                "time",
                "\(Scalars.describe(time)) is too short to tell a stuck value",
                mend: "write \(Scalars.describe(interval * 3)) or more"
            )
        }
        guard !settings.disabled.contains(.anomaly) else { return }
        let anomaly = settings.anomaly
        if let window = anomaly.window, window < interval * 12 {
            problem(
                "anomaly",
                "window",
                "a window of \(Scalars.describe(window)) holds too few readings",
                mend: "write \(Scalars.describe(interval * 12)) or more, or delete the key"
            )
        } else if anomaly.window == nil, let hop = anomaly.hop,
            case let window = anomaly.settings(expectedInterval: interval).window, hop > window
        {
            problem(
                "anomaly",
                "hop",
                "the hop of \(Scalars.describe(hop)) is longer than the window of "
                    + Scalars.describe(window),
                mend: "write \(Scalars.describe(window)) or less, or a longer 'window'"
            )
        }
    }
}

extension MapReader {
    /// The value of `key`, or `inherited` where it is missing or wrong.
    func read<Value>(_ key: KeyWithFallback<Value>, or inherited: Value) -> Value {
        ifWritten(key) ?? inherited
    }

    /// The value of `key`, or nil where it is missing or wrong.
    func ifWritten<Value>(_ key: KeyWithFallback<Value>) -> Value? {
        optional(key.entry.name, key.form.parse)
    }
}
