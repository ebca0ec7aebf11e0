import Logging
import Runtime

/// How much is logged: changed while the daemon runs, for all of its loggers at once.
enum LogLevel {
    private static let level = Locked<Logger.Level>(.info)

    static var present: Logger.Level { level.withLock { $0 } }

    /// Takes another level; one that nobody knows counts as `info`.
    static func set(_ name: String) {
        let wanted = Logger.Level(rawValue: name) ?? .info
        level.withLock { $0 = wanted }
    }

    /// A logger that follows the level.
    static func logger(_ label: String) -> Logger { Logger(label: label) { Follower($0) } }

    /// Writes what its own level and the present one let through.
    private struct Follower: LogHandler {
        private var handler: StreamLogHandler
        private var own: Logger.Level?

        init(_ label: String) { handler = StreamLogHandler.standardError(label: label) }

        var logLevel: Logger.Level {
            get { own ?? LogLevel.present }
            set { own = newValue }
        }
        var metadata: Logger.Metadata {
            get { handler.metadata }
            set { handler.metadata = newValue }
        }
        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { handler[metadataKey: key] }
            set { handler[metadataKey: key] = newValue }
        }

        func log(event: LogEvent) { handler.log(event: event) }
    }
}
