import CSQLite
import GatewayCore

/// One SQLite connection; owns the handle, and nothing else may close it.
final class Database {
    private let handle: OpaquePointer

    /// Opens (and, unless read-only, makes) the file at `path`.
    init(path: String, isReadOnly: Bool = false) throws(StoreFault) {
        var opened: OpaquePointer?
        let flags =
            isReadOnly
            ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
        let code = sqlite3_open_v2(path, &opened, flags | SQLITE_OPEN_NOMUTEX, nil)
        guard code == SQLITE_OK, let opened else {
            let text = opened.map { String(cString: sqlite3_errmsg($0)) } ?? "out of memory"
            sqlite3_close_v2(opened)
            throw Database.fault(code, "\(path): \(text)")
        }
        handle = opened
        sqlite3_extended_result_codes(handle, 1)
        sqlite3_busy_timeout(handle, 2_000)
    }

    // Statements still alive keep the connection until the last of them goes.
    deinit { sqlite3_close_v2(handle) }

    /// Runs statements that return nothing.
    func run(_ sql: String) throws(StoreFault) {
        let code = sqlite3_exec(handle, sql, nil, nil, nil)
        guard code == SQLITE_OK else { throw fault(code) }
    }

    /// A statement ready to be run any number of times.
    func prepare(_ sql: String) throws(StoreFault) -> Statement {
        var made: OpaquePointer?
        let code = sqlite3_prepare_v3(
            handle,
            sql,
            -1,
            UInt32(SQLITE_PREPARE_PERSISTENT),
            &made,
            nil
        )
        guard code == SQLITE_OK, let made else { throw fault(code) }
        return Statement(handle: made, database: handle)
    }

    /// The first column of the first row of `sql`, as an integer.
    func integer(_ sql: String) throws(StoreFault) -> Int64 {
        let statement = try prepare(sql)
        return try statement.step() ? statement.integer(0) : 0
    }

    /// The first column of the first row of `sql`, as text.
    func text(_ sql: String) throws(StoreFault) -> String {
        let statement = try prepare(sql)
        return try statement.step() ? statement.text(0) : ""
    }

    /// Copies the log into the database as far as readers let it.
    func checkpoint(truncating: Bool = false) throws(StoreFault) {
        let mode = truncating ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE
        let code = sqlite3_wal_checkpoint_v2(handle, nil, mode, nil, nil)
        guard code == SQLITE_OK || code & 0xFF == SQLITE_BUSY else { throw fault(code) }
    }

    /// Runs `body` as one transaction: all of it or nothing.
    func transaction(_ body: () throws(StoreFault) -> Void) throws(StoreFault) {
        try run("BEGIN IMMEDIATE")
        do {
            try body()
            try run("COMMIT")
        } catch {
            // SQLite may have rolled back by itself; either way nothing of it stays.
            _ = sqlite3_exec(handle, "ROLLBACK", nil, nil, nil)
            throw error
        }
    }

    private func fault(_ code: Int32) -> StoreFault {
        Database.fault(code, String(cString: sqlite3_errmsg(handle)))
    }

    /// What a result code asks of the caller.
    fileprivate static func fault(_ code: Int32, _ text: String) -> StoreFault {
        switch code & 0xFF {
        case SQLITE_FULL: .full
        case SQLITE_IOERR:
            // No room for a file that must grow is reported so by some file systems.
            code == shmSize ? .full : .medium("\(text) (SQLite \(code))")
        case SQLITE_CORRUPT, SQLITE_NOTADB: .corrupt(text)
        default: .other("\(text) (SQLite \(code))")
        }
    }
}

/// One prepared statement; owns the handle.
///
/// A final class, not a struct, so that statements can be kept in a table beside their connection.
final class Statement {
    private let handle: OpaquePointer
    private let database: OpaquePointer

    fileprivate init(handle: OpaquePointer, database: OpaquePointer) {
        self.handle = handle
        self.database = database
    }

    deinit { sqlite3_finalize(handle) }

    /// A value to bind.
    enum Value {
        case integer(Int64)
        case real(Double)
        case text(String)
        case blob([UInt8])
        case null
    }

    /// Binds `values` from the first parameter on and runs to the end.
    func run(_ values: Value...) throws(StoreFault) {
        defer { reset() }
        bind(values)
        while try step() {}
    }

    /// Binds `values`; then `step` through the rows, and `reset`.
    func bind(_ values: [Value]) {
        sqlite3_reset(handle)
        for (index, value) in values.enumerated() {
            let place = Int32(index + 1)
            switch value {
            case .integer(let integer): sqlite3_bind_int64(handle, place, integer)
            case .real(let real): sqlite3_bind_double(handle, place, real)
            case .text(let text):
                sqlite3_bind_text(handle, place, text, Int32(text.utf8.count), transient)
            case .blob(let bytes):
                if bytes.isEmpty {
                    sqlite3_bind_zeroblob(handle, place, 0)
                } else {
                    sqlite3_bind_blob(handle, place, bytes, Int32(bytes.count), transient)
                }
            case .null: sqlite3_bind_null(handle, place)
            }
        }
    }

    /// Goes to the next row; false at the end.
    func step() throws(StoreFault) -> Bool {
        switch sqlite3_step(handle) {
        case SQLITE_ROW: return true
        case SQLITE_DONE: return false
        case let code:
            let text = String(cString: sqlite3_errmsg(database))
            sqlite3_reset(handle)
            throw Database.fault(code, text)
        }
    }

    /// Ends the rows; until then they hold the reader's view of the log.
    func reset() {
        sqlite3_reset(handle)
        sqlite3_clear_bindings(handle)
    }

    func integer(_ column: Int32) -> Int64 { sqlite3_column_int64(handle, column) }
    func real(_ column: Int32) -> Double { sqlite3_column_double(handle, column) }
    func isNull(_ column: Int32) -> Bool {
        sqlite3_column_type(handle, column) == SQLITE_NULL
    }
    func text(_ column: Int32) -> String {
        sqlite3_column_text(handle, column).map { String(cString: $0) } ?? ""
    }
    func blob(_ column: Int32) -> [UInt8] {
        let count = Int(sqlite3_column_bytes(handle, column))
        guard count > 0, let start = sqlite3_column_blob(handle, column) else { return [] }
        return Array(UnsafeRawBufferPointer(start: start, count: count))
    }
}

/// SQLITE_TRANSIENT, which is a cast that Swift does not import: SQLite copies what is bound.
private let transient = unsafeBitCast(-1, to: sqlite3_destructor_type.self)

/// SQLITE_IOERR_SHMSIZE, a macro that Swift does not import: the log's index could not grow.
private let shmSize = SQLITE_IOERR | (19 << 8)
