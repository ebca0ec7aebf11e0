import Signal

/// How a measured process and its transmitter behave while nothing is wrong.
///
/// Shares are shares of the span: 0.01 is 1 %.
public struct ProcessBehaviour: Hashable, Sendable {
    /// The transmitter's calibrated range.
    public var span: Span
    /// The set-point at the start, in the span's unit.
    public var nominal: Double
    /// How the set-point moves.
    public var setPoints: SetPointPlan
    /// Time constant of the first-order lag between set-point and process value.
    public var lag: Nanoseconds
    /// Standard deviation of the process noise, as a share of the span.
    public var noise: Double
    /// The noise's autocorrelation φ over one second, 0 (white) to below 1.
    public var correlation: Double
    /// A periodic load, such as a pump that switches.
    public var cycle: Cycle?
    /// Random walk of the calibration: share of the span per square root of an hour.
    public var calibrationWalk: Double
    /// The walk turns back at this share of the span.
    public var calibrationLimit: Double
    /// What the transmitter puts on the loop: `squareRoot` stands for a differential pressure that
    /// rises with the square of the flow. Its low-flow cut-off belongs to the gateway.
    public var extraction: Extraction
    /// Standard deviation of the converter's own noise in mA: the proof of life in the last digits.
    public var converterNoise: Double

    /// A process of `span` around `nominal`.
    public init(
        span: Span,
        nominal: Double,
        setPoints: SetPointPlan = .wandering(Wander()),
        lag: Nanoseconds = .seconds(16),
        noise: Double = 0.0015,
        correlation: Double = 0.5,
        cycle: Cycle? = nil,
        calibrationWalk: Double = 0.0012,
        calibrationLimit: Double = 0.08,
        extraction: Extraction = .linear,
        converterNoise: Double = 0.001
    ) {
        self.span = span
        self.nominal = nominal
        self.setPoints = setPoints
        self.lag = lag
        self.noise = noise
        self.correlation = min(max(correlation, 0), 0.999_999)
        self.cycle = cycle
        self.calibrationWalk = calibrationWalk
        self.calibrationLimit = calibrationLimit
        self.extraction = extraction
        self.converterNoise = converterNoise
    }
}

/// A sine on top of the process value.
public struct Cycle: Hashable, Sendable {
    /// Half of peak to peak, as a share of the span.
    public var amplitude: Double
    /// Time of one round.
    public var period: Nanoseconds

    /// A sine of this amplitude and period.
    public init(amplitude: Double, period: Nanoseconds) {
        self.amplitude = amplitude
        self.period = period
    }
}

/// How a set-point moves in time.
public enum SetPointPlan: Hashable, Sendable {
    /// Stays at nominal.
    case steady
    /// Moves by chance, as operators and loads do.
    case wandering(Wander)
    /// Moves as written, in order of time: how instruments of one process move together.
    case scheduled([SetPointMove])
}

/// One move of a set-point.
public struct SetPointMove: Hashable, Sendable {
    /// When it begins, from the instrument's start.
    public var start: Nanoseconds
    /// Where it ends, in the span's unit.
    public var target: Double
    /// How long the ramp lasts; zero is a step.
    public var ramp: Nanoseconds

    /// A move to `target`.
    public init(start: Nanoseconds, target: Double, ramp: Nanoseconds = .zero) {
        self.start = start
        self.target = target
        self.ramp = ramp
    }
}

/// The chance that moves a set-point: after a pause either a step away from where it is or a ramp
/// to somewhere around nominal.
public struct Wander: Hashable, Sendable {
    /// Seconds from the start to the first move.
    public var firstPause: ClosedRange<Double>
    /// Seconds between later moves.
    public var pause: ClosedRange<Double>
    /// How many of the moves are steps, 0 to 1.
    public var stepShare: Double
    /// Size of a step, up or down, as a share of the span.
    public var stepSize: ClosedRange<Double>
    /// Seconds that a ramp lasts.
    public var rampTime: ClosedRange<Double>
    /// Standard deviation of a ramp's end around nominal, as a share of the span.
    public var rampSpread: Double
    /// Where set-points stay, as shares of the span.
    public var bounds: ClosedRange<Double>

    /// The habits of a plant that is run by hand now and then.
    public init(
        firstPause: ClosedRange<Double> = 120...600,
        pause: ClosedRange<Double> = 240...1200,
        stepShare: Double = 0.6,
        stepSize: ClosedRange<Double> = 0.05...0.25,
        rampTime: ClosedRange<Double> = 120...480,
        rampSpread: Double = 0.2,
        bounds: ClosedRange<Double> = 0.05...0.95
    ) {
        self.firstPause = firstPause
        self.pause = pause
        self.stepShare = stepShare
        self.stepSize = stepSize
        self.rampTime = rampTime
        self.rampSpread = rampSpread
        self.bounds = bounds
    }
}
