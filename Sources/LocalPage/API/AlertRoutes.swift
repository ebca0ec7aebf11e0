import Alerts
import GatewayCore
import Hummingbird
import Journal
import People
import Signal

/// Alerts: the open ones, all that ever were, and what people do about them.
struct AlertRoutes: PageRoutes {
    let parts: APIParts

    private struct ShelveBody: RequestBodyFields {
        enum CodingKeys: String, CodingKey, CaseIterable {
            case minutes
            case oneShot = "one_shot"
            case note
        }
        var minutes: Double?
        var oneShot: Bool?
        var note: String?
    }

    /// What a list of alerts may be narrowed to.
    private struct Filter: Sendable {
        var severity: String?
        var type: String?
        var tag: String?
        var unit: String?
        var state: String?

        init(_ query: inout Query) {
            severity = query.word("severity", of: Severity.allCases.map(\.rawValue))
            type = query.word("type", of: AlertType.allCases.map(\.rawValue))
            tag = query.text("tag_number")
            unit = query.text("process_unit")
            state = query.word("state", of: AlertState.allCases.map(\.rawValue))
        }

        func passes(_ alert: AlertBody) -> Bool {
            (severity ?? alert.severity) == alert.severity
                && (type ?? alert.alertType) == alert.alertType
                && (tag ?? alert.tagNumber) == alert.tagNumber
                && (unit ?? alert.processUnit) == alert.processUnit
                && (state ?? alert.state) == alert.state
        }
    }

    func add(to api: RouterGroup<PageContext>) {
        api.get("alerts") { request, context -> Response in
            try context.requirePerson()
            var query = Query(request)
            let filter = Filter(&query)
            try query.check()
            let open = try await parts.snapshots.latest().alerts.map { AlertBody($0) }
            return try JSON.response(open.filter(filter.passes))
        }
        api.get("alerts/history") { request, context -> Response in
            try context.requirePerson()
            return try await history(request)
        }
        api.get("alerts/{id}") { request, context -> Response in
            try context.requirePerson()
            try Query(request).check()
            return try await story(of: try alertID(context))
        }
        addActs(to: api)
    }

    private func addActs(to api: RouterGroup<PageContext>) {
        let acts: [(name: String, make: @Sendable (AlertID) -> AlertAction)] = [
            ("acknowledge", { .acknowledge($0) }), ("resolve", { .resolve($0) }),
            ("unshelve", { .unshelve($0) }), ("reset", { .resetLatch($0) }),
        ]
        for (name, make) in acts {
            api.post(RouterPath("alerts/{id}/\(name)")) { request, context -> Response in
                let person = try context.requirePerson()
                let note = try await JSON.decodeOptional(NoteBody.self, from: request).checked()
                let id = try await known(context)
                try await parts.perform(name, .alert(make(id)), note: note, by: person)
                return Response.done
            }
        }
        api.post("alerts/{id}/shelve") { request, context -> Response in
            let person = try context.requirePerson()
            let body = try await JSON.decode(ShelveBody.self, from: request)
            let length = try Nanoseconds.given(body.minutes, "minutes", unit: 60)
            let note = try body.note.checkedNote()
            let id = try await known(context)
            try await parts.perform(
                "shelve",
                .alert(.shelve(id, length: length, isOneShot: body.oneShot ?? false)),
                note: note,
                by: person
            )
            return Response.done
        }
    }

    private func alertID(_ context: PageContext) throws(Problem) -> AlertID {
        guard let id = AlertID(try context.path("id")) else { throw .unknownAlert }
        return id
    }

    /// The alert that the path names, if it is or was there.
    private func known(_ context: PageContext) async throws -> AlertID {
        let id = try alertID(context)
        let name = id.description
        if try await parts.snapshots.latest().alerts.contains(where: { $0.id == name }) {
            return id
        }
        // It may be as new as this second.
        await parts.snapshots.forget()
        if try await parts.snapshots.latest().alerts.contains(where: { $0.id == name }) {
            return id
        }
        let steps = try await parts.journal.read { try $0.records(alert: id, limit: 1).count }
        guard steps > 0 else { throw Problem.unknownAlert }
        return id
    }

    private func story(of id: AlertID) async throws -> Response {
        let steps = try await parts.journal.read { journal in
            try journal.records(kind: .alert, alert: id, limit: Limits.alertSteps).compactMap {
                if case .alert(let step) = $0.record.body { step } else { nil }
            }
        }
        let open = try await parts.snapshots.latest().alerts.first { $0.id == id.description }
        guard let alert = open.map({ AlertBody($0) }) ?? steps.first.map({ AlertBody($0) }) else {
            throw Problem.unknownAlert
        }
        return try JSON.response(AlertStory(alert, steps: steps))
    }

    private func history(_ request: Request) async throws -> Response {
        var query = Query(request)
        let filter = Filter(&query)
        let after = query.position("after")
        let limit = query.integer("limit", Limits.pageRows, otherwise: 100)
        try query.check()
        var instrument: InstrumentID?
        if let tag = filter.tag {
            instrument = try await parts.instruments().first { $0.tag == tag }?.id
        }
        let found = try await parts.journal.read { [instrument] journal in
            try Self.page(of: journal, instrument, filter, after: after, limit)
        }
        return try JSON.response(PageBody(items: found.items, next: found.next?.cursor))
    }

    /// A page may hold fewer than `limit` and still have a next: a filter that lets little through
    /// must not keep a reader for long.
    private static func page(
        of journal: JournalReader,
        _ instrument: InstrumentID?,
        _ filter: Filter,
        after: Position?,
        _ limit: Int
    ) throws -> (items: [AlertBody], next: Position?) {
        var items: [AlertBody] = []
        var next = after
        for _ in 0..<4 {
            let page = try journal.recordPage(
                kind: .alert,
                instrument: instrument,
                latestOnly: true,
                before: next,
                limit: limit
            )
            for (position, record) in page.rows {
                guard case .alert(let step) = record.body else { continue }
                let alert = AlertBody(step)
                guard filter.passes(alert) else { continue }
                items.append(alert)
                if items.count == limit { return (items, position) }
            }
            next = page.next
            if next == nil { break }
        }
        return (items, next)
    }
}

extension Problem {
    fileprivate static var unknownAlert: Problem {
        .notFound("no alert has this id; it may have been pruned")
    }
}
