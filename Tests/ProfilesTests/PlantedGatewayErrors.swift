/// What is planted into `loopgate.yaml`.
extension PlantedErrorTests {
    static let bus1 = "link: rtu, device: /dev/ttyS9, baud: 19200, parity: even"
    static let host = "host: 192.168.1.20"
    static let brokers = "brokers: [\"mqtt.plant.example:1883\"]"

    static let inGateway: [Planted] = [
        // Outermost.
        .init(
            "gateway: gw-01",
            "gatewai: gw-01",
            "1:1: gateway: the key is missing; add 'gateway: …' here"
        ),
        .init("gateway: gw-01", "gateway:", "gateway: the key has no value; write its value"),
        .init("gateway: gw-01", "gateway: a/b", "gateway: the name holds '/'; use letters"),
        .init(
            "gateway: gw-01",
            "gateway: \(String(repeating: "x", count: 65))",
            "gateway: the name is too long; use 64 letters"
        ),
        .init("gateway: gw-01", "gateway: gw-01\nbuss: 1", "buss: no such key; write 'buses'"),
        .init(
            "gateway: gw-01",
            "gateway: gw-01\nclock: {source: gps}",
            "clock.source: 'gps' is not known; write one of ntp, rtc"
        ),
        .init(
            "gateway: gw-01",
            "gateway: gw-01\nclock: ntp",
            "clock: here stands 'ntp' where a map of keys belongs"
        ),
        .init(
            "gateway: gw-01",
            "gateway: gw-01\nprofiles: {a: b}",
            "profiles: here stands a map where text belongs"
        ),
        .init(
            "gateway: gw-01",
            "gateway: gw-01\nprofiles: []",
            "profiles: the list has 0 items; give it 1 to 8"
        ),
        // Buses.
        .init(
            "name: field1, link",
            "name: field 1, link",
            "buses[field 1].name: the name holds ' '"
        ),
        .init(
            "name: plc,",
            "name: field1,",
            "4:12: buses[field1].name: another bus on line 3 has the name 'field1'; give each bus"
        ),
        .init("name: plc,", "", "buses[2].name: the key is missing"),
        .init(
            "link: tcp",
            "link: udp",
            "buses[plc].link: 'udp' is not known; write one of rtu, tcp"
        ),
        .init(bus1, "link: rtu", "buses[field1].device: an rtu bus needs its serial port; add"),
        .init("/dev/ttyS9", "ttyS9", "device: 'ttyS9' is no absolute path; write '/dev/ttyS9'"),
        .init("baud: 19200", "baud: 19000", "baud: 19000 is not one of 1200, 2400"),
        .init("baud: 19200", "baud: 19000", "write 19200 if that is meant"),
        .init("baud: 19200", "baud: 230400", "baud: 230400 is out of range"),
        .init(
            "parity: even",
            "parity: eben",
            "parity: 'eben' is not one of none, even, odd; write 'even'"
        ),
        .init("parity: even", "stopBits: 3", "stopBits: 3 is out of range"),
        .init("parity: even", "direction: gpio", "direction: 'gpio' is not known"),
        .init(
            "parity: even",
            "port: 502",
            "port: the key belongs to tcp buses; delete it or write"
        ),
        .init(host, "\(host), baud: 9600", "baud: the key belongs to rtu buses"),
        .init(", \(host)", "", "buses[plc].host: a tcp bus needs its address"),
        .init(
            host,
            "host: plc1",
            "host: 'plc1' is a name, and names are not looked up on a fieldbus"
        ),
        .init(host, "host: 192.168.1", "'192.168.1' is no IPv4 address; write four numbers"),
        .init(host, "host: 192.168.1.256", "'192.168.1.256' is no IPv4 address"),
        .init(host, "host: 192.168.01.20", "'192.168.01.20' is no IPv4 address"),
        .init(host, "host: 192.168.1.20.", "'192.168.1.20.' is no IPv4 address"),
        .init(host, "host: 192.168.1.2O", "'192.168.1.2O' is a name"),
        .init(host, "host: \"192.168.1.20:502\"", "is no IPv6 address; write an address; a port"),
        .init(host, "host: \"fe80::1%eth0\"", "names an interface"),
        .init(host, "host: tcp://192.168.1.20", "is a URL; write the address alone"),
        .init(host, "host: 0x7f000001", "'0x7f000001' is a name"),
        .init(host, "\(host), port: 0", "port: 0 is out of range; write a whole number from 1 to"),
        .init(host, "\(host), port: 70000", "port: 70000 is out of range"),
        .init(host, "\(host), responseTimeout: 5 ms", "responseTimeout: '5 ms' is out of range"),
        .init(host, "\(host), turnaround: 5", "turnaround: '5' has no unit"),
        .init(host, "\(host), unitChangeGap: 1 h", "unitChangeGap: '1 h' is out of range"),
        .init(
            "modules:",
            "  - {name: b, link: tcp, host: 192.168.1.20}\nmodules:",
            "buses[b].host: the bus on line 4 has the same port 192.168.1.20 port 502"
        ),
        .init(
            "modules:",
            "  - {name: b, link: rtu, device: /dev/ttyS9}\nmodules:",
            "buses[b].device: the bus on line 3 has the same port /dev/ttyS9"
        ),
        // Modules.
        .init("name: ai2", "name: ai1", "modules[ai1].name: another module on line 6 has the name"),
        .init(
            "bus: field1",
            "bus: feild1",
            "modules[ai1].bus: there is no bus called 'feild1'; write 'field1'"
        ),
        .init("bus: field1", "bus: zzz", "there is no bus called 'zzz'; known: field1, plc"),
        .init("unit: 1,", "unit: 0,", "unit: 0 is the broadcast address: no unit answers it"),
        .init("unit: 1,", "unit: 248,", "unit: 248 is reserved on an RTU bus; write the module's"),
        .init("unit: 255", "unit: 256", "unit: 256 is out of range"),
        .init("unit: 255", "unit: -1", "unit: -1 is out of range"),
        .init(
            "profile: ai8}",
            "profile: ai9}",
            "modules[ai1].profile: there is no profile called 'ai9'; write 'ai8'"
        ),
        .init(
            "profile: ai8}",
            "profile: ai8, range: 0-10V}",
            "modules[ai1].range: no range '0-10V'; write 4-20mA"
        ),
        .init("profile: ai8}", "profile: ai8, base: -1}", "base: -1 is out of range"),
        .init("profile: ai8}", "profile: ai8, channels: 0}", "channels: 0 is out of range"),
        .init("profile: ai8}", "profile: ai8, retries: 4}", "retries: 4 is out of range"),
        .init("profile: ai8}", "profile: ai8, timeout: 2}", "timeout: '2' has no unit"),
        .init(
            "profile: ai8}",
            "profile: ai8, firmware: []}",
            "firmware: here stands a list where text"
        ),
        .init(
            "period: 500ms",
            "period: 5ms",
            "period: '5ms' is out of range; write a time from 10 ms to 1 h"
        ),
        .init(
            "uplink:",
            "  - {name: ai3, bus: field1, unit: 1, profile: ai8}\nuplink:",
            "8:36: modules[ai3].unit: module 'ai1' on line 6 has unit 1 on the same bus; give each"
        ),
        .init(
            "uplink:",
            "  - {name: c, bus: field1, unit: 9, profile: coupler, base: 0}\n"
                + "  - {name: d, bus: field1, unit: 9, profile: coupler, base: 3}\nuplink:",
            "modules[d].base: its registers overlap those of module 'c' on line 8; correct 'base'"
        ),
        // Uplink.
        .init("name: cmms, ", "", "uplink[1].name: the key is missing"),
        .init(brokers, "broker: x", "uplink[cmms].brokers: the key is missing"),
        .init(brokers, "brokers: []", "uplink[cmms].brokers: the list has 0 items"),
        .init(brokers, "brokers: mqtt://x", "brokers: 'mqtt://x' is a URL; write a host"),
        .init(brokers, "brokers: 10.0.0.300", "brokers: '10.0.0.300' is no IPv4 address"),
        .init(brokers, "brokers: \"x:0\"", "brokers: '0' is no port; write 1 to 65535"),
        .init(brokers, "brokers: \"x:65536\"", "brokers: '65536' is no port"),
        .init(brokers, "brokers: \"x:+1\"", "brokers: '+1' is no port"),
        .init(brokers, "brokers: \"[fd00::1\"", "lacks a ']'"),
        .init(brokers, "brokers: \"[x]:1\"", "'x' is no IPv6 address"),
        .init(brokers, "brokers: \"[::1]1883\"", "is no address; write [fd00::1]:1883"),
        .init(brokers, "brokers: \"a b\"", "brokers: 'a b' is no host name"),
        .init(brokers, "brokers: -x.example", "brokers: '-x.example' is no host name"),
        .init(
            brokers,
            "brokers: \"me:pw@x\"",
            "brokers: the address holds a user name or password"
        ),
        .init(brokers, "\(brokers), mqtt: 4", "mqtt: '4' is not one of 5, 3.1.1"),
        .init(
            brokers,
            "\(brokers), clientId: cimms-backend",
            "clientId: 'cimms-backend' is the central CMMS's own"
        ),
        .init(
            brokers,
            "\(brokers), password: hunter2",
            "uplink[cmms].password: a password does not belong here"
        ),
        .init(
            brokers,
            "\(brokers), passwordFile: /x",
            "passwordFile: a password without a user name; add 'username'"
        ),
        .init(
            brokers,
            "\(brokers), username: u, passwordFile: /x, credential: y",
            "credential: both 'passwordFile' and 'credential' are given; keep one"
        ),
        .init(
            brokers,
            "\(brokers), username: u, credential: a/b",
            "credential: the name holds '/'"
        ),
        .init(
            brokers,
            "\(brokers), tls: yes",
            "tls: here stands 'yes' where a map of keys belongs"
        ),
        .init(
            brokers,
            "\(brokers), tls: {key: /k}",
            "tls.certificate: 'certificate' and 'key' only work together; add 'certificate"
        ),
        .init(
            brokers,
            "\(brokers), tls: {certificate: /k}",
            "tls.key: 'certificate' and 'key' only work together; add 'key"
        ),
        .init(brokers, "\(brokers), tls: {insecure: true}", "tls.insecure: no such key"),
        .init(
            brokers,
            "\(brokers), form: cmns",
            "form: 'cmns' is not one of cmms, batch; write 'cmms'"
        ),
        .init(brokers, "\(brokers), topic: a/+/b", "topic: 'a/+/b' holds a wildcard"),
        .init(brokers, "\(brokers), topic: \"a/#\"", "topic: 'a/#' holds a wildcard"),
        .init(brokers, "\(brokers), topic: /a", "topic: '/a' has an empty level"),
        .init(brokers, "\(brokers), topic: $SYS/a", "topic: '$SYS/a' begins with $"),
        .init(brokers, "\(brokers), topic: \"a\\tb\"", "topic: the text holds a control character"),
        .init(brokers, "\(brokers), backlog: orderd", "backlog: 'orderd' is not one of"),
        .init(brokers, "\(brokers), publish: sometimes", "publish: 'sometimes' is not known"),
        .init(brokers, "\(brokers), inFlight: 5000", "inFlight: 5000 is out of range"),
        .init(brokers, "\(brokers), ackDeadline: 1 ms", "ackDeadline: '1 ms' is out of range"),
        .init(brokers, "\(brokers), keepAlive: 1 s", "keepAlive: '1 s' is out of range"),
        .init(brokers, "\(brokers), totalRate: 0", "totalRate: 0 is out of range"),
        .init(brokers, "\(brokers), perTagInterval: 0", "perTagInterval: '0' is out of range"),
        .init(brokers, "\(brokers), backlogRate: .inf", "backlogRate: '.inf' is no finite number"),
        .init(
            brokers,
            "\(brokers), commands: maybe",
            "commands: 'maybe' is neither true nor false"
        ),
        .init(
            "uplink:",
            "uplink:\n  - {name: cmms, brokers: b.example}",
            "uplink[cmms].name: another connection on line 9 has the name 'cmms'"
        ),
        .init(
            "uplink:",
            "uplink:\n  - {name: o, brokers: mqtt.plant.example, clientId: gw-01-cmms}",
            "uplink[cmms].clientId: the connection on line 9 uses 'gw-01-cmms' at the same broker"
        ),
        // Journal, relay, page.
        .init("uplink:", "journal: {path: ''}\nuplink:", "journal.path: the text is empty"),
        .init(
            "uplink:",
            "journal: {commitInterval: 100 ms}\nuplink:",
            "journal.commitInterval: '100 ms' is out of range; write a time from 1 s to 30 s"
        ),
        .init(
            "uplink:",
            "journal: {quota: 1000}\nuplink:",
            "journal.quota: '1000' has no unit; write a number and a unit"
        ),
        .init(
            "uplink:",
            "journal: {quota: 1 MiB}\nuplink:",
            "journal.quota: '1 MiB' is out of range"
        ),
        .init(
            "uplink:",
            "journal: {quota: 4 GIB}\nuplink:",
            "journal.quota: 'GIB' is no unit of size"
        ),
        .init("uplink:", "journal: {quota: much}\nuplink:", "journal.quota: 'much' is no size"),
        .init("uplink:", "journal: {quota: []}\nuplink:", "journal.quota: a list is no size"),
        .init(
            "uplink:",
            "journal: {retention: {raw: 12 h}}\nuplink:",
            "retention.raw: '12 h' is out of range"
        ),
        .init(
            "uplink:",
            "journal: {retention: {raw: 36 h}}\nuplink:",
            "retention.raw: '36 h' is not a whole number of days"
        ),
        .init(
            "uplink:",
            "journal: {retention: {raw: ever}}\nuplink:",
            "retention.raw: 'ever' is no length of time"
        ),
        .init(
            "uplink:",
            "relay: {output: gpoi}\nuplink:",
            "relay.output: 'gpoi' is not one of log, gpio"
        ),
        .init(
            "uplink:",
            "relay: {output: gpio, chip: c}\nuplink:",
            "relay.line: output gpio needs it; add 'line: …'"
        ),
        .init(
            "uplink:",
            "relay: {output: log, bit: 1}\nuplink:",
            "relay.bit: the key belongs to output process-image, and this is log"
        ),
        .init(
            "uplink:",
            "relay: {output: process-image, path: /x, byte: 0, bit: 8}\nuplink:",
            "relay.bit: 8 is out of range"
        ),
        .init(
            "uplink:",
            "relay: {output: sysfs, path: /x, safe: 1}\nuplink:",
            "relay.safe: 'energised' and 'safe' are the same text"
        ),
        .init(
            "uplink:",
            "relay: {output: coil, host: x, address: 1}\nuplink:",
            "relay.host: 'x' is a name"
        ),
        .init(
            "uplink:",
            "relay: {output: coil, host: 10.0.0.1}\nuplink:",
            "relay.address: output coil needs it"
        ),
        .init(
            "uplink:",
            "relay: {minimumDwell: 1 h}\nuplink:",
            "relay.minimumDwell: '1 h' is out of range"
        ),
        .init(
            "uplink:",
            "relay: {severities: [high]}\nuplink:",
            "relay.severities: 'high' is not known; write one of advisory, warning, critical"
        ),
        .init(
            "uplink:",
            "relay: {severities: []}\nuplink:",
            "relay.severities: the list has 0 items"
        ),
        .init(
            "uplink:",
            "relay: {latching: 2}\nuplink:",
            "relay.latching: '2' is neither true nor false"
        ),
        .init(
            "uplink:",
            "relay: {feedTimeout: 0}\nuplink:",
            "relay.feedTimeout: '0' is out of range"
        ),
        .init(
            "uplink:",
            "relay: {stallLimits: {poling: 3 s}}\nuplink:",
            "relay.stallLimits.poling: no such key; write 'polling'"
        ),
        .init(
            "uplink:",
            "relay: {heartbeat: {output: log}}\nuplink:",
            "relay.heartbeat.output: 'log' is not known"
        ),
        .init(
            "uplink:",
            "relay: {heartbeat: {halfPeriod: 1 s}}\nuplink:",
            "relay.heartbeat.output: the key is missing"
        ),
        .init(
            "uplink:",
            "relay: {lamps: [{shows: health, output: gpio, chip: c, line: l}]}\nuplink:",
            "relay.lamps[1].shows: 'health' is not one of healthy, alarm, uplink; write 'healthy'"
        ),
        .init(
            "uplink:",
            "relay: {output: gpio, chip: c, line: 1, lamps: [{shows: alarm, output: gpio, chip: c, line: 1, activeLow: true}]}\nuplink:",
            "relay.lamps[1].output: the output on line 8 is the same one"
        ),
        .init("uplink:", "page: {host: localhost}\nuplink:", "page.host: 'localhost' is a name"),
        .init("uplink:", "page: {port: http}\nuplink:", "page.port: 'http' is no whole number"),
        .init(
            "uplink:",
            "page: {openHealth: 1}\nuplink:",
            "page.openHealth: '1' is neither true nor false"
        ),
        .init(
            "uplink:",
            "page: {host: 0.0.0.0}\nuplink:",
            "page.host: others can connect to 0.0.0.0, and without 'tls' passwords can be read on their way; add 'tls: {selfMade: true}'"
        ),
        .init(
            "uplink:",
            "page: {plain: true, tls: {selfMade: true}}\nuplink:",
            "page.plain: it contradicts 'tls'; delete one of the two"
        ),
        .init(
            "uplink:",
            "page: {tls: {selfMade: false}}\nuplink:",
            "page.tls: it names no certificate"
        ),
        .init(
            "uplink:",
            "page: {tls: {selfMade: true, key: k.pem}}\nuplink:",
            "page.tls.selfMade: it contradicts 'certificate' and 'key'"
        ),
        .init(
            "uplink:",
            "page: {tls: {key: k.pem}}\nuplink:",
            "page.tls.key: there is a key without a certificate; add 'certificate'"
        ),
        .init(
            "uplink:",
            "page: {tls: {certificate: c.pem}}\nuplink:",
            "page.tls.certificate: there is a certificate without its key; add 'key'"
        ),
        .init(
            "uplink:",
            "page: {names: [\"http://gw\"]}\nuplink:",
            "page.names: 'http://gw' is no DNS name"
        ),
        .init(
            "uplink:",
            "page: {listen: 1}\nuplink:",
            "page.listen: no such key; delete it; known here: 'chart', 'host', 'names', 'openHealth', 'plain', 'port', 'tls'"
        ),
    ]
}
