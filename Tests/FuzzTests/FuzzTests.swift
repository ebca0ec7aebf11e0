import Detection
import Foundation
import TestSupport
import Testing

@Suite struct FuzzTests {
    static let folder = projectFolder + "/Tests/FuzzTests/Corpus"

    /// The parser's kept inputs: seeds, and whatever once was found to break a promise.
    static func corpus(_ parser: Parser) -> [(name: String, bytes: [UInt8])] {
        let folder = "\(folder)/\(parser.rawValue)"
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return names.sorted().compactMap { name in
            FileManager.default.contents(atPath: "\(folder)/\(name)").map { (name, Array($0)) }
        }
    }

    @Test("every kept input comes back", arguments: Parser.allCases)
    func kept(parser: Parser) {
        let inputs = Self.corpus(parser)
        #expect(!inputs.isEmpty, "no seed for \(parser.rawValue)")
        for input in inputs { parser.feed(input.bytes) }
    }

    @Test(
        "so does what is made of them by cutting, doubling and flipping",
        arguments: Parser.allCases
    )
    func mutated(parser: Parser) throws {
        let inputs = Self.corpus(parser).map(\.bytes)
        try #require(!inputs.isEmpty)
        var random = SeededGenerator(seed: 20)
        for _ in 0..<300 {
            var bytes = inputs.randomElement(using: &random) ?? []
            for _ in 0..<Int.random(in: 1...6, using: &random) where !bytes.isEmpty {
                let start = Int.random(in: 0..<bytes.count, using: &random)
                let end = min(bytes.count, start + Int.random(in: 1...32, using: &random))
                switch Int.random(in: 0..<4, using: &random) {
                case 0: bytes.removeSubrange(start..<end)
                case 1: bytes.insert(contentsOf: bytes[start..<end], at: start)
                case 2: bytes[start] ^= 1 << UInt8.random(in: 0..<8, using: &random)
                default: bytes[start] = [0, 0x7F, 0x80, 0xFF].randomElement(using: &random) ?? 0
                }
            }
            parser.feed(bytes)
        }
    }

    @Test("the empty input and long monotony come back", arguments: Parser.allCases)
    func extremes(parser: Parser) {
        parser.feed([])
        for byte: UInt8 in [0, 0x20, 0x7F, 0xFF] {
            for count in [1, 2, 17, 300, 5_000] {
                parser.feed([UInt8](repeating: byte, count: count))
            }
        }
    }
}
