import Endurance
import Foundation
import GatewayCore
import Signal
import TestSupport
import Testing

/// Hours of plant against the real journal, in little; `make torture` runs days of it.
@Suite struct EnduranceTests {
    /// Whether each reading so far arrived or was told as given up.
    private func accounted(_ box: VirtualBox) -> Bool {
        (1...max(1, box.produced)).allSatisfy {
            box.received.contains($0) || box.givenUp.contains($0)
        }
    }

    @Test("an outage of hours loses nothing and drains while live readings go on")
    func outage() throws {
        let folder = try TemporaryFolder()
        let box = try VirtualBox(.init(), journal: folder.file("journal.db"))
        box.brokerUp()
        box.run(for: .seconds(120))
        box.brokerDown()
        box.run(for: .seconds(600 * Double(dose("OUTAGE", ordinarily: 1))))
        #expect(box.backlog > 38_000)
        let before = box.lastReceived
        box.brokerUp()
        box.worstLag = .zero
        box.run(for: .seconds(3600)) { $0.backlog < 64 }
        box.run(for: .seconds(10))
        #expect(box.halted == nil)
        #expect(box.lastReceived > before)
        #expect(box.worstLag < .seconds(5))
        #expect(box.givenUp == SequenceSet())
        #expect(accounted(box))
        #expect(box.mostInFlight <= 200)
        try box.close()
    }

    @Test("an outage beyond the quota keeps to it, and tells exactly what had to go")
    func quota() throws {
        let folder = try TemporaryFolder()
        var size = VirtualBox.Size()
        size.quotaBytes = 400_000
        let box = try VirtualBox(size, journal: folder.file("journal.db"))
        box.brokerUp()
        box.run(for: .seconds(30))
        box.brokerDown()
        var most: Int64 = 0
        for _ in 0..<40 {
            box.run(for: .seconds(60))
            let status = try #require(box.status)
            most = max(most, status.databaseBytes + status.logBytes)
        }
        box.brokerUp()
        box.run(for: .seconds(3600)) { $0.backlog < 64 }
        box.run(for: .seconds(10))
        #expect(box.givenUp != SequenceSet())
        #expect(accounted(box))
        // One commit and its log beyond it at most.
        #expect(most <= size.quotaBytes + 200_000, "\(most) bytes")
        try box.close()
    }
}
