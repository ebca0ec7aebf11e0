import Foundation
import Yams

/// A parsed YAML file: values with their places, aliases written out, bounded in every direction.
///
/// Whatever the bytes, parsing ends with a document or with problems that name file, line and mend.
public struct Document: Sendable {
    /// The path that messages name.
    public let file: String
    /// The outermost value; nothing in an empty file is an empty map.
    public var root: DocumentValue

    /// Parses `bytes`, or notes in `problems` why they are no YAML and returns nil.
    public init?(file: String, bytes: [UInt8], problems: ProblemList) {
        guard let text = Document.text(of: bytes, file: file, problems: problems) else {
            return nil
        }
        if let trap = AliasKeys.firstLine(in: text) {
            problems.add(
                at: Place(file: file, line: trap, column: 1),
                key: "",
                what: "an alias inside a key, or a '?' key beside aliases, is not supported",
                mend: "write the key out, or put the text in quotes in a file without aliases"
            )
            return nil
        }
        switch ParserThread.run({ Document.compose(text, file: file) }) {
        case .success(let root):
            self.file = file
            self.root = root
        case .failure(let problem):
            problems.add(problem)
            return nil
        }
    }

    /// Reads and parses the file at `path`, or notes in `problems` why not and returns nil.
    public init?(path: String, problems: ProblemList) {
        switch FileFault.readFile(path) {
        case .success(let bytes): self.init(file: path, bytes: bytes, problems: problems)
        case .failure(let fault):
            problems.add(at: Place(file: path), key: "", what: fault.what, mend: fault.mend)
            return nil
        }
    }

    /// A reader over the outermost map; notes a problem and returns nil where it is no map.
    public func map(_ problems: ProblemList) -> MapReader? {
        MapReader(root, keyPath: "", problems: problems)
    }

    // MARK: Bytes to text

    private static func text(of bytes: [UInt8], file: String, problems: ProblemList) -> String? {
        func refuse(_ what: String, _ mend: String, at offset: Int? = nil) -> String? {
            var place = Place(file: file)
            if let offset {
                let before = bytes[..<offset]
                place.line = 1 + before.count { $0 == 10 }
                let lineStart = before.lastIndex(of: 10).map { $0 + 1 } ?? 0
                place.column = 1 + before[lineStart...].count { $0 & 0xC0 != 0x80 }
            }
            problems.add(at: place, key: "", what: what, mend: mend)
            return nil
        }
        guard bytes.count <= DocumentLimits.fileBytes else {
            return refuse(
                "the file has \(bytes.count) bytes, and \(DocumentLimits.fileBytes) are the limit",
                "give it only what it is meant to hold"
            )
        }
        if bytes.starts(with: [0xFF, 0xFE]) || bytes.starts(with: [0xFE, 0xFF]) {
            return refuse("the file is UTF-16", "save it as UTF-8", at: 0)
        }
        let body = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? Array(bytes[3...]) : bytes
        if let nul = body.firstIndex(of: 0) {
            return refuse(
                "the file holds a zero byte: it is no text",
                "restore it from a copy",
                at: nul
            )
        }
        guard let text = String(validating: body, as: UTF8.self) else {
            return refuse(
                "a byte that is not UTF-8",
                "save the file as UTF-8",
                at: firstInvalidByte(body)
            )
        }
        return text
    }

    /// The offset of the first byte that belongs to no UTF-8 character.
    private static func firstInvalidByte(_ bytes: [UInt8]) -> Int {
        var decoder = UTF8()
        var iterator = bytes.makeIterator()
        var offset = 0
        while case .scalarValue(let scalar) = decoder.decode(&iterator) {
            offset += UTF8.width(scalar)
        }
        return min(offset, max(bytes.count - 1, 0))
    }

    // MARK: Text to values

    private static func compose(_ text: String, file: String) -> Result<DocumentValue, Problem> {
        do {
            // The basic resolver guesses no types: a firmware `1.10` stays the text `1.10`.
            guard let node = try Yams.compose(yaml: text, .basic, .default, .utf8) else {
                let place = Place(file: file, line: 1, column: 1)
                return .success(DocumentValue(place: place, content: .map([])))
            }
            var builder = ValueBuilder(file: file)
            return .success(try builder.value(of: node, depth: 0))
        } catch let problem as Problem {
            return .failure(problem)
        } catch let error as YamlError {
            return .failure(SyntaxFault.problem(error, text: text, file: file))
        } catch {
            return .failure(
                Problem(
                    at: Place(file: file),
                    key: "",
                    what: "not readable as YAML: \(error)",
                    mend: "compare it with the example file"
                )
            )
        }
    }
}

/// Turns Yams' nodes into values: aliases written out, merges applied, all of it bounded.
private struct ValueBuilder {
    let file: String
    var count = 0

