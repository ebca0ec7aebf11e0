import Signal

/// Where and how long readings are kept.
public struct JournalSettings: Hashable, Sendable {
    /// The database file.
    public var path: String
    /// 1 to 30 s.
    public var commitInterval: Nanoseconds
    /// The most bytes the journal may take, database and log together.
    public var quotaBytes: Int64
    /// Retention in days; nil: for ever.
    public var rawDays: Int?
    public var minuteDays: Int?
    public var hourDays: Int?
    public var dayDays: Int?

    public init(
        path: String = "/var/lib/loopgate/journal.db",
        commitInterval: Nanoseconds = .seconds(2),
        quotaBytes: Int64 = 4 << 30,
        rawDays: Int? = 7,
        minuteDays: Int? = 90,
        hourDays: Int? = 730,
        dayDays: Int? = nil
    ) {
        self.path = path
        self.commitInterval = commitInterval
        self.quotaBytes = quotaBytes
        self.rawDays = rawDays
        self.minuteDays = minuteDays
        self.hourDays = hourDays
        self.dayDays = dayDays
    }
}
