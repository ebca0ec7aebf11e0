import Alerts
import Signal

/// The keys that say how alerts are treated.
enum AlarmKeys {
    private static let severity = Form<Severity>.word(Severity.allCases.map { ($0.rawValue, $0) })

    static let acknowledge = KeyWithFallback<[Severity]>(
        "acknowledge",
        noneOr(.list(of: severity, most: 3)),
        else: Severity.allCases,
        shown: "all",
        "The severities that a person must acknowledge; other alerts are resolved when they clear."
    )
    static let longestShelf = KeyWithFallback(
        "longestShelf",
        .time(.seconds(60)...(.seconds(30 * 86_400))),
        else: .seconds(86_400),
        shown: "24 h",
        "The longest time that an alert may be shelved."
    )
    static let longestMaintenance = KeyWithFallback(
        "longestMaintenance",
        .time(.seconds(60)...(.seconds(90 * 86_400))),
        else: .seconds(7 * 86_400),
        shown: "7 d",
        "The longest time that maintenance may suppress an instrument's alarms."
    )
    static let latching = Key.optional(
        "latching",
        .map,
        "Alerts that stay until they are reset by hand. Without it those that drive a relay with "
            + "`latching`."
    )
    static let severities = Key.optional(
        "severities",
        .maps,
        "Changes of the table that gives an alert its severity by type, grade and criticality."
    )
    static let section = KeySection(
        path: "alarms",
        meaning: "How alerts are treated.",
        keys: [
            acknowledge.entry, longestShelf.entry, longestMaintenance.entry, latching.entry,
            severities.entry,
        ]
    )

    enum Latching {
        static let severities = KeyWithFallback<[Severity]>(
            "severities",
            .list(of: AlarmKeys.severity, most: 3),
            else: [.critical],
            shown: "critical",
            "The severities of the alerts that latch."
        )
        static let areas = Key<[String]>.optional(
            "areas",
            .list(of: .text(), most: 256),
            "The process units whose instruments' alerts latch; without it all."
        )
        static let gatewayAlerts = KeyWithFallback(
            "gatewayAlerts",
            .flag,
            else: false,
            shown: "false",
            "Whether alerts about the gateway itself latch too."
        )
        static let section = KeySection(
            path: "alarms.latching",
            meaning: "Alerts that stay until they are reset by hand.",
            keys: [severities.entry, areas.entry, gatewayAlerts.entry]
        )
    }

    enum Change {
        static let type = Key<[AlertType]>.required(
            "type",
            .list(
                of: .word(AlertType.allCases.map { ($0.rawValue, $0) }),
                most: AlertType.allCases.count
            ),
            "The types of alert."
        )
        static let grade = Key<[AlertGrade]>.optional(
            "grade",
            .list(of: .word(AlertGrade.allCases.map { ($0.rawValue, $0) }), most: 2),
            "`pre-alarm`: low, high, a detector's warning, a suspected fault. `main-alarm`: "
                + "low-low, high-high, a detector's critical threshold, an established fault. "
                + "Without it both."
        )
        static let criticality = Key<[AlertCriticality]>.optional(
            "criticality",
            .list(of: .word(AlertCriticality.allCases.map { ($0.rawValue, $0) }), most: 4),
            "The criticalities of the instruments; without it all."
        )
        static let severity = Key<Severity>.required(
            "severity",
            AlarmKeys.severity,
            "What such an alert is."
        )
        static let section = KeySection(
            path: "alarms.severities[]",
            meaning: "A change of the table of severities. No cell is changed twice.",
            keys: [type.entry, grade.entry, criticality.entry, severity.entry]
        )
    }

    /// The list, or the word `none` for an empty one.
    private static func noneOr<Element>(_ form: Form<[Element]>) -> Form<[Element]> {
        Form(text: "`none`, or \(form.text)", isList: true) { value in
            value.text == "none" ? .value([]) : form.parse(value)
        }
    }
}
