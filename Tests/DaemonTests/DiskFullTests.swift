import Foundation
import TestSupport
import Testing

extension EndToEndTests {
    @Test("a full disk is told, polling goes on, and all is stored once there is space again")
    func diskFull() throws {
        let broker = try MosquittoBroker(lines: ["max_queued_messages 0"], persistent: true)
        try broker.start()
        defer { broker.stop() }
        let plant = try LoadPlant()
        defer { plant.stop() }
        let box = try Box()
        let mounting = try ChildProcess(
            "mount",
            ["-t", "tmpfs", "-o", "size=4m", "tmpfs", box.folder.path]
        )
        guard try mounting.wait() == 0 else {
            print("SKIPPED: mounting a tmpfs is not permitted here")
            return
        }
        defer { _ = try? ChildProcess("umount", ["-l", box.folder.path]).wait() }
        try plant.configure(box, broker: broker.port)
        let recorder = try MessageRecorder(
            broker,
            filter: "cimms/instruments/+/reading",
            session: "judge"
        )
        try box.start()
        try eventually("readings are stored") { try stored(box) > 100 }

        // Somebody else's file takes the rest of the disk.
        let filler = box.folder.file("filler")
        try box.folder.write("", to: "filler")
        let handle = try #require(FileHandle(forWritingAtPath: filler))
        var piece = 65_536
        while piece >= 512 {
            do { try handle.write(contentsOf: Data(count: piece)) } catch { piece /= 2 }
        }
        try handle.close()
        try eventually("health says so") {
            let reasons = try box.health().body["reasons"] as? [String] ?? []
            return reasons.contains { $0.contains("no space left") }
        }
        let before = recorder.messages.count
        try eventually("readings go on") { recorder.messages.count > before + 300 }
        #expect(try box.health().status == 503)
        let instruments = try box.health().body["instruments"] as? [String: Any]
        #expect(instruments?["good"] as? Int == 32)

        let held = try stored(box)
        try FileManager.default.removeItem(atPath: filler)
        try eventually("it stores again") { try stored(box) > held + 500 }
        try eventually("health is well again") { try box.health().status == 200 }
        #expect(try box.stop() == 0)
        // Not one reading of the time without space is missing.
        let verify = try ChildProcess(Box.program, ["journal", "verify", "--file", box.journal])
        #expect(try verify.wait() == 0, "\(verify.output)")
        try plant.drain(box, broker: broker.port)
        try Judge(recorder, box).verdict(repeats: 200, ordered: true)
    }

    private func stored(_ box: Box) throws -> Int {
        let store = try box.health().body["store"] as? [String: Any]
        return store?["stored"] as? Int ?? 0
    }
}
