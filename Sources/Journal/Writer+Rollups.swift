import GatewayCore
import Signal

extension Writer {
    /// Whether what waits must go to the tables before `commit` is written.
    func mustFlush(before commit: Commit, in run: RunInfo) -> Bool {
        guard let segment = pending.segment else { return false }
        return segment.first.run != run.number || commit.detectorState != nil
            || segment.readings >= UInt64(tuning.flushReadings)
            || Nanoseconds(pending.to) - Nanoseconds(pending.from) >= tuning.flushEvery
    }

    /// Moves what waits to the tables. Inside a transaction; once that is through, `flushed`.
    func flush() throws {
        for key in unflushedMarks {
            if let mark = marks[key] { try save(mark) }
        }
        for run in runs.suffix(2) {
            try archive.database.run(
                "UPDATE run SET last_reading=?, last_record=? WHERE number=?",
                .unsigned(run.lastReading),
                .unsigned(run.lastRecord),
                .unsigned(run.number)
            )
        }
        guard let segment = pending.segment else { return }
        var minutes = pending.minutes
        for (minute, rollups) in minutes.all() { try stage(.minute, minute, rollups) }
        try archive.database.run(
            "INSERT INTO segment(key, body) VALUES(?,?)",
            .integer(segment.first.rowid),
            .blob(segment.encoded())
        )
        try archive.database.run(
            "INSERT OR REPLACE INTO state(name, body) VALUES('flushed', ?)",
            .integer(segment.last.rowid)
        )
        for level in RollupLevel.allCases { try sealComplete(level) }
    }

    /// What was flushed is in the tables for good.
    func flushed() {
        pending = Pending()
        unflushedMarks = []
        mayPrune = true
    }

    // MARK: Staging and sealing

    /// Adds to a bucket that waits for its row to be complete.
    private func stage(
        _ level: RollupLevel,
        _ bucket: Int64,
        _ rollups: [UInt32: Rollup]
    ) throws {
        guard let key = RollupKey.staged(level, bucket: bucket) else { return }
        let stored = try archive.database.first(
            "SELECT body FROM staged WHERE key=?",
            .integer(key),
            row: { $0.blob(0) }
        )
        var merged = stored.flatMap { try? StagedRollups.decode($0, key: key) } ?? [:]
        for (instrument, rollup) in rollups {
            if merged[instrument]?.merge(rollup) == nil { merged[instrument] = rollup }
        }
        try archive.database.run(
            "INSERT OR REPLACE INTO staged(key, body) VALUES(?,?)",
            .integer(key),
            .blob(StagedRollups.encode(merged, key: key))
        )
    }

    /// Rows sealed in one flush at the most, per level.
    private static let sealedPerFlush = 2

    /// Seals the rows that the clock has left behind.
    private func sealComplete(_ level: RollupLevel) throws {
        guard let base = RollupKey.staged(level, bucket: 0) else { return }
        let newest = try archive.database.first(
            "SELECT key FROM staged WHERE key BETWEEN ? AND ? ORDER BY key DESC LIMIT 1",
            .integer(base),
            .integer(base | (1 << 32 - 1)),
            row: { $0.integer(0) }
        )
        guard let newest else { return }
        let row = level.row(of: RollupKey.bucket(ofStaged: newest))
        for _ in 0..<Writer.sealedPerFlush {
            guard try sealOldest(level, before: row * level.bucketsPerRow) else { return }
        }
    }

    /// Seals everything that waits, complete or not.
    func sealAll() throws {
        for level in RollupLevel.allCases {
            while try sealOldest(level, before: 1 << 32) {}
        }
    }

