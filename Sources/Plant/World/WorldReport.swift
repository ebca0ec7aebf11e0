import GatewayCore
import Signal

/// An invariant that did not hold, when, and how that showed.
public struct Violation: Error, Hashable, Sendable, CustomStringConvertible {
    /// What did not hold.
    public var invariant: Invariant
    /// Seconds of simulated time.
    public var at: Double
    /// What was seen.
    public var text: String

    /// In a line.
    public var description: String { "\(invariant.rawValue) at \(at) s: \(text)" }
}

/// What broke, where it was seen; the world adds when.
struct WorldFinding: Error {
    var invariant: Invariant
    var text: String

    init(_ invariant: Invariant, _ text: String) {
        self.invariant = invariant
        self.text = text
    }
}

/// What came of one world.
public struct WorldReport: Hashable, Sendable {
    /// What it was made from.
    public var seed: UInt64
    /// Simulated hours.
    public var hours: Double
    /// Events handled by the gateway.
    public var events: UInt64 = 0
    /// Readings that were stored.
    public var stored: UInt64 = 0
    /// Readings that arrived, repeats included.
    public var arrived: UInt64 = 0
    /// Alerts that were raised.
    public var alerts: UInt64 = 0
    /// Runs of the gateway.
    public var runs = 1
    /// How often each fault was let in.
    public var faults: [String: Int] = [:]
    /// A hash of what was stored, shown and sent, in order: the same seed gives the same.
    public var trace: UInt64 = 0xCBF2_9CE4_8422_2325
    /// What did not hold; nil: all did.
    public var violation: Violation?
    /// The last lines of the story before a violation.
    public var last: [String] = []

    /// The report as lines for people.
    public var lines: [String] {
        var lines = [
            "seed \(seed): \(hours) h, \(runs) runs, \(events) events, \(stored) readings stored, "
                + "\(arrived) arrived, \(alerts) alerts",
            "faults: "
                + faults.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
                .joined(separator: ", "),
        ]
        if let violation {
            lines.append("VIOLATED \(violation)")
        } else {
            lines.append("all invariants held, trace \(trace.hex)")
        }
        return lines
    }
}

/// What happens in a world, line by line: what the world does and what the gateway says about it.
struct WorldStory {
    /// Given every line as it happens; nil: nobody listens.
    let listener: ((String) -> Void)?
    /// The last lines, oldest first.
    private(set) var last: [String] = []

    private static let remembered = 40

    init(listener: ((String) -> Void)?) { self.listener = listener }

    mutating func tell(_ who: Speaker, _ text: String, at now: MonotonicTime) {
        let line = "\(Self.clock(now))  \(who.rawValue)  \(text)"
        listener?(line)
        last.append(line)
        if last.count > Self.remembered { last.removeFirst() }
    }

    enum Speaker: String {
        case world = "world  "
        case gateway = "gateway"
    }

    /// `hh:mm:ss.mmm` of simulated time.
    private static func clock(_ now: MonotonicTime) -> String {
        func digits(_ number: Int64, _ width: Int) -> String {
            let text = "\(number)"
            return String(repeating: "0", count: max(0, width - text.count)) + text
        }
        let milliseconds = now.nanoseconds / 1_000_000
        let seconds = milliseconds / 1000
        return digits(seconds / 3600, 2) + ":" + digits(seconds / 60 % 60, 2) + ":"
            + digits(seconds % 60, 2) + "." + digits(milliseconds % 1000, 3)
    }
}
