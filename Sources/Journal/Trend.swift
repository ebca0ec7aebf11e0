import GatewayCore
import Signal

/// One point of a trend: what the readings of a stretch of time came to.
public struct TrendPoint: Hashable, Sendable {
    /// When the stretch begins.
    public var at: WallTime
    /// Count, lowest, highest, mean and worst quality.
    public var rollup: Rollup
}

/// A trend ready to be drawn.
public struct Trend: Sendable {
    /// What the points are made of; nil: of the readings themselves.
    public var level: RollupLevel?
    /// Width of a point; zero where every point is a reading.
    public var width: Nanoseconds
    /// Ascending; stretches without readings are left out.
    public var points: [TrendPoint]
}

extension JournalReader {
    /// Readings of all instruments decoded for one trend at the most: about a tenth of a second.
    static let rawReadingsPerTrend: UInt64 = 60_000

    /// An instrument's values from `from` up to but not including `to` in at most `points` points.
    ///
    /// Made of the readings themselves where these are few, else of the coarsest rollups that are
    /// fine enough, and of coarser ones for the times whose fine ones are gone. Lowest and highest
    /// are always those of all readings: no peak is lost.
    public func trend(
        instrument: InstrumentID,
        from: WallTime,
        to: WallTime,
        points: Int
    ) throws(StoreFault) -> Trend {
        try reading {
            guard from < to, points > 0 else { return Trend(level: nil, width: .zero, points: []) }
            let wanted = ((to - from).count / Int64(points)).magnitude
            let minute = RollupLevel.minute.width.count.magnitude
            if wanted < 2 * minute, let raw = try raw(instrument, from: from, to: to, points) {
                return raw
            }
            let level = RollupLevel.allCases.last { $0.width.count.magnitude <= wanted } ?? .minute
            let buckets = try rollups(level, instrument, from: from, to: to)
            // Points are whole buckets, so that none is counted in two.
            let perPoint = Int64(
                clamping: (wanted + level.width.count.magnitude - 1) / level.width.count.magnitude
            )
            let first = level.bucket(of: from)
            var joined: [Int64: Rollup] = [:]
            for (bucket, rollup) in buckets {
                let index = (bucket - first) / max(1, perPoint)
                if joined[index]?.merge(rollup) == nil { joined[index] = rollup }
            }
            return Trend(
                level: level,
                width: level.width * Int(clamping: max(1, perPoint)),
                points: joined.sorted { $0.key < $1.key }.map {
                    TrendPoint(
                        at: level.start(of: first + $0.key * max(1, perPoint)),
                        rollup: $0.value
                    )
                }
            )
        }
    }

    /// A trend of the readings themselves; nil where they are too many to decode for it.
    private func raw(
        _ instrument: InstrumentID,
        from: WallTime,
        to: WallTime,
        _ points: Int
    ) throws -> Trend? {
        let runs = try archive.runs()
        let span = from.nanosecondsSince1970...(to.nanosecondsSince1970 - 1)
        let segments = try archive.segments(over: span, runs: runs)
        guard segments.reduce(0, { $0 + $1.readings }) <= JournalReader.rawReadingsPerTrend
        else { return nil }
        var found: [(at: Int64, rollup: Rollup)] = []
        var decoded: UInt64 = 0
        let tail = RowKey(rowid: try archive.flushedThrough().rowid + 1)
        for stretch in segments.map({ $0.first...$0.last }) + [tail...RowKey(rowid: .max)] {
            try archive.eachRow(stretch) { row in
                guard let run = runs.last(where: { $0.number == row.key.run }),
                    let block = try? archive.decode(row)
                else { return true }
                decoded += UInt64(block.readings.count)
                for entry in block.readings where entry.reading.instrument == instrument {
                    guard let time = run.civil(entry.reading.stamp),
                        span.contains(time.nanosecondsSince1970)
                    else { continue }
                    let reading = entry.reading
                    found.append(
                        (
                            time.nanosecondsSince1970,
                            Rollup(reading.value, quality: reading.quality)
                        )
                    )
                }
                return decoded <= 2 * JournalReader.rawReadingsPerTrend
            }
        }
        guard decoded <= 2 * JournalReader.rawReadingsPerTrend else { return nil }
        found.sort { $0.at < $1.at }
        if found.count <= points {
            return Trend(
                level: nil,
                width: .zero,
                points: found.map {
                    TrendPoint(at: WallTime(nanosecondsSince1970: $0.at), rollup: $0.rollup)
                }
            )
        }
        let width = max(1, (to - from).count / Int64(points) + 1)
        var joined: [TrendPoint] = []
        var last: Int64 = -1
        for (at, rollup) in found {
            let index = (at - span.lowerBound) / width
            if index == last {
                joined[joined.count - 1].rollup.merge(rollup)
            } else {
                last = index
                let start = WallTime(nanosecondsSince1970: span.lowerBound + index * width)
                joined.append(TrendPoint(at: start, rollup: rollup))
            }
        }
        return Trend(level: nil, width: Nanoseconds(width), points: joined)
    }

