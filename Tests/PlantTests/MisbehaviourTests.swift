import GatewayCore
import Plant
import Runtime
import Signal
import TestSupport
import Testing

extension OnTheWire {
    @Suite(.serialized) struct MisbehaviourTests {
        /// What each does to the answer to `ask()` from unit 1 over TCP.
        static let overTCP: [(Misbehaviour, [UInt8])] = [
            (.exception(4), [0x12, 0x34, 0, 0, 0, 3, 1, 0x84, 4]),
            (.wrongUnit, [0x12, 0x34, 0, 0, 0, 5, 2, 4, 2, 0x2E, 0xE0]),
            (.wrongFunction, [0x12, 0x34, 0, 0, 0, 5, 1, 5, 2, 0x2E, 0xE0]),
            (.wrongTransaction, [0x12, 0x35, 0, 0, 0, 5, 1, 4, 2, 0x2E, 0xE0]),
            (.wrongLength(3), [0x12, 0x34, 0, 0, 0, 8, 1, 4, 2, 0x2E, 0xE0]),
            (.wrongLength(-6), [0x12, 0x34, 0, 0, 0xFF, 0xFF, 1, 4, 2, 0x2E, 0xE0]),
            (.truncated(1), [0x12, 0x34, 0, 0, 0, 5, 1, 4, 2, 0x2E]),
            (.truncated(99), []),
            (.twice, told() + told()),
            (.echo, ask() + told()),
        ]

        @Test("Over TCP a wrong answer is wrong as asked, then right again", arguments: overTCP)
        func tcp(kind: Misbehaviour, bytes: [UInt8]) throws {
            let server = PlantServer()
            defer { server.stop() }
            let unit = twelve()
            let wire = try Wire(port: try server.listen(units: [1: unit]))
            unit.misbehave(kind)
            wire.send(ask())
            #expect(try wire.receive(bytes.count) == bytes)
            try eventually("the request is counted") { unit.counters.spoiled == 1 }
            unit.behave()
            wire.send(ask(77))
            #expect(try wire.receive(11) == told(77))
        }

        /// What each does to the answer over RTU.
        static let overRTU: [(Misbehaviour, [UInt8])] = [
            (.exception(6), sealed([1, 0x84, 6])),
            (.wrongUnit, sealed([2, 4, 2, 0x2E, 0xE0])),
            (.wrongFunction, sealed([1, 5, 2, 0x2E, 0xE0])),
            (.wrongTransaction, sealed([1, 4, 2, 0x2E, 0xE0])),
            (.wrongLength(2), sealed([1, 4, 4, 0x2E, 0xE0])),
            (.truncated(2), [1, 4, 2, 0x2E, 0xE0]),
            (.twice, sealed([1, 4, 2, 0x2E, 0xE0]) + sealed([1, 4, 2, 0x2E, 0xE0])),
            (.echo, sealed([1, 4, 0, 0, 0, 1]) + sealed([1, 4, 2, 0x2E, 0xE0])),
        ]

        @Test("Over RTU a wrong answer is wrong as asked, then right again", arguments: overRTU)
        func rtu(kind: Misbehaviour, bytes: [UInt8]) throws {
            let folder = try TemporaryFolder()
            let server = PlantServer()
            defer { server.stop() }
            let unit = twelve()
            try server.openTerminal(link: folder.file("tty"), units: [1: unit])
            let wire = try Wire(device: folder.file("tty"))
            unit.misbehave(kind)
            wire.send(sealed([1, 4, 0, 0, 0, 1]))
            #expect(try wire.receive(bytes.count) == bytes)
            unit.behave()
            wire.send(sealed([1, 4, 0, 0, 0, 1]))
            #expect(try wire.receive(7) == sealed([1, 4, 2, 0x2E, 0xE0]))
        }

        @Test("A silent unit says nothing; the one beside it answers")
        func silence() throws {
            let server = PlantServer()
            defer { server.stop() }
            let silent = twelve()
            let wire = try Wire(port: try server.listen(units: [1: silent, 2: twelve()]))
            silent.misbehave(.silence)
            wire.send(ask(1) + ask(2, unit: 2))
            #expect(try wire.receive(11) == told(2, unit: 2))
            #expect(silent.counters.requests == 1)
            #expect(silent.counters.replies == 0)
        }

        @Test("A late answer comes late, after another's in between")
        func late() throws {
            let server = PlantServer()
            defer { server.stop() }
            let slow = twelve()
            let wire = try Wire(port: try server.listen(units: [1: slow, 2: twelve()]))
            slow.misbehave(.late(.milliseconds(150)))
            let start = monotonicNow()
            wire.send(ask(1) + ask(2, unit: 2))
            #expect(try wire.receive(11) == told(2, unit: 2))
            #expect(try wire.receive(11) == told(1))
            #expect(monotonicNow() - start >= 150_000_000)
        }

