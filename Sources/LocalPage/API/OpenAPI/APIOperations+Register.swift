import GatewayCore

extension APIOperations {
    // MARK: People

    static let people: [Operation] = [
        get(
            "setup",
            "people",
            "Whether the first admin is still to be made.",
            .fields(["needs_setup": .flag, "gateway": .text]),
            who: .anybody
        ),
        act(
            "POST",
            "setup",
            "people",
            "Makes the first admin, with the code that the first start printed.",
            who: .anybody,
            body: .init(
                schema: .object([
                    .init("code", .text), .init("employee_number", .text),
                    .init("full_name", .text), .init("password", .text),
                    .optional("email", .orNull(.text)),
                ])
            ),
            answers: [201: .json(.named("SignedIn"))],
            problems: [409, 429]
        ),
        act(
            "POST",
            "auth/login",
            "people",
            "Signs in.",
            who: .anybody,
            body: .init(
                schema: .object([.init("username", .text), .init("password", .text)]),
                type: "application/x-www-form-urlencoded"
            ),
            answers: [200: .json(.named("SignedIn"))],
            problems: [401, 429]
        ),
        act(
            "POST",
            "auth/logout",
            "people",
            "Ends this session, if there is one, and takes the cookie away.",
            who: .anybody,
            problems: [403]
        ),
        get("auth/me", "people", "Whoever is signed in.", .named("User")),
        act(
            "POST",
            "auth/password",
            "people",
            "Sets a new password of one's own; other sessions end.",
            body: .init(
                schema: .object([.init("current_password", .text), .init("new_password", .text)])
            ),
            problems: [429]
        ),
        get("users", "people", "Everybody, also who is inactive.", list("User"), who: .admin),
        act(
            "POST",
            "users",
            "people",
            "Adds somebody.",
            who: .admin,
            body: .init(
                schema: .object([
                    .init("employee_number", .text), .init("full_name", .text),
                    .init("role", APISchemas.roles), .init("password", .text),
                    .optional("email", .orNull(.text)),
                ])
            ),
            answers: [201: .json(.named("User"))],
            problems: [409]
        ),
        act(
            "PATCH",
            "users/{number}",
            "people",
            "Changes somebody; nobody is ever deleted.",
            who: .admin,
            body: .init(
                schema: .object([
                    .optional("full_name", .text), .optional("email", .orNull(.text)),
                    .optional("role", APISchemas.roles), .optional("active", .flag),
                ])
            ),
            answers: [200: .json(.named("User"))],
            problems: [409]
        ),
        act(
            "POST",
            "users/{number}/reset-password",
            "people",
            "Gives somebody a password, which must be changed at the next sign-in.",
            who: .admin,
            body: .init(schema: .object([.init("password", .text)]))
        ),
    ]

    // MARK: Instruments

    fileprivate static let limits = Schema.object([
        .optional("low_low", .orNull(.number)), .optional("low", .orNull(.number)),
        .optional("high", .orNull(.number)), .optional("high_high", .orNull(.number)),
    ])
    /// What the register takes; the further keys of `instruments.yaml` pass in snake case.
    fileprivate static let fields: [Schema.Property] = [
        .init("instrument_type", APISchemas.instrumentTypes), .init("unit", .text),
        .init("range_min", .number), .init("range_max", .number), .init("module", .text),
        .init("channel", .integer(1...1_000)),
        .optional("measured_variable", .orNull(.text)),
        .optional("nominal_value", .orNull(.number)), .optional("location", .orNull(.text)),
        .optional("accuracy_class", .orNull(.text)),
        .optional("associated_equipment", .orNull(.text)),
        .optional("process_unit", .orNull(.text)),
        .optional("criticality", APISchemas.criticalities),
        .optional("calibration_interval_days", .orNull(.integer(1...36_500))),
        .optional("limits", .orNull(limits)),
    ]
    static let instruments: [Operation] = [
        get(
            "instruments",
            "instruments",
            "The register, narrowed as asked.",
            list("Instrument"),
            query: [
                .init("q", .text, "Part of tag, variable, location, unit or equipment."),
                .init("process_unit", .text, "Of this process unit."),
                .init("type", APISchemas.instrumentTypes, "Of this type."),
                .init("state", .word(InstrumentFilter.states), "In this state now."),
                .init("retired", .flag, "true: the retired; false: the others."),
            ]
        ),
        act(
            "POST",
            "instruments",
            "instruments",
            "Adds an instrument, by the keys of instruments.yaml in snake case.",
            who: .admin,
            body: .init(schema: .object([.init("tag_number", .text)] + fields)),
            answers: [201: .json(.named("Instrument"))],
            problems: [409]
        ),
        get(
            "instruments/live-readings",
            "instruments",
            "The newest reading of each.",
            list("LiveReading")
        ),
        get("instruments/{id}", "instruments", "One, by number or tag.", .named("Instrument")),
        act(
            "PATCH",
            "instruments/{id}",
            "instruments",
            "Changes the fields that are given; null takes one away.",
            who: .admin,
            body: .init(
                schema: .object(
                    fields.map { field in
                        var field = field
                        field.isRequired = false
                        return field
                    }
                )
            ),
            answers: [200: .json(.named("Instrument"))],
            problems: [409]
        ),
        act(
            "DELETE",
            "instruments/{id}",
            "instruments",
            "Retires it: no longer polled, its history stays.",
            who: .admin,
            problems: [409]
        ),
        act(
            "POST",
            "instruments/{id}/restore",
            "instruments",
            "Takes a retired instrument into service again.",
            who: .admin,
            answers: [200: .json(.named("Instrument"))],
            problems: [409]
        ),
        withConflict(
            get(
                "instruments/{id}/status",
                "instruments",
                "How every detector stands, and the health score's parts.",
                .named("InstrumentStatus")
            )
        ),
        act(
            "POST",
            "instruments/{id}/maintenance",
            "instruments",
            "Suppresses its alarms for a time.",
            body: .init(
                schema: .object([.init("minutes", .number), .optional("note", .orNull(.text))])
            ),
            problems: [409]
        ),
        act(
            "DELETE",
            "instruments/{id}/maintenance",
            "instruments",
            "Ends that time early.",
            problems: [409]
        ),
        act(
            "POST",
            "instruments/{id}/out-of-service",
            "instruments",
            "Takes it out of service until it is returned.",
            body: note,
            problems: [409]
        ),
        act(
            "DELETE",
            "instruments/{id}/out-of-service",
            "instruments",
            "Returns it to service.",
            problems: [409]
        ),
        get("process-units", "instruments", "The process units, by name.", .list(.text)),
    ]
}
