import Foundation
import GatewayCore
import HTTPTypes
import Hummingbird
import Journal
import People
import Runtime
import Signal

/// What every group of the API's routes works with.
struct APIParts: Sendable {
    let desk: any PageDesk
    let snapshots: SnapshotCache
    let journal: JournalPool
    let exports: ExportDesk
    let events: EventHub

    init(desk: any PageDesk) {
        self.desk = desk
        let snapshots = SnapshotCache(desk)
        self.snapshots = snapshots
        let path = desk.settings.journal.path
        journal = JournalPool(path: path)
        exports = ExportDesk(folder: path + ".exports", journal: journal)
        events = EventHub(desk: desk, snapshots: snapshots, exports: exports)
    }

    /// Every group of the API but the people's.
    var routes: [any PageRoutes] {
        [
            InstrumentRoutes(parts: self), ReadingRoutes(parts: self), AlertRoutes(parts: self),
            CalibrationRoutes(parts: self), ModelRoutes(parts: self), BusRoutes(parts: self),
            RelayRoutes(parts: self), JobRoutes(parts: self), SettingsRoutes(parts: self),
            SimulatorRoutes(parts: self), EventRoutes(parts: self), AuditRoutes(parts: self),
        ]
    }

    /// Every instrument, by number.
    ///
    /// - retired: true: only the retired ones; false: none of them; nil: all.
    func instruments(retired: Bool? = nil) async throws -> [KnownInstrument] {
        let live = try await snapshots.latest().instruments.map { KnownInstrument($0) }
        let known = Set(live.map(\.id))
        let others = await desk.register?.registeredInstruments() ?? []
        let still = others.filter { !known.contains($0.id) }.map { KnownInstrument($0) }
        return (live + still).filter { retired == nil || retired == $0.isRetired }
            .sorted { $0.id < $1.id }
    }

    /// The instrument that `name` names by number or tag, retired or not.
    ///
    /// - Throws: 404 where there is none.
    func instrument(_ name: String) async throws -> KnownInstrument {
        func isMeant(_ known: KnownInstrument) -> Bool {
            known.tag == name || UInt32(name) == known.id.rawValue
        }
        // A tag may be all digits: it goes before a number.
        let known = try await instruments()
        guard
            let found = known.first(where: { $0.tag == name }) ?? known.first(where: isMeant)
        else { throw Problem.notFound("no instrument has this number or tag") }
        return found
    }

    /// The running instrument that a path names.
    ///
    /// - Throws: 404 where there is none; 409 where it is retired.
    func running(_ context: PageContext, _ name: String = "id") async throws -> (
        known: KnownInstrument, live: GatewaySnapshot.Instrument
    ) {
        let known = try await instrument(try context.path(name))
        guard let live = known.live else {
            throw Problem.conflict("\(known.tag) is retired: restore it first")
        }
        return (known, live)
    }

    /// Carries out what a person wants done.
    ///
    /// - waiting: wait for the end of what takes longer; else the answer names its job.
    /// - Throws: 409 where it is refused, with the reason.
    @discardableResult
    func perform(
        _ name: String,
        _ act: GatewayCommand.Act,
        note: String? = nil,
        by person: Person,
        waiting: Bool = false
    ) async throws(Problem) -> ControlAnswer {
        let command = GatewayCommand(
            name: name,
            id: "page",
            expires: WallTime(nanosecondsSince1970: .max),
            by: person.employeeNumber,
            note: note,
            act: act
        )
        let answer = await desk.carryOut(command, waiting: waiting)
        await snapshots.forget()
        guard answer.isDone else { throw .conflict(answer.text) }
        return answer
    }
}

extension PageContext {
    /// A part of the path.
    func path(_ name: String) throws(Problem) -> String {
        guard let text = parameters.get(name)?.removingPercentEncoding, !text.isEmpty,
            text.utf8.count <= Limits.queryBytes
        else { throw .notFound("there is nothing at this path") }
        return text
    }
}

extension Response {
    /// Done, and nothing to say.
    static var done: Response { Response(status: .noContent) }
}

/// The number of a job that was begun.
struct JobBegun: Encodable {
    var job: String
}

/// One page of a list that may be long.
struct PageBody<Item: Encodable>: Encodable {
    var items: [Item]
    /// Give this as `after` for the next page; null: this was the last.
    @OrNull var next: String?
}

extension JSON {
    /// As `decode`, where a request without a body is as good as one without fields.
    static func decodeOptional<Body: RequestBodyFields>(
        _ type: Body.Type,
        from request: Request
    ) async throws -> Body {
        let data = try await bytes(of: request)
        return try decode(type, from: data.isEmpty ? Data("{}".utf8) : data)
    }
}

/// A body that holds nothing but why.
struct NoteBody: RequestBodyFields {
    enum CodingKeys: String, CodingKey, CaseIterable { case note }
    var note: String?

    func checked() throws(Problem) -> String? { try note.checkedNote() }
}

extension String? {
    /// The note without what surrounds it; nil: there is none.
    func checkedNote(_ field: String = "note") throws(Problem) -> String? {
        guard let self else { return nil }
        let text = self.trimmingCharacters(in: .whitespacesAndNewlines)
        guard text.count <= Limits.noteCharacters else {
            throw .field(field, "it may have at most \(Limits.noteCharacters) characters")
        }
        return text.isEmpty ? nil : text
    }
}

extension Nanoseconds {
    /// A length that a request gives, above 0 and at most 31 days.
    static func given(
        _ number: Double?,
        _ field: String,
        unit seconds: Double
    ) throws(Problem) -> Nanoseconds {
        guard let number else { throw .field(field, "it is missing") }
        guard number > 0, number * seconds <= 31 * 86_400 else {
            throw .field(field, "it must be above 0 and at most 31 days")
        }
        return .seconds(number * seconds)
    }
}
