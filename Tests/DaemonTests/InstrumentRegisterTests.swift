import Foundation
import GatewayCore
import Journal
import People
import Profiles
import Signal
import TestSupport
import Testing

@testable import loopgate

/// The register on a journal, without a gateway.
@Suite struct InstrumentRegisterTests {
    private static let modules = ["ai1", "ai2"].map { name in
        ModuleSettings(
            name: name,
            bus: BusID(rawValue: 0),
            unit: UnitAddress(rawValue: 1),
            profile: "test",
            map: ModuleMap(
                channels: (0..<8).map {
                    ChannelMap(
                        table: .input,
                        address: $0,
                        encoding: RawEncoding(
                            format: .unsigned,
                            low: .init(raw: 4000, milliamps: 4),
                            high: .init(raw: 20_000, milliamps: 20)
                        )
                    )
                }
            )
        )
    }

    private static func entry(_ tag: String, channel: Int) -> [String: RegisterValue] {
        [
            "tag": .text(tag), "type": .text("pressure"), "unit": .text("bar"),
            "lrv": .number(0), "urv": .number(16), "module": .text("ai1"),
            "channel": .number(Double(channel)),
        ]
    }

    private let folder: TemporaryFolder
    init() throws { folder = try TemporaryFolder() }

    private func open(
        modules: [ModuleSettings] = Self.modules
    ) async throws -> (journal: JournalStore, register: InstrumentRegister) {
        let journal = try await JournalStore.open(
            JournalSettings(path: folder.file("journal.db")),
            connections: [],
            ballastBytes: 0
        ).store
        let tag = try #require(Tag("PT-1"))
        let list = InstrumentList(
            path: "/etc/instruments.yaml",
            entries: [.init(tag: tag, entry: Self.entry("PT-1", channel: 1))]
        )
        let decoder = RegisterDecoder(modules: modules, detection: DetectionSettings())
        let register = try await InstrumentRegister.open(journal, decoder: decoder, seed: list)
        return (journal, register.register)
    }

    @Test("the first start fills it, later ones do not; what is created stays, with its number")
    func seed() async throws {
        var (journal, register) = try await open()
        let made = try await register.create(Self.entry("PT-2", channel: 2), by: "4711").get()
        #expect(made.id.rawValue == 2)
        _ = try await register.change(made.id, ["urv": .number(4)], by: "4711").get()
        await journal.close()
        (journal, register) = try await open()
        #expect(await register.running.map(\.tag.text) == ["PT-1", "PT-2"])
        #expect(await register.running.map(\.span.urv) == [16, 4])
        let audits = try await PendingAudit.all(in: journal).flatMap(\.entries)
        #expect(
            Set(audits.map(\.action))
                == ["instrument.seed", "instrument.create", "instrument.change"]
        )
        let change = try #require(audits.first { $0.action == "instrument.change" })
        #expect(change.old == #"{"urv":16}"# && change.new == #"{"urv":4}"#)
        #expect(change.who == "4711" && change.subject == "PT-2")
        await journal.close()
    }

    @Test("a tag is used once, also after its instrument retired, and never changed")
    func tags() async throws {
        let (journal, register) = try await open()
        let again = await register.create(Self.entry("PT-1", channel: 2), by: "a")
        #expect(throws: RegisterRefusal.self) { try again.get() }
        let first = InstrumentID(rawValue: 1)
        #expect(try await register.retire(first, true, by: "a").get().isRetired)
        #expect(await register.running.isEmpty)
        guard
            case .failure(.conflict(let why)) = await register.create(
                Self.entry("PT-1", channel: 1),
                by: "a"
            )
        else {
            Issue.record("a retired tag was taken")
            return
        }
        #expect(why.contains("restore it"))
        #expect(try await !register.retire(first, false, by: "a").get().isRetired)
        guard
            case .failure(.invalid(let problems)) = await register.change(
                first,
                ["tag": .text("PT-9")],
                by: "a"
            )
        else {
            Issue.record("a tag was changed")
            return
        }
        #expect(problems.map(\.key) == ["tag"])
        guard
            case .failure(.unknown) = await register.change(InstrumentID(rawValue: 9), [:], by: "a")
        else {
            Issue.record("an unknown instrument was changed")
            return
        }
        await journal.close()
    }

    @Test("what is wrong, or would push another off its channel, changes nothing")
    func refusals() async throws {
        let (journal, register) = try await open()
        _ = try await register.create(Self.entry("PT-2", channel: 2), by: "a").get()
        let before = await register.records
        for (id, patch, key) in [
            (1, ["urv": .number(-1)], "urv"), (1, ["channel": .number(2)], "channel"),
            (2, ["channel": .number(1)], "channel"), (2, ["module": .text("x")], "module"),
        ] as [(UInt32, [String: RegisterValue], String)] {
            let result = await register.change(InstrumentID(rawValue: id), patch, by: "a")
            guard case .failure(.invalid(let problems)) = result else {
                Issue.record("\(patch) was taken")
                continue
            }
            #expect(problems.map(\.key) == [key])
        }
        #expect(await register.records == before)
        await journal.close()
    }

    @Test("an instrument whose module is gone is left out, and runs again with it")
    func leftOut() async throws {
        var (journal, register) = try await open()
        await journal.close()
        (journal, register) = try await open(modules: Array(Self.modules.dropFirst()))
        #expect(await register.running.isEmpty)
        #expect(await register.records.first?.fault?.contains("module: ") == true)
        let first = InstrumentID(rawValue: 1)
        _ = try await register.change(first, ["module": .text("ai2")], by: "a").get()
        #expect(await register.running.count == 1)
        await journal.close()
    }

    @Test("more instruments than the register holds are refused as a whole")
    func tooMany() async throws {
        let (journal, register) = try await open()
        let items = try (0...Limits.instruments).map { number in
            InstrumentList.Item(
                tag: try #require(Tag("X-\(number)")),
                entry: Self.entry("X-\(number)", channel: 1)
            )
        }
        let answer = await register.apply(
            InstrumentList(path: "many.yaml", entries: items),
            retiresMissing: false,
            isDryRun: false,
            state: nil,
            by: "a"
        )
        #expect(!answer.isDone)
        #expect(answer.lines.first?.contains("\(Limits.instruments)") == true)
        #expect(await register.records.count == 1)
        await journal.close()
    }

    @Test("a person's change waits with its record until a run has put it there")
    func personsRecord() async throws {
        let (journal, _) = try await open()
        let before = Set(try await PendingAudit.all(in: journal).map(\.name))
        let entry = AuditEntry(
            who: "4711",
            action: "people.create",
            subject: "0815",
            old: nil,
            new: "role: technician"
        )
        let person = Person(
            employeeNumber: "0815",
            fullName: "Anna",
            role: .technician,
            createdAt: WallTime(nanosecondsSince1970: 1)
        )
        // The gateway dies before it hears of it.
        let people = JournalPeople(journal: journal) { _ in }
        try await people.save(
            Member(person: person, passwordHash: "$2b$12$x"),
            ending: [],
            recording: entry
        )
        let waiting = try await PendingAudit.all(in: journal).filter { !before.contains($0.name) }
        #expect(waiting.map(\.entries) == [[entry]])
        #expect(try await people.members().map(\.person) == [person])
        await journal.close()
    }
}
