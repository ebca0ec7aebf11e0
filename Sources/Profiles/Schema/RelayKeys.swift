import Alerts
import GatewayCore
import Signal

/// The keys that say which line, bit, file or coil an output is; the relay, the heartbeat and the
/// lamps share them.
enum OutputKeys {
    enum Kind: String, Sendable, CaseIterable {
        case log, gpio
        case processImage = "process-image"
        case sysfs, coil
    }

    static let chip = Key.optional(
        "chip",
        .text(longest: 64),
        "`gpio`: the chip by label, name or path: `gpiochip0`."
    )
    static let line = Key.optional(
        "line",
        .text(longest: 64),
        "`gpio`: the line by name or number."
    )
    static let activeLow = KeyWithFallback(
        "activeLow",
        .flag,
        else: false,
        shown: "false",
        "`gpio`: the output is on while the line is low."
    )
    static let path = Key.optional(
        "path",
        .path,
        "`process-image`, `sysfs`: the file: `/dev/piControl0`."
    )
    static let byte = Key.optional(
        "byte",
        .integer(0...65_535),
        "`process-image`: offset of the byte."
    )
    static let bit = Key.optional("bit", .integer(0...7), "`process-image`: the bit in it.")
    static let energised = KeyWithFallback(
        "energised",
        .text(longest: 64),
        else: "1",
        shown: "1",
        "`sysfs`: the text that means on."
    )
    static let safe = KeyWithFallback(
        "safe",
        .text(longest: 64),
        else: "0",
        shown: "0",
        "`sysfs`: the text that means off."
    )
    static let host = Key.optional("host", .address, "`coil`: address of the server.")
    static let port = KeyWithFallback(
        "port",
        Form<UInt16>.port,
        else: 502,
        shown: "502",
        "`coil`: its port."
    )
    static let unit = KeyWithFallback(
        "unit",
        .integer(0...255),
        else: 1,
        shown: "1",
        "`coil`: its unit address."
    )
    static let address = Key.optional(
        "address",
        .integer(0...65_535),
        "`coil`: 0-based address of the coil."
    )
    /// Which keys belong to which output.
    static let owned: [Kind: [String]] = [
        .gpio: ["chip", "line", "activeLow"],
        .processImage: ["path", "byte", "bit"],
        .sysfs: ["path", "energised", "safe"],
        .coil: ["host", "port", "unit", "address"],
    ]
    static let entries = [
        chip.entry, line.entry, activeLow.entry, path.entry, byte.entry, bit.entry,
        energised.entry, safe.entry, host.entry, port.entry, unit.entry, address.entry,
    ]
}

