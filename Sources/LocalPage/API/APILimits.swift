import GatewayCore

extension Limits {
    /// Parameters of a query, and bytes of one of them.
    static let queryParameters = 32
    static let queryBytes = 512
    /// How far back a trend or a page of readings may reach.
    static let spanHours = 0.01...87_600.0
    /// Points of a trend.
    static let trendPoints = 2...4_000
    /// Rows of one page of readings, alerts or audit entries.
    static let pageRows = 1...1_000
    /// Steps of an instrument's alerts that are looked at for the marks of a trend.
    static let trendAlertSteps = 4_000
    /// Steps that are told of one alert.
    static let alertSteps = 1_000
    /// Readers of the journal, each on a thread of its own.
    public static let journalReaders = 2
    /// Reads of the journal that may wait for a reader.
    public static let waitingReads = 64
    /// Rows of one piece of an export: what is in memory of it at a time.
    static let exportRows = 2_000
    /// Exports kept on disk, bytes of one, and how much of the disk must stay free.
    public static let keptExports = 4
    public static let exportBytes: Int64 = 128 << 20
    public static let freeBytes: Int64 = 256 << 20
    /// Tags that one export may name.
    static let exportTags = 256
    /// Events that wait for one reader of the event stream, before it is let go.
    static let waitingEvents = 16
    /// Faults that the simulator may be told of at a time.
    static let simulatorFaults = 64
    /// Characters of a note.
    static let noteCharacters = 1_000
}
