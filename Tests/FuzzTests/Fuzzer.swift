import Foundation

/// The parser that `FUZZ_PARSER` names: what this fuzzer feeds.
private let parser: Parser = {
    let name = ProcessInfo.processInfo.environment["FUZZ_PARSER"] ?? ""
    guard let parser = Parser(rawValue: name) else {
        let all = Parser.allCases.map(\.rawValue).joined(separator: " ")
        FileHandle.standardError.write(Data("FUZZ_PARSER must be one of: \(all)\n".utf8))
        exit(2)
    }
    return parser
}()

/// What libFuzzer calls with each input.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    parser.feed(Array(UnsafeBufferPointer(start: start, count: count)))
    return 0
}
