import Alerts
import GatewayCore

/// The shapes of what the API sends, by name.
enum APISchemas {
    static let all: [String: Schema] = [
        "Problem": problem, "User": user, "SignedIn": signedIn, "Instrument": instrument,
        "Limits": limits, "LiveReading": liveReading, "InstrumentStatus": status,
        "Calibration": calibration, "Trend": trend, "Reading": reading, "Alert": alert,
        "AlertStory": .both("Alert", [.init("transitions", .list(step))]), "Summary": summary,
        "Relay": relay, "Bus": bus, "Uplink": uplink, "Store": store, "Model": model,
        "Baseline": baseline, "Job": job, "JobBegun": .fields(["job": .text]),
        "AuditEntry": auditEntry, "Simulator": simulator, "Setting": setting,
    ]

    static func page(of name: String) -> Schema {
        .object([
            .init("items", .list(.named(name))),
            .init("next", .orNull(.text), "Give this as after for the next page; null: the last."),
        ])
    }

    private static let quality = Schema.word(["good", "uncertain", "bad"])
    static let severities = Schema.word(Severity.allCases.map(\.rawValue))
    static let alertTypes = Schema.word(AlertType.allCases.map(\.rawValue))
    static let instrumentTypes = Schema.word(InstrumentType.allCases.map(\.rawValue))
    static let criticalities = Schema.word(Criticality.allCases.map(\.rawValue))
    static let roles = Schema.word(["admin", "technician"])
    private static let calibrationStates = Schema.word([
        "not-wanted", "never", "unknown", "valid", "due-soon", "overdue",
    ])

    private static let problem = Schema.object([
        .init("type", .text), .init("title", .text), .init("status", .integer),
        .init("detail", .text),
        .optional("errors", .list(.fields(["field": .text, "detail": .text]))),
    ])

    private static let user = Schema.fields([
        "employee_number": .text, "full_name": .text, "email": .orNull(.text), "role": roles,
        "active": .flag, "must_change_password": .flag, "created_at": .time,
        "last_login": .orNull(.time),
    ])

    private static let signedIn = Schema.fields([
        "access_token": .text, "token_type": .word(["bearer"]), "expires_in": .integer,
        "user": .named("User"),
    ])

    private static let limits = Schema.fields([
        "low_low": .orNull(.number), "low": .orNull(.number), "high": .orNull(.number),
        "high_high": .orNull(.number),
    ])

    private static let instrument = Schema.object([
        .init("id", .integer), .init("tag_number", .text),
        .init("instrument_type", .orNull(instrumentTypes)), .init("measured_variable", .text),
        .init("unit", .text), .init("range_min", .orNull(.number), "Process value at 4 mA."),
        .init("range_max", .orNull(.number), "Process value at 20 mA."),
        .init("nominal_value", .orNull(.number)), .init("accuracy_class", .orNull(.text)),
        .init("location", .text), .init("associated_equipment", .orNull(.text)),
        .init("process_unit", .text), .init("criticality", .orNull(criticalities)),
        .init("calibration_interval_days", .orNull(.integer)), .init("next_due", .orNull(.time)),
        .init("calibration_status", calibrationStates), .init("ml_trained", .flag),
        .init("module", .text), .init("channel", .orNull(.integer)), .init("retired", .flag),
        .init("fault", .orNull(.text), "Why it is left out although not retired; null: it runs."),
        .init("limits", .named("Limits")), .init("model_version", .orNull(.integer)),
    ])

    private static let liveReading = Schema.object([
        .init("id", .integer), .init("tag_number", .text), .init("value", .orNull(.number)),
        .init("unit", .text), .init("timestamp", .orNull(.time)), .init("quality", quality),
        .init("reason", .text), .init("milliamps", .orNull(.number)),
        .init("age_seconds", .orNull(.number)),
        .init("stale", .flag, "Nothing usable came for more than twice the expected interval."),
        .init("score", .orNull(.integer), "Health, 0 to 100; null out of service."),
        .init("health", .text),
    ])

    private static let calibration = Schema.fields([
        "instrument_id": .integer, "tag_number": .text, "performed_at": .time,
        "performed_by": .text, "passed": .flag, "notes": .orNull(.text),
        "as_found_value": .orNull(.number), "as_left_value": .orNull(.number),
        "reference_value": .orNull(.number), "as_found_error_percent": .orNull(.number),
        "as_left_error_percent": .orNull(.number),
    ])

