import Alerts
import Foundation
import GatewayCore
import Signal

/// Reads commands as the central system sends them: JSON with an id, an expiry and who wants it.
enum CommandDecoder {
    /// The body of every command; which keys it wants depends on its name.
    private struct Body: Decodable {
        var id: String
        var expires: String
        var by: String
        var note: String?
        var alert: String?
        var tag: String?
        var minutes: Double?
        var seconds: Double?
        var oneShot: Bool?
    }

    /// Characters of an id, which becomes a topic level.
    private static let longestID = 64

    static func decode(_ command: UplinkCommand) -> Result<GatewayCommand, CommandRefusal> {
        Result { () throws(CommandRefusal) in try decoded(command) }
    }

    private static func decoded(_ command: UplinkCommand) throws(CommandRefusal) -> GatewayCommand {
        var id: String?
        func refusal(_ reason: String) -> CommandRefusal {
            CommandRefusal(name: command.name, id: id, reason: reason)
        }
        let body: Body
        do { body = try JSONDecoder().decode(Body.self, from: Data(command.payload.utf8)) } catch {
            id = try? JSONDecoder().decode(Named.self, from: Data(command.payload.utf8)).id
            id = id.flatMap { isName($0) ? $0 : nil }
            throw refusal(words(error))
        }
        guard isName(body.id) else {
            throw refusal("id: wanted are 1 to \(longestID) letters, digits, '-', '_' or '.'")
        }
        id = body.id
        guard !command.retained else {
            throw refusal("it is retained: a command is an act, send it without the retain flag")
        }
        guard let expires = date(body.expires) else {
            throw refusal(
                "expires: '\(body.expires.prefix(40))' is no time; write 2026-03-30T05:32:00Z"
            )
        }
        guard !body.by.isEmpty, body.by.count <= 64 else {
            throw refusal("by: say on whose behalf, in 1 to 64 characters")
        }
        func alert() throws(CommandRefusal) -> AlertID {
            guard let text = body.alert else { throw refusal("alert: the alert's id is missing") }
            guard let id = AlertID(text) else {
                throw refusal("alert: '\(text.prefix(40))' is no alert's id")
            }
            return id
        }
        func tag() throws(CommandRefusal) -> String {
            guard let tag = body.tag else { throw refusal("tag: the instrument's tag is missing") }
            return tag
        }
        func length(_ number: Double?, _ key: String, _ unit: Double) throws(CommandRefusal)
            -> Nanoseconds
        {
            guard let number, number > 0, number * unit <= 31 * 86_400 else {
                throw refusal("\(key): a length above 0 is wanted, 31 days at most")
            }
            return .seconds(number * unit)
        }
        func act() throws(CommandRefusal) -> GatewayCommand.Act {
            switch command.name {
            case "acknowledge": return .alert(.acknowledge(try alert()))
            case "resolve": return .alert(.resolve(try alert()))
            case "shelve":
                return .alert(
                    .shelve(
                        try alert(),
                        length: try length(body.minutes, "minutes", 60),
                        isOneShot: body.oneShot ?? false
                    )
                )
            case "unshelve": return .alert(.unshelve(try alert()))
            case "reset":
                return .alert(body.alert == nil ? .resetLatches : .resetLatch(try alert()))
            case "maintenance":
                return .instrument(
                    tag: try tag(),
                    .startMaintenance(length: try length(body.minutes, "minutes", 60))
                )
            case "end-maintenance": return .instrument(tag: try tag(), .endMaintenance)
            case "out-of-service": return .instrument(tag: try tag(), .takeOutOfService)
            case "return-to-service": return .instrument(tag: try tag(), .returnToService)
            case "silence": return .silenceHorn
            case "test-relay":
                return .testRelay(length: try length(body.seconds, "seconds", 1))
            default:
                throw refusal(
                    "no command is called '\(command.name.prefix(40))'; there are acknowledge, "
                        + "resolve, shelve, unshelve, reset, maintenance, end-maintenance, "
                        + "out-of-service, return-to-service, silence and test-relay"
                )
            }
        }
        return GatewayCommand(
            name: command.name,
            id: body.id,
            expires: expires,
            by: body.by,
            note: body.note,
            act: try act()
        )
    }

    private struct Named: Decodable { var id: String }

    private static func isName(_ text: String) -> Bool {
        (1...longestID).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
                    || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
                    || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                    || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
                    || byte == UInt8(ascii: ".")
            }
    }

    private static func date(_ text: String) -> WallTime? {
        let fractional = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
        let plain = try? Date(text, strategy: .iso8601)
        guard let date = plain ?? (try? Date(text, strategy: fractional)) else { return nil }
        let seconds = date.timeIntervalSince1970
        guard seconds > 0 else { return nil }
        // Nanoseconds reach to the year 2262; what expires later expires never.
        return WallTime(nanosecondsSince1970: Int64(min(seconds, 9e9) * 1e9))
    }

    /// What is wrong with the JSON, with the key.
    private static func words(_ error: any Error) -> String {
        switch error {
        case DecodingError.keyNotFound(let key, _): "\(key.stringValue): is missing"
        case DecodingError.typeMismatch(_, let context),
            DecodingError.valueNotFound(_, let context):
            "\(context.codingPath.map(\.stringValue).joined(separator: ".")): has the wrong type"
        default: "the payload is no JSON object"
        }
    }
}
