import Foundation
import GatewayCore
import TestSupport
import Testing

@testable import Profiles

/// The reference of all keys, as docs/configuration.md holds it.
enum Reference {
    static var markdown: String {
        var text = ""
        func add(_ title: String, _ sections: [KeySection]) {
            text += "\n### \(title)\n"
            for section in sections {
                text += "\n#### \(section.path.isEmpty ? "Outermost" : "`\(section.path)`")\n\n"
                text +=
                    "\(section.meaning)\n\n| Key | Value | Default | Meaning |\n|---|---|---|---|\n"
                for key in section.keys {
                    let presence =
                        switch key.presence {
                        case .required: "required"
                        case .optional: "–"
                        case .fallback(let shown): shown
                        }
                    text += "| `\(key.name)` | \(key.form) | \(presence) | \(key.meaning) |\n"
                }
            }
        }
        add("loopgate.yaml", ConfigurationSchema.gateway)
        add("instruments.yaml", ConfigurationSchema.instruments)
        return text
    }
}

@Suite("Reference and examples") struct ReferenceTests {
    static let docs = projectFolder + "/docs/configuration.md"
    static let begin = "<!-- reference -->\n"
    static let end = "<!-- end of reference -->"

    @Test("docs/configuration.md lists every key as the schema has it")
    func reference() throws {
        let page = try String(contentsOfFile: Self.docs, encoding: .utf8)
        let start = try #require(page.range(of: Self.begin)?.upperBound)
        let stop = try #require(page.range(of: Self.end)?.lowerBound)
        let wanted = Reference.markdown + "\n"
        if ProcessInfo.processInfo.environment["LOOPGATE_WRITE_REFERENCE"] != nil {
            let written = page[..<start] + wanted + page[stop...]
            try String(written).write(toFile: Self.docs, atomically: true, encoding: .utf8)
        } else {
            let isSame = page[start..<stop] == wanted
            #expect(
                isSame,
                "run: LOOPGATE_WRITE_REFERENCE=1 swift test --filter ReferenceTests"
            )
        }
    }

    @Test(
        "Every key of the schema stands in the examples",
        arguments: [
            ("loopgate.yaml", ConfigurationSchema.gateway),
            ("instruments.yaml", ConfigurationSchema.instruments),
        ]
    )
    func examplesAreComplete(file: String, sections: [KeySection]) throws {
        let text = try String(contentsOfFile: projectFolder + "/etc/\(file)", encoding: .utf8)
        // Keys at a line's beginning, after `- `, in a flow map, or commented out.
        let words = text.split { " \n{},#-".contains($0) }
        for section in sections {
            for key in section.keys {
                #expect(words.contains { $0 == "\(key.name):" }, "\(section.path) \(key.name)")
            }
        }
    }

    @Test("Keys that are commented out in the example are keys of the schema")
    func commentedKeys() throws {
        let text = try String(
            contentsOfFile: projectFolder + "/etc/loopgate.yaml",
            encoding: .utf8
        )
        let known = Set(ConfigurationSchema.gateway.flatMap { $0.keys.map(\.name) })
        var seen = 0
        for line in text.split(separator: "\n") {
            let content = line.drop { $0 == " " }
            guard content.hasPrefix("# ") else { continue }
            let bare = content.dropFirst(2).drop { " -".contains($0) }
            let key = bare.prefix { $0.isLetter }
            guard !key.isEmpty, bare.dropFirst(key.count).hasPrefix(": "),
                key.first?.isLowercase == true,
                bare.split(separator: " ").count == 2
            else { continue }
            seen += 1
            #expect(known.contains(String(key)), "\(line)")
        }
        #expect(seen >= 12)
    }

    @Test("No section has a key twice, and no key is without words")
    func schema() {
        for section in ConfigurationSchema.gateway + ConfigurationSchema.instruments {
            #expect(Set(section.keys.map(\.name)).count == section.keys.count, "\(section.path)")
            for key in section.keys {
                #expect(key.meaning.hasSuffix("."), "\(section.path) \(key.name)")
                #expect(!key.form.isEmpty)
                #expect(!key.meaning.contains("|") && !key.form.contains("|"))
            }
        }
    }
}
