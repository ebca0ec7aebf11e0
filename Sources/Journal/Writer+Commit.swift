import Alerts
import GatewayCore
import Signal

extension Writer {
    /// Writes one transaction and looks after the house; never throws: the outcome tells.
    func commit(_ commit: Commit) -> CommitOutcome {
        do {
            if let death { throw death }
            do {
                try checkReserve()
                try write(commit)
            } catch StoreFault.full {
                // What is delivered is delivered, stored or not: it tells what may go.
                for mark in commit.delivery {
                    if let known = known(mark) { note(known) }
                }
                try makeRoom()
                try checkReserve()
                try write(commit)
            }
        } catch {
            return CommitOutcome(id: commit.id, result: .failure(noted(error)))
        }
        // It is stored: whatever goes wrong now must not make the caller store it again.
        do {
            try keepHouse(now: commit.now)
        } catch {
            _ = noted(error)
        }
        let told = untold
        untold = []
        return CommitOutcome(id: commit.id, result: .success(status), lost: told)
    }

    var status: StoreStatus {
        StoreStatus(
            databaseBytes: StoreFile.size(files.path),
            logBytes: StoreFile.size(files.log),
            oldest: oldest,
            audit: auditHead
        )
    }

    /// An error as a fault; one that poisons the connection is remembered.
    func noted(_ error: any Error) -> StoreFault {
        let fault = error as? StoreFault ?? .other("\(error)")
        switch fault {
        case .full: isStarved = true
        case .medium: death = fault
        case .corrupt(let reason):
            death = fault
            StoreFile.mark(files.damageMark, text: reason)
        case .other: break
        }
        return fault
    }

    /// What one transaction has written, to be taken over once COMMIT has returned.
    private struct Written {
        var run: RunInfo
        var isNewRun = false
        var blocks: [(block: Block, bytes: Int, codebook: UInt64)] = []
        var marks: [StoredMark] = []
        var names: [String: UInt64] = [:]
        var book: Codebook?
        var didFlush = false
        var auditHead: AuditHead?
    }

    private func write(_ commit: Commit) throws {
        let written = try archive.database.transaction { () throws -> Written in
            var written = try self.run(for: commit)
            written.auditHead = auditHead
            if mustFlush(before: commit, in: written.run) {
                try flush()
                written.didFlush = true
            }
            if let entries = trainer.proposal() { written.book = try store(entries) }
            written.marks = try commit.delivery.compactMap { try stored($0, &written) }
            try write(readings: commit, &written)
            try write(records: commit, &written)
            for name in commit.settles {
                try archive.database.run("DELETE FROM setting WHERE name=?", .text(name))
            }
            if let state = commit.detectorState {
                try archive.database.run(
                    "INSERT OR REPLACE INTO state(name, body) VALUES('detectors', ?)",
                    .blob(state)
                )
            }
            return written
        }
        if written.didFlush { flushed() }
        take(written)
    }

    private func take(_ written: Written) {
        connections.merge(written.names) { $1 }
        auditHead = written.auditHead
        if written.isNewRun {
            runs.append(written.run)
        } else if let index = runs.lastIndex(where: { $0.number == written.run.number }) {
            runs[index] = written.run
        }
        if let book = written.book {
            self.book = book
            archive.keep(book)
        }
        for mark in written.marks { note(mark) }
        for (block, bytes, codebook) in written.blocks {
            take(block, bytes: bytes, codebook: codebook)
            trainer.observe(block.readings)
        }
        if oldest == nil, let block = written.blocks.first?.block {
            oldest = Position(epoch: written.run.epoch, sequence: block.key.sequence)
        }
    }

    private func run(for commit: Commit) throws -> Written {
        if let run = runs.last(where: { $0.epoch == commit.epoch }) { return Written(run: run) }
        try archive.database.run("INSERT INTO run(epoch) VALUES(?)", .unsigned(commit.epoch))
        let number = UInt64(bitPattern: try archive.database.integer("SELECT last_insert_rowid()"))
        guard number <= RowKey.mostRun else {
            throw StoreFault.corrupt("\(number) runs are more than a journal can number")
        }
        return Written(
            run: RunInfo(number: number, epoch: commit.epoch, lastReading: 0, lastRecord: 0),
            isNewRun: true
        )
    }

    private func store(_ entries: [CodebookEntry]) throws -> Codebook {
        var book = Codebook(id: 0, entries: entries)
        let next = try archive.database.integer("SELECT ifnull(max(id), 0) + 1 FROM codebook")
        book.id = UInt64(bitPattern: max(next, Int64(bitPattern: self.book.id) + 1))
        try archive.database.run(
            "INSERT INTO codebook(id, body) VALUES(?,?)",
            .unsigned(book.id),
            .blob(Sealed.seal(book.encoded(), key: Int64(bitPattern: book.id)))
        )
        return book
    }

