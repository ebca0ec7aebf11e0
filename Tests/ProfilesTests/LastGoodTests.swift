import Foundation
import GatewayCore
import TestSupport
import Testing

@testable import Profiles

@Suite("Last good configuration") struct LastGoodTests {
    private func start(_ configured: Configured, in folder: String) -> ConfigurationLoader.Start {
        configured.loader.start(
            "/etc/gw/loopgate.yaml",
            lastGood: LastGoodConfiguration(folder: folder)
        )
    }

    @Test("A bad file runs the last good configuration, and says what is wrong")
    func badFile() throws {
        let folder = try TemporaryFolder()
        guard case .present(let good, unkept: nil) = start(Configured(), in: folder.path) else {
            Issue.record("the good configuration did not load")
            return
        }
        let bad = Configured(Configured.changed("unit: 1,", "unit: 999,"), "]")
        guard case .lastGood(let kept, let refused) = start(bad, in: folder.path) else {
            Issue.record("no last good configuration")
            return
        }
        #expect(kept.settings == good.settings)
        #expect(refused.problems.count == 2)
    }

    @Test("Variables are kept with the files: a bad variable runs the last good ones")
    func badVariable() throws {
        let folder = try TemporaryFolder()
        var configured = Configured(environment: ["LOOPGATE_PAGE_PORT": "9999"])
        _ = start(configured, in: folder.path)
        configured.environment = ["LOOPGATE_PAGE_PORT": "none"]
        guard case .lastGood(let kept, let refused) = start(configured, in: folder.path) else {
            Issue.record("no last good configuration")
            return
        }
        #expect(kept.settings.page.port == 9999)
        #expect(
            refused.problems.map(\.description) == [
                "$LOOPGATE_PAGE_PORT: page.port: 'none' is no whole number; write a whole number "
                    + "from 1 to 65535"
            ]
        )
    }

    @Test("Without a copy, or with a damaged one, both are told", arguments: [nil, "", "{", "{}"])
    func nothing(copy: String?) throws {
        let folder = try TemporaryFolder()
        if let copy { try folder.write(copy, to: "last-good.json") }
        guard case .nothing(let refused, let lastGood) = start(Configured("]"), in: folder.path)
        else {
            Issue.record("something was started")
            return
        }
        #expect(refused.problems.count == 1)
        #expect(lastGood.problems.count == 1)
        #expect(lastGood.problems.first?.file == folder.file("last-good.json"))
    }

    @Test("A copy that this version refuses is told with its own problems")
    func refusedCopy() throws {
        let folder = try TemporaryFolder()
        _ = start(Configured(), in: folder.path)
        let file = folder.file("last-good.json")
        let text = try String(contentsOfFile: file, encoding: .utf8)
        try text.replacing("unit: 255", with: "unit: 999")
            .write(toFile: file, atomically: true, encoding: .utf8)
        guard case .nothing(_, let lastGood) = start(Configured("]"), in: folder.path) else {
            Issue.record("something was started")
            return
        }
        #expect(lastGood.problems.map(\.keyPath) == ["modules[ai2].unit"])
    }

    @Test("The copy is written only when something changed, whole, and for its owner alone")
    func saves() throws {
        let folder = try TemporaryFolder()
        let lastGood = LastGoodConfiguration(folder: folder.path)
        let loaded = try Configured().load().get()
        #expect(try lastGood.save(loaded))
        #expect(try !lastGood.save(loaded))
        let changed = Configured.changed("period: 500ms", "period: 2 s")
        #expect(try lastGood.save(try Configured(changed).load().get()))
        let attributes = try FileManager.default.attributesOfItem(atPath: lastGood.file)
        #expect(attributes[.posixPermissions] as? Int == 0o600)
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["last-good.json"]
        )
    }

    @Test("A folder that cannot be written is told, and the configuration still holds")
    func unwritable() throws {
        let missing = try TemporaryFolder().path
        guard case .present(_, let unkept) = start(Configured(), in: missing + "/nowhere") else {
            Issue.record("the good configuration did not load")
            return
        }
        #expect(unkept?.what.contains("cannot be written") == true)
    }

    @Test("A write that fails leaves the old copy as it was")
    func oldStays() throws {
        let folder = try TemporaryFolder()
        let lastGood = LastGoodConfiguration(folder: folder.path)
        try lastGood.save(try Configured().load().get())
        let before = try Data(contentsOf: URL(fileURLWithPath: lastGood.file))
        // A folder in the place of the new file makes the write fail.
        try FileManager.default.createDirectory(
            atPath: lastGood.file + ".new",
            withIntermediateDirectories: false
        )
        let changed = try Configured(Configured.changed("period: 500ms", "period: 2 s")).load()
            .get()
        #expect(throws: FileFault.self) { try lastGood.save(changed) }
        #expect(try Data(contentsOf: URL(fileURLWithPath: lastGood.file)) == before)
    }
}
