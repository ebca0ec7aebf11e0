import Foundation

/// The rules that hold the house together, each as a function from files to offences, so that a
/// planted offence can show that the rule sees it.
enum House {
    /// A source file: its path from the project's folder, and its text.
    struct File {
        var path: String
        var text: String

        /// The room (target) that the file is in; nil outside `Sources`.
        var room: String? {
            let parts = path.split(separator: "/")
            return parts.count > 2 && parts[0] == "Sources" ? String(parts[1]) : nil
        }
        var lines: [(number: Int, text: String)] {
            text.split(separator: "\n", omittingEmptySubsequences: false).enumerated().map {
                ($0.offset + 1, String($0.element))
            }
        }
    }

    static let pureRooms: Set = ["Signal", "Detection", "Alerts", "GatewayCore"]
    /// The room that may import each C module.
    static let owners = [
        "CModbus": ["Fieldbus"], "CMosquitto": ["Uplink"], "CGPIOD": ["Relay"],
        "CSQLite": ["Journal"], "CSystemd": ["loopgate"], "CCrypt": ["Vault"],
        "COpenSSL": ["Vault"],
    ]
    static let topLevel: Set = [
        "Package.swift", "Sources", "Tests", "etc", "systemd", "firmware-profiles", "README.md",
        "LICENSE", "CHANGELOG.md", "CONTRIBUTING.md", "Makefile", "docs", "scripts", ".ci",
        ".gitignore", ".swift-format", ".editorconfig",
    ]

    /// Pure rooms: no I/O, no clock, no `await`.
    static func impurities(in files: [File]) -> [String] {
        let foreign = ["Foundation", "FoundationEssentials", "Glibc", "Musl", "Dispatch", "Darwin"]
        return files.filter { pureRooms.contains($0.room ?? "") }.flatMap { file in
            file.lines.compactMap { line in
                for module in foreign where imports(line.text, module) {
                    return "\(file.path):\(line.number): a pure room imports \(module)"
                }
                if code(line.text).firstMatch(of: /\bawait\b/) != nil {
                    return "\(file.path):\(line.number): a pure room awaits"
                }
                return nil
            }
        }
    }

    /// A C module is imported by the room that wraps it, and publicly by nobody.
    static func escapedC(in files: [File]) -> [String] {
        files.flatMap { file in
            file.lines.compactMap { line in
                for (module, rooms) in owners where imports(line.text, module) {
                    if !rooms.contains(file.room ?? "") && !file.path.hasPrefix("Tests/") {
                        return "\(file.path):\(line.number): only \(rooms[0]) may import \(module)"
                    }
                    if line.text.contains("@_exported") || line.text.contains("public import") {
                        return "\(file.path):\(line.number): \(module) must not be passed on"
                    }
                }
                return nil
            }
        }
    }

    /// No public signature of a wrapper names a C type.
    static func cTypesInSignatures(in files: [File]) -> [String] {
        let types =
            /OpaquePointer|\bmodbus_t\b|\bsqlite3(_stmt)?\b|\bmosquitto\b\s*>|\bgpiod_\w+|UnsafeMutableRawPointer/
        return files.filter { file in owners.values.contains { $0.contains(file.room ?? "") } }
            .flatMap { file in
                file.lines.compactMap { line in
                    let text = code(line.text)
                    guard text.firstMatch(of: /\b(public|package)\b/) != nil,
                        text.firstMatch(of: types) != nil
                    else { return nil }
                    return "\(file.path):\(line.number): a C type in a public signature"
                }
            }
    }

    /// No type is named after its module: `Signal.Signal` could never be told from the module.
    static func typesNamedAfterModules(in files: [File], modules: Set<String>) -> [String] {
        files.flatMap { file in
            file.lines.compactMap { line in
                guard
                    let match = code(line.text).firstMatch(
                        of: /\b(?:struct|class|enum|actor|protocol|typealias)\s+(\w+)/
                    ),
                    modules.contains(String(match.1))
                else { return nil }
                return "\(file.path):\(line.number): type \(match.1) is named after a module"
            }
        }
    }

    /// The top level holds only what belongs there.
    static func strangers(among tracked: [String]) -> [String] {
        Set(tracked.compactMap { $0.split(separator: "/").first.map(String.init) })
            .subtracting(topLevel).sorted().map { "\($0): does not belong at the top level" }
    }