    /// Takes the oldest waiting buckets below `bucket` that share a row and moves them there: to
    /// one row per instrument. What they add goes on to the next coarser level. False: none.
    private func sealOldest(_ level: RollupLevel, before bucket: Int64) throws -> Bool {
        guard let base = RollupKey.staged(level, bucket: 0) else { return false }
        let waiting = try archive.database.rows(
            "SELECT key, body FROM staged WHERE key >= ? AND key < ? ORDER BY key LIMIT ?",
            .integer(base),
            .integer(base + bucket),
            .integer(level.bucketsPerRow)
        ) { (key: $0.integer(0), body: $0.blob(1)) }
        guard let first = waiting.first?.key else { return false }
        let row = level.row(of: RollupKey.bucket(ofStaged: first))
        var additions: [UInt32: [Int64: Rollup]] = [:]
        for (key, body) in waiting {
            let bucket = RollupKey.bucket(ofStaged: key)
            guard level.row(of: bucket) == row else { break }
            for (instrument, rollup) in (try? StagedRollups.decode(body, key: key)) ?? [:] {
                additions[instrument, default: [:]][bucket] = rollup
            }
            try archive.database.run("DELETE FROM staged WHERE key=?", .integer(key))
        }
        var sums: [UInt32: Rollup] = [:]
        for (instrument, buckets) in additions {
            var merged = try rollups(level, instrument, row: row)
            for (bucket, rollup) in buckets {
                if merged[bucket]?.merge(rollup) == nil { merged[bucket] = rollup }
                if sums[instrument]?.merge(rollup) == nil { sums[instrument] = rollup }
            }
            try save(merged, level, instrument, row: row)
        }
        if let coarser = level.coarser { try stage(coarser, row, sums) }
        return true
    }

    private func rollups(
        _ level: RollupLevel,
        _ instrument: UInt32,
        row: Int64
    ) throws -> [Int64: Rollup] {
        guard let key = RollupKey.key(level, instrument, row: row) else { return [:] }
        let body = try archive.database.first(
            "SELECT body FROM rollup WHERE key=?",
            .integer(key),
            row: { $0.blob(0) }
        )
        return body.flatMap { try? RollupRow.decode($0, row: row, level: level, key: key) } ?? [:]
    }

    private func save(
        _ buckets: [Int64: Rollup],
        _ level: RollupLevel,
        _ instrument: UInt32,
        row: Int64
    ) throws {
        guard let key = RollupKey.key(level, instrument, row: row) else { return }
        if buckets.isEmpty {
            try archive.database.run("DELETE FROM rollup WHERE key=?", .integer(key))
        } else {
            try archive.database.run(
                "INSERT OR REPLACE INTO rollup(key, body) VALUES(?,?)",
                .integer(key),
                .blob(RollupRow.encode(buckets, row: row, level: level, key: key))
            )
        }
    }

    /// The instruments that have rows at a level, ascending.
    func instruments(_ level: RollupLevel) throws -> [UInt32] {
        var found: [UInt32] = []
        var next: UInt32 = 0
        while let from = RollupKey.key(level, next, row: 0),
            let end = RollupKey.key(level, RollupKey.mostInstrument, row: 1 << 32 - 1),
            let key = try archive.database.first(
                "SELECT key FROM rollup WHERE key BETWEEN ? AND ? ORDER BY key LIMIT 1",
                .integer(from),
                .integer(end),
                row: { $0.integer(0) }
            )
        {
            found.append(RollupKey.instrument(of: key))
            next = RollupKey.instrument(of: key) + 1
        }
        return found
    }

    // MARK: Corrections of the clock

    /// Remembers what to add to the untrusted wall times of a run, and that the rollups of the
    /// times left and reached are to be made anew.
    func correct(epoch: UInt64, offset: Nanoseconds) throws {
        if let death { throw death }
        guard let index = runs.lastIndex(where: { $0.epoch == epoch }) else { return }
        let before = runs[index]
        guard before.offset != offset else { return }
        try archive.database.transaction {
            try flush()
            try archive.database.run(
                "UPDATE run SET clock_offset=? WHERE number=?",
                .integer(offset.count),
                .unsigned(before.number)
            )
            let segments = try archive.database.rows(
                "SELECT key, body FROM segment WHERE key BETWEEN ? AND ?",
                .integer(RowKey(run: before.number, sequence: 0).rowid),
                .integer(RowKey(run: before.number, sequence: .max).rowid)
            ) { try? Segment($0.blob(1), key: RowKey(rowid: $0.integer(0))) }
            for segment in segments.compactMap({ $0 }) {
                let spans =
                    segment.looseSpans(offset: before.offset) + segment.looseSpans(offset: offset)
                for span in spans { try rebuildLater(span) }
            }
        }
        flushed()
        runs[index].offset = offset
    }

