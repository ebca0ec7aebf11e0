import Foundation
import GatewayCore
import Plant
import Runtime
import Signal
import TestSupport
import Testing

extension OnTheWire {
    @Suite(.serialized) struct ServerTests {
        @Test("A request is answered with its transaction number, units apart, absent ones refused")
        func answers() throws {
            let server = PlantServer()
            defer { server.stop() }
            let other = PlantUnit(PlantModule(map: microampMap(), channels: [.fixed(4)]))
            let port = try server.listen(units: [1: twelve(), 7: other])
            let wire = try Wire(port: port)
            wire.send(ask())
            #expect(try wire.receive(11) == told())
            wire.send(ask(9, unit: 7))
            #expect(try wire.receive(11) == [0, 9, 0, 0, 0, 5, 7, 4, 2, 0x0F, 0xA0])
            wire.send(ask(10, unit: 8))
            #expect(try wire.receive(9) == [0, 10, 0, 0, 0, 3, 8, 0x84, 11])
            #expect(other.counters.requests == 1)
        }

        @Test("Requests that come all at once are answered in order")
        func pipelined() throws {
            let server = PlantServer()
            defer { server.stop() }
            let wire = try Wire(port: try server.listen(units: [1: twelve()]))
            wire.send((0..<300).flatMap { ask($0) })
            #expect(try wire.receive(300 * 11) == (0..<300).flatMap { told($0) })
        }

        @Test("A request may come in two pieces, cut anywhere", arguments: 1..<12)
        func split(cut: Int) throws {
            let server = PlantServer()
            defer { server.stop() }
            let port = try server.listen(units: [1: twelve()])
            let wire = try Wire(port: port)
            let pacemaker = try Wire(port: port)
            wire.send(Array(ask().prefix(cut)))
            // The answer to another client shows that the server has seen the first piece.
            pacemaker.send(ask(2))
            _ = try pacemaker.receive(11)
            wire.send(Array(ask().dropFirst(cut)))
            #expect(try wire.receive(11) == told())
        }

