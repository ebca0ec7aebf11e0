/// What a pipeline needs to know of its instrument.
public struct SignalSettings: Hashable, Sendable {
    /// The calibrated range.
    public var span: Span
    /// From current to process value.
    public var extraction: Extraction
    /// The correction of the card, applied before all else.
    public var trim: Trim
    /// Time constant of the first-order damping; zero: none.
    public var damping: Nanoseconds
    /// The meaning of currents outside 4–20 mA.
    public var ne43: NE43Limits
    /// The fastest believable change in the span's unit per second; nil: not checked.
    public var rateOfChangeLimit: Double?

    /// Settings of the six.
    public init(
        span: Span,
        extraction: Extraction = .linear,
        trim: Trim = .none,
        damping: Nanoseconds = .zero,
        ne43: NE43Limits = .namur,
        rateOfChangeLimit: Double? = nil
    ) {
        self.span = span
        self.extraction = extraction
        self.trim = trim
        self.damping = damping
        self.ne43 = ne43
        self.rateOfChangeLimit = rateOfChangeLimit
    }
}

/// Makes one instrument's readings: trim, NE 43, extraction, rate of change, damping.
///
/// A good value is made of good inputs only: the filter restarts at the first good input after a
/// doubtful one. A bad reading keeps its current, which shows why it is bad, and has no value.
/// An uncertain reading always has one.
public struct SignalPipeline: Hashable, Sendable {
    /// Whose readings these are.
    public let instrument: InstrumentID
    // Plain numbers instead of the settings: a pipeline is copied and moved without counting
    // references.
    private let lrv: Double
    private let width: Double
    private let extraction: Extraction
    private let trim: Trim
    private var monitor: NE43Monitor
    /// How fast the value changes, and how fast it may.
    public private(set) var rate: RateOfChangeCheck
    private var damping: Damping
    private var lastWasGood = false

    /// A pipeline that has seen nothing.
    public init(instrument: InstrumentID, settings: SignalSettings) {
        self.instrument = instrument
        lrv = settings.span.lrv
        width = settings.span.width
        extraction = settings.extraction
        trim = settings.trim
        monitor = NE43Monitor(limits: settings.ne43)
        rate = RateOfChangeCheck(limit: settings.rateOfChangeLimit)
        damping = Damping(timeConstant: settings.damping)
    }

    /// The reading that `channel`, received at `stamp`, makes; call in order of time.
    ///
    /// `afterTimeout` marks the first answer after a timeout on a bus without transaction numbers:
    /// it may be the late answer to another question.
    public mutating func process(
        _ channel: DecodedChannel,
        at stamp: Stamp,
        afterTimeout: Bool = false
    ) -> Reading {
        let current = channel.milliamps.flatMap { LoopCurrent(milliamps: trim.applied(to: $0)) }
        if let bad = verdict(channel.condition, hasCurrent: current != nil) {
            forget()
            return Reading(
                instrument: instrument,
                stamp: stamp,
                raw: channel.raw,
                current: current,
                value: nil,
                quality: bad
            )
        }
        guard let current else {
            forget()
            return Reading(
                instrument: instrument,
                stamp: stamp,
                raw: channel.raw,
                current: nil,
                value: nil,
                quality: .notANumber
            )
        }
        let measured = lrv + extraction.share(ofFraction: current.fraction) * width
        guard measured.isFinite else {
            forget()
            return Reading(
                instrument: instrument,
                stamp: stamp,
                raw: channel.raw,
                current: current,
                value: nil,
                quality: .notANumber
            )
        }
        if afterTimeout {
            // It may be another register's value, whatever it says: it tells nothing of this loop
            // and must not colour what comes after it.
            forget()
            return Reading(
                instrument: instrument,
                stamp: stamp,
                raw: channel.raw,
                current: current,
                value: measured,
                quality: .afterTimeout
            )
        }
        var quality = monitor.observe(milliamps: current.milliamps, at: stamp.monotonic)
        guard quality.level != .bad else {
            restartFilters()
            return Reading(
                instrument: instrument,
                stamp: stamp,
                raw: channel.raw,
                current: current,
                value: nil,
                quality: quality
            )
        }
        if quality == .good { quality = doubt(channel.condition) }
        let isBelievable = rate.isBelievable(measured, at: stamp.monotonic)
        if quality == .good, !isBelievable { quality = .rateOfChange }
        let isGood = quality == .good
        if isGood, !lastWasGood { damping.restart() }
        lastWasGood = isGood
        return Reading(
            instrument: instrument,
            stamp: stamp,
            raw: channel.raw,
            current: current,
            value: damping.apply(measured, at: stamp.monotonic),
            quality: quality
        )
    }

    /// The reading of a channel that gave no answer: no current, no value.
    ///
    /// `quality` is one of the bad ones: communication, refused, wrong module.
    public mutating func fail(_ quality: Quality, at stamp: Stamp) -> Reading {
        precondition(quality.level == .bad, "a missing answer is a bad reading")
        forget()
        return Reading(
            instrument: instrument,
            stamp: stamp,
            raw: nil,
            current: nil,
            value: nil,
            quality: quality
        )
    }

    /// The bad quality that a condition alone decides, whatever the current.
    private func verdict(_ condition: ChannelCondition, hasCurrent: Bool) -> Quality? {
        switch condition {
        case .ok, .ambiguous: nil
        case .wireBreak: .wireBreak
        case .shortCircuit: .shortCircuit
        case .moduleFault: .moduleFault
        case .notConfigured: .notConfigured
        // A code without a current lies beyond everything the module can measure.
        case .underRange: hasCurrent ? nil : .failLow
        case .overRange: hasCurrent ? nil : .failHigh
        }
    }

    /// The doubt left when the current itself is in order.
    private func doubt(_ condition: ChannelCondition) -> Quality {
        switch condition {
        case .underRange: .saturatedLow
        case .overRange: .saturatedHigh
        case .ambiguous: .ambiguous
        default: .good
        }
    }

    private mutating func forget() {
        monitor.lostSight()
        restartFilters()
    }

    private mutating func restartFilters() {
        rate.restart()
        damping.restart()
        lastWasGood = false
    }
}
