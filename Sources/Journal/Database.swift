import CSQLite
import GatewayCore
import Runtime

/// One connection to SQLite. Nothing else may close it; used by one thread at a time.
struct Database: ~Copyable {
    /// How a connection may use the file.
    enum Mode {
        case readWrite
        case readOnly
    }

    private let raw: OpaquePointer
    /// Frames in the write-ahead log after the last commit of this connection.
    private let frames: UnsafeMutablePointer<Int32>

    /// Opens `path`; `.readWrite` makes the file where there is none.
    init(path: String, mode: Mode) throws(StoreFault) {
        let flags =
            SQLITE_OPEN_NOMUTEX
            | (mode == .readOnly
                ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE)
        var opened: OpaquePointer?
        let code = sqlite3_open_v2(path, &opened, flags, nil)
        guard code == SQLITE_OK, let opened else {
            let fault = StoreFault(code: code, in: opened)
            sqlite3_close_v2(opened)
            throw fault
        }
        raw = opened
        frames = .allocate(capacity: 1)
        frames.initialize(to: 0)
        sqlite3_extended_result_codes(raw, 1)
        sqlite3_busy_timeout(raw, 5_000)
        if mode == .readWrite {
            alignCommits(of: raw)
            sqlite3_wal_hook(raw, noteFrames, frames)
        }
    }

    deinit {
        sqlite3_close_v2(raw)
        frames.deallocate()
    }

    /// Frames in the write-ahead log after the last commit of this connection.
    var logFrames: Int { Int(frames.pointee) }

    /// The rows that the last statement inserted, changed or deleted.
    var changes: Int { Int(sqlite3_changes64(raw)) }

    /// Runs statements that take no values.
    borrowing func execute(_ sql: String) throws(StoreFault) {
        let code = sqlite3_exec(raw, sql, nil, nil, nil)
        guard code == SQLITE_OK else { throw StoreFault(code: code, in: raw) }
    }

    borrowing func prepare(_ sql: String) throws(StoreFault) -> Statement {
        var statement: OpaquePointer?
        let code = sqlite3_prepare_v2(raw, sql, -1, &statement, nil)
        guard code == SQLITE_OK, let statement else { throw StoreFault(code: code, in: raw) }
        return Statement(statement, of: raw)
    }

    /// Runs one statement with values and forgets its rows.
    borrowing func run(_ sql: String, _ values: SQLValue...) throws(StoreFault) {
        let statement = try prepare(sql)
        try statement.bind(values)
        while try statement.step() {}
    }

    /// Every row of a query.
    borrowing func rows<Result>(
        _ sql: String,
        _ values: SQLValue...,
        row: (borrowing Statement) throws -> Result
    ) throws -> [Result] {
        let statement = try prepare(sql)
        try statement.bind(values)
        var results: [Result] = []
        while try statement.step() { results.append(try row(statement)) }
        return results
    }

    /// The first row of a query.
    borrowing func first<Result>(
        _ sql: String,
        _ values: SQLValue...,
        row: (borrowing Statement) throws -> Result
    ) throws -> Result? {
        let statement = try prepare(sql)
        try statement.bind(values)
        return try statement.step() ? try row(statement) : nil
    }

    /// The integer in the first column of the first row; 0 where there is none.
    borrowing func integer(_ sql: String, _ values: SQLValue...) throws(StoreFault) -> Int64 {
        let statement = try prepare(sql)
        try statement.bind(values)
        return try statement.step() ? statement.integer(0) : 0
    }

    /// Runs `body` in one write transaction: all of it or nothing.
    borrowing func transaction<Result>(_ body: () throws -> Result) throws -> Result {
        precondition(sqlite3_get_autocommit(raw) != 0, "transactions do not nest")
        try execute("BEGIN IMMEDIATE")
        do {
            let result = try body()
            try execute("COMMIT")
            return result
        } catch {
            if sqlite3_get_autocommit(raw) == 0 { try? execute("ROLLBACK") }
            throw error
        }
    }

    /// Runs reads that must see one and the same state. Keep it short: the log grows meanwhile.
    borrowing func snapshot<Result>(_ body: () throws -> Result) throws -> Result {
        try execute("BEGIN")
        defer { try? execute("COMMIT") }
        return try body()
    }

