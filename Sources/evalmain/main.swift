import Evaluation
import Foundation
let arguments = CommandLine.arguments
if arguments[1] == "bench" {
    print(try DetectionBenchmark.run())
} else if arguments[1] == "mc" {
    mc(reps: Int(arguments[2])!, days: Int(arguments[3])!)
} else {
    try evaluate(data: arguments[1], out: arguments.count > 2 ? arguments[2] : nil, scores: arguments.count > 3 ? arguments[3] : nil) { print($0) }
}
