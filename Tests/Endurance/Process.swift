import Foundation

/// What this or another process holds of the machine.
public struct Holdings: Sendable {
    /// Bytes in memory: everything, and what is its own.
    public var resident, anonymous: Int
    public var descriptors, threads: Int

    /// Of the process with this id; nil: it is gone.
    public init?(of process: Int32 = getpid()) {
        let folder = "/proc/\(process)"
        guard let status = try? String(contentsOfFile: "\(folder)/status", encoding: .utf8),
            let open = try? FileManager.default.contentsOfDirectory(atPath: "\(folder)/fd")
        else { return nil }
        func number(_ key: String) -> Int {
            for line in status.split(separator: "\n") where line.hasPrefix(key + ":") {
                return line.split(whereSeparator: { !$0.isNumber }).first.flatMap { Int($0) } ?? 0
            }
            return 0
        }
        resident = number("VmRSS") * 1024
        anonymous = number("RssAnon") * 1024
        threads = number("Threads")
        descriptors = open.count
    }
}
