import GatewayCore
import Plant
import Signal
import Testing

private typealias Point = RawEncoding.Point

private func word(
    _ format: RawEncoding.Format,
    low: Double,
    high: Double,
    from: Double = 0,
    to: Double = 20,
    words: Int = 1,
    order: RawEncoding.WordOrder = .highFirst,
    mask: UInt32 = .max
) -> RawEncoding {
    RawEncoding(
        format: format,
        words: words,
        wordOrder: order,
        mask: mask,
        low: Point(raw: low, milliamps: from),
        high: Point(raw: high, milliamps: to)
    )
}

private let microamps = word(.unsigned, low: 0, high: 20_000)
private let encodings: [RawEncoding] =
    [
        microamps, word(.unsigned, low: 0, high: 65_535, to: 24),
        word(.twosComplement, low: 0, high: 32_000),
        word(.offsetBinary, low: -32_768, high: 32_767, from: -20),
        word(.signMagnitude, low: 0, high: 31_774, from: 4),
        word(.unsigned, low: 0, high: 0x7FF8, from: 4, mask: 0xFFF8),
    ]
    + RawEncoding.WordOrder.allCases.flatMap { order in
        [
            word(.twosComplement, low: 0, high: 20e6, words: 2, order: order),
            word(.float32, low: 0, high: 20, words: 2, order: order),
        ]
    }

private func made(
    _ encoding: RawEncoding = microamps,
    channels: Int = 8,
    status: [StatusSource] = [],
    gap: Int = 0,
    identity: [RegisterCheck] = [],
    wired: [PlantChannel] = []
) -> Hand {
    let map = ModuleMap(
        channels: (0..<channels).map { index in
            ChannelMap(
                table: .input,
                address: UInt16(index * encoding.words),
                encoding: encoding,
                status: status
            )
        },
        maxRegisters: 64,
        bridgeableGap: gap,
        deafAfterWrite: .seconds(7),
        identity: identity
    )
    return Hand(PlantModule(map: map, channels: wired))
}

/// A module in hand, so that it can be asked inside an expectation.
private final class Hand {
    var module: PlantModule
    init(_ module: PlantModule) { self.module = module }

    func answer(_ request: [UInt8], at seconds: Double = 0) -> [UInt8]? {
        module.answer(request, at: .zero + .seconds(seconds))
    }

    func read(_ function: UInt8, _ start: Int, _ count: Int, at seconds: Double = 0) -> [UInt8]? {
        let request = [
            function, UInt8(start >> 8), UInt8(start & 255), UInt8(count >> 8), UInt8(count & 255),
        ]
        return answer(request, at: seconds)
    }

    func words(_ start: Int, _ count: Int, at seconds: Double = 0) throws -> [UInt16] {
        let answer = try #require(read(4, start, count, at: seconds))
        return stride(from: 2, to: answer.count - 1, by: 2).map {
            UInt16(answer[$0]) << 8 | UInt16(answer[$0 + 1])
        }
    }

    subscript(table: RegisterTable, address: UInt16) -> UInt16? { module[table, address] }
}

@Suite struct ModuleTests {
    @Test("Every encoding shows the current that the gateway reads back", arguments: encodings)
    func everyEncoding(encoding: RawEncoding) throws {
        let module = made(encoding, channels: 2, wired: [.fixed(4.8), .fixed(17.25)])
        let found = try module.words(0, 2 * encoding.words)
        #expect(abs(try #require(encoding.decode(found).milliamps) - 4.8) < 0.002)
        let second = encoding.decode(found, at: encoding.words)
        #expect(abs(try #require(second.milliamps) - 17.25) < 0.002)
        #expect(second.condition == .ok)
    }

