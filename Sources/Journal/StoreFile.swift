import Foundation
import GatewayCore

/// The files of a journal, as seen before SQLite opens them, and the ballast beside them.
///
/// Looks only: SQLite's locks would be lost if this process opened and closed a database that is
/// in use, so nothing here is called on an open one but for sizes.
struct StoreFile {
    /// Damaged stores kept for whoever wants to look; older ones go.
    static let keptAside = 2

    let path: String

    var log: String { path + "-wal" }
    var ballast: String { path + ".ballast" }
    /// There while the journal is open: its log must then be there too.
    var openMark: String { path + ".open" }
    /// There when damage was met while running; holds the reason.
    var damageMark: String { path + ".corrupt" }
    var lock: String { path + ".lock" }

    private static let suffixes = ["", "-wal", "-shm"]

    /// Whether there is a database, sound or not.
    var exists: Bool { access(path, F_OK) == 0 }

    /// What is wrong with the files, as far as their sizes and headers tell; nil: nothing.
    func damage() -> String? {
        if let reason = try? String(contentsOfFile: damageMark, encoding: .utf8) {
            return "damage was met while it ran: \(reason)"
        }
        guard exists else {
            return StoreFile.size(log) > 0 ? "the database is gone but its log is there" : nil
        }
        let bytes = StoreFile.size(path)
        if bytes == 0 { return "the file is empty" }
        guard let header = StoreFile.bytes(of: path, from: 0, count: 100), header.count == 100,
            header.starts(with: Array("SQLite format 3\0".utf8))
        else {
            // A power cut inside a checkpoint can tear the first page; the log has it whole then,
            // and SQLite reads it there. What else may be wrong, it tells.
            let isInLog = pagesInLog(pageBytes: Int64(Schema.pageBytes)).contains(1)
            return isInLog ? nil : "the header is not SQLite's"
        }
        let id = StoreFile.number(header[68..<72])
        // Before the first checkpoint the number is in the log alone; then SQLite tells.
        guard id == Schema.applicationID || StoreFile.size(log) > 0 else {
            return "it is not a journal: application id \(id)"
        }
        if access(openMark, F_OK) == 0, StoreFile.size(log) == 0 {
            return "it was not closed and its log is gone"
        }
        let page = StoreFile.number(header[16..<18])
        let pageBytes = page == 1 ? 65_536 : page
        let pages = StoreFile.number(header[28..<32])
        guard pageBytes >= 512, bytes < pages * pageBytes else { return nil }
        // A crash inside a checkpoint leaves pages that only the log has; a cut-off file has none.
        let logged = pagesInLog(pageBytes: pageBytes)
        let present = bytes / pageBytes
        guard pages - present <= logged.count else {
            return "the file is cut off: \(bytes) of \(pages * pageBytes) bytes"
        }
        for page in (present + 1)...pages where !logged.contains(page) {
            return "the file is cut off: \(bytes) of \(pages * pageBytes) bytes"
        }
        return nil
    }

    /// Numbers of the pages that the log holds.
    private func pagesInLog(pageBytes: Int64) -> Set<Int64> {
        guard let handle = fopen(log, "rb") else { return [] }
        defer { fclose(handle) }
        var start = [UInt8](repeating: 0, count: 32)
        guard fread(&start, 1, 32, handle) == 32 else { return [] }
        var pages: Set<Int64> = []
        var frame = [UInt8](repeating: 0, count: 24)
        // Frames of an earlier round of the log carry other salts.
        while fread(&frame, 1, 24, handle) == 24, frame[8..<16] == start[16..<24] {
            pages.insert(StoreFile.number(frame[0..<4]))
            guard fseek(handle, Int(pageBytes), SEEK_CUR) == 0 else { break }
        }
        return pages
    }

    /// Moves the database and its log aside, with time and reason in their names, and keeps the
    /// newest two; returns the new path.
    func setAside(at wall: Int64, because reason: String) throws -> String {
        let aside = "\(path).\(wall / 1_000_000_000)-\(StoreFile.word(for: reason)).damaged"
        for suffix in StoreFile.suffixes where access(path + suffix, F_OK) == 0 {
            guard rename(path + suffix, aside + suffix) == 0 else {
                throw StoreFault.other(
                    "cannot move \(path + suffix) aside: \(String(cString: strerror(errno))); "
                        + "the journal's folder must be writable"
                )
            }
        }
        unlink(damageMark)
        unlink(openMark)
        removeOldest()
        return aside
    }