    /// Tests wait for events, never for time.
    static func sleeps(in files: [File]) -> [String] {
        let sleep = /\bTask\s*\.\s*sleep|\b(?:u|nano)?sleep\s*\(|Thread\s*\.\s*sleep|time\.sleep/
        return files.filter { $0.path.hasPrefix("Tests/") }.flatMap { file in
            file.lines.compactMap { line in
                code(line.text).firstMatch(of: sleep) == nil
                    ? nil : "\(file.path):\(line.number): a test sleeps"
            }
        }
    }

    /// Every escape from the compiler's checks has its reason beside it.
    static func unexplained(in files: [File]) -> [String] {
        let escape = /@unchecked|nonisolated\(unsafe\)/
        return files.filter { $0.path.hasPrefix("Sources/") }.flatMap { file in
            let lines = file.lines
            return lines.indices.compactMap { index -> String? in
                guard code(lines[index].text).firstMatch(of: escape) != nil else { return nil }
                let before = lines[max(0, index - 6)..<index].contains {
                    $0.text.trimmingCharacters(in: .whitespaces).hasPrefix("//")
                }
                return before
                    ? nil : "\(file.path):\(lines[index].number): an escape without its reason"
            }
        }
    }

    /// Forced tries and casts have no place in a daemon.
    static func forced(in files: [File]) -> [String] {
        files.filter { $0.path.hasPrefix("Sources/") }.flatMap { file in
            file.lines.compactMap { line in
                code(line.text).firstMatch(of: /\btry!|\bas!/) == nil
                    ? nil : "\(file.path):\(line.number): try! or as!"
            }
        }
    }

    // MARK: Limits and promises

    /// `Limits.fetchRows` for every constant of an enumeration called `Limits` or `…Limits`.
    static func limits(in files: [File]) -> [String] {
        files.filter { $0.path.hasPrefix("Sources/") && $0.text.contains("Limits {") }.flatMap {
            file in
            var holder: String?
            return file.lines.compactMap { line -> String? in
                let text = code(line.text)
                if let match = text.firstMatch(of: /^(?:public )?(?:enum|extension) (\w*Limits) \{/)
                {
                    holder = String(match.1)
                } else if text.hasPrefix("}") {
                    holder = nil
                } else if let holder,
                    let match = text.firstMatch(of: /^    (?:public )?static let (\w+)/)
                {
                    return "\(holder).\(match.1)"
                }
                return nil
            }
        }
    }

    /// A suite is a type at the margin, an extension of one, or a type marked as one.
    private static var suiteHead: Regex<(Substring, Substring?, Substring?)> {
        /^(?:@Suite(?:\(.*\))? )?(?:struct|final class|extension) (\w+)|^ +@Suite(?:\(.*\))? struct (\w+)/
    }

    /// Every test as `Suite/function`: functions of a type or its extensions, in `Tests`.
    static func tests(in files: [File]) -> Set<String> {
        var found: Set<String> = []
        for file in files where file.path.hasPrefix("Tests/") {
            var suite = "", isTest = false
            for (_, text) in file.lines {
                if text.contains("struct ") || text.contains("extension ")
                    || text.contains("class "),
                    let match = text.firstMatch(of: suiteHead)
                {
                    suite = String(match.1 ?? match.2 ?? "")
                }
                if text.contains("@Test") { isTest = true }
                if isTest, let match = text.firstMatch(of: /\bfunc (\w+)\(/) {
                    found.insert("\(suite)/\(match.1)")
                    isTest = false
                }
            }
        }
        return found
    }

    private static func imports(_ line: String, _ module: String) -> Bool {
        let words = code(line).split(whereSeparator: { $0 == " " || $0 == "." })
        guard let at = words.firstIndex(of: "import") else { return false }
        return words[at...].contains(Substring(module))
    }

    /// The line without its comment and without what stands in string literals.
    private static func code(_ line: String) -> String {
        var text = line.replacing(/"(?:[^"\\]|\\.)*"/, with: "\"\"")
        if let comment = text.range(of: "//") { text = String(text[..<comment.lowerBound]) }
        return text
    }
}
