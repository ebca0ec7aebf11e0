import Alerts
import Foundation
import GatewayCore
import Journal
import Runtime
import Signal
import TestSupport
import Testing

@testable import LocalPage

@Suite("Bounds of the API, each reached")
struct APILimitTests {
    @Test(
        "A query beyond a bound is refused with the field",
        arguments: [
            ("readings/trends?tag_number=PT-101&hours=87601", "hours"),
            ("readings/trends?tag_number=PT-101&points=4001", "points"),
            ("readings?tag_number=PT-101&limit=1001", "limit"),
            ("alerts?tag_number=" + String(repeating: "x", count: 513), "tag_number"),
            ("alerts?" + (1...33).map { "p\($0)=1" }.joined(separator: "&"), ""),
        ]
    )
    func query(path: String, field: String) async throws {
        let box = try await APIBox()
        let answer = try await box.ask("GET", "/api/\(path)")
        #expect(answer.status == 422)
        #expect(answer.fields.contains(field), "\(answer.text)")
    }

    @Test(
        "A body beyond a bound is refused with the field",
        arguments: [
            (
                "alerts/0000000000000005-1/acknowledge",
                #"{"note":"\#(String(repeating: "n", count: 1_001))"}"#, "note"
            ),
            (
                "exports",
                #"{"tag_numbers":["\#((0..<257).map { "T\($0)" }.joined(separator: #"",""#))"],"from":"2026-01-01T00:00:00Z","to":"2026-01-02T00:00:00Z"}"#,
                "tag_numbers"
            ),
        ]
    )
    func body(path: String, json: String, field: String) async throws {
        let box = try await APIBox()
        let answer = try await box.ask("POST", "/api/\(path)", json: json)
        #expect(answer.status == 422)
        #expect(answer.fields == [field], "\(answer.text)")
        #expect(box.state.withLock { $0.commands.isEmpty })
    }

    @Test("A refusal names the first of many wrong fields")
    func namedFields() async throws {
        let box = try await APIBox()
        let json = "{" + (1...40).map { #""wrong\#($0)":1"# }.joined(separator: ",") + "}"
        let answer = try await box.ask(
            "POST",
            "/api/alerts/0000000000000005-1/acknowledge",
            json: json
        )
        #expect(answer.status == 422)
        #expect(answer.fields.count == Limits.namedFields)
    }

    @Test("Of an alert with very many steps the newest are told; its trend is drawn all the same")
    func steps() async throws {
        let id = AlertID(epoch: 5, number: 1)
        let count = Limits.trendAlertSteps + 10
        let box = try await APIBox { journal in
            let first = Int64(1 - count)
            var steps: [SequencedRecord] = []
            for second in first...0 {
                let sequence = UInt64(steps.count + 1)
                let isActive = sequence % 2 == 1
                steps.append(
                    APIBox.step(sequence, of: id, raised: first, at: second, isActive: isActive)
                )
            }
            try await APIBox.commit(Commit(id: 1, epoch: 5, records: steps), to: journal)
        }
        let story = try await box.ask("GET", "/api/alerts/\(id)")
        #expect((story.json["transitions"] as? [Any])?.count == Limits.alertSteps)
        let trend = try await box.ask("GET", "/api/readings/trends?tag_number=PT-101&hours=24")
        #expect(trend.status == 200)
        #expect((trend.json["alerts"] as? [Any])?.count == 1)
    }

    @Test("Reads of the journal that wait are so many, then the next is refused")
    func waitingReads() async throws {
        let box = try await APIBox()
        let pool = JournalPool(path: box.folder.file("journal.db"))
        let gate = DispatchSemaphore(value: 0)
        let refusals = await withTaskGroup(of: Problem?.self) { group in
            for _ in 0...Limits.waitingReads {
                group.addTask {
                    do throws(Problem) { try await pool.aside { gate.wait() } } catch {
                        return error
                    }
                    return nil
                }
            }
            // All others wait: the first that ends is the one for which there is no room.
            var refusals = [await group.next() ?? nil]
            for _ in 0..<Limits.waitingReads { gate.signal() }
            for await refusal in group { refusals.append(refusal) }
            return refusals
        }
        #expect(refusals.first??.status == .serviceUnavailable)
        #expect(refusals.count { $0 != nil } == 1)
        try await pool.aside {}
    }

    /// An order for everything, and a pool of readers that are held up until the semaphore says so.
    private func held(_ box: APIBox) async throws -> (ExportOrder, JournalPool, DispatchSemaphore) {
        let pool = JournalPool(path: box.folder.file("journal.db"))
        let (gate, begun) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
        for _ in 0..<Limits.journalReaders {
            Task {
                try await pool.aside {
                    begun.signal()
                    gate.wait()
                }
            }
        }
        try await onThread { for _ in 0..<Limits.journalReaders { begun.wait() } }
        let order = ExportOrder(
            instruments: try await APIParts(desk: box.desk).instruments(),
            from: APIBox.stamp(-600).wall,
            to: APIBox.stamp(0).wall
        )
        return (order, pool, gate)
    }

    /// Waits until the exports of a desk are as wanted.
    private func wait(for desk: ExportDesk, _ isReached: ([JobBody]) -> Bool) async throws {
        let deadline = monotonicNow() + 30_000_000_000
        while !isReached(await desk.known) {
            try #require(monotonicNow() < deadline, "the exports never came so far")
            await Task.yield()
        }
    }

    @Test("Exports under way are so many; one that is done makes way, its file goes")
    func keptExports() async throws {
        let box = try await APIBox()
        let (order, pool, gate) = try await held(box)
        let folder = box.folder.file("more-exports")
        let desk = ExportDesk(folder: folder, journal: pool, room: .init(free: 0))
        for _ in 0..<Limits.keptExports {
            _ = try await desk.begin(order, subject: "all", by: "4711")
        }
        await #expect {
            try await desk.begin(order, subject: "all", by: "4711")
        } throws: {
            ($0 as? Problem)?.status == .serviceUnavailable
        }
        for _ in 0..<Limits.journalReaders { gate.signal() }
        try await wait(for: desk) { $0.allSatisfy { $0.state == "done" } }
        let next = try await desk.begin(order, subject: "all", by: "4711")
        try await wait(for: desk) { $0.allSatisfy { $0.state == "done" } }
        #expect(await desk.known.count == Limits.keptExports)
        #expect(await desk.known.last?.id == next)
        await #expect(throws: Problem.self) { try await desk.file(of: "export-1") }
        // The file is taken away on one of the threads that read.
        try await onThread {
            try eventually("its file is gone") {
                !FileManager.default.fileExists(atPath: folder + "/export-1.csv")
            }
        }
    }

    @Test("An export that is too large, or leaves too little of the disk, fails in words")
    func exportRoom() async throws {
        let box = try await APIBox { journal in
            try await APIBox.readings(-600..<0, into: journal) { Double($0) }
        }
        let (order, pool, gate) = try await held(box)
        for _ in 0..<Limits.journalReaders { gate.signal() }
        let rooms: [(ExportDesk.Room, String)] = [
            (.init(most: 10_000, free: 0), "larger"), (.init(free: .max), "nearly full"),
        ]
        for (index, (room, words)) in rooms.enumerated() {
            let folder = box.folder.file("exports-\(index)")
            let desk = ExportDesk(folder: folder, journal: pool, room: room)
            let id = try await desk.begin(order, subject: "all", by: "4711")
            try await wait(for: desk) { $0.last?.state == "failed" }
            #expect(await desk.known.last?.message?.contains(words) == true)
            #expect(!FileManager.default.fileExists(atPath: "\(folder)/\(id).csv"))
        }
    }
}
