import Testing

@testable import GatewayCore

@Suite struct SequenceSetTests {
    @Test("agrees with a plain set under any mix of inserts and removals", arguments: 0..<40)
    func agreesWithPlainSet(seed: UInt64) {
        var random = SplitMix(seed: seed)
        var tested = SequenceSet()
        var plain: Set<UInt64> = []
        for _ in 0..<200 {
            let low = UInt64.random(in: 1...120, using: &random)
            let range = low...(low + UInt64.random(in: 0...12, using: &random))
            if Int.random(in: 0..<4, using: &random) == 0 {
                tested.remove(range)
                plain.subtract(range)
            } else {
                tested.insert(range)
                plain.formUnion(range)
            }
            #expect((1...140).allSatisfy { tested.contains($0) == plain.contains($0) })
            #expect(tested.missing(upTo: 140) == 140 - UInt64(plain.filter { $0 <= 140 }.count))
            let start = UInt64.random(in: 1...140, using: &random)
            let gap = tested.firstGap(from: start, upTo: 140)
            let expected = (start...140).first { !plain.contains($0) }
            #expect(gap?.lowerBound == expected)
            if let gap {
                #expect(gap.allSatisfy { !plain.contains($0) })
                #expect(gap.upperBound == 140 || plain.contains(gap.upperBound + 1))
            }
            let ends = [tested.floor] + tested.ranges.flatMap { [$0.lowerBound, $0.upperBound] }
            #expect(zip(ends, ends.dropFirst()).allSatisfy { $0 <= $1 })
            #expect(tested.ranges.first.map { $0.lowerBound > tested.floor + 1 } ?? true)
        }
    }

    @Test("is the same whichever way it was filled")
    func order() {
        let a = SequenceSet(floor: 3, ranges: [8...9, 5...6, 4...4])
        var b = SequenceSet()
        b.insert(8...9)
        b.insert(1...6)
        #expect(a == b)
        #expect(a.floor == 6)
        #expect(a.ranges == [8...9])
        #expect(a.intersection(2...8) == [2...6, 8...8])
    }
}

/// A small seeded generator, so that a failing case can be run again.
struct SplitMix: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed }
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
