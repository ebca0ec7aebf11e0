import Foundation
import TestSupport
import Testing

extension EndToEndTests {
    /// The folder of the pictures that the browser takes, kept for whoever reads the tests' output.
    private static let pictures = projectFolder + "/.build/screenshots"

    /// What the browser reports of one step.
    private struct Step: Decodable {
        var step: String
        var ok: Bool
        var detail: String
    }

    /// Runs the browser's script; every step that failed becomes an issue. The steps that went well.
    private func browse(_ port: UInt16, _ arguments: [String]) throws -> [Step] {
        try FileManager.default.createDirectory(
            atPath: Self.pictures,
            withIntermediateDirectories: true
        )
        let script = projectFolder + "/Tests/Browser/page.py"
        let browser = try ChildProcess(
            python,
            [script, "http://127.0.0.1:\(port)/", Self.pictures] + arguments
        )
        let code = try browser.wait(within: 1_800)
        let steps = browser.output.compactMap { line in
            try? JSONDecoder().decode(Step.self, from: Data(line.utf8))
        }
        for step in steps {
            print("page: \(step.ok ? "ok  " : "FAIL") \(step.step) \(step.ok ? step.detail : "")")
            if !step.ok { Issue.record("\(step.step): \(step.detail)") }
        }
        #expect(code == 0, "\(browser.output.suffix(20).joined(separator: "\n"))")
        print("page: pictures in \(Self.pictures)")
        return steps.filter(\.ok)
    }

    /// A box with an instrument whose limit is violated and six hours of readings from yesterday;
    /// and the code with which the first administrator is made.
    private func pageBox(_ slaves: PymodbusSlaves) async throws -> (Box, code: String) {
        let box = try Box()
        try await Self.fill(box.journal)
        let output = try box.folder.write("?", to: "relay")
        try box.configure(
            """
            buses:
              - {name: net, link: tcp, host: 127.0.0.1, port: \(slaves.port)}
            modules:
              - {name: boiler, bus: net, unit: 1, profile: sequent-megaind, period: 500ms}
            relay: {output: sysfs, path: \(output), minimumDwell: 1s}
            """,
            // The module shows 8 bar.
            instruments: """
                  - tag: PT-101
                    type: pressure
                    measuredVariable: Drum pressure
                    unit: bar
                    lrv: 0
                    urv: 16
                    nominal: 8
                    module: boiler
                    channel: 1
                    processUnit: Boiler
                    calibrationInterval: 365d
                    limits: {highHigh: 7, deadband: 0.1, onDelay: 1s, offDelay: 1s}
                  - tag: TT-102
                    type: temperature
                    unit: °C
                    lrv: 0
                    urv: 100
                    module: boiler
                    channel: 2
                """
        )
        try box.start()
        let mark = "set-up code: "
        var code: Substring?
        try eventually("the set-up code is told") {
            for line in box.daemon?.output ?? [] {
                guard let place = line.range(of: mark) else { continue }
                code = line[place.upperBound...].prefix { $0 != " " }
            }
            return code != nil
        }
        return (box, String(try #require(code)))
    }

    @Test("people work with the page in a real browser: phone, desktop, the register, 32 pages")
    func page() async throws {
        let slaves = try PymodbusSlaves()
        let (box, code) = try await pageBox(slaves)
        let hours = [Self.time(0), Self.time(5)].map { String($0.dropLast()) }
        #expect(try browse(box.pagePort, ["walk", code] + hours).count == 35)
        #expect(try browse(box.pagePort, ["edit"]).count == 6)
        let id = try #require(box.daemon?.id)
        #expect(try browse(box.pagePort, ["crowd", "32", "\(id)"]).count == 2)
        #expect(try box.stop() == 0)
    }
}
