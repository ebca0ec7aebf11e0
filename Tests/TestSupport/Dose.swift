import Foundation

/// How much of a fault a test gives: little in an ordinary run, all of it in `make torture`, which
/// sets `LOOPGATE_<name>`.
public func dose(_ name: String, ordinarily usual: Int) -> Int {
    ProcessInfo.processInfo.environment["LOOPGATE_\(name)"].flatMap { Int($0) } ?? usual
}
