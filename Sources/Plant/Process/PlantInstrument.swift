import Foundation
import Signal

/// One transmitter and the process it measures, stepped in time: the current on its loop follows
/// from the seed of the generator and the steps alone.
///
/// Set-point → first-order lag → process value → noise with memory, calibration → 4–20 mA, held at
/// 3.8 and 20.5 mA as NE 43 lets a transmitter saturate → faults of the loop → converter noise.
public struct PlantInstrument: Hashable, Sendable {
    /// How it behaves while nothing is wrong.
    public let behaviour: ProcessBehaviour
    /// Faults to come, present and past, as asked for; the past ones are forgotten in time.
    public private(set) var faults: [ScheduledFault]
    /// Time since the start.
    public private(set) var elapsed = Nanoseconds.zero
    /// The process value without noise, in the span's unit: the truth.
    public private(set) var processValue: Double
    /// Where the process is being driven, in the span's unit.
    public private(set) var setPoint: Double
    /// The error of the calibration, as a share of the span.
    public private(set) var calibrationError = 0.0
    /// The current at the last step in mA, or nil before the first.
    public private(set) var milliamps: Double?

    private let chance: RandomFaults?
    private var nextChance = Nanoseconds.max
    private var walk = 0.0
    private var noise = 0.0
    private var plugged: Double?
    private var frozen: Double?
    private var started = false
    private var measuredAt = Nanoseconds.zero
    private var ramp: Ramp?
    private var nextMove = Nanoseconds.max
    private var moves: ArraySlice<SetPointMove> = []

    /// The ramp under way.
    private struct Ramp: Hashable {
        var end: Nanoseconds
        var target: Double
        /// Units a second.
        var slope: Double
    }

    /// Most faults held for one instrument; the oldest go first.
    public static let faultLimit = 256

    /// A longer step counts as this long.
    public static let longestStep = Nanoseconds.seconds(30 * 86_400)

    /// An instrument at its nominal value.
    ///
    /// - faults: what goes wrong, and when.
    /// - chance: what else goes wrong by chance.
    public init(
        _ behaviour: ProcessBehaviour,
        faults: [ScheduledFault] = [],
        chance: RandomFaults? = nil
    ) {
        self.behaviour = behaviour
        self.faults = faults
        self.chance = chance
        processValue = behaviour.nominal
        setPoint = behaviour.nominal
    }

    /// Adds a fault that begins now, or after `delay`, and lasts for `duration`; nil: for good.
    public mutating func fail(
        _ fault: PlantFault,
        after delay: Nanoseconds = .zero,
        for duration: Nanoseconds? = nil
    ) {
        if faults.count >= PlantInstrument.faultLimit { faults.removeFirst() }
        faults.append(ScheduledFault(fault, start: elapsed + delay, duration: duration))
    }

    /// Ends every fault, those to come included; a drifted calibration stays.
    public mutating func repair() { faults.removeAll() }

    /// Sets the calibration right, as a technician does.
    public mutating func calibrate() {
        calibrationError = 0
        walk = 0
    }

    /// The faults that are there now.
    public var activeFaults: [PlantFault] {
        faults.filter { $0.isActive(at: elapsed) }.map(\.fault)
    }

    /// Lets `step` pass and gives the current on the loop in mA, 0 to 25.
    ///
    /// A negative step counts as none. Every step draws the same number of random numbers for the
    /// noise, so that a fault does not change the process it sits on.
    @discardableResult
    public mutating func advance(
        by step: Nanoseconds,
        using random: inout some RandomNumberGenerator
    ) -> Double {
        let step = min(max(step, .zero), PlantInstrument.longestStep)
        let (noiseDraw, walkDraw) = random.normals()
        let (extraDraw, converterDraw) = random.normals()
        if !started { start(using: &random) }
        let before = elapsed
        elapsed = elapsed + step
        drawFaults(using: &random)
        faults.removeAll { $0.end <= before }
        let active = faults.filter { $0.isActive(at: elapsed) }
        var upset = 0.0
        for case .upset(let share) in active.lazy.map(\.fault) { upset += share }
        moveProcess(from: before, upset: upset * behaviour.span.width, using: &random)
        moveNoise(step, noiseDraw)
        moveCalibration(from: before, walkDraw)
        let current = measure(active, extra: extraDraw, converter: converterDraw)
        milliamps = current
        return current
    }

    // MARK: Process

    private mutating func start(using random: inout some RandomNumberGenerator) {
        started = true
        noise = random.normals().0
        if let chance { nextChance = chance.pause(using: &random) }
        switch behaviour.setPoints {
        case .steady: break
        case .wandering(let wander):
            nextMove = .seconds(random.even(in: wander.firstPause))
        case .scheduled(let moves):
            self.moves = moves.sorted { $0.start < $1.start }[...]
            nextMove = self.moves.first?.start ?? .max
        }
    }

    private mutating func drawFaults(using random: inout some RandomNumberGenerator) {
        guard let chance else { return }
        while nextChance <= elapsed {
            if let fault = chance.draw(at: nextChance, using: &random) {
                if faults.count >= PlantInstrument.faultLimit { faults.removeFirst() }
                faults.append(fault)
            }
            nextChance = nextChance + max(chance.pause(using: &random), .milliseconds(1))
        }
    }