    /// Notes a span of time, in whole minutes, joined with what overlaps.
    private func rebuildLater(_ span: ClosedRange<Int64>) throws {
        let minute = RollupLevel.minute
        var first = minute.bucket(of: WallTime(nanosecondsSince1970: span.lowerBound))
        var last = minute.bucket(of: WallTime(nanosecondsSince1970: span.upperBound))
        let overlapping = try archive.database.rows(
            "SELECT first, last FROM rebuild WHERE first <= ? AND last >= ?",
            .integer(last),
            .integer(first)
        ) { ($0.integer(0), $0.integer(1)) }
        for (from, to) in overlapping {
            first = min(first, from)
            last = max(last, to)
            try archive.database.run("DELETE FROM rebuild WHERE first=?", .integer(from))
        }
        try archive.database.run(
            "INSERT INTO rebuild(first, last) VALUES(?,?)",
            .integer(first),
            .integer(last)
        )
    }

    /// Makes some minutes anew from the readings; false when nothing is left to do.
    func rebuildStep() throws -> Bool {
        if let death { throw death }
        let next = try archive.database.first(
            "SELECT first, last FROM rebuild ORDER BY first LIMIT 1"
        ) { ($0.integer(0), $0.integer(1)) }
        guard let (first, last) = next else { return false }
        let until = min(last, first + tuning.rebuildMinutes - 1)
        try archive.database.transaction {
            try flush()
            try sealAll()
            try replace(first...until, with: try minutes(first...until))
            try archive.database.run("DELETE FROM rebuild WHERE first=?", .integer(first))
            if until < last {
                try archive.database.run(
                    "INSERT OR REPLACE INTO rebuild(first, last) VALUES(?,?)",
                    .integer(until + 1),
                    .integer(last)
                )
            }
        }
        flushed()
        return true
    }

    /// The rollups of all readings whose corrected time is in these minutes.
    private func minutes(_ range: ClosedRange<Int64>) throws -> [UInt32: [Int64: Rollup]] {
        let level = RollupLevel.minute
        let from = level.start(of: range.lowerBound).nanosecondsSince1970
        let end = level.start(of: range.upperBound + 1).nanosecondsSince1970 - 1
        guard from <= end else { return [:] }
        var found: [UInt32: [Int64: Rollup]] = [:]
        var segments = try archive.segments(over: from...end, runs: runs)
        if let last = pending.segment { segments.append(last) }
        for segment in segments {
            guard let run = runs.first(where: { $0.number == segment.first.run }) else { continue }
            try archive.eachRow(segment.first...segment.last) { row in
                for entry in (try? archive.decode(row))?.readings ?? [] {
                    let reading = entry.reading
                    guard let time = run.civil(reading.stamp),
                        (from...end).contains(time.nanosecondsSince1970)
                    else { continue }
                    let bucket = level.bucket(of: time)
                    let single = Rollup(reading.value, quality: reading.quality)
                    let id = reading.instrument.rawValue
                    if found[id]?[bucket]?.merge(single) == nil {
                        found[id, default: [:]][bucket] = single
                    }
                }
                return true
            }
        }
        return found
    }

    /// Puts new minutes in the place of the old, and makes their hours and days from them.
    private func replace(
        _ range: ClosedRange<Int64>,
        with minutes: [UInt32: [Int64: Rollup]]
    ) throws {
        let level = RollupLevel.minute
        let instruments = Set(try self.instruments(level)).union(minutes.keys)
        for instrument in instruments {
            for hour in level.row(of: range.lowerBound)...level.row(of: range.upperBound) {
                var row = try rollups(level, instrument, row: hour)
                let before = row
                row = row.filter { !range.contains($0.key) }
                for (bucket, rollup) in minutes[instrument] ?? [:]
                where level.row(of: bucket) == hour { row[bucket] = rollup }
                guard row != before else { continue }
                try save(row, level, instrument, row: hour)
                try carry(row, from: level, instrument, row: hour)
            }
        }
    }

    /// Sets the coarser bucket that `row` is made into, and so on up.
    private func carry(
        _ buckets: [Int64: Rollup],
        from level: RollupLevel,
        _ instrument: UInt32,
        row: Int64
    ) throws {
        guard let coarser = level.coarser else { return }
        var sum: Rollup?
        for rollup in buckets.values { if sum?.merge(rollup) == nil { sum = rollup } }
        var above = try rollups(coarser, instrument, row: coarser.row(of: row))
        above[row] = sum
        try save(above, coarser, instrument, row: coarser.row(of: row))
        try carry(above, from: coarser, instrument, row: coarser.row(of: row))
    }
}
