import Alerts
import Foundation
import GatewayCore
import Runtime
import Signal

/// The one that writes: its connection is the only one that changes or checkpoints the file.
///
/// Not for sharing: it lives on the journal's thread.
final class Writer {
    /// The bounds of its work, by name.
    struct Tuning {
        /// Disk taken up beforehand, for the day it is full: even deleting needs room.
        var ballastBytes: Int64 = 32 << 20
        /// Frames in the log at which it is moved into the database.
        var checkpointFrames = 990
        /// Stored time between two flushes of rollups, marks and time index.
        var flushEvery: Nanoseconds = .seconds(300)
        /// Readings between two flushes at the most: what a start may have to read back.
        var flushReadings = 500_000
        /// Rows pruned in one commit at the most.
        var prunedPerCommit = 64
        /// Commits between two looks at the quota and the ballast.
        var housekeepingEvery = 16
        /// Stored time whose minutes are made anew in one step after a correction of the clock.
        var rebuildMinutes: Int64 = 10
    }

    struct MarkKey: Hashable {
        var connection: UInt64
        var stream: StoreStream
        var run: UInt64
    }

    let archive: Archive
    let files: StoreFile
    let settings: JournalSettings
    let tuning: Tuning
    let insertBlock: Statement
    /// Why nothing more may be written by this process.
    var death: StoreFault?

    var runs: [RunInfo] = []
    /// Connections by name, all that were ever seen; those that must have a reading before it goes.
    var connections: [String: UInt64] = [:]
    var owed: Set<UInt64> = []
    var marks: [MarkKey: StoredMark] = [:]
    var unflushedMarks: Set<MarkKey> = []

    /// Everything stored and not yet flushed.
    var pending = Pending()
    var trainer = CodebookTrainer()
    var book = Codebook.empty

    /// Gaps to tell with the next answer.
    var untold: [GapRecord] = []
    var toldDamage: Set<RowKey> = []
    var hasBallast = false
    var isStarved = false
    var commits = 0
    /// Whether there may be rows to prune; looked for after each flush.
    var mayPrune = true
    var rollupCursor: Int64 = 0
    var oldest: Position?
    /// The end of the audit chain.
    var auditHead: AuditHead?

    /// What was stored since the last flush.
    struct Pending {
        var minutes = MinuteRollups()
        var segment: Segment?
        /// Monotonic times covered.
        var from: Int64 = .max
        var to: Int64 = .min
    }

    /// Opens the connection and makes sure of the tables.
    init(
        _ files: StoreFile,
        settings: JournalSettings,
        tuning: Tuning
    ) throws {
        let isNew = !files.exists
        let database = try Database(path: files.path, mode: .readWrite)
        try Schema.prepare(database, isNew: isNew)
        insertBlock = try database.prepare("INSERT INTO block(key, body) VALUES(?,?)")
        archive = try Archive(database)
        self.files = files
        self.settings = settings
        self.tuning = tuning
        chmod(files.path, 0o600)
    }

    /// Reads back what is needed to go on; what was stored since the last flush is rolled up again.
    func begin(connections names: [String]) throws -> StoreOpening {
        try archive.database.transaction {
            for name in names {
                try archive.database.run(
                    "INSERT OR IGNORE INTO connection(name) VALUES(?)",
                    .text(name)
                )
            }
            // Something is now in the log: from here on a missing log means damage.
            try archive.database.run(
                "INSERT OR IGNORE INTO state(name, body) VALUES('flushed', 0)"
            )
            try archive.database.run(
                "INSERT OR REPLACE INTO state(name, body) VALUES('opened', ?)",
                .integer(wallNow())
            )
        }
        StoreFile.mark(files.openMark)
        for (name, id) in try archive.database.rows(
            "SELECT name, id FROM connection",
            row: { ($0.text(0), $0.unsigned(1)) }
        ) { connections[name] = id }
        owed = Set(names.compactMap { connections[$0] })
        runs = try archive.runs()
        try readMarks()
        try replay()
        for index in runs.indices {
            let last = try archive.database.integer(
                "SELECT ifnull(max(key), 0) FROM record WHERE key BETWEEN ? AND ?",
                .integer(RowKey(run: runs[index].number, sequence: 0).rowid),
                .integer(RowKey(run: runs[index].number, sequence: .max).rowid)
            )
            if last > 0 {
                runs[index].lastRecord = max(
                    runs[index].lastRecord,
                    RowKey(rowid: last).sequence
                )
            }
        }
        untold = try archive.database.rows("SELECT body FROM gap ORDER BY id") { $0.text(0) }
            .compactMap { RecordRow.decode($0)?.gap }
        try findOldest()
        hasBallast = files.makeBallast(bytes: tuning.ballastBytes)
        return try opening(names)
    }

