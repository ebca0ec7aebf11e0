/// A queue of the gateway that is fuller than it may be.
public struct QueueLevel: Hashable, Sendable {
    /// What waits in it, in the plural.
    public var name: String
    /// How many.
    public var count: Int
    /// How many there may be.
    public var limit: Int
}

extension Gateway {
    /// The first queue beyond its limit: a mistake of ours. Nil: all are within theirs.
    ///
    /// Records are not among them: alerts are never let go, and how many come is bounded where they
    /// are made.
    public var fullQueue: QueueLevel? {
        if readings.count > Limits.unstoredReadings {
            return QueueLevel(
                name: "readings in memory",
                count: readings.count,
                limit: Limits.unstoredReadings
            )
        }
        if answered.count > Limits.rememberedCommands {
            return QueueLevel(
                name: "remembered commands",
                count: answered.count,
                limit: Limits.rememberedCommands
            )
        }
        if shadow.count > Limits.shadowFindings {
            return QueueLevel(
                name: "findings in shadow",
                count: shadow.count,
                limit: Limits.shadowFindings
            )
        }
        for outbox in outboxes {
            if let level = outbox.fullQueue { return level }
        }
        return nil
    }
}

extension Outbox {
    var fullQueue: QueueLevel? {
        let window = settings.inFlight
        if unacknowledged > window {
            return QueueLevel(
                name: "unacknowledged messages",
                count: unacknowledged,
                limit: window
            )
        }
        return readings.fullQueue(window: window) ?? records.fullQueue(window: window)
    }
}

extension DeliveryLane {
    func fullQueue(window: Int) -> QueueLevel? {
        if waiting.count > Limits.fetchRows {
            return QueueLevel(
                name: "rows read ahead",
                count: waiting.count,
                limit: Limits.fetchRows
            )
        }
        // Those in flight when the lane is held may all be refused, too.
        if refusals.count > Limits.refusedRanges + window {
            return QueueLevel(
                name: "refused ranges",
                count: refusals.count,
                limit: Limits.refusedRanges + window
            )
        }
        return nil
    }
}
