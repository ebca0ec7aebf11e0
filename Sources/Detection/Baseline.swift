import Signal

/// A span of readings that someone calls clean: what detectors learn from, and nothing else.
public struct Baseline: Sendable {
    /// The most readings that are taken, 2.3 days at one a second; later ones are counted only.
    public static let mostReadings = 200_000
    /// The most windows that are learned from.
    static let mostWindows = 4_096
    /// Seconds since the first reading.
    private(set) var times: [Double] = []
    private(set) var values: [Double] = []
    /// Indices at which a stretch without gaps begins; the first is 0.
    private(set) var starts: [Int] = []
    /// The longest time that the raw code (or the value, where there is none) stood still, seconds.
    private(set) var longestRun = 0.0
    /// Readings that could not be used because of their quality.
    public private(set) var badReadings = 0
    /// Readings beyond the limit of `mostReadings`.
    public private(set) var surplusReadings = 0

    private let gap: Double
    private var origin: MonotonicTime?
    private var runBegan = 0.0
    private var runCode: Int64?

    /// An empty baseline for the readings of one instrument.
    public init(settings: DetectorSettings) {
        gap = settings.gap.seconds
    }

    /// The number of readings taken.
    public var readings: Int { values.count }
    /// The time that the readings cover without the gaps between them, in seconds.
    public var covered: Double {
        stretches.reduce(0) { $0 + times[$1.upperBound - 1] - times[$1.lowerBound] }
    }

    /// Takes the next reading, in order of time; a bad or uncertain one is counted, not learned.
    public mutating func add(_ reading: Reading, at now: MonotonicTime) {
        guard let value = reading.value, reading.quality == .good else {
            badReadings += 1
            return
        }
        add(value, code: reading.raw, at: now)
    }

    /// Takes the next good value, in order of time.
    public mutating func add(_ value: Double, code: Int64?, at now: MonotonicTime) {
        guard values.count < Self.mostReadings else {
            surplusReadings += 1
            return
        }
        let origin = origin ?? now
        self.origin = origin
        let time = (now - origin).seconds
        guard let last = times.last, let lastValue = values.last else {
            starts = [0]
            times = [time]
            values = [value]
            runCode = code
            return
        }
        guard time > last else { return }
        if time - last > gap {
            starts.append(values.count)
            runBegan = time
        } else if hasChanged(code, value, lastValue) {
            runBegan = time
        } else {
            longestRun = max(longestRun, time - runBegan)
        }
        runCode = code
        times.append(time)
        values.append(value)
    }

    private func hasChanged(_ code: Int64?, _ value: Double, _ lastValue: Double) -> Bool {
        if let code, let runCode { return code != runCode }
        return value != lastValue
    }

    /// The stretches without gaps.
    var stretches: [Range<Int>] {
        starts.indices.map { index in
            starts[index]..<(index + 1 < starts.count ? starts[index + 1] : values.count)
        }
    }

    /// How many windows the stretches hold, side by side.
    func disjointWindows(settings: DetectorSettings) -> Int {
        let length = max(settings.anomaly.window.seconds, 1e-3)
        let interval = settings.expectedInterval.seconds
        return stretches.reduce(0) {
            $0 + Int((times[$1.upperBound - 1] - times[$1.lowerBound] + interval * 1.5) / length)
        }
    }

    /// The features of the windows that lie wholly in one stretch, one every hop, or fewer where
    /// that would be more than `mostWindows`.
    func windows(settings: DetectorSettings) -> [WindowFeatures] {
        parts(1, least: settings.leastSamples, settings)
    }

    /// The features of the newest parts of the same windows.
    func newestParts(settings: DetectorSettings) -> [WindowFeatures] {
        parts(AnomalyDetector.newestPart, least: settings.leastNewest, settings)
    }

    /// The last one in `part` of every window.
    private func parts(
        _ part: Int,
        least: Int,
        _ settings: DetectorSettings
    ) -> [WindowFeatures] {
        let length = settings.anomaly.window.seconds
        let hop = max(settings.anomaly.hop.seconds, 1e-3)
        let stride = hop * max(1, (covered / hop / Double(Self.mostWindows)).rounded(.up))
        let interval = settings.expectedInterval.seconds
        let thinning = settings.thinning
        var found: [WindowFeatures] = []
        for stretch in stretches {
            var first = stretch.lowerBound
            var next = first
            var begin = times[first]
            // A reading stands for the interval that begins with it; half of one is jitter.
            let end = times[stretch.upperBound - 1] + interval * 1.5
            while begin + length <= end {
                let limit = begin + length - interval / 4
                let from = limit - length / Double(part)
                while first < stretch.upperBound, times[first] < from { first += 1 }
                next = max(next, first)
                while next < stretch.upperBound, times[next] < limit { next += 1 }
                if next - first >= least {
                    let base = first
                    found.append(
                        WindowFeatures(
                            count: (next - first - 1) / thinning + 1,
                            nominal: settings.nominal,
                            lower: settings.span.lrv,
                            upper: settings.span.urv
                        ) { (times[base + $0 * thinning], values[base + $0 * thinning]) }
                    )
                }
                begin += stride
            }
        }
        return found
    }
}

/// Why a baseline cannot be learned from, and what to do.
public enum TrainingRefusal: Error, Hashable, Sendable, CustomStringConvertible {
    /// Too few readings for any statistics.
    case tooFewReadings(have: Int, need: Int)
    /// Fewer windows than wanted.
    case tooFewWindows(have: Int, need: Int)
    /// Readings of bad or uncertain quality lie in the span.
    case badQuality(readings: Int)
    /// Alerts were open in the span: what it shows may not be normal.
    case openAlerts(Int)

    /// What is wrong and what to do.
    public var description: String {
        switch self {
        case .tooFewReadings(let have, let need):
            "the span holds \(have) good readings, \(need) are needed: choose a longer span"
        case .tooFewWindows(let have, let need):
            "the span holds \(have) windows, \(need) are needed: \(need - have) are missing; "
                + "choose a longer span"
        case .badQuality(let readings):
            "\(readings) readings of the span are not good: choose a clean span, or allow them "
                + "to be left out"
        case .openAlerts(let count):
            "\(count) alerts were open in the span: choose a clean span, or allow them"
        }
    }
}