    private func opening(_ names: [String]) throws -> StoreOpening {
        var opening = StoreOpening()
        opening.epochs = runs.map {
            .init(epoch: $0.epoch, lastReading: $0.lastReading, lastRecord: $0.lastRecord)
        }
        let named = Dictionary(uniqueKeysWithValues: connections.map { ($0.value, $0.key) })
        let epochs = Dictionary(uniqueKeysWithValues: runs.map { ($0.number, $0.epoch) })
        opening.delivery = marks.values.compactMap { mark in
            guard owed.contains(mark.connection), let name = named[mark.connection],
                let epoch = epochs[mark.run]
            else { return nil }
            return DeliveryMark(
                connection: name,
                stream: mark.stream,
                epoch: epoch,
                floor: mark.floor,
                ranges: mark.ranges
            )
        }.sorted { ($0.epoch, $0.connection) < ($1.epoch, $1.connection) }
        let byNumber = Dictionary(uniqueKeysWithValues: runs.map { ($0.number, $0) })
        opening.openAlerts = try archive.database.rows(
            """
            SELECT r.key, r.monotonic, r.wall, r.clock, r.body, r.checksum
            FROM open_alert o JOIN record r ON r.key = o.record ORDER BY r.key
            """
        ) { row -> AlertTransition? in
            guard let run = byNumber[RowKey(rowid: row.integer(0)).run],
                case .alert(let transition)? = RecordRow.decode(row, run: run)?.body
            else { return nil }
            return transition
        }.compactMap { $0 }
        opening.detectorState = try archive.database.first(
            "SELECT body FROM state WHERE name='detectors'",
            row: { $0.blob(0) }
        )
        opening.models = try archive.modelsInUse()
        opening.calibrations = try archive.latestCalibrations()
        opening.baselines = try archive.latestBaselines()
        return opening
    }

    private func readMarks() throws {
        let known = Set(runs.map(\.number))
        for body in try archive.database.rows("SELECT body FROM delivery", row: { $0.blob(0) }) {
            guard let payload = try? Sealed.open(body, key: 0) else { continue }
            var reader = ByteReader(payload)
            if let mark = try? StoredMark(&reader), known.contains(mark.run) { note(mark) }
        }
        unflushedMarks = []
    }

    func note(_ mark: StoredMark) {
        let key = MarkKey(connection: mark.connection, stream: mark.stream, run: mark.run)
        marks[key] = mark
        unflushedMarks.insert(key)
    }

    /// Takes in the rows after the last flush.
    private func replay() throws {
        let from = RowKey(rowid: try archive.flushedThrough().rowid + 1)
        try archive.eachRow(from...RowKey(rowid: .max)) { row in
            guard let index = runs.firstIndex(where: { $0.number == row.key.run }) else {
                return true
            }
            do {
                let block = try archive.decode(row)
                if let segment = pending.segment, segment.first.run != row.key.run {
                    try archive.database.transaction { try flush() }
                    flushed()
                }
                for mark in block.marks { note(mark) }
                runs[index].lastReading = max(runs[index].lastReading, block.last)
                take(block, bytes: row.body.count, codebook: try Block.header(of: row).codebook)
            } catch is Undecodable {
                runs[index].lastReading = max(runs[index].lastReading, row.key.sequence)
            }
            return true
        }
    }

    /// Adds a stored block to what waits for the next flush.
    func take(_ block: Block, bytes: Int, codebook: UInt64) {
        guard !block.readings.isEmpty, let run = runs.first(where: { $0.number == block.key.run })
        else { return }
        var segment =
            pending.segment
            ?? Segment(first: block.key, last: block.key, lastSequence: 0, codebook: codebook)
        segment.last = block.key
        segment.lastSequence = block.last
        segment.readings += UInt64(block.readings.count)
        segment.bytes += UInt64(bytes)
        var last: Stamp?
        var civil: WallTime?
        for reading in block.readings {
            let stamp = reading.reading.stamp
            if stamp != last {
                last = stamp
                segment.add(stamp)
                civil = run.civil(stamp)
                pending.from = min(pending.from, stamp.monotonic.nanoseconds)
                pending.to = max(pending.to, stamp.monotonic.nanoseconds)
            }
            if let civil, reading.reading.instrument.rawValue <= RollupKey.mostInstrument {
                pending.minutes.add(reading.reading, at: civil)
            }
        }
        pending.segment = segment
    }

    func findOldest() throws {
        let key = try archive.database.integer("SELECT ifnull(min(key), -1) FROM block")
        guard key >= 0, let run = runs.first(where: { $0.number == RowKey(rowid: key).run }) else {
            oldest = nil
            return
        }
        oldest = Position(epoch: run.epoch, sequence: RowKey(rowid: key).sequence)
    }

    /// Flushes, empties the log and forgets that the journal is open.
    func end() {
        if death == nil {
            do {
                try archive.database.transaction { try flush() }
                flushed()
                StoreFile.unmark(files.openMark)
                try archive.database.checkpoint(.emptying)
            } catch {
                // The log keeps what could not be moved; the next start reads it.
            }
        }
    }
}

extension Block {
    static func header(of row: Archive.Row) throws(Undecodable) -> BlockHeader {
        try header(of: row.body, key: row.key)
    }
}

extension RecordBody {
    var gap: GapRecord? {
        if case .gap(let gap) = self { return gap }
        return nil
    }
}