        @Test("Noise over RTU always breaks the checksum by one bit, on its share of the answers")
        func noise() throws {
            let folder = try TemporaryFolder()
            let server = PlantServer()
            defer { server.stop() }
            let unit = twelve()
            try server.openTerminal(link: folder.file("tty"), units: [1: unit])
            let wire = try Wire(device: folder.file("tty"))
            unit.misbehave(.noise, share: 0.3)
            let right = sealed([1, 4, 2, 0x2E, 0xE0])
            var spoiled = 0
            for _ in 0..<300 {
                wire.send(sealed([1, 4, 0, 0, 0, 1]))
                let found = try wire.receive(7)
                let flipped = zip(found, right).reduce(0) { $0 + ($1.0 ^ $1.1).nonzeroBitCount }
                #expect(flipped <= 1)
                spoiled += flipped
            }
            #expect(unit.counters.spoiled == spoiled)
            #expect((60...120).contains(spoiled))
        }

        @Test("Noise over TCP hits the protocol identifier and never the data")
        func noiseTCP() throws {
            let server = PlantServer()
            defer { server.stop() }
            let unit = twelve()
            let wire = try Wire(port: try server.listen(units: [1: unit]))
            unit.misbehave(.noise)
            wire.send(ask())
            let found = try wire.receive(11)
            #expect(found[2...3] != [0, 0])
            #expect(Array(found[4...]) == Array(told()[4...]))
        }

        @Test("A slow unit takes its time for each byte")
        func slow() throws {
            let server = PlantServer()
            defer { server.stop() }
            let unit = twelve()
            let wire = try Wire(port: try server.listen(units: [1: unit]))
            unit.misbehave(.slow(.milliseconds(20)))
            let start = monotonicNow()
            wire.send(ask())
            for index in 0..<11 {
                #expect(try wire.receive(1) == [told()[index]])
                #expect(monotonicNow() - start >= Int64(index + 1) * 20_000_000)
            }
        }

        @Test("Extra bytes follow a whole answer")
        func extra() throws {
            let server = PlantServer()
            defer { server.stop() }
            let unit = twelve()
            let wire = try Wire(port: try server.listen(units: [1: unit]))
            unit.misbehave(.extra(5))
            wire.send(ask())
            #expect(Array(try wire.receive(16).prefix(11)) == told())
        }

        @Test("A unit that hangs up ends the connection without an answer")
        func hangUp() throws {
            let server = PlantServer()
            defer { server.stop() }
            let unit = twelve()
            let port = try server.listen(units: [1: unit])
            let wire = try Wire(port: port)
            unit.misbehave(.hangUp)
            wire.send(ask())
            #expect(try wire.receiveAll().isEmpty)
        }

        @Test("A babbling unit fills line and connections unasked, until it behaves")
        func babble() throws {
            let folder = try TemporaryFolder()
            let server = PlantServer()
            defer { server.stop() }
            let unit = twelve()
            let port = try server.listen(units: [1: unit])
            try server.openTerminal(link: folder.file("tty"), units: [1: unit])
            let wire = try Wire(port: port)
            let line = try Wire(device: folder.file("tty"))
            unit.misbehave(.babble(every: .milliseconds(5)))
            _ = try wire.receive(100)
            _ = try line.receive(100)
            // One that connects meanwhile is not spared.
            _ = try Wire(port: port).receive(20)
            unit.behave()
            let quiet = try Wire(port: port)
            quiet.send(ask())
            #expect(try quiet.receive(11) == told())
        }

        @Test("A misbehaviour begins and ends by its times")
        func scheduled() throws {
            let server = PlantServer()
            defer { server.stop() }
            let unit = twelve()
            let wire = try Wire(port: try server.listen(units: [1: unit]))
            unit.misbehave(.exception(4), after: .milliseconds(100), for: .milliseconds(200))
            unit.misbehave(.exception(6), after: .seconds(3600))
            let start = monotonicNow()
            var refused: [Int64] = []
            try eventually("it is over") {
                wire.send(ask())
                let head = try wire.receive(9)
                if head[7] == 0x84 {
                    refused.append(monotonicNow() - start)
                } else {
                    _ = try wire.receive(2)
                }
                return monotonicNow() - start > 400_000_000
            }
            #expect(!refused.isEmpty)
            #expect(refused.allSatisfy { $0 >= 100_000_000 })
            wire.send(ask())
            #expect(try wire.receive(11) == told())
        }
    }
}
