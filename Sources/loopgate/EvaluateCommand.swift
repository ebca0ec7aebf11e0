import ArgumentParser
import Evaluation

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

    func run() async throws {
        try evaluate(data: data, out: out) { print($0) }
    }
}
