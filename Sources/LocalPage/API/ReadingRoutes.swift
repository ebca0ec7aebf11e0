import Foundation
import GatewayCore
import HTTPTypes
import Hummingbird
import Journal
import Signal

/// Stored readings: trends, page by page, and as CSV.
struct ReadingRoutes: PageRoutes {
    let parts: APIParts

    private struct ReadingBody: Encodable, Sendable {
        var timestamp: ISOTime
        var tagNumber: String
        @OrNull var value: Double?
        var unit: String
        @OrNull var milliamps: Double?
        var quality: String
        var reason: String
        var epoch: String
        var sequence: UInt64

        init(_ row: JournalReader.Row, unit: String) {
            timestamp = ISOTime(row.reading.stamp.wall)
            tagNumber = row.tag
            value = row.reading.value
            self.unit = unit
            milliamps = row.reading.current?.milliamps
            quality = row.reading.quality.level.name
            reason = row.reading.quality.reason
            epoch = row.epoch.hex
            sequence = row.sequence
        }
    }

    func add(to api: RouterGroup<PageContext>) {
        api.get("readings/trends") { request, context -> Response in
            try context.requirePerson()
            return try await trend(request)
        }
        api.get("readings") { request, context -> Response in
            try context.requirePerson()
            return try await page(request)
        }
        api.get("readings/export") { request, context -> Response in
            try context.requirePerson()
            return try await export(request)
        }
    }

    private func trend(_ request: Request) async throws -> Response {
        let snapshot = try await parts.snapshots.latest()
        var query = Query(request)
        let tag = query.needed("tag_number")
        let span = query.span(now: snapshot.wall)
        let points = query.integer("points", Limits.trendPoints, otherwise: 600)
        try query.check()
        let instrument = try await parts.instrument(tag)
        let (found, marks) = try await parts.journal.read { [alerts = snapshot.alerts] journal in
            (
                try journal.trend(
                    instrument: instrument.id,
                    from: span.from,
                    to: span.to,
                    points: points
                ),
                try journal.marks(
                    of: instrument.id,
                    from: span.from,
                    to: span.to,
                    open: alerts
                )
            )
        }
        return try JSON.response(
            TrendBody(
                of: instrument,
                span: span,
                trend: found,
                marks: marks,
                now: snapshot.wall
            )
        )
    }

    private func page(_ request: Request) async throws -> Response {
        let now = try await parts.snapshots.latest().wall
        var query = Query(request)
        let tag = query.needed("tag_number")
        let span = query.span(now: now)
        let after = query.position("after")
        let limit = query.integer("limit", Limits.pageRows, otherwise: 500)
        try query.check()
        let instrument = try await parts.instrument(tag)
        let page = try await parts.journal.read { journal in
            try journal.rows(
                instrument: instrument.id,
                from: span.from,
                to: span.to,
                after: after,
                limit: limit
            )
        }
        return try JSON.response(
            PageBody(
                items: page.rows.map { ReadingBody($0, unit: instrument.unit) },
                next: page.next?.cursor
            )
        )
    }

    /// Reads and sends piece by piece: as fast as the client takes it, and no faster.
    private func export(_ request: Request) async throws -> Response {
        let now = try await parts.snapshots.latest().wall
        var query = Query(request)
        let tag = query.needed("tag_number")
        let span = query.span(now: now)
        try query.check()
        let instrument = try await parts.instrument(tag)
        let order = ExportOrder(instruments: [instrument], from: span.from, to: span.to)
        return Response(
            status: .ok,
            headers: CSV.headers(named: "\(instrument.tag)-\(span.from.iso8601.prefix(10))"),
            body: ResponseBody { [journal = parts.journal] writer in
                try await writer.write(ByteBuffer(string: CSV.head))
                var after: Position?
                while true {
                    let piece = try await journal.read { [after] journal in
                        try order.piece(of: journal, after: after)
                    }
                    if !piece.text.isEmpty {
                        try await writer.write(ByteBuffer(string: piece.text))
                    }
                    guard let next = piece.next else { break }
                    after = next
                }
                try await writer.finish(nil)
            }
        )
    }
}
