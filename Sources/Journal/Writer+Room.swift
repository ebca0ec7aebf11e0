import GatewayCore
import Signal

extension Writer {
    private var pageBytes: Int64 { Int64(Schema.pageBytes) }

    /// Frames at which the log is moved: fewer where the quota is small.
    private var checkpointFrames: Int {
        Int(clamping: min(Int64(tuning.checkpointFrames), max(32, settings.quotaBytes / 16_384)))
    }

    /// After a commit: checkpoints, retention, quota and ballast, each in its turn and bounded.
    func keepHouse(now: WallTime?) throws {
        commits += 1
        let frames = archive.database.logFrames
        if frames >= checkpointFrames {
            // Readers are short; if one is not, the log grows only so far.
            try archive.database.checkpoint(
                frames >= 8 * checkpointFrames ? .complete : .passive
            )
        }
        if let now, mayPrune { mayPrune = try pruneAged(now) }
        if commits % tuning.housekeepingEvery == 0 {
            if !hasBallast { hasBallast = files.makeBallast(bytes: tuning.ballastBytes) }
            if hasBallast { isStarved = false }
        }
        try keepQuota()
    }

    /// Refuses to grow into the last of a full disk, which checkpoints and deletes need: then only
    /// what was freed inside the database is used. The reserve is half the ballast, or an eighth of
    /// a disk too small for that: there, more may never be free.
    func checkReserve() throws {
        guard isStarved, let free = files.freeBytes, let disk = files.diskBytes,
            free < min(tuning.ballastBytes / 2, disk / 8)
        else { return }
        let pages = try archive.database.integer("PRAGMA freelist_count")
        guard pages * pageBytes >= Writer.leastFree else { throw StoreFault.full }
    }

    /// Free bytes inside the database that any commit is content with.
    private static let leastFree: Int64 = 64 << 10

    /// The disk is full: gives the ballast back, which is what even a delete needs, and then old
    /// rows that everybody has.
    func makeRoom() throws {
        isStarved = true
        if hasBallast {
            files.dropBallast()
            hasBallast = false
        }
        try archive.database.checkpoint(.complete)
        for _ in 0..<8 { guard try prune(.delivered) > 0 else { return } }
    }

    /// Bytes in use: pages that hold something, and the log.
    private func usedBytes() throws -> Int64 {
        let pages = try archive.database.integer("PRAGMA page_count")
        let free = try archive.database.integer("PRAGMA freelist_count")
        return (pages - free) * pageBytes + StoreFile.size(files.log)
    }

    /// Above the quota, what is oldest goes: readings while they take more than half of it, then
    /// rollups by the minute and by the hour; records never.
    private func keepQuota() throws {
        guard try usedBytes() > settings.quotaBytes else { return }
        let segments = try archive.database.rows("SELECT key, body FROM segment") {
            try? Segment($0.blob(1), key: RowKey(rowid: $0.integer(0)))
        }
        let raw = segments.reduce(Int64(0)) { $0 &+ Int64(clamping: $1?.bytes ?? 0) }
        if raw < settings.quotaBytes / 2 {
            for level in [RollupLevel.minute, .hour] {
                if try trim(level) { return }
            }
        }
        if try prune(.quota) == 0, pending.segment != nil {
            try archive.database.transaction { try flush() }
            flushed()
            _ = try prune(.quota)
        }
    }

    // MARK: Readings

    enum PruneReason {
        /// Taken before this time, and delivered.
        case aged(WallTime)
        /// Delivered, whatever the age.
        case delivered
        /// Delivered or not.
        case quota
    }

