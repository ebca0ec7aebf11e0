import Signal

/// One instrument on its way from samples to readings, with what is known of it now.
struct InstrumentPipeline: Sendable {
    let settings: InstrumentSettings
    /// The bus and module it hangs on, for people.
    let module: String
    var signal: SignalPipeline
    var gap: GapCheck
    /// Whether a gap is open.
    var isInGap = false
    var last: Reading?
    /// When it last had a value that could be used.
    var lastUsable: MonotonicTime?
    var readings: UInt64 = 0
    var badReadings: UInt64 = 0

    init(settings: InstrumentSettings, at now: MonotonicTime) {
        self.settings = settings
        module = settings.module
        signal = SignalPipeline(
            instrument: settings.id,
            settings: SignalSettings(
                span: settings.span,
                extraction: settings.extraction,
                trim: settings.trim,
                damping: settings.damping,
                ne43: settings.ne43,
                rateOfChangeLimit: settings.rateOfChangeLimit
            )
        )
        gap = GapCheck(expectedInterval: settings.expectedInterval, start: now)
    }

    /// The reading that a sample makes.
    mutating func take(_ outcome: ChannelSample.Outcome, at stamp: Stamp) -> Reading {
        let reading =
            switch outcome {
            case .decoded(let channel, let afterTimeout):
                signal.process(channel, at: stamp, afterTimeout: afterTimeout)
            case .failed(let quality): signal.fail(quality, at: stamp)
            }
        last = reading
        readings += 1
        if reading.quality.level == .bad { badReadings += 1 } else { lastUsable = stamp.monotonic }
        return reading
    }
}
