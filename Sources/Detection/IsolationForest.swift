import RealModule

/// A trained isolation forest (Liu, Ting and Zhou 2008), packed into few bytes.
///
/// Every split is a level on a feature's ladder (`FeatureLadder`), so a window is turned into ten
/// small numbers once and all trees compare those. A tree keeps its inner nodes in depth-first
/// order: a left child follows its parent; `right` says where the right one is. From that the
/// leaves' places follow, so that nothing else is stored: 3 bytes a split and 1 byte a leaf.
public struct IsolationForest: Hashable, Sendable {
    /// The subsample size ψ that each tree was grown from.
    public let subsample: Int
    /// The ladders of the ten features.
    let ladders: [FeatureLadder]
    /// Where each tree begins in `splits`, and a last entry for the end.
    let starts: [Int32]
    /// Feature in the top 4 bits, level in the lower 12.
    let splits: [UInt16]
    /// For each split, the index inside its tree at which its right subtree begins.
    let right: [UInt8]
    /// Number of training points in each leaf, less one; a tree has one leaf more than splits.
    let leaves: [UInt8]

    /// The number of trees.
    public var trees: Int { starts.count - 1 }

    /// The most levels that a split may name: 12 bits.
    static let mostLevels = 4_096

    /// The mean number of edges from the root to the end of an unsuccessful search among `n`
    /// points: what a leaf of n points adds to a path, and what paths are measured by.
    public static func averagePathLength(_ n: Int) -> Double {
        guard n > 1 else { return 0 }
        guard n > 2 else { return 1 }
        let m = Double(n - 1)
        return 2 * (Double.log(m) + 0.5772156649015329) - 2 * m / Double(n)
    }

    private static let pathLengths = (0...256).map(averagePathLength)

    /// The mean depth at which `window` is isolated, over all trees.
    public func meanDepth(_ window: WindowFeatures) -> Double {
        guard trees > 0 else { return 0 }
        var codes = SIMD16<UInt16>()
        for feature in 0..<WindowFeatures.count {
            codes[feature] = ladders[feature].code(window[feature])
        }
        return meanDepth(codes: codes)
    }

    /// The score 2^(−E[h]/c(ψ)): towards 1 anomalous, well below 0.5 normal.
    public func score(_ window: WindowFeatures) -> Double {
        Self.score(meanDepth: meanDepth(window), subsample: subsample)
    }

    static func score(meanDepth: Double, subsample: Int) -> Double {
        Double.exp2(-meanDepth / max(averagePathLength(subsample), 1))
    }

    private func meanDepth(codes: SIMD16<UInt16>) -> Double {
        var total = 0.0
        let paths = Self.pathLengths
        for tree in 0..<trees {
            let base = Int(starts[tree])
            var node = 0
            var end = Int(starts[tree + 1]) - base
            // The leaves of earlier trees are one more than their splits.
            var leaf = base + tree
            var depth = 0
            while node < end {
                depth += 1
                let split = splits[base + node]
                let beyond = Int(right[base + node])
                if codes[Int(split >> 12)] <= split & 0x0FFF {
                    end = beyond
                    node += 1
                } else {
                    leaf += beyond - node
                    node = beyond
                }
            }
            total += Double(depth) + paths[Int(leaves[leaf]) + 1]
        }
        return total / Double(trees)
    }

    init(
        subsample: Int,
        ladders: [FeatureLadder],
        starts: [Int32],
        splits: [UInt16],
        right: [UInt8],
        leaves: [UInt8]
    ) {
        self.subsample = subsample
        self.ladders = ladders
        self.starts = starts
        self.splits = splits
        self.right = right
        self.leaves = leaves
    }
}

/// The thresholds that splits on one feature may use, in ascending order.
///
/// A value's code is the number of thresholds below it, so `value <= threshold[level]` is the same
/// as `code <= level`: comparing codes is exact.
enum FeatureLadder: Hashable, Sendable {
    /// Equal steps: threshold l is `low + l * step`.
    case even(low: Double, step: Double)
    /// Any ascending thresholds, at most 4095.
    case table([Double])

