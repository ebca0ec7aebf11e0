import Alerts
import Foundation
import GatewayCore
import Signal

/// One run of the gateway as the journal knows it.
struct RunInfo: Hashable {
    var number: UInt64
    var epoch: UInt64
    /// Highest sequences ever stored.
    var lastReading: UInt64
    var lastRecord: UInt64
    /// What to add to wall times of the run that were taken while the clock was not trusted.
    var offset: Nanoseconds?

    /// The civil time of a stamp, corrected; nil where nobody knows.
    func civil(_ stamp: Stamp) -> WallTime? {
        if stamp.clock.isTrusted { return stamp.wall }
        if let offset { return stamp.wall + offset }
        return stamp.clock == .unset ? nil : stamp.wall
    }

    /// The stamp with its wall time corrected, where a correction is known.
    func corrected(_ stamp: Stamp) -> Stamp {
        offset.map { stamp.corrected(by: $0) } ?? stamp
    }
}

/// A stretch of consecutive blocks of one run: the time index over the journal.
struct Segment: Hashable {
    var first: RowKey
    var last: RowKey
    /// Sequence of the last reading.
    var lastSequence: UInt64
    var readings: UInt64 = 0
    var bytes: UInt64 = 0
    /// The oldest codebook that its blocks need.
    var codebook: UInt64
    /// Wall times, as stamped, by what the clock was worth.
    var trusted: ClosedRange<Int64>?
    var restored: ClosedRange<Int64>?
    var unset: ClosedRange<Int64>?

    /// The civil times covered, as far as they are known.
    ///
    /// - certain: leaves out times that may yet be corrected.
    func span(_ run: RunInfo?, certain: Bool = false) -> ClosedRange<Int64>? {
        let offset = run?.offset?.count
        let later = certain && offset == nil ? nil : Segment.shifted(restored, by: offset ?? 0)
        let corrected = offset.flatMap { Segment.shifted(unset, by: $0) }
        return [trusted, later, corrected].reduce(nil) { whole, part in
            guard let part else { return whole }
            return Segment.including(
                part.upperBound,
                Segment.including(part.lowerBound, whole)
            )
        }
    }

    /// The civil times that readings under an untrusted clock were or are rolled up at.
    func looseSpans(offset: Nanoseconds?) -> [ClosedRange<Int64>] {
        let known = Segment.shifted(restored, by: offset?.count ?? 0)
        let corrected = offset.flatMap { Segment.shifted(unset, by: $0.count) }
        return [known, corrected].compactMap { $0 }
    }

    mutating func add(_ stamp: Stamp) {
        let wall = stamp.wall.nanosecondsSince1970
        switch stamp.clock {
        case .synced, .trustedRTC: trusted = Segment.including(wall, trusted)
        case .restored: restored = Segment.including(wall, restored)
        case .unset: unset = Segment.including(wall, unset)
        }
    }

    private static func shifted(
        _ range: ClosedRange<Int64>?,
        by offset: Int64
    ) -> ClosedRange<Int64>? {
        guard let range else { return nil }
        let lower = (Nanoseconds(range.lowerBound) + Nanoseconds(offset)).count
        return lower...max(lower, (Nanoseconds(range.upperBound) + Nanoseconds(offset)).count)
    }

    private static func including(_ wall: Int64, _ range: ClosedRange<Int64>?) -> ClosedRange<Int64>
    {
        guard let range else { return wall...wall }
        return min(range.lowerBound, wall)...max(range.upperBound, wall)
    }

    func encoded() -> [UInt8] {
        var writer = ByteWriter(reserving: 64)
        writer.put(varint: UInt64(bitPattern: last.rowid &- first.rowid))
        writer.put(varint: lastSequence)
        writer.put(varint: readings)
        writer.put(varint: bytes)
        writer.put(varint: codebook)
        for range in [trusted, restored, unset] {
            writer.put(range == nil ? 0 : 1)
            guard let range else { continue }
            writer.put(signed: range.lowerBound)
            writer.put(varint: UInt64(bitPattern: range.upperBound &- range.lowerBound))
        }
        return Sealed.seal(writer.bytes, key: first.rowid)
    }
}

