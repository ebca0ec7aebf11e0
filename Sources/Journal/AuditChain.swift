import GatewayCore
import Runtime
import Signal
import Vault

/// One entry of the audit log as the journal keeps it, chained to the one before.
///
/// `hash` is SHA-256 over the hash before (32 zero bytes for the first entry) and the entry's
/// canonical bytes. Those are, integers big-endian and texts as UTF-8 behind a 4-byte length (all
/// ones where there is none): sequence (8), epoch (8), number (8), wall time in nanoseconds as
/// stamped (8), what the clock was worth (1), who, action, subject, old, new.
public struct AuditedChange: Hashable, Sendable {
    /// 1 for the first of a chain, then without a gap.
    public var sequence: UInt64
    /// The run and the number of the record that was forwarded; 0 for the chain's first entry.
    public var epoch: UInt64
    public var number: UInt64
    /// When, as stamped; see `JournalReader.auditedChanges` for corrected times.
    public var wall: WallTime
    public var clock: ClockState
    public var entry: AuditEntry
    public var hash: [UInt8]

    /// What stands before the first entry.
    static let origin = [UInt8](repeating: 0, count: Digest.byteCount)

    /// The hash that this entry must have after one with the hash `previous`.
    func hash(after previous: [UInt8]) -> [UInt8] { Digest.sha256(previous + canonicalBytes) }

    private var canonicalBytes: [UInt8] {
        var bytes: [UInt8] = []
        func put(_ number: some FixedWidthInteger) {
            withUnsafeBytes(of: number.bigEndian) { bytes.append(contentsOf: $0) }
        }
        func put(_ text: String?) {
            guard let text else { return put(UInt32.max) }
            put(UInt32(clamping: text.utf8.count))
            bytes.append(contentsOf: text.utf8)
        }
        put(sequence)
        put(epoch)
        put(number)
        put(wall.nanosecondsSince1970)
        put(clock.rawValue)
        for text in [entry.who, entry.action, entry.subject, entry.old, entry.new] { put(text) }
        return bytes
    }

    static let columns =
        "sequence, epoch, number, wall, clock, who, action, subject, old, new, hash"

    /// Columns: `columns`.
    init(_ row: borrowing Statement) {
        sequence = row.unsigned(0)
        epoch = row.unsigned(1)
        number = row.unsigned(2)
        wall = WallTime(nanosecondsSince1970: row.integer(3))
        clock = ClockState(rawValue: UInt8(clamping: row.integer(4))) ?? .unset
        entry = AuditEntry(
            who: row.text(5),
            action: row.text(6),
            subject: row.text(7),
            old: row.optionalText(8),
            new: row.optionalText(9)
        )
        hash = row.blob(10)
    }

    /// The entry after `head`, with its hash.
    init(
        _ entry: AuditEntry,
        epoch: UInt64,
        number: UInt64,
        wall: WallTime,
        clock: ClockState,
        after head: AuditHead?
    ) {
        self.sequence = (head?.entries ?? 0) &+ 1
        self.epoch = epoch
        self.number = number
        self.wall = wall
        self.clock = clock
        self.entry = entry
        hash = []
        hash = hash(after: head?.hash ?? AuditedChange.origin)
    }

    /// The chain's end when this is its last entry.
    public var head: AuditHead { AuditHead(entries: sequence, hash: hash) }
}

extension Archive {
    /// The end of the audit chain; nil where there is none yet.
    func auditHead() throws -> AuditHead? {
        try database.first("SELECT sequence, hash FROM audit ORDER BY sequence DESC LIMIT 1") {
            AuditHead(entries: $0.unsigned(0), hash: $0.blob(1))
        }
    }

    func append(_ change: AuditedChange) throws {
        try database.run(
            """
            INSERT INTO audit(\(AuditedChange.columns)) VALUES(?,?,?,?,?,?,?,?,?,?,?)
            """,
            .unsigned(change.sequence),
            .unsigned(change.epoch),
            .unsigned(change.number),
            .integer(change.wall.nanosecondsSince1970),
            .integer(Int64(change.clock.rawValue)),
            .text(change.entry.who),
            .text(change.entry.action),
            .text(change.entry.subject),
            .optional(change.entry.old),
            .optional(change.entry.new),
            .blob(change.hash)
        )
    }
}

