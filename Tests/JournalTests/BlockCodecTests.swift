import GatewayCore
import Signal
import Testing

@testable import Journal

@Suite struct BlockCodecTests {
    static func block(seed: UInt64, count: Int) -> Block {
        var random = SplitMix(seed: seed)
        let qualities = Quality.allCases
        func number() -> Double? {
            switch Int.random(in: 0..<8, using: &random) {
            case 0: nil
            case 1: Double(Int.random(in: -20_000...20_000, using: &random)) / 1000
            case 2: Double.random(in: -1e9...1e9, using: &random)
            case 3: -0.0
            case 4:
                [Double.greatestFiniteMagnitude, .leastNonzeroMagnitude, 1e300, 0].randomElement(
                    using: &random
                )
            default: Double(Int.random(in: 4_000_000...20_000_000, using: &random)) / 1e6
            }
        }
        var wall: Int64 = 1_700_000_000_000_000_000
        let readings = (0..<count).map { index -> Reading in
            if index % 8 == 0 { wall += Int64.random(in: -5...2_000_000_000, using: &random) }
            return Reading(
                instrument: InstrumentID(rawValue: UInt32.random(in: 1...300, using: &random)),
                stamp: Stamp(
                    monotonic: MonotonicTime(nanoseconds: wall &- 1_690_000_000_000_000_000),
                    wall: WallTime(nanosecondsSince1970: wall),
                    clock: ClockState.allCases.randomElement(using: &random) ?? .synced
                ),
                raw: Bool.random(using: &random)
                    ? nil : Int64.random(in: .min ... .max, using: &random),
                current: number().flatMap { LoopCurrent(milliamps: $0) },
                value: number(),
                quality: qualities.randomElement(using: &random) ?? .good
            )
        }
        let first = UInt64.random(in: 1...1_000_000, using: &random)
        var offers: [LiveOffer] = []
        if count > 4 {
            offers = [
                LiveOffer(connection: "cmms", range: first...(first + UInt64(count) - 1)),
                LiveOffer(connection: "历史", range: (first + 1)...(first + 3)),
            ]
        }
        let mark = DeliveryMark(
            connection: "cmms",
            stream: .readings,
            epoch: UInt64.random(in: 0 ... .max, using: &random),
            floor: 17,
            ranges: [20...20, 25...90]
        )
        return Block(
            epoch: UInt64.random(in: 0 ... .max, using: &random),
            first: first,
            readings: readings,
            offers: offers,
            marks: [mark],
            isKeyFrame: Bool.random(using: &random),
            lastRecord: 7
        )
    }

    @Test("whatever goes in comes out, to the bit", arguments: 0..<60)
    func roundTrip(seed: UInt64) throws {
        let block = Self.block(seed: seed, count: Int(seed) * 7)
        let back = try BlockCodec.decode(BlockCodec.encode(block)[...])
        #expect(back == block)
        // Equality takes -0 for 0: the bits must agree too.
        #expect(
            zip(back.readings, block.readings).allSatisfy {
                $0.value?.bitPattern == $1.value?.bitPattern
                    && $0.current?.milliamps.bitPattern == $1.current?.milliamps.bitPattern
            }
        )
    }

    @Test("a damaged row is noticed, whichever bit flips, and never traps", arguments: 0..<20)
    func damage(seed: UInt64) throws {
        var random = SplitMix(seed: seed)
        let sealed = Sealed.seal(BlockCodec.encode(Self.block(seed: seed, count: 40)), key: 5)
        #expect(throws: Undecodable.self) { try Sealed.open(sealed, key: 6) }
        for _ in 0..<200 {
            var hurt = sealed
            let place = Int.random(in: 0..<hurt.count, using: &random)
            hurt[place] ^= 1 << UInt8.random(in: 0...7, using: &random)
            #expect(throws: Undecodable.self) { try Sealed.open(hurt, key: 5) }
            // Behind the checksum too, nothing may trap: a decode gives a block or an error.
            _ = try? BlockCodec.decode(hurt.dropFirst(4))
            _ = try? BlockCodec.decode(hurt[4..<place.clamped(4, hurt.count)])
        }
    }

    @Test("rollups come back, to the precision of a chart")
    func rollups() throws {
        var random = SplitMix(seed: 1)
        let rollups = (1...50).map { id in
            Rollup(
                instrument: InstrumentID(rawValue: id),
                count: 60,
                valued: id % 5 == 0 ? 0 : 60,
                minimum: id % 5 == 0 ? 0 : 1.5,
                maximum: id % 5 == 0 ? 0 : 12.25,
                mean: id % 5 == 0 ? 0 : 4.125,
                worst: Quality.allCases.randomElement(using: &random) ?? .good
            )
        }
        #expect(try RollupCodec.decode(RollupCodec.encode(rollups)[...]) == rollups)
    }
}

extension Int {
    func clamped(_ low: Int, _ high: Int) -> Int { Swift.min(Swift.max(self, low), high) }
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
