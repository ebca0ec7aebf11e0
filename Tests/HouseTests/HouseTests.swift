import Foundation
import TestSupport
import Testing

@Suite struct HouseTests {
    static let tracked: [String] = {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [
            "git", "-C", projectFolder, "ls-files", "--cached", "--others", "--exclude-standard",
        ]
        let pipe = Pipe()
        process.standardOutput = pipe
        do { try process.run() } catch { return [] }
        let data = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return String(decoding: data, as: UTF8.self).split(separator: "\n").map(String.init)
    }()

    static let files: [House.File] = tracked.filter { $0.hasSuffix(".swift") }.compactMap { path in
        (try? String(contentsOfFile: "\(projectFolder)/\(path)", encoding: .utf8)).map {
            House.File(path: path, text: $0)
        }
    }

    static let modules: Set<String> = Set(
        tracked.compactMap { path in
            let parts = path.split(separator: "/")
            guard parts.count > 2, parts[0] == "Sources", parts[1] != "loopgate" else { return nil }
            return String(parts[1])
        }
    )

    @Test("the house is there to be looked at")
    func present() {
        #expect(Self.files.count > 40)
        #expect(House.pureRooms.isSubset(of: Self.modules))
    }

    @Test("pure rooms are pure")
    func pure() {
        #expect(House.impurities(in: Self.files) == [])
        let planted = House.File(
            path: "Sources/Signal/X.swift",
            text: "import Foundation\nlet x = await y()"
        )
        #expect(House.impurities(in: [planted]).count == 2)
        let said = House.File(path: "Sources/Signal/X.swift", text: "// import Foundation\n")
        #expect(House.impurities(in: [said]) == [])
    }

    @Test("no C type leaves its wrapper")
    func wrappers() {
        #expect(House.escapedC(in: Self.files) == [])
        #expect(House.cTypesInSignatures(in: Self.files) == [])
        let imported = House.File(path: "Sources/LocalPage/X.swift", text: "import CSQLite")
        #expect(House.escapedC(in: [imported]).count == 1)
        let passed = House.File(path: "Sources/Journal/X.swift", text: "@_exported import CSQLite")
        #expect(House.escapedC(in: [passed]).count == 1)
        let signature = House.File(
            path: "Sources/Journal/X.swift",
            text: "public func raw() -> OpaquePointer {"
        )
        #expect(House.cTypesInSignatures(in: [signature]).count == 1)
    }

    @Test("no type is named after a module")
    func names() {
        #expect(House.typesNamedAfterModules(in: Self.files, modules: Self.modules) == [])
        let planted = House.File(path: "Sources/Relay/X.swift", text: "public struct Relay {")
        #expect(
            House.typesNamedAfterModules(in: [planted], modules: Self.modules).count == 1
        )
    }

    @Test("the top level holds only what belongs there")
    func topLevel() {
        #expect(House.strangers(among: Self.tracked) == [])
        #expect(House.strangers(among: ["Sources/a.swift", "notes.txt", "tmp/x"]).count == 2)
    }

    @Test(
        "tests do not sleep",
        arguments: [
            "try await Task" + ".sleep(for: .seconds(1))", "us" + "leep(10)", "sl" + "eep(1)",
        ]
    )
    func sleeping(offence: String) {
        #expect(House.sleeps(in: Self.files) == [])
        let planted = House.File(path: "Tests/SignalTests/X.swift", text: "        \(offence)")
        #expect(House.sleeps(in: [planted]).count == 1)
    }

    @Test("every limit is reached on purpose by a test that is there")
    func limits() {
        let limits = Set(House.limits(in: Self.files))
        let tests = House.tests(in: Self.files)
        #expect(limits.contains("Limits.unstoredReadings") && tests.contains("HouseTests/limits"))
        #expect(limits.subtracting(LimitTable.proofs.keys).sorted() == [])
        #expect(Set(LimitTable.proofs.keys).subtracting(limits).sorted() == [])
        for (limit, proof) in LimitTable.proofs {
            if case .test(let name) = proof {
                #expect(tests.contains(name), "\(limit): there is no test \(name)")
            }
        }
        let planted = House.File(
            path: "Sources/Relay/X.swift",
            text: "enum OddLimits {\n    static let most = 3\n}"
        )
        #expect(House.limits(in: [planted]) == ["OddLimits.most"])
    }

    @Test("every test that docs/reliability.md names is there")
    func reliability() throws {
        let text = try String(
            contentsOfFile: projectFolder + "/docs/reliability.md",
            encoding: .utf8
        )
        let named = text.matches(of: /`([A-Z]\w+\/\w+)`/).map { String($0.1) }
        #expect(named.count > 60)
        #expect(Set(named).subtracting(House.tests(in: Self.files)).sorted() == [])
    }

    @Test("every escape from the compiler's checks has its reason, and nothing is forced")
    func escapes() {
        #expect(House.unexplained(in: Self.files) == [])
        #expect(House.forced(in: Self.files) == [])
        let bare = House.File(
            path: "Sources/Relay/X.swift",
            text: "final class A: @unchecked Sendable {"
        )
        #expect(House.unexplained(in: [bare]).count == 1)
        let forced = House.File(path: "Sources/Relay/X.swift", text: "let a = try! b()")
        #expect(House.forced(in: [forced]).count == 1)
    }
}

@Suite struct UnitFileTests {
    @Test("systemd has nothing to say against the unit, and finds its sandbox tight")
    func unit() throws {
        let folder = try TemporaryFolder()
        let text = try String(
            contentsOfFile: projectFolder + "/systemd/loopgate.service",
            encoding: .utf8
        )
        // Verification wants the program to exist.
        let unit = try folder.write(
            text.replacing("/usr/bin/loopgate", with: "/bin/true"),
            to: "loopgate.service"
        )
        let verify = try ChildProcess("systemd-analyze", ["verify", unit])
        #expect(try verify.wait() == 0)
        try eventually("its output is read") { !verify.isRunning }
        #expect(verify.output == [])
        let security = try ChildProcess(
            "systemd-analyze",
            ["security", "--offline=true", "--threshold=15", unit]
        )
        #expect(try security.wait() == 0)
    }

    @Test("a misspelt key is noticed")
    func planted() throws {
        let folder = try TemporaryFolder()
        let unit = try folder.write(
            "[Service]\nExecStart=/bin/true\nNoNewPrivilege=yes\n",
            to: "loopgate.service"
        )
        let verify = try ChildProcess("systemd-analyze", ["verify", unit])
        _ = try verify.wait()
        try eventually("its output is read") { !verify.output.isEmpty }
        #expect(verify.output.contains { $0.contains("NoNewPrivilege") })
    }
}