    /// Removes rows from the oldest on, at most `tuning.prunedPerCommit`, of those that are rolled
    /// up; tells how many.
    func prune(_ reason: PruneReason) throws -> Int {
        let segments = try archive.database.rows(
            "SELECT key, body FROM segment ORDER BY key LIMIT 16"
        ) {
            (
                RowKey(rowid: $0.integer(0)),
                try? Segment($0.blob(1), key: RowKey(rowid: $0.integer(0)))
            )
        }
        guard let (key, found) = segments.first else { return 0 }
        guard let segment = found else {
            // A damaged entry of the index: its rows stay findable by number.
            try archive.database.run("DELETE FROM segment WHERE key=?", .integer(key.rowid))
            return 1
        }
        if case .aged(let limit) = reason, !isAged(segments.compactMap(\.1), limit) { return 0 }
        let keys = try archive.database.rows(
            "SELECT key FROM block WHERE key <= ? ORDER BY key LIMIT ?",
            .integer(segment.last.rowid),
            .integer(Int64(tuning.prunedPerCommit) + 1)
        ) { RowKey(rowid: $0.integer(0)) }
        var gone = 0
        var lost: ClosedRange<RowKey>?
        while gone < min(keys.count, tuning.prunedPerCommit) {
            let first = keys[gone]
            let end =
                gone + 1 < keys.count && keys[gone + 1].run == first.run
                ? keys[gone + 1].sequence - 1 : segment.lastSequence
            let range = first.sequence...max(first.sequence, end)
            if first.run == segment.first.run, let missing = undelivered(first.run, range) {
                guard case .quota = reason else { break }
                let from = RowKey(run: first.run, sequence: missing.lowerBound)
                let to = RowKey(run: first.run, sequence: missing.upperBound)
                lost = (lost?.lowerBound ?? from)...to
            }
            gone += 1
        }
        let isWhole = gone == keys.count
        guard gone > 0 || isWhole else { return 0 }
        let gap = try lost.flatMap { try self.gap($0, cause: .quota) }
        try archive.database.transaction {
            if gone > 0 {
                try archive.database.run(
                    "DELETE FROM block WHERE key <= ?",
                    .integer(keys[gone - 1].rowid)
                )
            }
            try archive.database.run(
                "DELETE FROM segment WHERE key=?",
                .integer(segment.first.rowid)
            )
            if !isWhole {
                var rest = segment
                rest.first = keys[gone]
                let removed = min(
                    segment.readings,
                    rest.first.sequence &- segment.first.sequence
                )
                rest.readings -= removed
                let share = Double(rest.readings) / Double(max(1, segment.readings))
                rest.bytes = UInt64(Double(segment.bytes) * share)
                try archive.database.run(
                    "INSERT INTO segment(key, body) VALUES(?,?)",
                    .integer(rest.first.rowid),
                    .blob(rest.encoded())
                )
            }
            if let gap { try tell(gap) }
            try archive.database.run(
                "DELETE FROM codebook WHERE id < ?",
                .unsigned(segment.codebook)
            )
            if isWhole { try forgetRuns() }
        }
        try findOldest()
        return max(gone, 1)
    }

    /// Whether the first of `segments` lies before `limit`: by its own times, or by those of the
    /// next one whose times are certain, for order is never in doubt.
    private func isAged(_ segments: [Segment], _ limit: WallTime) -> Bool {
        for segment in segments {
            let run = runs.first { $0.number == segment.first.run }
            guard let span = segment.span(run, certain: true) else { continue }
            return span.upperBound < limit.nanosecondsSince1970
        }
        return false
    }

    /// The part of a range that some connection still wants; nil: none.
    ///
    /// A connection without a mark for an earlier run is not owed it: it joined later.
    private func undelivered(
        _ run: UInt64,
        _ range: ClosedRange<UInt64>,
        stream: StoreStream = .readings
    ) -> ClosedRange<UInt64>? {
        var missing: ClosedRange<UInt64>?
        for connection in owed {
            let key = MarkKey(connection: connection, stream: stream, run: run)
            let mark = marks[key]
            if mark == nil, run != runs.last?.number { continue }
            let ranges = mark?.ranges ?? []
            var from = max(range.lowerBound, (mark?.floor ?? 0) &+ 1)
            var to = range.upperBound
            for delivered in ranges where delivered.contains(from) {
                from = delivered.upperBound &+ 1
            }
            for delivered in ranges.reversed() where delivered.contains(to) {
                to = delivered.lowerBound &- 1
            }
            guard from <= to, from > 0 else { continue }
            missing = min(missing?.lowerBound ?? from, from)...max(missing?.upperBound ?? to, to)
        }
        return missing
    }

    /// A gap over stored rows, with the times of its ends where they can be read.
    func gap(_ keys: ClosedRange<RowKey>, cause: GapRecord.Cause) throws -> GapRecord? {
        guard let run = runs.first(where: { $0.number == keys.lowerBound.run }) else { return nil }
        func time(_ key: RowKey) throws -> WallTime? {
            guard let holder = try archive.rowKey(holding: key), holder.run == key.run,
                let row = try archive.rows(holder...holder, limit: 1).first,
                let block = try? archive.decode(row),
                let reading = block.readings.first(where: { $0.sequence >= key.sequence })
            else { return nil }
            return run.civil(reading.reading.stamp)
        }
        return GapRecord(
            epoch: run.epoch,
            first: keys.lowerBound.sequence,
            last: keys.upperBound.sequence,
            from: try time(keys.lowerBound),
            to: try time(keys.upperBound),
            cause: cause
        )
    }

    /// Keeps a gap until it is on record, and tells it with the next answer.
    func tell(_ gap: GapRecord) throws {
        try archive.database.run(
            "INSERT INTO gap(body) VALUES(?)",
            .text(try RecordRow.encode(.gap(gap)))
        )
        untold.append(gap)
    }

