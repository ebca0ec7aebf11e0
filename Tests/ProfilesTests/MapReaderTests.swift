import Signal
import Testing

@testable import Profiles

/// A reader over `text`, and the list its problems go to.
func reader(_ text: String) throws -> MapReader {
    let problems = ProblemList()
    let document = Document(file: "file.yaml", bytes: Array(text.utf8), problems: problems)
    return try #require(document?.map(problems))
}

private enum Colour: String, CaseIterable, Sendable { case red, green, blue }

@Suite("Typed reading of maps") struct MapReaderTests {
    @Test("Right values are read, missing ones take their default")
    func reads() throws {
        let map = try reader(
            """
            text: 1.10
            yes: on
            int: 0x1F
            minus: -7
            number: 2.5e3
            time: 4 s
            colour: green
            list: [1, 2]
            one: 5
            empty:
            """
        )
        #expect(map.string("text") == "1.10")
        #expect(map.bool("yes") == true)
        #expect(map.bool("no", default: true))
        #expect(map.integer("int", in: 0...100) == 31)
        #expect(map.integer("minus", in: -10...0) == -7)
        #expect(map.double("number") == 2500)
        #expect(map.duration("time") == .seconds(4))
        #expect(map.choice("colour", Colour.self) == .green)
        #expect(map.choice("other", default: Colour.red) == .red)
        #expect(map.list("list") { Scalars.integer($0, in: 0...9) } == [1, 2])
        #expect(map.list("one") { Scalars.integer($0, in: 0...9) } == [5])
        #expect(map.string(ifPresent: "empty") == nil)
        #expect(map.string("empty", default: "x") == "x")
        map.finish()
        #expect(map.problems.isEmpty, "\(map.problems.problems)")
    }

    @Test(
        "Times are read in every unit",
        arguments: [
            ("500ms", 500_000_000), ("2s", 2_000_000_000), ("4 s", 4_000_000_000),
            ("15min", 900_000_000_000), ("1 h", 3_600_000_000_000), ("7 d", 604_800_000_000_000),
            ("0", 0), ("1.5 ms", 1_500_000), ("20 us", 20_000), ("20 µs", 20_000), ("5ns", 5),
        ] as [(String, Int64)]
    )
    func durations(text: String, nanoseconds: Int64) throws {
        #expect(try reader("t: \(text)").duration("t")?.count == nanoseconds)
    }

    @Test(
        "A time is described as a technician writes it",
        arguments: [
            (500_000_000, "500 ms"), (0, "0 s"), (90_000_000_000, "90 s"),
            (900_000_000_000, "15 min"), (86_400_000_000_000, "1 d"), (7, "7 ns"),
        ] as [(Int64, String)]
    )
    func described(count: Int64, text: String) {
        #expect(Scalars.describe(Nanoseconds(count)) == text)
    }

    @Test(
        "Each wrong value is told with place, key and mend",
        arguments: [
            ("k: abc", "'abc' is no whole number; write a whole number from 0 to 9"),
            ("k: 12", "12 is out of range; write a whole number from 0 to 9"),
            ("k: 010", "'010' begins with a zero, which YAML takes for octal; write 10"),
            (
                "k: 99999999999999999999999",
                "'99999999999999999999999' is far too large; "
                    + "write a whole number from 0 to 9"
            ),
            ("k: 1.5", "'1.5' is no whole number; write a whole number from 0 to 9"),
            ("k: 0x", "'0x' is no whole number; write a whole number from 0 to 9"),
            ("k: 0x-1", "'0x-1' is no whole number; write a whole number from 0 to 9"),
            ("k: [1]", "a list is no whole number; write a whole number from 0 to 9"),
            ("k:", "the key has no value; write its value after the colon"),
            ("j: 1", "the key is missing; add 'k: …' here"),
        ]
    )
    func integers(text: String, expected: String) throws {
        let map = try reader(text)
        #expect(map.integer("k", in: 0...9) == nil)
        #expect(map.problems.problems.map { "\($0.what); \($0.mend)" } == [expected])
        #expect(map.problems.problems.map(\.keyPath) == ["k"])
        #expect(map.problems.problems.map(\.line) == [1])
    }

