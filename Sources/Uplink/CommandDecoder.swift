import Alerts
import Foundation
import GatewayCore
import Signal

/// Reads commands as the central system sends them: JSON with an id, an expiry and who wants it.
public enum CommandDecoder {
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
        var from: String?
        var to: String?
        var allowBadQuality: Bool?
        var allowAlerts: Bool?
        var version: Int?
        var performedAt: String?
        var performedBy: String?
        var passed: Bool?
        var asFound: Double?
        var asLeft: Double?
        var reference: Double?
        var epoch: String?
        var sequence: UInt64?
        var uplink: String?
    }

    /// Characters of an id, which becomes a topic level.
    private static let longestID = 64

    /// The command in `command`, or why it is refused, with its id where that could be read.
    public static func decode(_ command: UplinkCommand) -> Result<GatewayCommand, CommandRefusal> {
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
        func time(_ text: String?, _ key: String) throws(CommandRefusal) -> WallTime? {
            guard let text else { return nil }
            guard let time = date(text) else {
                throw refusal(
                    "\(key): '\(text.prefix(40))' is no time; write 2026-03-30T05:32:00Z"
                )
            }
            return time
        }
        func needed<Value>(_ value: Value?, _ key: String) throws(CommandRefusal) -> Value {
            guard let value else { throw refusal("\(key): is missing") }
            return value
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
            case "train":
                guard (body.from == nil) == (body.to == nil) else {
                    throw refusal("from, to: give both, or none for the marked baseline")
                }
                return .instrument(
                    tag: try tag(),
                    .train(
                        from: try time(body.from, "from"),
                        to: try time(body.to, "to"),
                        allowsBadQuality: body.allowBadQuality ?? false,
                        allowsAlerts: body.allowAlerts ?? false
                    )
                )
            case "activate":
                let version = try needed(body.version, "version")
                guard version > 0 else { throw refusal("version: the first one is 1") }
                return .instrument(tag: try tag(), .activate(version: version))
            case "baseline":
                return .instrument(
                    tag: try tag(),
                    .markBaseline(
                        from: try needed(time(body.from, "from"), "from"),
                        to: try needed(time(body.to, "to"), "to")
                    )
                )
            case "calibration":
                return .instrument(
                    tag: try tag(),
                    .calibrated(
                        GatewayCommand.Calibration(
                            performedAt: try time(body.performedAt, "performedAt"),
                            performedBy: body.performedBy,
                            passed: try needed(body.passed, "passed"),
                            asFound: body.asFound,
                            asLeft: body.asLeft,
                            reference: body.reference
                        )
                    )
                )
            case "resend":
                let text = try needed(body.epoch, "epoch")
                guard text.utf8.count <= 16, let epoch = UInt64(text, radix: 16) else {
                    throw refusal("epoch: wanted are the 16 hexadecimal digits of a run")
                }
                let sequence = try needed(body.sequence, "sequence")
                guard sequence > 0 else { throw refusal("sequence: the first one is 1") }
                return .resend(
                    Position(epoch: epoch, sequence: sequence),
                    uplink: body.uplink
                )
            case "silence": return .silenceHorn
            case "test-relay":
                return .testRelay(length: try length(body.seconds, "seconds", 1))
            default:
                throw refusal(
                    "no command is called '\(command.name.prefix(40))'; there are acknowledge, "
                        + "resolve, shelve, unshelve, reset, maintenance, end-maintenance, "
                        + "out-of-service, return-to-service, train, activate, baseline, calibration, "
                        + "resend, silence and test-relay"
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

    /// The time that `text` names in ISO 8601; nil: none after 1970.
    public static func date(_ text: String) -> WallTime? {
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
