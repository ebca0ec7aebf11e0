import Alerts
import Foundation
import GatewayCore
import Signal

/// An instrument as the register keeps it.
public struct RegisteredInstrument: Hashable, Sendable {
    public var id: InstrumentID
    public var tag: Tag
    /// The settings as JSON text, in the form the caller gave them; nil: none stored.
    public var settings: String?
    /// Retired instruments keep their number and their history, and are polled no more.
    public var isRetired: Bool
}

/// A trained model of one instrument.
public struct StoredModel: Hashable, Sendable {
    public var instrument: InstrumentID
    /// 1 for the first of its instrument, then rising; never used twice.
    public var version: Int
    public var trainedAt: WallTime
    public var trainedBy: String
    /// Windows of the baseline it was trained on.
    public var windows: Int
    /// Share of outliers assumed in the baseline, or the wanted false alarms a day: one of them.
    public var contamination: Double?
    public var wantedRate: Double?
    /// Version of the set of features it was trained on: another one cannot use it.
    public var featureVersion: Int
    public var isActive: Bool
    /// The baseline it was trained on, from and up to.
    public var from: WallTime?
    public var to: WallTime?
    /// What the baseline came to, in words.
    public var report: String?
    /// Checksum of its body (CRC-32C over the instrument's number and the bytes), once stored.
    public var checksum: UInt32?

    public init(
        instrument: InstrumentID,
        version: Int = 0,
        trainedAt: WallTime,
        trainedBy: String,
        windows: Int,
        contamination: Double? = nil,
        wantedRate: Double? = nil,
        featureVersion: Int,
        isActive: Bool = false,
        from: WallTime? = nil,
        to: WallTime? = nil,
        report: String? = nil
    ) {
        self.from = from
        self.to = to
        self.report = report
        self.instrument = instrument
        self.version = version
        self.trainedAt = trainedAt
        self.trainedBy = trainedBy
        self.windows = windows
        self.contamination = contamination
        self.wantedRate = wantedRate
        self.featureVersion = featureVersion
        self.isActive = isActive
    }
}

/// A calibration that was recorded.
public struct StoredCalibration: Hashable, Sendable {
    public var instrument: InstrumentID
    public var performedAt: WallTime
    /// Everything else (by whom, passed, as found, as left, points) as JSON text.
    public var body: String

    public init(instrument: InstrumentID, performedAt: WallTime, body: String) {
        self.instrument = instrument
        self.performedAt = performedAt
        self.body = body
    }
}

extension JournalStore {
    // MARK: Instruments

    /// The numbers of `tags` in the register; new tags get new numbers, and none is used twice.
    public func register(_ tags: [Tag]) throws(StoreFault) -> [Tag: InstrumentID] {
        try result { writer in
            let archive = writer.archive
            return try archive.database.transaction {
                var numbers: [Tag: InstrumentID] = [:]
                for tag in tags {
                    let id = try archive.number(of: tag)
                    numbers[tag] = InstrumentID(rawValue: UInt32(clamping: id))
                }
                return numbers
            }
        }.get()
    }

    /// Changes the register in one transaction.
    ///
    /// - rows: tag, settings (JSON text) and whether it is retired; a new tag gets a new number.
    /// - forgetting: whose model is in use no more; the versions stay.
    /// - settings: texts to store under a name; nil removes one.
    /// - Returns: the number of each row's tag.
    public func change(
        _ rows: [(tag: Tag, settings: String?, isRetired: Bool)],
        forgetting models: [InstrumentID] = [],
        settings: [(name: String, value: String?)] = []
    ) throws(StoreFault) -> [Tag: InstrumentID] {
        try result { writer in
            let archive = writer.archive
            return try archive.database.transaction {
                var numbers: [Tag: InstrumentID] = [:]
                for row in rows {
                    let id = try archive.number(of: row.tag)
                    try archive.database.run(
                        "UPDATE instrument SET settings=?, retired=? WHERE id=?",
                        .optional(row.settings),
                        .integer(row.isRetired ? 1 : 0),
                        .integer(id)
                    )
                    numbers[row.tag] = InstrumentID(rawValue: UInt32(clamping: id))
                }
                for instrument in models {
                    try archive.database.run(
                        "UPDATE model SET active=0 WHERE instrument=?",
                        .integer(Int64(instrument.rawValue))
                    )
                }
                for (name, value) in settings { try archive.set(name, to: value) }
                return numbers
            }
        }.get()
    }

