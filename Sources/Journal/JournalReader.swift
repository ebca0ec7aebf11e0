import Alerts
import GatewayCore
import Runtime
import Signal

/// Reads the journal beside the one that writes it: for the page, exports and checks.
///
/// Every call is a few short reads, so that the log can be moved meanwhile. Calls block: make them
/// on a thread of one's own, one at a time per reader.
public final class JournalReader {
    let archive: Archive
    let path: String
    private var tags: [InstrumentID: String] = [:]

    /// Opens the journal at `path` for reading.
    ///
    /// - Throws: `StoreFault` where there is no journal, or none of ours.
    public init(_ path: String) throws {
        self.path = path
        do {
            archive = try Archive(try Database(path: path, mode: .readOnly))
            let id = try archive.database.integer("PRAGMA application_id")
            guard id == Schema.applicationID else {
                throw StoreFault.corrupt("\(path) is not a journal: application id \(id)")
            }
        } catch {
            throw error as? StoreFault ?? .other("\(error)")
        }
    }

    /// Runs reads in one short transaction; errors come out as faults.
    func reading<Value>(_ body: () throws -> Value) throws(StoreFault) -> Value {
        do {
            return try archive.database.snapshot(body)
        } catch {
            throw error as? StoreFault ?? .other("\(error)")
        }
    }

    // MARK: Rows

    /// A reading with all of its identity.
    public struct Row: Hashable, Sendable {
        public var epoch: UInt64
        public var sequence: UInt64
        /// The tag, or the instrument's number where the register does not know it.
        public var tag: String
        /// The reading; its time is corrected where the clock was set later.
        public var reading: Reading
    }

    func row(_ entry: SequencedReading, of run: RunInfo) -> Row {
        var reading = entry.reading
        reading.stamp = run.corrected(reading.stamp)
        return Row(
            epoch: run.epoch,
            sequence: entry.sequence,
            tag: tag(of: reading.instrument),
            reading: reading
        )
    }

    private func tag(of instrument: InstrumentID) -> String {
        if let known = tags[instrument] { return known }
        let found = (try? archive.instruments()) ?? []
        for entry in found { tags[entry.id] = entry.tag.text }
        let tag = tags[instrument] ?? "#\(instrument.rawValue)"
        tags[instrument] = tag
        return tag
    }

    /// A page of rows and where the next one begins.
    public struct Page: Sendable {
        public var rows: [Row]
        /// Give this as `after` for the next page; nil: there is nothing more.
        public var next: Position?
    }

    /// Rows looked at for one page at the most, so that a page is a matter of milliseconds.
    static let blocksPerPage = 400

    /// Readings of an instrument (nil: of all) taken from `from` up to but not including `to`.
    ///
    /// In the order they were stored. A page may hold fewer than `limit` rows and still have a next.
    public func rows(
        instrument: InstrumentID?,
        from: WallTime,
        to: WallTime,
        after: Position? = nil,
        limit: Int
    ) throws(StoreFault) -> Page {
        try reading {
            guard from < to, limit > 0 else { return Page(rows: [], next: nil) }
            let runs = try archive.runs()
            let span = from.nanosecondsSince1970...(to.nanosecondsSince1970 - 1)
            var start = RowKey(rowid: 0)
            if let after {
                guard let run = runs.last(where: { $0.epoch == after.epoch }) else {
                    return Page(rows: [], next: nil)
                }
                start = RowKey(run: run.number, sequence: after.sequence)
            }
            var page = Page(rows: [], next: nil)
            var looked = 0
            let tail = RowKey(rowid: try archive.flushedThrough().rowid + 1)
            let stretches =
                try archive.segments(over: span, runs: runs).map {
                    $0.first...RowKey(run: $0.first.run, sequence: $0.lastSequence)
                } + [tail...RowKey(rowid: .max)]
            for stretch in stretches where stretch.upperBound >= start {
                var from = stretch.lowerBound
                if start > from { from = try archive.rowKey(holding: start) ?? from }
                try archive.eachRow(max(from, stretch.lowerBound)...stretch.upperBound) { row in
                    looked += 1
                    guard let run = runs.last(where: { $0.number == row.key.run }),
                        let block = try? archive.decode(row)
                    else { return true }
                    for entry in block.readings {
                        let key = RowKey(run: run.number, sequence: entry.sequence)
                        guard key > start || (after == nil && key >= start),
                            instrument == nil || entry.reading.instrument == instrument
                        else { continue }
                        let time = run.civil(entry.reading.stamp)
                        guard let time, span.contains(time.nanosecondsSince1970) else { continue }
                        page.rows.append(self.row(entry, of: run))
                        if page.rows.count == limit {
                            page.next = Position(epoch: run.epoch, sequence: entry.sequence)
                            return false
                        }
                    }
                    if looked >= JournalReader.blocksPerPage {
                        page.next = Position(epoch: run.epoch, sequence: block.last)
                        return false
                    }
                    return true
                }
                if page.next != nil { return page }
            }
            return page
        }
    }

