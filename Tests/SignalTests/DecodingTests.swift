import Signal
import Testing

/// One row of the table of encodings met in the field: three codes and the currents they mean.
struct WildEncoding: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let encoding: RawEncoding
    /// Words of the registers, and the current in mA they mean.
    let points: [(words: [UInt16], milliamps: Double)]
    /// How far the table's own rounding lies from the line, in mA.
    let slack: Double
}

extension RawEncoding {
    static func line(
        _ format: Format,
        _ lowRaw: Double,
        _ lowCurrent: Double,
        _ highRaw: Double,
        _ highCurrent: Double = 20,
        words: Int = 1,
        order: WordOrder = .highFirst,
        mask: UInt32 = .max,
        statusBits: [StatusMeaning] = [],
        codes: [CodeMeaning] = [],
        sees: Bool = true
    ) -> RawEncoding {
        RawEncoding(
            format: format,
            words: words,
            wordOrder: order,
            mask: mask,
            low: Point(raw: lowRaw, milliamps: lowCurrent),
            high: Point(raw: highRaw, milliamps: highCurrent),
            statusBits: statusBits,
            codes: codes,
            seesBelowLiveZero: sees
        )
    }

    static let microamps = line(.unsigned, 4000, 4, 20000)
    static let nanoamps = line(
        .twosComplement,
        4_000_000,
        4,
        20_000_000,
        words: 2,
        codes: [CodeMeaning(codes: 0x7FFF_FFFF...0x7FFF_FFFF, condition: .moduleFault)]
    )
    static let fullSpan = line(
        .unsigned,
        0,
        4,
        65535,
        codes: [CodeMeaning(codes: 0xFFFF...0xFFFF, condition: .ambiguous)],
        sees: false
    )
    static let statusInWord = line(
        .unsigned,
        0,
        4,
        0x7FF8,
        mask: 0xFFF8,
        statusBits: [StatusMeaning(mask: 7, value: 3, condition: .ambiguous)],
        sees: false
    )
    static let namurSignMagnitude = line(.signMagnitude, 0, 4, 0x7C1E)
    static let inBandCodes = line(
        .twosComplement,
        0,
        0,
        30000,
        codes: [
            CodeMeaning(codes: 0x8001...0x8001, condition: .overRange),
            CodeMeaning(codes: 0x8002...0x8002, condition: .wireBreak),
            CodeMeaning(codes: 0x8004...0x8004, condition: .notConfigured),
            CodeMeaning(codes: 0x8040...0x8040, condition: .moduleFault),
            CodeMeaning(codes: 0x8080...0x8080, condition: .underRange),
        ]
    )
    static func float(_ order: WordOrder) -> RawEncoding {
        line(.float32, 4, 4, 20, words: 2, order: order)
    }
}

