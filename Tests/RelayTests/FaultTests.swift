import Alerts
import Foundation
import GatewayCore
import Runtime
import Signal
import TestSupport
import Testing

@testable import Relay

@Suite("An output that cannot be driven is a loud fault")
struct FaultTests {
    func settings(_ output: RelaySettings.Output) -> RelaySettings {
        RelaySettings(
            output: output,
            feedTimeout: .seconds(600),
            refresh: .milliseconds(100)
        )
    }

    @Test(
        "Missing is said at once, with where and how to mend it",
        arguments: [
            (
                RelaySettings.Output.gpio(chip: "no-such-chip", line: "4", activeLow: false),
                "GPIO chip no-such-chip (gpiodetect lists those that are) is not there"
            ),
            (
                .gpio(chip: "/dev/gpiochip250", line: "relay", activeLow: true),
                "GPIO chip /dev/gpiochip250 (gpiodetect lists those that are) is not there"
            ),
            (
                .gpio(chip: "gpiochip250", line: "relay", activeLow: true),
                "GPIO chip gpiochip250 (gpiodetect lists those that are) is not there"
            ),
            (
                .processImage(path: "/nonexistent/piControl0", byte: 0, bit: 0),
                "/nonexistent/piControl0 is not there"
            ),
            (
                .sysfs(path: "/nonexistent/status", energised: "1", safe: "0"),
                "/nonexistent/status is not there"
            ),
        ]
    )
    func missing(output: RelaySettings.Output, text: String) {
        let fault = #expect(throws: RelayFault.self) { try openRelay(settings(output)) }
        #expect(fault?.description == text)
        #expect(driveSafe(settings(output)).map(\.description) == [text])
    }

