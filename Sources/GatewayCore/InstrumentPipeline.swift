import Signal

/// One instrument on its way from samples to readings, with what is known of it now.
struct InstrumentPipeline: Sendable {
    private(set) var settings: InstrumentSettings
    var signal: SignalPipeline
    var gap: GapCheck
    /// Whether a gap is open.
    var isInGap = false
    var last: Reading?
    /// When it last had a value that could be used.
    var lastUsable: MonotonicTime?
    /// Values are kept to a millionth of the span or better, at most six decimals: far below what
    /// any module resolves, short on the wire and in the journal, and the same in both.
    private var valueScale: Double
    private static let currentScale = 1e6
    var readings: UInt64 = 0
    var badReadings: UInt64 = 0

    init(settings: InstrumentSettings, at now: MonotonicTime) {
        self.settings = settings
        valueScale = Self.scale(settings.span)
        signal = SignalPipeline(instrument: settings.id, settings: settings.signal)
        gap = GapCheck(expectedInterval: settings.expectedInterval, start: now)
    }

    private static func scale(_ span: Span) -> Double {
        var scale = 1.0
        while scale < 1e6, span.width * scale < 1e6 { scale *= 10 }
        return scale
    }

    /// Takes new settings; what they do not touch goes on. The last reading stays what it was.
    mutating func configure(_ settings: InstrumentSettings, at now: MonotonicTime) {
        let old = self.settings
        self.settings = settings
        let hasMoved = settings.module != old.module || settings.channel != old.channel
        if settings.signal != old.signal || hasMoved {
            valueScale = Self.scale(settings.span)
            signal = SignalPipeline(instrument: settings.id, settings: settings.signal)
        }
        // A shorter interval must not make a gap of the time before it held.
        if settings.expectedInterval != old.expectedInterval || hasMoved {
            gap = GapCheck(expectedInterval: settings.expectedInterval, start: now)
        }
    }

    /// The reading that a sample makes.
    mutating func take(_ outcome: ChannelSample.Outcome, at stamp: Stamp) -> Reading {
        var reading =
            switch outcome {
            case .decoded(let channel, let afterTimeout):
                signal.process(channel, at: stamp, afterTimeout: afterTimeout)
            case .failed(let quality): signal.fail(quality, at: stamp)
            }
        reading.value = reading.value.map { $0.rounded(parts: valueScale) }
        reading.current = reading.current.flatMap {
            LoopCurrent(milliamps: $0.milliamps.rounded(parts: Self.currentScale))
        }
        last = reading
        readings += 1
        if reading.quality.level == .bad { badReadings += 1 } else { lastUsable = stamp.monotonic }
        return reading
    }
}

extension InstrumentSettings {
    /// What of it makes a current a reading.
    var signal: SignalSettings {
        SignalSettings(
            span: span,
            extraction: extraction,
            trim: trim,
            damping: damping,
            ne43: ne43,
            rateOfChangeLimit: rateOfChangeLimit
        )
    }
}
