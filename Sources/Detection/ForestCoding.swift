extension IsolationForest {
    private static let format: UInt16 = 1
    /// The most bytes that a forest may take when read back.
    static let mostBytes = 1 << 20

    /// The forest as bytes, with the feature set's version and a checksum.
    public var encoded: [UInt8] {
        var writer = ByteWriter()
        writer.write(Self.format)
        writer.write(WindowFeatures.version)
        writer.write(UInt16(subsample))
        writer.write(UInt16(trees))
        for ladder in ladders {
            switch ladder {
            case .even(let low, let step):
                writer.write(UInt16.max)
                writer.write(low)
                writer.write(step)
            case .table(let thresholds):
                writer.write(UInt16(thresholds.count))
                for threshold in thresholds { writer.write(threshold) }
            }
        }
        for tree in 0..<trees { writer.write(UInt8(starts[tree + 1] - starts[tree])) }
        for split in splits { writer.write(split) }
        writer.append(right)
        writer.append(leaves)
        writer.write(checksum(writer.bytes))
        return writer.bytes
    }

    /// The forest that `encoded` wrote.
    ///
    /// - Throws: `CodingFault` where the bytes are damaged, or of another format or feature set.
    public init(decoding bytes: [UInt8]) throws(CodingFault) {
        guard bytes.count > 16, bytes.count <= Self.mostBytes else {
            throw .damaged("\(bytes.count) bytes are no forest")
        }
        var tail = ByteReader(bytes[(bytes.count - 8)...])
        guard try tail.read(UInt64.self) == checksum(bytes.dropLast(8)) else { throw .checksum }
        var reader = ByteReader(bytes.dropLast(8))
        let format = try reader.read(UInt16.self)
        guard format == Self.format else { throw .format(found: format, wanted: Self.format) }
        let version = try reader.read(UInt16.self)
        guard version == WindowFeatures.version else {
            throw .featureSet(found: version, wanted: WindowFeatures.version)
        }
        let subsample = Int(try reader.read(UInt16.self))
        let trees = Int(try reader.read(UInt16.self))
        guard (1...256).contains(subsample), trees > 0 else { throw .damaged("no trees") }
        var ladders: [FeatureLadder] = []
        for _ in 0..<WindowFeatures.count {
            let count = try reader.read(UInt16.self)
            if count == .max {
                let low = try reader.readFinite()
                ladders.append(.even(low: low, step: try reader.readFinite()))
            } else {
                guard count < Self.mostLevels else { throw .damaged("a ladder is too long") }
                var thresholds: [Double] = []
                for _ in 0..<count { thresholds.append(try reader.readFinite()) }
                ladders.append(.table(thresholds))
            }
        }
        var starts: [Int32] = [0]
        for _ in 0..<trees {
            starts.append(starts[starts.count - 1] + Int32(try reader.read(UInt8.self)))
        }
        let count = Int(starts[trees])
        var splits: [UInt16] = []
        splits.reserveCapacity(count)
        for _ in 0..<count {
            let split = try reader.read(UInt16.self)
            guard split >> 12 < WindowFeatures.count else { throw .damaged("a split's feature") }
            splits.append(split)
        }
        let right = Array(try reader.take(count))
        let leaves = Array(try reader.take(count + trees))
        guard reader.remaining == 0 else { throw .damaged("bytes are left over") }
        self.init(
            subsample: subsample,
            ladders: ladders,
            starts: starts,
            splits: splits,
            right: right,
            leaves: leaves
        )
        guard isWellFormed else { throw .damaged("a tree's links") }
    }

    /// Whether every right subtree lies inside its parent's: the walk then cannot leave its tree.
    private var isWellFormed: Bool {
        for tree in 0..<trees {
            let base = Int(starts[tree])
            var pending = [0..<Int(starts[tree + 1]) - base]
            while let range = pending.popLast() {
                guard let node = range.first else { continue }
                let beyond = Int(right[base + node])
                guard beyond > node, beyond <= range.upperBound else { return false }
                pending.append(node + 1..<beyond)
                pending.append(beyond..<range.upperBound)
            }
        }
        return true
    }
}