extension Segment {
    init(_ body: [UInt8], key: RowKey) throws(Undecodable) {
        var reader = ByteReader(try Sealed.open(body, key: key.rowid))
        first = key
        last = RowKey(rowid: key.rowid &+ Int64(bitPattern: try reader.varint()))
        lastSequence = try reader.varint()
        readings = try reader.varint()
        bytes = try reader.varint()
        codebook = try reader.varint()
        guard last >= first else { throw Undecodable("segment ends before it starts") }
        trusted = try Segment.range(&reader)
        restored = try Segment.range(&reader)
        unset = try Segment.range(&reader)
    }

    private static func range(
        _ reader: inout ByteReader
    ) throws(Undecodable) -> ClosedRange<Int64>? {
        guard try reader.byte() == 1 else { return nil }
        let lower = try reader.signed()
        let upper = lower.addingReportingOverflow(Int64(bitPattern: try reader.varint()))
        guard !upper.overflow, upper.partialValue >= lower else { throw Undecodable("times") }
        return lower...upper.partialValue
    }
}

/// A connection and what both the writer and the readers do with it: find and decode rows.
final class Archive {
    let database: Database
    private let blocksFrom: Statement
    private let blockUpTo: Statement
    private var codebooks: [UInt64: Codebook] = [:]
    private var cached: Block?

    /// Codebooks kept decoded.
    private static let mostCodebooks = 4
    /// Blocks taken from the database at a time; between two takes no read is open.
    private static let blocksAtATime = 32

    init(_ database: consuming Database) throws {
        blocksFrom = try database.prepare(
            "SELECT key, body FROM block WHERE key BETWEEN ? AND ? ORDER BY key LIMIT ?"
        )
        blockUpTo = try database.prepare(
            "SELECT key FROM block WHERE key <= ? ORDER BY key DESC LIMIT 1"
        )
        self.database = database
    }

    // MARK: Runs

    /// Every run, oldest first.
    func runs() throws -> [RunInfo] {
        try database.rows(
            "SELECT number, epoch, last_reading, last_record, clock_offset FROM run ORDER BY number"
        ) {
            RunInfo(
                number: $0.unsigned(0),
                epoch: $0.unsigned(1),
                lastReading: $0.unsigned(2),
                lastRecord: $0.unsigned(3),
                offset: $0.isNull(4) ? nil : Nanoseconds($0.integer(4))
            )
        }
    }

    // MARK: Blocks

    /// A stored row, not decoded.
    struct Row {
        var key: RowKey
        var body: [UInt8]
    }

    /// Rows of `range` in order, at most `limit`.
    func rows(_ range: ClosedRange<RowKey>, limit: Int) throws -> [Row] {
        try blocksFrom.bind([
            .integer(range.lowerBound.rowid), .integer(range.upperBound.rowid),
            .integer(Int64(limit)),
        ])
        defer { blocksFrom.reset() }
        var rows: [Row] = []
        while try blocksFrom.step() {
            rows.append(Row(key: RowKey(rowid: blocksFrom.integer(0)), body: blocksFrom.blob(1)))
        }
        return rows
    }

    /// The key of the row that would hold `key`'s reading, or of the one before.
    func rowKey(holding key: RowKey) throws -> RowKey? {
        try blockUpTo.bind([.integer(key.rowid)])
        defer { blockUpTo.reset() }
        return try blockUpTo.step() ? RowKey(rowid: blockUpTo.integer(0)) : nil
    }

    /// Gives every row of `range` in order until `visit` says false; no read stays open meanwhile.
    func eachRow(_ range: ClosedRange<RowKey>, _ visit: (Row) throws -> Bool) throws {
        var next = range.lowerBound
        while next <= range.upperBound {
            let rows = try rows(next...range.upperBound, limit: Archive.blocksAtATime)
            for row in rows { guard try visit(row) else { return } }
            guard let last = rows.last, rows.count == Archive.blocksAtATime else { return }
            next = RowKey(rowid: last.key.rowid + 1)
        }
    }

