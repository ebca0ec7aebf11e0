import RealModule

/// How an isolation forest is grown.
public struct ForestSettings: Hashable, Sendable {
    /// The number of trees.
    public var trees: Int
    /// The subsample size ψ, 2 to 256.
    public var subsample: Int
    /// Uniform background points added to the training windows, as a share of their number.
    ///
    /// A forest cannot tell how far outside its training range a window lies; points spread evenly
    /// through a box three times that range give it splits out there.
    public var background: Double

    /// As given; `background` 0 is the forest as published.
    public init(trees: Int = 150, subsample: Int = 128, background: Double = 0.2) {
        self.trees = trees
        self.subsample = subsample
        self.background = background
    }

    /// As Liu, Ting and Zhou and scikit-learn do: ψ = 256, nothing added.
    public static let textbook = ForestSettings(trees: 150, subsample: 256, background: 0)
}

extension IsolationForest {
    /// Grows a forest from `windows`; the same windows, settings and random source give the same
    /// forest on every machine.
    ///
    /// Each tree gets ψ points drawn without replacement; a node picks one of the features that
    /// are not constant in it and a threshold evenly between their least and greatest value there,
    /// until the depth ⌈log₂ ψ⌉, one point, or equal points.
    ///
    /// - Precondition: at least one window.
    public static func train(
        on windows: [WindowFeatures],
        settings: ForestSettings = ForestSettings(),
        using random: inout some RandomNumberGenerator
    ) -> IsolationForest {
        precondition(!windows.isEmpty, "a forest needs windows to grow from")
        let extra = Int((Double(windows.count) * max(settings.background, 0)).rounded())
        var ladders: [FeatureLadder] = []
        var columns: [[UInt16]] = []
        for feature in 0..<WindowFeatures.count {
            var low = Double.infinity
            var high = -Double.infinity
            for window in windows {
                low = min(low, window[feature])
                high = max(high, window[feature])
            }
            let margin = extra > 0 ? high - low : 0
            let bottom = low - margin
            let step = (high - low + 2 * margin) / Double(mostLevels - 1)
            let ladder = FeatureLadder.even(low: bottom, step: step)
            var column = windows.map { ladder.code($0[feature]) }
            for _ in 0..<extra {
                let level = Int.random(in: 0..<mostLevels, using: &random)
                column.append(step > 0 ? UInt16(level) : ladder.code(low))
            }
            ladders.append(ladder)
            columns.append(column)
        }
        var grower = ForestGrower(
            columns: columns,
            subsample: min(settings.subsample, 256, windows.count + extra)
        )
        for _ in 0..<settings.trees { grower.growTree(using: &random) }
        return grower.packer.forest(subsample: grower.subsample, ladders: ladders)
    }
}

/// Grows trees over coded points.
private struct ForestGrower {
    let columns: [[UInt16]]
    let subsample: Int
    let depthLimit: Int
    var packer = ForestPacker()
    /// Point numbers; the first `subsample` after a shuffle are the tree's.
    var order: [Int32]

    init(columns: [[UInt16]], subsample: Int) {
        self.columns = columns
        self.subsample = subsample
        var limit = 0
        while 1 << limit < max(subsample, 2) { limit += 1 }
        depthLimit = limit
        order = (0..<Int32(columns[0].count)).map { $0 }
    }

    mutating func growTree(using random: inout some RandomNumberGenerator) {
        for index in 0..<subsample {
            order.swapAt(index, Int.random(in: index..<order.count, using: &random))
        }
        packer.beginTree()
        var pending: [(range: Range<Int>, depth: Int, parent: Int?)] = [(0..<subsample, 0, nil)]
        while let (range, depth, parent) = pending.popLast() {
            if let parent { packer.rightBegins(of: parent) }
            guard depth < depthLimit, range.count > 1,
                let (feature, level) = chooseSplit(of: range, using: &random)
            else {
                packer.leaf(samples: range.count)
                continue
            }
            let middle = partition(range, by: feature, at: level)
            let split = packer.split(feature: feature, level: level)
            pending.append((middle..<range.upperBound, depth + 1, split))
            pending.append((range.lowerBound..<middle, depth + 1, nil))
        }
    }

    /// A feature that is not constant among the points of `range`, and a level that parts them.
    private func chooseSplit(
        of range: Range<Int>,
        using random: inout some RandomNumberGenerator
    ) -> (feature: Int, level: UInt16)? {
        var candidates = SIMD16<UInt8>(
            0,
            1,
            2,
            3,
            4,
            5,
            6,
            7,
            8,
            9,
            0,
            0,
            0,
            0,
            0,
            0
        )
        var left = columns.count
        while left > 0 {
            let pick = Int.random(in: 0..<left, using: &random)
            let feature = Int(candidates[pick])
            let column = columns[feature]
            var low = UInt16.max
            var high = UInt16.min
            for index in range {
                let code = column[Int(order[index])]
                low = min(low, code)
                high = max(high, code)
            }
            if low < high {
                return (feature, UInt16.random(in: low..<high, using: &random))
            }
            left -= 1
            candidates[pick] = candidates[left]
        }
        return nil
    }

    /// Puts the points at or below `level` first; tells where the others begin.
    private mutating func partition(
        _ range: Range<Int>,
        by feature: Int,
        at level: UInt16
    ) -> Int {
        var middle = range.lowerBound
        for index in range where columns[feature][Int(order[index])] <= level {
            order.swapAt(index, middle)
            middle += 1
        }
        return middle
    }
}
