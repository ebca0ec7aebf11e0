import ArgumentParser
import Evaluation
import Foundation

/// `loopgate evaluate`: the shipped detectors over labelled data sets.
struct EvaluateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "evaluate",
        abstract: "Run the shipped detectors over labelled data sets and score them."
    )

    @Option(help: "Folder of the data sets.")
    var data = "../shared/data"

    @Option(help: "Where the findings go, as CSV.")
    var out: String?

    @Option(help: "Instead: so many simulated runs of drift at each of five correlations.")
    var drift: Int?

    @Option(help: "Clean days in each of those runs.")
    var days = 10

    @Flag(help: "Instead: what the detectors cost on this machine.")
    var cost = false

    @Flag(help: "Instead: how long trends take in a week of 64 instruments, which is made for it.")
    var trends = false

    func validate() throws {
        guard (drift ?? 1) > 0, days > 0 else {
            throw ValidationError("--drift and --days must be above 0")
        }
    }

    func run() async throws {
        if cost { return try sayCost() }
        if trends { return try await sayTrends() }
        if let drift { return try sayDrift(drift) }
        try evaluate(data: data, out: out) { print($0) }
    }

    private func sayCost() throws {
        let cost = try DetectionBenchmark.run()
        func line(_ name: String, _ value: Double, _ unit: String) {
            print("\(name): \((value * 100).rounded() / 100) \(unit)")
        }
        line("all detectors of one instrument", cost.nanosecondsPerReading, "ns per reading")
        line("isolation forest of 150 trees", cost.microsecondsPerWindow, "µs per window")
        line("training a forest on 1,000 windows", cost.millisecondsPerTraining, "ms")
        line("learning from a baseline of 4 h 20 min", cost.millisecondsPerBaseline, "ms")
        line("model of one instrument", Double(cost.modelBytes) / 1_024, "KiB")
        line("detector state of one instrument", Double(cost.stateBytes) / 1_024, "KiB")
    }

    private func sayTrends() async throws {
        for cost in try await TrendBenchmark.run() {
            func round(_ milliseconds: Double) -> Double { (milliseconds * 10).rounded() / 10 }
            print(
                "trend of \(cost.hours) h: \(cost.points) points, median \(round(cost.median)) ms, "
                    + "worst \(round(cost.worst)) ms"
            )
        }
    }

    private func sayDrift(_ runs: Int) throws {
        for correlation in [0, 0.5, 0.9, 0.95, 0.99] {
            let result = try DriftMonteCarlo(correlation: correlation, runs: runs, daysEach: days)
            let perDay = (result.falsePerDay * 10_000).rounded() / 10_000
            print(
                "φ \(correlation): \(result.driftOnsets) false drift alarms in \(result.days) days "
                    + "(\(perDay) a day), \(result.otherOnsets) of other detectors; "
                    + "0.01 σ/s found after a median of \(result.medianDelay) s "
                    + "(\(result.delays.first ?? 0)–\(result.delays.last ?? 0) s)"
            )
        }
    }
}
