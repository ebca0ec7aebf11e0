import GatewayCore
import HTTPTypes
import Journal
import Signal

/// Readings as CSV (RFC 4180), safe to open in a spreadsheet.
enum CSV {
    static let head = "time,tag,value,unit,mA,quality,reason,epoch,sequence\r\n"

    static func headers(named name: String) -> HTTPFields {
        [
            .contentType: "text/csv; charset=utf-8; header=present", .cacheControl: "no-store",
            .contentDisposition: "attachment; filename=\"\(name).csv\"",
        ]
    }

    static func line(_ row: JournalReader.Row, unit: String, into text: inout String) {
        let reading = row.reading
        text += reading.stamp.wall.iso8601
        text += ","
        text += cell(row.tag)
        text += ","
        if let value = reading.value { text += "\(value)" }
        text += ","
        text += cell(unit)
        text += ","
        if let current = reading.current { text += "\(current.milliamps)" }
        text += ",\(reading.quality.level.name),\(reading.quality.reason),"
        text += "\(row.epoch.hex),\(row.sequence)\r\n"
    }

    /// A text as a cell. One that a spreadsheet would take for a formula begins with an apostrophe
    /// (OWASP, "CSV Injection"); numbers are written elsewhere and stay numbers.
    static func cell(_ text: String) -> String {
        let starters: Set<Character> = ["=", "+", "-", "@", "\t", "\r"]
        let safe = text.first.map(starters.contains) == true ? "'" + text : text
        let special = safe.utf8.contains {
            $0 == UInt8(ascii: ",") || $0 == UInt8(ascii: "\"") || $0 == UInt8(ascii: "\n")
                || $0 == UInt8(ascii: "\r")
        }
        guard special else { return safe }
        var quoted = "\""
        for character in safe.unicodeScalars {
            if character == "\"" { quoted.unicodeScalars.append("\"") }
            quoted.unicodeScalars.append(character)
        }
        return quoted + "\""
    }
}

/// What is to be exported.
struct ExportOrder: Sendable {
    /// Whose readings go in.
    var instruments: [KnownInstrument]
    var from: WallTime
    var to: WallTime
    private var units: [InstrumentID: String]

    init(instruments: [KnownInstrument], from: WallTime, to: WallTime) {
        self.instruments = instruments
        self.from = from
        self.to = to
        units = Dictionary(
            instruments.map { ($0.id, $0.unit) },
            uniquingKeysWith: { first, _ in first }
        )
    }

    /// The lines of the next rows, and where to go on; nil: that was all.
    func piece(
        of journal: JournalReader,
        after: Position?
    ) throws -> (text: String, next: Position?, reached: WallTime?) {
        let page = try journal.rows(
            instrument: instruments.count == 1 ? instruments[0].id : nil,
            from: from,
            to: to,
            after: after,
            limit: Limits.exportRows
        )
        var text = ""
        for row in page.rows {
            guard let unit = units[row.reading.instrument] else { continue }
            CSV.line(row, unit: unit, into: &text)
        }
        return (text, page.next, page.rows.last?.reading.stamp.wall)
    }
}
