import GatewayCore
import Signal

/// The keys of one MQTT connection.
enum UplinkKeys {
    static let name = Key.required(
        "name",
        .name,
        "The connection's own name; its delivery state is kept under it."
    )
    static let brokers = Key<[BrokerAddress]>.required(
        "brokers",
        .list(of: .broker, most: 8),
        "Tried in order until one answers; port 1883, or 8883 with `tls`, where none is written."
    )
    static let mqtt = KeyWithFallback<ConnectionSettings.MQTTVersion>(
        "mqtt",
        .word([("5", .v5), ("3.1.1", .v311)]),
        else: .v5,
        shown: "5",
        "Protocol version. 3.1.1 cannot tell a refused message from a delivered one."
    )
    static let clientId = Key.optional(
        "clientId",
        .text(longest: 128),
        "MQTT client identifier, unique at the broker; without it `<gateway>-<name>`."
    )
    static let username = Key.optional("username", .text(), "User name at the broker.")
    static let passwordFile = Key.optional(
        "passwordFile",
        .path,
        "The file whose first line is the password; readable by the daemon alone."
    )
    static let credential = Key.optional(
        "credential",
        .name,
        "Instead of `passwordFile`: the name of a systemd credential (`LoadCredential=`) that "
            + "holds the password."
    )
    static let tls = Key.optional(
        "tls",
        .map,
        "Encrypts the connection; `{}` trusts the system's authorities. The broker's name is "
            + "always checked."
    )
    static let form = KeyWithFallback<ConnectionSettings.PayloadForm>(
        "form",
        .word([("cmms", .cmms), ("batch", .batch)]),
        else: .cmms,
        shown: "cmms",
        "`cmms`: one JSON message per reading. `batch`: one message per commit, for consumers of "
            + "volume."
    )
    static let topic = KeyWithFallback(
        "topic",
        .topic,
        else: "cimms/instruments",
        shown: "cimms/instruments",
        "First levels of every topic: `<topic>/<tag>/reading`."
    )
    static let backlog = Key<ConnectionSettings.Backlog>.optional(
        "backlog",
        .word([("ordered", .ordered), ("interleaved", .interleaved), ("sibling", .sibling)]),
        "Where a tag's backlog goes: before its live readings, beside them marked historical, or "
            + "to a sibling topic. Without it `ordered` for `cmms`, `interleaved` for `batch`."
    )
    static let publish = KeyWithFallback<ConnectionSettings.PublishWhen>(
        "publish",
        .word([("read", .read), ("stored", .stored)]),
        else: .read,
        shown: "read",
        "When a fresh reading goes out: as soon as it is read, or after its commit."
    )
    static let inFlight = KeyWithFallback(
        "inFlight",
        .integer(1...1000, unit: "messages"),
        else: 200,
        shown: "200",
        "Most messages sent and not yet acknowledged."
    )
    static let ackDeadline = KeyWithFallback(
        "ackDeadline",
        .time(.seconds(1)...(.seconds(600))),
        else: .seconds(30),
        shown: "30 s",
        "How long an acknowledgement may take before the link is given up."
    )
    static let keepAlive = KeyWithFallback(
        "keepAlive",
        .time(.seconds(5)...(.seconds(3600))),
        else: .seconds(15),
        shown: "15 s",
        "MQTT keep-alive: a dead link is noticed after about twice this."
    )
    static let totalRate = Key.optional(
        "totalRate",
        .number(0.1...1_000_000, unit: "readings/s"),
        "Most readings a second, all tags together; without it no limit."
    )
    static let perTagInterval = Key.optional(
        "perTagInterval",
        .time(.milliseconds(1)...(.seconds(86_400))),
        "Least time between two readings of one tag; what lies between is thinned for this "
            + "connection."
    )
    static let backlogRate = Key.optional(
        "backlogRate",
        .number(1...1_000_000, unit: "readings/s"),
        "Most readings a second that a backlog may take while live readings flow."
    )
    static let commands = KeyWithFallback(
        "commands",
        .flag,
        else: false,
        shown: "false",
        "Accept commands from `<topic>/gateways/<gateway>/commands/…`."
    )
    static let section = KeySection(
        path: "uplink[]",
        meaning: "One MQTT destination with its own delivery state.",
        keys: [
            name.entry, brokers.entry, mqtt.entry, clientId.entry, username.entry,
            passwordFile.entry, credential.entry, tls.entry, form.entry, topic.entry,
            backlog.entry, publish.entry, inFlight.entry, ackDeadline.entry, keepAlive.entry,
            totalRate.entry, perTagInterval.entry, backlogRate.entry, commands.entry,
        ]
    )

    enum TLS {
        static let ca = Key.optional(
            "ca",
            .path,
            "PEM file of the authorities that may vouch for the broker; without it the system's."
        )
        static let certificate = Key.optional(
            "certificate",
            .path,
            "PEM file of this gateway's own certificate, with `key`."
        )
        static let key = Key.optional("key", .path, "PEM file of its private key, unencrypted.")
        static let section = KeySection(
            path: "uplink[].tls",
            meaning: "TLS towards the broker.",
            keys: [ca.entry, certificate.entry, key.entry]
        )
    }
}
