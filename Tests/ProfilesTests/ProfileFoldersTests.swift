import GatewayCore
import TestSupport
import Testing

@testable import Profiles

@Suite("Profile folders") struct ProfileFoldersTests {
    /// Folders in which a profile is a file with `channels: N`.
    private func folders(_ folders: [String], _ problems: ProblemList) -> ProfileFolders {
        ProfileFolders(folders: folders, read: FileFault.readFile, problems: problems) {
            document,
            _,
            problems in
            guard let count = document.map(problems)?.integer("channels", in: 1...8) else {
                return nil
            }
            return { _ in
                TwoModules().module("ai8", ModuleOptions(channels: count))
                    ?? .failure(ModuleFault(key: "profile", what: "none", mend: "none"))
            }
        }
    }

    @Test("The first folder that has a profile gives it, and only files in use are read")
    func first() throws {
        let one = try TemporaryFolder()
        let two = try TemporaryFolder()
        try one.write("channels: 2", to: "modules/a.yaml")
        try two.write("channels: 3", to: "modules/a.yaml")
        try two.write("channels: 4", to: "modules/b.yaml")
        try two.write("]", to: "modules/broken.yaml")
        let problems = ProblemList()
        let found = folders([one.path, "/nowhere", two.path], problems)
        #expect(found.names == ["a", "b", "broken"])
        #expect(try found.module("a", ModuleOptions())?.get().map.channels.count == 2)
        #expect(try found.module("b", ModuleOptions())?.get().map.channels.count == 4)
        #expect(problems.isEmpty)
    }

    @Test("A broken profile is told once with its own place, and by whoever uses it")
    func broken() throws {
        let folder = try TemporaryFolder()
        let path = try folder.write("channels: 99", to: "modules/x.yaml")
        let problems = ProblemList()
        let found = folders([folder.path], problems)
        for _ in 0..<2 {
            guard case .failure(let fault)? = found.module("x", ModuleOptions()) else {
                Issue.record("a broken profile was used")
                return
            }
            #expect(fault.mend == "mend \(path)")
        }
        #expect(problems.problems.map(\.place.description) == ["\(path):1:11"])
    }

    @Test(
        "A name cannot climb out of the folder",
        arguments: [
            "../secret", "a/b", "", "/etc/passwd", "x y", "x\u{0}",
        ]
    )
    func climbing(name: String) throws {
        let folder = try TemporaryFolder()
        try folder.write("channels: 2", to: "secret.yaml")
        try folder.write("channels: 2", to: "modules/a/b.yaml")
        #expect(folders([folder.path], ProblemList()).module(name, ModuleOptions()) == nil)
    }

    @Test("Profiles in use are kept with the last good configuration")
    func kept() throws {
        let folder = try TemporaryFolder()
        try folder.write("channels: 8", to: "firmware-profiles/modules/ai8.yaml")
        let path = try folder.write(Configured.gateway, to: "loopgate.yaml")
        try folder.write(Configured.instruments, to: "instruments.yaml")
        let loader = ConfigurationLoader(
            environment: [:],
            findModules: { folders, read, problems in
                ProfileFolders(folders: folders, read: read, problems: problems) {
                    document,
                    id,
                    list in
                    guard document.map(list)?.integer("channels", in: 1...8) != nil else {
                        return nil
                    }
                    return { options in
                        TwoModules().module(id, options)
                            ?? .failure(ModuleFault(key: "profile", what: "none", mend: "none"))
                    }
                }
            }
        )
        let lastGood = LastGoodConfiguration(folder: folder.path)
        guard case .present(let good, unkept: nil) = loader.start(path, lastGood: lastGood) else {
            Issue.record("the good configuration did not load")
            return
        }
        #expect(
            good.files.map { $0.path.split(separator: "/").last }
                == ["loopgate.yaml", "ai8.yaml", "instruments.yaml"]
        )
        try folder.write("channels: 9", to: "firmware-profiles/modules/ai8.yaml")
        guard case .lastGood(let kept, let refused) = loader.start(path, lastGood: lastGood) else {
            Issue.record("no last good configuration")
            return
        }
        #expect(kept.settings == good.settings)
        #expect(refused.problems.contains { $0.file.hasSuffix("/modules/ai8.yaml") })
    }
}