    mutating func value(of node: Node, depth: Int) throws -> DocumentValue {
        let place = Place(
            file: file,
            line: node.mark?.line ?? 1,
            column: node.mark?.column ?? 1
        )
        count += 1
        guard count <= DocumentLimits.values else {
            throw Problem(
                at: place,
                key: "",
                what: "more than \(DocumentLimits.values) values once aliases are written out",
                mend: "use fewer aliases of aliases"
            )
        }
        guard depth <= DocumentLimits.depth else {
            throw Problem(
                at: place,
                key: "",
                what: "maps and lists nest deeper than \(DocumentLimits.depth) levels",
                mend: "remove the needless brackets or indentation"
            )
        }
        switch node {
        case .scalar(let scalar):
            return DocumentValue(
                place: place,
                content: .scalar(scalar.string, isPlain: scalar.style == .plain)
            )
        case .sequence(let sequence):
            var values: [DocumentValue] = []
            values.reserveCapacity(sequence.count)
            for item in sequence { values.append(try value(of: item, depth: depth + 1)) }
            return DocumentValue(place: place, content: .list(values))
        case .mapping(let mapping):
            return DocumentValue(place: place, content: .map(try entries(of: mapping, depth)))
        case .alias:
            throw Problem(
                at: place,
                key: "",
                what: "an alias without its anchor",
                mend: "define the anchor with '&name' above"
            )
        }
    }

    private mutating func entries(
        of mapping: Node.Mapping,
        _ depth: Int
    ) throws -> [DocumentValue.Entry] {
        var own: [DocumentValue.Entry] = []
        var merged: [DocumentValue] = []
        for (key, item) in mapping {
            let keyPlace = Place(
                file: file,
                line: key.mark?.line ?? 1,
                column: key.mark?.column ?? 1
            )
            guard case .scalar(let scalar) = key else {
                throw Problem(
                    at: keyPlace,
                    key: "",
                    what: "a list or a map stands where a key should",
                    mend: "write a plain word followed by ': '"
                )
            }
            let value = try value(of: item, depth: depth + 1)
            if scalar.string == "<<", scalar.style == .plain {
                switch value.content {
                case .map: merged.append(value)
                case .list(let values): merged += values
                case .scalar:
                    throw Problem(
                        at: keyPlace,
                        key: "<<",
                        what: "a merge of something that is no map",
                        mend: "merge an alias of a map: '<<: *name'"
                    )
                }
            } else {
                own.append(.init(key: scalar.string, keyPlace: keyPlace, value: value))
            }
        }
        guard !merged.isEmpty else { return own }
        var known = Set(own.map(\.key))
        for value in merged {
            guard case .map(let entries) = value.content else {
                throw Problem(
                    at: value.place,
                    key: "<<",
                    what: "a merge of something that is no map",
                    mend: "merge aliases of maps only: '<<: [*one, *two]'"
                )
            }
            for entry in entries where known.insert(entry.key).inserted {
                count += 1
                own.append(entry)
            }
        }
        return own
    }
}

/// Looks for keys that hold aliases, before Yams does: it hashes whole keys, and an alias of
/// aliases of aliases in one takes longer than the plant lives.
enum AliasKeys {
    /// The first line with a suspicious key in a text that holds aliases, or nil.
    static func firstLine(in text: String) -> Int? {
        let bytes = Array(text.utf8)
        var hasAlias = false
        var suspect: Int?
        var line = 1
        var isComment = false
        var lineHasAlias = false
        var previous: UInt8 = 10
        var isLineBlankSoFar = true
        var index = 0
        while index < bytes.count {
            let byte = bytes[index]
            defer {
                previous = byte
                index += 1
            }
            if byte == 10 || byte == 13 {
                if byte == 10 { line += 1 }
                isComment = false
                lineHasAlias = false
                isLineBlankSoFar = true
                continue
            }
            if isComment { continue }
            switch byte {
            case UInt8(ascii: "#"): if isLineBlankSoFar { isComment = true }
            case UInt8(ascii: "*"):
                var end = index + 1
                while end < bytes.count, isAliasByte(bytes[end]) { end += 1 }
                if end > index + 1, !isWordByte(previous) {
                    hasAlias = true
                    lineHasAlias = true
                    if suspect == nil, isKeyMark(bytes, after: end) { suspect = line }
                }
            case UInt8(ascii: "]"), UInt8(ascii: "}"):
                // A list or map can be a key only where it begins on the same line.
                if lineHasAlias, suspect == nil, isKeyMark(bytes, after: index + 1) {
                    suspect = line
                }
            case UInt8(ascii: "?"):
                if suspect == nil, !isWordByte(previous) { suspect = line }
            default: break
            }
            if byte != 32, byte != 9 { isLineBlankSoFar = false }
        }
        return hasAlias ? suspect : nil
    }

    private static func isWordByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
        default: false
        }
    }

    private static func isAliasByte(_ byte: UInt8) -> Bool {
        isWordByte(byte) || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
    }

    private static func isKeyMark(_ bytes: [UInt8], after start: Int) -> Bool {
        var index = start
        while index < bytes.count, bytes[index] == 32 || bytes[index] == 9 { index += 1 }
        return index < bytes.count && bytes[index] == UInt8(ascii: ":")
    }
}

/// Runs the recursive parser on a thread whose stack is large enough, whoever asks.
private enum ParserThread {
    /// @unchecked: written by the thread before it signals, read by the waiter after.
    private final class Answer<Value: Sendable>: @unchecked Sendable {
        var value: Value?
        let done = DispatchSemaphore(value: 0)
    }

    static func run<Value: Sendable>(_ work: @escaping @Sendable () -> Value) -> Value {
        let answer = Answer<Value>()
        let thread = Thread {
            answer.value = work()
            answer.done.signal()
        }
        thread.stackSize = DocumentLimits.parserStackBytes
        thread.name = "yaml"
        thread.start()
        answer.done.wait()
        guard let value = answer.value else { preconditionFailure("the parser left no answer") }
        return value
    }
}
