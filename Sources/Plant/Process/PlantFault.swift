import Signal

/// What can be wrong with a process, a transmitter or its loop.
///
/// Shares are shares of the span: 0.01 is 1 %.
public enum PlantFault: Hashable, Sendable {
    /// The calibration runs away by this share an hour; what has been gained stays afterwards,
    /// until `PlantInstrument.calibrate()`.
    case drift(perHour: Double)
    /// The calibration is off by this share.
    case offset(Double)
    /// The current freezes to the last digit, converter noise included.
    case stuck
    /// The impulse line is plugged: the noise is nearly gone and the value follows in ten minutes.
    case plugged
    /// The current is off by this share.
    case spike(Double)
    /// More white noise of this standard deviation, as a share of the span.
    case noisy(Double)
    /// The process itself moves by this share, through its lag.
    case upset(Double)
    /// An open loop: 0 mA.
    case wireBreak
    /// A shorted loop: 24 mA, above all that a transmitter gives.
    case shortCircuit
    /// The transmitter signals failure as NE 43 wants it, low: 3.5 mA.
    case failLow
    /// The transmitter signals failure as NE 43 wants it, high: 21.6 mA.
    case failHigh
    /// The measuring cell is below its range: 3.8 mA, where NE 43 lets it saturate.
    case saturatedLow
    /// The measuring cell is above its range: 20.5 mA.
    case saturatedHigh

    /// The current that this fault puts on the loop whatever is measured, in mA.
    var forcedCurrent: Double? {
        switch self {
        case .wireBreak: 0
        case .shortCircuit: 24
        case .failLow: 3.5
        case .failHigh: 21.6
        case .saturatedLow: 3.8
        case .saturatedHigh: 20.5
        case .drift, .offset, .stuck, .plugged, .spike, .noisy, .upset: nil
        }
    }
}

/// A fault with its time, counted from the instrument's start.
public struct ScheduledFault: Hashable, Sendable {
    /// What is wrong.
    public var fault: PlantFault
    /// When it begins.
    public var start: Nanoseconds
    /// When it is over; `Nanoseconds.max`: never.
    public var end: Nanoseconds

    /// A fault from `start` on that lasts for `duration`; nil: for good.
    public init(_ fault: PlantFault, start: Nanoseconds, duration: Nanoseconds? = nil) {
        self.fault = fault
        self.start = start
        end = duration.map { start + $0 } ?? .max
    }

    /// Whether it is there at `time`.
    func isActive(at time: Nanoseconds) -> Bool { start <= time && time < end }
}

/// Faults by chance: one after the other, each kind as often as its weight says.
public struct RandomFaults: Hashable, Sendable {
    /// One kind of fault.
    public struct Kind: Hashable, Sendable {
        /// How often, relative to the others.
        public var weight: Double
        /// Seconds that it lasts.
        public var duration: ClosedRange<Double>
        /// What it is; its size is drawn between half and one and a half of what is given here, up
        /// or down.
        public var fault: PlantFault

        /// A kind of fault.
        public init(weight: Double, duration: ClosedRange<Double>, fault: PlantFault) {
            self.weight = weight
            self.duration = duration
            self.fault = fault
        }
    }

    /// Faults an hour, all kinds together.
    public var perHour: Double
    /// The kinds to choose from.
    public var kinds: [Kind]

    /// Faults by chance.
    public init(perHour: Double, kinds: [Kind] = RandomFaults.usual) {
        self.perHour = perHour
        self.kinds = kinds
    }

    /// What plants see: mostly noise, spikes and drift, now and then a stuck or broken loop.
    public static let usual: [Kind] = [
        Kind(weight: 3, duration: 0.5...2, fault: .spike(0.4)),
        Kind(weight: 3, duration: 240...1200, fault: .drift(perHour: 0.6)),
        Kind(weight: 3, duration: 120...600, fault: .noisy(0.04)),
        Kind(weight: 2, duration: 60...360, fault: .stuck),
        Kind(weight: 1, duration: 600...1800, fault: .plugged),
        Kind(weight: 1, duration: 20...120, fault: .wireBreak),
        Kind(weight: 0.5, duration: 20...120, fault: .failHigh),
        Kind(weight: 0.5, duration: 60...300, fault: .saturatedHigh),
    ]

    /// Time to the next fault, as events without memory come.
    func pause(using random: inout some RandomNumberGenerator) -> Nanoseconds {
        guard perHour > 0, !kinds.isEmpty else { return .max }
        return .seconds(-random.logarithm() * 3600 / perHour)
    }

    /// The fault that begins at `time`.
    func draw(
        at time: Nanoseconds,
        using random: inout some RandomNumberGenerator
    ) -> ScheduledFault? {
        var rest = random.unit() * kinds.reduce(0) { $0 + max($1.weight, 0) }
        guard
            let kind = kinds.first(where: {
                rest -= max($0.weight, 0); return rest <= 0
            })
        else {
            return nil
        }
        let duration = Nanoseconds.seconds(random.even(in: kind.duration))
        let factor = random.even(in: 0.5...1.5)
        let sign: Double = random.unit() < 0.5 ? -1 : 1
        let fault: PlantFault =
            switch kind.fault {
            case .drift(let rate): .drift(perHour: rate * factor * sign)
            case .offset(let share): .offset(share * factor * sign)
            case .spike(let share): .spike(share * factor * sign)
            case .upset(let share): .upset(share * factor * sign)
            case .noisy(let share): .noisy(share * factor)
            default: kind.fault
            }
        return ScheduledFault(fault, start: time, duration: duration)
    }
}
