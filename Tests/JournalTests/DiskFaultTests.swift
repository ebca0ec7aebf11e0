import CFaultVFS
import Foundation
import GatewayCore
import Signal
import TestSupport
import Testing

@testable import Journal

@Suite(.serialized) struct DiskFaultTests {
    /// Every nth operation, up to this one, is made to fail; all of them in `make torture`.
    static let last = 200
    static let step = dose("FAULT_STEP", ordinarily: 3)

    func open(_ path: String) async throws -> JournalStore {
        try await JournalStore.open(
            JournalSettings(path: path),
            connections: ["cmms"],
            tuning: CommitLoad.busy
        ).store
    }

    @Test("the nth write or sync fails: nothing is called stored that a power cut then takes away")
    func medium() async throws {
        for number in stride(from: 1, through: Self.last, by: Self.step) {
            let disk = try FaultDisk()
            let path = disk.folder.file("journal.db")
            let store = try await open(path)
            let failed = disk.operations + Int64(number)
            disk.fail(failed...failed, .init(FAULTVFS_MEDIUM.rawValue))
            var load = CommitLoad(seed: UInt64(number))
            var fault: StoreFault?
            while fault == nil, disk.operations < failed + 60, load.commits < 300 {
                fault = await load.commit(to: store).fault
            }
            guard case .medium = fault else {
                Issue.record("operation \(number): \(String(describing: fault))")
                continue
            }
            // Whatever is asked of it afterwards: this process stores nothing more.
            let stored = load.stored
            #expect(await load.commit(to: store).fault == fault)
            disk.cut(seed: UInt64(number))
            await store.close()
            let again = try await open(disk.journal(afterCut: 0).path)
            try await load.expect(
                in: again,
                readings: stored.readings,
                records: stored.records,
                "operation \(number) failed, then the power was cut"
            )
            await again.close()
        }
    }

    @Test(
        "writes from the nth on fail for want of space: all is stored once there is space again",
        arguments: [1, 30]
    )
    func full(length: Int64) async throws {
        for number in stride(from: 1, through: Self.last, by: Self.step) {
            let disk = try FaultDisk()
            let store = try await open(disk.folder.file("journal.db"))
            let first = disk.operations + Int64(number)
            disk.fail(first...(first + length - 1), .init(FAULTVFS_FULL.rawValue))
            // What was delivered may go to make room; nothing was.
            var load = CommitLoad(seed: UInt64(number), delivers: false)
            while disk.operations < first + length + 20, load.commits < 300 {
                let fault = await load.commit(to: store).fault
                #expect(fault == nil || fault == .full, "operation \(number)")
            }
            #expect(await load.commit(to: store).fault == nil, "operation \(number)")
            #expect(load.stored.readings == load.readings.count)
            try await load.expect(
                in: store,
                readings: load.readings.count,
                records: load.records.count,
                "operation \(number) found no space"
            )
            await store.close()
        }
    }

    @Test("a medium that turns read-only ends the writing, and loses nothing that was stored")
    func readOnly() async throws {
        for number in stride(from: 1, through: Self.last, by: Self.step * 5) {
            let disk = try FaultDisk()
            let path = disk.folder.file("journal.db")
            let store = try await open(path)
            let first = disk.operations + Int64(number)
            disk.fail(first...Int64.max, .init(FAULTVFS_READONLY.rawValue))
            var load = CommitLoad(seed: UInt64(number))
            var fault: StoreFault?
            for _ in 0..<200 where fault == nil { fault = await load.commit(to: store).fault }
            guard case .medium = fault else {
                Issue.record("operation \(number): \(String(describing: fault))")
                continue
            }
            let stored = load.stored
            await store.close()
            disk.fail(1...1, .init(FAULTVFS_MEDIUM.rawValue))
            let again = try await open(path)
            try await load.expect(
                in: again,
                readings: stored.readings,
                records: stored.records,
                "read-only from operation \(number) on"
            )
            await again.close()
        }
    }

    @Test("a start whose nth write or sync fails says so, and the next start is a right one")
    func start() async throws {
        let measured = try FaultDisk()
        let whole = try await open(measured.folder.file("journal.db"))
        let count = Int(measured.operations)
        await whole.close()
        for number in stride(from: 1, through: count, by: Self.step) {
            let disk = try FaultDisk()
            let path = disk.folder.file("journal.db")
            disk.fail(Int64(number)...Int64(number), .init(FAULTVFS_MEDIUM.rawValue))
            do {
                let store = try await open(path)
                await store.close()
                // It was a checkpoint's: what it would have moved is still in the log.
            } catch is StoreFault {}
            disk.cut(seed: UInt64(number))
            for settings in [JournalSettings(path: path), disk.journal(afterCut: 0)] {
                let again = try await open(settings.path)
                var load = CommitLoad(seed: 1)
                #expect(await load.commit(to: again).fault == nil, "operation \(number)")
                await again.close()
            }
        }
    }
}
