import Foundation
import GatewayCore
import Signal
import TestSupport
import Testing

@testable import Journal

@Suite struct AuditTests {
    let folder: TemporaryFolder
    init() throws { folder = try TemporaryFolder() }

    private var settings: JournalSettings {
        JournalSettings(path: folder.file("journal.db"), hourDays: 1)
    }

    private func open() async throws -> (store: JournalStore, opening: StoreOpening) {
        try await JournalStore.open(settings, connections: [], ballastBytes: 0)
    }

    private func entry(_ number: Int) -> AuditEntry {
        AuditEntry(
            who: number % 2 == 0 ? "4711" : "4712",
            action: number % 3 == 0 ? "people.create" : "instrument.change",
            subject: "PT-\(number)",
            old: number % 2 == 0 ? nil : "high: \(number)",
            new: "high: \(number + 1)"
        )
    }

    /// Commits `count` audit entries from `first` on; the chain's end that the journal then tells.
    @discardableResult
    private func audit(
        _ store: JournalStore,
        _ first: Int,
        _ count: Int,
        epoch: UInt64 = 1,
        now: WallTime? = nil
    ) async throws -> AuditHead? {
        let records = (first..<first + count).map { number in
            SequencedRecord(
                sequence: UInt64(number),
                stamp: Stamp(
                    monotonic: MonotonicTime(nanoseconds: Int64(number)),
                    wall: WallTime(
                        nanosecondsSince1970: 1_774_848_762_123_000_000 + Int64(number)
                    ),
                    clock: .synced
                ),
                body: .audit(entry(number))
            )
        }
        let outcome = await withCheckedContinuation { continuation in
            store.commit(
                Commit(id: UInt64(first), epoch: epoch, records: records, now: now)
            ) { continuation.resume(returning: $0) }
        }
        return try outcome.result.get().audit
    }

    private func check() throws -> JournalReader.AuditCheck {
        try JournalReader(settings.path).checkAudit()
    }

    /// Changes the file as somebody with root and an editor would.
    private func tamper(_ sql: String) throws {
        let database = try Database(path: settings.path, mode: .readWrite)
        try database.execute(
            "DROP TRIGGER audit_is_not_changed; DROP TRIGGER audit_is_not_deleted; " + sql
        )
    }

    @Test("The chain goes on over commits and restarts, and its end is told with each")
    func chain() async throws {
        var (store, _) = try await open()
        let first = try #require(try await audit(store, 1, 3))
        #expect(first.entries == 4, "the chain's own first entry, and three")
        await store.close()
        (store, _) = try await open()
        let second = try #require(try await audit(store, 1, 2, epoch: 2))
        #expect(second.entries == 6)
        #expect(try check() == .init(entries: 6, head: second, firstBad: nil, fault: nil))
        let changes = try JournalReader(settings.path).auditedChanges(limit: 3)
        #expect(changes.map(\.sequence) == [6, 5, 4])
        #expect(changes.map(\.epoch) == [2, 2, 1])
        #expect(changes.map(\.number) == [2, 1, 3])
        #expect(changes[2].entry == entry(3))
        await store.close()
    }

    @Test("Entries are found by person, by action or its family, and page by page")
    func reading() async throws {
        let (store, _) = try await open()
        try await audit(store, 1, 12)
        let reader = try JournalReader(settings.path)
        #expect(try reader.auditedChanges(who: "4712").count == 6)
        #expect(try reader.auditedChanges(action: "people").map(\.entry.subject).first == "PT-12")
        #expect(try reader.auditedChanges(action: "people.create").count == 4)
        #expect(try reader.auditedChanges(action: "peopl").isEmpty)
        let page = try reader.auditedChanges(limit: 5)
        let next = try reader.auditedChanges(before: page.last?.sequence, limit: 5)
        #expect(next.map(\.sequence) == [8, 7, 6, 5, 4])
        await store.close()
    }

    @Test("The log can be added to and nothing else")
    func appendOnly() async throws {
        let (store, _) = try await open()
        try await audit(store, 1, 2)
        await store.close()
        let database = try Database(path: settings.path, mode: .readWrite)
        #expect(throws: StoreFault.self) { try database.execute("DELETE FROM audit") }
        #expect(throws: StoreFault.self) { try database.execute("UPDATE audit SET who='x'") }
    }