    @Test("Each read sees the process as it is now")
    func fresh() throws {
        let behaviour = ProcessBehaviour(
            span: try #require(Span(lrv: 0, urv: 10, unit: "bar")),
            nominal: 5,
            noise: 0.01
        )
        let module = made(wired: [.instrument(PlantInstrument(behaviour))])
        let codes = try (0..<50).map {
            try module.words(0, 1, at: Double($0))[0]
        }
        #expect(Set(codes).count > 40)
        module.module.isFrozen = true
        let frozen = try (50..<60).map {
            try module.words(0, 1, at: Double($0))[0]
        }
        #expect(Set(frozen).count == 1)
    }

    @Test("An open loop shows in registers and bits beside the value, and goes again")
    func status() throws {
        let register = StatusSource(
            table: .input,
            address: 100,
            meanings: [
                StatusMeaning(mask: 0x08, value: 0x08, condition: .wireBreak),
                StatusMeaning(mask: 0x02, value: 0x02, condition: .overRange),
            ]
        )
        let bit = StatusSource(
            table: .discreteInputs,
            address: 3,
            meanings: [StatusMeaning(mask: 1, value: 0, condition: .wireBreak)]
        )
        let module = made(channels: 1, status: [register, bit], wired: [.fixed(12)])
        #expect(module[.input, 100] == 0)
        #expect(module[.discreteInputs, 3] == 1)
        module.module.wire(.fixed(0), to: 1)
        #expect(module[.input, 100] == 8)
        #expect(module[.discreteInputs, 3] == 0)
        #expect(module.read(2, 3, 1) == [2, 1, 0])
        module.module.wire(.fixed(24), to: 1)
        #expect(module[.input, 100] == 2)
        #expect(module[.discreteInputs, 3] == 1)
        module.module.report(.wireBreak, on: 1)
        #expect(module[.input, 100] == 8)
        module.module.report(nil, on: 1)
        module.module.wire(.fixed(12), to: 1)
        #expect(module[.input, 100] == 0)
    }

    @Test(
        "A code or bit of the module's own tells the gateway what is wrong",
        arguments: [ChannelCondition.wireBreak, .overRange, .moduleFault, .notConfigured]
    )
    func codes(condition: ChannelCondition) throws {
        var inBand = word(.twosComplement, low: 0, high: 30_000)
        inBand.codes = [
            CodeMeaning(codes: 0x8001...0x8001, condition: .overRange),
            CodeMeaning(codes: 0x8002...0x8003, condition: .wireBreak),
            CodeMeaning(codes: 0x8004...0x8004, condition: .notConfigured),
            CodeMeaning(codes: 0x8010...0x80FF, condition: .moduleFault),
        ]
        var bits = word(.unsigned, low: 0, high: 0x7FF8, from: 4, mask: 0xFFF8)
        bits.statusBits = [
            StatusMeaning(mask: 3, value: 1, condition: .wireBreak),
            StatusMeaning(mask: 3, value: 2, condition: .overRange),
            StatusMeaning(mask: 7, value: 3, condition: .moduleFault),
            StatusMeaning(mask: 7, value: 4, condition: .notConfigured),
        ]
        for encoding in [inBand, bits] {
            let module = made(encoding, channels: 1, wired: [.fixed(12)])
            #expect(try encoding.decode(module.words(0, 1)).condition == .ok)
            module.module.report(condition, on: 1)
            let found = try encoding.decode(module.words(0, 1))
            #expect(found.condition == condition)
        }
    }

    @Test("Where open and full scale are one code, an open loop shows full scale")
    func ambiguous() throws {
        var encoding = word(.unsigned, low: 0, high: 65_535, from: 4)
        encoding.seesBelowLiveZero = false
        encoding.codes = [CodeMeaning(codes: 0xFFFF...0xFFFF, condition: .ambiguous)]
        let module = made(encoding, channels: 1, wired: [.fixed(0)])
        #expect(try module.words(0, 1) == [0xFFFF])
        module.module.wire(.fixed(4), to: 1)
        #expect(try module.words(0, 1) == [0])
    }

