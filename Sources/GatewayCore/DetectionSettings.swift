import Detection

extension InstrumentSettings {
    /// What its detectors are told.
    public func detectorSettings() -> DetectorSettings {
        DetectorSettings(
            instrument: id,
            span: span,
            signal: SignalType(rawValue: type.rawValue),
            nominal: nominal,
            expectedInterval: expectedInterval,
            limits: LimitSettings(
                lowLow: limits.lowLow,
                low: limits.low,
                high: limits.high,
                highHigh: limits.highHigh,
                deadband: limits.deadband,
                onDelay: limits.onDelay,
                offDelay: limits.offDelay
            )
        )
    }
}