    /// Forgets runs that hold nothing any more, but never the newest.
    private func forgetRuns() throws {
        for run in runs.dropLast().prefix(16) {
            let from = SQLValue.integer(RowKey(run: run.number, sequence: 0).rowid)
            let to = SQLValue.integer(RowKey(run: run.number, sequence: .max).rowid)
            let held = try archive.database.integer(
                """
                SELECT EXISTS(SELECT 1 FROM block WHERE key BETWEEN ?1 AND ?2)
                  OR EXISTS(SELECT 1 FROM record WHERE key BETWEEN ?1 AND ?2)
                """,
                from,
                to
            )
            guard held == 0 else { return }
            let number = SQLValue.unsigned(run.number)
            try archive.database.run("DELETE FROM run WHERE number=?", number)
            try archive.database.run("DELETE FROM delivery WHERE run=?", number)
            runs.removeAll { $0.number == run.number }
            marks = marks.filter { $0.key.run != run.number }
            unflushedMarks = unflushedMarks.filter { $0.run != run.number }
        }
    }

    // MARK: Retention

    private static let day: Int64 = 86_400_000_000_000

    private static func limit(_ now: WallTime, days: Int?) -> WallTime? {
        days.map { now + Nanoseconds(-day) * $0 }
    }

    /// One step of everything that goes by age; false when nothing is left to do for now.
    private func pruneAged(_ now: WallTime) throws -> Bool {
        var isBusy = false
        if let limit = Writer.limit(now, days: settings.rawDays) {
            isBusy = try prune(.aged(limit)) > 0
        }
        if !isBusy {
            try pruneRecords(now)
            try trimAged(now)
        }
        return isBusy
    }

    /// Rollups beyond their days: a few instruments at each call, round and round.
    private func trimAged(_ now: WallTime) throws {
        for (level, days) in [
            (RollupLevel.minute, settings.minuteDays), (.hour, settings.hourDays),
            (.day, settings.dayDays),
        ] {
            guard let limit = Writer.limit(now, days: days) else { continue }
            let row = level.row(of: level.bucket(of: limit))
            guard row > 0 else { continue }
            let all = try instruments(level)
            guard !all.isEmpty else { continue }
            for step in 0..<min(8, all.count) {
                let instrument = all[Int(rollupCursor + Int64(step)) % all.count]
                guard let from = RollupKey.key(level, instrument, row: 0),
                    let to = RollupKey.key(level, instrument, row: row - 1)
                else { continue }
                try archive.database.run(
                    "DELETE FROM rollup WHERE key BETWEEN ? AND ?",
                    .integer(from),
                    .integer(to)
                )
            }
        }
        rollupCursor = (rollupCursor + 8) % 1_000_000
    }

    /// Removes the oldest row of every instrument that has more than one; false: none has.
    private func trim(_ level: RollupLevel) throws -> Bool {
        var oldest: Int64 = .max
        var ranges: [(Int64, Int64)] = []
        for instrument in try instruments(level) {
            guard let from = RollupKey.key(level, instrument, row: 0),
                let to = RollupKey.key(level, instrument, row: 1 << 32 - 1)
            else { continue }
            let rows = try archive.database.rows(
                "SELECT key FROM rollup WHERE key BETWEEN ? AND ? ORDER BY key LIMIT 2",
                .integer(from),
                .integer(to)
            ) { RollupKey.row(of: $0.integer(0)) }
            guard rows.count == 2 else { continue }
            oldest = min(oldest, rows[0])
            ranges.append((from, from + rows[0]))
        }
        guard !ranges.isEmpty else { return false }
        try archive.database.transaction {
            for (from, to) in ranges where RollupKey.row(of: to) <= oldest {
                try archive.database.run(
                    "DELETE FROM rollup WHERE key BETWEEN ? AND ?",
                    .integer(from),
                    .integer(to)
                )
            }
        }
        return true
    }

    /// Records go when they are older than hourly rollups, everybody has them, and no alert that
    /// is still open stands on them.
    private func pruneRecords(_ now: WallTime) throws {
        guard let limit = Writer.limit(now, days: settings.hourDays) else { return }
        let old = try archive.database.rows(
            """
            SELECT key, wall, clock FROM record
            WHERE key NOT IN (SELECT record FROM open_alert) ORDER BY key LIMIT 64
            """
        ) { (RowKey(rowid: $0.integer(0)), $0.integer(1), $0.integer(2)) }
        for (key, wall, clock) in old {
            guard let run = runs.first(where: { $0.number == key.run }),
                let clock = ClockState(rawValue: UInt8(clamping: clock))
            else { continue }
            let stamp = Stamp(
                monotonic: .zero,
                wall: WallTime(nanosecondsSince1970: wall),
                clock: clock
            )
            guard let time = run.civil(stamp), time < limit,
                undelivered(key.run, key.sequence...key.sequence, stream: .records) == nil
            else { return }
            try archive.database.run("DELETE FROM record WHERE key=?", .integer(key.rowid))
        }
    }
}
