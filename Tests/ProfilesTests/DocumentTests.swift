import Signal
import Testing

@testable import Profiles

/// Parses `text` as `file.yaml`; the document and what was wrong.
func parse(_ text: String) -> (document: Document?, problems: ProblemList) {
    let problems = ProblemList()
    return (Document(file: "file.yaml", bytes: Array(text.utf8), problems: problems), problems)
}

@Suite("Documents") struct DocumentTests {
    @Test("A value knows its file, line and column")
    func places() throws {
        let (document, problems) = parse("# note\nname: x\nlist:\n  - a: 1\n    b: two\n")
        let root = try #require(document?.root)
        #expect(problems.isEmpty)
        #expect(root["name"]?.place == Place(file: "file.yaml", line: 2, column: 7))
        guard case .list(let items) = root["list"]?.content else {
            Issue.record("no list")
            return
        }
        #expect(items[0]["b"]?.place.description == "file.yaml:5:8")
        #expect(items[0]["b"]?.text == "two")
    }

    @Test(
        "A syntax error names line, column and mend, and nothing else is said",
        arguments: [
            ("a: 1\nb: [1, 2\nc: 3\n", 3, "']'"),
            ("a: 1\n\tb: 2\n", 2, "blanks"),
            ("a: 'open\n", 2, "quotes"),
            ("a: b: c\n", 1, "quotes"),
            ("a: *nowhere\n", 1, "&name"),
            ("a: 1\n b: 2\n", 2, "quotes"),
            ("list:\n  - a\n  b: 1\n", 3, "- "),
            ("a: 1\n---\nb: 2\n", 2, "---"),
            ("a: 1\n@b: 2\n", 2, "quotes"),
            ("a: \"\\q\"\n", 1, "single quotes"),
            ("a: 1\nb\nc: 2\n", 3, "colon"),
            ("a: {b: 1\nc: 2\n", 2, "}"),
        ]
    )
    func syntax(text: String, line: Int, mend: String) {
        let (document, problems) = parse(text)
        #expect(document == nil)
        #expect(problems.problems.count == 1)
        #expect(problems.problems.first?.line == line, "\(problems.problems)")
        #expect(problems.problems.first?.mend.contains(mend) == true, "\(problems.problems)")
    }

    @Test("A duplicate key names both lines")
    func duplicateKey() {
        let (document, problems) = parse("a:\n  b: 1\n  c:\n    b: 3\n  'b': 2\n")
        #expect(document == nil)
        #expect(
            problems.problems.map(\.description) == [
                "file.yaml:5:3: b: 'b' stands twice in one map, on line 2 and on line 5; "
                    + "keep one of the two"
            ]
        )
    }

    @Test(
        "Bytes that are no UTF-8 text are refused with their place",
        arguments: [
            ([0x61, 0x3A, 0x20, 0xC3, 0x28], 1, 4),
            ([0x61, 0x3A, 0x0A, 0x62, 0xFF], 2, 2),
            ([0x61, 0x00], 1, 2),
            ([0xFF, 0xFE, 0x61, 0x00], 1, 1),
            ([0x61, 0x3A, 0x20, 0x07], 1, 4),
        ] as [([UInt8], Int, Int)]
    )
    func notText(bytes: [UInt8], line: Int, column: Int) {
        let problems = ProblemList()
        #expect(Document(file: "f", bytes: bytes, problems: problems) == nil)
        #expect(problems.problems.map(\.line) == [line])
        #expect(problems.problems.map(\.column) == [column])
    }

    @Test("An empty file, a comment and a byte order mark are an empty map or plain YAML")
    func empty() {
        #expect(parse("").document?.map(ProblemList())?.keys == [])
        #expect(parse("# nothing\n").document?.map(ProblemList())?.keys == [])
        #expect(parse("\u{FEFF}a: 1\n").document?.root["a"]?.text == "1")
    }

    @Test("Aliases and merges are written out; own keys win over merged ones")
    func aliases() throws {
        let (document, problems) = parse(
            """
            base: &base {period: 1s, unit: 1}
            more: &more {unit: 7, range: x}
            one: {<<: *base, unit: 2}
            two: {<<: [*base, *more]}
            text: &t hello
            again: *t
            """
        )
        #expect(problems.isEmpty)
        let root = try #require(document?.root)
        #expect(root["one"]?["unit"]?.text == "2")
        #expect(root["one"]?["period"]?.text == "1s")
        #expect(root["two"]?["unit"]?.text == "1")
        #expect(root["two"]?["range"]?.text == "x")
        #expect(root["again"]?.text == "hello")
    }

    @Test("A merge of something that is no map is refused")
    func badMerge() {
        #expect(parse("a: &a 1\nb: {<<: *a}\n").problems.problems.map(\.line) == [2])
        #expect(parse("a: &a 1\nb: {<<: [*a]}\n").problems.problems.count == 1)
    }

    @Test("Aliases of aliases end at the limit of values, not in memory")
    func billionLaughs() {
        var text = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n"
        for level in 1...12 {
            let inner = Array(repeating: "*a\(level - 1)", count: 9).joined(separator: ",")
            text += "a\(level): &a\(level) [\(inner)]\n"
        }
        let (document, problems) = parse(text)
        #expect(document == nil)
        #expect(problems.problems.map(\.what).first?.contains("values once aliases") == true)
    }

    @Test(
        "An alias of aliases in a key is refused before anything hashes it",
        arguments: [
            "? *last\n: 1\n", "*last : 1\n", "[*last, *last] : 1\n", "{a: *last}: 1\n",
            "x: {*last : 1}\n", "x: {[*last]: 1}\n", "- ? *last\n",
        ]
    )
    func laughingKeys(end: String) {
        var text = "---\n- &a0 [x,x,x,x,x,x,x,x,x]\n"
        for level in 1...14 {
            let inner = Array(repeating: "*a\(level - 1)", count: 9).joined(separator: ",")
            text += "- &\(level == 14 ? "last" : "a\(level)") [\(inner)]\n"
        }
        let item = end.split(separator: "\n").map { "  \($0)" }.joined(separator: "\n")
        let (document, problems) = parse(text + "-\n" + item + "\n")
        #expect(document == nil)
        #expect(problems.problems.count == 1)
        #expect(problems.problems.first?.mend.contains("write the key out") == true)
    }

    @Test("Ordinary files with aliases, questions, stars and brackets in text are fine")
    func innocentAliases() {
        let (document, problems) = parse(
            """
            # *really*: a note? yes [see]: here
            a: &x {k: 1}
            b: *x
            c: "4 * 5"
            e: "[fd00::1]:1883"
            d: what? nothing
            """
        )
        #expect(problems.isEmpty, "\(problems.problems)")
        #expect(document != nil)
    }

    @Test("Deep nesting is refused, not recursed into", arguments: [40, 900, 5_000, 200_000])
    func depth(levels: Int) {
        for text in [
            String(repeating: "[", count: levels),
            String(repeating: "[", count: levels) + String(repeating: "]", count: levels),
            String(repeating: "{a: ", count: levels) + String(repeating: "}", count: levels),
            String(repeating: "- ", count: min(levels, 20_000)) + "x",
        ] {
            let (document, problems) = parse(text)
            #expect(document == nil)
            #expect(problems.problems.count == 1)
        }
    }

    @Test("A file beyond the limit of bytes is refused")
    func tooLarge() {
        let problems = ProblemList()
        let bytes = [UInt8](repeating: 0x61, count: DocumentLimits.fileBytes + 1)
        #expect(Document(file: "f", bytes: bytes, problems: problems) == nil)
        #expect(problems.problems.count == 1)
    }

    @Test(
        "A missing file, a folder, a pipe and a device are told apart from YAML",
        arguments: [
            "/nonexistent/loopgate.yaml", "/", "/dev/null", "/dev/zero",
        ]
    )
    func unreadable(path: String) {
        let problems = ProblemList()
        #expect(Document(path: path, problems: problems) == nil)
        #expect(problems.problems.map(\.line) == [0])
        #expect(problems.problems.first?.description.hasPrefix("\(path): file: ") == true)
    }
}