    /// The models in use, with their bodies; a body whose checksum is wrong is empty.
    public func modelsInUse() throws(StoreFault) -> [KeptModel] {
        try result { try $0.archive.modelsInUse() }.get()
    }

    /// The whole register, by number.
    public func instruments() throws(StoreFault) -> [RegisteredInstrument] {
        try result { try $0.archive.instruments() }.get()
    }

    // MARK: Models

    /// Stores a model under the next version of its instrument and tells that version.
    ///
    /// - activating: makes it the one in use at once.
    public func add(
        _ model: StoredModel,
        body: [UInt8],
        activating: Bool
    ) throws(StoreFault) -> Int {
        try result { writer in
            let archive = writer.archive
            let id = Int64(model.instrument.rawValue)
            return try archive.database.transaction {
                let version = try archive.database.integer(
                    "SELECT ifnull(max(version), 0) + 1 FROM model WHERE instrument=?",
                    .integer(id)
                )
                try archive.database.run(
                    """
                    INSERT INTO model(instrument, version, trained_at, trained_by, windows,
                      contamination, wanted_rate, feature_version, checksum, body,
                      baseline_from, baseline_to, report)
                    VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?)
                    """,
                    .integer(id),
                    .integer(version),
                    .integer(model.trainedAt.nanosecondsSince1970),
                    .text(model.trainedBy),
                    .integer(Int64(model.windows)),
                    model.contamination.map { .real($0) } ?? .null,
                    model.wantedRate.map { .real($0) } ?? .null,
                    .integer(Int64(model.featureVersion)),
                    .integer(Int64(Checksum.of(body, key: id))),
                    .blob(body),
                    .optional(model.from?.nanosecondsSince1970),
                    .optional(model.to?.nanosecondsSince1970),
                    .optional(model.report)
                )
                if activating { try JournalStore.activate(version, id, archive) }
                return Int(clamping: version)
            }
        }.get()
    }

    /// Makes one version of an instrument's model the one in use; false: there is no such version.
    public func activate(
        version: Int,
        of instrument: InstrumentID
    ) throws(StoreFault) -> Bool {
        try result { writer in
            let archive = writer.archive
            let id = Int64(instrument.rawValue)
            return try archive.database.transaction {
                let found = try archive.database.integer(
                    "SELECT count(*) FROM model WHERE instrument=? AND version=?",
                    .integer(id),
                    .integer(Int64(version))
                )
                guard found == 1 else { return false }
                try JournalStore.activate(Int64(version), id, archive)
                return true
            }
        }.get()
    }

    private static func activate(
        _ version: Int64,
        _ instrument: Int64,
        _ archive: Archive
    ) throws {
        try archive.database.run(
            "UPDATE model SET active = (version = ?) WHERE instrument=?",
            .integer(version),
            .integer(instrument)
        )
    }

    /// The models of an instrument, newest first; without their bodies.
    public func models(of instrument: InstrumentID) throws(StoreFault) -> [StoredModel] {
        try result { try $0.archive.models(of: instrument) }.get()
    }

    /// The body of one version; nil: none, or its checksum is wrong.
    public func body(
        version: Int,
        of instrument: InstrumentID
    ) throws(StoreFault) -> [UInt8]? {
        try result { writer in
            let id = Int64(instrument.rawValue)
            let found = try writer.archive.database.first(
                "SELECT body, checksum FROM model WHERE instrument=? AND version=?",
                .integer(id),
                .integer(Int64(version))
            ) { ($0.blob(0), $0.integer(1)) }
            guard let (body, sum) = found, Int64(Checksum.of(body, key: id)) == sum else {
                return nil
            }
            return body
        }.get()
    }

    // MARK: Baselines