    /// The block of a row; throws `Undecodable` where it is damaged.
    func decode(_ row: Row) throws -> Block {
        if let cached, cached.key == row.key { return cached }
        let block = try Block(decoding: row.body, key: row.key) { id throws(Undecodable) in
            try self.codebook(id)
        }
        cached = block
        return block
    }

    func codebook(_ id: UInt64) throws(Undecodable) -> Codebook {
        if id == 0 { return .empty }
        if let known = codebooks[id] { return known }
        let key = Int64(bitPattern: id)
        let body: [UInt8]?
        do {
            body = try database.first(
                "SELECT body FROM codebook WHERE id=?",
                .integer(key),
                row: { $0.blob(0) }
            )
        } catch {
            throw Undecodable("codebook \(id) cannot be read")
        }
        guard let body else { throw Undecodable("codebook \(id) is gone") }
        let codebook = try Codebook.decode(id: id, try Sealed.open(body, key: key))
        keep(codebook)
        return codebook
    }

    func keep(_ codebook: Codebook) {
        if codebooks.count >= Archive.mostCodebooks, let oldest = codebooks.keys.min() {
            codebooks[oldest] = nil
        }
        codebooks[codebook.id] = codebook
    }

    // MARK: Fetching

    /// What a fetch of readings found, beside what it gives.
    struct ReadingsFound {
        var rows: [SequencedReading] = []
        /// Offers of every connection, by number.
        var offers: [StoredOffer] = []
        var through: UInt64 = 0
        /// Sequences whose rows are damaged.
        var damaged: [ClosedRange<UInt64>] = []
    }

    /// Readings of `range`, corrected, at most `limit`.
    ///
    /// - last: the highest sequence of the run that is stored.
    func readings(
        _ run: RunInfo,
        _ range: ClosedRange<UInt64>,
        limit: Int,
        isPresent: Bool
    ) throws -> ReadingsFound {
        var found = ReadingsFound()
        let end = RowKey(run: run.number, sequence: range.upperBound)
        let wanted = RowKey(run: run.number, sequence: range.lowerBound)
        var start = wanted
        if let holder = try rowKey(holding: wanted), holder.run == run.number { start = holder }
        // A present run goes on: what is not stored yet is not given and not gone.
        found.through = isPresent ? min(range.upperBound, run.lastReading) : range.upperBound
        var damagedFrom: UInt64?
        func close(before sequence: UInt64) {
            guard let from = damagedFrom else { return }
            damagedFrom = nil
            // The whole row, whatever was asked for: it is told once.
            if from < sequence { found.damaged.append(from...(sequence - 1)) }
        }
        try eachRow(start...max(start, end)) { row in
            guard row.key.run == run.number else { return true }
            let block: Block
            do {
                block = try decode(row)
            } catch is Undecodable {
                if damagedFrom == nil { damagedFrom = row.key.sequence }
                return true
            }
            close(before: row.key.sequence)
            found.offers += block.offers.filter { $0.range.overlaps(range) }
            for reading in block.readings where range.contains(reading.sequence) {
                guard found.rows.count < limit else {
                    found.through = found.rows[limit - 1].sequence
                    return false
                }
                var corrected = reading
                corrected.reading.stamp = run.corrected(reading.reading.stamp)
                found.rows.append(corrected)
            }
            return true
        }
        if damagedFrom != nil {
            let rest = RowKey(run: run.number, sequence: .max)
            let next =
                end < rest
                ? try rows(RowKey(rowid: end.rowid + 1)...rest, limit: 1).first?.key : nil
            close(before: next?.sequence ?? (run.lastReading &+ 1))
        }
        return found
    }

