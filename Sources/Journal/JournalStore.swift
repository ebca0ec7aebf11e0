import Foundation
import GatewayCore
import Runtime
import Signal

/// The journal: one SQLite file, one writing connection, on a thread of its own.
///
/// Append-only: one row per commit holds the readings of that interval and the delivery marks that
/// changed, in one sector of the log. Everything else (rollups, marks, the time index) is gathered
/// and written every few minutes, and made up again from the rows after a crash.
public actor JournalStore: ReadingStore {
    private let thread: WorkerThread
    nonisolated public var unownedExecutor: UnownedSerialExecutor {
        thread.asUnownedSerialExecutor()
    }

    private let settings: JournalSettings
    private let tuning: Writer.Tuning
    private var writer: Writer?
    private var lock: StoreLock?
    private var isRebuilding = false

    private init(settings: JournalSettings, tuning: Writer.Tuning) {
        self.settings = settings
        self.tuning = tuning
        thread = WorkerThread(name: "journal")
    }

    /// Opens the journal, makes it where there is none, and sets a damaged one aside.
    ///
    /// - connections: names of the connections that must have a reading before it may be pruned.
    /// - ballastBytes: kept free for the day the disk is full.
    /// - Throws: `StoreFault` where not even a fresh file can be made, or another process has it.
    public static func open(
        _ settings: JournalSettings,
        connections: [String],
        ballastBytes: Int64 = 32 << 20
    ) async throws -> (store: JournalStore, opening: StoreOpening) {
        var tuning = Writer.Tuning()
        tuning.ballastBytes = ballastBytes
        return try await open(settings, connections: connections, tuning: tuning)
    }

    static func open(
        _ settings: JournalSettings,
        connections: [String],
        tuning: Writer.Tuning
    ) async throws -> (store: JournalStore, opening: StoreOpening) {
        let store = JournalStore(settings: settings, tuning: tuning)
        do {
            return (store, try await store.begin(connections))
        } catch {
            await store.close()
            throw error
        }
    }

    private func begin(_ connections: [String]) throws -> StoreOpening {
        let files = StoreFile(path: settings.path)
        lock = try StoreLock(files.lock)
        if let why = files.damage() { return try beginAfresh(files, connections, because: why) }
        do {
            return try start(files, connections)
        } catch StoreFault.corrupt(let why) {
            return try beginAfresh(files, connections, because: why)
        }
    }

    private func beginAfresh(
        _ files: StoreFile,
        _ connections: [String],
        because why: String
    ) throws -> StoreOpening {
        writer = nil
        // What can still be read of the old chain's end: the new one names it.
        let head = (try? Archive(Database(path: files.path, mode: .readOnly)))
            .flatMap { try? $0.auditHead() }
        let aside = try files.setAside(at: wallNow(), because: why)
        var opening = try start(files, connections, after: head, because: why)
        opening.damage = "\(why); the old journal is kept as \(aside)"
        return opening
    }

    private func start(
        _ files: StoreFile,
        _ connections: [String],
        after head: AuditHead? = nil,
        because why: String? = nil
    ) throws -> StoreOpening {
        let writer = try Writer(files, settings: settings, tuning: tuning)
        let opening = try writer.begin(connections: connections)
        try writer.beginAudit(after: head, because: why)
        self.writer = writer
        rebuild()
        return opening
    }

    /// Writes everything out, closes, and ends the thread; later calls fail.
    public func close() {
        if let writer, writer.death != nil {
            // Closing would move the log into the database through caches that nobody may trust:
            // the connection is left to the end of the process, which is near.
            _ = Unmanaged.passRetained(writer)
        }
        writer?.end()
        writer = nil
        lock = nil
        thread.stop()
    }

    // MARK: ReadingStore

    nonisolated public func commit(
        _ commit: Commit,
        reply: @escaping @Sendable (CommitOutcome) -> Void
    ) {
        let isQueued = thread.submit {
            self.assumeIsolated { store in
                reply(
                    store.writer?.commit(commit)
                        ?? CommitOutcome(id: commit.id, result: .failure(JournalStore.closed))
                )
            }
        }
        if !isQueued { reply(CommitOutcome(id: commit.id, result: .failure(JournalStore.closed))) }
    }

    nonisolated public func fetch(
        _ stream: StoreStream,
        epoch: UInt64,
        range: ClosedRange<UInt64>,
        limit: Int,
        for connection: String,
        reply: @escaping @Sendable (Result<Fetched, StoreFault>) -> Void
    ) {
        let isQueued = thread.submit {
            self.assumeIsolated { store in
                reply(
                    store.result {
                        try $0.fetch(
                            stream,
                            epoch: epoch,
                            range: range,
                            limit: max(1, limit),
                            for: connection
                        )
                    }
                )
            }
        }
        if !isQueued { reply(.failure(JournalStore.closed)) }
    }

    private static let closed = StoreFault.other("the journal is closed")

    /// Runs `body` on the writer; errors come back as faults.
    func result<Value>(_ body: (Writer) throws -> Value) -> Result<Value, StoreFault> {
        guard let writer else { return .failure(JournalStore.closed) }
        if let death = writer.death { return .failure(death) }
        do {
            return .success(try body(writer))
        } catch {
            return .failure(writer.noted(error))
        }
    }

    // MARK: The clock

    /// Says that the clock was off by `offset` for all that `epoch` stamped while it was untrusted.
    ///
    /// Times are corrected wherever they are read; rollups of the span left and the span reached
    /// are made anew, a few minutes at a time between commits.
    public func correct(epoch: UInt64, offset: Nanoseconds) throws(StoreFault) {
        try result { try $0.correct(epoch: epoch, offset: offset) }.get()
        rebuild()
    }

    /// As `correct`, in order with the commits and fetches handed over before and after it.
    nonisolated public func correctLater(epoch: UInt64, offset: Nanoseconds) {
        thread.submit { self.assumeIsolated { try? $0.correct(epoch: epoch, offset: offset) } }
    }

    /// Whether rollups are still being made anew after a correction.
    public var isCorrecting: Bool { isRebuilding }

    private func rebuild() {
        guard !isRebuilding else { return }
        isRebuilding = true
        rebuildNext()
    }

    private func rebuildNext() {
        guard case .success(true) = result({ try $0.rebuildStep() }) else {
            isRebuilding = false
            return
        }
        thread.submit { self.assumeIsolated { $0.rebuildNext() } }
    }

    /// Which connections hold what is not delivered; one that is left out holds nothing any more.
    public func serve(connections: [String]) throws(StoreFault) {
        try result { try $0.serve(connections: connections) }.get()
    }
}

