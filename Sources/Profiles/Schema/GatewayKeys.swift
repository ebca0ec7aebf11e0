import GatewayCore
import Signal

/// The keys of `loopgate.yaml`, section by section: how each is read, and its line in the
/// reference.
enum GatewayKeys {
    enum Top {
        static let gateway = Key.required(
            "gateway",
            .name,
            "The gateway's name: one topic level, part of every reading's identity. Never give "
                + "two gateways the same."
        )
        static let clock = Key.optional("clock", .map, "Where the time comes from.")
        static let profiles = Key<[String]>.optional(
            "profiles",
            .list(of: .path, most: 8),
            "Folders with module profiles, searched in order; each holds `modules/`. Without it: "
                + "`/usr/share/loopgate/firmware-profiles`, then `firmware-profiles` beside this "
                + "file, then in the working folder."
        )
        static let box = Key<String>.optional(
            "box",
            .name,
            "What this gateway runs on: a file of `firmware-profiles/gateways` without `.yaml`. "
                + "Its outputs and lamps can then be named as on the box, and serial ports are "
                + "checked against it."
        )
        static let instruments = KeyWithFallback(
            "instruments",
            .path,
            else: "instruments.yaml",
            shown: "instruments.yaml",
            "The instrument list, read into the register."
        )
        static let buses = Key.optional("buses", .maps, "Serial ports and TCP addresses.")
        static let modules = Key.optional("modules", .maps, "The I/O modules on them.")
        static let uplink = Key.optional("uplink", .maps, "MQTT connections.")
        static let journal = Key.optional("journal", .map, "The store on this machine.")
        static let detectors = Key.optional(
            "detectors",
            .map,
            "The detectors of all instruments; an instrument may say otherwise."
        )
        static let alarms = Key.optional("alarms", .map, "How alerts are treated.")
        static let relay = Key.optional("relay", .map, "The alarm output.")
        static let page = Key.optional("page", .map, "The local page.")
        static let section = KeySection(
            path: "",
            meaning: "The outermost keys of `loopgate.yaml`.",
            keys: [
                gateway.entry, clock.entry, profiles.entry, box.entry, instruments.entry,
                buses.entry,
                modules.entry, uplink.entry, journal.entry, detectors.entry, alarms.entry,
                relay.entry, page.entry,
            ]
        )
    }

    enum Clock {
        static let source = KeyWithFallback(
            "source",
            .word([("ntp", false), ("rtc", true)]),
            else: false,
            shown: "ntp",
            "`ntp`: times count as right once NTP has synced. `rtc`: the hardware clock is "
                + "trusted from the start, for plants without NTP."
        )
        static let section = KeySection(
            path: "clock",
            meaning: "Where the time comes from.",
            keys: [source.entry]
        )
    }

    enum Bus {
        enum Kind: Sendable { case rtu, tcp }
        static let baudRates = [1200, 2400, 4800, 9600, 19200, 38400, 57600, 115_200]

