import Signal

/// One bucket of all instruments: where rollups wait until their row is complete.
enum StagedRollups {
    static func encode(_ rollups: [UInt32: Rollup], key: Int64) -> [UInt8] {
        var writer = ByteWriter(reserving: rollups.count * 24)
        writer.put(varint: UInt64(rollups.count))
        var last: UInt32 = 0
        for (instrument, rollup) in rollups.sorted(by: { $0.key < $1.key }) {
            writer.put(varint: UInt64(instrument &- last))
            last = instrument
            writer.put(rollup.worst.rawValue)
            writer.put(varint: rollup.count)
            guard let values = rollup.values else { continue }
            writer.put(float: single(values.lowest))
            writer.put(float: single(values.highest))
            // The mean is merged again and again while it waits: it keeps its full precision.
            writer.put(double: values.mean)
        }
        return Sealed.seal(writer.bytes, key: key)
    }

    static func decode(_ body: [UInt8], key: Int64) throws(Undecodable) -> [UInt32: Rollup] {
        var reader = ByteReader(try Sealed.open(body, key: key))
        var rollups: [UInt32: Rollup] = [:]
        var last: UInt32 = 0
        for _ in 0..<(try reader.count(atMost: Codebook.mostEntries)) {
            last &+= UInt32(try reader.count(atMost: Int(UInt32.max)))
            guard let worst = Quality(rawValue: try reader.byte()) else {
                throw Undecodable("unknown quality")
            }
            let count = try reader.varint()
            var values: Rollup.Values?
            if count > 0 {
                values = Rollup.Values(
                    lowest: try finite(reader.float()),
                    highest: try finite(reader.float()),
                    mean: try finite(reader.double())
                )
            }
            rollups[last] = Rollup(count: count, values: values, worst: worst)
        }
        return rollups
    }
}

/// Consecutive buckets of one instrument in one row: about nine bytes a bucket.
///
/// Lowest, highest and mean are kept in single precision: seven digits, more than any loop has.
enum RollupRow {
    static func encode(_ buckets: [Int64: Rollup], row: Int64, level: RollupLevel, key: Int64)
        -> [UInt8]
    {
        let first = row * level.bucketsPerRow
        var writer = ByteWriter(reserving: buckets.count * 10 + 16)
        writer.put(varint: UInt64(buckets.count))
        var place: Int64 = 0
        var count: UInt64 = 0
        var lowest: Int64 = 0
        var spread: Int64 = 0
        for (bucket, rollup) in buckets.sorted(by: { $0.key < $1.key }) {
            let steps = min(max(bucket - first - place, 0), 62)
            place += steps
            // Mostly the next bucket with as many readings as the last one and all good: one byte.
            let same = rollup.count == count
            let good = rollup.worst == .good
            writer.put(UInt8(steps) << 2 | (same ? 2 : 0) | (good ? 1 : 0))
            if !same { writer.put(varint: rollup.count) }
            if !good { writer.put(rollup.worst.rawValue) }
            count = rollup.count
            guard let values = rollup.values else { continue }
            let low = single(values.lowest).ordinal
            let high = single(values.highest).ordinal
            writer.put(signed: low - lowest)
            writer.put(signed: high - low - spread)
            writer.put(signed: single(values.mean).ordinal - low - (high - low) / 2)
            lowest = low
            spread = high - low
        }
        return Sealed.seal(writer.bytes, key: key)
    }

    static func decode(_ body: [UInt8], row: Int64, level: RollupLevel, key: Int64)
        throws(Undecodable) -> [Int64: Rollup]
    {
        let first = row &* level.bucketsPerRow
        var reader = ByteReader(try Sealed.open(body, key: key))
        var buckets: [Int64: Rollup] = [:]
        var place: Int64 = 0
        var count: UInt64 = 0
        var lowest: Int64 = 0
        var spread: Int64 = 0
        for _ in 0..<(try reader.count(atMost: Int(level.bucketsPerRow))) {
            let packed = try reader.byte()
            place += Int64(packed >> 2)
            guard place < level.bucketsPerRow else { throw Undecodable("bucket beyond its row") }
            if packed & 2 == 0 { count = try reader.varint() }
            var worst = Quality.good
            if packed & 1 == 0 {
                guard let found = Quality(rawValue: try reader.byte()) else {
                    throw Undecodable("unknown quality")
                }
                worst = found
            }
            var values: Rollup.Values?
            if count > 0 {
                lowest &+= try reader.signed()
                spread &+= try reader.signed()
                let mean = lowest &+ spread / 2 &+ (try reader.signed())
                values = Rollup.Values(
                    lowest: try finite(Float(ordinal: lowest)),
                    highest: try finite(Float(ordinal: lowest &+ spread)),
                    mean: try finite(Float(ordinal: mean))
                )
            }
            buckets[first &+ place] = Rollup(count: count, values: values, worst: worst)
        }
        return buckets
    }
}

/// Row ids of rollups: level, instrument, row.
enum RollupKey {
    /// Instruments above this are not rolled up; the register gives small numbers.
    static let mostInstrument: UInt32 = 1 << 28 - 1

    /// The key, or nil where a part does not fit (an instrument or a year that cannot be).
    static func key(_ level: RollupLevel, _ instrument: UInt32, row: Int64) -> Int64? {
        guard instrument <= mostInstrument, row >= 0, row < 1 << 32 else { return nil }
        return Int64(level.rawValue) << 60 | Int64(instrument) << 32 | row
    }

    /// The key of a staged bucket, or nil where it does not fit.
    static func staged(_ level: RollupLevel, bucket: Int64) -> Int64? {
        guard bucket >= 0, bucket < 1 << 32 else { return nil }
        return Int64(level.rawValue) << 60 | bucket
    }

    static func bucket(ofStaged key: Int64) -> Int64 { key & (1 << 32 - 1) }
    static func row(of key: Int64) -> Int64 { key & (1 << 32 - 1) }
    static func instrument(of key: Int64) -> UInt32 {
        UInt32(truncatingIfNeeded: key >> 32) & mostInstrument
    }
}

/// The nearest single-precision number; what is too large becomes the largest.
private func single(_ value: Double) -> Float {
    let limit = Double(Float.greatestFiniteMagnitude)
    return Float(min(max(value, -limit), limit))
}

private func finite(_ value: Float) throws(Undecodable) -> Double {
    try finite(Double(value))
}

private func finite(_ value: Double) throws(Undecodable) -> Double {
    guard value.isFinite else { throw Undecodable("value is not finite") }
    return value
}
