import Foundation
import GatewayCore
import Runtime
import Signal
import TestSupport
import Testing

@testable import Fieldbus

/// The contract of `ModbusBus`, kept with every kind of slave that there is to hand.
@Suite("A bus with a real peer")
struct PeerTests {
    enum Peer: String, CaseIterable, Sendable {
        case rawTCP, rawPTY, pymodbusTCP, pymodbusRTU
    }

    @Test("Every table gives the cells that were asked for", arguments: Peer.allCases)
    func tables(peer: Peer) throws {
        let plant = try Slaves(peer)
        for unit: UInt8 in [1, 2] {
            for table in RegisterTable.allCases {
                for (address, count) in [(0, 1), (1, 2), (7, 9), (40, 60), (0, 100)] {
                    let reply = try plant.bus.ask(
                        .read(unit, table, UInt16(address), UInt16(count))
                    )
                    #expect(reply.values == reply.request.expected)
                    #expect(reply.strayBytes == 0)
                }
            }
        }
    }

    @Test(
        "An address that the unit does not have is refused with code 2",
        arguments: [Peer.pymodbusTCP, .pymodbusRTU]
    )
    func illegalAddress(peer: Peer) throws {
        let plant = try Slaves(peer)
        let reply = try plant.bus.ask(.read(1, .holding, 5000, 2))
        #expect(reply.fault == .refused(code: 2))
        let next = try plant.bus.ask(.read(1, .holding, 0, 2))
        #expect(next.values == next.request.expected)
    }

    @Test(
        "An absent unit is silent and costs the others nothing but time",
        arguments: Peer.allCases
    )
    func absentUnit(peer: Peer) throws {
        let plant = try Slaves(peer)
        #expect(try plant.bus.ask(.read(1, .input, 0, 4)).values != nil)
        // pymodbus 3.16 answers for a unit that it does not have with exception 4.
        let isRaw = peer == .rawTCP || peer == .rawPTY
        let expected: BusFault = isRaw ? .silent : .refused(code: 4)
        let milliseconds = isRaw ? 150 : 20_000
        for _ in 0..<3 {
            let absent = try plant.bus.ask(.read(9, .input, 0, 4, milliseconds: milliseconds))
            #expect(absent.fault == expected)
            let reply = try plant.bus.ask(.read(1, .input, 8, 4))
            #expect(reply.values == reply.request.expected)
        }
    }

    @Test(
        "A peer that is stopped is silent, and right again when it goes on",
        arguments: [Peer.pymodbusTCP, .pymodbusRTU]
    )
    func halfOpen(peer: Peer) throws {
        let plant = try Slaves(peer)
        #expect(try plant.bus.ask(.read(1, .input, 0, 4)).values != nil)
        let process = try #require(plant.process)
        process.send(SIGSTOP)
        for address in 0..<3 {
            let reply = try plant.bus.ask(
                .read(1, .input, UInt16(address), 4, milliseconds: 200)
            )
            #expect(reply.fault == .silent)
        }
        process.send(SIGCONT)
        try eventually("right values again") {
            let reply = try plant.bus.ask(.read(1, .input, 24, 4, milliseconds: 2000))
            #expect(reply.values == nil || reply.values == reply.request.expected)
            return reply.values != nil
        }
    }

    @Test("A peer that is killed and started again is found again")
    func restart() throws {
        let plant = try Slaves(.pymodbusTCP)
        #expect(try plant.bus.ask(.read(1, .input, 0, 4)).values != nil)
        try plant.restart()
        try eventually("right values again") {
            try plant.bus.ask(.read(1, .input, 24, 4)).values != nil
        }
    }
}

/// One peer with units 1 and 2, and a bus to it.
final class Slaves {
    let bus: BusMaster
    private(set) var process: ChildProcess?
    private var socat: ChildProcess?
    private var raw: RawSlave?
    private let folder: TemporaryFolder
    private var arguments: [String] = []

    init(_ peer: PeerTests.Peer) throws {
        folder = try TemporaryFolder()
        switch peer {
        case .rawTCP:
            let slave = try RawSlave.tcp { request, _ in
                request[6] <= 2 ? [.send(SlaveFrame.tcp(request))] : []
            }
            raw = slave
            bus = tcpBus(slave.port)
        case .rawPTY:
            let slave = try RawSlave.pty { request, _ in
                request[0] <= 2 ? [.send(SlaveFrame.rtu(request))] : []
            }
            raw = slave
            bus = rtuBus(slave.path)
        case .pymodbusTCP:
            let port = try freePort()
            arguments = [try folder.write(Slaves.server, to: "server.py"), "tcp", "\(port)"]
            bus = tcpBus(port)
            try restart()
        case .pymodbusRTU:
            let (near, far) = (folder.file("near"), folder.file("far"))
            socat = try ChildProcess(
                "socat",
                ["pty,raw,echo=0,link=\(near)", "pty,raw,echo=0,link=\(far)"]
            )
            try eventually("socat's terminals") {
                access(near, F_OK) == 0 && access(far, F_OK) == 0
            }
            arguments = [try folder.write(Slaves.server, to: "server.py"), "rtu", far]
            bus = rtuBus(near)
            try restart()
        }
    }

    deinit {
        bus.close()
        // pymodbus takes its time to end by itself.
        process?.send(SIGKILL)
        socat?.stop()
        raw?.stop()
    }

    /// Ends the peer if it runs and starts it.
    func restart() throws {
        if let process {
            process.send(SIGKILL)
            _ = try process.wait()
        }
        process = try ChildProcess(python, arguments)
        try process?.line(containing: "ready", within: 60)
    }

    private static let server = """
        import asyncio, sys
        from pymodbus.datastore import (
            ModbusDeviceContext, ModbusSequentialDataBlock, ModbusServerContext)
        from pymodbus.server import ModbusSerialServer, ModbusTcpServer

        def registers():
            # The data block's first cell answers protocol address 0.
            return ModbusSequentialDataBlock(1, [(a * 257 + 4000) % 65536 for a in range(1000)])

        def bits():
            return ModbusSequentialDataBlock(1, [a % 3 == 0 for a in range(1000)])

        def device():
            return ModbusDeviceContext(di=bits(), co=bits(), hr=registers(), ir=registers())

        async def main():
            context = ModbusServerContext(devices={1: device(), 2: device()}, single=False)
            if sys.argv[1] == "tcp":
                server = ModbusTcpServer(
                    context, address=("127.0.0.1", int(sys.argv[2])), ignore_missing_devices=True)
            else:
                server = ModbusSerialServer(
                    context, port=sys.argv[2], baudrate=115200, ignore_missing_devices=True)
            await server.serve_forever(background=True)
            print("ready", flush=True)
            await asyncio.Event().wait()

        asyncio.run(main())
        """
}
