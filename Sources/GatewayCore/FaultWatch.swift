import Alerts
import Signal

/// Makes conditions of what the qualities of an instrument's readings say about the instrument.
///
/// A fault counts at once (NE 43's dwell is in the reading already) and is over after ten seconds
/// without it; saturation, which a process can cause too, must last ten seconds. Silence says
/// nothing here: that is a data gap.
struct FaultWatch: Sendable {
    static let clearDelay = Nanoseconds.seconds(10)
    static let saturationDelay = Nanoseconds.seconds(10)

    private let id: InstrumentID
    /// The unit of its values.
    var unit: String
    private var fault = Standing()
    private var speed = Standing()

    /// A watch that has seen nothing of the instrument `id`, whose values are in `unit`.
    init(_ id: InstrumentID, unit: String) {
        self.id = id
        self.unit = unit
    }

    /// One condition at a time, with the next one waiting.
    private struct Standing {
        var open: String?
        var candidate: String?
        var since = MonotonicTime.zero
        var isWaiting = false

        /// Takes what holds now; what to close and what to open if that has lasted `delay`.
        mutating func take(
            _ now: String?,
            at time: MonotonicTime,
            delay: Nanoseconds
        ) -> (closed: String?, opened: String?)? {
            guard now != open else {
                isWaiting = false
                return nil
            }
            if !isWaiting || candidate != now {
                isWaiting = true
                candidate = now
                since = time
            }
            guard time - since >= delay else { return nil }
            defer {
                open = now
                isWaiting = false
            }
            return (open, now)
        }
    }

    mutating func take(
        _ reading: Reading,
        _ rate: RateOfChangeCheck,
        at now: MonotonicTime,
        _ changes: inout [ConditionChange]
    ) {
        let quality = reading.quality
        switch quality {
        case .communication, .waiting, .outOfService: return
        default: break
        }
        let detail = Self.detail(quality)
        let delay =
            detail == nil
            ? Self.clearDelay : detail == Self.saturated ? Self.saturationDelay : .zero
        if let (closed, opened) = fault.take(detail, at: now, delay: delay) {
            if let closed { changes.append(change(.instrumentFault, closed, nil)) }
            if let opened {
                changes.append(
                    change(
                        .instrumentFault,
                        opened,
                        Self.explanation(quality, reading.current),
                        grade: opened == Self.saturated ? .preAlarm : .mainAlarm
                    )
                )
            }
        }
        let isFast: String? = quality == .rateOfChange ? Self.rateOfChange : nil
        let rateDelay: Nanoseconds = isFast == nil ? Self.clearDelay : .zero
        if let (closed, opened) = speed.take(isFast, at: now, delay: rateDelay) {
            if let closed { changes.append(change(.ruleViolation, closed, nil)) }
            if let opened {
                changes.append(
                    change(
                        .ruleViolation,
                        opened,
                        explanation(rate),
                        value: reading.value,
                        grade: .preAlarm
                    )
                )
            }
        }
    }

    static let saturated = "saturated"
    static let rateOfChange = "rate-of-change"

    private func change(
        _ type: AlertType,
        _ detail: String,
        _ explanation: String?,
        value: Double? = nil,
        grade: AlertGrade = .mainAlarm
    ) -> ConditionChange {
        ConditionChange(
            key: ConditionKey(instrument: id, type: type, detail: detail),
            phase: explanation == nil ? .cleared : .active,
            grade: grade,
            value: value,
            explanation: explanation ?? ""
        )
    }

    /// The condition's name; nil where the quality is no fault of the instrument.
    private static func detail(_ quality: Quality) -> String? {
        switch quality {
        case .failLow, .failHigh, .wireBreak, .shortCircuit, .moduleFault, .notConfigured,
            .notANumber, .wrongModule, .refused:
            quality.reason
        case .saturatedLow, .saturatedHigh, .betweenBandsLow, .betweenBandsHigh: saturated
        default: nil
        }
    }

    private func explanation(_ rate: RateOfChangeCheck) -> String {
        func words(_ rate: Double?) -> String {
            guard let rate else { return "an unknown number of" }
            let digits = rate < 1 ? 10_000.0 : rate < 100 ? 100 : 1
            return "\(rate.rounded(parts: digits))"
        }
        return "The value changes by \(words(rate.measured)) \(unit) a second, and "
            + "\(words(rate.limit)) \(unit) a second is the limit."
    }

    private static func explanation(_ quality: Quality, _ current: LoopCurrent?) -> String {
        let amps = current.map { " of \($0.milliamps.rounded(parts: 1000)) mA" } ?? ""
        return switch quality {
        case .failLow: "The loop current\(amps) is the low failure signal of NE 43."
        case .failHigh: "The loop current\(amps) is the high failure signal of NE 43."
        case .wireBreak: "The loop is open: wire break\(amps.isEmpty ? "" : " (current\(amps))")."
        case .shortCircuit: "The loop is shorted\(amps.isEmpty ? "" : " (current\(amps))")."
        case .moduleFault: "The input module reports a fault of this channel."
        case .notConfigured: "The channel is switched off or not configured in the module."
        case .notANumber: "The module answers with something that is no number."
        case .wrongModule: "Another module than the configured one answers at this address."
        case .refused: "The module refuses to read this channel."
        default: "The loop current\(amps) has been outside 3.8 to 20.5 mA for 10 s: saturated."
        }
    }
}
