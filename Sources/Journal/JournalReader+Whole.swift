import GatewayCore
import Signal

// What goes over the whole journal: figures, checks, exports.

extension JournalReader {
    /// The journal in numbers.
    public struct Statistics: Sendable {
        public var databaseBytes: Int64
        public var logBytes: Int64
        public var rows: Int64
        public var readings: Int64
        public var records: Int64
        public var openAlerts: Int64
        /// Runs that still hold something, oldest first: epoch and readings.
        public var runs: [(epoch: UInt64, readings: Int64)]
        /// Civil times of the oldest and newest reading, where they are known.
        public var from: WallTime?
        public var to: WallTime?
        /// Stored rows of rollups: by the minute, the hour, the day.
        public var rollups: [Int64]
    }

    /// What `verify` found.
    public struct Verification: Sendable {
        public var rows: Int64 = 0
        public var readings: Int64 = 0
        public var records: Int64 = 0
        /// Each fault in words; empty where the journal is whole.
        public var faults: [String] = []
    }

    /// The journal in numbers.
    public func statistics() throws(StoreFault) -> Statistics {
        try reading {
            let runs = try archive.runs()
            let byNumber = Dictionary(uniqueKeysWithValues: runs.map { ($0.number, $0) })
            var held: [UInt64: Int64] = [:]
            var from: Int64?
            var to: Int64?
            func note(_ segment: Segment) {
                held[segment.first.run, default: 0] += Int64(clamping: segment.readings)
                guard let span = segment.span(byNumber[segment.first.run]) else { return }
                from = min(from ?? span.lowerBound, span.lowerBound)
                to = max(to ?? span.upperBound, span.upperBound)
            }
            for segment in try archive.database.rows(
                "SELECT key, body FROM segment ORDER BY key",
                row: { try? Segment($0.blob(1), key: RowKey(rowid: $0.integer(0))) }
            ) { if let segment { note(segment) } }
            let tail = RowKey(rowid: try archive.flushedThrough().rowid + 1)
            try archive.eachRow(tail...RowKey(rowid: .max)) { row in
                guard let block = try? archive.decode(row) else { return true }
                var segment = Segment(
                    first: row.key,
                    last: row.key,
                    lastSequence: block.last,
                    codebook: 0
                )
                segment.readings = UInt64(block.readings.count)
                for entry in block.readings { segment.add(entry.reading.stamp) }
                note(segment)
                return true
            }
            return Statistics(
                databaseBytes: StoreFile.size(path),
                logBytes: StoreFile.size(path + "-wal"),
                rows: try archive.database.integer("SELECT count(*) FROM block"),
                readings: held.values.reduce(0, +),
                records: try archive.database.integer("SELECT count(*) FROM record"),
                openAlerts: try archive.database.integer("SELECT count(*) FROM open_alert"),
                runs: runs.compactMap { run in held[run.number].map { (run.epoch, $0) } },
                from: from.map(WallTime.init(nanosecondsSince1970:)),
                to: to.map(WallTime.init(nanosecondsSince1970:)),
                rollups: try RollupLevel.allCases.map { level in
                    guard let first = RollupKey.key(level, 0, row: 0) else { return 0 }
                    return try archive.database.integer(
                        "SELECT count(*) FROM rollup WHERE key BETWEEN ? AND ?",
                        .integer(first),
                        .integer(first | (1 << 60 - 1))
                    )
                }
            )
        }
    }

    /// Checks everything: SQLite's own structure, each row's checksum, and that no sequence is
    /// missing between rows of a run. Takes as long as reading the file takes.
    public func verify() throws(StoreFault) -> Verification {
        do {
            var found = Verification()
            let structure = try archive.database.first("PRAGMA quick_check(1)") { $0.text(0) }
            if let structure, structure != "ok" { found.faults.append("structure: \(structure)") }
            let runs = try archive.runs()
            var next: RowKey?
            try archive.eachRow(RowKey(rowid: 0)...RowKey(rowid: .max)) { row in
                found.rows += 1
                let name = "run \(row.key.run), row at \(row.key.sequence)"
                if let next, next.run == row.key.run, next != row.key {
                    found.faults.append("\(name): begins there instead of at \(next.sequence)")
                }
                next = nil
                do {
                    let block = try archive.decode(row)
                    found.readings += Int64(block.readings.count)
                    next = RowKey(run: row.key.run, sequence: block.last + 1)
                } catch let error as Undecodable {
                    found.faults.append("\(name): \(error.what)")
                }
                return true
            }
            for run in runs {
                let first = RowKey(run: run.number, sequence: 0).rowid
                let last = RowKey(run: run.number, sequence: .max).rowid
                let faults = try archive.database.rows(
                    """
                    SELECT key, monotonic, wall, clock, body, checksum FROM record
                    WHERE key BETWEEN ? AND ? ORDER BY key
                    """,
                    .integer(first),
                    .integer(last)
                ) { row -> String? in
                    found.records += 1
                    guard RecordRow.decode(row, run: run) == nil else { return nil }
                    let sequence = RowKey(rowid: row.integer(0)).sequence
                    return "run \(run.number), record \(sequence): damaged"
                }
                found.faults += faults.compactMap { $0 }
            }
            return found
        } catch {
            throw error as? StoreFault ?? .other("\(error)")
        }
    }

    /// Calls `body` for every reading stored, oldest row first, until it answers false.
    ///
    /// Readings whose time nobody knows, for the clock was never set, are given where no limit is.
    /// - from, to: limits by civil time, both included; nil: all.
    public func forEachReading(
        from: WallTime? = nil,
        to: WallTime? = nil,
        _ body: (Row) throws -> Bool
    ) throws {
        let runs = try archive.runs()
        try archive.eachRow(RowKey(rowid: 0)...RowKey(rowid: .max)) { row in
            guard let run = runs.last(where: { $0.number == row.key.run }),
                let block = try? archive.decode(row)
            else { return true }
            for entry in block.readings {
                if from != nil || to != nil {
                    guard let at = run.civil(entry.reading.stamp) else { continue }
                    if let from, at < from { continue }
                    if let to, to < at { continue }
                }
                guard try body(self.row(entry, of: run)) else { return false }
            }
            return true
        }
    }
}
