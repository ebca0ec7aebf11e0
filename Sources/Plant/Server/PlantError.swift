/// Why a part of the plant could not be set up.
public enum PlantError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The port is taken, or not ours to take.
    case cannotListen(port: UInt16, reason: String)
    /// No pseudo-terminal is to be had.
    case noTerminal(reason: String)
    /// Something that is no link stands where the link to the terminal should go.
    case cannotLink(path: String, reason: String)
    /// A file cannot be written.
    case cannotWrite(path: String, reason: String)
    /// The server has been stopped.
    case stopped

    /// What is wrong and what to do about it.
    public var description: String {
        switch self {
        case .cannotListen(let port, let reason):
            "127.0.0.1:\(port): \(reason); choose another port, or 0 for any"
        case .noTerminal(let reason):
            "no pseudo-terminal: \(reason); is /dev/pts mounted?"
        case .cannotLink(let path, let reason):
            "\(path): \(reason); choose a path in a folder you can write to"
        case .cannotWrite(let path, let reason):
            "\(path): \(reason); choose a folder you can write to"
        case .stopped: "the plant server has been stopped; make a new one"
        }
    }
}
