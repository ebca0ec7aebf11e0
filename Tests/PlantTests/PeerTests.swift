import Foundation
import GatewayCore
import Plant
import Runtime
import Signal
import TestSupport
import Testing

extension OnTheWire {
    @Suite(.serialized) struct PeerTests {
        /// Reads 8 registers 50 times and counts what is right; then a write and a refusal.
        static let script = """
            import sys
            from pymodbus.client import ModbusTcpClient, ModbusSerialClient
            kind, where = sys.argv[1:]
            if kind == "tcp":
                client = ModbusTcpClient("127.0.0.1", port=int(where), timeout=20)
            else:
                client = ModbusSerialClient(where, baudrate=19200, timeout=20)
            assert client.connect()
            good = 0
            for _ in range(50):
                answer = client.read_input_registers(0, count=8, device_id=1)
                good += not answer.isError() and answer.registers[0] == 12000
            client.write_register(5, 4711, device_id=2)
            held = client.read_holding_registers(5, count=1, device_id=2).registers
            client.write_registers(6, [1, 2], device_id=2)
            more = client.read_holding_registers(5, count=3, device_id=2).registers
            bits = client.read_discrete_inputs(0, count=3, device_id=2).bits[:3]
            refused = client.read_input_registers(500, count=1, device_id=1).exception_code
            print("result", good, held, more, bits, refused, flush=True)
            client.close()
            """

        static func units() -> [UInt8: PlantUnit] {
            var registers = PlantModule()
            registers.define(.holding, at: 0, [UInt16](repeating: 0, count: 20))
            registers.define(.discreteInputs, at: 0, [1, 0, 1])
            return [1: twelve(), 2: PlantUnit(registers)]
        }

        static let expected =
            "result 50 [4711] [4711, 1, 2] [True, False, True] 2"

        @Test("pymodbus reads and writes over TCP")
        func tcp() throws {
            let server = PlantServer()
            defer { server.stop() }
            let port = try server.listen(units: Self.units())
            let client = try ChildProcess(python, ["-c", Self.script, "tcp", "\(port)"])
            #expect(try client.line(containing: "result", within: 60) == Self.expected)
            #expect(try client.wait() == 0)
        }

        @Test("pymodbus reads and writes over a line, paced or not", arguments: [nil, 19200])
        func serial(baud: Int?) throws {
            let folder = try TemporaryFolder()
            let server = PlantServer()
            defer { server.stop() }
            let link = folder.file("tty")
            let pace = baud.map { SerialSettings(path: link, baud: $0) }
            try server.openTerminal(link: link, units: Self.units(), pace: pace)
            let client = try ChildProcess(python, ["-c", Self.script, "rtu", link])
            #expect(try client.line(containing: "result", within: 60) == Self.expected)
            #expect(try client.wait() == 0)
        }

        @Test("A request on the line may come byte by byte")
        func byteByByte() throws {
            let folder = try TemporaryFolder()
            let server = PlantServer()
            defer { server.stop() }
            let link = folder.file("tty")
            try server.openTerminal(link: link, units: Self.units(), silence: .seconds(20))
            let wire = try Wire(device: link)
            for byte in sealed([1, 4, 0, 0, 0, 1]) { wire.send([byte]) }
            #expect(try wire.receive(7) == sealed([1, 4, 2, 0x2E, 0xE0]))
            for cut in 1..<8 {
                let request = sealed([1, 4, 0, 0, 0, 1])
                wire.send(Array(request[..<cut]))
                wire.send(Array(request[cut...]))
                #expect(try wire.receive(7) == sealed([1, 4, 2, 0x2E, 0xE0]))
            }
        }

        @Test("Garbage on the line is forgotten after silence; unknown functions are refused")
        func resynchronises() throws {
            let folder = try TemporaryFolder()
            let server = PlantServer()
            defer { server.stop() }
            let link = folder.file("tty")
            try server.openTerminal(link: link, units: Self.units(), silence: .milliseconds(5))
            let wire = try Wire(device: link)
            wire.send([0xFF, 0x00, 0x12])
            try eventually("it listens again") {
                wire.send(sealed([1, 4, 0, 0, 0, 1]))
                return (try? wire.receive(7, within: 0.2)) == sealed([1, 4, 2, 0x2E, 0xE0])
            }
            wire.send(sealed([1, 0x2B, 14, 1, 0]))
            #expect(try wire.receive(5) == sealed([1, 0xAB, 1]))
        }

        @Test("A broadcast is done by every unit and answered by none; an absent unit is silent")
        func broadcast() throws {
            let folder = try TemporaryFolder()
            let server = PlantServer()
            defer { server.stop() }
            let link = folder.file("tty")
            let units = Self.units()
            try server.openTerminal(link: link, units: units)
            let wire = try Wire(device: link)
            wire.send(sealed([0, 6, 0, 3, 0, 9]) + sealed([5, 4, 0, 0, 0, 1]))
            wire.send(sealed([1, 4, 0, 0, 0, 1]))
            #expect(try wire.receive(7) == sealed([1, 4, 2, 0x2E, 0xE0]))
            #expect(units[2]?.withModule { $0[.holding, 3] } == 9)
        }

        @Test("A paced line keeps the time of its baud, to the byte", arguments: [2400, 19200])
        func paced(baud: Int) throws {
            let folder = try TemporaryFolder()
            let server = PlantServer()
            defer { server.stop() }
            let pace = SerialSettings(path: "", baud: baud)
            try server.openTerminal(link: folder.file("tty"), units: Self.units(), pace: pace)
            let wire = try Wire(device: folder.file("tty"))
            for count in [1, 8] as [UInt8] {
                let start = monotonicNow()
                wire.send(sealed([1, 4, 0, 0, 0, count]))
                _ = try wire.receive(5 + 2 * Int(count))
                let characters = 8 + 3.5 + 5 + 2 * Double(count)
                #expect(monotonicNow() - start >= pace.time(characters: characters).count - 1000)
            }
        }
    }
}
