import Foundation
import GatewayCore
import Profiles
import Signal
import TestSupport
import Testing

@Suite("Gateway profiles")
struct GatewayProfileTests {
    static let library = GatewayLibrary(folders: [shippedProfiles], problems: ProblemList())

    @Test("every shipped gateway profile is without a fault")
    func shipped() {
        let problems = ProblemList()
        let library = GatewayLibrary(folders: [shippedProfiles], problems: problems)
        #expect(problems.problems == [])
        #expect(library.profiles.values.count { $0.confidence == .high } >= 8)
    }

    @Test("every kind of output and of direction that boxes have is there")
    func kinds() {
        let outputs = Self.library.profiles.values.flatMap(\.outputs)
        #expect(
            Set(outputs.map(\.kind.word)) == ["none", "gpio", "process-image", "sysfs", "coil"]
        )
        let directions = Self.library.profiles.values.flatMap(\.ports).map(\.direction)
        #expect(Set(directions).isSuperset(of: [.kernel, .automatic, .reserved]))
        let watchdogs = Self.library.profiles.values.compactMap(\.watchdog?.kind)
        #expect(Set(watchdogs) == Set(GatewayProfile.Watchdog.Kind.allCases))
    }

    @Test("an output is whole once what the profile leaves open is given")
    func settings() throws {
        let connect = try #require(Self.library.profiles["revpi-connect"]?.outputs.first)
        #expect(connect.setting() == nil)
        #expect(
            connect.setting(place: 6) == .processImage(path: "/dev/piControl0", byte: 6, bit: 6)
        )
        let strato = try #require(Self.library.profiles["sfera-strato-pi-can"]?.outputs.first)
        #expect(
            strato.setting()
                == .sysfs(path: "/sys/class/stratopi/relay/status", energised: "1", safe: "0")
        )
        let board = try #require(Self.library.profiles["raspberry-pi-relay-board"]?.outputs.first)
        #expect(board.setting() == nil)
        #expect(
            board.setting(chip: "pinctrl-bcm2711")
                == .gpio(chip: "pinctrl-bcm2711", line: "26", activeLow: true)
        )
        let unipi = try #require(Self.library.profiles["unipi-neuron"]?.outputs.first)
        #expect(
            unipi.setting(place: 3) == .coil(host: "127.0.0.1", port: 502, unit: 1, address: 3)
        )
        let none = try #require(Self.library.profiles["revpi-connect-5"]?.outputs.first)
        #expect(none.setting(chip: "x", place: 1, path: "/x") == nil)
    }

    @Test("the direction of a port is what the kernel must be asked")
    func directions() throws {
        let basic = try #require(Self.library.profiles["siemens-iot2050-basic"]?.ports)
        #expect(basic.map(\.setting) == [.kernelInverted, nil])
        let connect = try #require(Self.library.profiles["revpi-connect-4"]?.ports)
        #expect(connect.map(\.setting) == [.automatic, nil])
    }

    @Test("a line that the kernel holds, a reserved port and a wrong direction are told")
    func doubts() throws {
        let connect = try #require(Self.library.profiles["revpi-connect"])
        let bus = BusSettings(
            id: BusID(rawValue: 0),
            name: "field",
            link: .rtu(SerialSettings(path: "/dev/ttyAMA0", direction: .rts))
        )
        var settings = GatewaySettings(
            gateway: "g",
            buses: [bus],
            relay: RelaySettings(output: .gpio(chip: "pinctrl", line: "1", activeLow: false))
        )
        let doubts = connect.doubts(about: settings)
        #expect(doubts.count == 2)
        #expect(doubts.first?.mend == "write 'direction: automatic'")
        #expect(doubts.last?.mend.contains("process-image") == true)

        settings.buses[0].link = .rtu(SerialSettings(path: "/dev/ttyS3"))
        settings.relay = RelaySettings()
        let siemens = try #require(Self.library.profiles["siemens-iot2050-advanced"])
        #expect(siemens.doubts(about: settings).map(\.mend) == ["use another port"])
        #expect(connect.doubts(about: settings).isEmpty)
    }

    @Test("a box is known by its device tree, and only where it is the only one")
    func recognition() throws {
        let found = Self.library.profile(model: "SIMATIC IOT2050 Advanced", compatible: [])
        #expect(found?.id == "siemens-iot2050-advanced")
        #expect(Self.library.profile(model: "SIMATIC IOT2050 Advanced PG2", compatible: []) == nil)
        #expect(Self.library.profile(model: "", compatible: []) == nil)
    }

    static let sound = """
        profile: 1
        id: box
        vendor: Vendor
        model: Model
        summary: A box.
        confidence: high
        source: [a device tree]
        match: [{model: Box, exact: true}]
        ports:
          - {name: RS-485, path: /dev/ttyX, direction: kernel, rts: high}
        outputs:
          - {name: relay, kind: gpio, chip: chip0, line: "3", activeLow: true}
          - {name: file, kind: sysfs, path: /sys/relay, energised: "1", safe: "0"}
          - {name: bit, kind: process-image, path: /dev/image, byte: 4, bit: 6}
        leds:
          - {name: red, class: led-red}
        watchdog: {kind: device, path: /dev/watchdog0, timeout: 60 s, fixed: true}
        """

    static let mistakes: [PlantedMistake] = [
        .init(old: "id: box", new: "id: bix", key: "id", says: "name of the file", mend: "box"),
        .init(
            old: "confidence: high",
            new: "confidence: low",
            key: "confidence",
            says: "not known",
            mend: "medium"
        ),
        .init(old: "model: Box, ", new: "", key: "match[1]", says: "one name", mend: "compatible"),
        .init(
            old: "direction: kernel",
            new: "direction: kernal",
            key: "ports[RS-485].direction",
            says: "not one of",
            mend: "kernel"
        ),
        .init(
            old: ", rts: high",
            new: "",
            key: "ports[RS-485].rts",
            says: "level of RTS",
            mend: "rts: high"
        ),
        .init(
            old: "direction: kernel",
            new: "direction: automatic",
            key: "ports[RS-485].rts",
            says: "direction kernel",
            mend: "correct"
        ),
        .init(
            old: "/dev/ttyX",
            new: "ttyX",
            key: "ports[RS-485].path",
            says: "whole path",
            mend: "/"
        ),
        .init(
            old: "kind: gpio",
            new: "kind: gpoi",
            key: "outputs[relay].kind",
            says: "not one of",
            mend: "gpio"
        ),
        .init(
            old: ", line: \"3\"",
            new: "",
            key: "outputs[relay].line",
            says: "missing",
            mend: "add"
        ),
        .init(
            old: "activeLow: true",
            new: "activLow: true",
            key: "outputs[relay].activLow",
            says: "no such key",
            mend: "activeLow"
        ),
        .init(
            old: "safe: \"0\"",
            new: "safe: \"1\"",
            key: "outputs[file].safe",
            says: "energised",
            mend: "other text"
        ),
        .init(
            old: "safe: \"0\"",
            new: "safe: \"0\", bit: 3",
            key: "outputs[file].bit",
            says: "does not belong",
            mend: "kind"
        ),
        .init(
            old: "byte: 4, ",
            new: "",
            key: "outputs[bit].offset",
            says: "byte",
            mend: "offset"
        ),
        .init(
            old: "bit: 6",
            new: "bit: 8",
            key: "outputs[bit].bit",
            says: "out of range",
            mend: "7"
        ),
        .init(
            old: "name: file",
            new: "name: relay",
            line: 12,
            key: "outputs",
            says: "share a name",
            mend: "own"
        ),
        .init(
            old: "class: led-red",
            new: "chip: x",
            key: "leds[red]",
            says: "LED class",
            mend: "line"
        ),
        .init(
            old: "timeout: 60 s, ",
            new: "",
            key: "watchdog.fixed",
            says: "not given",
            mend: "timeout"
        ),
        .init(
            old: "path: /dev/watchdog0, ",
            new: "",
            key: "watchdog.path",
            says: "needs it",
            mend: "path"
        ),
        .init(
            old: "watchdog: {",
            new: "watchdg: {",
            key: "watchdg",
            says: "no such key",
            mend: "watchdog"
        ),
    ]

    @Test("a mistake is told with its line, its key and the mend", arguments: mistakes)
    func mistake(planted: PlantedMistake) throws {
        #expect(decode(Self.sound).profile?.outputs.count == 3)
        let range = try #require(Self.sound.range(of: planted.old))
        let text = Self.sound.replacingCharacters(in: range, with: planted.new)
        let line =
            planted.line > 0
            ? planted.line : Self.sound[..<range.lowerBound].count { $0 == "\n" } + 1
        let (profile, problems) = decode(text)
        #expect(profile == nil)
        let hit = problems.first {
            $0.keyPath == planted.key && $0.what.contains(planted.says)
                && $0.mend.contains(planted.mend) && $0.line == line && $0.column > 0
        }
        #expect(hit != nil, "line \(line) in \(problems)")
    }

    private func decode(_ text: String) -> (profile: GatewayProfile?, problems: [Problem]) {
        let problems = ProblemList()
        guard let document = Document(file: "box.yaml", bytes: Array(text.utf8), problems: problems)
        else { return (nil, problems.problems) }
        return (GatewayProfile(document, id: "box", problems: problems), problems.problems)
    }
}
