import Signal
import Testing

@testable import Journal

@Suite struct RollupTests {
    static func readings(seed: UInt64) -> [(Double?, Quality)] {
        var random = SplitMix(seed: seed)
        return (0..<200).map { _ in
            let quality = Quality.allCases.randomElement(using: &random) ?? .good
            let value =
                Bool.random(using: &random) ? Double.random(in: -5...9, using: &random) : nil
            return (value, quality)
        }
    }

    @Test("merging in any grouping gives what all readings give", arguments: 1..<20)
    func merging(seed: Int) throws {
        let readings = Self.readings(seed: UInt64(seed))
        let usable = readings.compactMap { $0.1.level == .bad ? nil : $0.0 }
        var groups: [Rollup] = []
        for start in stride(from: 0, to: readings.count, by: seed) {
            var group = Rollup(readings[start].0, quality: readings[start].1)
            for reading in readings[(start + 1)..<min(start + seed, readings.count)] {
                group.merge(Rollup(reading.0, quality: reading.1))
            }
            groups.append(group)
        }
        var whole = groups[0]
        for group in groups.dropFirst() { whole.merge(group) }
        #expect(whole.count == UInt64(usable.count))
        #expect(whole.values?.lowest == usable.min())
        #expect(whole.values?.highest == usable.max())
        let mean = try #require(whole.values?.mean)
        #expect(abs(mean - usable.reduce(0, +) / Double(usable.count)) < 1e-9)
        let worst = try #require(readings.map { $0.1.rawValue }.max())
        #expect(whole.worst.rawValue == worst)
    }

    @Test("a bad value counts in no figure, only in the quality")
    func bad() {
        var rollup = Rollup(3, quality: .good)
        rollup.merge(Rollup(999, quality: .wireBreak))
        #expect(rollup.count == 1)
        #expect(rollup.values == Rollup.Values(lowest: 3, highest: 3, mean: 3))
        #expect(rollup.worst == .wireBreak)
    }

    static func buckets(seed: UInt64, level: RollupLevel, row: Int64) -> [Int64: Rollup] {
        var random = SplitMix(seed: seed)
        var buckets: [Int64: Rollup] = [:]
        for place in 0..<level.bucketsPerRow where Int.random(in: 0..<3, using: &random) > 0 {
            let low = Double.random(in: -1e6...1e6, using: &random)
            let high = low + Double.random(in: 0...10, using: &random)
            let isEmpty = Int.random(in: 0..<5, using: &random) == 0
            buckets[row * level.bucketsPerRow + place] = Rollup(
                count: isEmpty ? 0 : UInt64.random(in: 1...1_000_000, using: &random),
                values: isEmpty
                    ? nil : Rollup.Values(lowest: low, highest: high, mean: (low + high) / 2),
                worst: isEmpty ? .wireBreak : .good
            )
        }
        return buckets
    }

    @Test("a stored row comes back with seven digits", arguments: 0..<30)
    func row(seed: Int) throws {
        let level = RollupLevel.allCases[seed % 3]
        let buckets = Self.buckets(seed: UInt64(seed), level: level, row: 470_000)
        let body = RollupRow.encode(buckets, row: 470_000, level: level, key: 42)
        let back = try RollupRow.decode(body, row: 470_000, level: level, key: 42)
        #expect(back.keys.sorted() == buckets.keys.sorted())
        for (bucket, rollup) in buckets {
            let found = try #require(back[bucket])
            #expect(found.count == rollup.count)
            #expect(found.worst == rollup.worst)
            guard let values = rollup.values, let other = found.values else { continue }
            for (a, b) in [
                (values.lowest, other.lowest), (values.highest, other.highest),
                (values.mean, other.mean),
            ] { #expect(abs(a - b) <= max(abs(a), 1) * 1.3e-7) }
        }
        let waiting = Dictionary(
            uniqueKeysWithValues: buckets.values.enumerated().map {
                (UInt32($0.offset), $0.element)
            }
        )
        let staged = try StagedRollups.decode(StagedRollups.encode(waiting, key: 1), key: 1)
        #expect(staged.count == waiting.count)
        #expect(staged.allSatisfy { $0.value.count == waiting[$0.key]?.count })
    }

    @Test("extreme values are kept as large as single precision goes")
    func extremes() throws {
        let huge = Rollup.Values(
            lowest: -.greatestFiniteMagnitude,
            highest: .greatestFiniteMagnitude,
            mean: 1e300
        )
        let rollup = Rollup(count: 2, values: huge, worst: .good)
        let back = try RollupRow.decode(
            RollupRow.encode([120: rollup], row: 2, level: .minute, key: 9),
            row: 2,
            level: .minute,
            key: 9
        )
        let limit = Double(Float.greatestFiniteMagnitude)
        #expect(
            back[120]?.values == Rollup.Values(lowest: -limit, highest: limit, mean: limit)
        )
    }

    @Test("damaged rows are found, and past the checksum nothing stops the program")
    func garbage() {
        var random = SplitMix(seed: 8)
        let buckets = Self.buckets(seed: 1, level: .minute, row: 5)
        let body = RollupRow.encode(buckets, row: 5, level: .minute, key: 3)
        for index in body.indices {
            var damaged = body
            damaged[index] ^= 0x41
            #expect(throws: Undecodable.self) {
                _ = try RollupRow.decode(damaged, row: 5, level: .minute, key: 3)
            }
            var payload = Array(body.dropFirst(4))
            payload[index % payload.count] = UInt8.random(in: 0...255, using: &random)
            let sealed = Sealed.seal(payload, key: 3)
            _ = try? RollupRow.decode(sealed, row: 5, level: .minute, key: 3)
            _ = try? StagedRollups.decode(sealed, key: 3)
        }
    }

    @Test(
        "times before 1970 fall into the bucket that holds them",
        arguments: [(-1, -1), (-60, -1), (-61, -2), (0, 0), (59, 0), (60, 1)] as [(Int64, Int64)]
    )
    func buckets(seconds: Int64, minute: Int64) {
        let time = WallTime(nanosecondsSince1970: seconds * 1_000_000_000)
        #expect(RollupLevel.minute.bucket(of: time) == minute)
    }
}
