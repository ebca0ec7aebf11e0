import Foundation
import GatewayCore
import HTTPTypes
import Hummingbird
import Journal
import Runtime
import Signal

/// A job as the API tells it: the gateway's own, and exports.
struct JobBody: Encodable, Sendable, Equatable {
    var id: String
    var kind: String
    var subject: String
    var by: String
    var state: String
    var progress: Double
    @OrNull var message: String?
    var startedAt: ISOTime
    @OrNull var endedAt: ISOTime?

    init(_ job: JobStatus) {
        id = String(job.id)
        kind = job.kind
        subject = job.tag
        by = job.by
        state = job.state
        progress = job.progress
        message = job.text
        startedAt = ISOTime(job.began)
        endedAt = job.ended.map { ISOTime($0) }
    }

    init(export id: String, subject: String, by: String) {
        self.id = id
        kind = "export"
        self.subject = subject
        self.by = by
        state = "running"
        progress = 0
        message = nil
        startedAt = ISOTime(WallTime(nanosecondsSince1970: wallNow()))
        endedAt = nil
    }
}

/// Makes files of readings, one after the other, and keeps the last few.
///
/// Reading and writing happen on the journal's reader threads, a piece at a time. The files are a
/// convenience: they go with the next start.
actor ExportDesk {
    private let folder: String
    private let journal: JournalPool
    private let room: Room
    private var jobs: [JobBody] = []
    private var made = 0
    private var last: Task<Void, Never>?

    /// What the disk has for exports.
    struct Room: Sendable {
        /// Bytes of one export at the most.
        var most = Limits.exportBytes
        /// Bytes of the disk that stay free.
        var free = Limits.freeBytes
    }

    /// Exports go into `folder`, which is emptied.
    init(folder: String, journal: JournalPool, room: Room = Room()) {
        self.folder = folder
        self.journal = journal
        self.room = room
        // The first export waits for it: its file must not go with the old ones.
        last = Task {
            try? await journal.aside { try? FileManager.default.removeItem(atPath: folder) }
        }
    }

    /// Every export that is remembered, oldest first.
    var known: [JobBody] { jobs }

    /// Begins an export and tells its job.
    ///
    /// - Throws: 503 while as many as are kept are under way.
    func begin(_ order: ExportOrder, subject: String, by: String) throws(Problem) -> String {
        if jobs.count >= Limits.keptExports {
            guard let old = jobs.firstIndex(where: { $0.state != "running" }) else {
                throw Problem(
                    .serviceUnavailable,
                    "\(Limits.keptExports) exports are under way: wait for one to end",
                    retryAfter: 30
                )
            }
            let gone = path(jobs.remove(at: old).id)
            Task { [journal] in try? await journal.aside { _ = unlink(gone) } }
        }
        made += 1
        let id = "export-\(made)"
        jobs.append(JobBody(export: id, subject: subject, by: by))
        let before = last
        last = Task { [weak self] in
            await before?.value
            await self?.run(id, order)
        }
        return id
    }

    /// The file of an export that is done.
    ///
    /// - Throws: 404 where there is none of this name; 409 where it is not done.
    func file(of id: String) throws(Problem) -> String {
        guard let job = jobs.first(where: { $0.id == id }) else {
            throw .notFound("no export has this name; the oldest are taken away")
        }
        guard job.state == "done" else {
            throw .conflict(job.message ?? "the export is still under way")
        }
        return path(id)
    }

    private func path(_ id: String) -> String { "\(folder)/\(id).csv" }

    private func run(_ id: String, _ order: ExportOrder) async {
        do {
            let size = try await write(order, to: path(id), as: id)
            end(id, "done", "\(size) bytes")
        } catch {
            let path = path(id)
            try? await journal.aside { _ = unlink(path) }
            end(id, "failed", (error as? Problem)?.detail ?? "\(error)")
        }
    }

    private func write(_ order: ExportOrder, to path: String, as id: String) async throws -> Int64 {
        let (folder, room) = (folder, room)
        try await journal.aside {
            mkdir(folder, 0o700)
            try Self.append(CSV.head, to: path, room)
        }
        var after: Position?
        while true {
            let (next, reached, size) = try await journal.read { [after] journal in
                let piece = try order.piece(of: journal, after: after)
                let size = try Self.append(piece.text, to: path, room)
                return (piece.next, piece.reached, size)
            }
            if let reached { progressed(id, order, reached) }
            guard let next else { return size }
            after = next
        }
    }

    /// Adds text to a file and tells its size.
    ///
    /// - Throws: 503 or 507 in words, where there is no room for it.
    @discardableResult
    private static func append(
        _ text: String,
        to path: String,
        _ room: Room
    ) throws(Problem) -> Int64 {
        let file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw full("the file cannot be made (errno \(errno))") }
        defer { close(file) }
        var text = text
        let isWritten = text.withUTF8 { bytes in
            var done = 0
            while done < bytes.count {
                let count = Foundation.write(
                    file,
                    bytes.baseAddress.map { $0 + done },
                    bytes.count - done
                )
                if count < 0 && errno == EINTR { continue }
                guard count > 0 else { return false }
                done += count
            }
            return true
        }
        guard isWritten else { throw full("the file cannot be written (errno \(errno))") }
        var about = stat()
        var disk = statvfs()
        guard fstat(file, &about) == 0, fstatvfs(file, &disk) == 0 else {
            throw full("the file cannot be looked at (errno \(errno))")
        }
        guard Int64(disk.f_bavail) * Int64(disk.f_frsize) >= room.free else {
            throw full("the disk is nearly full: stream it instead (GET /api/readings/export)")
        }
        guard about.st_size <= room.most else {
            throw full("it is larger than \(room.most >> 20) MiB: choose a shorter span")
        }
        return Int64(about.st_size)
    }

    private static func full(_ detail: String) -> Problem {
        Problem(HTTPResponse.Status(code: 507, reasonPhrase: "Insufficient Storage"), detail)
    }

    private func progressed(_ id: String, _ order: ExportOrder, _ reached: WallTime) {
        guard let index = jobs.firstIndex(where: { $0.id == id }) else { return }
        let whole = (order.to - order.from).seconds
        let share = (reached - order.from).seconds / Swift.max(whole, 1)
        jobs[index].progress = Swift.min(Swift.max(share, 0), 0.99)
    }

    private func end(_ id: String, _ state: String, _ message: String) {
        guard let index = jobs.firstIndex(where: { $0.id == id }) else { return }
        jobs[index].state = state
        jobs[index].message = message
        if state == "done" { jobs[index].progress = 1 }
        jobs[index].endedAt = ISOTime(WallTime(nanosecondsSince1970: wallNow()))
    }
}