    /// Records of `range`, corrected, at most `limit`; damaged ones are left out.
    func records(
        _ run: RunInfo,
        _ range: ClosedRange<UInt64>,
        limit: Int,
        isPresent: Bool
    ) throws -> (rows: [SequencedRecord], through: UInt64) {
        var seen = 0
        var last: UInt64 = 0
        let found = try database.rows(
            """
            SELECT key, monotonic, wall, clock, body, checksum FROM record
            WHERE key BETWEEN ? AND ? ORDER BY key LIMIT ?
            """,
            .integer(RowKey(run: run.number, sequence: range.lowerBound).rowid),
            .integer(RowKey(run: run.number, sequence: range.upperBound).rowid),
            .integer(Int64(limit))
        ) { row -> SequencedRecord? in
            seen += 1
            last = RowKey(rowid: row.integer(0)).sequence
            return RecordRow.decode(row, run: run)
        }
        let end = isPresent ? min(range.upperBound, run.lastRecord) : range.upperBound
        return (found.compactMap { $0 }, seen == limit ? last : end)
    }

    // MARK: Segments

    /// Every segment that covers some of `span`, oldest first.
    func segments(over span: ClosedRange<Int64>, runs: [RunInfo]) throws -> [Segment] {
        let byNumber = Dictionary(uniqueKeysWithValues: runs.map { ($0.number, $0) })
        return try database.rows("SELECT key, body FROM segment ORDER BY key") {
            try? Segment($0.blob(1), key: RowKey(rowid: $0.integer(0)))
        }.compactMap { $0 }.filter { $0.span(byNumber[$0.first.run])?.overlaps(span) == true }
    }

    /// The key up to which rows are rolled up and indexed.
    func flushedThrough() throws -> RowKey {
        RowKey(rowid: try database.integer("SELECT body FROM state WHERE name='flushed'"))
    }
}

/// One row of the table of records.
enum RecordRow {
    /// Stored in the column `kind`.
    static func kind(_ body: RecordBody) -> Int64 {
        switch body {
        case .alert: kind(of: .alert)
        case .gap: kind(of: .gap)
        case .audit: kind(of: .audit)
        }
    }

    static func kind(of kind: JournalReader.RecordKind) -> Int64 { kind.rawValue }

    static func encode(_ body: RecordBody) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        // A value that is no number must not cost the record that tells of it.
        encoder.nonConformingFloatEncodingStrategy = .convertToString(
            positiveInfinity: "inf",
            negativeInfinity: "-inf",
            nan: "nan"
        )
        return String(decoding: try encoder.encode(body), as: UTF8.self)
    }

    static func decode(_ text: String) -> RecordBody? {
        let decoder = JSONDecoder()
        decoder.nonConformingFloatDecodingStrategy = .convertFromString(
            positiveInfinity: "inf",
            negativeInfinity: "-inf",
            nan: "nan"
        )
        return try? decoder.decode(RecordBody.self, from: Data(text.utf8))
    }

    /// Columns: key, monotonic, wall, clock, body, checksum.
    static func decode(_ row: borrowing Statement, run: RunInfo) -> SequencedRecord? {
        let key = RowKey(rowid: row.integer(0))
        let text = row.text(4)
        guard Int64(Checksum.of(text.utf8, key: key.rowid)) == row.integer(5),
            let clock = ClockState(rawValue: UInt8(clamping: row.integer(3))),
            var body = decode(text)
        else { return nil }
        if case .alert(var transition) = body {
            transition.at = run.corrected(transition.at)
            if transition.alert.epoch == run.epoch {
                transition.raisedAt = run.corrected(transition.raisedAt)
            }
            body = .alert(transition)
        }
        let stamp = Stamp(
            monotonic: MonotonicTime(nanoseconds: row.integer(1)),
            wall: WallTime(nanosecondsSince1970: row.integer(2)),
            clock: clock
        )
        return SequencedRecord(sequence: key.sequence, stamp: run.corrected(stamp), body: body)
    }
}