    /// Stores a span that was marked as clean; earlier ones stay on record.
    public func add(_ mark: BaselineMark) throws(StoreFault) {
        try result {
            try $0.archive.database.run(
                "INSERT INTO baseline(instrument, body) VALUES(?,?)",
                .integer(Int64(mark.instrument.rawValue)),
                .text(try RegisterRow.encode(mark))
            )
        }.get()
    }

    // MARK: Calibrations

    /// Adds a calibration to the record.
    public func add(_ record: CalibrationRecord) throws(StoreFault) {
        try result {
            try $0.archive.add(
                StoredCalibration(
                    instrument: record.instrument,
                    performedAt: record.performedAt,
                    body: try RegisterRow.encode(record)
                )
            )
        }.get()
    }

    /// Adds a calibration to the record.
    public func add(_ calibration: StoredCalibration) throws(StoreFault) {
        try result { try $0.archive.add(calibration) }.get()
    }

    /// An instrument's calibrations, newest first.
    public func calibrations(
        of instrument: InstrumentID,
        limit: Int = 100
    ) throws(StoreFault) -> [StoredCalibration] {
        try result { try $0.archive.calibrations(of: instrument, limit: limit) }.get()
    }

    // MARK: Settings

    /// Stores a text under a name; nil removes it.
    public func set(_ name: String, to value: String?) throws(StoreFault) {
        try result { try $0.archive.set(name, to: value) }.get()
    }

    /// The settings whose names begin with `prefix` (letters, digits, `-`), by name.
    public func settings(
        _ prefix: String
    ) throws(StoreFault) -> [(name: String, value: String)] {
        try result {
            try $0.archive.database.rows(
                "SELECT name, value FROM setting WHERE name GLOB ? ORDER BY name",
                .text(prefix + "*")
            ) { ($0.text(0), $0.text(1)) }
        }.get()
    }

    /// The text stored under a name.
    public func setting(_ name: String) throws(StoreFault) -> String? {
        try result { try $0.archive.setting(name) }.get()
    }
}

/// Rows of the register that are kept as JSON.
enum RegisterRow {
    static func encode(_ row: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(row), as: UTF8.self)
    }

    /// Nil for a text that is no such row.
    static func decode<Row: Decodable>(_: Row.Type, _ text: String) -> Row? {
        try? JSONDecoder().decode(Row.self, from: Data(text.utf8))
    }
}

extension StoredCalibration {
    /// The calibration as it was recorded; nil where the body is in another form.
    public var record: CalibrationRecord? { RegisterRow.decode(CalibrationRecord.self, body) }
}

extension Archive {
    func add(_ calibration: StoredCalibration) throws {
        try database.run(
            "INSERT INTO calibration(instrument, performed_at, body) VALUES(?,?,?)",
            .integer(Int64(calibration.instrument.rawValue)),
            .integer(calibration.performedAt.nanosecondsSince1970),
            .text(calibration.body)
        )
    }

    /// The models in use, with their bodies; a body whose checksum is wrong is empty.
    func modelsInUse() throws -> [KeptModel] {
        try database.rows(
            """
            SELECT instrument, version, trained_at, trained_by, windows, checksum, body
            FROM model WHERE active=1 ORDER BY instrument
            """
        ) { row in
            let id = row.integer(0)
            let body = row.blob(6)
            return KeptModel(
                facts: ModelFacts(
                    instrument: InstrumentID(rawValue: UInt32(clamping: id)),
                    version: Int(clamping: row.integer(1)),
                    trainedAt: WallTime(nanosecondsSince1970: row.integer(2)),
                    trainedBy: row.text(3),
                    windows: Int(clamping: row.integer(4))
                ),
                body: Int64(Checksum.of(body, key: id)) == row.integer(5) ? body : []
            )
        }
    }

    /// The latest calibration of each instrument.
    func latestCalibrations() throws -> [CalibrationRecord] {
        try database.rows(
            """
            SELECT body FROM calibration c WHERE id =
              (SELECT id FROM calibration WHERE instrument = c.instrument
               ORDER BY performed_at DESC, id DESC LIMIT 1)
            """
        ) { RegisterRow.decode(CalibrationRecord.self, $0.text(0)) }.compactMap { $0 }
    }

