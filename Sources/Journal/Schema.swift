import GatewayCore

/// The database's tables and how older ones become newer ones.
enum Schema {
    /// `LPGJ`: tells our files from others.
    static let applicationID: Int64 = 0x4C50_474A
    /// Small pages: a commit changes a few hundred bytes of two or three of them, and all of that
    /// must fit one sector of the log.
    static let pageBytes = 1024

    /// One step per version; a step once released is never changed.
    private static let migrations: [String] = [
        """
        CREATE TABLE run(number INTEGER PRIMARY KEY AUTOINCREMENT, epoch INTEGER NOT NULL UNIQUE,
          last_reading INTEGER NOT NULL DEFAULT 0, last_record INTEGER NOT NULL DEFAULT 0,
          clock_offset INTEGER);
        CREATE TABLE connection(id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE);
        CREATE TABLE delivery(connection INTEGER NOT NULL, stream INTEGER NOT NULL,
          run INTEGER NOT NULL, body BLOB NOT NULL,
          PRIMARY KEY(connection, stream, run)) WITHOUT ROWID;
        CREATE TABLE block(key INTEGER PRIMARY KEY, body BLOB NOT NULL);
        CREATE TABLE codebook(id INTEGER PRIMARY KEY AUTOINCREMENT, body BLOB NOT NULL);
        CREATE TABLE segment(key INTEGER PRIMARY KEY, body BLOB NOT NULL);
        CREATE TABLE staged(key INTEGER PRIMARY KEY, body BLOB NOT NULL);
        CREATE TABLE rollup(key INTEGER PRIMARY KEY, body BLOB NOT NULL);
        CREATE TABLE rebuild(first INTEGER PRIMARY KEY, last INTEGER NOT NULL);
        CREATE TABLE record(key INTEGER PRIMARY KEY, kind INTEGER NOT NULL, instrument INTEGER,
          alert TEXT, monotonic INTEGER NOT NULL, wall INTEGER NOT NULL, clock INTEGER NOT NULL,
          body TEXT NOT NULL, checksum INTEGER NOT NULL);
        CREATE INDEX record_of_alert ON record(alert) WHERE alert IS NOT NULL;
        CREATE TABLE open_alert(alert TEXT PRIMARY KEY, record INTEGER NOT NULL) WITHOUT ROWID;
        CREATE TABLE gap(id INTEGER PRIMARY KEY, body TEXT NOT NULL);
        CREATE TABLE state(name TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID;
        CREATE TABLE instrument(id INTEGER PRIMARY KEY AUTOINCREMENT, tag TEXT NOT NULL UNIQUE,
          settings TEXT, retired INTEGER NOT NULL DEFAULT 0);
        CREATE TABLE model(id INTEGER PRIMARY KEY AUTOINCREMENT, instrument INTEGER NOT NULL,
          version INTEGER NOT NULL, trained_at INTEGER NOT NULL, trained_by TEXT NOT NULL,
          windows INTEGER NOT NULL, contamination REAL, wanted_rate REAL,
          feature_version INTEGER NOT NULL, checksum INTEGER NOT NULL,
          active INTEGER NOT NULL DEFAULT 0, body BLOB NOT NULL, UNIQUE(instrument, version));
        CREATE TABLE calibration(id INTEGER PRIMARY KEY AUTOINCREMENT,
          instrument INTEGER NOT NULL, performed_at INTEGER NOT NULL, body TEXT NOT NULL);
        CREATE INDEX calibration_of_instrument ON calibration(instrument, performed_at);
        CREATE TABLE setting(name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
        """,
        """
        ALTER TABLE model ADD COLUMN baseline_from INTEGER;
        ALTER TABLE model ADD COLUMN baseline_to INTEGER;
        ALTER TABLE model ADD COLUMN report TEXT;
        CREATE TABLE baseline(id INTEGER PRIMARY KEY AUTOINCREMENT, instrument INTEGER NOT NULL,
          body TEXT NOT NULL);
        CREATE INDEX baseline_of_instrument ON baseline(instrument);
        """,
        "CREATE INDEX record_of_instrument ON record(instrument) WHERE instrument IS NOT NULL;",
        """
        CREATE TABLE audit(sequence INTEGER PRIMARY KEY, epoch INTEGER NOT NULL,
          number INTEGER NOT NULL, wall INTEGER NOT NULL, clock INTEGER NOT NULL,
          who TEXT NOT NULL, action TEXT NOT NULL, subject TEXT NOT NULL, old TEXT, new TEXT,
          hash BLOB NOT NULL);
        CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit
          BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
        CREATE TRIGGER audit_is_not_deleted BEFORE DELETE ON audit
          BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
        CREATE TABLE person(number TEXT PRIMARY KEY, full_name TEXT NOT NULL, email TEXT,
          role TEXT NOT NULL, active INTEGER NOT NULL, must_change INTEGER NOT NULL,
          created_at INTEGER NOT NULL, last_login INTEGER, password TEXT NOT NULL) WITHOUT ROWID;
        CREATE TABLE session(id TEXT PRIMARY KEY, person TEXT NOT NULL,
          started_at INTEGER NOT NULL, expires_at INTEGER NOT NULL) WITHOUT ROWID;
        """,
    ]

    static var version: Int64 { Int64(migrations.count) }

    /// Makes the tables or brings them up to date.
    ///
    /// - Throws: `.corrupt` for a file that is not ours, or of a newer release.
    static func prepare(_ database: borrowing Database, isNew: Bool) throws {
        if isNew {
            try database.execute("PRAGMA page_size=\(pageBytes)")
        } else {
            let id = try database.integer("PRAGMA application_id")
            let tables = try database.integer("SELECT count(*) FROM sqlite_schema")
            guard id == applicationID, tables > 0 else {
                throw StoreFault.corrupt(
                    "it is not a journal: application id \(id), \(tables) tables"
                )
            }
        }
        try database.execute(
            """
            PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA temp_store=MEMORY;
            PRAGMA cache_size=-1024; PRAGMA secure_delete=OFF; PRAGMA trusted_schema=OFF;
            """
        )
        let found = try database.integer("PRAGMA user_version")
        guard found <= version else {
            throw StoreFault.corrupt(
                "made by a newer Loopgate (schema \(found), this one knows \(version))"
            )
        }
        for step in Int(found)..<migrations.count {
            try database.transaction {
                try database.execute(migrations[step])
                try database.execute("PRAGMA user_version=\(step + 1)")
                try database.execute("PRAGMA application_id=\(applicationID)")
            }
        }
        if found < version { try database.checkpoint(.passive) }
    }
}
