import GatewayCore
import HTTPTypes
import Hummingbird
import Signal

/// The configuration that runs. Most of it is the file's: `loopgate check` knows what may be written
/// there, and SIGHUP takes it over.
struct SettingsRoutes: PageRoutes {
    let parts: APIParts

    private struct SettingBody: Encodable, Sendable {
        var key: String
        var value: String
        var changeable = false
    }

    private struct ChangeBody: RequestBodyFields {
        enum CodingKeys: String, CodingKey, CaseIterable { case logLevel = "log_level" }
        var logLevel = Change<String>.keep
    }

    static let logLevels = ["debug", "info", "warning", "error"]

    func add(to api: RouterGroup<PageContext>) {
        api.get("settings") { request, context -> Response in
            try context.requireAdmin()
            try Query(request).check()
            return try JSON.response(list())
        }
        api.patch("settings") { request, context -> Response in
            let person = try context.requireAdmin()
            let body = try await JSON.decode(ChangeBody.self, from: request)
            if body.logLevel == .clear { throw Problem.field("log_level", "it may not be null") }
            if case .set(let level) = body.logLevel {
                guard Self.logLevels.contains(level) else {
                    throw Problem.field(
                        "log_level",
                        "it must be one of \(Self.logLevels.joined(separator: ", "))"
                    )
                }
                let old = parts.desk.logLevel
                parts.desk.setLogLevel(level)
                await parts.desk.audit(
                    AuditEntry(
                        who: person.employeeNumber,
                        action: "settings.change",
                        subject: "log_level",
                        old: old,
                        new: level
                    )
                )
            }
            return try JSON.response(list())
        }
    }

    private func list() -> [SettingBody] {
        [SettingBody(key: "log_level", value: parts.desk.logLevel, changeable: true)]
            + parts.desk.settings.lines.map { SettingBody(key: $0.key, value: $0.value) }
    }
}

extension GatewaySettings {
    /// The settings key by key, as the configuration file spells them; secrets are masked.
    fileprivate var lines: [(key: String, value: String)] {
        var lines: [(String, String)] = [
            ("gateway", gateway), ("clock.source", trustsRTC ? "rtc" : "ntp"),
            ("page.host", page.host), ("page.port", "\(page.port)"),
            ("page.openHealth", "\(page.opensHealth)"), ("journal.path", journal.path),
            ("journal.commitInterval", Self.words(journal.commitInterval)),
            ("journal.quota", "\(journal.quotaBytes >> 20) MiB"),
            ("journal.rawDays", Self.days(journal.rawDays)),
            ("journal.minuteDays", Self.days(journal.minuteDays)),
            ("journal.hourDays", Self.days(journal.hourDays)),
            ("journal.dayDays", Self.days(journal.dayDays)),
            ("relay.output", relay.output.words),
            ("relay.severities", relay.severities.sorted().map(\.rawValue).joined(separator: ", ")),
            (
                "relay.areas",
                relay.areas.isEmpty ? "all" : relay.areas.sorted().joined(separator: ", ")
            ),
            ("relay.onDelay", Self.words(relay.onDelay)),
            ("relay.offDelay", Self.words(relay.offDelay)),
            ("relay.latching", "\(relay.isLatching)"),
            ("relay.longestTest", Self.words(relay.longestTest)),
        ]
        for bus in buses {
            lines.append(("buses.\(bus.name).link", bus.link.words))
            lines.append(("buses.\(bus.name).timeout", Self.words(bus.responseTimeout)))
        }
        for module in modules {
            let name = "modules.\(module.name)"
            lines.append(("\(name).unit", "\(module.unit.rawValue)"))
            lines.append(("\(name).profile", module.profile))
            lines.append(("\(name).period", Self.words(module.period)))
        }
        for connection in connections { lines += Self.lines(of: connection) }
        lines.append(("instruments", "\(instruments.count)"))
        return lines
    }

    private static func lines(of connection: ConnectionSettings) -> [(String, String)] {
        let name = "uplink.\(connection.name)"
        let brokers = connection.brokers.map { "\($0.host):\($0.port)" }
        return [
            ("\(name).brokers", brokers.joined(separator: ", ")),
            ("\(name).version", connection.version.rawValue),
            ("\(name).clientID", connection.clientID),
            ("\(name).username", connection.username == nil ? "–" : mask),
            ("\(name).password", connection.passwordFile == nil ? "–" : mask),
            ("\(name).tls", connection.tls == nil ? "off" : "on"),
            ("\(name).form", connection.form.rawValue),
            ("\(name).topicRoot", connection.topicRoot),
            ("\(name).backlog", connection.backlog.rawValue),
            ("\(name).publish", connection.publish.rawValue),
            ("\(name).inFlight", "\(connection.inFlight)"),
            ("\(name).commands", "\(connection.acceptsCommands)"),
        ]
    }

    private static let mask = "********"
    private static func words(_ length: Nanoseconds) -> String { "\(length.seconds) s" }
    private static func days(_ days: Int?) -> String { days.map { "\($0)" } ?? "for ever" }
}
