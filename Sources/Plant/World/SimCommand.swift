import ArgumentParser
import Foundation

/// `loopgate sim`: the gateway in a simulated world that fails by chance.
public struct SimCommand: ParsableCommand {
    public static let configuration = CommandConfiguration(
        commandName: "sim",
        abstract: "Run the gateway in a simulated world of faults and check what must hold.",
        discussion: """
            Two buses of eight channels at 1 Hz, a journal, a broker and a wall clock fail by chance; \
            what happens follows from the seed alone, and is told line by line. Exit code 1 where an \
            invariant did not hold: it is named, with the command that runs the same world again. \
            --sabotage plants a known bug, which must be found.
            """
    )
    @Option(help: "What the world is made from; without it, one by chance.")
    var seed: UInt64?

    @Option(help: "Simulated hours of each world.")
    var hours = 4.0

    @Option(help: "So many worlds, with seeds from this one on.")
    var worlds = 1

    @Option(help: "No new world is begun after so many seconds.")
    var within: Int?

    @Option(help: "Plant a bug; --sabotages lists them.")
    var sabotage: Sabotage?

    @Flag(help: "Only list the bugs that can be planted, and the invariant that each breaks.")
    var sabotages = false

    @Flag(help: "Only the result of each world, not its story.")
    var quiet = false

    public init() {}

    public func validate() throws {
        guard hours > 0, hours <= 10_000, worlds > 0 else {
            throw ValidationError("--hours must be above 0 and at most 10000, --worlds above 0")
        }
    }

    public func run() throws {
        if sabotages {
            for one in Sabotage.allCases {
                print("\(one.rawValue) \(one.breaks.rawValue): \(one.summary)")
            }
            return
        }
        let first = seed ?? UInt64.random(in: 0..<1 << 32)
        let begin = Date()
        var done = 0
        var readings: UInt64 = 0
        for world in 0..<UInt64(worlds) {
            if let within, world > 0, Date().timeIntervalSince(begin) > Double(within) { break }
            let report = World.run(
                seed: first &+ world,
                hours: hours,
                sabotage: sabotage,
                listener: quiet ? nil : { print($0) }
            )
            try show(report)
            done += 1
            readings += report.stored
        }
        let took = Date().timeIntervalSince(begin)
        let simulated = Double(done) * hours
        print(
            "\(simulated) gateway-hours in \(Int(took)) s, \(readings) readings stored: all "
                + "invariants held"
        )
    }

    private func show(_ report: WorldReport) throws {
        guard let violation = report.violation else {
            if !quiet { for line in report.lines { print(line) } }
            return
        }
        if quiet { for line in report.last { print(line) } }
        for line in report.lines { print(line) }
        let planted = sabotage.map { " --sabotage \($0.rawValue)" } ?? ""
        print("replay: loopgate sim --seed \(report.seed) --hours \(hours)\(planted)")
        print("violated: \(violation.invariant.rawValue)")
        throw ExitCode(1)
    }
}

extension Sabotage: ExpressibleByArgument {}