extension Writer {
    /// Makes sure that there is a chain: a new one names the head of the one it follows, where that
    /// is known, and takes in what was audited before there were chains.
    func beginAudit(after old: AuditHead?, because why: String?) throws {
        auditHead = try archive.auditHead()
        guard auditHead == nil else { return }
        auditHead = try archive.database.transaction {
            let begin = AuditEntry(
                who: "loopgate",
                action: "audit.begin",
                subject: why ?? "a new journal",
                old: old.map { "entry \($0.entries), \($0.text)" },
                // No two chains begin alike.
                new: Chance.word(letters: 24)
            )
            var change = AuditedChange(
                begin,
                epoch: 0,
                number: 0,
                wall: WallTime(nanosecondsSince1970: wallNow()),
                clock: .restored,
                after: nil
            )
            try archive.append(change)
            let byNumber = Dictionary(uniqueKeysWithValues: runs.map { ($0.number, $0) })
            let earlier = try archive.database.rows(
                """
                SELECT key, monotonic, wall, clock, body, checksum FROM record
                WHERE kind=\(RecordRow.kind(of: .audit)) ORDER BY key
                """
            ) { row -> AuditedRecord? in
                guard let run = byNumber[RowKey(rowid: row.integer(0)).run],
                    case .audit(let entry)? = RecordRow.decode(row.text(4))
                else { return nil }
                return AuditedRecord(
                    entry: entry,
                    epoch: run.epoch,
                    number: RowKey(rowid: row.integer(0)).sequence,
                    wall: WallTime(nanosecondsSince1970: row.integer(2)),
                    clock: ClockState(rawValue: UInt8(clamping: row.integer(3))) ?? .unset
                )
            }
            for record in earlier.compactMap({ $0 }) {
                change = AuditedChange(
                    record.entry,
                    epoch: record.epoch,
                    number: record.number,
                    wall: record.wall,
                    clock: record.clock,
                    after: change.head
                )
                try archive.append(change)
            }
            return change.head
        }
    }

    private struct AuditedRecord {
        var entry: AuditEntry
        var epoch: UInt64
        var number: UInt64
        var wall: WallTime
        var clock: ClockState
    }

    /// Chains a record within the transaction under way; gives the chain's new end.
    func chain(
        _ entry: AuditEntry,
        of record: SequencedRecord,
        epoch: UInt64,
        after head: AuditHead?
    ) throws -> AuditHead {
        let change = AuditedChange(
            entry,
            epoch: epoch,
            number: record.sequence,
            wall: record.stamp.wall,
            clock: record.stamp.clock,
            after: head
        )
        try archive.append(change)
        return change.head
    }
}

extension JournalReader {
    /// Entries of the audit log, newest first, with their times corrected.
    ///
    /// - who: only of this person; nil: of all.
    /// - action: only this action, or those below it (`people` has `people.create`); nil: all.
    /// - before: only entries with a smaller sequence: the last one of the page before.
    public func auditedChanges(
        who: String? = nil,
        action: String? = nil,
        before: UInt64? = nil,
        limit: Int = 100
    ) throws(StoreFault) -> [AuditedChange] {
        try reading {
            let runs = try archive.runs()
            return try archive.database.rows(
                """
                SELECT \(AuditedChange.columns) FROM audit
                WHERE sequence < ?1 AND (?2 IS NULL OR who = ?2)
                  AND (?3 IS NULL OR action = ?3
                    OR substr(action, 1, length(?3) + 1) = ?3 || '.')
                ORDER BY sequence DESC LIMIT ?4
                """,
                .integer(before.map { Int64(clamping: $0) } ?? .max),
                .optional(who),
                .optional(action),
                .integer(Int64(max(1, limit)))
            ) { row in
                var change = AuditedChange(row)
                let run = runs.last { $0.epoch == change.epoch }
                let stamp = Stamp(monotonic: .zero, wall: change.wall, clock: change.clock)
                if let corrected = run?.corrected(stamp) {
                    change.wall = corrected.wall
                    change.clock = corrected.clock
                }
                return change
            }
        }
    }

    /// What checking the chain came to.
    public struct AuditCheck: Hashable, Sendable {
        /// Entries looked at.
        public var entries: UInt64
        /// The end of the chain; nil: there is none.
        public var head: AuditHead?
        /// The first entry that is missing or is not what was written, and why; nil: all are right.
        public var firstBad: UInt64?
        public var fault: String?
    }

    /// Entries read in one go by a check, so that the log can be moved in between.
    private static let entriesPerRead: Int64 = 1000

    /// Computes every hash of the audit log again.
    ///
    /// A chain that was cut off at its end is whole in itself: compare `head` with what the
    /// gateway's health messages told upstream.
    public func checkAudit() throws(StoreFault) -> AuditCheck {
        var check = AuditCheck(entries: 0, head: nil, firstBad: nil, fault: nil)
        while true {
            let after = check.head?.entries ?? 0
            let changes = try reading {
                try archive.database.rows(
                    """
                    SELECT \(AuditedChange.columns) FROM audit WHERE sequence > ?
                    ORDER BY sequence LIMIT \(JournalReader.entriesPerRead)
                    """,
                    .integer(Int64(clamping: after))
                ) { AuditedChange($0) }
            }
            if changes.isEmpty { return check }
            for change in changes {
                let wanted = (check.head?.entries ?? 0) + 1
                if change.sequence != wanted {
                    check.firstBad = wanted
                    check.fault = "entry \(wanted) is missing"
                    return check
                }
                if change.hash != change.hash(after: check.head?.hash ?? AuditedChange.origin) {
                    check.firstBad = wanted
                    check.fault = "entry \(wanted) is not what was written"
                    return check
                }
                check.entries += 1
                check.head = change.head
            }
        }
    }
}
