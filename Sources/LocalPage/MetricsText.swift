import GatewayCore

/// The state as Prometheus reads it: text exposition format 0.0.4.
enum MetricsText {
    static func render(_ snapshot: GatewaySnapshot, version: String) -> String {
        var page = Page()
        page.family("loopgate_info", .gauge, "Version and identity of the gateway.")
        page.sample(
            1,
            ["version": version, "gateway": snapshot.gateway, "epoch": snapshot.epoch]
        )
        page.family("loopgate_uptime_seconds", .gauge, "Seconds since the start.")
        page.sample(snapshot.uptime)
        page.family("loopgate_clock_trusted", .gauge, "1 while the wall clock may be believed.")
        page.sample(snapshot.clock.isTrusted ? 1 : 0)
        buses(snapshot, into: &page)
        instruments(snapshot, into: &page)
        store(snapshot.store, into: &page)
        uplinks(snapshot, into: &page)
        return page.text
    }

    private static func buses(_ snapshot: GatewaySnapshot, into page: inout Page) {
        page.family("loopgate_bus_up", .gauge, "1 while the port or connection works.")
        for bus in snapshot.buses { page.sample(bus.isUp ? 1 : 0, ["bus": bus.name]) }
        let counters: [(String, String, (UnitCounters) -> UInt64)] = [
            ("requests", "Requests sent.", \.requests), ("replies", "Replies accepted.", \.replies),
            ("timeouts", "Requests without any answer.", \.timeouts),
            ("crc_errors", "Replies with a wrong checksum.", \.crcErrors),
            ("garbled", "Replies that were no answer to the request.", \.garbled),
            ("exceptions", "Exception replies.", \.exceptions),
            ("late_replies", "Whole replies that came too late.", \.lateReplies),
            ("noise_bytes", "Bytes that belonged to no reply.", \.noiseBytes),
            ("overruns", "Cycles left out because the one before took too long.", \.overruns),
        ]
        for (name, help, value) in counters {
            page.family("loopgate_unit_\(name)_total", .counter, help)
            forEachUnit(snapshot) { page.sample(Double(value($1.counters)), labels($0, $1)) }
        }
        page.family("loopgate_unit_answering", .gauge, "1 while the unit answers.")
        forEachUnit(snapshot) { page.sample($1.state == "answering" ? 1 : 0, labels($0, $1)) }
        page.family("loopgate_unit_response_seconds", .gauge, "Smoothed time to a reply.")
        forEachUnit(snapshot) {
            page.sample($1.counters.responseMilliseconds / 1000, labels($0, $1))
        }
    }

    private static func forEachUnit(
        _ snapshot: GatewaySnapshot,
        _ body: (GatewaySnapshot.Bus, GatewaySnapshot.Unit) -> Void
    ) {
        for bus in snapshot.buses {
            for unit in bus.units { body(bus, unit) }
        }
    }

    private static func labels(
        _ bus: GatewaySnapshot.Bus,
        _ unit: GatewaySnapshot.Unit
    ) -> [String: String] {
        ["bus": bus.name, "module": unit.module, "unit": String(unit.unit)]
    }

    private static func instruments(_ snapshot: GatewaySnapshot, into page: inout Page) {
        page.family("loopgate_value", .gauge, "Process value in the instrument's unit.")
        for item in snapshot.instruments {
            guard let value = item.value else { continue }
            page.sample(value, ["tag": item.tag, "unit": item.unit])
        }
        page.family("loopgate_loop_milliamps", .gauge, "Loop current.")
        for item in snapshot.instruments {
            if let current = item.milliamps { page.sample(current, ["tag": item.tag]) }
        }
        page.family("loopgate_quality", .gauge, "0 good, 1 uncertain, 2 bad.")
        for item in snapshot.instruments {
            let level: Double = item.quality == "good" ? 0 : item.quality == "uncertain" ? 1 : 2
            page.sample(level, ["tag": item.tag, "reason": item.reason])
        }
        page.family("loopgate_data_gap", .gauge, "1 while an instrument gives nothing usable.")
        for item in snapshot.instruments { page.sample(item.isInGap ? 1 : 0, ["tag": item.tag]) }
        page.family("loopgate_health_score", .gauge, "Health of an instrument, 0 to 100.")
        for item in snapshot.instruments {
            if let score = item.score { page.sample(Double(score), ["tag": item.tag]) }
        }
        page.family("loopgate_model_version", .gauge, "The model in use; 0: none.")
        for item in snapshot.instruments {
            page.sample(Double(item.model?.version ?? 0), ["tag": item.tag])
        }
        page.family("loopgate_calibration_overdue", .gauge, "1 once calibration is overdue.")
        for item in snapshot.instruments {
            page.sample(item.calibration.status == "overdue" ? 1 : 0, ["tag": item.tag])
        }
        page.family("loopgate_alerts_open", .gauge, "Open alerts by severity and state.")
        for severity in ["advisory", "warning", "critical"] {
            for state in ["raised", "acknowledged"] {
                let count = snapshot.alerts.reduce(0) {
                    $0 + ($1.severity == severity && $1.state == state ? 1 : 0)
                }
                page.sample(Double(count), ["severity": severity, "state": state])
            }
        }
        let alarms = snapshot.alarmFigures
        page.family("loopgate_alarms_recent", .gauge, "New alarms in a past span.")
        page.sample(Double(alarms.last10Minutes), ["span": "10m"])
        page.sample(Double(alarms.lastHour), ["span": "1h"])
        page.sample(Double(alarms.lastDay), ["span": "1d"])
        page.family("loopgate_alarms_standing", .gauge, "Active alarms that nobody put aside.")
        page.sample(Double(alarms.standing))
        page.family("loopgate_alarms_marked", .gauge, "Alarms that deserve a look, by why.")
        page.sample(Double(alarms.chattering), ["mark": "chattering"])
        page.sample(Double(alarms.stale), ["mark": "stale"])
        page.sample(Double(alarms.shelved), ["mark": "shelved"])
        page.sample(Double(alarms.suppressed), ["mark": "suppressed"])
        page.family("loopgate_alarm_flood", .gauge, "1 with more than ten alarms in ten minutes.")
        page.sample(alarms.isFlood ? 1 : 0)
        page.family("loopgate_relay_energised", .gauge, "1 while alive and without alarm.")
        page.sample(snapshot.relay.demand == "energised" ? 1 : 0)
        page.family("loopgate_readings_total", .counter, "Readings of any quality.")
        for item in snapshot.instruments {
            page.sample(Double(item.readings), ["tag": item.tag])
        }
    }

