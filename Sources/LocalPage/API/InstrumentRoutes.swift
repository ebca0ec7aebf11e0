import Foundation
import GatewayCore
import HTTPTypes
import Hummingbird
import Signal

/// Instruments: the register, the newest readings, and how each stands.
struct InstrumentRoutes: PageRoutes {
    let parts: APIParts

    private struct MaintenanceBody: RequestBodyFields {
        enum CodingKeys: String, CodingKey, CaseIterable { case minutes, note }
        var minutes: Double?
        var note: String?
    }

    func add(to api: RouterGroup<PageContext>) {
        api.get("instruments") { request, context -> Response in
            try context.requirePerson()
            return try await list(request)
        }
        api.get("instruments/live-readings") { request, context -> Response in
            try context.requirePerson()
            try Query(request).check()
            let snapshot = try await parts.snapshots.latest()
            return try JSON.response(
                snapshot.instruments.map { LiveBody($0, at: snapshot.wall) }
            )
        }
        api.get("instruments/{id}") { request, context -> Response in
            try context.requirePerson()
            try Query(request).check()
            return try JSON.response(try await parts.instrument(context.path("id")).body)
        }
        api.get("instruments/{id}/status") { request, context -> Response in
            try context.requirePerson()
            try Query(request).check()
            let (_, live) = try await parts.running(context)
            return try JSON.response(
                StatusBody(live, at: try await parts.snapshots.latest().wall)
            )
        }
        api.get("process-units") { request, context -> Response in
            try context.requirePerson()
            try Query(request).check()
            let names = try await parts.snapshots.latest().instruments.map(\.processUnit)
            return try JSON.response(Set(names).filter { !$0.isEmpty }.sorted())
        }
        addSuppression(to: api)
        addChanges(to: api)
    }

    /// Changes of the register, which checks, stores and audits them.
    private func addChanges(to api: RouterGroup<PageContext>) {
        api.post("instruments") { request, context -> Response in
            let person = try context.requireAdmin()
            let entry = try await Self.entry(of: request)
            let made = try await register().createInstrument(entry, by: person.employeeNumber)
            return try await told(made, status: .created)
        }
        api.patch("instruments/{id}") { request, context -> Response in
            let person = try context.requireAdmin()
            let patch = try await Self.entry(of: request)
            let known = try await parts.instrument(context.path("id"))
            return try await told(
                register().changeInstrument(known.id, patch, by: person.employeeNumber)
            )
        }
        api.delete("instruments/{id}") { _, context -> Response in
            let person = try context.requireAdmin()
            let known = try await parts.instrument(context.path("id"))
            _ = try await told(register().retireInstrument(known.id, by: person.employeeNumber))
            return .done
        }
        api.post("instruments/{id}/restore") { _, context -> Response in
            let person = try context.requireAdmin()
            let known = try await parts.instrument(context.path("id"))
            return try await told(
                register().restoreInstrument(known.id, by: person.employeeNumber)
            )
        }
    }

    private func register() throws(Problem) -> any RegisterDesk {
        guard let register = parts.desk.register else { throw .stalled }
        return register
    }

    private static func entry(of request: Request) async throws -> [String: RegisterValue] {
        let data = try await JSON.bytes(of: request)
        guard let object = try? JSONDecoder().decode([String: RegisterValue].self, from: data)
        else {
            throw Problem(.badRequest, "the body must be a JSON object")
        }
        return InstrumentFields.entry(of: object)
    }

    /// The instrument as it is now, or why it was not changed.
    private func told(
        _ result: Result<InstrumentRecord, RegisterRefusal>,
        status: HTTPResponse.Status = .ok
    ) async throws -> Response {
        await parts.snapshots.forget()
        switch result {
        case .success(let record):
            let live = try await parts.instruments().first { $0.id == record.id }
            return try JSON.response((live ?? KnownInstrument(record)).body, status: status)
        case .failure(.unknown): throw Problem.notFound("no instrument has this number or tag")
        case .failure(.conflict(let reason)): throw Problem.conflict(reason)
        case .failure(.unavailable(let reason)):
            throw Problem(.serviceUnavailable, reason, retryAfter: 5)
        case .failure(.invalid(let problems)):
            throw Problem.fields(
                problems.prefix(Limits.namedFields).map {
                    Problem.Field(InstrumentFields.field(of: $0.key), $0.detail)
                }
            )
        }
    }

    private func addSuppression(to api: RouterGroup<PageContext>) {
        api.post("instruments/{id}/maintenance") { request, context -> Response in
            let person = try context.requirePerson()
            let body = try await JSON.decode(MaintenanceBody.self, from: request)
            let length = try Nanoseconds.given(body.minutes, "minutes", unit: 60)
            let (known, _) = try await parts.running(context)
            try await parts.perform(
                "maintenance",
                .instrument(tag: known.tag, .startMaintenance(length: length)),
                note: try body.note.checkedNote(),
                by: person
            )
            return Response.done
        }
        api.post("instruments/{id}/out-of-service") { request, context -> Response in
            let person = try context.requirePerson()
            let note = try await JSON.decodeOptional(NoteBody.self, from: request).checked()
            let (known, _) = try await parts.running(context)
            try await parts.perform(
                "out-of-service",
                .instrument(tag: known.tag, .takeOutOfService),
                note: note,
                by: person
            )
            return Response.done
        }
        let ends: [(path: RouterPath, name: String, act: GatewayCommand.InstrumentAct)] = [
            ("instruments/{id}/maintenance", "end-maintenance", .endMaintenance),
            ("instruments/{id}/out-of-service", "return-to-service", .returnToService),
        ]
        for (path, name, act) in ends {
            api.delete(path) { _, context -> Response in
                let person = try context.requirePerson()
                let (known, _) = try await parts.running(context)
                try await parts.perform(name, .instrument(tag: known.tag, act), by: person)
                return Response.done
            }
        }
    }

    private func list(_ request: Request) async throws -> Response {
        var query = Query(request)
        let wanted = query.text("q")?.lowercased()
        let unit = query.text("process_unit")
        let type = query.word("type", of: InstrumentType.allCases.map(\.rawValue))
        let state = query.word("state", of: InstrumentFilter.states)
        let retired = query.flag("retired")
        try query.check()
        let found = try await parts.instruments(retired: retired).filter { known in
            let body = known.body
            if let unit, body.processUnit != unit { return false }
            if let type, body.instrumentType != type { return false }
            if let state, !InstrumentFilter.matches(known, state) { return false }
            guard let wanted else { return true }
            return [
                body.tagNumber, body.measuredVariable, body.location, body.processUnit,
                body.associatedEquipment ?? "",
            ].contains { $0.lowercased().contains(wanted) }
        }
        return try JSON.response(found.map(\.body))
    }
}

/// The states by which instruments are looked for.
enum InstrumentFilter {
    static let states = [
        "good", "uncertain", "bad", "stale", "alarm", "drifting", "stuck", "anomalous",
        "maintenance", "out-of-service", "calibration-overdue",
    ]

    static func matches(_ known: KnownInstrument, _ state: String) -> Bool {
        guard let live = known.live else { return false }
        switch state {
        case "stale": return live.isInGap || live.age == nil
        case "alarm": return live.detectors.limitsActive.contains(true)
        case "drifting": return live.detectors.drifting
        case "stuck": return live.detectors.stuck
        case "anomalous": return live.detectors.anomalous
        case "maintenance": return live.suppressedUntil != nil
        case "out-of-service": return live.isOutOfService
        case "calibration-overdue": return live.calibration.status == "overdue"
        default: return live.quality == state
        }
    }
}
