import Alerts
import Signal

/// What happens to the gateway. Every event comes with the time it is handled at.
public enum Event: Sendable {
    /// A deadline passed that `Gateway.nextDeadline` named.
    case timer
    case reply(BusID, BusReply)
    case committed(CommitOutcome)
    case fetched(
        ConnectionID,
        StoreStream,
        asked: ClosedRange<UInt64>,
        Result<Fetched, StoreFault>
    )
    case broker(ConnectionID, BrokerEvent)
    /// The wall clock became trusted, or stopped being so: the stamp of now, on the new clock.
    case clock(Stamp)
    /// A command that came over this connection.
    case command(ConnectionID, Result<GatewayCommand, CommandRefusal>)
    /// News of one of the gateway's parts that only the daemon sees: its relay, its configuration.
    case part(String, detail: String, ConditionChange.Phase, AlertGrade, String)
    /// How far a job is, 0 to 1.
    case progressed(UInt64, Double)
    /// What came of a job.
    case worked(UInt64, Result<JobResult, JobFailure>)
    /// The daemon is about to end: commit what there is.
    case stop
}

/// What the gateway wants done. Effects of one event are carried out in their order.
public enum Effect: Sendable {
    case read(BusID, BusRequest)
    case relay(RelayDemand)
    /// A lamp of the box, told again twice a second.
    case indicate(RelaySettings.Indication, isLit: Bool)
    case commit(Commit)
    case fetch(ConnectionID, StoreStream, epoch: UInt64, range: ClosedRange<UInt64>)
    case publish(ConnectionID, [OutgoingMessage])
    /// Work for another thread, which answers with `Event.worked`.
    case work(Job)
    /// A job has ended: whoever waits for it on this box can be told.
    case answer(job: UInt64, refusal: String?, text: String)
    /// One line for the daemon's log.
    case log(Notice)
    /// The process must end: its store can no longer be trusted. Restart re-reads from disk.
    case halt(String)
    /// The clock was found off by `offset` for everything stamped in this epoch so far.
    case correctClock(epoch: UInt64, offset: Nanoseconds)
    /// Everything is committed; the daemon may end.
    case stopped
}

/// A line for the log, in words.
public struct Notice: Hashable, Sendable {
    public enum Level: Hashable, Sendable { case info, warning, error }
    public var level: Level
    public var text: String

    public init(_ level: Level, _ text: String) {
        self.level = level
        self.text = text
    }
}
