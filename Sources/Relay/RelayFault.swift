import Foundation

/// Why an output cannot be driven. Alarms are still stored and published; somebody must hear of it.
public enum RelayFault: Error, Hashable, Sendable, CustomStringConvertible {
    /// The chip, line or file is not there.
    case missing(String)
    /// Somebody else holds it.
    case busy(String, holder: String)
    /// It is there, and this user may not touch it.
    case forbidden(String)
    /// Opening, writing or reading it failed.
    case failed(String, errno: Int32)
    /// The coil's server does not answer.
    case unreachable(String, errno: Int32)
    /// The coil's server answered with this Modbus exception.
    case refused(String, code: UInt8)
    /// The coil's server answered with something that is no answer.
    case garbled(String)
    /// It was written and reads back as something else.
    case disobeyed(String)
    /// The setting cannot be right.
    case impossible(String)

    /// What is wrong where, and how to mend it.
    public var description: String {
        switch self {
        case .missing(let what): "\(what) is not there"
        case .busy(let what, let holder):
            "\(what) is held by \(holder.isEmpty ? "another process" : "'\(holder)'"): "
                + "stop that, or choose another output"
        case .forbidden(let what):
            "no permission for \(what): give the service's user access (group gpio, a udev rule)"
        case .failed(let what, let code): "\(what) failed: \(words(code))"
        case .unreachable(let what, let code): "\(what) does not answer: \(words(code))"
        case .refused(let what, let code): "\(what) refused with Modbus exception \(code)"
        case .garbled(let what): "\(what) gave an answer that is none"
        case .disobeyed(let what): "\(what) does not show what it was told"
        case .impossible(let what): what
        }
    }

    /// The fault that `errno` means for a file.
    static func file(_ what: String, errno code: Int32) -> RelayFault {
        switch code {
        case ENOENT, ENXIO, ENODEV, ENOTDIR: .missing(what)
        case EACCES, EPERM, EROFS: .forbidden(what)
        case EBUSY, ETXTBSY: .busy(what, holder: "")
        default: .failed(what, errno: code)
        }
    }
}

private func words(_ code: Int32) -> String { "\(String(cString: strerror(code))) (\(code))" }

/// News from an output, told on its own thread.
public struct RelayReport: Hashable, Sendable {
    /// What happened.
    public enum Event: Hashable, Sendable {
        /// It shows something else now: true is energised or lit.
        case shown(Bool)
        /// It cannot be driven; told once until it changes.
        case fault(RelayFault)
        /// It can be driven again.
        case recovered
        /// It was energised, was not told so again in time, and went safe by itself.
        case starved
        /// It is told again.
        case fed
    }
    /// `relay`, `heartbeat`, or the name of a lamp.
    public var output: String
    /// What happened.
    public var event: Event
}

/// How an output stands.
public struct OutputStatus: Hashable, Sendable {
    /// `relay`, `heartbeat`, or the name of a lamp.
    public var output: String
    /// What it hangs on, for people.
    public var place: String
    /// What it shows; nil where nobody can tell, because of `fault`.
    public var shows: Bool?
    /// Why it cannot be driven; nil where it can.
    public var fault: RelayFault?
    /// Changes since it was opened.
    public var changes: UInt64 = 0
    /// How often it went safe because nobody fed it.
    public var starvations: UInt64 = 0
    /// Grows with every round of its thread: at least one a second while that is not stuck.
    public var rounds: UInt64 = 0
}

/// Every bound of the outputs, by name.
enum RelayLimits {
    /// How long to wait before a failed output is tried again.
    static let retry: Int64 = 1_000_000_000
    /// The longest time between two rounds of an output's thread.
    static let round: Int64 = 500_000_000
    /// How long `release` waits for the output to be safe.
    static let release: Int64 = 3_000_000_000
    /// How long a coil's server may take to accept, and to answer.
    static let coil: Int64 = 500_000_000
    /// The longest text read from a file.
    static let fileBytes = 256
}