    /// How much a checkpoint wants.
    enum Checkpoint {
        /// What readers let it move.
        case passive
        /// All of it: waits for readers, so that the log starts over.
        case complete
        /// All of it, and the log cut to nothing: for closing.
        case emptying
    }

    /// Moves the log's pages into the database file.
    borrowing func checkpoint(_ wanted: Checkpoint) throws(StoreFault) {
        let mode =
            switch wanted {
            case .passive: SQLITE_CHECKPOINT_PASSIVE
            case .complete: SQLITE_CHECKPOINT_RESTART
            case .emptying: SQLITE_CHECKPOINT_TRUNCATE
            }
        let code = sqlite3_wal_checkpoint_v2(raw, nil, mode, nil, nil)
        guard code == SQLITE_OK || code & 0xFF == SQLITE_BUSY else {
            throw StoreFault(code: code, in: raw)
        }
    }
}

/// A value on its way into a statement.
enum SQLValue {
    case null
    case integer(Int64)
    case real(Double)
    case text(String)
    case blob([UInt8])

    static func optional(_ text: String?) -> SQLValue { text.map { .text($0) } ?? .null }
    static func optional(_ integer: Int64?) -> SQLValue { integer.map { .integer($0) } ?? .null }
    static func unsigned(_ integer: UInt64) -> SQLValue { .integer(Int64(bitPattern: integer)) }
}

/// A prepared statement. Nothing else may finalize it; it must not outlive its connection.
struct Statement: ~Copyable {
    private let raw: OpaquePointer
    private let connection: OpaquePointer

    fileprivate init(_ raw: OpaquePointer, of connection: OpaquePointer) {
        self.raw = raw
        self.connection = connection
    }

    deinit { sqlite3_finalize(raw) }

    /// Starts over with new values, from the first parameter on.
    borrowing func bind(_ values: [SQLValue]) throws(StoreFault) {
        sqlite3_reset(raw)
        for (index, value) in values.enumerated() {
            let place = Int32(index + 1)
            // SQLITE_TRANSIENT: SQLite copies, for Swift's buffers end with the closure.
            let copies = unsafeBitCast(-1, to: sqlite3_destructor_type.self)
            let code =
                switch value {
                case .null: sqlite3_bind_null(raw, place)
                case .integer(let integer): sqlite3_bind_int64(raw, place, integer)
                case .real(let real): sqlite3_bind_double(raw, place, real)
                case .text(let text): sqlite3_bind_text(raw, place, text, -1, copies)
                case .blob(let bytes):
                    if bytes.isEmpty {
                        sqlite3_bind_zeroblob(raw, place, 0)
                    } else {
                        sqlite3_bind_blob64(raw, place, bytes, UInt64(bytes.count), copies)
                    }
                }
            guard code == SQLITE_OK else { throw StoreFault(code: code, in: connection) }
        }
    }

    /// Whether there is another row.
    borrowing func step() throws(StoreFault) -> Bool {
        let code = sqlite3_step(raw)
        switch code {
        case SQLITE_ROW: return true
        case SQLITE_DONE: return false
        default:
            let fault = StoreFault(code: code, in: connection)
            sqlite3_reset(raw)
            throw fault
        }
    }

    /// Ends the read: a statement left open holds its snapshot, and the log grows.
    borrowing func reset() { sqlite3_reset(raw) }

    /// Binds, runs to the end, and lets go.
    borrowing func run(_ values: SQLValue...) throws(StoreFault) {
        try bind(values)
        while try step() {}
        reset()
    }

    borrowing func integer(_ column: Int32) -> Int64 { sqlite3_column_int64(raw, column) }
    borrowing func unsigned(_ column: Int32) -> UInt64 { UInt64(bitPattern: integer(column)) }
    borrowing func real(_ column: Int32) -> Double { sqlite3_column_double(raw, column) }
    borrowing func isNull(_ column: Int32) -> Bool {
        sqlite3_column_type(raw, column) == SQLITE_NULL
    }

    borrowing func text(_ column: Int32) -> String {
        guard let bytes = sqlite3_column_text(raw, column) else { return "" }
        let count = Int(sqlite3_column_bytes(raw, column))
        return String(decoding: UnsafeBufferPointer(start: bytes, count: count), as: UTF8.self)
    }

    borrowing func optionalText(_ column: Int32) -> String? {
        isNull(column) ? nil : text(column)
    }

