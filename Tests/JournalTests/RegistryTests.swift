import GatewayCore
import Signal
import TestSupport
import Testing

@testable import Journal

@Suite struct RegistryTests {
    let folder: TemporaryFolder
    init() throws { folder = try TemporaryFolder() }

    func open() async throws -> JournalStore {
        try await JournalStore.open(
            JournalSettings(path: folder.file("journal.db")),
            connections: [],
            ballastBytes: 0
        ).store
    }

    @Test("models keep their versions; one of them is active; a rollback is an activation")
    func models() async throws {
        let store = try await open()
        let one = InstrumentID(rawValue: 1)
        func model(_ id: InstrumentID, windows: Int) -> StoredModel {
            StoredModel(
                instrument: id,
                trainedAt: WallTime(nanosecondsSince1970: 17),
                trainedBy: "4711",
                windows: windows,
                contamination: 0.01,
                featureVersion: 2
            )
        }
        #expect(try await store.add(model(one, windows: 256), body: [1, 2], activating: true) == 1)
        #expect(try await store.add(model(one, windows: 300), body: [3], activating: true) == 2)
        let other = InstrumentID(rawValue: 2)
        #expect(try await store.add(model(other, windows: 1), body: [], activating: false) == 1)
        #expect(try await store.models(of: one).map(\.isActive) == [true, false])
        #expect(try await store.activate(version: 1, of: one))
        #expect(try await !store.activate(version: 9, of: one))
        await store.close()
        let again = try await open()
        let models = try await again.models(of: one)
        #expect(models.map(\.version) == [2, 1])
        #expect(models.map(\.isActive) == [false, true])
        #expect(models[1].windows == 256 && models[1].trainedBy == "4711")
        #expect(models[1].contamination == 0.01 && models[1].wantedRate == nil)
        #expect(try await again.body(version: 1, of: one) == [1, 2])
        #expect(try await again.body(version: 1, of: other) == [])
        #expect(try await again.body(version: 7, of: one) == nil)
        await again.close()
    }

    @Test("a model whose body was damaged is not given out")
    func damagedModel() async throws {
        let store = try await open()
        let one = InstrumentID(rawValue: 1)
        let model = StoredModel(
            instrument: one,
            trainedAt: WallTime(nanosecondsSince1970: 1),
            trainedBy: "x",
            windows: 1,
            featureVersion: 1
        )
        _ = try await store.add(model, body: [1, 2, 3], activating: true)
        await store.close()
        do {
            let database = try Database(path: folder.file("journal.db"), mode: .readWrite)
            try database.run("UPDATE model SET body=?", .blob([1, 2, 4]))
        }
        let again = try await open()
        #expect(try await again.body(version: 1, of: one) == nil)
        await again.close()
    }

    @Test("instruments keep number, settings and history when they retire")
    func instruments() async throws {
        let store = try await open()
        let tags = ["PT-1", "TT-2"].compactMap { Tag($0) }
        let numbers = try await store.register(tags)
        let changed = try await store.change([(tags[0], #"{"unit":"bar"}"#, true)])
        #expect(changed[tags[0]] == numbers[tags[0]])
        #expect(try await store.register(tags) == numbers)
        let all = try JournalReader(folder.file("journal.db")).instruments()
        #expect(all.map(\.tag) == tags)
        #expect(all[0].isRetired && all[0].settings == #"{"unit":"bar"}"#)
        #expect(!all[1].isRetired && all[1].settings == nil)
        await store.close()
    }

    @Test("a change of the register comes whole, with its models and settings")
    func change() async throws {
        let store = try await open()
        let tags = ["PT-1", "TT-2"].compactMap { Tag($0) }
        let numbers = try await store.change(
            tags.map { ($0, "{}", false) },
            settings: [("audit-pending-1", "[1]"), ("other", "x")]
        )
        let id = try #require(numbers[tags[0]])
        let model = StoredModel(
            instrument: id,
            trainedAt: WallTime(nanosecondsSince1970: 1),
            trainedBy: "x",
            windows: 1,
            featureVersion: 1
        )
        _ = try await store.add(model, body: [1], activating: true)
        #expect(try await store.modelsInUse().map(\.facts.instrument) == [id])
        let again = try await store.change([(tags[0], #"{"urv":1}"#, false)], forgetting: [id])
        #expect(again == [tags[0]: id])
        #expect(try await store.modelsInUse().isEmpty)
        #expect(try await store.models(of: id).map(\.isActive) == [false])
        #expect(try await store.instruments().map(\.settings) == [#"{"urv":1}"#, "{}"])
        #expect(try await store.settings("audit-pending-").map(\.name) == ["audit-pending-1"])
        await store.close()
    }

    @Test("what a commit settles is gone with it, and not before")
    func settles() async throws {
        let store = try await open()
        try await store.set("audit-pending-1", to: "[]")
        try await store.set("audit-pending-2", to: "[]")
        var commit = Commit(id: 1, epoch: 7)
        commit.settles = ["audit-pending-1"]
        let outcome = await withCheckedContinuation { continuation in
            store.commit(commit) { continuation.resume(returning: $0) }
        }
        _ = try outcome.result.get()
        #expect(try await store.settings("audit-pending-").map(\.name) == ["audit-pending-2"])
        await store.close()
    }

    @Test("calibrations come newest first; settings are kept, replaced and removed")
    func calibrationsAndSettings() async throws {
        let store = try await open()
        let id = InstrumentID(rawValue: 3)
        for at in [20, 10, 30] as [Int64] {
            try await store.add(
                StoredCalibration(
                    instrument: id,
                    performedAt: WallTime(nanosecondsSince1970: at),
                    body: "{\"at\":\(at)}"
                )
            )
        }
        let found = try await store.calibrations(of: id, limit: 2)
        #expect(found.map(\.performedAt.nanosecondsSince1970) == [30, 20])
        try await store.set("users", to: "[]")
        try await store.set("users", to: "[1]")
        #expect(try await store.setting("users") == "[1]")
        try await store.set("users", to: nil)
        #expect(try await store.setting("users") == nil)
        await store.close()
    }
}
