import Foundation
import GatewayCore
import Runtime
import Signal

/// The journal: one SQLite file, one writing connection, on a thread of its own.
///
/// Append-only: one row per commit holds the readings of that interval and the delivery state, so
/// that a commit touches as few pages as it can. Rows are found by binary search over their
/// numbers; there is no index to keep up.
public actor JournalStore: ReadingStore {
    /// Rows pruned in one commit at the most.
    static let prunedPerCommit = 256
    /// Commits between two rows that repeat every delivery mark.
    static let keyFrameEvery = 64
    /// Commits between two checkpoints.
    static let checkpointEvery = 60
    /// Commits between two looks at retention and quota.
    static let housekeepingEvery = 16
    /// Rows read back at the start to bring the rollups up to date.
    static let rolledUpAtStart = 400

    private let thread: WorkerThread
    nonisolated public var unownedExecutor: UnownedSerialExecutor {
        thread.asUnownedSerialExecutor()
    }

    private let settings: JournalSettings
    private let connections: Set<String>
    private let ballastBytes: Int64
    private var files: OpenFiles?
    private var runs: [Run] = []
    private var nextBlock: Int64 = 1
    private var oldestBlock: Int64 = 1
    private var nextRecord: Int64 = 1
    private var lastRecordOfRun: [UInt64: UInt64] = [:]
    private var marks: [MarkKey: DeliveryMark] = [:]
    private var sinceKeyFrame = 0
    private var sinceCheckpoint = 0
    private var sinceHousekeeping = 0
    private var hasBallast = false
    private var minutes = RollupAccumulator(tier: .minute)
    private var hours = RollupAccumulator(tier: .hour)
    private var days = RollupAccumulator(tier: .day)

    /// One run of the gateway: its row, its epoch and what its clock was found off by.
    private struct Run {
        var id: Int64
        var epoch: UInt64
        var offset: Nanoseconds
    }
    private struct MarkKey: Hashable {
        var connection: String
        var stream: StoreStream
        var epoch: UInt64
    }
    /// The connection and its statements, which must go before it.
    private final class OpenFiles {
        let database: Database
        let insertBlock: Statement
        let insertRecord: Statement
        init(_ database: Database) throws(StoreFault) {
            insertBlock = try database.prepare(
                "INSERT INTO blocks(id, run, first, count, wall, body) VALUES(?,?,?,?,?,?)"
            )
            insertRecord = try database.prepare(
                """
                INSERT INTO records(id, run, seq, kind, wall, monotonic, clock, alert, body)
                VALUES(?,?,?,?,?,?,?,?,?)
                """
            )
            self.database = database
        }
    }

    private init(settings: JournalSettings, connections: Set<String>, ballastBytes: Int64) {
        self.settings = settings
        self.connections = connections
        self.ballastBytes = ballastBytes
        thread = WorkerThread(name: "journal")
    }

    /// Opens the journal, makes it where there is none, and sets a damaged one aside.
    ///
    /// - connections: names of the connections that must have a reading before it may be pruned.
    /// - ballastBytes: kept free for the day the disk is full.
    /// - Throws: `StoreFault` where not even a fresh file can be made.
    public static func open(
        _ settings: JournalSettings,
        connections: [String],
        ballastBytes: Int64 = 32 << 20
    ) async throws -> (store: JournalStore, opening: StoreOpening) {
        let store = JournalStore(
            settings: settings,
            connections: Set(connections),
            ballastBytes: ballastBytes
        )
        return (store, try await store.begin())
    }

    // MARK: ReadingStore

    nonisolated public func commit(
        _ commit: Commit,
        reply: @escaping @Sendable (CommitOutcome) -> Void
    ) {
        thread.submit { self.assumeIsolated { reply($0.write(commit)) } }
    }

    nonisolated public func fetch(
        _ stream: StoreStream,
        epoch: UInt64,
        range: ClosedRange<UInt64>,
        limit: Int,
        for connection: String,
        reply: @escaping @Sendable (Result<Fetched, StoreFault>) -> Void
    ) {
        thread.submit {
            self.assumeIsolated { store in
                do throws(StoreFault) {
                    reply(
                        .success(
                            try store.read(
                                stream,
                                epoch: epoch,
                                range: range,
                                limit: limit,
                                for: connection
                            )
                        )
                    )
                } catch { reply(.failure(error)) }
            }
        }
    }

    /// The numbers of `tags` in the register; new tags get new numbers, and none is used twice.
    public func register(_ tags: [Tag]) throws -> [Tag: InstrumentID] {
        guard let files else { throw StoreFault.other("the journal is closed") }
        var numbers: [Tag: InstrumentID] = [:]
        try files.database.transaction { () throws(StoreFault) in
            let insert = try files.database.prepare(
                "INSERT OR IGNORE INTO instruments(tag) VALUES(?)"
            )
            let select = try files.database.prepare("SELECT id FROM instruments WHERE tag=?")
            for tag in tags {
                try insert.run(.text(tag.text))
                select.bind([.text(tag.text)])
                if try select.step() {
                    numbers[tag] = InstrumentID(rawValue: UInt32(clamping: select.integer(0)))
                }
                select.reset()
            }
        }
        return numbers
    }

    /// Says that the clock was off by `offset` for all that `epoch` stamped while it was untrusted.
    public func correct(epoch: UInt64, offset: Nanoseconds) throws {
        guard let files, let index = runs.firstIndex(where: { $0.epoch == epoch }) else { return }
        try files.database.run(
            "UPDATE runs SET offset=\(offset.count) WHERE id=\(runs[index].id)"
        )
        runs[index].offset = offset
    }

    /// As `correct`, in order with the commits and fetches handed over before and after it.
    nonisolated public func correctLater(epoch: UInt64, offset: Nanoseconds) {
        thread.submit { self.assumeIsolated { try? $0.correct(epoch: epoch, offset: offset) } }
    }

    /// Checkpoints and closes; the journal answers nothing after that.
    public func close() {
        guard let files else { return }
        try? files.database.checkpoint(truncating: true)
        self.files = nil
        thread.stop()
    }

    // MARK: Opening

    private func begin() throws -> StoreOpening {
        let path = settings.path
        var damage: String?
        if let why = StoreFile.damage(path) { damage = try setAside(why) }
        do {
            try openFiles()
        } catch StoreFault.corrupt(let why) {
            damage = try setAside(why)
            try openFiles()
        }
        var opening = try readBack()
        opening.damage = damage
        hasBallast = StoreFile.makeBallast(ballastPath, bytes: ballastBytes)
        return opening
    }

    private var ballastPath: String { settings.path + ".ballast" }

    private func setAside(_ why: String) throws -> String {
        files = nil
        let aside = try StoreFile.setAside(settings.path, at: wallNow())
        return "\(why); the old journal is kept as \(aside)"
    }

    private func openFiles() throws(StoreFault) {
        let isNew = StoreFile.size(settings.path) == 0
        let database = try Database(path: settings.path)
        try Schema.prepare(database, isNew: isNew)
        files = try OpenFiles(database)
        chmod(settings.path, 0o600)
    }

    private func readBack() throws(StoreFault) -> StoreOpening {
        guard let files else { return StoreOpening() }
        let database = files.database
        let select = try database.prepare("SELECT id, epoch, offset FROM runs ORDER BY id")
        while try select.step() {
            runs.append(
                Run(
                    id: select.integer(0),
                    epoch: UInt64(bitPattern: select.integer(1)),
                    offset: Nanoseconds(select.integer(2))
                )
            )
        }
        select.reset()
        nextBlock = try database.integer("SELECT ifnull(max(id), 0) FROM blocks") + 1
        oldestBlock = try database.integer("SELECT ifnull(min(id), 1) FROM blocks")
        nextRecord = try database.integer("SELECT ifnull(max(id), 0) FROM records") + 1
        try readMarks()
        var opening = StoreOpening()
        for run in runs {
            let last = try database.integer(
                """
                SELECT ifnull((SELECT first + count - 1 FROM blocks WHERE run=\(run.id)
                AND id=(SELECT max(id) FROM blocks WHERE run=\(run.id))), 0)
                """
            )
            let record = try database.integer(
                "SELECT ifnull(max(seq), 0) FROM records WHERE run=\(run.id)"
            )
            lastRecordOfRun[run.epoch] = UInt64(clamping: record)
            opening.epochs.append(
                .init(
                    epoch: run.epoch,
                    lastReading: UInt64(clamping: last),
                    lastRecord: UInt64(clamping: record)
                )
            )
        }
        opening.delivery = Array(marks.values)
        let alerts = try database.prepare(
            "SELECT r.body FROM open_alerts o JOIN records r ON r.id = o.record ORDER BY r.id"
        )
        while try alerts.step() {
            if case .alert(let transition)? = try? JSONDecoder().decode(
                RecordBody.self,
                from: Data(alerts.text(0).utf8)
            ) {
                opening.openAlerts.append(transition)
            }
        }
        alerts.reset()
        let state = try database.prepare("SELECT value FROM state WHERE key='detectors'")
        if try state.step() { opening.detectorState = state.blob(0) }
        state.reset()
        try rollUpTail()
        return opening
    }

    /// The delivery marks: back from the newest row to the last that holds them all.
    private func readMarks() throws(StoreFault) {
        var id = nextBlock - 1
        while id >= oldestBlock {
            if let block = try block(id) {
                for mark in block.marks {
                    let key = MarkKey(
                        connection: mark.connection,
                        stream: mark.stream,
                        epoch: mark.epoch
                    )
                    if marks[key] == nil { marks[key] = mark }
                }
                if block.isKeyFrame { break }
            }
            id -= 1
        }
        marks = marks.filter { connections.contains($0.key.connection) }
        sinceKeyFrame = Self.keyFrameEvery
    }

    // MARK: Writing

    private func write(_ commit: Commit) -> CommitOutcome {
        do throws(StoreFault) {
            guard files != nil else { throw .other("the journal is closed") }
            do throws(StoreFault) {
                try insert(commit)
            } catch .full {
                try makeRoom()
                try insert(commit)
            }
            let lost = try keepHouse(commit)
            return CommitOutcome(id: commit.id, result: .success(status), lost: lost)
        } catch {
            return CommitOutcome(id: commit.id, result: .failure(error))
        }
    }

    private func insert(_ commit: Commit) throws(StoreFault) {
        guard let files else { return }
        var newRun: Run?
        if runs.last?.epoch != commit.epoch {
            newRun = Run(id: (runs.last?.id ?? 0) + 1, epoch: commit.epoch, offset: .zero)
        }
        let run = newRun?.id ?? runs.last?.id ?? 1
        let isKeyFrame = sinceKeyFrame >= Self.keyFrameEvery
        var changed = marks
        for mark in commit.delivery {
            changed[
                MarkKey(connection: mark.connection, stream: mark.stream, epoch: mark.epoch)
            ] = mark
        }
        let first = commit.readings.first?.sequence ?? lastSequence(run) + 1
        let block = Block(
            epoch: commit.epoch,
            first: first,
            readings: commit.readings.map(\.reading),
            offers: commit.offers,
            marks: isKeyFrame ? Array(changed.values) : commit.delivery,
            isKeyFrame: isKeyFrame,
            lastRecord: commit.records.last?.sequence ?? 0
        )
        let body = Sealed.seal(BlockCodec.encode(block), key: nextBlock)
        var nextRecord = nextRecord
        try files.database.transaction { () throws(StoreFault) in
            if let newRun {
                try files.database.run(
                    "INSERT INTO runs(id, epoch) VALUES(\(newRun.id), \(Int64(bitPattern: newRun.epoch)))"
                )
            }
            let wall = commit.readings.last?.reading.stamp.wall.nanosecondsSince1970
            try files.insertBlock.run(
                .integer(nextBlock),
                .integer(run),
                .integer(Int64(clamping: first)),
                .integer(Int64(commit.readings.count)),
                wall.map { .integer($0) } ?? .null,
                .blob(body)
            )
            for record in commit.records {
                try insert(record, id: nextRecord, run: run)
                nextRecord += 1
            }
            if let state = commit.detectorState {
                let save = try files.database.prepare(
                    "INSERT OR REPLACE INTO state(key, value) VALUES('detectors', ?)"
                )
                try save.run(.blob(state))
            }
            if commit.now != nil { try rollUp(commit.readings) }
        }
        if let newRun { runs.append(newRun) }
        self.nextRecord = nextRecord
        nextBlock += 1
        marks = changed
        sinceKeyFrame = isKeyFrame ? 1 : sinceKeyFrame + 1
        if let last = commit.records.last { lastRecordOfRun[commit.epoch] = last.sequence }
    }

    private func insert(
        _ record: SequencedRecord,
        id: Int64,
        run: Int64
    ) throws(StoreFault) {
        guard let files else { return }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let data = try? encoder.encode(record.body) else {
            throw .other("record \(record.sequence) cannot be written as JSON")
        }
        var kind = ""
        var alert: String?
        switch record.body {
        case .alert(let transition):
            kind = "alert"
            alert = transition.alert.description
        case .gap: kind = "gap"
        case .audit: kind = "audit"
        }
        try files.insertRecord.run(
            .integer(id),
            .integer(run),
            .integer(Int64(clamping: record.sequence)),
            .text(kind),
            .integer(record.stamp.wall.nanosecondsSince1970),
            .integer(record.stamp.monotonic.nanoseconds),
            .integer(Int64(record.stamp.clock.rawValue)),
            alert.map { .text($0) } ?? .null,
            .text(String(decoding: data, as: UTF8.self))
        )
        guard case .alert(let transition) = record.body else { return }
        let name = transition.alert.description
        if transition.state == .resolved {
            try files.database.prepare("DELETE FROM open_alerts WHERE alert=?").run(.text(name))
        } else {
            try files.database.prepare(
                "INSERT OR REPLACE INTO open_alerts(alert, record) VALUES(?,?)"
            ).run(.text(name), .integer(id))
        }
    }

    private func lastSequence(_ run: Int64) -> UInt64 {
        guard let files else { return 0 }
        let last = try? files.database.integer(
            "SELECT CASE WHEN run=\(run) THEN first + count - 1 ELSE 0 END FROM blocks WHERE id=\(nextBlock - 1)"
        )
        return UInt64(clamping: last ?? 0)
    }

    // MARK: Room

    private var status: StoreStatus {
        var oldest: Position?
        if let header = try? header(at: oldestBlock) {
            oldest = Position(epoch: epoch(of: header.run) ?? 0, sequence: header.first)
        }
        return StoreStatus(
            databaseBytes: StoreFile.size(settings.path),
            logBytes: StoreFile.size(settings.path + "-wal"),
            oldest: oldest
        )
    }

    /// The disk is full: gives the ballast back, which is what even a delete needs, and then old
    /// rows that everybody has.
    private func makeRoom() throws(StoreFault) {
        guard let files else { return }
        if hasBallast {
            unlink(ballastPath)
            hasBallast = false
        }
        try files.database.checkpoint(truncating: true)
        for _ in 0..<8 { _ = try prune { self.isDelivered($0) } }
    }

    /// Checkpoints, retention, quota and ballast, each in its turn.
    private func keepHouse(_ commit: Commit) throws(StoreFault) -> [GapRecord] {
        guard let files else { return [] }
        sinceCheckpoint += 1
        if sinceCheckpoint >= Self.checkpointEvery {
            sinceCheckpoint = 0
            try files.database.checkpoint()
        }
        sinceHousekeeping += 1
        guard sinceHousekeeping >= Self.housekeepingEvery else { return [] }
        sinceHousekeeping = 0
        if !hasBallast { hasBallast = StoreFile.makeBallast(ballastPath, bytes: ballastBytes) }
        if let now = commit.now, let days = settings.rawDays {
            let limit = now + Nanoseconds(Int64(days) * -86_400_000_000_000)
            _ = try prune { header in
                guard let wall = header.wall else { return self.isDelivered(header) }
                return wall < limit.nanosecondsSince1970 && self.isDelivered(header)
            }
        }
        if let now = commit.now { try pruneRollups(now) }
        return try keepQuota()
    }

    /// Bytes in use: pages that hold something, and the log.
    private func usedBytes() throws(StoreFault) -> Int64 {
        guard let files else { return 0 }
        let pages = try files.database.integer("PRAGMA page_count")
        let free = try files.database.integer("PRAGMA freelist_count")
        return (pages - free) * Int64(Schema.pageBytes) + StoreFile.size(settings.path + "-wal")
    }

    /// Above the quota the oldest readings go, delivered or not; what was not is told.
    private func keepQuota() throws(StoreFault) -> [GapRecord] {
        guard try usedBytes() > settings.quotaBytes else { return [] }
        var lost: [GapRecord] = []
        _ = try prune { header in
            guard header.count > 0, !self.isDelivered(header),
                let epoch = self.epoch(of: header.run)
            else { return true }
            let last = header.first + UInt64(header.count) - 1
            if let previous = lost.last, previous.epoch == epoch,
                previous.last + 1 == header.first
            {
                lost[lost.count - 1].last = last
                lost[lost.count - 1].to = header.wall.map(WallTime.init(nanosecondsSince1970:))
            } else {
                let wall = header.wall.map(WallTime.init(nanosecondsSince1970:))
                lost.append(
                    GapRecord(
                        epoch: epoch,
                        first: header.first,
                        last: last,
                        from: wall,
                        to: wall,
                        cause: .quota
                    )
                )
            }
            return true
        }
        return lost
    }

    /// Removes rows from the oldest on while `mayGo`, at most `prunedPerCommit`; never the newest.
    private func prune(_ mayGo: (Header) -> Bool) throws(StoreFault) -> Int {
        guard let files else { return 0 }
        var upTo = oldestBlock - 1
        var id = oldestBlock
        while id < nextBlock - Int64(Self.keyFrameEvery) - 1,
            upTo - oldestBlock < Int64(Self.prunedPerCommit)
        {
            guard let header = try header(at: id), mayGo(header) else { break }
            upTo = header.id
            id = header.id + 1
        }
        guard upTo >= oldestBlock else { return 0 }
        try files.database.transaction { () throws(StoreFault) in
            try files.database.run("DELETE FROM blocks WHERE id <= \(upTo)")
        }
        let removed = Int(upTo - oldestBlock + 1)
        oldestBlock = upTo + 1
        try forgetRuns()
        return removed
    }

    /// Runs that hold nothing any more and whose marks no connection needs.
    private func forgetRuns() throws(StoreFault) {
        guard let files, let oldest = try header(at: oldestBlock)?.run else { return }
        for run in runs where run.id < oldest && run.id != runs.last?.id {
            let records = try files.database.integer(
                "SELECT count(*) FROM (SELECT 1 FROM records WHERE run=\(run.id) LIMIT 1)"
            )
            guard records == 0 else { continue }
            try files.database.run("DELETE FROM runs WHERE id=\(run.id)")
            runs.removeAll { $0.id == run.id }
            marks = marks.filter { $0.key.epoch != run.epoch }
        }
    }

    /// Whether every connection has all readings of a row.
    private func isDelivered(_ header: Header) -> Bool {
        guard header.count > 0, let epoch = epoch(of: header.run) else { return true }
        let last = header.first + UInt64(header.count) - 1
        return connections.allSatisfy { connection in
            let key = MarkKey(connection: connection, stream: .readings, epoch: epoch)
            guard let mark = marks[key] else { return true }
            if mark.floor >= last { return true }
            let set = SequenceSet(floor: mark.floor, ranges: mark.ranges)
            return set.firstGap(from: header.first, upTo: last) == nil
        }
    }

    private func epoch(of run: Int64) -> UInt64? { runs.first { $0.id == run }?.epoch }

    // MARK: Reading

    /// A row without its body.
    private struct Header {
        var id: Int64
        var run: Int64
        var first: UInt64
        var count: Int
        var wall: Int64?
    }

    /// The first row at or after `id`.
    private func header(at id: Int64) throws(StoreFault) -> Header? {
        guard let files else { return nil }
        let select = try files.database.prepare(
            "SELECT id, run, first, count, wall FROM blocks WHERE id >= ? ORDER BY id LIMIT 1"
        )
        select.bind([.integer(id)])
        defer { select.reset() }
        guard try select.step() else { return nil }
        return Header(
            id: select.integer(0),
            run: select.integer(1),
            first: UInt64(clamping: select.integer(2)),
            count: Int(clamping: select.integer(3)),
            wall: select.isNull(4) ? nil : select.integer(4)
        )
    }

    /// The row numbered `id`, or nil where it is gone or damaged.
    private func block(_ id: Int64) throws(StoreFault) -> Block? {
        guard let files else { return nil }
        let select = try files.database.prepare("SELECT body FROM blocks WHERE id=?")
        select.bind([.integer(id)])
        defer { select.reset() }
        guard try select.step() else { return nil }
        return try? BlockCodec.decode(Sealed.open(select.blob(0), key: id))
    }

    private func read(
        _ stream: StoreStream,
        epoch: UInt64,
        range: ClosedRange<UInt64>,
        limit: Int,
        for connection: String
    ) throws(StoreFault) -> Fetched {
        guard let run = runs.first(where: { $0.epoch == epoch }) else {
            return Fetched(
                epoch: epoch,
                rows: stream == .readings ? .readings([]) : .records([]),
                offered: [],
                through: range.upperBound
            )
        }
        switch stream {
        case .readings:
            return try readings(run, range: range, limit: limit, for: connection)
        case .records: return try records(run, range: range, limit: limit)
        }
    }

    private func readings(
        _ run: Run,
        range: ClosedRange<UInt64>,
        limit: Int,
        for connection: String
    ) throws(StoreFault) -> Fetched {
        var rows: [SequencedReading] = []
        var offered: [ClosedRange<UInt64>] = []
        var through = range.upperBound
        var id = try firstBlock(run: run.id, sequence: range.lowerBound)
        while let header = try header(at: id), header.run == run.id,
            header.first <= range.upperBound
        {
            id = header.id + 1
            guard header.count > 0, let block = try block(header.id) else { continue }
            for (index, reading) in block.readings.enumerated() {
                let sequence = block.first + UInt64(index)
                guard range.contains(sequence) else { continue }
                rows.append(
                    SequencedReading(sequence: sequence, reading: corrected(reading, run))
                )
                if rows.count == limit {
                    through = sequence
                    break
                }
            }
            for offer in block.offers where offer.connection == connection {
                offered.append(offer.range)
            }
            if rows.count >= limit { break }
        }
        return Fetched(
            epoch: run.epoch,
            rows: .readings(rows),
            offered: SequenceSet(floor: 0, ranges: offered).intersection(range),
            through: through
        )
    }

    /// The number of the first row of `run` that may hold `sequence`: rows rise by run and sequence.
    private func firstBlock(run: Int64, sequence: UInt64) throws(StoreFault) -> Int64 {
        var low = oldestBlock
        var high = nextBlock
        while low < high {
            let middle = low + (high - low) / 2
            guard let header = try header(at: middle) else {
                high = middle
                continue
            }
            let end = header.first + UInt64(header.count)
            if header.run < run || (header.run == run && end <= sequence) {
                low = header.id + 1
            } else {
                high = middle
            }
        }
        return low
    }

    private func corrected(_ reading: Reading, _ run: Run) -> Reading {
        guard run.offset != .zero, !reading.stamp.clock.isTrusted else { return reading }
        var reading = reading
        reading.stamp.wall = reading.stamp.wall + run.offset
        reading.stamp.clock = .synced
        return reading
    }

    private func records(
        _ run: Run,
        range: ClosedRange<UInt64>,
        limit: Int
    ) throws(StoreFault) -> Fetched {
        guard let files else { throw .other("the journal is closed") }
        let select = try files.database.prepare(
            """
            SELECT seq, wall, monotonic, clock, body FROM records
            WHERE run=? AND seq BETWEEN ? AND ? ORDER BY seq LIMIT ?
            """
        )
        select.bind([
            .integer(run.id), .integer(Int64(clamping: range.lowerBound)),
            .integer(Int64(clamping: range.upperBound)), .integer(Int64(limit)),
        ])
        defer { select.reset() }
        var rows: [SequencedRecord] = []
        while try select.step() {
            guard
                let body = try? JSONDecoder().decode(
                    RecordBody.self,
                    from: Data(select.text(4).utf8)
                ),
                let clock = ClockState(rawValue: UInt8(clamping: select.integer(3)))
            else { continue }
            rows.append(
                SequencedRecord(
                    sequence: UInt64(clamping: select.integer(0)),
                    stamp: Stamp(
                        monotonic: MonotonicTime(nanoseconds: select.integer(2)),
                        wall: WallTime(nanosecondsSince1970: select.integer(1)),
                        clock: clock
                    ),
                    body: body
                )
            )
        }
        let through = rows.count == limit ? rows[rows.count - 1].sequence : range.upperBound
        return Fetched(epoch: run.epoch, rows: .records(rows), offered: [], through: through)
    }

    // MARK: Rollups

    private func rollUp(_ readings: [SequencedReading]) throws(StoreFault) {
        for row in readings where row.reading.stamp.clock != .unset {
            let wall = row.reading.stamp.wall
            guard let minute = minutes.add(Rollup(row.reading), at: wall) else { continue }
            try close(minute)
        }
    }

    /// Stores a minute that is over and passes it on to its hour, and an hour to its day.
    private func close(
        _ minute: (start: Int64, rollups: [Rollup])
    ) throws(StoreFault) {
        try save(.minute, minute.start, minute.rollups)
        let at = WallTime(nanosecondsSince1970: minute.start * 1_000_000_000)
        for rollup in minute.rollups {
            guard let hour = hours.add(rollup, at: at) else { continue }
            try save(.hour, hour.start, hour.rollups)
            let at = WallTime(nanosecondsSince1970: hour.start * 1_000_000_000)
            for rollup in hour.rollups {
                guard let day = days.add(rollup, at: at) else { continue }
                try save(.day, day.start, day.rollups)
            }
        }
    }

    private func save(
        _ tier: RollupTier,
        _ start: Int64,
        _ rollups: [Rollup]
    ) throws(StoreFault) {
        guard let files, !rollups.isEmpty else { return }
        // A minute that was stored before, as after a step of the clock, takes the new ones in.
        var merged: [InstrumentID: Rollup] = [:]
        let select = try files.database.prepare(
            "SELECT body FROM rollups WHERE tier=? AND start=?"
        )
        select.bind([.integer(tier.rawValue), .integer(start)])
        if try select.step(), let old = try? RollupCodec.decode(select.blob(0)[...]) {
            for rollup in old { merged[rollup.instrument] = rollup }
        }
        select.reset()
        for rollup in rollups {
            if merged[rollup.instrument]?.merge(rollup) == nil {
                merged[rollup.instrument] = rollup
            }
        }
        try files.database.prepare(
            "INSERT OR REPLACE INTO rollups(tier, start, body) VALUES(?,?,?)"
        ).run(
            .integer(tier.rawValue),
            .integer(start),
            .blob(RollupCodec.encode(merged.values))
        )
    }

    /// After a start: the minute, hour and day under way are made up again from what is stored.
    private func rollUpTail() throws(StoreFault) {
        guard let files else { return }
        let lastMinute = try files.database.integer(
            "SELECT ifnull(max(start), -1) FROM rollups WHERE tier=0"
        )
        for (tier, child) in [(RollupTier.hour, RollupTier.minute), (.day, .hour)] {
            let last = try files.database.integer(
                "SELECT ifnull(max(start), -1) FROM rollups WHERE tier=\(tier.rawValue)"
            )
            let select = try files.database.prepare(
                "SELECT start, body FROM rollups WHERE tier=? AND start>=? ORDER BY start"
            )
            select.bind([
                .integer(child.rawValue), .integer(last < 0 ? 0 : last + tier.seconds),
            ])
            while try select.step() {
                let at = WallTime(nanosecondsSince1970: select.integer(0) * 1_000_000_000)
                for rollup in (try? RollupCodec.decode(select.blob(1)[...])) ?? [] {
                    let closed =
                        tier == .hour ? hours.add(rollup, at: at) : days.add(rollup, at: at)
                    if let closed { try save(tier, closed.start, closed.rollups) }
                }
            }
            select.reset()
        }
        let from = max(oldestBlock, nextBlock - Int64(Self.rolledUpAtStart))
        for id in from..<max(from, nextBlock) {
            guard let block = try block(id) else { continue }
            let fresh = block.readings.enumerated().filter {
                RollupTier.minute.start(of: $0.element.stamp.wall) > lastMinute
            }
            try rollUp(
                fresh.map {
                    SequencedReading(
                        sequence: block.first + UInt64($0.offset),
                        reading: $0.element
                    )
                }
            )
        }
    }

    private func pruneRollups(_ now: WallTime) throws(StoreFault) {
        guard let files else { return }
        let seconds = now.nanosecondsSince1970 / 1_000_000_000
        for (tier, days) in [
            (RollupTier.minute, settings.minuteDays), (.hour, settings.hourDays),
            (.day, settings.dayDays),
        ] {
            guard let days else { continue }
            try files.database.run(
                "DELETE FROM rollups WHERE tier=\(tier.rawValue) AND start < \(seconds - Int64(days) * 86_400)"
            )
        }
    }
}