    func code(_ value: Double) -> UInt16 {
        switch self {
        case .even(let low, let step):
            guard step > 0 else { return value > low ? UInt16(IsolationForest.mostLevels - 1) : 0 }
            let level = ((value - low) / step).rounded(.up)
            return UInt16(clip(level, 0, Double(IsolationForest.mostLevels - 1)))
        case .table(let thresholds):
            var from = 0
            var to = thresholds.count
            while from < to {
                let middle = (from + to) / 2
                if thresholds[middle] < value { from = middle + 1 } else { to = middle }
            }
            return UInt16(from)
        }
    }
}

// MARK: From a list of nodes

extension IsolationForest {
    /// One node of a tree that was grown elsewhere.
    public struct Node: Hashable, Sendable {
        /// Indices of the children in the same list; nil for a leaf.
        public var children: (left: Int, right: Int)? {
            left >= 0 && right >= 0 ? (left, right) : nil
        }
        /// The feature that is compared, 0 to 9.
        public var feature: Int
        /// A value at or below it goes left.
        public var threshold: Double
        /// The training points that reached the node.
        public var samples: Int
        private var left: Int
        private var right: Int

        /// A node; negative children make it a leaf.
        public init(left: Int, right: Int, feature: Int, threshold: Double, samples: Int) {
            self.left = left
            self.right = right
            self.feature = feature
            self.threshold = threshold
            self.samples = samples
        }
    }

    /// A forest from lists of nodes, the root of each tree first; scores exactly as those would.
    ///
    /// - Throws: `CodingFault.damaged` where a list is no tree of at most 256 leaves.
    public init(trees: [[Node]], subsample: Int) throws(CodingFault) {
        var thresholds = [[Double]](repeating: [], count: WindowFeatures.count)
        for node in trees.joined() where node.children != nil {
            guard thresholds.indices.contains(node.feature), node.threshold.isFinite else {
                throw .damaged("a split names feature \(node.feature)")
            }
            thresholds[node.feature].append(node.threshold)
        }
        let ladders = thresholds.map { list in
            var distinct: [Double] = []
            for threshold in list.sorted() where threshold != distinct.last {
                distinct.append(threshold)
            }
            return FeatureLadder.table(distinct)
        }
        for case .table(let list) in ladders where list.count >= Self.mostLevels {
            throw .damaged("more than 4095 thresholds on one feature")
        }
        var packer = ForestPacker()
        for nodes in trees {
            packer.beginTree()
            var pending: [(node: Int, parent: Int?)] = [(0, nil)]
            var visited = 0
            while let (index, parent) = pending.popLast() {
                guard nodes.indices.contains(index), visited <= nodes.count else {
                    throw .damaged("a child is outside its tree")
                }
                visited += 1
                if let parent { packer.rightBegins(of: parent) }
                let node = nodes[index]
                if let children = node.children {
                    let level = ladders[node.feature].code(node.threshold)
                    let split = packer.split(feature: node.feature, level: level)
                    pending.append((children.right, split))
                    pending.append((children.left, nil))
                } else {
                    packer.leaf(samples: node.samples)
                }
            }
            guard packer.treeFits else { throw .damaged("a tree of more than 256 leaves") }
        }
        self = packer.forest(subsample: subsample, ladders: ladders)
    }
}

/// Writes trees, visited depth first, in the packed form.
struct ForestPacker {
    private var starts: [Int32] = []
    private var splits: [UInt16] = []
    private var right: [UInt8] = []
    private var leaves: [UInt8] = []

    mutating func beginTree() { starts.append(Int32(splits.count)) }

    /// Appends a split; tells its index for `rightBegins`.
    mutating func split(feature: Int, level: UInt16) -> Int {
        splits.append(UInt16(feature) << 12 | level)
        right.append(0)
        return splits.count - 1
    }
    /// The right subtree of `split` is visited next.
    mutating func rightBegins(of split: Int) {
        right[split] = UInt8(truncatingIfNeeded: splits.count - Int(starts.last ?? 0))
    }
    mutating func leaf(samples: Int) {
        leaves.append(UInt8(min(max(samples, 1), 256) - 1))
    }
    var treeFits: Bool { splits.count - Int(starts.last ?? 0) <= 255 }

    func forest(subsample: Int, ladders: [FeatureLadder]) -> IsolationForest {
        IsolationForest(
            subsample: subsample,
            ladders: ladders,
            starts: starts + [Int32(splits.count)],
            splits: splits,
            right: right,
            leaves: leaves
        )
    }
}
