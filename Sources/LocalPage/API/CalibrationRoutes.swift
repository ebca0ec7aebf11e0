import Alerts
import GatewayCore
import Hummingbird
import Journal
import Signal

/// Calibrations: recorded by whoever did them.
struct CalibrationRoutes: PageRoutes {
    let parts: APIParts

    private struct NewCalibration: RequestBodyFields {
        enum CodingKeys: String, CodingKey, CaseIterable {
            case instrumentID = "instrument_id"
            case tagNumber = "tag_number"
            case performedAt = "performed_at"
            case passed
            case performedBy = "performed_by"
            case notes
            case asFound = "as_found_value"
            case asLeft = "as_left_value"
            case reference = "reference_value"
        }
        var instrumentID: UInt32?
        var tagNumber: String?
        var performedAt: ISOTime
        var passed: Bool
        var performedBy: String?
        var notes: String?
        var asFound: Double?
        var asLeft: Double?
        var reference: Double?
    }

    func add(to api: RouterGroup<PageContext>) {
        api.get("calibrations") { request, context -> Response in
            try context.requirePerson()
            var query = Query(request)
            let tag = query.needed("tag_number")
            try query.check()
            return try JSON.response(try await list(of: try await parts.instrument(tag)))
        }
        api.post("calibrations") { request, context -> Response in
            let person = try context.requirePerson()
            let body = try await JSON.decode(NewCalibration.self, from: request)
            guard (body.instrumentID == nil) != (body.tagNumber == nil) else {
                throw Problem.field("tag_number", "give either tag_number or instrument_id")
            }
            if let by = body.performedBy, !(1...64).contains(by.count) {
                throw Problem.field("performed_by", "it must have 1 to 64 characters")
            }
            let name = body.tagNumber ?? body.instrumentID.map(String.init) ?? ""
            let known: KnownInstrument
            do { known = try await parts.instrument(name) } catch let problem as Problem {
                let field = body.tagNumber == nil ? "instrument_id" : "tag_number"
                throw problem.status == .notFound ? .field(field, problem.detail) : problem
            }
            guard let live = known.live else {
                throw Problem.conflict("\(known.tag) is retired: restore it first")
            }
            let calibration = GatewayCommand.Calibration(
                performedAt: body.performedAt.wall,
                performedBy: body.performedBy,
                passed: body.passed,
                asFound: body.asFound,
                asLeft: body.asLeft,
                reference: body.reference
            )
            let notes = try body.notes.checkedNote("notes")
            try await parts.perform(
                "calibration",
                .instrument(tag: known.tag, .calibrated(calibration)),
                note: notes,
                by: person,
                waiting: true
            )
            let record = CalibrationRecord(
                instrument: known.id,
                performedAt: body.performedAt.wall,
                performedBy: body.performedBy ?? person.employeeNumber,
                passed: body.passed,
                asFound: body.asFound,
                asLeft: body.asLeft,
                reference: body.reference,
                notes: notes
            )
            return try JSON.response(CalibrationBody(record, of: live), status: .created)
        }
    }

    private func list(of known: KnownInstrument) async throws -> [CalibrationBody] {
        let records = try await parts.journal.read { journal in
            try journal.calibrations(of: known.id, limit: Limits.pageRows.upperBound)
                .compactMap(\.record)
        }
        let span = Span(lrv: known.lrv, urv: known.urv, unit: known.unit)
        return records.map { CalibrationBody($0, tag: known.tag, span: span) }
    }
}