let wildEncodings: [WildEncoding] = [
    WildEncoding(
        testDescription: "µA",
        encoding: .microamps,
        points: [([4000], 4), ([12000], 12), ([20000], 20), ([3600], 3.6), ([0], 0)],
        slack: 0
    ),
    WildEncoding(
        testDescription: "0.01 mA",
        encoding: .line(.unsigned, 400, 4, 2000),
        points: [([400], 4), ([1200], 12), ([2000], 20)],
        slack: 0
    ),
    WildEncoding(
        testDescription: "1/32 mA signed",
        encoding: .line(.twosComplement, 128, 4, 640),
        points: [([128], 4), ([384], 12), ([640], 20), ([0xFFE0], -1)],
        slack: 0
    ),
    WildEncoding(
        testDescription: "nA signed 32",
        encoding: .nanoamps,
        points: [
            ([0x003D, 0x0900], 4), ([0x00B7, 0x1B00], 12), ([0x0131, 0x2D00], 20),
            ([0xFFF0, 0xBDC0], -1),
        ],
        slack: 0
    ),
    WildEncoding(
        testDescription: "full span, live zero",
        encoding: .fullSpan,
        points: [([0], 4), ([32768], 12.000122), ([65535], 20), ([2], 4.000488)],
        slack: 1e-6
    ),
    WildEncoding(
        testDescription: "full span, 0–20 mA",
        encoding: .line(.unsigned, 0, 0, 65535),
        points: [([13107], 4), ([39321], 12), ([65535], 20)],
        slack: 1e-9
    ),
    WildEncoding(
        testDescription: "two's complement ±20 mA",
        encoding: .line(.twosComplement, -32767, -20, 32767),
        points: [([6553], 4), ([19660], 12), ([32767], 20), ([0x8001], -20)],
        slack: 3e-4
    ),
    WildEncoding(
        testDescription: "offset binary ±20 mA",
        encoding: .line(.offsetBinary, -32768, -20, 32767),
        points: [([39321], 4), ([52428], 12), ([65535], 20), ([32768], 0)],
        slack: 4e-4
    ),
    WildEncoding(
        testDescription: "12 bit 0–20 mA",
        encoding: .line(.unsigned, 0, 0, 4095, mask: 0x0FFF),
        points: [([819], 4), ([2457], 12), ([4095], 20)],
        slack: 1e-9
    ),
    WildEncoding(
        testDescription: "10 bit 0–20 mA",
        encoding: .line(.unsigned, 0, 0, 1023, mask: 0x03FF),
        points: [([205], 4), ([614], 12), ([1023], 20)],
        slack: 0.01
    ),
    WildEncoding(
        testDescription: "value in bits 15…3",
        encoding: .statusInWord,
        points: [([0], 4), ([0x3FF8], 11.998), ([0x7FF8], 20)],
        slack: 1e-3
    ),
    WildEncoding(
        testDescription: "sign and magnitude, NE 43",
        encoding: .namurSignMagnitude,
        points: [([0], 4), ([0x3E0F], 12), ([0x7C1E], 20), ([0x818C], 3.8), ([0x7FFF], 20.5)],
        slack: 1e-3
    ),
    WildEncoding(
        testDescription: "0…30000 with error codes",
        encoding: .inBandCodes,
        points: [([6000], 4), ([18000], 12), ([30000], 20), ([0x7F00], 21.67467), ([0x8AD0], -20)],
        slack: 1e-5
    ),
    WildEncoding(
        testDescription: "0…32000",
        encoding: .line(.unsigned, 0, 0, 32000),
        points: [([6400], 4), ([19200], 12), ([32000], 20)],
        slack: 0
    ),
    WildEncoding(
        testDescription: "offset binary 4–20 mA",
        encoding: .line(.offsetBinary, 0, 4, Double(0xF878 - 0x8000)),
        points: [([0x8000], 4), ([0xBC3C], 12), ([0xF878], 20)],
        slack: 0
    ),
    WildEncoding(
        testDescription: "0…30840",
        encoding: .line(.unsigned, 0, 4, 30840),
        points: [([0], 4), ([15420], 12), ([30840], 20)],
        slack: 0
    ),
    WildEncoding(
        testDescription: "float32 high word first",
        encoding: .float(.highFirst),
        points: [([0x4080, 0], 4), ([0x4140, 0], 12), ([0x41A0, 0], 20)],
        slack: 0
    ),
    WildEncoding(
        testDescription: "float32 low word first",
        encoding: .float(.lowFirst),
        points: [([0, 0x4080], 4), ([0, 0x4140], 12), ([0, 0x41A0], 20)],
        slack: 0
    ),
    WildEncoding(
        testDescription: "float32 high word first, bytes swapped",
        encoding: .float(.highFirstSwapped),
        points: [([0x8040, 0], 4), ([0x4041, 0], 12), ([0xA041, 0], 20)],
        slack: 0
    ),
    WildEncoding(
        testDescription: "float32 low word first, bytes swapped",
        encoding: .float(.lowFirstSwapped),
        points: [([0, 0x8040], 4), ([0, 0x4041], 12), ([0, 0xA041], 20)],
        slack: 0
    ),
]

@Suite("Decoding registers")
struct DecodingTests {
    @Test(
        "every encoding met in the field gives the currents of its table",
        arguments: wildEncodings
    )
    func table(wild: WildEncoding) throws {
        for (words, expected) in wild.points {
            let current = try #require(wild.encoding.decode(words).milliamps)
            #expect(abs(current - expected) <= wild.slack + 1e-12, "\(words)")
        }
    }

    @Test("what is encoded decodes to within half a code", arguments: wildEncodings)
    func roundTrip(wild: WildEncoding) throws {
        let encoding = wild.encoding
        let step = encoding.mask & 0xFFFF == 0xFFF8 ? 8.0 : 1
        let perCode =
            abs(
                (encoding.high.milliamps - encoding.low.milliamps)
                    / (encoding.high.raw - encoding.low.raw)
            ) * step
        let resolution = encoding.format == .float32 ? 2e-6 : perCode
        for thousandth in stride(from: 4000, through: 20000, by: 7) {
            let milliamps = Double(thousandth) / 1000
            let words = encoding.encode(milliamps: milliamps)
            let back = try #require(encoding.decode(words).milliamps)
            #expect(abs(back - milliamps) <= resolution / 2 + 1e-9)
        }
    }

    @Test("a current beyond the codes is held at the end of them", arguments: wildEncodings)
    func clamps(wild: WildEncoding) {
        for milliamps in [-1e9, -1000, 1000, 1e9, .infinity, -.infinity, .nan] {
            let words = wild.encoding.encode(milliamps: milliamps)
            #expect(words.count == wild.encoding.words)
            if wild.encoding.format != .float32 {
                let code = wild.encoding.decode(words).raw
                #expect(wild.encoding.codeRange.contains(code))
            }
        }
    }