    /// A mark with numbers for names; nil for a run that is gone.
    private func stored(_ mark: DeliveryMark, _ written: inout Written) throws -> StoredMark? {
        let run =
            mark.epoch == written.run.epoch
            ? written.run.number : runs.first { $0.epoch == mark.epoch }?.number
        guard let run else { return nil }
        return StoredMark(
            connection: try number(of: mark.connection, &written),
            stream: mark.stream,
            run: run,
            floor: mark.floor,
            ranges: Array(mark.ranges.suffix(Limits.deliveredRanges))
        )
    }

    /// As `stored`, where connection and run are known already.
    private func known(_ mark: DeliveryMark) -> StoredMark? {
        guard let connection = connections[mark.connection],
            let run = runs.last(where: { $0.epoch == mark.epoch })?.number
        else { return nil }
        return StoredMark(
            connection: connection,
            stream: mark.stream,
            run: run,
            floor: mark.floor,
            ranges: Array(mark.ranges.suffix(Limits.deliveredRanges))
        )
    }

    private func number(of connection: String, _ written: inout Written) throws -> UInt64 {
        if let known = connections[connection] ?? written.names[connection] { return known }
        try archive.database.run("INSERT INTO connection(name) VALUES(?)", .text(connection))
        let id = UInt64(bitPattern: try archive.database.integer("SELECT last_insert_rowid()"))
        written.names[connection] = id
        return id
    }

    private func write(readings commit: Commit, _ written: inout Written) throws {
        var blocks = Writer.blocks(of: commit.readings, run: written.run.number)
        for offer in commit.offers {
            let connection = try number(of: offer.connection, &written)
            for index in blocks.indices {
                let range = blocks[index].key.sequence...blocks[index].last
                guard range.overlaps(offer.range) else { continue }
                blocks[index].offers.append(
                    StoredOffer(connection: connection, range: offer.range.clamped(to: range))
                )
            }
        }
        let book = written.book ?? self.book
        if blocks.isEmpty {
            for mark in written.marks { try save(mark) }
        } else {
            blocks[blocks.count - 1].marks = written.marks
        }
        for block in blocks {
            guard block.last <= RowKey.mostSequence else {
                throw StoreFault.other("sequence \(block.last) is more than a run can number")
            }
            let body = block.encoded(with: book)
            try insertBlock.run(.integer(block.key.rowid), .blob(body))
            written.blocks.append((block, body.count, book.id))
            written.run.lastReading = max(written.run.lastReading, block.last)
        }
    }

    /// Consecutive readings, cut into rows of bounded size.
    private static func blocks(of readings: [SequencedReading], run: UInt64) -> [Block] {
        var blocks: [Block] = []
        var start = readings.startIndex
        while start < readings.endIndex {
            var end = start + 1
            while end < readings.endIndex, end - start < Block.mostReadings,
                readings[end].sequence == readings[end - 1].sequence &+ 1
            { end += 1 }
            blocks.append(
                Block(
                    key: RowKey(run: run, sequence: readings[start].sequence),
                    readings: Array(readings[start..<end])
                )
            )
            start = end
        }
        return blocks
    }

    func save(_ mark: StoredMark) throws {
        var writer = ByteWriter()
        mark.put(&writer)
        try archive.database.run(
            "INSERT OR REPLACE INTO delivery(connection, stream, run, body) VALUES(?,?,?,?)",
            .unsigned(mark.connection),
            .integer(Int64(mark.stream.rawValue)),
            .unsigned(mark.run),
            .blob(Sealed.seal(writer.bytes, key: 0))
        )
    }

    private func write(records commit: Commit, _ written: inout Written) throws {
        for record in commit.records {
            let key = RowKey(run: written.run.number, sequence: record.sequence).rowid
            let body = try RecordRow.encode(record.body)
            var alert: AlertTransition?
            if case .alert(let transition) = record.body { alert = transition }
            try archive.database.run(
                """
                INSERT INTO record(key, kind, instrument, alert, monotonic, wall, clock, body,
                  checksum) VALUES(?,?,?,?,?,?,?,?,?)
                """,
                .integer(key),
                .integer(RecordRow.kind(record.body)),
                .optional(alert?.instrument.map { Int64($0.rawValue) }),
                .optional(alert?.alert.description),
                .integer(record.stamp.monotonic.nanoseconds),
                .integer(record.stamp.wall.nanosecondsSince1970),
                .integer(Int64(record.stamp.clock.rawValue)),
                .text(body),
                .integer(Int64(Checksum.of(body.utf8, key: key)))
            )
            written.run.lastRecord = max(written.run.lastRecord, record.sequence)
            if let alert {
                let name = SQLValue.text(alert.alert.description)
                if alert.state == .resolved {
                    try archive.database.run("DELETE FROM open_alert WHERE alert=?", name)
                } else {
                    try archive.database.run(
                        "INSERT OR REPLACE INTO open_alert(alert, record) VALUES(?,?)",
                        name,
                        .integer(key)
                    )
                }
            }
            if case .audit(let entry) = record.body {
                written.auditHead = try chain(
                    entry,
                    of: record,
                    epoch: commit.epoch,
                    after: written.auditHead
                )
            }
            // A gap that was told is now on record: it need not be told again.
            if record.body.gap != nil {
                try archive.database.run("DELETE FROM gap WHERE body=?", .text(body))
            }
        }
    }
}