    /// A few letters of a reason for a file's name.
    private static func word(for reason: String) -> String {
        let words = reason.lowercased().split { !($0.isASCII && ($0.isLetter || $0.isNumber)) }
        return words.prefix(6).joined(separator: "-")
    }

    private func removeOldest() {
        let folder = (path as NSString).deletingLastPathComponent
        let name = (path as NSString).lastPathComponent
        let all = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        let aside = all.filter { $0.hasPrefix(name + ".") && $0.hasSuffix(".damaged") }.sorted()
        for old in aside.dropLast(StoreFile.keptAside) {
            for suffix in StoreFile.suffixes { unlink("\(folder)/\(old)\(suffix)") }
        }
    }

    /// Makes a small file that survives a power cut.
    static func mark(_ path: String, text: String = "") {
        let descriptor = open(path, O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { return }
        _ = text.withCString { write(descriptor, $0, strlen($0)) }
        fsync(descriptor)
        close(descriptor)
        syncFolder(of: path)
    }

    static func unmark(_ path: String) {
        unlink(path)
        syncFolder(of: path)
    }

    private static func syncFolder(of path: String) {
        let folder = (path as NSString).deletingLastPathComponent
        let descriptor = open(folder.isEmpty ? "." : folder, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        fsync(descriptor)
        close(descriptor)
    }

    /// The size of a file in bytes; 0 where there is none.
    static func size(_ path: String) -> Int64 {
        var status = stat()
        return stat(path, &status) == 0 ? Int64(status.st_size) : 0
    }

    private static func bytes(of path: String, from offset: Int, count: Int) -> [UInt8]? {
        guard let handle = fopen(path, "rb") else { return nil }
        defer { fclose(handle) }
        var bytes = [UInt8](repeating: 0, count: count)
        guard fseek(handle, offset, SEEK_SET) == 0 else { return nil }
        let read = fread(&bytes, 1, count, handle)
        return Array(bytes.prefix(read))
    }

    private static func number(_ bytes: ArraySlice<UInt8>) -> Int64 {
        bytes.reduce(0) { $0 << 8 | Int64($1) }
    }

    // MARK: Ballast

    /// Takes up `bytes` of the disk, to be given back when it is full; false where there is not
    /// twice as much free.
    func makeBallast(bytes: Int64) -> Bool {
        guard bytes > 0, StoreFile.size(ballast) < bytes else { return true }
        guard let free = freeBytes, free > 2 * bytes else { return false }
        let descriptor = open(ballast, O_CREAT | O_WRONLY | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        if posix_fallocate(descriptor, 0, off_t(bytes)) == 0 { return true }
        unlink(ballast)
        return false
    }

    func dropBallast() { unlink(ballast) }

    /// Bytes that this process may still write on the journal's disk.
    var freeBytes: Int64? {
        disk.map { Int64(clamping: UInt64($0.f_bavail) &* UInt64($0.f_frsize)) }
    }

    /// Bytes of the journal's disk, free or not.
    var diskBytes: Int64? {
        disk.map { Int64(clamping: UInt64($0.f_blocks) &* UInt64($0.f_frsize)) }
    }

    private var disk: statvfs? {
        var status = statvfs()
        let folder = (path as NSString).deletingLastPathComponent
        return statvfs(folder.isEmpty ? "." : folder, &status) == 0 ? status : nil
    }
}

/// Holds a journal's lock file: one process writes, whoever comes second is told.
///
/// @unchecked: the descriptor is never changed.
final class StoreLock: @unchecked Sendable {
    private let descriptor: Int32

    /// Takes the lock; throws where another process has it.
    init(_ path: String) throws {
        descriptor = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw StoreFault.other("\(path): \(String(cString: strerror(errno)))")
        }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            close(descriptor)
            throw StoreFault.other(
                "\(path): another process has the journal open; stop it first"
            )
        }
    }

    deinit {
        // Unlocked in so many words: a child that was forked meanwhile shares the open file.
        flock(descriptor, LOCK_UN)
        close(descriptor)
    }
}
