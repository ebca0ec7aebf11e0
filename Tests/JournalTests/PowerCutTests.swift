import CFaultVFS
import Foundation
import GatewayCore
import Signal
import TestSupport
import Testing

@testable import Journal

@Suite(.serialized) struct PowerCutTests {
    /// What had been stored when a commit returned.
    private struct Mark {
        var readings = 0
        var records = 0
    }

    @Test(
        "200 power cuts at any write: what a commit returned for is there, and it opens by itself"
    )
    func cuts() async throws {
        let wanted = dose("CUTS", ordinarily: 200)
        var done = 0
        var seed: UInt64 = 0
        var whole = 0
        while done < wanted {
            seed += 1
            let disk = try FaultDisk()
            // From the making of the file on; a stride without a common factor meets every step.
            let most = min(40, wanted - done)
            disk.cut(first: 3 + Int64(seed), stride: 37, most: most, seed: seed)
            let (store, _) = try await JournalStore.open(
                JournalSettings(path: disk.folder.file("journal.db")),
                connections: ["cmms"],
                tuning: CommitLoad.busy
            )
            var load = CommitLoad(seed: seed)
            var marks = [Mark()]
            while disk.cutCount < most, marks.count < 400 {
                let outcome = await load.commit(to: store)
                #expect(outcome.fault == nil)
                marks.append(Mark(readings: load.stored.readings, records: load.stored.records))
                faultvfs_note(Int64(marks.count - 1))
            }
            let made = disk.cutCount
            try #require(made > 0)
            await store.close()
            for number in 0..<made {
                let mark = marks[Int(faultvfs_noted(Int32(number)))]
                let (again, opening) = try await JournalStore.open(
                    disk.journal(afterCut: number),
                    connections: ["cmms"],
                    tuning: CommitLoad.busy
                )
                let what: Comment = "seed \(seed), cut \(number): \(opening.damage ?? "sound")"
                if mark.readings > 0 { #expect(opening.damage == nil, what) }
                try await load.expect(
                    in: again,
                    readings: mark.readings,
                    records: mark.records,
                    what
                )
                // And it goes on.
                var next = CommitLoad(seed: seed, epoch: 2)
                #expect(await next.commit(to: again).fault == nil, what)
                await again.close()
                if mark.readings > 0 { whole += 1 }
            }
            done += made
        }
        #expect(whole > wanted / 2)
    }

    @Test("a cut that may lose what was synced is noticed: the check can fail")
    func planted() async throws {
        let disk = try FaultDisk()
        let (store, _) = try await JournalStore.open(
            JournalSettings(path: disk.folder.file("journal.db")),
            connections: ["cmms"],
            tuning: CommitLoad.busy
        )
        var load = CommitLoad(seed: 1)
        for _ in 0..<3 { _ = await load.commit(to: store) }
        disk.cut(seed: 1)
        for _ in 0..<3 { _ = await load.commit(to: store) }
        await store.close()
        let (again, _) = try await JournalStore.open(
            disk.journal(afterCut: 0),
            connections: ["cmms"],
            tuning: CommitLoad.busy
        )
        // The three commits before the cut are there, those after it are not.
        let found = try await again.all(1...UInt64(load.readings.count))
        #expect(found.count == load.readings.count / 2)
        await again.close()
    }
}
