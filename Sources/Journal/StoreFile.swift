import Foundation
import GatewayCore

/// The database's files: what is set aside when they are damaged, and the ballast beside them.
enum StoreFile {
    /// Damaged stores kept for whoever wants to look; older ones go.
    static let keptAside = 2

    /// Moves the database and its log aside, with the time and `.damaged` in their names.
    ///
    /// Returns the new path of the database.
    static func setAside(_ path: String, at wall: Int64) throws(StoreFault) -> String {
        let stamp = wall / 1_000_000_000
        let aside = "\(path).\(stamp).damaged"
        for suffix in ["", "-wal", "-shm"] where access(path + suffix, F_OK) == 0 {
            guard rename(path + suffix, aside + suffix) == 0 else {
                throw .other(
                    "cannot move \(path + suffix) aside: \(String(cString: strerror(errno)))"
                )
            }
        }
        removeOldest(of: path)
        return aside
    }

    private static func removeOldest(of path: String) {
        let folder = (path as NSString).deletingLastPathComponent
        let name = (path as NSString).lastPathComponent
        let all = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        let aside = all.filter { $0.hasPrefix(name + ".") && $0.hasSuffix(".damaged") }.sorted()
        for old in aside.dropLast(keptAside) {
            for suffix in ["", "-wal", "-shm"] { unlink("\(folder)/\(old)\(suffix)") }
        }
    }

    /// The size of a file in bytes; 0 where there is none.
    static func size(_ path: String) -> Int64 {
        var status = stat()
        return stat(path, &status) == 0 ? Int64(status.st_size) : 0
    }

    /// Whether the file looks like nothing that SQLite could have left: empty while its log has
    /// content, or without SQLite's header.
    static func damage(_ path: String) -> String? {
        guard access(path, F_OK) == 0 else {
            return access(path + "-wal", F_OK) == 0 && size(path + "-wal") > 0
                ? "the database is gone but its log is there" : nil
        }
        let bytes = size(path)
        if bytes == 0 { return "the file is empty" }
        guard let handle = fopen(path, "rb") else { return nil }
        defer { fclose(handle) }
        var header = [UInt8](repeating: 0, count: 100)
        let read = fread(&header, 1, 100, handle)
        guard read == 100, header.starts(with: Array("SQLite format 3\0".utf8)) else {
            return "the header is not SQLite's"
        }
        let page = Int64(header[16]) << 8 | Int64(header[17])
        let pages =
            Int64(header[28]) << 24 | Int64(header[29]) << 16 | Int64(header[30]) << 8
            | Int64(header[31])
        let pageBytes = page == 1 ? 65_536 : page
        // The log may hold pages that the file has not got yet, but never the other way round.
        if size(path + "-wal") == 0, bytes < pages * pageBytes {
            return "the file is cut off: \(bytes) of \(pages * pageBytes) bytes"
        }
        return nil
    }

    /// Takes up `bytes` of the disk, to be given back when it is full; false where there is no room.
    static func makeBallast(_ path: String, bytes: Int64) -> Bool {
        guard bytes > 0, size(path) < bytes else { return true }
        let descriptor = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        if posix_fallocate(descriptor, 0, off_t(bytes)) == 0 { return true }
        unlink(path)
        return false
    }
}