    @Test(
        "A change to any part of any entry is found, at the entry that was changed",
        arguments: [
            ("UPDATE audit SET who='me' WHERE sequence=3", 3),
            ("UPDATE audit SET new='high: 99' WHERE sequence=2", 2),
            ("UPDATE audit SET old='' WHERE sequence=3", 3),
            ("UPDATE audit SET wall=wall+1 WHERE sequence=4", 4),
            ("UPDATE audit SET clock=1 WHERE sequence=4", 4),
            ("UPDATE audit SET epoch=9 WHERE sequence=4", 4),
            ("UPDATE audit SET subject=action, action=subject WHERE sequence=5", 5),
            ("UPDATE audit SET hash=zeroblob(32) WHERE sequence=4", 4),
            ("DELETE FROM audit WHERE sequence=3", 3), ("DELETE FROM audit WHERE sequence=1", 1),
            (
                "UPDATE audit SET sequence=-1 WHERE sequence=2; "
                    + "UPDATE audit SET sequence=2 WHERE sequence=3", 2
            ),
        ]
    )
    func tampered(sql: String, at sequence: UInt64) async throws {
        let (store, _) = try await open()
        try await audit(store, 1, 5)
        await store.close()
        #expect(try check().firstBad == nil)
        try tamper(sql)
        #expect(try check().firstBad == sequence)
    }

    @Test("A chain that was cut off at its end is shorter than what was told")
    func cutOff() async throws {
        let (store, _) = try await open()
        let told = try #require(try await audit(store, 1, 5))
        await store.close()
        try tamper("DELETE FROM audit WHERE sequence > 4")
        let found = try check()
        #expect(found.firstBad == nil)
        #expect(found.head != told)
        #expect(found.entries == 4)
    }

    @Test("A journal made anew begins another chain, which names the end of the old one")
    func rebuilt() async throws {
        var (store, _) = try await open()
        let told = try #require(try await audit(store, 1, 3))
        await store.close()
        StoreFile.mark(StoreFile(path: settings.path).damageMark, text: "a page went bad")
        let opening: StoreOpening
        (store, opening) = try await open()
        #expect(opening.damage != nil)
        let first = try #require(try JournalReader(settings.path).auditedChanges().last)
        #expect(first.entry.action == "audit.begin")
        #expect(first.entry.old == "entry 4, \(told.text)")
        #expect(first.entry.subject.contains("a page went bad"))
        #expect(try check().firstBad == nil)
        await store.close()
    }

    @Test("What can no longer be read of the old journal costs its name alone")
    func rebuiltFromNothing() async throws {
        try Data("this is no database".utf8).write(to: URL(fileURLWithPath: settings.path))
        let (store, _) = try await open()
        let first = try #require(try JournalReader(settings.path).auditedChanges().last)
        #expect(first.entry.old == nil)
        #expect(try check() == .init(entries: 1, head: first.head, firstBad: nil, fault: nil))
        await store.close()
    }

    @Test("Pruning takes old records and never the audit log")
    func pruned() async throws {
        let (store, _) = try await open()
        try await audit(store, 1, 20)
        let later = WallTime(nanosecondsSince1970: 1_784_848_762_123_000_000)
        for number in 21..<60 { try await audit(store, number, 1, now: later) }
        #expect(try JournalReader(settings.path).records(kind: .audit, limit: 500).count < 59)
        #expect(try check().entries == 60)
        await store.close()
    }

    @Test("What was audited before there were chains is chained at the first start with them")
    func migrated() async throws {
        var (store, _) = try await open()
        try await audit(store, 1, 4)
        await store.close()
        try tamper(
            """
            DROP TABLE audit; DROP TABLE person; DROP TABLE session; DROP INDEX record_of_instrument;
            PRAGMA user_version=2
            """
        )
        (store, _) = try await open()
        let changes = try JournalReader(settings.path).auditedChanges()
        #expect(changes.map(\.entry.subject).dropLast() == ["PT-4", "PT-3", "PT-2", "PT-1"])
        #expect(try check().firstBad == nil)
        try await audit(store, 5, 1)
        #expect(try check().entries == 6)
        await store.close()
    }

    @Test("People and sessions are kept as they are")
    func people() async throws {
        var (store, _) = try await open()
        var person = StoredPerson(
            employeeNumber: "4711",
            fullName: "Ünal 'Q' Grün",
            email: nil,
            role: "admin",
            isActive: true,
            mustChangePassword: false,
            createdAt: WallTime(nanosecondsSince1970: 1_774_848_762_123_000_000),
            lastLogin: nil,
            passwordHash: "$2b$12$x"
        )
        try await store.save(person)
        person.email = "u@plant.example"
        person.lastLogin = person.createdAt
        try await store.save(person)
        let session = StoredSession(
            id: "s1",
            person: "4711",
            startedAt: person.createdAt,
            expiresAt: WallTime(nanosecondsSince1970: 1_774_877_562_123_000_000)
        )
        try await store.begin(session, ending: [])
        await store.close()
        (store, _) = try await open()
        #expect(try await store.people() == [person])
        #expect(try await store.sessions() == [session])
        try await store.save(person, ending: ["s1", "unknown"], setting: ("audit-pending-1", "[]"))
        #expect(try await store.sessions().isEmpty)
        #expect(try await store.settings("audit-pending-").map(\.value) == ["[]"])
        await store.close()
    }
}
