import Foundation
import GatewayCore
import Profiles
import Signal
import Testing

/// A mistake in a module profile: one line of it replaced, and what must be said.
struct PlantedMistake: CustomTestStringConvertible, Sendable {
    var testDescription: String { new.isEmpty ? "without \(old)" : new }
    let old: String
    let new: String
    /// Line of the message; 0: the line of what was replaced.
    var line = 0
    let key: String
    let says: String
    let mend: String
}

@Suite("Mistakes in module profiles")
struct ModulePlantedTests {
    static let sound = """
        profile: 1
        id: module
        vendor: Vendor
        model: Model
        summary: Inputs.
        confidence: high
        source: [a manual]
        bus: rtu
        serial: {unit: 1, baud: 9600, parity: none, stopBits: 1}
        identity:
          - {table: holding, address: 210, expect: [0x4117], meaning: name}
        limits: {maxRegisters: 8, bridgeableGap: 0}
        channels:
          count: 4
          table: input
          address: 0
          stride: 1
          status:
            - {table: input, address: 60, stride: 1, meanings: [{value: 1, means: wire-break}]}
        rangeRegister: {table: holding, address: 200}
        assumptions:
          - {table: coils, address: 631, expect: [0], meaning: data format}
        ranges:
          - name: 4-20mA
            code: 7
            default: true
            encoding:
              format: unsigned
              low: {raw: 0, mA: 4}
              high: {raw: 65535, mA: 20}
              codes: [{code: 0xFFFF, means: ambiguous}]
              seesBelowLiveZero: false
        """

    static let mistakes: [PlantedMistake] = [
        .init(
            old: "profile: 1",
            new: "profile: 2",
            key: "profile",
            says: "out of range",
            mend: "1"
        ),
        .init(
            old: "id: module",
            new: "id: other",
            key: "id",
            says: "name of the file",
            mend: "module"
        ),
        .init(
            old: "vendor: Vendor\n",
            new: "",
            line: 1,
            key: "vendor",
            says: "missing",
            mend: "add"
        ),
        .init(
            old: "confidence: high",
            new: "confidence: hihg",
            key: "confidence",
            says: "not one of",
            mend: "high"
        ),
        .init(
            old: "source: [a manual]\n",
            new: "",
            line: 1,
            key: "source",
            says: "where the facts",
            mend: "add"
        ),
        .init(old: "bus: rtu", new: "bus: can", key: "bus", says: "not known", mend: "rtu, tcp"),
        .init(
            old: "bus: rtu",
            new: "bus: tcp",
            line: 9,
            key: "serial",
            says: "serial",
            mend: "delete"
        ),
        .init(
            old: "baud: 9600",
            new: "baud: 300",
            key: "serial.baud",
            says: "out of range",
            mend: "1200"
        ),
        .init(
            old: "parity: none",
            new: "parity: mark",
            key: "serial.parity",
            says: "not known",
            mend: "even"
        ),
        .init(old: "limits:", new: "limit:", key: "limit", says: "no such key", mend: "limits"),
        .init(
            old: "maxRegisters: 8",
            new: "maxRegisters: 126",
            key: "limits.maxRegisters",
            says: "126",
            mend: "125"
        ),
        .init(
            old: "bridgeableGap: 0",
            new: "bridgable_gap: 0",
            key: "limits.bridgable_gap",
            says: "no such key",
            mend: "bridgeableGap"
        ),
        .init(
            old: "  count: 4",
            new: "  count: 0",
            key: "channels.count",
            says: "out of range",
            mend: "64"
        ),
        .init(
            old: "  address: 0\n",
            new: "  address: 65533\n",
            key: "channels.address",
            says: "beyond 65535",
            mend: "lower"
        ),
        .init(
            old: "  address: 0\n",
            new: "  address: 40001x\n",
            key: "channels.address",
            says: "whole number",
            mend: "65535"
        ),
        .init(
            old: "  stride: 1\n",
            new: "  stride: 0\n",
            key: "channels.stride",
            says: "overlap",
            mend: "apart"
        ),
        .init(
            old: "  address: 0\n",
            new: "  addresses: [0, 1]\n",
            key: "channels.addresses",
            says: "2 addresses for 4",
            mend: "each channel"
        ),
        .init(
            old: "value: 1, means",
            new: "value: 6, mask: 1, means",
            key: "channels.status[1].meanings[1].value",
            says: "never",
            mend: "after the mask"
        ),
        .init(
            old: "means: wire-break",
            new: "means: wirebreak",
            key: "channels.status[1].meanings[1].means",
            says: "not one of",
            mend: "wire-break"
        ),
        .init(
            old: "rangeRegister: {table: holding, address: 200}\n",
            new: "",
            line: 23,
            key: "ranges",
            says: "range codes",
            mend: "rangeRegister"
        ),
        .init(
            old: "expect: [0], meaning",
            new: "expect: [70000], meaning",
            key: "assumptions[1].expect[1]",
            says: "70000",
            mend: "65535"
        ),
        .init(
            old: "expect: [0], meaning",
            new: "meaning",
            key: "assumptions[1].expect",
            says: "missing",
            mend: "expect"
        ),
        .init(old: "ranges:\n", new: "range:\n", key: "range", says: "no such key", mend: "range"),
        .init(
            old: "  - name: 4-20mA\n",
            new: "  - name: 4-20mA\n    encodin: 1\n",
            line: 25,
            key: "ranges[4-20mA].encodin",
            says: "no such key",
            mend: "encoding"
        ),
        .init(
            old: "format: unsigned",
            new: "format: signed",
            key: "ranges[4-20mA].encoding.format",
            says: "not one of",
            mend: "unsigned"
        ),
        .init(
            old: "format: unsigned",
            new: "format: float32",
            line: 28,
            key: "ranges[4-20mA].encoding.wordOrder",
            says: "four orders",
            mend: "high-first"
        ),
        .init(
            old: "raw: 65535",
            new: "raw: 65536",
            line: 30,
            key: "ranges[4-20mA].encoding.high",
            says: "cannot be written",
            mend: "65535"
        ),
        .init(
            old: "raw: 65535",
            new: "raw: 0",
            key: "ranges[4-20mA].encoding.high",
            says: "low point",
            mend: "different"
        ),
        .init(
            old: "mA: 20}",
            new: "mA: nan}",
            key: "ranges[4-20mA].encoding.high.mA",
            says: "finite",
            mend: "number"
        ),
        .init(
            old: "mA: 20}",
            new: "mA: 4}",
            key: "ranges[4-20mA].encoding.high",
            says: "low point",
            mend: "different"
        ),
        .init(
            old: "code: 0xFFFF",
            new: "code: 0x1FFFF",
            key: "ranges[4-20mA].encoding.codes[1].code",
            says: "out of range",
            mend: "65535"
        ),
        .init(
            old: "code: 0xFFFF",
            new: "from: 9, to: 8",
            key: "ranges[4-20mA].encoding.codes[1].to",
            says: "below",
            mend: "swap"
        ),
        .init(
            old: "means: ambiguous",
            new: "means: ok",
            key: "ranges[4-20mA].encoding.codes[1].means",
            says: "is a value",
            mend: "delete"
        ),
        .init(
            old: "      seesBelowLiveZero: false",
            new: "",
            line: 28,
            key: "ranges[4-20mA].encoding.seesBelowLiveZero",
            says: "missing",
            mend: "add"
        ),
    ]

