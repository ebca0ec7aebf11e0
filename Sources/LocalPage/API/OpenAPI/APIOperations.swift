import Alerts
import GatewayCore

/// Every method of every path below `/api`, group by group.
enum APIOperations {
    static let all =
        people + instruments + readings + alerts + calibrations + models + plant + relay + rest

    static func get(
        _ path: String,
        _ group: String,
        _ summary: String,
        _ schema: Schema,
        query: [Operation.Parameter] = [],
        who: Operation.Who = .person
    ) -> Operation {
        Operation(
            method: "GET",
            path: "/api/" + path,
            group: group,
            summary: summary,
            who: who,
            query: query,
            answers: [200: .json(schema)]
        )
    }

    static func act(
        _ method: String,
        _ path: String,
        _ group: String,
        _ summary: String,
        who: Operation.Who = .person,
        body: Operation.Body? = nil,
        answers: [Int: Operation.Answer] = [204: .nothing],
        problems: [Int] = []
    ) -> Operation {
        Operation(
            method: method,
            path: "/api/" + path,
            group: group,
            summary: summary,
            who: who,
            body: body,
            answers: answers,
            problems: problems
        )
    }

    private static let tag = Operation.Parameter(
        "tag_number",
        .filled,
        "The instrument's tag or number.",
        isRequired: true,
        example: "PT-101"
    )
    private static let span: [Operation.Parameter] = [
        .init("hours", .number, "How far back, in hours; 24 if nothing is given."),
        .init("from", .time, "Instead of hours: from this time on."),
        .init("to", .time, "Up to this time; now if it is not given."),
    ]
    private static func paging(_ standard: Int) -> [Operation.Parameter] {
        [
            .init("after", .text, "What next of the page before said."),
            .init("limit", .integer(Limits.pageRows), "Rows of a page; \(standard) if not given."),
        ]
    }
    static let note = Operation.Body(
        schema: .object([.optional("note", .orNull(.text), "Why.")]),
        isRequired: false
    )
    static func list(_ name: String) -> Schema { .list(.named(name)) }

    // MARK: Readings

    static func withConflict(_ operation: Operation) -> Operation {
        var operation = operation
        operation.problems.append(409)
        return operation
    }

    private static let readings: [Operation] = [
        known(
            get(
                "readings/trends",
                "readings",
                "A trend of at most so many points; lowest and highest are never lost.",
                .named("Trend"),
                query: [tag] + span + [
                    .init("points", .integer(Limits.trendPoints), "Most points; 600 if not given.")
                ]
            )
        ),
        known(
            get(
                "readings",
                "readings",
                "Readings in the order they were stored, page by page.",
                APISchemas.page(of: "Reading"),
                query: [tag] + span + paging(500)
            )
        ),
        known(
            Operation(
                method: "GET",
                path: "/api/readings/export",
                group: "readings",
                summary: "Readings as CSV, streamed.",
                query: [tag] + span,
                answers: [200: .other(type: "text/csv")]
            )
        ),
        act(
            "POST",
            "exports",
            "readings",
            "Begins to write readings of several instruments into a file.",
            body: .init(
                schema: .object([
                    .optional("tag_numbers", .orNull(.list(.text)), "Null: every instrument."),
                    .init("from", .time), .init("to", .time),
                ])
            ),
            answers: [202: .json(.named("JobBegun"))]
        ),
        withConflict(
            Operation(
                method: "GET",
                path: "/api/exports/{job}",
                group: "readings",
                summary: "The file of an export that is done.",
                answers: [200: .other(type: "text/csv")]
            )
        ),
    ]

    /// One that answers 404 for a tag that nobody has.
    private static func known(_ operation: Operation) -> Operation {
        var operation = operation
        operation.problems.append(404)
        return operation
    }

    // MARK: Alerts

    private static let alertFilter: [Operation.Parameter] = [
        .init("severity", APISchemas.severities, "Of this severity."),
        .init("type", APISchemas.alertTypes, "Of this type."),
        .init("tag_number", .text, "Of this instrument or part.", example: "PT-101"),
        .init("process_unit", .text, "Of this process unit."),
        .init("state", .word(AlertState.allCases.map(\.rawValue)), "In this state."),
    ]
    private static let alerts: [Operation] =
        [
            get("alerts", "alerts", "The open alerts.", list("Alert"), query: alertFilter),
            get(
                "alerts/history",
                "alerts",
                "All alerts, the one that changed last first.",
                APISchemas.page(of: "Alert"),
                query: alertFilter + paging(100)
            ),
            get(
                "alerts/{id}",
                "alerts",
                "One alert, with every step of its life.",
                .named("AlertStory")
            ),
            act(
                "POST",
                "alerts/{id}/shelve",
                "alerts",
                "Puts it aside for a time.",
                body: .init(
                    schema: .object([
                        .init("minutes", .number),
                        .optional(
                            "one_shot",
                            .orNull(.flag),
                            "Ends earlier, at the next return to normal."
                        ),
                        .optional("note", .orNull(.text)),
                    ])
                ),
                problems: [409]
            ),
        ]
        + [
            ("acknowledge", "Takes note of it."),
            ("resolve", "Closes it, once its condition has gone."),
            ("unshelve", "Ends its shelf early."), ("reset", "Resets its latch."),
        ].map { name, summary in
            act(
                "POST",
                "alerts/{id}/\(name)",
                "alerts",
                summary,
                body: note,
                problems: [409]
            )
        }

    // MARK: Calibrations and models