    private static let status = Schema.object([
        .init("id", .integer), .init("tag_number", .text), .init("live", .named("LiveReading")),
        .init(
            "rule",
            .fields([
                "state": .word(["ok", "low-low", "low", "high", "high-high"]),
                "limits": .named("Limits"),
            ])
        ),
        .init(
            "cusum",
            .fields([
                "state": .word(["no-model", "no-chart", "ok", "drifting"]),
                "up": .orNull(.number),
                "down": .orNull(.number),
            ])
        ),
        .init("stuck", .fields(["state": .word(["ok", "stuck"])])),
        .init(
            "iforest",
            .fields([
                "state": .word(["no-model", "waiting", "ok", "anomalous"]),
                "score": .orNull(.number), "score_limit": .orNull(.number),
                "distance": .orNull(.number), "distance_limit": .orNull(.number),
                "shadow": .flag,
            ])
        ),
        .init(
            "signal",
            .fields([
                "state": quality, "reason": .text, "milliamps": .orNull(.number), "gap": .flag,
                "readings": .integer, "bad_readings": .integer,
            ])
        ),
        .init(
            "health",
            .fields([
                "score": .orNull(.integer), "label": .text,
                "penalties": .list(
                    .fields(["part": .text, "points": .integer, "reason": .text])
                ),
            ])
        ),
        .init(
            "calibration",
            .fields([
                "status": calibrationStates, "due": .orNull(.time),
                "latest": .orNull(.named("Calibration")),
            ])
        ),
        .init(
            "model",
            .orNull(
                .fields([
                    "version": .integer, "trained_at": .time, "trained_by": .text,
                    "windows": .integer,
                ])
            )
        ),
        .init(
            "baseline",
            .orNull(.fields(["from": .time, "to": .time, "marked_by": .text]))
        ),
        .init("suppressed_until", .orNull(.time)), .init("out_of_service", .flag),
    ])

    private static let trend = Schema.object([
        .init("tag_number", .text), .init("unit", .text), .init("from", .time), .init("to", .time),
        .init("level", .word(["raw", "minute", "hour", "day"]), "What the points are made of."),
        .init("width_seconds", .number, "Width of a point; 0: every point is a reading."),
        .init(
            "points",
            .list(
                .object([
                    .init("t", .integer, "Milliseconds since 1970."),
                    .init("min", .orNull(.number)), .init("mean", .orNull(.number)),
                    .init("max", .orNull(.number)),
                    .init("count", .integer, "Readings with a usable value."),
                    .init("quality", quality, "The worst of its readings."),
                ])
            )
        ),
        .init(
            "statistics",
            .object([
                .init("min", .orNull(.number)), .init("max", .orNull(.number)),
                .init("mean", .orNull(.number)), .init("count", .integer),
                .init("uncertain", .integer, "Points whose worst reading is uncertain."),
                .init("bad", .integer, "Points whose worst reading is bad."),
            ])
        ),
        .init("range_min", .number), .init("range_max", .number),
        .init("nominal_value", .orNull(.number)), .init("limits", .named("Limits")),
        .init(
            "alerts",
            .list(
                .fields([
                    "id": .text, "type": alertTypes, "severity": severities, "from": .time,
                    "to": .orNull(.time), "explanation": .text,
                ])
            )
        ),
        .init("gaps", .list(.fields(["from": .time, "to": .time]))),
    ])

    private static let reading = Schema.fields([
        "timestamp": .time, "tag_number": .text, "value": .orNull(.number), "unit": .text,
        "milliamps": .orNull(.number), "quality": quality, "reason": .text, "epoch": .text,
        "sequence": .integer,
    ])

    private static let alert = Schema.object([
        .init("id", .text), .init("alert_type", alertTypes), .init("detail", .text),
        .init("instrument_id", .orNull(.integer)),
        .init("tag_number", .text, "The tag, or the part of the gateway that it is about."),
        .init("process_unit", .text), .init("severity", severities),
        .init("state", .word(AlertState.allCases.map(\.rawValue))),
        .init("alarm_state", .word(AlarmState.allCases.map(\.rawValue)), "As ISA-18.2 draws it."),
        .init("active", .flag), .init("occurrences", .integer),
        .init("marks", .list(.word(AlertMark.allCases.map(\.rawValue)))),
        .init("value", .orNull(.number)), .init("explanation", .text), .init("raised_at", .time),
        .init("acknowledged_by", .orNull(.text)), .init("shelved_until", .orNull(.time)),
        .init("resolved_at", .orNull(.time)),
    ])

