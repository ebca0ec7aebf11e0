import GatewayCore
import Hummingbird
import Journal
import Signal

/// Who changed what, and whether that was changed since.
struct AuditRoutes: PageRoutes {
    let parts: APIParts

    private struct EntryBody: Encodable, Sendable {
        var sequence: UInt64
        var at: ISOTime
        var who: String
        var action: String
        var subject: String
        @OrNull var old: String?
        @OrNull var new: String?
        var hash: String

        init(_ change: AuditedChange) {
            sequence = change.sequence
            at = ISOTime(change.wall)
            who = change.entry.who
            action = change.entry.action
            subject = change.entry.subject
            old = change.entry.old
            new = change.entry.new
            hash = change.head.text
        }
    }

    private struct CheckBody: Encodable {
        var valid: Bool
        var entries: UInt64
        var head: String
        @OrNull var firstBad: UInt64?
    }

    func add(to api: RouterGroup<PageContext>) {
        api.get("audit") { request, context -> Response in
            try context.requireAdmin()
            return try await list(request)
        }
        api.get("audit/verify") { request, context -> Response in
            try context.requireAdmin()
            try Query(request).check()
            let check = try await parts.journal.read { try $0.checkAudit() }
            return try JSON.response(
                CheckBody(
                    valid: check.firstBad == nil,
                    entries: check.entries,
                    head: check.head?.text ?? "",
                    firstBad: check.firstBad
                )
            )
        }
    }

    private func list(_ request: Request) async throws -> Response {
        var query = Query(request)
        let limit = query.integer("limit", Limits.pageRows, otherwise: 100)
        let who = query.text("who")
        let action = query.text("action")
        let after = query.text("after")
        let before = after.flatMap { UInt64($0) }
        if after != nil, before == nil { query.wrong("after", "it is not a page's 'next'") }
        try query.check()
        let changes = try await parts.journal.read {
            try $0.auditedChanges(who: who, action: action, before: before, limit: limit)
        }
        let isMore = changes.count == limit && (changes.last?.sequence ?? 1) > 1
        return try JSON.response(
            PageBody(
                items: changes.map(EntryBody.init),
                next: isMore ? changes.last.map { String($0.sequence) } : nil
            )
        )
    }
}