        static let name = Key.required("name", .name, "The bus's own name.")
        static let link = Key<Kind>.required(
            "link",
            .word([("rtu", .rtu), ("tcp", .tcp)]),
            "What the bus runs over: a serial port or a TCP connection."
        )
        static let device = Key.optional(
            "device",
            .path,
            "Only `rtu`, required there: the serial port, best below `/dev/serial/by-id`, so that "
                + "a re-plugged adapter is found again."
        )
        static let baud = KeyWithFallback(
            "baud",
            .integer(among: baudRates),
            else: 9600,
            shown: "9600",
            "Only `rtu`: bits per second."
        )
        static let parity = KeyWithFallback<SerialSettings.Parity>(
            "parity",
            .word([("none", .none), ("even", .even), ("odd", .odd)]),
            else: .none,
            shown: "none",
            "Only `rtu`."
        )
        static let stopBits = KeyWithFallback(
            "stopBits",
            .integer(1...2),
            else: 1,
            shown: "1",
            "Only `rtu`."
        )
        static let direction = KeyWithFallback<SerialSettings.Direction>(
            "direction",
            .word([
                ("automatic", .automatic), ("kernel", .kernel),
                ("kernel-inverted", .kernelInverted), ("rts", .rts),
                ("rts-inverted", .rtsInverted),
            ]),
            else: .automatic,
            shown: "automatic",
            "Only `rtu`: who turns the transceiver round: the adapter itself, the kernel's RS-485 "
                + "mode, or RTS around each frame."
        )
        static let host = Key.optional(
            "host",
            .address,
            "Only `tcp`, required there: the address of the module or of the serial gateway "
                + "before it. Names are not looked up."
        )
        static let port = KeyWithFallback(
            "port",
            Form<UInt16>.port,
            else: 502,
            shown: "502",
            "Only `tcp`."
        )
        static let responseTimeout = KeyWithFallback(
            "responseTimeout",
            .time(.milliseconds(10)...(.seconds(60))),
            else: .seconds(1),
            shown: "1 s",
            "How long to wait for a whole reply."
        )
        static let turnaround = KeyWithFallback(
            "turnaround",
            .time(.zero...(.seconds(10))),
            else: .zero,
            shown: "0 s",
            "Silence kept after a reply before the next request, beside RTU's own 3.5 characters."
        )
        static let unitChangeGap = KeyWithFallback(
            "unitChangeGap",
            .time(.zero...(.seconds(10))),
            else: .zero,
            shown: "0 s",
            "Further silence when the next request goes to another unit."
        )
        static let rtuOnly = ["device", "baud", "parity", "stopBits", "direction"]
        static let tcpOnly = ["host", "port"]
        static let section = KeySection(
            path: "buses[]",
            meaning: "One serial port or one TCP address: one transaction at a time.",
            keys: [
                name.entry, link.entry, device.entry, baud.entry, parity.entry, stopBits.entry,
                direction.entry, host.entry, port.entry, responseTimeout.entry, turnaround.entry,
                unitChangeGap.entry,
            ]
        )
    }

    enum Module {
        static let name = Key.required("name", .name, "The module's own name.")
        static let bus = Key.required("bus", .text(), "The `name` of its bus.")
        static let unit = Key.required(
            "unit",
            .integer(0...255),
            "Its Modbus unit address: 1–247 on `rtu`, 0–255 over `tcp`."
        )
        static let profile = Key.required(
            "profile",
            .text(),
            "The name of its profile: a file of `firmware-profiles/modules` without `.yaml`."
        )
        static let range = Key.optional(
            "range",
            .text(longest: 64),
            "The input range set on the module, where its profile knows several."
        )
        static let firmware = Key.optional(
            "firmware",
            .text(longest: 64),
            "The module's firmware version, where its register map depends on it."
        )
        static let base = Key.optional(
            "base",
            .integer(0...65_535),
            "0-based address of its first register, where that depends on its slot or setting."
        )
        static let channels = Key.optional(
            "channels",
            .integer(1...256),
            "How many channels it has, where its profile knows several sizes."
        )
        static let period = KeyWithFallback(
            "period",
            .time(.milliseconds(10)...(.seconds(3600))),
            else: .seconds(1),
            shown: "1 s",
            "How often every channel in use is read."
        )
        static let timeout = Key.optional(
            "timeout",
            .time(.milliseconds(10)...(.seconds(60))),
            "How long to wait for this module's reply; without it the bus's `responseTimeout`."
        )
        static let retries = KeyWithFallback(
            "retries",
            .integer(0...3),
            else: 0,
            shown: "0",
            "How often a failed read is tried again within its cycle."
        )
        static let section = KeySection(
            path: "modules[]",
            meaning: "One I/O module on a bus.",
            keys: [
                name.entry, bus.entry, unit.entry, profile.entry, range.entry, firmware.entry,
                base.entry, channels.entry, period.entry, timeout.entry, retries.entry,
            ]
        )
    }