    @Test("A file that is no GPIO chip is none")
    func noChip() {
        #expect(throws: RelayFault.self) {
            try openRelay(settings(.gpio(chip: "/dev/null", line: "1", activeLow: false)))
        }
    }

    @Test(
        "errno says whether it is missing, forbidden or busy",
        arguments: [
            (ENOENT, RelayFault.missing("x")), (ENODEV, .missing("x")), (ENXIO, .missing("x")),
            (EACCES, .forbidden("x")), (EPERM, .forbidden("x")), (EROFS, .forbidden("x")),
            (EBUSY, .busy("x", holder: "")), (EIO, .failed("x", errno: EIO)),
        ]
    )
    func errnos(code: Int32, fault: RelayFault) {
        #expect(RelayFault.file("x", errno: code) == fault)
    }

    @Test(
        "Each fault says what to do",
        arguments: [
            (RelayFault.busy("line 4", holder: "piControl"), "held by 'piControl'"),
            (.forbidden("line 4"), "group gpio"), (.refused("coil 1", code: 2), "exception 2"),
            (.unreachable("coil 1", errno: ECONNREFUSED), "Connection refused"),
            (.disobeyed("line 4"), "does not show what it was told"),
        ]
    )
    func words(fault: RelayFault, text: String) {
        #expect(fault.description.contains(text))
    }

    @Test("A file that this user may not write is forbidden", .enabled(if: geteuid() != 0))
    func forbidden() throws {
        let folder = try TemporaryFolder()
        let path = try folder.write("0", to: "status")
        #expect(chmod(path, 0o444) == 0)
        #expect(throws: RelayFault.forbidden(path)) {
            try openRelay(settings(.sysfs(path: path, energised: "1", safe: "0")))
        }
    }

    @Test("A file that somebody else holds is busy")
    func busy() throws {
        let folder = try TemporaryFolder()
        let path = folder.file("sleep")
        try FileManager.default.copyItem(
            at: URL(filePath: "/bin/sleep").resolvingSymlinksInPath(),
            to: URL(filePath: path)
        )
        let child = try ChildProcess(path, ["60"])
        defer { child.stop() }
        try eventually("it runs") {
            FileManager.default.fileExists(atPath: "/proc/\(child.id)/exe")
        }
        #expect(throws: RelayFault.busy(path, holder: "")) {
            try openRelay(settings(.sysfs(path: path, energised: "1", safe: "0")))
        }
    }

    @Test(
        "Settings that cannot be right are refused",
        arguments: [
            RelaySettings.Output.sysfs(path: "/dev/null", energised: "1", safe: "1"),
            .processImage(path: "/dev/null", byte: -1, bit: 0),
            .processImage(path: "/dev/null", byte: 70_000, bit: 0),
            .processImage(path: "/dev/null", byte: 0, bit: 8),
            .coil(host: "localhost", port: 502, unit: 1, address: 1),
            .coil(host: "1.2.3", port: 502, unit: 1, address: 1),
        ]
    )
    func impossible(output: RelaySettings.Output) {
        let fault = #expect(throws: RelayFault.self) { try openRelay(settings(output)) }
        guard case .impossible = fault else {
            Issue.record("\(String(describing: fault))")
            return
        }
    }

    @Test("A process image that ends before the byte is refused, and a device that is no driver")
    func wrongImage() throws {
        let folder = try TemporaryFolder()
        let path = try folder.write("abc", to: "image")
        #expect(throws: RelayFault.self) {
            try openRelay(settings(.processImage(path: path, byte: 3, bit: 0)))
        }
        #expect(throws: RelayFault.self) {
            try openRelay(settings(.processImage(path: "/dev/null", byte: 3, bit: 0)))
        }
    }

    @Test("With keepsTrying a missing output is reported, and taken into use when it comes")
    func comesLater() throws {
        let folder = try TemporaryFolder()
        let path = folder.file("status")
        let reports = Reports()
        let relay = try openRelay(
            settings(.sysfs(path: path, energised: "1", safe: "0")),
            keepsTrying: true
        ) { reports.take($0) }
        #expect(reports.events == [.fault(.missing(path))])
        #expect(relay.status[0].shows == nil)
        relay.show(.energised)
        try folder.write("x", to: "status")
        try eventually("it is energised") {
            try String(contentsOfFile: path, encoding: .utf8) == "1"
        }
        try eventually("and says so") { reports.events.contains(.recovered) }
        relay.release()
        #expect(try String(contentsOfFile: path, encoding: .utf8) == "0")
    }

    @Test("An output that goes away is reported once, and is safe and then right when it is back")
    func comesBack() throws {
        let folder = try TemporaryFolder()
        let path = try folder.write("0", to: "status")
        let reports = Reports()
        let relay = try openRelay(settings(.sysfs(path: path, energised: "1", safe: "0"))) {
            reports.take($0)
        }
        relay.show(.energised)
        try eventually("energised") { relay.status[0].shows == true }
        try FileManager.default.removeItem(atPath: path)
        try eventually("the fault is known") { relay.status[0].fault == .missing(path) }
        #expect(relay.status[0].shows == nil)
        let rounds = relay.status[0].rounds
        try eventually("it is tried again") { relay.status[0].rounds > rounds + 5 }
        #expect(reports.events.filter { $0 == .fault(.missing(path)) }.count == 1)
        try folder.write("x", to: "status")
        try eventually("energised again") {
            try String(contentsOfFile: path, encoding: .utf8) == "1"
        }
        relay.release()
    }

    @Test("A relay contact that reports its own fault is heard", arguments: ["F\n", "S"])
    func contact(text: String) throws {
        let folder = try TemporaryFolder()
        let path = try folder.write(text, to: "o1")
        let line = try SysfsLine(path: path, energised: "1", safe: "0")
        #expect(throws: RelayFault.self) { try line.read() }
        try folder.write("1\n", to: "o1")
        #expect(try line.read() == true)
        try folder.write("??", to: "o1")
        #expect(try line.read() == nil)
    }
}

@Suite("A coil on a Modbus server")
struct CoilTests {
    func settings(_ port: UInt16) -> RelaySettings {
        RelaySettings(
            output: .coil(host: "127.0.0.1", port: port, unit: 3, address: 17),
            feedTimeout: .seconds(600),
            refresh: .milliseconds(100)
        )
    }

