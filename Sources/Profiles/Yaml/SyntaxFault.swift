import Yams

/// Puts libyaml's complaints into words a technician can act on.
enum SyntaxFault {
    /// The problem that `error` tells of.
    static func problem(_ error: YamlError, text: String, file: String) -> Problem {
        func problem(_ line: Int, _ column: Int, _ what: String, _ mend: String) -> Problem {
            Problem(
                at: Place(file: file, line: line, column: column),
                key: "",
                what: what,
                mend: mend
            )
        }
        switch error {
        case .scanner(let context, let what, let mark, _),
            .parser(let context, let what, let mark, _),
            .composer(let context, let what, let mark, _):
            var sentence = "not YAML: \(what)"
            if let context, context.mark.line != mark.line {
                sentence += " (\(context.text), begun on line \(context.mark.line))"
            }
            return problem(mark.line, mark.column, sentence, mend(for: what, context?.text ?? ""))
        case .reader(_, let offset, _, _):
            let (line, column) = position(ofCharacter: offset ?? 0, in: text)
            return problem(
                line,
                column,
                "not YAML: a control character",
                "delete it; a blank and a line feed are enough"
            )
        case .duplicatedKeysInMapping(let keys, let context):
            let key = keys.first ?? ""
            let first = context.mark
            var sentence = "\(quote(key)) stands twice in one map"
            var line = first.line
            var column = first.column
            if let second = secondLine(of: key, after: first, in: text) {
                sentence += ", on line \(first.line) and on line \(second)"
                line = second
                column = first.column
            } else {
                sentence += ", first on line \(first.line)"
            }
            return Problem(
                at: Place(file: file, line: line, column: column),
                key: key,
                what: sentence,
                mend: "keep one of the two"
            )
        case .memory:
            return problem(1, 1, "no memory left to read the file", "free memory and try again")
        default:
            return problem(1, 1, "not readable as YAML", "compare it with the example file")
        }
    }

    private static func mend(for what: String, _ context: String) -> String {
        if what.contains("tab character") { return "indent with blanks instead of tabs" }
        if what.contains("cannot start any token") {
            return "indent with blanks instead of tabs, and put text that begins with one of "
                + "@ ` % in quotes"
        }
        if what.contains("mapping values are not allowed") {
            return "put text that holds ': ' in quotes, and indent keys of one map equally"
        }
        if what.contains("did not find expected key") {
            return "indent all keys of this map equally, each as 'key: value'"
        }
        if what.contains("could not find expected ':'") {
            return "write 'key: value' with a colon and a blank"
        }
        if what.contains("did not find expected '-'") || what.contains("block sequence entries") {
            return "begin each item of the list with '- ' in the same column"
        }
        if what.contains("',' or ']'") { return "close the list with ']'" }
        if what.contains("',' or '}'") { return "close the map with '}'" }
        if what.contains("end of stream") && context.contains("quoted") {
            return "close the quotes"
        }
        if what.contains("undefined alias") {
            return "define it above with '&name', or put text that begins with '*' in quotes"
        }
        if what.contains("another document") { return "delete the second '---' and what follows" }
        if what.contains("escape") { return "use single quotes where a backslash is meant" }
        if what.contains("nesting") || what.contains("depth") {
            return "remove the needless brackets or indentation"
        }
        return "compare this line and the one above with the example file"
    }

    /// The line on which `key` stands again, below `first` in the same column and map.
    private static func secondLine(of key: String, after first: Mark, in text: String) -> Int? {
        guard !key.isEmpty, first.column >= 1 else { return nil }
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        guard first.line < lines.count else { return nil }
        for number in first.line..<lines.count {
            let line = lines[number]
            let content = line.drop { $0 == " " }
            if content.isEmpty || content.hasPrefix("#") { continue }
            let column = line.unicodeScalars.count - content.unicodeScalars.count + 1
            if column < first.column { return nil }
            guard column == first.column else { continue }
            let bare = content.drop { $0 == "\"" || $0 == "'" }
            guard bare.hasPrefix(key) else { continue }
            let rest = bare.dropFirst(key.count).drop { "\"' ".contains($0) }
            if rest.hasPrefix(":") { return number + 1 }
        }
        return nil
    }

    private static func position(ofCharacter offset: Int, in text: String) -> (Int, Int) {
        var line = 1
        var column = 1
        for character in text.prefix(offset) {
            if character.isNewline {
                line += 1
                column = 1
            } else {
                column += character.unicodeScalars.count
            }
        }
        return (line, column)
    }
}
