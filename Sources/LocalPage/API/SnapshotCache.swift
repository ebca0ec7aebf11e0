import GatewayCore
import Runtime

/// The gateway's state, asked for at most once a second however many look.
actor SnapshotCache {
    private let desk: any PageSource
    private var kept: (snapshot: GatewaySnapshot, at: Int64)?
    private var underWay: (number: Int, task: Task<GatewaySnapshot?, Never>)?
    private var asked = 0

    /// How old a snapshot may be, in nanoseconds.
    private static let freshness: Int64 = 1_000_000_000

    init(_ desk: any PageSource) { self.desk = desk }

    /// The state, at most a second old.
    ///
    /// - Throws: 503 where the gateway's thread does not answer.
    func latest() async throws(Problem) -> GatewaySnapshot {
        if let kept, monotonicNow() - kept.at < Self.freshness { return kept.snapshot }
        let asking: (number: Int, task: Task<GatewaySnapshot?, Never>)
        if let underWay {
            asking = underWay
        } else {
            asked += 1
            asking = (asked, Task { [desk] in await desk.snapshot() })
            underWay = asking
        }
        let snapshot = await asking.task.value
        if underWay?.number == asking.number {
            underWay = nil
            kept = snapshot.map { ($0, monotonicNow()) }
        }
        guard let snapshot else { throw .stalled }
        return snapshot
    }

    /// Something was changed: whoever looks next sees it.
    func forget() {
        kept = nil
        underWay = nil
    }
}