    @Test("Identity registers hold what the profile expects, bridged gaps hold zero, others refuse")
    func registers() throws {
        let name = RegisterCheck(
            table: .holding,
            address: 210,
            expected: [0x4117, 0],
            meaning: "module name"
        )
        let version = RegisterCheck(
            table: .holding,
            address: 214,
            expected: [9],
            meaning: "version"
        )
        let bridged = made(gap: 2, identity: [name, version])
        #expect(bridged.read(3, 210, 5) == [3, 10, 0x41, 0x17, 0, 0, 0, 0, 0, 0, 0, 9])
        let strict = made(gap: 1, identity: [name, version])
        #expect(strict.read(3, 210, 5) == [0x83, 2])
        #expect(strict.read(3, 214, 1) == [3, 2, 0, 9])
        #expect(strict.read(4, 7, 1) == [4, 2, 0, 0])
        #expect(strict.read(4, 7, 2) == [0x84, 2])
        #expect(strict.read(4, 0, 0) == [0x84, 3])
        #expect(strict.read(4, 0, 65) == [0x84, 3])
        #expect(strict.read(1, 0, 1) == [0x81, 1])
        #expect(strict.answer([0x2B, 14, 1]) == [0xAB, 1])
        #expect(strict.answer([]) == nil)
    }

    @Test("Writes land in holding registers and coils, and the module is deaf as its profile says")
    func writes() throws {
        let plain = Hand(PlantModule())
        plain.module.define(.holding, at: 10, [0, 0, 0])
        plain.module.define(.coils, at: 0, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
        #expect(plain.answer([6, 0, 11, 0x12, 0x34]) == [6, 0, 11, 0x12, 0x34])
        #expect(plain[.holding, 11] == 0x1234)
        #expect(
            plain.answer([16, 0, 10, 0, 2, 4, 0, 1, 0, 2]) == [16, 0, 10, 0, 2]
        )
        #expect(plain.read(3, 10, 3) == [3, 6, 0, 1, 0, 2, 0, 0])
        #expect(plain.answer([16, 0, 12, 0, 2, 4, 0, 1, 0, 2]) == [0x90, 2])
        #expect(plain.answer([5, 0, 1, 0xFF, 0]) == [5, 0, 1, 0xFF, 0])
        #expect(plain.answer([5, 0, 1, 0x12, 0]) == [0x85, 3])
        #expect(plain.answer([15, 0, 2, 0, 8, 1, 0x81]) == [15, 0, 2, 0, 8])
        #expect(plain.read(1, 0, 10) == [1, 2, 0b0000_0110, 0b10])

        let deaf = made()
        deaf.module.define(.holding, at: 0, [0])
        #expect(deaf.answer([6, 0, 0, 0, 1]) != nil)
        #expect(deaf.read(4, 0, 1, at: 6.9) == nil)
        #expect(deaf.read(4, 0, 1, at: 7) != nil)
    }

    @Test("A module that wants a gap between requests does not hear what comes sooner")
    func requestGap() {
        let map = ModuleMap(
            channels: [ChannelMap(table: .input, address: 0, encoding: microamps)],
            requestGap: .milliseconds(50)
        )
        let module = Hand(PlantModule(map: map))
        module.module.enforcesRequestGap = true
        #expect(module.read(4, 0, 1, at: 1) != nil)
        #expect(module.read(4, 0, 1, at: 1.02) == nil)
        #expect(module.read(4, 0, 1, at: 1.06) != nil)
    }

    @Test("No request can trap a module", arguments: 1...4)
    func garbage(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let module = made(gap: 8, wired: [.fixed(12)])
        module.module.define(.holding, at: 0xFFF0, [UInt16](repeating: 1, count: 32))
        module.module.define(.coils, at: 0, [UInt16](repeating: 1, count: 70))
        for round in 0..<20_000 {
            var request = (0..<Int.random(in: 0...20, using: &random)).map { _ in
                UInt8.random(in: .min ... .max, using: &random)
            }
            if !request.isEmpty, round % 2 == 0 {
                request[0] = UInt8.random(in: 1...16, using: &random)
            }
            let answer = module.answer(request, at: Double(round) * 10)
            #expect((answer?.count ?? 0) <= 253)
        }
    }
}