    /// Readings by number, as the uplink reads them.
    public func readings(
        epoch: UInt64,
        range: ClosedRange<UInt64>,
        limit: Int
    ) throws(StoreFault) -> [SequencedReading] {
        try reading {
            guard let run = try archive.runs().last(where: { $0.epoch == epoch }) else { return [] }
            return try archive.readings(run, range, limit: max(1, limit), isPresent: false).rows
        }
    }

    // MARK: Records

    /// Which records are wanted.
    public enum RecordKind: Int64, Sendable {
        case alert = 0
        case gap = 1
        case audit = 2
    }

    /// A record and where it stands.
    public typealias PlacedRecord = (position: Position, record: SequencedRecord)

    /// Records, newest first: of a kind, of an instrument, or of one alert.
    public func records(
        kind: RecordKind? = nil,
        instrument: InstrumentID? = nil,
        alert: AlertID? = nil,
        before: Position? = nil,
        limit: Int = 100
    ) throws(StoreFault) -> [PlacedRecord] {
        try recordPage(
            kind: kind,
            instrument: instrument,
            alert: alert,
            before: before,
            limit: limit
        ).rows
    }

    /// As `records`, and where the next page begins; nil: there is nothing more. Damaged records are
    /// left out, so a page may hold fewer than `limit` and still have a next.
    ///
    /// - latestOnly: of every alert only its last step.
    public func recordPage(
        kind: RecordKind? = nil,
        instrument: InstrumentID? = nil,
        alert: AlertID? = nil,
        latestOnly: Bool = false,
        before: Position? = nil,
        limit: Int
    ) throws(StoreFault) -> (rows: [PlacedRecord], next: Position?) {
        try reading {
            let runs = try archive.runs()
            var end: Int64?
            if let before {
                // A run that is gone holds nothing, and there is nothing before it.
                guard let run = runs.last(where: { $0.epoch == before.epoch }) else {
                    return ([], nil)
                }
                end = RowKey(run: run.number, sequence: before.sequence).rowid
            }
            // Only the conditions that are asked for, so that each finds its index.
            var conditions = ["key < ?1"]
            if kind != nil { conditions.append("kind = ?2") }
            if instrument != nil { conditions.append("instrument = ?3") }
            if alert != nil { conditions.append("alert = ?4") }
            if latestOnly {
                conditions.append(
                    """
                    NOT EXISTS (SELECT 1 FROM record n WHERE n.alert = r.alert
                      AND n.key > r.key AND n.alert IS NOT NULL)
                    """
                )
            }
            var last: RowKey?
            var seen = 0
            let rows = try archive.database.rows(
                """
                SELECT key, monotonic, wall, clock, body, checksum FROM record r
                WHERE \(conditions.joined(separator: " AND ")) ORDER BY key DESC LIMIT ?5
                """,
                .integer(end ?? .max),
                .optional(kind?.rawValue),
                .optional(instrument.map { Int64($0.rawValue) }),
                .optional(alert?.description),
                .integer(Int64(max(1, limit)))
            ) { row -> PlacedRecord? in
                let key = RowKey(rowid: row.integer(0))
                last = key
                seen += 1
                guard let run = runs.last(where: { $0.number == key.run }),
                    let record = RecordRow.decode(row, run: run)
                else { return nil }
                return (Position(epoch: run.epoch, sequence: record.sequence), record)
            }.compactMap { $0 }
            guard seen >= limit, let last,
                let run = runs.last(where: { $0.number == last.run })
            else { return (rows, nil) }
            return (rows, Position(epoch: run.epoch, sequence: last.sequence))
        }
    }

    // MARK: Register

    /// The whole register, by number.
    public func instruments() throws(StoreFault) -> [RegisteredInstrument] {
        try reading { try archive.instruments() }
    }

    /// The models of an instrument, newest first; without their bodies.
    public func models(of instrument: InstrumentID) throws(StoreFault) -> [StoredModel] {
        try reading { try archive.models(of: instrument) }
    }

    /// The latest baseline of each instrument.
    public func baselines() throws(StoreFault) -> [BaselineMark] {
        try reading { try archive.latestBaselines() }
    }

    /// Every baseline that was marked for an instrument, newest first.
    public func baselines(
        of instrument: InstrumentID,
        limit: Int = 100
    ) throws(StoreFault) -> [BaselineMark] {
        try reading { try archive.baselines(of: instrument, limit: limit) }
    }

    /// The models in use, with their bodies.
    public func modelsInUse() throws(StoreFault) -> [KeptModel] {
        try reading { try archive.modelsInUse() }
    }

    /// An instrument's calibrations, newest first.
    public func calibrations(
        of instrument: InstrumentID,
        limit: Int = 100
    ) throws(StoreFault) -> [StoredCalibration] {
        try reading { try archive.calibrations(of: instrument, limit: limit) }
    }

    /// The text stored under a name.
    public func setting(_ name: String) throws(StoreFault) -> String? {
        try reading { try archive.setting(name) }
    }
}