    borrowing func blob(_ column: Int32) -> [UInt8] {
        guard let bytes = sqlite3_column_blob(raw, column) else { return [] }
        let count = Int(sqlite3_column_bytes(raw, column))
        return Array(UnsafeRawBufferPointer(start: bytes, count: count))
    }
}

extension StoreFault {
    /// The fault behind an SQLite result code, named by what the caller does next.
    fileprivate init(code: Int32, in connection: OpaquePointer?) {
        let text = connection.map { String(cString: sqlite3_errmsg($0)) } ?? "out of memory"
        let systemCode = connection.map { sqlite3_system_errno($0) } ?? 0
        let words = "\(text) (SQLite \(code)\(systemCode == 0 ? "" : ", errno \(systemCode)"))"
        switch code & 0xFF {
        case SQLITE_FULL: self = .full
        // The shared index is a file too; it could not grow.
        case SQLITE_IOERR where code == indexTooSmall && systemCode == noSpace: self = .full
        case SQLITE_IOERR where code == readOutOfMemory: self = .other(words)
        case SQLITE_IOERR, SQLITE_READONLY: self = .medium(words)
        case SQLITE_CORRUPT, SQLITE_NOTADB: self = .corrupt(words)
        default: self = .other(words)
        }
    }
}

/// `ENOSPC` on Linux.
private let noSpace: Int32 = 28
/// `SQLITE_IOERR_SHMSIZE` and `SQLITE_IOERR_NOMEM`, whose macros Swift does not see.
private let indexTooSmall = SQLITE_IOERR | 19 << 8
private let readOutOfMemory = SQLITE_IOERR | 12 << 8

/// Called by SQLite inside COMMIT with the number of frames in the log.
private func noteFrames(
    context: UnsafeMutableRawPointer?,
    _: OpaquePointer?,
    _: UnsafePointer<CChar>?,
    count: Int32
) -> Int32 {
    context?.assumingMemoryBound(to: Int32.self).pointee = count
    return SQLITE_OK
}

// MARK: One sector per commit

/// Tells SQLite that the medium may damage a whole sector when part of it is written, which is so
/// on SD cards and eMMC.
///
/// The log then fills each commit up to the next sector of 4096 bytes, so that no later write
/// touches a sector that holds a committed transaction. It also halves the pages written: a
/// commit is one whole sector instead of the end of one and the start of the next.
/// The flag in SQLite's own URI (`psow=0`) would also round every change in the database up to
/// eight pages; hence only the log, which asks later than the pager, gets this answer.
private func alignCommits(of connection: OpaquePointer) {
    var file: UnsafeMutablePointer<sqlite3_file>?
    let code = sqlite3_file_control(connection, "main", SQLITE_FCNTL_FILE_POINTER, &file)
    guard code == SQLITE_OK, let file, let methods = file.pointee.pMethods else { return }
    file.pointee.pMethods = CommitAlignment.methods(like: methods)
}

/// The file methods of SQLite with one answer changed.
///
/// unsafe: both pointers are written once, before anybody sees them, and point to memory that is
/// never freed.
private enum CommitAlignment {
    private struct Methods: @unchecked Sendable {
        let original: UnsafePointer<sqlite3_io_methods>
        let changed: UnsafePointer<sqlite3_io_methods>
    }

    /// @unchecked (`Methods`): immutable tables of function pointers, shared for reading.
    /// One for each kind of disk that SQLite has met: there is one, and in tests another.
    private static let known = Locked<[Methods]>([])

    static func methods(
        like original: UnsafePointer<sqlite3_io_methods>
    ) -> UnsafePointer<sqlite3_io_methods> {
        known.withLock { known in
            if let match = known.first(where: { $0.original == original }) { return match.changed }
            let copy = UnsafeMutablePointer<sqlite3_io_methods>.allocate(capacity: 1)
            copy.initialize(to: original.pointee)
            copy.pointee.xDeviceCharacteristics = { file in
                CommitAlignment.characteristics(file)
            }
            let both = Methods(original: original, changed: UnsafePointer(copy))
            known.append(both)
            return both.changed
        }
    }

    private static func characteristics(_ file: UnsafeMutablePointer<sqlite3_file>?) -> Int32 {
        let original = known.withLock { known in
            known.first { $0.changed == file?.pointee.pMethods }?.original
        }
        return (original?.pointee.xDeviceCharacteristics(file) ?? 0)
            & ~SQLITE_IOCAP_POWERSAFE_OVERWRITE
    }
}