    /// An instrument's buckets of a level that begin in the span, by number.
    ///
    /// Sealed rows, what waits to be sealed, finer levels not yet passed on, and the readings since
    /// the last flush: each reading is in exactly one of them. Times before the level's first row
    /// are filled from the next coarser one, in buckets of that.
    func rollups(
        _ level: RollupLevel,
        _ instrument: InstrumentID,
        from: WallTime,
        to: WallTime
    ) throws -> [Int64: Rollup] {
        let first = level.bucket(of: from)
        let last = level.bucket(of: WallTime(nanosecondsSince1970: to.nanosecondsSince1970 - 1))
        var found = try sealed(level, instrument, first...max(first, last))
        func add(_ rollup: Rollup, at time: WallTime) {
            let bucket = level.bucket(of: time)
            guard bucket >= first, bucket <= last else { return }
            if found[bucket]?.merge(rollup) == nil { found[bucket] = rollup }
        }
        var finer: RollupLevel? = level
        while let part = finer {
            for (bucket, rollup) in try staged(part, instrument) {
                add(rollup, at: part.start(of: bucket))
            }
            finer = part.finer
        }
        try tail(instrument, add)
        if let coarser = level.coarser, let row = try oldestRow(level, instrument),
            row > level.row(of: first)
        {
            // The coarser level's bucket is this level's row.
            for (bucket, rollup) in try sealed(
                coarser,
                instrument,
                level.row(of: first)...(row - 1)
            ) { add(rollup, at: coarser.start(of: bucket)) }
        }
        return found
    }

    private func sealed(
        _ level: RollupLevel,
        _ instrument: InstrumentID,
        _ buckets: ClosedRange<Int64>
    ) throws -> [Int64: Rollup] {
        guard
            let from = RollupKey.key(
                level,
                instrument.rawValue,
                row: max(0, level.row(of: buckets.lowerBound))
            ),
            let end = RollupKey.key(
                level,
                instrument.rawValue,
                row: min(max(0, level.row(of: buckets.upperBound)), 1 << 32 - 1)
            )
        else { return [:] }
        var found: [Int64: Rollup] = [:]
        for (key, body) in try archive.database.rows(
            "SELECT key, body FROM rollup WHERE key BETWEEN ? AND ?",
            .integer(from),
            .integer(end),
            row: { ($0.integer(0), $0.blob(1)) }
        ) {
            let row = RollupKey.row(of: key)
            for (bucket, rollup) in (try? RollupRow.decode(body, row: row, level: level, key: key))
                ?? [:]
            where buckets.contains(bucket) { found[bucket] = rollup }
        }
        return found
    }

    private func oldestRow(_ level: RollupLevel, _ instrument: InstrumentID) throws -> Int64? {
        guard let from = RollupKey.key(level, instrument.rawValue, row: 0),
            let end = RollupKey.key(level, instrument.rawValue, row: 1 << 32 - 1)
        else { return nil }
        return try archive.database.first(
            "SELECT key FROM rollup WHERE key BETWEEN ? AND ? ORDER BY key LIMIT 1",
            .integer(from),
            .integer(end),
            row: { RollupKey.row(of: $0.integer(0)) }
        )
    }

    private func staged(
        _ level: RollupLevel,
        _ instrument: InstrumentID
    ) throws -> [(Int64, Rollup)] {
        guard let base = RollupKey.staged(level, bucket: 0) else { return [] }
        return try archive.database.rows(
            "SELECT key, body FROM staged WHERE key BETWEEN ? AND ?",
            .integer(base),
            .integer(base | (1 << 32 - 1))
        ) { ($0.integer(0), $0.blob(1)) }.compactMap { key, body in
            let all = try? StagedRollups.decode(body, key: key)
            return all?[instrument.rawValue].map { (RollupKey.bucket(ofStaged: key), $0) }
        }
    }

    /// Gives the readings since the last flush.
    private func tail(_ instrument: InstrumentID, _ add: (Rollup, WallTime) -> Void) throws {
        let runs = try archive.runs()
        let tail = RowKey(rowid: try archive.flushedThrough().rowid + 1)
        try archive.eachRow(tail...RowKey(rowid: .max)) { row in
            guard let run = runs.last(where: { $0.number == row.key.run }),
                let block = try? archive.decode(row)
            else { return true }
            for entry in block.readings where entry.reading.instrument == instrument {
                guard let time = run.civil(entry.reading.stamp) else { continue }
                add(Rollup(entry.reading.value, quality: entry.reading.quality), time)
            }
            return true
        }
    }
}
