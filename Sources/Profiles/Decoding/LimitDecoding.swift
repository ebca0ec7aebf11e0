import GatewayCore
import Signal

extension InstrumentDecoding {
    /// The process limits, in order and within what the current can show; nil where the map itself
    /// is none.
    func limits(
        _ reader: MapReader,
        span: Span?,
        extraction: Extraction,
        ne43: NE43Limits
    ) -> ProcessLimits? {
        typealias Keys = InstrumentKeys.LimitKeys
        let name = InstrumentKeys.limits.entry.name
        guard reader.has(name) else { return ProcessLimits() }
        guard let map = reader.map(name) else { return nil }
        let limits = ProcessLimits(
            lowLow: map.read(Keys.lowLow),
            low: map.read(Keys.low),
            high: map.read(Keys.high),
            highHigh: map.read(Keys.highHigh),
            deadband: map.read(Keys.deadband),
            onDelay: map.read(Keys.onDelay),
            offDelay: map.read(Keys.offDelay)
        )
        map.finish(Keys.section)
        let set = [
            ("lowLow", limits.lowLow), ("low", limits.low), ("high", limits.high),
            ("highHigh", limits.highHigh),
        ].compactMap { name, value in value.map { (name: name, value: $0) } }
        for (lower, upper) in zip(set, set.dropFirst()) where upper.value <= lower.value {
            map.problem(
                upper.name,
                "\(plain(upper.value)) is not above '\(lower.name)', which is "
                    + plain(lower.value),
                mend: "keep lowLow < low < high < highHigh"
            )
        }
        if let span {
            for limit in set {
                checkReach(limit, map, span: span, extraction: extraction, ne43: ne43)
            }
            checkDeadband(limits, map, span: span)
        }
        return limits
    }

    /// A limit that no current can reach never alarms; one beyond the measuring range alarms only
    /// on uncertain values.
    private func checkReach(
        _ limit: (name: String, value: Double),
        _ map: MapReader,
        span: Span,
        extraction: Extraction,
        ne43: NE43Limits
    ) {
        func value(_ milliamps: Double) -> Double {
            span.lrv + extraction.share(ofFraction: (milliamps - 4) / 16) * span.width
        }
        let (least, most) = (value(ne43.failLow), value(ne43.failHigh))
        let isLow = limit.name == "lowLow" || limit.name == "low"
        let isOutside = isLow ? limit.value <= least : limit.value >= most
        let isAbsurd = limit.value < least || limit.value > most
        if isOutside || isAbsurd {
            map.problem(
                limit.name,
                "no current shows \(plain(limit.value)) \(span.unit): the range ends at "
                    + "\(plain(span.lrv)) and \(plain(span.urv))",
                mend: "write a limit within the range"
            )
        } else if limit.value < value(ne43.measureLow) || limit.value > value(ne43.measureHigh) {
            map.warn(
                limit.name,
                "\(plain(limit.value)) \(span.unit) lies where the transmitter saturates",
                mend: "write a limit within the range"
            )
        }
    }

    private func checkDeadband(_ limits: ProcessLimits, _ map: MapReader, span: Span) {
        guard let deadband = limits.deadband else { return }
        if deadband >= span.width {
            map.problem(
                "deadband",
                "\(plain(deadband)) \(span.unit) is as wide as the range: the alarm would never "
                    + "clear",
                mend: "write about 1 % of the range"
            )
            return
        }
        guard let low = limits.low ?? limits.lowLow, let high = limits.high ?? limits.highHigh,
            high > low, deadband >= high - low
        else { return }
        map.problem(
            "deadband",
            "\(plain(deadband)) \(span.unit) is as wide as the distance from low to high limit: "
                + "the alarm would never clear",
            mend: "write about 1 % of the range"
        )
    }
}
