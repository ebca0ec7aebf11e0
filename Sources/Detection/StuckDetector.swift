import RealModule
import Signal

/// What the baseline says about standing still.
public struct StuckModel: Hashable, Sendable {
    /// The longest time that the code stood still in the baseline, in seconds.
    public var longestRun: Double
    /// The smallest standard deviation of `StuckDetector.noiseSpan` in the baseline; nil where it
    /// says nothing, as when some stretch of the baseline did not move at all.
    public var leastDeviation: Double?
}

/// Finds values that do not change any more, and values whose noise is gone.
///
/// By default the raw code must stand still for the longest of 60 s, 20 readings and three times
/// the longest such run in the baseline; without a baseline for 15 minutes. It is judged on
/// readings only: silence is a gap, not a stuck value.
struct StuckDetector {
    /// The stretch whose standard deviation is compared with the baseline's.
    static let noiseSpan = Nanoseconds.seconds(120)
    /// The noise is lost below this share of the smallest deviation in the baseline.
    static let noiseShare = 0.2

    private enum State: UInt8 { case moving, frozen, noiseLost }

    private var anchor = 0.0
    private var anchorCode: Int64?
    private var anchorTime: MonotonicTime?
    private var state = State.moving
    private var stateSince = MonotonicTime.zero
    // The noise stretch under way: Welford's sums.
    private var count = 0
    private var mean = 0.0
    private var squares = 0.0
    private var stretchBegan: MonotonicTime?

    var isActive: Bool { state != .moving }

    mutating func process(
        _ reading: Reading,
        _ value: Double,
        at now: MonotonicTime,
        settings: DetectorSettings,
        model: StuckModel?,
        into verdicts: inout [Verdict]
    ) {
        let deadband: Double
        let time: Nanoseconds
        switch settings.stuck {
        case .fromBaseline:
            deadband = 0
            time =
                model.map {
                    max(.seconds(60), settings.expectedInterval * 20, .seconds(3 * $0.longestRun))
                } ?? max(.seconds(900), settings.expectedInterval * 20)
        case .plain(let share, let plainTime):
            deadband = max(share * settings.span.width, 1e-6)
            time = plainTime
        }
        guard let began = anchorTime else {
            return setAnchor(reading, value, now)
        }
        let moved =
            if deadband == 0, let code = reading.raw, let anchorCode { code != anchorCode } else {
                abs(value - anchor) > deadband
            }
        if moved {
            if state == .frozen {
                state = .moving
                verdicts.append(
                    Verdict(
                        condition: .frozen,
                        phase: .clear,
                        severity: .critical,
                        since: stateSince,
                        explanation: "The value moves again: \(text(value, settings)) after "
                            + "\(lasted(since: began, now)) without a change."
                    )
                )
            }
            setAnchor(reading, value, now)
        } else if state != .frozen, now - began >= time {
            if state == .noiseLost { clearNoise(now, verdicts: &verdicts, value, settings) }
            state = .frozen
            stateSince = began
            let limit = NumberText.duration(seconds: time.seconds)
            let what = deadband == 0 ? "not changed" : "stayed within \(text(deadband, settings))"
            let why =
                model.map {
                    ", and the longest such run in its baseline is "
                        + NumberText.duration(seconds: $0.longestRun)
                } ?? ""
            verdicts.append(
                Verdict(
                    condition: .frozen,
                    phase: .onset,
                    severity: .critical,
                    since: began,
                    explanation: "The value \(text(value, settings)) has \(what) for "
                        + "\(lasted(since: began, now)); the limit is \(limit)\(why).",
                    numbers: [
                        "still_s": (now - began).seconds, "limit_s": time.seconds,
                        "longest_run_s": model?.longestRun ?? 0,
                    ]
                )
            )
        }
        if case .fromBaseline = settings.stuck, let least = model?.leastDeviation {
            watchNoise(value, least, now, settings, &verdicts)
        }
    }

    private mutating func watchNoise(
        _ value: Double,
        _ least: Double,
        _ now: MonotonicTime,
        _ settings: DetectorSettings,
        _ verdicts: inout [Verdict]
    ) {
        let began = stretchBegan ?? now
        stretchBegan = began
        count += 1
        let step = value - mean
        mean += step / Double(count)
        squares += step * (value - mean)
        let span = max(Self.noiseSpan, settings.expectedInterval * 30)
        guard now - began >= span, count >= 20 else { return }
        let deviation = (squares / Double(count)).squareRoot()
        let isLost = deviation < Self.noiseShare * least
        if isLost, state == .moving {
            state = .noiseLost
            stateSince = began
            verdicts.append(
                Verdict(
                    condition: .noiseLost,
                    phase: .onset,
                    severity: .warning,
                    since: began,
                    explanation: "Over \(lasted(since: began, now)) the noise was "
                        + "\(text(deviation, settings)), in the baseline never below "
                        + "\(text(least, settings)): damped or blocked.",
                    numbers: ["std": deviation, "least_std": least]
                )
            )
        } else if !isLost, state == .noiseLost {
            clearNoise(now, verdicts: &verdicts, value, settings)
        }
        restartStretch()
    }

    private mutating func clearNoise(
        _ now: MonotonicTime,
        verdicts: inout [Verdict],
        _ value: Double,
        _ settings: DetectorSettings
    ) {
        state = .moving
        verdicts.append(
            Verdict(
                condition: .noiseLost,
                phase: .clear,
                severity: .warning,
                since: stateSince,
                explanation: "The quiet stretch at \(text(value, settings)) ended after "
                    + "\(lasted(since: stateSince, now))."
            )
        )
    }

    private mutating func setAnchor(_ reading: Reading, _ value: Double, _ now: MonotonicTime) {
        anchor = value
        anchorCode = reading.raw
        anchorTime = now
    }
    private mutating func restartStretch() {
        count = 0
        mean = 0
        squares = 0
        stretchBegan = nil
    }

    /// Readings were missing or held back: the run and the stretch begin afresh.
    mutating func gap() {
        anchorTime = nil
        restartStretch()
    }

    private func text(_ value: Double, _ settings: DetectorSettings) -> String {
        NumberText.number(value) + " " + settings.span.unit
    }
    private func lasted(since began: MonotonicTime, _ now: MonotonicTime) -> String {
        NumberText.duration(seconds: (now - began).seconds)
    }

    // MARK: State

    func encode(into writer: inout ByteWriter, at now: MonotonicTime) {
        writer.write(state.rawValue)
        writer.write(now.nanoseconds &- stateSince.nanoseconds)
        writer.write(anchorTime != nil)
        writer.write(now.nanoseconds &- (anchorTime?.nanoseconds ?? 0))
        writer.write(anchor)
        writer.write(anchorCode != nil)
        writer.write(anchorCode ?? 0)
    }

    mutating func restore(
        from reader: inout ByteReader,
        at now: MonotonicTime
    ) throws(CodingFault) {
        guard let state = State(rawValue: try reader.read(UInt8.self)) else {
            throw .damaged("a stuck state")
        }
        self.state = state
        stateSince = MonotonicTime(nanoseconds: now.nanoseconds &- (try reader.read(Int64.self)))
        let isAnchored = try reader.readBool()
        let age = try reader.read(Int64.self)
        anchorTime = isAnchored ? MonotonicTime(nanoseconds: now.nanoseconds &- age) : nil
        anchor = try reader.readFinite()
        let hasCode = try reader.readBool()
        let code = try reader.read(Int64.self)
        anchorCode = hasCode ? code : nil
        restartStretch()
    }
}