    private static let step = Schema.fields([
        "at": .time, "state": .text, "alarm_state": .text, "severity": severities, "by": .text,
        "note": .orNull(.text), "explanation": .text,
    ])

    private static let summary = Schema.fields([
        "gateway": .text, "version": .text, "time": .time,
        "clock": .word(["unset", "restored", "synced", "trusted-rtc"]), "instruments": .integer,
        "calibration_overdue": .integer, "active_alerts": .integer, "unacknowledged": .integer,
        "open_work_orders": .orNull(.integer),
        "health": .fields([
            "status": .word(["healthy", "degraded", "failing"]), "reasons": .list(.text),
        ]),
        "lowest_scores": .list(
            .fields([
                "id": .integer, "tag_number": .text, "score": .integer, "health": .text,
            ])
        ),
        "relay": .named("Relay"),
    ])

    private static let relay = Schema.object([
        .init("demand", .word(["energised", "safe"])), .init("reasons", .list(.text)),
        .init("horn", .flag), .init("first_out", .orNull(.text)), .init("output", .text),
        .init("test_until", .orNull(.time)),
    ])

    private static let bus = Schema.fields([
        "name": .text, "link": .text, "up": .flag, "fault": .orNull(.text),
        "link_losses": .integer, "diagnosis": .list(.text),
        "modules": .list(
            .fields([
                "name": .text, "unit": .integer, "profile": .text,
                "state": .word(["answering", "missing", "silent", "wrong-module"]),
                "detail": .orNull(.text), "silent_since": .orNull(.time),
                "counters": .fields([
                    "requests": .integer, "replies": .integer, "timeouts": .integer,
                    "crc_errors": .integer, "garbled": .integer, "exceptions": .integer,
                    "late_replies": .integer, "noise_bytes": .integer, "overruns": .integer,
                    "response_ms": .number,
                ]),
                "last_request_hex": .orNull(.text), "last_reply_hex": .orNull(.text),
                "last_frame_at": .orNull(.time),
                "channels": .list(
                    .fields([
                        "channel": .integer, "tag_number": .text, "quality": quality,
                        "reason": .text,
                    ])
                ),
            ])
        ),
    ])

    private static let uplink = Schema.fields([
        "name": .text, "up": .flag, "broker": .orNull(.text), "reason": .orNull(.text),
        "detail": .orNull(.text), "since_seconds": .number, "backlog": .integer,
        "in_flight": .integer, "published": .integer, "delivered": .integer, "refused": .integer,
        "quarantined": .integer, "thinned": .integer, "repeats": .integer,
    ])

    private static let store = Schema.fields([
        "working": .flag, "fault": .orNull(.text), "commits": .integer, "failures": .integer,
        "database_bytes": .integer, "log_bytes": .integer, "quota_bytes": .integer,
        "commit_interval_seconds": .number, "readings": .integer, "stored": .integer,
        "pending": .integer,
        "retention_days": .fields([
            "raw": .orNull(.integer), "minute": .orNull(.integer), "hour": .orNull(.integer),
            "day": .orNull(.integer),
        ]),
    ])

    private static let model = Schema.fields([
        "version": .integer, "trained_at": .time, "trained_by": .text, "windows": .integer,
        "contamination": .orNull(.number), "wanted_rate": .orNull(.number),
        "feature_version": .integer, "checksum": .text, "active": .flag, "from": .orNull(.time),
        "to": .orNull(.time), "report": .orNull(.text),
    ])

    private static let baseline = Schema.fields([
        "from": .time, "to": .time, "marked_at": .time, "marked_by": .text,
        "note": .orNull(.text),
    ])

    private static let job = Schema.fields([
        "id": .text, "kind": .word(["train", "activate", "calibration", "baseline", "export"]),
        "subject": .text, "by": .text, "state": .word(["running", "done", "failed"]),
        "progress": .number, "message": .orNull(.text), "started_at": .time,
        "ended_at": .orNull(.time),
    ])

    private static let auditEntry = Schema.fields([
        "sequence": .integer, "at": .time, "who": .text, "action": .text, "subject": .text,
        "old": .orNull(.text), "new": .orNull(.text), "hash": .text,
    ])

    private static let simulator = Schema.fields([
        "running": .flag, "tags": .list(.text), "faults": .list(.text),
        "active": .list(.fields(["tag_number": .text, "fault": .text])),
    ])

    private static let setting = Schema.object([
        .init("key", .text), .init("value", .text, "Secrets are masked."),
        .init("changeable", .flag, "Whether PATCH takes it; the rest is the file's."),
    ])
}
