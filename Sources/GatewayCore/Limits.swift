/// Every bound of the gateway, by name. At a limit the oldest readings go first, alerts never.
public enum Limits {
    /// Delivered ranges kept above a connection's floor.
    public static let deliveredRanges = 64
    /// Readings held in memory while the store cannot take them.
    public static let unstoredReadings = 100_000
    /// Rows asked of the journal at a time.
    public static let fetchRows = 500
    /// Bytes of all files of the page together, without Chart.js.
    public static let pageBytes = 500_000
    /// Bytes of Chart.js.
    public static let chartBytes = 2_000_000
    /// Instruments of the register, retired ones included.
    public static let instruments = 10_000
    /// Bytes of a command's payload.
    public static let commandBytes = 64 * 1024
    /// Ids of commands remembered, so that a repeated one is not carried out twice.
    public static let rememberedCommands = 256
    /// Jobs (training, models, calibrations) under way at a time.
    public static let jobs = 16
    /// Jobs remembered after their end.
    public static let rememberedJobs = 64
    /// Findings of detectors in shadow that are remembered.
    public static let shadowFindings = 64
    /// Most commits a second, alerts included.
    public static let commitsPerSecond = 10
    /// Ranges a broker refused that may wait for another try before the lane is held.
    public static let refusedRanges = 64
    /// Newest readings and records kept in memory for the live lane, stored or not.
    public static let recentReadings = 8192
    public static let recentRecords = 1024
    /// Readings in one message of the batch form.
    public static let batchReadings = 1000
    /// Most consecutive refusals of one message before it is quarantined.
    public static let refusals = 3
    /// Bytes kept of what a unit last sent: the longest Modbus frame, over TCP.
    public static let frameBytes = 260
}