    @Test("no content of the registers can trap", arguments: wildEncodings)
    func total(wild: WildEncoding) {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<2000 {
            let words = [UInt16.random(in: 0...0xFFFF, using: &generator), .random(in: 0...0xFFFF)]
            let channel = wild.encoding.decode(words)
            #expect(channel.milliamps.map(\.isFinite) ?? true)
        }
    }

    @Test(
        "an in-band error code is a condition and no current",
        arguments: [
            (0x8001 as UInt16, ChannelCondition.overRange), (0x8002, .wireBreak),
            (0x8004, .notConfigured), (0x8040, .moduleFault), (0x8080, .underRange),
        ]
    )
    func inBandCode(word: UInt16, condition: ChannelCondition) {
        let channel = RawEncoding.inBandCodes.decode([word])
        #expect(channel.condition == condition)
        #expect(channel.milliamps == nil)
    }

    @Test("fault codes are compared before the sign is taken")
    func codesAreUnsigned() {
        let channel = RawEncoding.nanoamps.decode([0x7FFF, 0xFFFF])
        #expect(channel.condition == .moduleFault)
        #expect(channel.milliamps == nil)
        #expect(RawEncoding.nanoamps.decode([0x8000, 0]).condition == .ok)
    }

    @Test("an ambiguous code keeps its current, for it may be one")
    func ambiguousKeepsCurrent() {
        let channel = RawEncoding.fullSpan.decode([0xFFFF])
        #expect(channel == DecodedChannel(raw: 65535, milliamps: 20, condition: .ambiguous))
    }

    @Test("at 4 mA a module that is blind below it is ambiguous")
    func blindBelowLiveZero() {
        #expect(RawEncoding.fullSpan.decode([0]).condition == .ambiguous)
        #expect(RawEncoding.fullSpan.decode([1]).condition == .ok)
        #expect(RawEncoding.microamps.decode([4000]).condition == .ok)
    }

    @Test("status bits in the word are read before the mask takes them away")
    func statusBitsInWord() {
        let open = RawEncoding.statusInWord.decode([0x0003])
        #expect(open.condition == .ambiguous)
        #expect(open.raw == 0)
        let fine = RawEncoding.statusInWord.decode([0x3FF8])
        #expect(fine.condition == .ok)
    }

    @Test(
        "a float that is not a number is a module fault",
        arguments: [0x7FC0 as UInt16, 0xFFC0, 0x7F80, 0xFF80]
    )
    func notANumber(high: UInt16) {
        let channel = RawEncoding.float(.highFirst).decode([high, 0])
        #expect(channel.condition == .moduleFault)
        #expect(channel.milliamps == nil)
    }

    @Test("too few words are a module fault, not a trap")
    func tooFewWords() {
        #expect(RawEncoding.nanoamps.decode([1]).condition == .moduleFault)
        #expect(RawEncoding.microamps.decode([]).condition == .moduleFault)
        #expect(RawEncoding.microamps.decode([1], at: 1).condition == .moduleFault)
        #expect(RawEncoding.microamps.decode([1], at: -1).condition == .moduleFault)
        #expect(RawEncoding.nanoamps.decode([1, 2, 3][2...]).condition == .moduleFault)
    }

    @Test("a slice and an offset find the same channel")
    func offsets() {
        let words: [UInt16] = [9, 9, 0x00B7, 0x1B00, 9]
        #expect(RawEncoding.nanoamps.decode(words, at: 2).milliamps == 12)
        #expect(RawEncoding.nanoamps.decode(words[2...3]).milliamps == 12)
    }

    @Test("a line without length is a module fault, not an infinite current")
    func noLine() {
        let encoding = RawEncoding.line(.unsigned, 7, 4, 7)
        #expect(encoding.decode([8]).condition == .moduleFault)
        #expect(encoding.encode(milliamps: 12).count == 1)
    }

    @Test("of two conditions the more telling one stays")
    func moreTelling() {
        let channel = DecodedChannel(raw: 0, milliamps: 4, condition: .ambiguous)
        #expect(channel.with(status: .wireBreak).condition == .wireBreak)
        #expect(channel.with(status: .ok).condition == .ambiguous)
        #expect(channel.with(status: .underRange).condition == .underRange)
    }

    @Test("of several meanings the first that holds counts")
    func firstMeaning() {
        let meanings = [
            StatusMeaning(mask: 0x20, value: 0x20, condition: .wireBreak),
            StatusMeaning(mask: 0x01, value: 0x01, condition: .underRange),
        ]
        #expect(StatusMeaning.condition(of: 0x21, by: meanings) == .wireBreak)
        #expect(StatusMeaning.condition(of: 0x41, by: meanings) == .underRange)
        #expect(StatusMeaning.condition(of: 0x40, by: meanings) == .ok)
    }
}