    /// Follows set-point and lag exactly from event to event, whatever the step.
    private mutating func moveProcess(
        from start: Nanoseconds,
        upset: Double,
        using random: inout some RandomNumberGenerator
    ) {
        var time = start
        while true {
            let next = min(nextMove, ramp?.end ?? .max, elapsed)
            follow(for: (next - time).seconds, upset: upset)
            time = max(time, next)
            if let ramp, ramp.end <= time {
                setPoint = ramp.target
                self.ramp = nil
            }
            if nextMove <= time { beginMove(at: time, using: &random) }
            if time >= elapsed && nextMove > time && (ramp?.end ?? .max) > time { return }
        }
    }

    /// The lag's answer to a set-point that is level or a ramp:
    /// `y(t) = s(t) − mτ + (y₀ − s₀ + mτ)·e^(−t/τ)`.
    private mutating func follow(for seconds: Double, upset: Double) {
        guard seconds > 0 else { return }
        let lag = behaviour.lag.seconds
        let slope = ramp?.slope ?? 0
        let begin = setPoint + upset
        setPoint += slope * seconds
        guard lag > 0 else {
            processValue = setPoint + upset
            return
        }
        let trail = slope * lag
        processValue =
            setPoint + upset - trail + (processValue - begin + trail) * exp(-seconds / lag)
    }

    private mutating func beginMove(
        at time: Nanoseconds,
        using random: inout some RandomNumberGenerator
    ) {
        switch behaviour.setPoints {
        case .steady: nextMove = .max
        case .scheduled:
            guard let move = moves.popFirst() else {
                nextMove = .max
                return
            }
            head(for: move.target, over: move.ramp, from: time)
            nextMove = max(moves.first?.start ?? .max, time)
        case .wandering(let wander):
            let span = behaviour.span
            var target: Double
            var length = Nanoseconds.zero
            if random.unit() <= wander.stepShare {
                let size = random.even(in: wander.stepSize) * span.width
                target = setPoint + (random.unit() < 0.5 ? -size : size)
            } else {
                target = behaviour.nominal + random.normals().0 * wander.rampSpread * span.width
                length = .seconds(random.even(in: wander.rampTime))
            }
            target = min(target, span.lrv + wander.bounds.upperBound * span.width)
            target = max(target, span.lrv + wander.bounds.lowerBound * span.width)
            head(for: target, over: length, from: time)
            let pause = Nanoseconds.seconds(random.even(in: wander.pause))
            nextMove = time + max(pause, .milliseconds(1))
        }
    }

    private mutating func head(for target: Double, over length: Nanoseconds, from time: Nanoseconds)
    {
        guard length > .zero else {
            setPoint = target
            ramp = nil
            return
        }
        ramp = Ramp(
            end: time + length,
            target: target,
            slope: (target - setPoint) / length.seconds
        )
    }

    // MARK: Transmitter

    /// An Ornstein–Uhlenbeck step: φ over one second becomes φ^t over t seconds, so that the noise
    /// is the same however often it is looked at.
    private mutating func moveNoise(_ step: Nanoseconds, _ draw: Double) {
        let memory = pow(behaviour.correlation, step.seconds)
        noise = memory * noise + (1 - memory * memory).squareRoot() * draw
    }

    private mutating func moveCalibration(from start: Nanoseconds, _ draw: Double) {
        let hours = (elapsed - start).seconds / 3600
        walk += behaviour.calibrationWalk * hours.squareRoot() * draw
        let limit = behaviour.calibrationLimit
        if walk > limit { walk = max(2 * limit - walk, -limit) }
        if walk < -limit { walk = min(-2 * limit - walk, limit) }
        for scheduled in faults {
            guard case .drift(let rate) = scheduled.fault else { continue }
            let overlap = min(scheduled.end, elapsed) - max(scheduled.start, start)
            if overlap > .zero { calibrationError += rate * overlap.seconds / 3600 }
        }
    }

    private mutating func measure(
        _ active: [ScheduledFault],
        extra: Double,
        converter: Double
    ) -> Double {
        var noiseGain = 1.0
        var shift = 0.0
        var forced: Double?
        var isPlugged = false
        var isStuck = false
        for scheduled in active {
            switch scheduled.fault {
            case .offset(let share), .spike(let share): shift += share
            case .noisy(let share): shift += share * extra
            case .plugged: isPlugged = true
            case .stuck: isStuck = true
            case .drift, .upset: break
            case .wireBreak, .shortCircuit, .failLow, .failHigh, .saturatedLow, .saturatedHigh:
                forced = scheduled.fault.forcedCurrent
            }
        }
        if isStuck {
            if frozen == nil { frozen = milliamps }
            if let frozen { return frozen }
        } else {
            frozen = nil
        }
        var sensed = (processValue - behaviour.span.lrv) / behaviour.span.width
        if let cycle = behaviour.cycle, cycle.period > .zero {
            sensed += cycle.amplitude * sin(2 * .pi * elapsed.seconds / cycle.period.seconds)
        }
        if isPlugged {
            noiseGain = 0.05
            sensed = (plugged ?? sensed) + (sensed - (plugged ?? sensed)) * pluggedShare
            plugged = sensed
        } else {
            plugged = nil
        }
        measuredAt = elapsed
        sensed += noiseGain * behaviour.noise * noise
        if case .squareRoot = behaviour.extraction { sensed *= abs(sensed) }
        sensed += calibrationError + walk + shift
        let loop = forced ?? min(max(4 + 16 * sensed, 3.8), 20.5)
        return min(max(loop + converter * behaviour.converterNoise, 0), 25)
    }

    /// How far a plugged line follows in the time since the last step.
    private var pluggedShare: Double { 1 - exp(-(elapsed - measuredAt).seconds / 600) }
}