    /// The latest baseline of each instrument.
    func latestBaselines() throws -> [BaselineMark] {
        try database.rows(
            "SELECT body FROM baseline WHERE id IN (SELECT max(id) FROM baseline GROUP BY instrument)"
        ) { RegisterRow.decode(BaselineMark.self, $0.text(0)) }.compactMap { $0 }
    }

    func baselines(of instrument: InstrumentID, limit: Int) throws -> [BaselineMark] {
        try database.rows(
            "SELECT body FROM baseline WHERE instrument=? ORDER BY id DESC LIMIT ?",
            .integer(Int64(instrument.rawValue)),
            .integer(Int64(max(1, limit)))
        ) { RegisterRow.decode(BaselineMark.self, $0.text(0)) }.compactMap { $0 }
    }

    func instruments() throws -> [RegisteredInstrument] {
        try database.rows("SELECT id, tag, settings, retired FROM instrument ORDER BY id") {
            row -> RegisteredInstrument? in
            guard let tag = Tag(row.text(1)) else { return nil }
            return RegisteredInstrument(
                id: InstrumentID(rawValue: UInt32(clamping: row.integer(0))),
                tag: tag,
                settings: row.optionalText(2),
                isRetired: row.integer(3) != 0
            )
        }.compactMap { $0 }
    }

    func models(of instrument: InstrumentID) throws -> [StoredModel] {
        try database.rows(
            """
            SELECT version, trained_at, trained_by, windows, contamination, wanted_rate,
              feature_version, active, baseline_from, baseline_to, report, checksum
            FROM model WHERE instrument=? ORDER BY version DESC
            """,
            .integer(Int64(instrument.rawValue))
        ) {
            var model = StoredModel(
                instrument: instrument,
                version: Int(clamping: $0.integer(0)),
                trainedAt: WallTime(nanosecondsSince1970: $0.integer(1)),
                trainedBy: $0.text(2),
                windows: Int(clamping: $0.integer(3)),
                contamination: $0.isNull(4) ? nil : $0.real(4),
                wantedRate: $0.isNull(5) ? nil : $0.real(5),
                featureVersion: Int(clamping: $0.integer(6)),
                isActive: $0.integer(7) != 0,
                from: $0.isNull(8) ? nil : WallTime(nanosecondsSince1970: $0.integer(8)),
                to: $0.isNull(9) ? nil : WallTime(nanosecondsSince1970: $0.integer(9)),
                report: $0.optionalText(10)
            )
            model.checksum = UInt32(truncatingIfNeeded: $0.integer(11))
            return model
        }
    }

    func calibrations(of instrument: InstrumentID, limit: Int) throws -> [StoredCalibration] {
        try database.rows(
            """
            SELECT performed_at, body FROM calibration WHERE instrument=?
            ORDER BY performed_at DESC, id DESC LIMIT ?
            """,
            .integer(Int64(instrument.rawValue)),
            .integer(Int64(limit))
        ) {
            StoredCalibration(
                instrument: instrument,
                performedAt: WallTime(nanosecondsSince1970: $0.integer(0)),
                body: $0.text(1)
            )
        }
    }

    /// The number of a tag in the register; a new tag gets a new number.
    func number(of tag: Tag) throws -> Int64 {
        // Not INSERT OR IGNORE: that would use up a number each time.
        let known = try database.integer("SELECT id FROM instrument WHERE tag=?", .text(tag.text))
        guard known == 0 else { return known }
        try database.run("INSERT INTO instrument(tag) VALUES(?)", .text(tag.text))
        return try database.integer("SELECT last_insert_rowid()")
    }

    func set(_ name: String, to value: String?) throws {
        if let value {
            try database.run(
                "INSERT OR REPLACE INTO setting(name, value) VALUES(?,?)",
                .text(name),
                .text(value)
            )
        } else {
            try database.run("DELETE FROM setting WHERE name=?", .text(name))
        }
    }

    func setting(_ name: String) throws -> String? {
        try database.first("SELECT value FROM setting WHERE name=?", .text(name)) { $0.text(0) }
    }
}
