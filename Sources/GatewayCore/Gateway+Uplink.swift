import Alerts
import Signal

extension Gateway {
    /// Sends whatever the connections may send now.
    mutating func pump(at now: MonotonicTime, into effects: inout [Effect]) {
        guard outboxes.contains(where: \.isUp) else { return }
        let sources = Outbox.Sources(
            readings: readings,
            records: records,
            committing: journal.committingReadings
        )
        for index in outboxes.indices {
            outboxes[index].pump(sources, at: now, into: &effects)
        }
    }

    /// The health message for every connection that is up.
    public mutating func announce(health: String) -> [Effect] {
        outboxes.indices.compactMap { index in
            outboxes[index].note(.health(health)).map {
                .publish(outboxes[index].settings.id, [$0])
            }
        }
    }

    mutating func take(
        _ event: BrokerEvent,
        from connection: ConnectionID,
        at now: MonotonicTime,
        into effects: inout [Effect]
    ) {
        guard let index = outboxIndex(connection) else { return }
        let name = outboxes[index].settings.name
        switch event {
        case .up(let broker):
            outboxes[index].linkUp(broker, firstLive: readings.next, at: now)
            let waiting = outboxes[index].backlog
            effects.append(
                .log(
                    Notice(
                        .info,
                        "uplink \(name): connected to \(broker.host):\(broker.port), "
                            + "\(waiting) rows waiting"
                    )
                )
            )
        case .down(let reason, let retryIn):
            let isNews = outboxes[index].link != .down(reason)
            outboxes[index].linkDown(reason, at: now)
            guard isNews, reason != .stopped else { return }
            effects.append(
                .log(
                    Notice(
                        .warning,
                        "uplink \(name): \(reason.words); trying again in "
                            + Self.words(retryIn)
                    )
                )
            )
        case .acknowledged(let id, let outcome):
            let verdict = outboxes[index].acknowledged(id, outcome, at: now)
            guard case .quarantined(let stream, let epoch, let range, let outcome) = verdict
            else { return }
            note(
                name,
                "quarantined",
                .event,
                "\(stream) \(range.lowerBound)–\(range.upperBound) of run \(epoch.hex) were not "
                    + "delivered: \(outcome.words).",
                at: now,
                into: &effects
            )
            effects.append(
                .log(
                    Notice(
                        .error,
                        "uplink \(name): \(stream) \(range.lowerBound)–\(range.upperBound) of run "
                            + "\(epoch.hex) given up: \(outcome.words)"
                    )
                )
            )
        case .command: break  // decoded outside: `Event.command`
        }
    }
}

extension DownReason {
    /// The reason in words, distinct for each.
    public var words: String {
        switch self {
        case .notYetTried: "not yet tried"
        case .unreachable(let errno): "the broker cannot be reached (errno \(errno))"
        case .nameNotFound(let host): "the name \(host) is not known"
        case .refusedByBroker(let reason): Self.words(connack: reason)
        case .tlsUnknownAuthority: "the broker's certificate is signed by an unknown authority"
        case .tlsNameMismatch: "the broker's certificate is for another name"
        case .tlsCertificateExpired: "the broker's certificate has expired"
        case .tlsOther(let text): "TLS failed: \(text)"
        case .acknowledgementOverdue: "the broker does not acknowledge"
        case .linkLost(let text): "the link was lost: \(text)"
        case .stopped: "stopped"
        }
    }

    /// A short name for `/health` and `/metrics`: lower case, hyphenated.
    public var name: String {
        switch self {
        case .notYetTried: "not-yet-tried"
        case .unreachable: "unreachable"
        case .nameNotFound: "name-not-found"
        case .refusedByBroker: "refused-by-broker"
        case .tlsUnknownAuthority: "tls-unknown-authority"
        case .tlsNameMismatch: "tls-name-mismatch"
        case .tlsCertificateExpired: "tls-certificate-expired"
        case .tlsOther: "tls-failed"
        case .acknowledgementOverdue: "acknowledgement-overdue"
        case .linkLost: "link-lost"
        case .stopped: "stopped"
        }
    }

    private static func words(connack reason: UInt8) -> String {
        let text =
            switch reason {
            case 0x84, 0x01: "it does not speak this version of MQTT"
            case 0x85, 0x02: "it does not accept this client id"
            case 0x86, 0x04: "user name or password is wrong"
            case 0x87, 0x05: "this gateway is not authorised"
            case 0x88, 0x03: "it is not available"
            case 0x89: "it is busy"
            case 0x8A: "this gateway is banned"
            case 0x97: "its quota is exceeded"
            case 0x9F: "too many connections in a short time"
            default: "reason 0x" + String(reason, radix: 16)
            }
        return "the broker refused: \(text)"
    }
}

extension PublishOutcome {
    /// The outcome in words.
    public var words: String {
        switch self {
        case .delivered: "delivered"
        case .refused(let reason):
            switch reason {
            case 0x87: "the broker denies access to the topic"
            case 0x90: "the broker finds the topic name invalid"
            case 0x97: "the broker's quota is exceeded"
            case 0x99: "the broker finds the payload invalid"
            default: "the broker refused it (0x\(String(reason, radix: 16)))"
            }
        case .tooLarge: "it is larger than the broker takes"
        case .unsent: "the link went first"
        }
    }
}
