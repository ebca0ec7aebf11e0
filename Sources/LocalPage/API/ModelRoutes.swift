import GatewayCore
import Hummingbird
import Journal
import Signal

/// What detectors learn from, and what they have learned.
struct ModelRoutes: PageRoutes {
    let parts: APIParts

    private struct TrainBody: RequestBodyFields {
        enum CodingKeys: String, CodingKey, CaseIterable {
            case from
            case to
            case allowBadQuality = "allow_bad_quality"
            case allowAlerts = "allow_alerts"
        }
        var from: ISOTime?
        var to: ISOTime?
        var allowBadQuality: Bool?
        var allowAlerts: Bool?
    }

    private struct MarkBody: RequestBodyFields {
        enum CodingKeys: String, CodingKey, CaseIterable { case from, to, note }
        var from: ISOTime
        var to: ISOTime
        var note: String?
    }

    private struct ModelBody: Encodable, Sendable {
        var version: Int
        var trainedAt: ISOTime
        var trainedBy: String
        var windows: Int
        @OrNull var contamination: Double?
        @OrNull var wantedRate: Double?
        var featureVersion: Int
        var checksum: String
        var active: Bool
        @OrNull var from: ISOTime?
        @OrNull var to: ISOTime?
        @OrNull var report: String?

        init(_ model: StoredModel) {
            version = model.version
            trainedAt = ISOTime(model.trainedAt)
            trainedBy = model.trainedBy
            windows = model.windows
            contamination = model.contamination
            wantedRate = model.wantedRate
            featureVersion = model.featureVersion
            let digits = String(model.checksum ?? 0, radix: 16)
            checksum = String(repeating: "0", count: 8 - digits.count) + digits
            active = model.isActive
            from = model.from.map { ISOTime($0) }
            to = model.to.map { ISOTime($0) }
            report = model.report
        }
    }

    private struct BaselineBody: Encodable, Sendable {
        var from: ISOTime
        var to: ISOTime
        var markedAt: ISOTime
        var markedBy: String
        @OrNull var note: String?

        init(_ mark: BaselineMark) {
            from = ISOTime(mark.from)
            to = ISOTime(mark.to)
            markedAt = ISOTime(mark.markedAt)
            markedBy = mark.markedBy
            note = mark.note
        }
    }

    func add(to api: RouterGroup<PageContext>) {
        api.post("ml/train/{tag}") { request, context -> Response in
            let person = try context.requireAdmin()
            let body = try await JSON.decodeOptional(TrainBody.self, from: request)
            guard (body.from == nil) == (body.to == nil) else {
                throw Problem.field(
                    body.from == nil ? "from" : "to",
                    "give both, or none for the marked baseline"
                )
            }
            let (known, _) = try await parts.running(context, "tag")
            let answer = try await parts.perform(
                "train",
                .instrument(
                    tag: known.tag,
                    .train(
                        from: body.from?.wall,
                        to: body.to?.wall,
                        allowsBadQuality: body.allowBadQuality ?? false,
                        allowsAlerts: body.allowAlerts ?? false
                    )
                ),
                by: person
            )
            return try Self.begun(answer)
        }
        api.get("ml/models/{tag}") { request, context -> Response in
            try context.requirePerson()
            try Query(request).check()
            let known = try await parts.instrument(context.path("tag"))
            let models = try await parts.journal.read { try $0.models(of: known.id) }
            return try JSON.response(models.map { ModelBody($0) })
        }
        api.post("ml/models/{tag}/activate/{version}") { _, context -> Response in
            let person = try context.requireAdmin()
            let (known, _) = try await parts.running(context, "tag")
            let unknown = Problem.notFound("\(known.tag) has no model of this version")
            guard let version = Int(try context.path("version")), version > 0 else { throw unknown }
            let models = try await parts.journal.read { try $0.models(of: known.id) }
            guard models.contains(where: { $0.version == version }) else { throw unknown }
            let answer = try await parts.perform(
                "activate",
                .instrument(tag: known.tag, .activate(version: version)),
                by: person
            )
            return try Self.begun(answer)
        }
        addBaselines(to: api)
    }

    private func addBaselines(to api: RouterGroup<PageContext>) {
        api.get("ml/baselines/{tag}") { request, context -> Response in
            try context.requirePerson()
            try Query(request).check()
            let known = try await parts.instrument(context.path("tag"))
            let marks = try await parts.journal.read { try $0.baselines(of: known.id) }
            return try JSON.response(marks.map { BaselineBody($0) })
        }
        api.post("ml/baselines/{tag}") { request, context -> Response in
            let person = try context.requireAdmin()
            let body = try await JSON.decode(MarkBody.self, from: request)
            let note = try body.note.checkedNote()
            guard body.from.wall < body.to.wall else {
                throw Problem.field("from", "it must lie before to")
            }
            let (known, _) = try await parts.running(context, "tag")
            try await parts.perform(
                "baseline",
                .instrument(
                    tag: known.tag,
                    .markBaseline(from: body.from.wall, to: body.to.wall)
                ),
                note: note,
                by: person,
                waiting: true
            )
            let marks = try await parts.journal.read { try $0.baselines(of: known.id, limit: 1) }
            guard let mark = marks.first else { throw Problem.stalled }
            return try JSON.response(BaselineBody(mark), status: .created)
        }
    }

    private static func begun(_ answer: ControlAnswer) throws -> Response {
        guard let job = answer.job else { return .done }
        return try JSON.response(JobBegun(job: String(job)), status: .accepted)
    }
}
