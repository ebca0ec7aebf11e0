import Foundation
import GatewayCore
import Journal
import LocalPage
import Profiles
import Signal
import Uplink

/// The instrument register of a journal: reads it, changes it, and has the running gateway take
/// every change over.
///
/// A change is checked as a whole, stored in one transaction together with what is to be put on
/// record about it, and only then takes effect; so it can be lost by no crash, nor its record.
actor InstrumentRegister {
    /// The setting that holds the fingerprint of `instruments.yaml` when it was applied last.
    static let appliedList = "instruments-applied"

    private let journal: JournalStore
    private let decoder: RegisterDecoder
    private let directory: InstrumentDirectory
    /// Where `instruments.yaml` is.
    private let listPath: String
    private(set) var records: [InstrumentRecord]
    /// The running gateway takes a change over; nil: none runs.
    private var adopt: (@Sendable (RegisterAdoption) async -> Void)?
    private var say: (@Sendable (Event) -> Void)?
    private var told: Set<String> = []
    private var last: Task<Void, Never>?
    /// Counts the changes of this run.
    private var revision = 0

    private init(
        _ journal: JournalStore,
        _ decoder: RegisterDecoder,
        _ records: [InstrumentRecord],
        listPath: String
    ) {
        self.listPath = listPath
        self.journal = journal
        self.decoder = decoder
        self.records = records
        directory = InstrumentDirectory()
    }

    /// Opens the register; one that is empty takes over `list`.
    ///
    /// - Returns: the register, and whether it was seeded just now.
    static func open(
        _ journal: JournalStore,
        decoder: RegisterDecoder,
        seed list: InstrumentList
    ) async throws -> (register: InstrumentRegister, isNew: Bool) {
        let isNew = try await journal.instruments().allSatisfy { $0.settings == nil }
        if isNew, !list.entries.isEmpty {
            let audit = AuditEntry(
                who: "system",
                action: "instrument.seed",
                subject: list.path,
                old: nil,
                new: "\(list.entries.count) instruments"
            )
            _ = try await journal.change(
                try list.entries.map { ($0.tag, try json(.map($0.entry)), false) },
                settings: [
                    (appliedList, list.fingerprint), try PendingAudit([audit]).setting,
                ]
            )
        }
        let records = records(try await journal.instruments(), decoder)
        let register = InstrumentRegister(journal, decoder, records, listPath: list.path)
        await register.fill()
        return (register, isNew)
    }

    /// The records that rows of the journal amount to.
    static func records(
        _ rows: [RegisteredInstrument],
        _ decoder: RegisterDecoder
    ) -> [InstrumentRecord] {
        let records = rows.map { row in
            InstrumentRecord(
                id: row.id,
                tag: row.tag,
                // A row without settings is older than the register: the list did not name it.
                isRetired: row.isRetired || row.settings == nil,
                entry: entry(row),
                settings: nil
            )
        }
        return decoded(records, decoder)
    }

    private static func entry(_ row: RegisteredInstrument) -> [String: RegisterValue] {
        let decoder = JSONDecoder()
        let found = row.settings.flatMap {
            try? decoder.decode([String: RegisterValue].self, from: Data($0.utf8))
        }
        return found ?? ["tag": .text(row.tag.text)]
    }

    private static func decoded(
        _ records: [InstrumentRecord],
        _ decoder: RegisterDecoder
    ) -> [InstrumentRecord] {
        var records = records
        let running = records.indices.filter { !records[$0].isRetired }
        for (index, reading) in zip(running, decoder.decode(running.map { records[$0].entry })) {
            records[index].settings = reading.settings
            records[index].fault = reading.fault
        }
        for index in records.indices {
            if records[index].isRetired {
                records[index].settings = decoder.decode(records[index].entry).settings
                records[index].fault = nil
            }
            let id = records[index].id
            records[index].settings?.id = id
        }
        return records
    }

    // MARK: For the daemon

    /// Tags and units of all instruments, retired ones included.
    nonisolated var tags: InstrumentDirectory { directory }

    /// The instruments that run.
    var running: [InstrumentSettings] {
        records.compactMap { $0.isRetired ? nil : $0.settings }
    }

    /// From now on changes are taken over by a running gateway, and faults told to it.
    func connect(
        adopt: @escaping @Sendable (RegisterAdoption) async -> Void,
        say: @escaping @Sendable (Event) -> Void
    ) {
        self.adopt = adopt
        self.say = say
        tellFaults()
    }

    /// What is to be said about `instruments.yaml`; nil: nothing.
    func remark(on list: InstrumentList) async throws -> String? {
        Self.remark(
            on: list,
            records,
            applied: try await journal.setting(Self.appliedList)
        )
    }

    /// What is to be said about a list that was edited since it was applied last and says something
    /// else than the register; nil: nothing.
    static func remark(
        on list: InstrumentList,
        _ records: [InstrumentRecord],
        applied fingerprint: String?
    ) -> String? {
        guard fingerprint != list.fingerprint else { return nil }
        let difference = RegisterDifference(
            from: records,
            to: list.entries,
            retiresMissing: false
        )
        guard !difference.isEmpty else { return nil }
        return
            "\(list.path) differs from the instrument register, which runs (\(difference.summary)): "
            + "`loopgate instruments apply \(list.path)` shows how, and applies it"
    }

    private func fill() {
        for record in records {
            var unit = record.settings?.span.unit ?? ""
            if record.settings == nil, case .text(let text) = record.entry["unit"] { unit = text }
            directory.update(record.id, tag: record.tag, unit: unit)
        }
    }

    private func tellFaults() {
        guard let say else { return }
        let faults = records.filter { !$0.isRetired && $0.fault != nil }
        for record in faults {
            say(
                .part(
                    "instruments",
                    detail: record.tag.text,
                    .active,
                    .preAlarm,
                    "\(record.tag) is left out: \(record.fault ?? ""). Mend it with "
                        + "`loopgate instruments apply`, or retire it."
                )
            )
        }
        let now = Set(faults.map(\.tag.text))
        for tag in told.subtracting(now) {
            say(.part("instruments", detail: tag, .cleared, .preAlarm, ""))
        }
        told = now
    }

    // MARK: Changes

    /// Carries out one change after the other.
    private func inTurn<Value: Sendable>(
        _ body: @escaping @Sendable () async -> Value
    ) async -> Value {
        let before = last
        let task = Task {
            await before?.value
            return await body()
        }
        last = Task { _ = await task.value }
        return await task.value
    }

    /// One instrument as it shall be.
    private struct Wish {
        var tag: Tag
        var entry: [String: RegisterValue]
        var isRetired = false
        var audit: AuditEntry
    }

    func create(
        _ entry: [String: RegisterValue],
        by who: String
    ) async -> Result<InstrumentRecord, RegisterRefusal> {
        await inTurn { await self.createNow(entry, by: who) }
    }

    private func createNow(
        _ entry: [String: RegisterValue],
        by who: String
    ) async -> Result<InstrumentRecord, RegisterRefusal> {
        let entry = [String: RegisterValue]().patched(by: entry)
        guard case .text(let text) = entry["tag"], let tag = Tag(text) else {
            return .failure(.invalid(decoder.decode(entry).problems))
        }
        if let known = records.first(where: { $0.tag == tag }) {
            return .failure(
                .conflict(
                    known.isRetired
                        ? "\(tag) is retired, and its history bears this tag: restore it, or choose "
                            + "another tag"
                        : "there is a \(tag) already: choose another tag"
                )
            )
        }
        let wish = Wish(
            tag: tag,
            entry: entry,
            audit: audit("create", tag, by: who, old: nil, new: .map(entry))
        )
        return await fulfil([wish], by: who).map { $0[0] }
    }

    func change(
        _ id: InstrumentID,
        _ patch: [String: RegisterValue],
        by who: String
    ) async -> Result<InstrumentRecord, RegisterRefusal> {
        await inTurn { await self.changeNow(id, patch, by: who) }
    }

    private func changeNow(
        _ id: InstrumentID,
        _ patch: [String: RegisterValue],
        by who: String
    ) async -> Result<InstrumentRecord, RegisterRefusal> {
        guard let record = records.first(where: { $0.id == id }) else { return .failure(.unknown) }
        guard !record.isRetired else {
            return .failure(.conflict("\(record.tag) is retired: restore it first"))
        }
        if let tag = patch["tag"], tag != .text(record.tag.text) {
            let detail = "a tag is never changed: its history bears it; create another instrument"
            return .failure(.invalid([RegisterProblem(key: "tag", detail: detail)]))
        }
        let entry = record.entry.patched(by: patch)
        let keys = RegisterDifference.keys(from: record.entry, to: entry)
        guard !keys.isEmpty else { return .success(record) }
        let wish = Wish(
            tag: record.tag,
            entry: entry,
            audit: audit("change", record.tag, by: who, keys)
        )
        return await fulfil([wish], by: who).map { $0[0] }
    }

    /// Retires an instrument, or takes it into service again.
    func retire(
        _ id: InstrumentID,
        _ isRetired: Bool,
        by who: String
    ) async -> Result<InstrumentRecord, RegisterRefusal> {
        await inTurn { await self.retireNow(id, isRetired, by: who) }
    }

    private func retireNow(
        _ id: InstrumentID,
        _ isRetired: Bool,
        by who: String
    ) async -> Result<InstrumentRecord, RegisterRefusal> {
        guard let record = records.first(where: { $0.id == id }) else { return .failure(.unknown) }
        guard record.isRetired != isRetired else {
            let state = isRetired ? "retired already" : "in service already"
            return .failure(.conflict("\(record.tag) is \(state)"))
        }
        let wish = Wish(
            tag: record.tag,
            entry: record.entry,
            isRetired: isRetired,
            audit: audit(
                isRetired ? "retire" : "restore",
                record.tag,
                by: who,
                old: .text(isRetired ? "in service" : "retired"),
                new: .text(isRetired ? "retired" : "in service")
            )
        )
        return await fulfil([wish], by: who).map { $0[0] }
    }

    /// Makes the register what a list says; all of it or nothing.
    ///
    /// - state: what the register must still be at; nil: whatever it is.
    func apply(
        _ list: InstrumentList,
        retiresMissing: Bool,
        isDryRun: Bool,
        state: String?,
        by who: String
    ) async -> InstrumentsAnswer {
        await inTurn {
            await self.applyNow(list, retiresMissing, isDryRun, state, by: who)
        }
    }

    private func applyNow(
        _ list: InstrumentList,
        _ retiresMissing: Bool,
        _ isDryRun: Bool,
        _ state: String?,
        by who: String
    ) async -> InstrumentsAnswer {
        let difference = RegisterDifference(
            from: records,
            to: list.entries,
            retiresMissing: retiresMissing
        )
        let present = "\(revision)"
        if isDryRun {
            return InstrumentsAnswer(
                isDone: true,
                lines: difference.lines,
                changes: difference.changes.count,
                state: present
            )
        }
        guard state == nil || state == present else {
            return .refused("the register was changed meanwhile: look at the difference again")
        }
        let entries = Dictionary(
            list.entries.map { ($0.tag, $0.entry) },
            uniquingKeysWith: { first, _ in first }
        )
        let known = Dictionary(records.map { ($0.tag, $0) }, uniquingKeysWith: { a, _ in a })
        let wishes = difference.changes.map { change in
            Wish(
                tag: change.tag,
                entry: entries[change.tag] ?? known[change.tag]?.entry ?? [:],
                isRetired: change.kind == .retired,
                audit: audit(change, by: who)
            )
        }
        let isOwn = list.path == listPath
        let result = await fulfil(wishes, applied: isOwn ? list.fingerprint : nil, by: who)
        switch result {
        case .success:
            return InstrumentsAnswer(
                isDone: true,
                lines: [difference.summary],
                changes: wishes.count,
                state: "\(revision)"
            )
        case .failure(let refusal): return InstrumentsAnswer(isDone: false, lines: refusal.lines)
        }
    }

    /// Checks, stores and takes over wishes: all or none. Their records, in the same order.
    private func fulfil(
        _ wishes: [Wish],
        applied list: String? = nil,
        by who: String
    ) async -> Result<[InstrumentRecord], RegisterRefusal> {
        let before = records
        var proposed = records
        let places = Dictionary(
            records.enumerated().map { ($1.tag, $0) },
            uniquingKeysWith: { first, _ in first }
        )
        let added = wishes.reduce(0) { $0 + (places[$1.tag] == nil ? 1 : 0) }
        guard records.count + added <= Limits.instruments else {
            return .failure(.conflict("the register holds \(Limits.instruments) at the most"))
        }
        for wish in wishes {
            if let index = places[wish.tag] {
                proposed[index].entry = wish.entry
                proposed[index].isRetired = wish.isRetired
            } else {
                proposed.append(
                    // Its number comes from the journal; until then none that is in use.
                    InstrumentRecord(
                        id: InstrumentID(rawValue: .max),
                        tag: wish.tag,
                        isRetired: wish.isRetired,
                        entry: wish.entry,
                        settings: nil
                    )
                )
            }
        }
        proposed = Self.decoded(proposed, decoder)
        if let refusal = refusal(of: proposed, before, wishes) { return .failure(refusal) }
        let pending = PendingAudit(wishes.map(\.audit))
        do {
            var settings: [(String, String?)] = list.map { [(Self.appliedList, $0)] } ?? []
            if !wishes.isEmpty { settings.append(try pending.setting) }
            let numbers = try await journal.change(
                try wishes.map { ($0.tag, try Self.json(.map($0.entry)), $0.isRetired) },
                forgetting: Self.readOtherwise(before, proposed),
                settings: settings
            )
            for index in proposed.indices {
                guard let id = numbers[proposed[index].tag] else { continue }
                proposed[index].id = id
                proposed[index].settings?.id = id
            }
        } catch {
            let words = (error as? StoreFault)?.words ?? "\(error)"
            return .failure(.unavailable("it cannot be stored: \(words)"))
        }
        guard !wishes.isEmpty else { return .success([]) }
        records = proposed
        revision += 1
        fill()
        if let adopt {
            let ran = Set(before.filter { !$0.isRetired && $0.settings != nil }.map(\.id))
            let models = (try? await journal.modelsInUse()) ?? []
            await adopt(
                RegisterAdoption(
                    instruments: running,
                    models: models.filter { !ran.contains($0.facts.instrument) },
                    by: who,
                    audits: pending.entries,
                    settles: pending.name
                )
            )
        }
        tellFaults()
        let found = Dictionary(records.map { ($0.tag, $0) }, uniquingKeysWith: { a, _ in a })
        return .success(wishes.compactMap { found[$0.tag] })
    }

    /// What a proposal would break: its own entries, or others that run well now.
    private func refusal(
        of proposed: [InstrumentRecord],
        _ before: [InstrumentRecord],
        _ wishes: [Wish]
    ) -> RegisterRefusal? {
        let wished = Set(wishes.map(\.tag))
        let well = Set(before.filter { $0.fault == nil }.map(\.tag))
        var problems: [RegisterProblem] = []
        for record in proposed where !record.isRetired && record.fault != nil {
            let isWished = wished.contains(record.tag)
            guard isWished || well.contains(record.tag) else { continue }
            let prefix = wishes.count > 1 || !isWished ? "\(record.tag): " : ""
            if isWished {
                let own = decoder.decode(record.entry).problems
                let all =
                    own.isEmpty
                    ? [RegisterProblem(key: "channel", detail: record.fault ?? "")] : own
                problems += all.map {
                    RegisterProblem(key: $0.key, detail: prefix + $0.detail)
                }
            } else {
                problems.append(
                    RegisterProblem(key: "channel", detail: prefix + (record.fault ?? ""))
                )
            }
        }
        return problems.isEmpty ? nil : .invalid(problems)
    }

    /// Instruments whose readings mean something else after a change.
    private static func readOtherwise(
        _ before: [InstrumentRecord],
        _ after: [InstrumentRecord]
    ) -> [InstrumentID] {
        let old = Dictionary(before.map { ($0.id, $0) }, uniquingKeysWith: { a, _ in a })
        return after.compactMap { record in
            guard let was = old[record.id]?.settings, let now = record.settings,
                now.readsOtherwise(than: was)
            else { return nil }
            return record.id
        }
    }

    // MARK: On record

    private func audit(
        _ act: String,
        _ tag: Tag,
        by who: String,
        old: RegisterValue?,
        new: RegisterValue?
    ) -> AuditEntry {
        func text(_ value: RegisterValue) -> String? {
            if case .text(let text) = value { return text }
            return try? Self.json(value)
        }
        return AuditEntry(
            who: who,
            action: "instrument.\(act)",
            subject: tag.text,
            old: old.flatMap(text),
            new: new.flatMap(text)
        )
    }

    private func audit(
        _ act: String,
        _ tag: Tag,
        by who: String,
        _ keys: [RegisterDifference.KeyChange]
    ) -> AuditEntry {
        let old = keys.map { ($0.key, $0.old) }
        let new = keys.map { ($0.key, $0.new) }
        return audit(
            act,
            tag,
            by: who,
            old: .map(Dictionary(old, uniquingKeysWith: { a, _ in a })),
            new: .map(Dictionary(new, uniquingKeysWith: { a, _ in a }))
        )
    }

    private func audit(_ change: RegisterDifference.Change, by who: String) -> AuditEntry {
        switch change.kind {
        case .added: audit("create", change.tag, by: who, change.keys)
        case .changed: audit("change", change.tag, by: who, change.keys)
        case .restored: audit("restore", change.tag, by: who, change.keys)
        case .retired:
            audit(
                "retire",
                change.tag,
                by: who,
                old: .text("in service"),
                new: .text("retired")
            )
        }
    }

    private static func json(_ value: RegisterValue) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(value), as: UTF8.self)
    }
}

extension RegisterRefusal {
    /// The refusal as the command line shows it.
    var lines: [String] {
        switch self {
        case .unknown: ["there is no such instrument"]
        case .conflict(let why), .unavailable(let why): [why]
        case .invalid(let problems):
            problems.map { $0.key.isEmpty ? $0.detail : "\($0.key): \($0.detail)" }
        }
    }
}
