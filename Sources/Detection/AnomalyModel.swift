import RealModule
import Signal

/// What the anomaly detector learned from a baseline: a forest, a distance and their limits.
public struct AnomalyModel: Hashable, Sendable {
    /// The forest.
    public var forest: IsolationForest
    /// The distance that goes on where the forest's training range ends.
    public var distance: FeatureDistance
    /// The same distance for the newest part of a window, by which a return is judged.
    public var newest: FeatureDistance
    /// The score above which a window counts, if it lasts.
    public var scoreLimit: Double
    /// The distance above which a window counts.
    public var distanceLimit: Double
    /// The length of the windows.
    public var window: Nanoseconds
    /// Windows that the forest grew from, and windows held back for the limits.
    public var trainingWindows: Int
    /// See `trainingWindows`.
    public var heldBackWindows: Int
    /// The baseline covers too little for alarms: findings stay in shadow.
    public var isProvisional: Bool

    /// How rarely one baseline window exceeds the forest's limit. Three disjoint windows in a row
    /// must, so that the limit can be found from few windows.
    static let scoreTail = 1e-4

    static func learn(
        windows: [WindowFeatures],
        newest: [WindowFeatures],
        statistics: SeriesStatistics,
        isProvisional: Bool,
        settings: DetectorSettings,
        using random: inout some RandomNumberGenerator
    ) -> AnomalyModel {
        let anomaly = settings.anomaly
        // Every fourth block of windows is held back: neighbours may overlap.
        let block = max(8, windows.count / 32)
        var training: [WindowFeatures] = []
        var heldBack: [WindowFeatures] = []
        for (index, window) in windows.enumerated() {
            if index / block % 4 == 2 { heldBack.append(window) } else { training.append(window) }
        }
        let forest = IsolationForest.train(on: training, settings: anomaly.forest, using: &random)
        let samples =
            anomaly.window.seconds / settings.expectedInterval.seconds / Double(settings.thinning)
        let distance = FeatureDistance(
            windows: windows,
            statistics: statistics,
            samples: max(samples, 1)
        )
        let checked = heldBack.isEmpty ? training : heldBack
        var model = AnomalyModel(
            forest: forest,
            distance: distance,
            newest: FeatureDistance(
                windows: newest.isEmpty ? windows : newest,
                statistics: statistics,
                samples: max(samples / Double(AnomalyDetector.newestPart), 1)
            ),
            scoreLimit: tailLimit(checked.map(forest.score), tail: scoreTail),
            distanceLimit: 0,
            window: anomaly.window,
            trainingWindows: training.count,
            heldBackWindows: heldBack.count,
            isProvisional: isProvisional
        )
        if case .wanted(let days) = anomaly.thresholds {
            // Windows that overlap by more than half are one chance of a false alarm, not two.
            let chance = max(anomaly.hop.seconds, anomaly.window.seconds / 2)
            let tail = clip(chance / (clip(days, 0.001, 36_500) * 86_400), 1e-9, 0.1)
            let limit = Quantiles.chiSquare(tail: tail, degrees: FeatureDistance.dimensions)
                .squareRoot()
            let widening = Quantiles.widening(
                normal: limit,
                independent: min(statistics.independent, Double(windows.count))
            )
            // Squared distances fall off exponentially where the features are normal; where they
            // are not, the baseline's own tail says how far out to go.
            let squares = windows.map { distance($0) * distance($0) }
            let found = tailLimit(squares, tail: tail).squareRoot()
            model.distanceLimit = max(limit * widening, found)
        }
        return model
    }

    /// The value that is exceeded with probability `tail` if the upper part of `scores` falls off
    /// exponentially: the larger of what their upper fifth and, where it holds enough, their upper
    /// twentieth say; never below the largest.
    static func tailLimit(_ scores: [Double], tail: Double) -> Double {
        let sorted = scores.sorted()
        guard var limit = sorted.last else { return 1 }
        for share in [0.2, 0.05] {
            let part = sorted.suffix(Int((Double(sorted.count) * share).rounded(.up)))
            guard share == 0.2 || part.count >= 50, let base = part.first else { continue }
            let excess = part.reduce(0) { $0 + $1 - base } / Double(part.count)
            limit = max(limit, base + excess * Double.log(share / tail))
        }
        return limit
    }

    func encode(into writer: inout ByteWriter) {
        writer.write(forest.encoded)
        distance.encode(into: &writer)
        newest.encode(into: &writer)
        writer.write(scoreLimit)
        writer.write(distanceLimit)
        writer.write(window.count)
        writer.write(UInt32(trainingWindows))
        writer.write(UInt32(heldBackWindows))
        writer.write(isProvisional)
    }

    init(from reader: inout ByteReader) throws(CodingFault) {
        forest = try IsolationForest(
            decoding: Array(try reader.readBytes(limit: IsolationForest.mostBytes))
        )
        distance = try FeatureDistance(from: &reader)
        newest = try FeatureDistance(from: &reader)
        scoreLimit = try reader.readFinite()
        distanceLimit = try reader.readFinite()
        window = Nanoseconds(try reader.read(Int64.self))
        trainingWindows = Int(try reader.read(UInt32.self))
        heldBackWindows = Int(try reader.read(UInt32.self))
        isProvisional = try reader.readBool()
    }

    init(
        forest: IsolationForest,
        distance: FeatureDistance,
        newest: FeatureDistance,
        scoreLimit: Double,
        distanceLimit: Double,
        window: Nanoseconds,
        trainingWindows: Int,
        heldBackWindows: Int,
        isProvisional: Bool
    ) {
        self.forest = forest
        self.distance = distance
        self.newest = newest
        self.scoreLimit = scoreLimit
        self.distanceLimit = distanceLimit
        self.window = window
        self.trainingWindows = trainingWindows
        self.heldBackWindows = heldBackWindows
        self.isProvisional = isProvisional
    }
}
