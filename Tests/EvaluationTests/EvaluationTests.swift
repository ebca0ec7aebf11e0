import Foundation
import TestSupport
import Testing

@testable import Evaluation

@Suite struct EvaluationTests {
    @Test(
        "drift of 0.01 deviations a second is found in time, and noise alone is no drift",
        arguments: [(0, 120), (0.5, 180), (0.9, 300)]
    )
    func drift(correlation: Double, most: Int) throws {
        let result = try DriftMonteCarlo(correlation: correlation, runs: 9, daysEach: 1)
        #expect(result.delays.count == 9)
        #expect(result.medianDelay <= most)
        #expect(result.driftOnsets <= 1)
    }

    @Test("much correlated noise raises no drift in days of it")
    func slowNoise() throws {
        #expect(try DriftMonteCarlo(correlation: 0.99, runs: 5, daysEach: 2).driftOnsets <= 1)
    }

    @Test("a folder without a data set is told, not judged")
    func nothing() throws {
        let folder = try TemporaryFolder()
        #expect(throws: EvaluationFault.self) {
            try evaluate(data: folder.path, out: nil) { _ in }
        }
    }

    @Test("findings are written as the scorer reads them, the shipped detectors' alone")
    func findings() throws {
        let data = projectFolder + "/../shared/data"
        // The data sets are not part of the project: on a machine without them nothing is judged.
        guard FileManager.default.fileExists(atPath: data + "/synthetic") else { return }
        let folder = try TemporaryFolder()
        try FileManager.default.createSymbolicLink(
            atPath: folder.file("synthetic"),
            withDestinationPath: URL(fileURLWithPath: data + "/synthetic").path
        )
        var report: [String] = []
        let out = folder.file("findings.csv")
        try evaluate(data: folder.path, out: out) { report.append($0) }
        let lines = try String(contentsOfFile: out, encoding: .utf8).split(separator: "\n")
        #expect(lines.first == "file,channel,row,detector,flag")
        #expect(lines.count > 100)
        #expect(
            lines.dropFirst().allSatisfy { line in
                let fields = line.split(separator: ",", omittingEmptySubsequences: false)
                return fields.count == 5 && Int(fields[2]) != nil && fields[4] == "1"
            }
        )
        let shipped = report.filter { $0.contains("shipped  series_phi") }
        #expect(shipped.count == 3)
        #expect(shipped.allSatisfy { $0.contains("false alarms/day 0.0 ") })
        #expect(shipped.filter { $0.contains("found 12/12") }.count >= 2)
    }
}
