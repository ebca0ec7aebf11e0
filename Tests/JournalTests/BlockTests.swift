import GatewayCore
import Signal
import Testing

@testable import Journal

@Suite struct BlockTests {
    /// Anything that a reading can hold, sensible or not.
    static func block(seed: UInt64, count: Int) -> Block {
        var random = SplitMix(seed: seed)
        func number() -> Double? {
            switch Int.random(in: 0..<8, using: &random) {
            case 0: nil
            case 1: Double(Int.random(in: -20_000...20_000, using: &random)) / 1000
            case 2: Double.random(in: -1e9...1e9, using: &random)
            case 3: -0.0
            case 4:
                [Double.greatestFiniteMagnitude, .leastNonzeroMagnitude, -1e300, 0].randomElement(
                    using: &random
                )
            default: Double(Int.random(in: 4_000_000...20_000_000, using: &random)) / 1e6
            }
        }
        var wall: Int64 = 1_700_000_000_000_000_000
        let first = UInt64.random(in: 1...1_000_000, using: &random)
        let readings = (0..<count).map { index -> SequencedReading in
            if index % 8 == 0 { wall &+= Int64.random(in: -5...2_000_000_000, using: &random) }
            let reading = Reading(
                instrument: InstrumentID(
                    rawValue: Bool.random(using: &random)
                        ? UInt32.random(in: 0...300, using: &random)
                        : UInt32.random(in: 0 ... .max, using: &random)
                ),
                stamp: Stamp(
                    monotonic: MonotonicTime(
                        nanoseconds: index % 50 == 9 ? .min : wall &- 1_690_000_000_000_000_000
                    ),
                    wall: WallTime(nanosecondsSince1970: index % 50 == 7 ? .max : wall),
                    clock: ClockState.allCases.randomElement(using: &random) ?? .synced
                ),
                raw: Bool.random(using: &random)
                    ? nil : Int64.random(in: .min ... .max, using: &random),
                current: number().flatMap { LoopCurrent(milliamps: $0) },
                value: number(),
                quality: Quality.allCases.randomElement(using: &random) ?? .good
            )
            return SequencedReading(sequence: first + UInt64(index), reading: reading)
        }
        var block = Block(key: RowKey(run: 7, sequence: first), readings: readings)
        if count > 4 {
            block.offers = [
                StoredOffer(connection: 1, range: first...(first + UInt64(count) - 1)),
                StoredOffer(connection: 900, range: (first + 1)...(first + 3)),
            ]
        }
        block.marks = [
            StoredMark(
                connection: 3,
                stream: .records,
                run: 6,
                floor: 17,
                ranges: [20...20, 25...90]
            ),
            StoredMark(
                connection: 1,
                stream: .readings,
                run: 7,
                floor: .max - 1,
                ranges: [.max ... .max]
            ),
        ]
        return block
    }

    static func same(_ a: Block, _ b: Block) -> Bool {
        // Bits, not values: minus zero must stay minus zero.
        a.key == b.key && a.offers == b.offers && a.marks == b.marks && a.readings == b.readings
            && zip(a.readings, b.readings).allSatisfy {
                $0.reading.value?.bitPattern == $1.reading.value?.bitPattern
                    && $0.reading.current?.milliamps.bitPattern
                        == $1.reading.current?.milliamps.bitPattern
            }
    }

    static func codebook(trainedOn readings: [SequencedReading]) throws -> Codebook {
        var trainer = CodebookTrainer()
        trainer.observe(readings)
        trainer.observe(readings)
        let entries = trainer.proposal()
        let book = Codebook(id: 5, entries: try #require(entries))
        return try Codebook.decode(id: 5, book.encoded()[...])
    }

    @Test("a block comes back bit for bit, whatever the codebook believes", arguments: 0..<40)
    func roundTrip(seed: Int) throws {
        let count = [0, 1, 2, 7, 128, 1000][seed % 6]
        let block = Self.block(seed: UInt64(seed), count: count)
        var books = [Codebook.empty]
        if count > 40 { books.append(try Self.codebook(trainedOn: block.readings)) }
        books.append(
            try Self.codebook(trainedOn: SamplePlant(seed: UInt64(seed)).sample(seconds: 4))
        )
        for book in books {
            let body = block.encoded(with: book)
            let back = try Block(decoding: body, key: block.key) { _ in book }
            #expect(Self.same(back, block))
        }
    }

    @Test("a flipped byte, a missing end or another row's key is found by the checksum")
    func checksum() throws {
        let block = Self.block(seed: 3, count: 64)
        let body = block.encoded(with: .empty)
        for index in body.indices {
            var damaged = body
            damaged[index] ^= 1 << UInt8(index % 8)
            #expect(throws: Undecodable.self) {
                _ = try Block(decoding: damaged, key: block.key) { _ in .empty }
            }
        }
        for length in 0..<body.count {
            #expect(throws: Undecodable.self) {
                _ = try Block(decoding: Array(body.prefix(length)), key: block.key) { _ in .empty }
            }
        }
        #expect(throws: Undecodable.self) {
            let other = RowKey(rowid: block.key.rowid + 1)
            _ = try Block(decoding: body, key: other) { _ in .empty }
        }
    }

    @Test("past the checksum, no bytes whatever stop the program", arguments: 0..<20)
    func garbage(seed: Int) throws {
        var random = SplitMix(seed: UInt64(seed))
        let plant = SamplePlant(seed: 4).sample(seconds: 2)
        let book = try Self.codebook(trainedOn: plant)
        let block = Block(key: RowKey(run: 1, sequence: 1), readings: plant)
        let payload = Array(block.encoded(with: book).dropFirst(4))
        for _ in 0..<200 {
            var bytes = payload
            for _ in 0..<Int.random(in: 1...8, using: &random) {
                let place = Int.random(in: 0..<bytes.count, using: &random)
                bytes[place] = UInt8.random(in: 0...255, using: &random)
            }
            if Bool.random(using: &random) {
                bytes = Array(bytes.prefix(Int.random(in: 0...bytes.count, using: &random)))
            }
            _ = try? Block(payload: bytes[...], key: block.key) { _ in book }
            let noise = (0..<200).map { _ in UInt8.random(in: 0...255, using: &random) }
            _ = try? Block(payload: noise[...], key: block.key) { _ in book }
            _ = try? Codebook.decode(id: 1, noise[...])
            var coded = book.encoded()
            coded[Int.random(in: 0..<coded.count, using: &random)] ^= 0xFF
            if let odd = try? Codebook.decode(id: 5, coded[...]) {
                _ = try? Block(payload: payload[...], key: block.key) { _ in odd }
            }
        }
    }

    @Test("a noisy channel takes less than four bytes a reading once its lines are learnt")
    func size() throws {
        var plant = SamplePlant()
        plant.dampedEvery = 0
        let book = try Self.codebook(trainedOn: plant.next(seconds: 60))
        var bytes = 0
        for _ in 0..<50 {
            let readings = plant.next(seconds: 2)
            let key = RowKey(run: 1, sequence: readings[0].sequence)
            bytes += Block(key: key, readings: readings).encoded(with: book).count
        }
        let each = Double(bytes) / Double(50 * 128)
        #expect(each < 4, "\(each) bytes a reading")
    }

    @Test("CRC-32C of the standard's check string is E3069283")
    func checkValue() {
        var sum = Checksum()
        sum.add(Array("123456789".utf8))
        #expect(sum.value == 0xE306_9283)
    }
}

extension SamplePlant {
    func sample(seconds: Int) -> [SequencedReading] {
        var plant = self
        return plant.next(seconds: seconds)
    }
}
