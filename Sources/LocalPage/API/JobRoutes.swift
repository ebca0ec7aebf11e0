import Foundation
import GatewayCore
import Hummingbird
import Runtime
import Signal

/// Work in the background: training and its like, and exports.
struct JobRoutes: PageRoutes {
    let parts: APIParts

    private struct ExportBody: RequestBodyFields {
        enum CodingKeys: String, CodingKey, CaseIterable {
            case tagNumbers = "tag_numbers"
            case from
            case to
        }
        var tagNumbers: [String]?
        var from: ISOTime
        var to: ISOTime
    }

    func add(to api: RouterGroup<PageContext>) {
        api.get("jobs") { request, context -> Response in
            try context.requirePerson()
            try Query(request).check()
            return try JSON.response(try await parts.jobs())
        }
        api.get("jobs/{id}") { request, context -> Response in
            try context.requirePerson()
            try Query(request).check()
            let id = try context.path("id")
            guard let job = try await parts.jobs().first(where: { $0.id == id }) else {
                throw Problem.notFound("no job has this number; the oldest are forgotten")
            }
            return try JSON.response(job)
        }
        api.post("exports") { request, context -> Response in
            let person = try context.requirePerson()
            let body = try await JSON.decode(ExportBody.self, from: request)
            guard body.from.wall < body.to.wall else {
                throw Problem.field("from", "it must lie before to")
            }
            let order = ExportOrder(
                instruments: try await chosen(body.tagNumbers),
                from: body.from.wall,
                to: body.to.wall
            )
            let subject = body.tagNumbers.map { $0.joined(separator: ", ") } ?? "all instruments"
            let job = try await parts.exports.begin(
                order,
                subject: String(subject.prefix(200)),
                by: person.employeeNumber
            )
            return try JSON.response(JobBegun(job: job), status: .accepted)
        }
        api.get("exports/{job}") { request, context -> Response in
            try context.requirePerson()
            try Query(request).check()
            let id = try context.path("job")
            return Self.download(
                try await parts.exports.file(of: id),
                named: id,
                through: parts.journal
            )
        }
    }

    private func chosen(_ tags: [String]?) async throws -> [KnownInstrument] {
        let all = try await parts.instruments()
        guard let tags else { return all }
        guard (1...Limits.exportTags).contains(tags.count) else {
            throw Problem.field("tag_numbers", "name 1 to \(Limits.exportTags), or none for all")
        }
        return try tags.map { tag in
            guard let known = all.first(where: { $0.tag == tag }) else {
                throw Problem.field("tag_numbers", "no instrument has the tag \(tag.prefix(64))")
            }
            return known
        }
    }

    /// Sends a file piece by piece; it is read on the journal's threads, for reading blocks.
    private static func download(
        _ path: String,
        named name: String,
        through journal: JournalPool
    ) -> Response {
        Response(
            status: .ok,
            headers: CSV.headers(named: name),
            body: ResponseBody { writer in
                var offset: off_t = 0
                while true {
                    let piece = try await journal.aside { [offset] in
                        try Self.piece(of: path, at: offset)
                    }
                    if piece.isEmpty { break }
                    offset += off_t(piece.count)
                    try await writer.write(ByteBuffer(bytes: piece))
                }
                try await writer.finish(nil)
            }
        )
    }

    private static func piece(of path: String, at offset: off_t) throws(Problem) -> [UInt8] {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw .notFound("the export was taken away") }
        defer { close(file) }
        return [UInt8](unsafeUninitializedCapacity: 64 << 10) { buffer, count in
            count = max(0, pread(file, buffer.baseAddress, buffer.count, offset))
        }
    }
}

extension APIParts {
    /// Every job that is remembered, newest first.
    func jobs() async throws -> [JobBody] {
        let own = try await snapshots.latest().jobs.map { JobBody($0) }
        return (own + (await exports.known)).sorted { $0.startedAt.wall > $1.startedAt.wall }
    }
}
