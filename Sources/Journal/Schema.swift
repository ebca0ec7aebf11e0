import GatewayCore

/// The database's tables and how older ones become newer ones.
enum Schema {
    /// `LPGT`: tells our files from others.
    static let applicationID: Int64 = 0x4C50_4754
    static let pageBytes = 1024

    /// One step per version; a step once released is never changed.
    private static let migrations: [String] = [
        """
        CREATE TABLE runs(id INTEGER PRIMARY KEY, epoch INTEGER NOT NULL, offset INTEGER NOT NULL DEFAULT 0);
        CREATE TABLE blocks(id INTEGER PRIMARY KEY, run INTEGER NOT NULL, first INTEGER NOT NULL,
          count INTEGER NOT NULL, wall INTEGER, body BLOB NOT NULL);
        CREATE TABLE records(id INTEGER PRIMARY KEY, run INTEGER NOT NULL, seq INTEGER NOT NULL,
          kind TEXT NOT NULL, wall INTEGER NOT NULL, monotonic INTEGER NOT NULL, clock INTEGER NOT NULL,
          alert TEXT, body TEXT NOT NULL);
        CREATE UNIQUE INDEX records_by_sequence ON records(run, seq);
        CREATE TABLE open_alerts(alert TEXT PRIMARY KEY, record INTEGER NOT NULL) WITHOUT ROWID;
        CREATE TABLE rollups(tier INTEGER NOT NULL, start INTEGER NOT NULL, body BLOB NOT NULL,
          PRIMARY KEY(tier, start)) WITHOUT ROWID;
        CREATE TABLE instruments(id INTEGER PRIMARY KEY, tag TEXT NOT NULL UNIQUE, retired INTEGER NOT NULL DEFAULT 0);
        CREATE TABLE state(key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
        """
    ]

    static var version: Int64 { Int64(migrations.count) }

    /// Makes the tables or brings them up to date; `.corrupt` for a file that is not ours or is newer.
    static func prepare(_ database: Database, isNew: Bool) throws(StoreFault) {
        if isNew {
            try database.run("PRAGMA page_size=\(pageBytes)")
        } else {
            let id = try database.integer("PRAGMA application_id")
            let tables = try database.integer("SELECT count(*) FROM sqlite_master")
            guard id == applicationID, tables > 0 else {
                throw .corrupt("it is not a journal: application id \(id), \(tables) tables")
            }
        }
        try database.run(
            """
            PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=0;
            PRAGMA temp_store=MEMORY; PRAGMA cache_size=-1024;
            """
        )
        let found = try database.integer("PRAGMA user_version")
        guard found <= version else {
            throw .other("made by a newer Loopgate (schema \(found), this one knows \(version))")
        }
        for step in Int(found)..<migrations.count {
            try database.transaction { () throws(StoreFault) in
                try database.run(migrations[step])
                try database.run("PRAGMA user_version=\(step + 1)")
                try database.run("PRAGMA application_id=\(applicationID)")
            }
        }
    }
}
