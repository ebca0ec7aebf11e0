import GatewayCore
import TestSupport
import Testing

@testable import Profiles

@Suite("Boxes in the configuration") struct BoxTests {
    private func configured(_ text: String) -> Configured {
        var configured = Configured("\(Configured.gateway)\n\(text)\n")
        for box in ["revpi-connect-4", "raspberry-pi-relay-board"] {
            let path = "gateways/\(box).yaml"
            guard
                case .success(let bytes) = FileFault.readFile(
                    "\(projectFolder)/firmware-profiles/\(path)"
                )
            else { continue }
            configured.files["/etc/gw/boxes/\(path)"] = String(decoding: bytes, as: UTF8.self)
        }
        configured.files["/etc/gw/boxes/gateways/broken.yaml"] = "profile: 1\nid: other\n"
        return configured
    }

    @Test("Relay and lamps are named as on the box")
    func named() throws {
        let loaded = try configured(
            """
            profiles: boxes
            box: revpi-connect-4
            relay:
              output: box
              label: X2 relay
              byte: 70
              lamps: [{shows: alarm, output: box, label: a1-red}]
            """
        ).load().get()
        let relay = loaded.settings.relay
        #expect(relay.output == .processImage(path: "/dev/piControl0", byte: 70, bit: 0))
        #expect(
            relay.lamps.map(\.output) == [
                .sysfs(
                    path: "/sys/class/leds/a1:red:status/brightness",
                    energised: "1",
                    safe: "0"
                )
            ]
        )
        #expect(
            loaded.files.map(\.path).contains("/etc/gw/boxes/gateways/revpi-connect-4.yaml")
        )
    }

    @Test("A line that something else on the box holds is a warning")
    func held() {
        let warnings = configured(
            "profiles: boxes\nbox: revpi-connect-4\nrelay: {output: gpio, chip: c, line: 16}"
        ).warnings()
        #expect(
            warnings.contains {
                $0.contains(
                    "box: line 16 of revpi-connect-4 is held by the piControl kernel module"
                )
            },
            "\(warnings)"
        )
    }

    @Test(
        "Each planted error is told",
        arguments: [
            Planted("", "box: nobody", "box: there is no box called 'nobody'; "),
            Planted("", "box: ../x", "box: the name holds '/'; use letters"),
            Planted("", "box: broken", "/etc/gw/boxes/gateways/broken.yaml:2:"),
            Planted(
                "",
                "relay: {output: box, label: CH1}",
                "relay.output: no box is named whose output it could be; add 'box: …' at the top"
            ),
            Planted(
                "",
                "box: revpi-connect-4\nrelay: {output: box}",
                "relay.label: output box needs it; add 'label: …'"
            ),
            Planted(
                "",
                "box: revpi-connect-4\nrelay: {output: box, label: X2 realy}",
                "relay.label: there is no output of revpi-connect-4 called 'X2 realy'; write 'X2 "
            ),
            Planted(
                "",
                "box: revpi-connect-4\nrelay: {output: box, label: X2 relay}",
                "relay.byte: the profile of X2 relay of revpi-connect-4 leaves it open; add 'byte:"
            ),
            Planted(
                "",
                "box: revpi-connect-4\nrelay: {output: box, label: X2 relay, byte: 1, chip: x}",
                "relay.chip: X2 relay of revpi-connect-4 needs no such key; delete it"
            ),
            Planted(
                "",
                "box: revpi-connect-4\nrelay: {output: box, label: a1-red}",
                "relay.label: there is no output of revpi-connect-4 called 'a1-red'"
            ),
            Planted(
                "",
                "box: raspberry-pi-relay-board\nrelay: {output: box, label: CH1, chip: c, "
                    + "lamps: [{shows: alarm, output: gpio, chip: c, line: 26}]}",
                "is the same one; give relay, heartbeat and each lamp an output of its own"
            ),
            Planted(
                "",
                "box: raspberry-pi-relay-board\nrelay: {output: box, label: CH1, line: 3}",
                "relay.line: the key belongs to output gpio, and this is box"
            ),
        ]
    )
    func planted(planted: Planted) {
        let problems = configured("profiles: boxes\n\(planted.new)").problems()
        #expect(problems.contains { $0.contains(planted.message) }, "\(problems)")
    }
}