extension Writer {
    func serve(connections names: [String]) throws {
        for name in names where connections[name] == nil {
            try archive.database.run("INSERT INTO connection(name) VALUES(?)", .text(name))
            connections[name] = UInt64(
                bitPattern: try archive.database.integer("SELECT last_insert_rowid()")
            )
        }
        owed = Set(names.compactMap { connections[$0] })
        mayPrune = true
    }

    /// What `ReadingStore.fetch` gives. Damaged rows are passed over and told with the next commit.
    func fetch(
        _ stream: StoreStream,
        epoch: UInt64,
        range: ClosedRange<UInt64>,
        limit: Int,
        for connection: String
    ) throws -> Fetched {
        guard let run = runs.last(where: { $0.epoch == epoch }) else {
            return Fetched(
                epoch: epoch,
                rows: stream == .readings ? .readings([]) : .records([]),
                offered: [],
                through: range.upperBound
            )
        }
        let isPresent = run.number == runs.last?.number
        switch stream {
        case .readings:
            let found = try archive.readings(run, range, limit: limit, isPresent: isPresent)
            for damaged in found.damaged { try tell(damage: damaged, in: run) }
            let id = connections[connection]
            let offers = found.offers.filter { $0.connection == id }.map(\.range)
            return Fetched(
                epoch: epoch,
                rows: .readings(found.rows),
                offered: SequenceSet(floor: 0, ranges: offers).intersection(range),
                through: found.through
            )
        case .records:
            let found = try archive.records(run, range, limit: limit, isPresent: isPresent)
            return Fetched(
                epoch: epoch,
                rows: .records(found.rows),
                offered: [],
                through: found.through
            )
        }
    }

    private func tell(damage range: ClosedRange<UInt64>, in run: RunInfo) throws {
        let key = RowKey(run: run.number, sequence: range.lowerBound)
        guard toldDamage.insert(key).inserted else { return }
        let gap = GapRecord(
            epoch: run.epoch,
            first: range.lowerBound,
            last: range.upperBound,
            from: nil,
            to: nil,
            cause: .corruption
        )
        try tell(gap)
    }
}