    @Test("the profile without a mistake is read")
    func sound() throws {
        let profile = try #require(decode(Self.sound).profile)
        let map = try profile.resolve(ModuleOptions()).get().map
        #expect(map.channels.count == 4)
        #expect(map.channels[3].status.first?.address == 63)
    }

    @Test("a mistake is told with its line, its key and the mend", arguments: mistakes)
    func mistake(planted: PlantedMistake) throws {
        let range = try #require(Self.sound.range(of: planted.old))
        let text = Self.sound.replacingCharacters(in: range, with: planted.new)
        let line =
            planted.line > 0
            ? planted.line : Self.sound[..<range.lowerBound].count { $0 == "\n" } + 1
        let (profile, problems) = decode(text)
        #expect(profile == nil)
        let hit = problems.first {
            $0.keyPath == planted.key && $0.what.contains(planted.says)
                && $0.mend.contains(planted.mend) && $0.line == line && $0.column > 0
        }
        #expect(hit != nil, "line \(line) in \(problems)")
    }

    @Test("all mistakes of a file are told at once")
    func together() {
        let text = Self.sound.replacing("baud: 9600", with: "baud: fast")
            .replacing("count: 4", with: "count: many").replacing("bus: rtu", with: "bus: can")
        #expect(
            decode(text).problems.map(\.keyPath).sorted() == [
                "bus", "channels.count", "serial.baud",
            ]
        )
    }

    @Test("two ranges cannot share a name or both be the default")
    func twice() {
        let start = Self.sound.range(of: "  - name: 4-20mA")?.lowerBound ?? Self.sound.endIndex
        let text = Self.sound + "\n" + Self.sound[start...]
        let keys = decode(text).problems.map(\.keyPath)
        #expect(keys == ["ranges[4-20mA].name", "ranges[4-20mA].default"])
    }

    @Test("a variant without its firmware, or with a wrong one, is told")
    func variants() {
        let variant = "\nvariants:\n  - {channels: {count: 1, table: input, address: 3}}\n"
        #expect(decode(Self.sound + variant).problems.map(\.keyPath) == ["variants[1].firmware"])
        let wrong = variant.replacing("- {", with: "- {firmware: 4.32, ")
        #expect(decode(Self.sound + wrong).problems.first?.mend.contains(">= 4.32") == true)
        let right = variant.replacing("- {", with: "- {firmware: \">= 4.32\", ")
        #expect(decode(Self.sound + right).profile?.layouts.first?.channels.count == 1)
    }

    @Test("no broken text can crash the reader")
    func noise() {
        var generator = SystemRandomNumberGenerator()
        let bytes = Array(Self.sound.utf8)
        for _ in 0..<300 {
            var broken = bytes
            for _ in 0..<Int.random(in: 1...6, using: &generator) {
                let index = Int.random(in: 0..<broken.count, using: &generator)
                switch Int.random(in: 0..<3, using: &generator) {
                case 0: broken[index] = UInt8.random(in: 9...126, using: &generator)
                case 1: broken.remove(at: index)
                default: broken.insert(UInt8(ascii: "9"), at: index)
                }
            }
            let problems = ProblemList()
            if let document = Document(file: "module.yaml", bytes: broken, problems: problems),
                let profile = ModuleProfile(document, id: "module", problems: problems)
            {
                _ = profile.resolve(ModuleOptions())
                _ = profile.resolve(ModuleOptions(base: 65535, channels: 64))
            } else {
                #expect(!problems.isEmpty)
            }
        }
    }

    private func decode(_ text: String) -> (profile: ModuleProfile?, problems: [Problem]) {
        let problems = ProblemList()
        guard
            let document = Document(
                file: "module.yaml",
                bytes: Array(text.utf8),
                problems: problems
            )
        else { return (nil, problems.problems) }
        return (ModuleProfile(document, id: "module", problems: problems), problems.problems)
    }
}