    private static let calibrations: [Operation] = [
        known(
            get(
                "calibrations",
                "calibrations",
                "Calibrations of an instrument, newest first.",
                list("Calibration"),
                query: [tag]
            )
        ),
        act(
            "POST",
            "calibrations",
            "calibrations",
            "Records a calibration; name the instrument by instrument_id or tag_number.",
            body: .init(
                schema: .object([
                    .optional("instrument_id", .orNull(.integer(0...4_294_967_295))),
                    .optional("tag_number", .orNull(.text)), .init("performed_at", .time),
                    .init("passed", .flag), .optional("performed_by", .orNull(.text)),
                    .optional("notes", .orNull(.text)),
                    .optional("as_found_value", .orNull(.number)),
                    .optional("as_left_value", .orNull(.number)),
                    .optional("reference_value", .orNull(.number)),
                ])
            ),
            answers: [201: .json(.named("Calibration"))],
            problems: [409]
        ),
    ]

    private static let models: [Operation] = [
        act(
            "POST",
            "ml/train/{tag}",
            "models",
            "Learns from a span of readings, or from the marked baseline.",
            who: .admin,
            body: .init(
                schema: .object([
                    .optional("from", .orNull(.time)), .optional("to", .orNull(.time)),
                    .optional("allow_bad_quality", .orNull(.flag)),
                    .optional("allow_alerts", .orNull(.flag)),
                ]),
                isRequired: false
            ),
            answers: [202: .json(.named("JobBegun"))],
            problems: [409]
        ),
        get("ml/models/{tag}", "models", "Its models, newest first.", list("Model")),
        act(
            "POST",
            "ml/models/{tag}/activate/{version}",
            "models",
            "Uses this version from now on.",
            who: .admin,
            answers: [202: .json(.named("JobBegun")), 204: .nothing],
            problems: [409]
        ),
        get("ml/baselines/{tag}", "models", "Its baselines, newest first.", list("Baseline")),
        act(
            "POST",
            "ml/baselines/{tag}",
            "models",
            "Calls a span of readings clean.",
            who: .admin,
            body: .init(
                schema: .object([
                    .init("from", .time), .init("to", .time), .optional("note", .orNull(.text)),
                ])
            ),
            answers: [201: .json(.named("Baseline"))],
            problems: [409]
        ),
    ]

    // MARK: Plant side and the rest

    private static let plant: [Operation] = [
        get("buses", "plant", "Buses and modules, and what is wrong with them.", list("Bus")),
        get("uplinks", "plant", "Connections to brokers.", list("Uplink")),
        get("store", "plant", "The journal in numbers.", .named("Store")),
    ]

    private static let relay: [Operation] = [
        get("relay", "relay", "What the alarm output is told, and why.", .named("Relay")),
        act(
            "POST",
            "relay/silence",
            "relay",
            "Silences the horn.",
            body: note,
            problems: [409]
        ),
        act(
            "POST",
            "relay/reset",
            "relay",
            "Resets every latch whose condition has gone.",
            body: note,
            problems: [409]
        ),
        act(
            "POST",
            "relay/test",
            "relay",
            "Shows the safe state for a time, to prove the circuit behind the relay.",
            who: .admin,
            body: .init(schema: .object([.init("seconds", .number)])),
            problems: [409]
        ),
    ]

    private static let rest: [Operation] = [
        get("dashboard/summary", "rest", "The plant at a glance.", .named("Summary")),
        get(
            "audit",
            "rest",
            "Who changed what, newest first.",
            APISchemas.page(of: "AuditEntry"),
            query: paging(100) + [
                .init("who", .text, "By this person."),
                .init("action", .text, "Actions that begin so."),
            ],
            who: .admin
        ),
        get(
            "audit/verify",
            "rest",
            "Whether the chain of the audit log is whole.",
            .fields([
                "valid": .flag, "entries": .integer, "head": .text,
                "first_bad": .orNull(.integer),
            ]),
            who: .admin
        ),
        get("jobs", "rest", "Work in the background, newest first.", list("Job")),
        get("jobs/{id}", "rest", "One job.", .named("Job")),
        get(
            "settings",
            "rest",
            "The configuration that runs, secrets masked.",
            list("Setting"),
            who: .admin
        ),
        act(
            "PATCH",
            "settings",
            "rest",
            "Changes what can be changed while it runs, until the next start.",
            who: .admin,
            body: .init(
                schema: .object([
                    .optional("log_level", .word(["debug", "info", "warning", "error"]))
                ])
            ),
            answers: [200: .json(list("Setting"))]
        ),
        known(get("simulator/status", "rest", "The simulated plant.", .named("Simulator"))),
        act(
            "POST",
            "simulator/start",
            "rest",
            "Lets faults begin now, everywhere or as told.",
            who: .admin,
            body: .init(
                schema: .object([
                    .optional("tags", .orNull(.list(.text))),
                    .optional("faults", .orNull(.list(.text))),
                ]),
                isRequired: false
            ),
            answers: [200: .json(.named("Simulator"))],
            problems: [404]
        ),
        act(
            "POST",
            "simulator/stop",
            "rest",
            "Ends every fault.",
            who: .admin,
            answers: [200: .json(.named("Simulator"))],
            problems: [404]
        ),
        Operation(
            method: "GET",
            path: "/api/events",
            group: "rest",
            summary: "Changes as they happen: readings, alert, job, relay, health.",
            answers: [200: .other(type: "text/event-stream")]
        ),
        get(
            "openapi.json",
            "rest",
            "This document.",
            .anyObject,
            who: .anybody
        ),
    ]
}