    enum Store {
        static let path = KeyWithFallback(
            "path",
            .path,
            else: "/var/lib/loopgate/journal.db",
            shown: "/var/lib/loopgate/journal.db",
            "The database file."
        )
        static let commitInterval = KeyWithFallback(
            "commitInterval",
            .time(.seconds(1)...(.seconds(30))),
            else: .seconds(2),
            shown: "2 s",
            "How often readings are committed: a crash loses at most this much, and each commit "
                + "costs flash life. Alerts commit at once."
        )
        static let quota = KeyWithFallback(
            "quota",
            .size((128 << 20)...(1 << 40)),
            else: 4 << 30,
            shown: "4 GiB",
            "The most bytes the journal may take, log and ballast together."
        )
        static let retention = Key.optional("retention", .map, "How long each tier is kept.")
        static let section = KeySection(
            path: "journal",
            meaning: "Where and how readings are kept.",
            keys: [path.entry, commitInterval.entry, quota.entry, retention.entry]
        )
    }

    enum Retention {
        static let raw = KeyWithFallback(
            "raw",
            .keeping,
            else: .days(7),
            shown: "7 d",
            "Every reading. What is not yet delivered stays longer, up to the quota."
        )
        static let minute = KeyWithFallback(
            "minute",
            .keeping,
            else: .days(90),
            shown: "90 d",
            "One-minute count, least, greatest, mean and worst quality."
        )
        static let hour = KeyWithFallback(
            "hour",
            .keeping,
            else: .days(730),
            shown: "730 d",
            "The same by the hour."
        )
        static let day = KeyWithFallback(
            "day",
            .keeping,
            else: .forever,
            shown: "forever",
            "The same by the day."
        )
        static let section = KeySection(
            path: "journal.retention",
            meaning: "How long each tier is kept.",
            keys: [raw.entry, minute.entry, hour.entry, day.entry]
        )
    }

    enum Page {
        static let host = KeyWithFallback(
            "host",
            .address,
            else: "127.0.0.1",
            shown: "127.0.0.1",
            "The address to listen on: `0.0.0.0` for every network."
        )
        static let port = KeyWithFallback(
            "port",
            Form<UInt16>.port,
            else: 8080,
            shown: "8080",
            "The port to listen on."
        )
        static let openHealth = KeyWithFallback(
            "openHealth",
            .flag,
            else: true,
            shown: "true",
            "Serve `/health` and `/metrics` without login. They hold no secrets."
        )
        static let chart = KeyWithFallback(
            "chart",
            .path,
            else: PageSettings().chart,
            shown: "`/usr/share/javascript/chart.js/chart.min.js`",
            "Chart.js, which draws the trends; where Debian's `libjs-chart.js` puts it. 3.9 is known to do."
        )
        static let names = Key<[String]>.optional(
            "names",
            .list(of: .hostName, most: 16),
            "Names that the page answers to beside its addresses, `localhost` and the machine's "
                + "own name; whatever else a browser calls it by is refused."
        )
        static let tls = Key.optional(
            "tls",
            .map,
            "The page's certificate. Needed where others can connect, unless `plain` is true."
        )
        static let plain = KeyWithFallback(
            "plain",
            .flag,
            else: false,
            shown: "false",
            "Serve HTTP without encryption even where others can connect: passwords can be read "
                + "on their way."
        )
        static let section = KeySection(
            path: "page",
            meaning: "The local page's listener.",
            keys: [
                host.entry, port.entry, openHealth.entry, chart.entry, names.entry, tls.entry,
                plain.entry,
            ]
        )
    }

    enum PageTLS {
        static let certificate = Key.optional(
            "certificate",
            .path,
            "PEM file: the page's certificate, then those that vouch for it."
        )
        static let key = Key.optional(
            "key",
            .path,
            "PEM file: the certificate's key, without a password."
        )
        static let selfMade = KeyWithFallback(
            "selfMade",
            .flag,
            else: false,
            shown: "false",
            "Let the gateway make a certificate at its first start, instead of the two files. "
                + "Browsers ask before they trust it; its fingerprint is in the log."
        )
        static let section = KeySection(
            path: "page.tls",
            meaning: "How the page proves itself: two files, or `selfMade`.",
            keys: [certificate.entry, key.entry, selfMade.entry]
        )
    }
}
