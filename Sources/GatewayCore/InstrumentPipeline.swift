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
    /// Values are kept to a millionth of the span or better, at most six decimals: far below what
    /// any module resolves, short on the wire and in the journal, and the same in both.
    private let valueScale: Double
    private static let currentScale = 1e6
    var readings: UInt64 = 0
    var badReadings: UInt64 = 0

    init(settings: InstrumentSettings, at now: MonotonicTime) {
        self.settings = settings
        module = settings.module
        var scale = 1.0
        while scale < 1e6, settings.span.width * scale < 1e6 { scale *= 10 }
        valueScale = scale
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
        var reading =
            switch outcome {
            case .decoded(let channel, let afterTimeout):
                signal.process(channel, at: stamp, afterTimeout: afterTimeout)
            case .failed(let quality): signal.fail(quality, at: stamp)
            }
        reading.value = reading.value.map { ($0 * valueScale).rounded() / valueScale }
        reading.current = reading.current.flatMap {
            LoopCurrent(milliamps: ($0.milliamps * Self.currentScale).rounded() / Self.currentScale)
        }
        last = reading
        readings += 1
        if reading.quality.level == .bad { badReadings += 1 } else { lastUsable = stamp.monotonic }
        return reading
    }
}