    @Test(
        "Numbers are finite, decimal, with a point, and in range",
        arguments: [
            ("k: .nan", "finite"), ("k: nan", "finite"), ("k: -.inf", "finite"),
            ("k: 1e999", "too large"), ("k: 3,5", "comma"), ("k: 3 bar", "no number"),
            ("k: 0x10", "no number"), ("k: ''", "no number"), ("k: -1", "out of range"),
            ("k: 1.2.3", "no number"), ("k: {a: 1}", "no number"),
        ]
    )
    func doubles(text: String, part: String) throws {
        let map = try reader(text)
        #expect(map.double("k", in: 0...10) == nil)
        #expect(map.problems.problems.map(\.what).joined().contains(part))
    }

    @Test(
        "Times without unit, with a strange one or out of range are refused",
        arguments: [
            ("k: 5", "no unit"), ("k: 5 parsec", "no unit of time"), ("k: soon", "no length"),
            ("k: 1 d", "out of range"), ("k: -1 s", "out of range"),
            ("k: 1e400 s", "no unit of time"),
            ("k: []", "no length"), ("k: 5 S", "no unit of time"),
            ("k: 99999999999999999999 d", "out of range"),
        ]
    )
    func badDurations(text: String, part: String) throws {
        let map = try reader(text)
        #expect(map.duration("k", in: .zero ... .seconds(3600)) == nil)
        #expect(map.problems.problems.map(\.what).joined().contains(part))
    }

    @Test("A misspelt choice is told the nearest, a strange one all")
    func choices() throws {
        let map = try reader("a: gren\nb: mauve\nc: [red]\n")
        #expect(map.choice("a", Colour.self) == nil)
        #expect(map.choice("b", Colour.self) == nil)
        #expect(map.choice(ifPresent: "c", Colour.self) == nil)
        #expect(
            map.problems.problems.map(\.mend) == [
                "write 'green' if that is meant", "write one of red, green, blue",
                "write one of red, green, blue",
            ]
        )
    }

    @Test(
        "Texts are not empty, not too long and hold no control characters",
        arguments: [
            ("k: ''", "empty"), ("k: abcdefghijk", "11 bytes"), ("k: \"a\\nb\"", "control"),
            ("k: {}", "a map"),
        ]
    )
    func texts(text: String, part: String) throws {
        let map = try reader(text)
        #expect(map.string("k", longest: 10) == nil)
        #expect(map.problems.problems.map(\.what).joined().contains(part))
    }

    @Test("Unknown keys are all told, with the nearest known one and answers of their own")
    func unknown() throws {
        let map = try reader("baud: 1\nbuad: 2\nzebra: 3\npassword: secret\n")
        _ = map.integer("baud", in: 0...9)
        map.finish(others: ["parity"], refused: ["password": ("no secrets", mend: "use a file")])
        #expect(
            map.problems.problems.map(\.description) == [
                "file.yaml:2:1: buad: no such key; write 'baud'",
                "file.yaml:3:1: zebra: no such key; delete it; known here: 'baud', 'parity'",
                "file.yaml:4:1: password: no secrets; use a file",
            ]
        )
    }

    @Test("Items of a list are named by name, tag or number in paths")
    func paths() throws {
        let map = try reader("b: [{name: x, n: z}, {tag: y, n: z}, {n: z}, 5]\nm: 3\n")
        for item in map.maps("b") { _ = item.integer("n", in: 0...9) }
        #expect(map.map("m") == nil)
        #expect(map.maps("m").isEmpty)
        #expect(
            Set(map.problems.problems.map(\.keyPath)) == [
                "b[x].n", "b[y].n", "b[3].n", "b[4]", "m",
            ]
        )
    }

    @Test("Problems beyond the limit are counted, not kept")
    func bounded() throws {
        let items = (0..<DocumentLimits.problems + 5).map { "k\($0): 1" }.joined(separator: "\n")
        let map = try reader(items)
        map.finish()
        #expect(map.problems.problems.count == DocumentLimits.problems)
        #expect(map.problems.uncounted == 5)
    }

    @Test("A message quotes little and no control characters")
    func quoting() {
        #expect(quote("a\u{1B}[31mb") == "'a\u{FFFD}[31mb'")
        #expect(quote(String(repeating: "x", count: 500)).utf8.count < 80)
    }
}