    private static func store(_ store: GatewaySnapshot.Store, into page: inout Page) {
        page.family("loopgate_journal_working", .gauge, "1 while the journal stores.")
        page.sample(store.isWorking ? 1 : 0)
        page.family("loopgate_journal_bytes", .gauge, "Size of the journal's files.")
        page.sample(Double(store.databaseBytes), ["file": "database"])
        page.sample(Double(store.logBytes), ["file": "wal"])
        page.family("loopgate_journal_commits_total", .counter, "Commits that returned.")
        page.sample(Double(store.commits))
        page.family("loopgate_journal_failures_total", .counter, "Commits that failed.")
        page.sample(Double(store.failures))
        page.family("loopgate_journal_pending", .gauge, "Readings not stored yet.")
        page.sample(Double(store.pending))
    }

    private static func uplinks(_ snapshot: GatewaySnapshot, into page: inout Page) {
        page.family("loopgate_uplink_up", .gauge, "1 while connected to a broker.")
        for uplink in snapshot.uplinks {
            page.sample(uplink.isUp ? 1 : 0, ["uplink": uplink.name])
        }
        page.family("loopgate_uplink_backlog", .gauge, "Rows stored and not delivered.")
        for uplink in snapshot.uplinks {
            page.sample(Double(uplink.backlog), ["uplink": uplink.name])
        }
        page.family("loopgate_uplink_in_flight", .gauge, "Messages not acknowledged.")
        for uplink in snapshot.uplinks {
            page.sample(Double(uplink.inFlight), ["uplink": uplink.name])
        }
        let counters: [(String, String, (OutboxCounters) -> UInt64)] = [
            ("published", "Messages handed to the link.", \.published),
            ("delivered", "Messages acknowledged.", \.delivered),
            ("refused", "Messages the broker refused.", \.refused),
            ("quarantined", "Rows given up.", \.quarantined),
            ("thinned", "Readings left out on purpose.", \.thinned),
            ("repeats", "Messages that went back because the link went.", \.repeats),
        ]
        for (name, help, value) in counters {
            page.family("loopgate_uplink_\(name)_total", .counter, help)
            for uplink in snapshot.uplinks {
                page.sample(Double(value(uplink.counters)), ["uplink": uplink.name])
            }
        }
    }

    /// Lines of the format, family by family.
    private struct Page {
        enum Kind: String { case gauge, counter }
        private(set) var text = ""
        private var name = ""

        mutating func family(_ name: String, _ kind: Kind, _ help: String) {
            self.name = name
            text += "# HELP \(name) \(help)\n# TYPE \(name) \(kind.rawValue)\n"
        }

        mutating func sample(_ value: Double, _ labels: [String: String] = [:]) {
            text += name
            if !labels.isEmpty {
                let pairs = labels.sorted { $0.key < $1.key }.map {
                    "\($0.key)=\"\(Self.escaped($0.value))\""
                }
                text += "{\(pairs.joined(separator: ","))}"
            }
            text += " \(value)\n"
        }

        private static func escaped(_ text: String) -> String {
            var out = ""
            for character in text {
                switch character {
                case "\\": out += "\\\\"
                case "\"": out += "\\\""
                case "\n": out += "\\n"
                default: out.append(character)
                }
            }
            return out
        }
    }
}