        @Test("Hundreds of connections are served side by side")
        func manyConnections() throws {
            let server = PlantServer()
            defer { server.stop() }
            let port = try server.listen(units: [1: twelve()])
            let wires = try (0..<200).map { _ in try Wire(port: port) }
            for round in 0..<3 as Range<UInt16> {
                for wire in wires { wire.send(ask(round)) }
                for wire in wires { #expect(try wire.receive(11) == told(round)) }
            }
        }

        @Test(
            "A header that is none ends the connection, and only that",
            arguments: [
                [0, 1, 0, 1, 0, 6, 1, 4, 0, 0, 0, 1], [0, 1, 0, 0, 0, 0, 1, 4, 0, 0, 0, 1],
                [0, 1, 0, 0, 0, 1, 1, 4, 0, 0, 0, 1], [0, 1, 0, 0, 0xFF, 0xFF, 1, 4, 0, 0, 0, 1],
            ] as [[UInt8]]
        )
        func badHeader(bytes: [UInt8]) throws {
            let server = PlantServer()
            defer { server.stop() }
            let port = try server.listen(units: [1: twelve()])
            let good = try Wire(port: port)
            let bad = try Wire(port: port)
            bad.send(bytes)
            #expect(try bad.receiveAll().isEmpty)
            good.send(ask())
            #expect(try good.receive(11) == told())
        }

        @Test("Random bytes bring nothing down", arguments: 1...4)
        func garbage(seed: UInt64) throws {
            let folder = try TemporaryFolder()
            let server = PlantServer()
            defer { server.stop() }
            let unit = twelve()
            let port = try server.listen(units: [1: unit])
            try server.openTerminal(
                link: folder.file("tty"),
                units: [1: unit],
                silence: .milliseconds(5)
            )
            var random = SeededGenerator(seed: seed)
            let line = try Wire(device: folder.file("tty"))
            for round in 0..<150 {
                var bytes = (0..<Int.random(in: 1...600, using: &random)).map { _ in
                    UInt8.random(in: .min ... .max, using: &random)
                }
                // Half of them begin as a frame that could be right.
                if round % 2 == 0 { bytes = Array(ask().prefix(8)) + bytes }
                try Wire(port: port).send(bytes)
                if round % 10 == 0 { line.send(Array(bytes.prefix(300))) }
            }
            let wire = try Wire(port: port)
            wire.send(ask())
            #expect(try wire.receive(11) == told())
            // Answers to garbage that happened to be right may lie on the line before ours.
            let wanted = sealed([1, 4, 2, 0x2E, 0xE0])
            try eventually("an answer on the line") {
                line.send(sealed([1, 4, 0, 0, 0, 1]))
                return (try? line.receive(7, within: 0.5)) == wanted
            }
        }

        @Test("A client that never reads is dropped, the others go on")
        func deafClient() throws {
            let server = PlantServer()
            defer { server.stop() }
            let port = try server.listen(units: [1: twelve()])
            let greedy = try Wire(port: port)
            var ended = false
            _ = fcntl(greedy.descriptor, F_SETFL, O_NONBLOCK)
            let burst = (0..<500).flatMap { ask($0) }
            try eventually("the server lets go") {
                for _ in 0..<50 where !ended {
                    let count = send(greedy.descriptor, burst, burst.count, Int32(MSG_NOSIGNAL))
                    if count < 0, errno == EPIPE || errno == ECONNRESET { ended = true }
                }
                return ended
            }
            let wire = try Wire(port: port)
            wire.send(ask())
            #expect(try wire.receive(11) == told())
        }

        @Test("A closed port refuses and drops; it can be opened again under the same number")
        func closedPort() throws {
            let server = PlantServer()
            defer { server.stop() }
            let unit = twelve()
            let port = try server.listen(units: [1: unit])
            let wire = try Wire(port: port)
            wire.send(ask())
            _ = try wire.receive(11)
            server.dropConnections(to: port)
            #expect(try wire.receiveAll().isEmpty)
            let second = try Wire(port: port)
            second.send(ask())
            #expect(try second.receive(11) == told())
            server.close(port: port)
            #expect(try second.receiveAll().isEmpty)
            #expect(throws: TestFailure.self) { try Wire(port: port) }
            #expect(try server.listen(port: port, units: [1: unit]) == port)
            let third = try Wire(port: port)
            third.send(ask())
            #expect(try third.receive(11) == told())
        }

        @Test("A taken port and a path that is no link are refused in words")
        func refusals() throws {
            let folder = try TemporaryFolder()
            let server = PlantServer()
            defer { server.stop() }
            let port = try server.listen(units: [:])
            let taken = #expect(throws: PlantError.self) {
                try server.listen(port: port, units: [:])
            }
            #expect(
                taken?.description.contains("127.0.0.1:\(port): Address already in use") == true
            )
            let file = try folder.write("precious", to: "file")
            let linked = #expect(throws: PlantError.self) {
                try server.openTerminal(link: file, units: [:])
            }
            #expect(linked?.description.hasPrefix("\(file): File exists") == true)
            #expect(try String(contentsOfFile: file, encoding: .utf8) == "precious")
            server.stop()
            #expect(throws: PlantError.stopped) { try server.listen(units: [:]) }
            #expect(throws: PlantError.stopped) {
                try server.openTerminal(link: folder.file("tty"), units: [:])
            }
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["file"])
        }

        @Test("After stop no descriptor and no link is left, however often it is started")
        func leavesNothing() throws {
            let folder = try TemporaryFolder()
            func round() throws {
                let server = PlantServer()
                let unit = twelve()
                let port = try server.listen(units: [1: unit])
                try server.listen(units: [1: unit, 2: twelve()])
                try server.openTerminal(link: folder.file("tty"), units: [1: unit])
                let wires = try (0..<5).map { _ in try Wire(port: port) }
                for wire in wires {
                    wire.send(ask())
                    _ = try wire.receive(11)
                }
                unit.misbehave(.late(.seconds(60)))
                wires[0].send(ask())
                server.stop()
                server.stop()
                #expect(throws: (any Error).self) { try wires[1].receive(1) }
            }
            try round()
            let before = try openDescriptors()
            for _ in 0..<10 { try round() }
            #expect(try openDescriptors() <= before)
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
        }

        @Test("A server that is let go stops by itself")
        func letGo() throws {
            let unit = twelve()
            var server: PlantServer? = PlantServer()
            let port = try #require(try server?.listen(units: [1: unit]))
            let wire = try Wire(port: port)
            wire.send(ask())
            _ = try wire.receive(11)
            server = nil
            #expect(try wire.receiveAll().isEmpty)
        }

        @Test("Behind a paced port answers take the time of the serial line")
        func pacedPort() throws {
            let server = PlantServer()
            defer { server.stop() }
            let line = SerialSettings(path: "", baud: 2400)
            let wire = try Wire(port: try server.listen(units: [1: twelve()], pace: line))
            let start = monotonicNow()
            for transaction in 0..<3 as Range<UInt16> {
                wire.send(ask(transaction))
                #expect(try wire.receive(11) == told(transaction))
            }
            // 8 characters out, 3.5 of silence, 11 back, at 10 bits: 94 ms each.
            #expect(monotonicNow() - start >= 3 * 90_000_000)
        }

        @Test("Behind a paced port requests that come at once pass the line one after the other")
        func pacedQueue() throws {
            let server = PlantServer()
            defer { server.stop() }
            let line = SerialSettings(path: "", baud: 2400)
            let wire = try Wire(port: try server.listen(units: [1: twelve()], pace: line))
            let start = monotonicNow()
            wire.send(ask(0) + ask(1) + ask(2))
            #expect(try wire.receive(33) == told(0) + told(1) + told(2))
            #expect(monotonicNow() - start >= 3 * 90_000_000)
        }
    }
}