    @Test("The frames are those of the standard (V1.1b3, 6.1 and 6.5)")
    func frames() {
        #expect(CoilFrame.write(0x00AC, true) == [0x05, 0x00, 0xAC, 0xFF, 0x00])
        #expect(CoilFrame.write(0x00AC, false) == [0x05, 0x00, 0xAC, 0x00, 0x00])
        #expect(CoilFrame.read(0x0113) == [0x01, 0x01, 0x13, 0x00, 0x01])
        #expect(CoilFrame.header(0x1234, unit: 3, count: 5) == [0x12, 0x34, 0, 0, 0, 6, 3])
    }

    @Test("A server that is not there yet is reported, and used when it comes")
    func later() throws {
        let port = try freePort()
        let reports = Reports()
        let relay = try openRelay(settings(port)) { reports.take($0) }
        #expect(
            reports.events == [
                .fault(.unreachable("coil 17 of unit 3 at 127.0.0.1:\(port)", errno: ECONNREFUSED))
            ]
        )
        relay.show(.energised)
        let server = try CoilServer(port: port)
        defer { server.stop() }
        try eventually("energised") { server[17] && relay.status[0].fault == nil }
        #expect(reports.events.contains(.recovered))
        relay.release()
        #expect(!server[17])
    }

    @Test(
        "Whatever is no proper answer is a fault, and over when the server behaves",
        arguments: CoilServer.Manner.allCases.filter { $0 != .proper }
    )
    func misbehaves(manner: CoilServer.Manner) throws {
        let server = try CoilServer()
        defer { server.stop() }
        let relay = try openRelay(settings(server.port))
        #expect(relay.status[0].fault == nil)
        server.behave(manner)
        relay.show(.energised)
        try eventually("the fault is known") { relay.status[0].fault != nil }
        #expect(relay.status[0].shows == nil)
        let place = "coil 17 of unit 3 at 127.0.0.1:\(server.port)"
        switch (manner, relay.status[0].fault) {
        case (.exception, .refused(place, code: 2)), (.disobedient, .disobeyed(place)),
            (.silent, .unreachable(place, errno: ETIMEDOUT)), (.closing, .unreachable(place, _)),
            (.cut, .unreachable(place, _)), (.wrongTransaction, .garbled(place)),
            (.wrongUnit, .garbled(place)), (.wrongProtocol, .garbled(place)),
            (.wrongFunction, .garbled(place)), (.emptyFrame, .garbled(place)),
            (.longFrame, .garbled(place)):
            break
        default: Issue.record("\(manner): \(String(describing: relay.status[0].fault))")
        }
        server.behave(.proper)
        try eventually("recovered") { relay.status[0].shows == true && server[17] }
        relay.release()
    }

    @Test(
        "pymodbus is served as well",
        .enabled(if: FileManager.default.isExecutableFile(atPath: python))
    )
    func peer() throws {
        let port = try freePort()
        let script = """
            import sys
            from pymodbus.client import ModbusTcpClient
            from pymodbus.server import StartTcpServer
            from pymodbus.datastore import (ModbusSequentialDataBlock, ModbusDeviceContext,
                                            ModbusServerContext)
            block = ModbusSequentialDataBlock(1, [True] * 100)
            context = ModbusServerContext(devices=ModbusDeviceContext(co=block), single=True)
            print("ready", flush=True)
            StartTcpServer(context, address=("127.0.0.1", \(port)))
            """
        let child = try ChildProcess(python, ["-c", script])
        defer { child.stop() }
        try child.line(containing: "ready")
        let relay = try openRelay(settings(port))
        relay.show(.energised)
        try eventually("energised") { relay.status[0].shows == true }
        relay.show(.safe)
        try eventually("safe") { relay.status[0].shows == false }
        relay.show(.energised)
        try eventually("energised") { relay.status[0].shows == true }
        #expect(relay.status[0].fault == nil)
        relay.release()
        #expect(driveSafe(settings(port)) == [])
    }
}