/// The keys of the alarm output.
enum RelayKeys {
    static let output = KeyWithFallback<OutputKeys.Kind>(
        "output",
        .word(OutputKeys.Kind.allCases.map { ($0.rawValue, $0) }),
        else: .log,
        shown: "log",
        "What carries the demand: nothing but the log, a GPIO line, a bit of a process image, a "
            + "sysfs file, or a coil of a Modbus TCP server."
    )
    static let severities = KeyWithFallback<[Severity]>(
        "severities",
        .list(of: .word(Severity.allCases.map { ($0.rawValue, $0) }), most: 3),
        else: [.critical],
        shown: "critical",
        "The severities of the alerts that drive it."
    )
    static let areas = Key<[String]>.optional(
        "areas",
        .list(of: .text(), most: 256),
        "The process units whose instruments drive it; without it all."
    )
    static let gatewayAlerts = KeyWithFallback(
        "gatewayAlerts",
        .flag,
        else: false,
        shown: "false",
        "Whether alerts about the gateway itself (a full disk, an absent broker) drive it too."
    )
    static let onDelay = KeyWithFallback(
        "onDelay",
        .time(.zero...(.seconds(600))),
        else: .zero,
        shown: "0 s",
        "How long an alarm must last before the output goes safe."
    )
    static let offDelay = KeyWithFallback(
        "offDelay",
        .time(.zero...(.seconds(3600))),
        else: .zero,
        shown: "0 s",
        "How long the plant must be free of alarms before the output is energised again."
    )
    static let minimumDwell = KeyWithFallback(
        "minimumDwell",
        .time(.zero...(.seconds(60))),
        else: .seconds(1),
        shown: "1 s",
        "Least time that the output stays safe; going safe never waits for it."
    )
    static let latching = KeyWithFallback(
        "latching",
        .flag,
        else: false,
        shown: "false",
        "Driving alerts stay latched until they are reset by hand."
    )
    static let holdUntilAcknowledged = KeyWithFallback(
        "holdUntilAcknowledged",
        .flag,
        else: false,
        shown: "false",
        "Stay safe until every driving alert is acknowledged, even when its condition has gone."
    )
    static let feedTimeout = KeyWithFallback(
        "feedTimeout",
        .time(.seconds(1)...(.seconds(60))),
        else: .seconds(5),
        shown: "5 s",
        "The output goes safe by itself when it was not told otherwise for this long."
    )
    static let refresh = KeyWithFallback(
        "refresh",
        .time(.milliseconds(100)...(.seconds(60))),
        else: .seconds(2),
        shown: "2 s",
        "How often an output that can forget (a coil, a file) is written again."
    )
    static let longestTest = KeyWithFallback(
        "longestTest",
        .time(.seconds(1)...(.seconds(600))),
        else: .seconds(60),
        shown: "60 s",
        "The longest test of the output that may be asked for."
    )
    static let stallLimits = Key.optional(
        "stallLimits",
        .map,
        "How long each part of the gateway may show no progress."
    )
    static let heartbeat = Key.optional(
        "heartbeat",
        .map,
        "A second output that toggles while the gateway is alive, for an external watchdog relay."
    )
    static let lamps = Key.optional("lamps", .maps, "Lamps on the box.")
    static let section = KeySection(
        path: "relay",
        meaning: "The alarm output. It is fail-safe: energised means alive and no alarm.",
        keys: [output.entry] + OutputKeys.entries + [
            severities.entry, areas.entry, gatewayAlerts.entry, onDelay.entry, offDelay.entry,
            minimumDwell.entry, latching.entry, holdUntilAcknowledged.entry, feedTimeout.entry,
            refresh.entry, longestTest.entry, stallLimits.entry, heartbeat.entry, lamps.entry,
        ]
    )

    /// The output of a heartbeat or a lamp: real, for a log cannot be seen.
    static let realOutput = Key<OutputKeys.Kind>.required(
        "output",
        .word(OutputKeys.Kind.allCases.filter { $0 != .log }.map { ($0.rawValue, $0) }),
        "What carries it, with the same keys as the relay."
    )

    enum Stall {
        static let polling = limit("polling", "The threads that read the modules.")
        static let detection = limit("detection", "The thread that decides.")
        static let journal = limit("journal", "The thread that stores.")
        static let section = KeySection(
            path: "relay.stallLimits",
            meaning: "How long a thread may give no sign of life before the relay goes safe. A "
                + "full disk or an absent broker is no stall.",
            keys: [polling.entry, detection.entry, journal.entry]
        )

        private static func limit(_ name: String, _ meaning: String) -> KeyWithFallback<Nanoseconds>
        {
            KeyWithFallback(
                name,
                .time(.seconds(1)...(.seconds(600))),
                else: RelayRules.defaultStallLimit,
                shown: Scalars.describe(RelayRules.defaultStallLimit),
                meaning
            )
        }
    }

    enum Heartbeat {
        static let halfPeriod = KeyWithFallback(
            "halfPeriod",
            .time(.milliseconds(10)...(.seconds(60))),
            else: .milliseconds(500),
            shown: "500 ms",
            "Time between two edges."
        )
        static let section = KeySection(
            path: "relay.heartbeat",
            meaning: "A line that toggles while the gateway is alive.",
            keys: [realOutput.entry] + OutputKeys.entries + [halfPeriod.entry]
        )
    }

    enum Lamp {
        static let shows = Key<RelaySettings.Indication>.required(
            "shows",
            .word(RelaySettings.Indication.allCases.map { ($0.rawValue, $0) }),
            "`healthy`: alive, and nothing in the gateway has failed. `alarm`: an alarm that drives "
                + "the relay is active or not yet acknowledged. `uplink`: a broker is connected."
        )
        static let section = KeySection(
            path: "relay.lamps[]",
            meaning: "A lamp and the output that lights it.",
            keys: [shows.entry, realOutput.entry] + OutputKeys.entries
        )
    }
}