@Suite("Nearest word") struct SuggestionTests {
    @Test(
        "A near miss finds its word, a stranger none",
        arguments: [
            ("bauds", "baud"), ("badu", "baud"), ("stop_bits", "stopBits"),
            ("STOPBITS", "stopBits"),
            ("paritty", "parity"), ("hose", nil), ("x", nil), ("", nil),
        ] as [(String, String?)]
    )
    func near(written: String, expected: String?) {
        #expect(
            nearest(to: written, among: ["baud", "stopBits", "parity", "direction"]) == expected
        )
    }

    @Test(
        "Distance counts insertions, deletions, substitutions and swaps",
        arguments: [
            ("", "abc", 3), ("abc", "", 3), ("abc", "abc", 0), ("abc", "acb", 1), ("abc", "abd", 1),
            ("abc", "xabc", 1), ("kitten", "sitting", 3),
        ]
    )
    func distance(a: String, b: String, expected: Int) {
        #expect(editDistance(Array(a.utf8), Array(b.utf8)) == expected)
    }
}

@Suite("Damaged documents") struct DamagedDocumentTests {
    private static let valid = """
        name: &n field1
        base: &b {period: 1s, unit: 0x10}
        list:
          - {<<: *b, name: *n, text: "a\\tb", more: 'it''s'}
          - name: second
            block: |
              one
               two
            folded: >-
              three
              four
        number: -1.5e-3
        """

    @Test("Whatever the bytes, a document or a problem comes back", arguments: 0..<20)
    func survives(seed: UInt64) {
        var random = Seeded(seed: seed)
        for round in 0..<100 {
            let bytes =
                round % 4 == 0
                ? Fuzz.noise(using: &random)
                : Fuzz.damaged(Array(Self.valid.utf8), using: &random)
            let problems = ProblemList()
            let document = Document(file: "f", bytes: bytes, problems: problems)
            let map = document?.map(problems)
            for key in map?.keys ?? [] {
                _ = map?.integer(ifPresent: key, in: 0...9)
                _ = map?.double(ifPresent: key)
                _ = map?.duration(ifPresent: key)
                _ = map?.string(ifPresent: key)
                _ = map?.bool(key)
                for item in map?.maps(key) ?? [] { item.finish() }
            }
            map?.finish(others: ["name"])
            #expect(document != nil || !problems.isEmpty, "seed \(seed), \(bytes)")
        }
    }
}
