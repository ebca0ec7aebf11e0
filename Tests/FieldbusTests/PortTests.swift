import Foundation
import GatewayCore
import Runtime
import Signal
import TestSupport
import Testing

@testable import Fieldbus

@Suite("The serial port")
struct PortTests {
    @Test(
        "The line settings are those that were asked for",
        arguments: [
            (1200, B1200), (2400, B2400), (4800, B4800), (9600, B9600), (19200, B19200),
            (38400, B38400), (57600, B57600), (115_200, B115200),
        ],
        [
            (SerialSettings.Parity.none, 1), (.even, 1), (.odd, 1), (.none, 2),
        ]
    )
    func lineSettings(speed: (Int, Int32), frame: (SerialSettings.Parity, Int)) throws {
        let slave = try RawSlave.pty { request, _ in [.send(SlaveFrame.rtu(request))] }
        defer { slave.stop() }
        let bus = rtuBus(slave.path, baud: speed.0, parity: frame.0, stopBits: frame.1)
        #expect(try bus.ask(.read(1, .input, 0, 2)).values != nil)

        let observer = open(slave.path, O_RDWR | O_NOCTTY | O_NONBLOCK)
        // Only root may open an exclusive port; others see through the slave's own side.
        guard observer >= 0 else { return #expect(errno == EBUSY) }
        defer { close(observer) }
        var line = termios()
        #expect(tcgetattr(observer, &line) == 0)
        #expect(cfgetospeed(&line) == speed_t(speed.1))
        #expect(cfgetispeed(&line) == speed_t(speed.1))
        #expect(line.c_cflag & tcflag_t(CSIZE) == tcflag_t(CS8))
        #expect((line.c_cflag & tcflag_t(CSTOPB) != 0) == (frame.1 == 2))
        // A pseudo-terminal drops PARENB; INPCK and PARODD stay and tell the parity.
        #expect((line.c_iflag & tcflag_t(INPCK) != 0) == (frame.0 != .none))
        #expect((line.c_cflag & tcflag_t(PARODD) != 0) == (frame.0 == .odd))
        // Nothing may be translated, echoed or held back.
        #expect(line.c_lflag & tcflag_t(ICANON | ECHO | ISIG) == 0)
        #expect(line.c_iflag & tcflag_t(IXON | IXOFF | ICRNL | INLCR | IGNCR | ISTRIP) == 0)
        #expect(line.c_oflag & tcflag_t(OPOST) == 0)
    }

    @Test("A speed or a number of stop bits that no port has is refused", arguments: [0, 9601, -1])
    func badSettings(baud: Int) throws {
        let slave = try RawSlave.pty { request, _ in [.send(SlaveFrame.rtu(request))] }
        defer { slave.stop() }
        #expect(
            try rtuBus(slave.path, baud: baud).ask(.read(1, .input, 0, 1)).fault
                == .linkLost(errno: EINVAL)
        )
        #expect(
            try rtuBus(slave.path, stopBits: 3).ask(.read(1, .input, 0, 1)).fault
                == .linkLost(errno: EINVAL)
        )
    }

    @Test(
        "A port without RS-485 mode or RTS says so",
        arguments: [
            SerialSettings.Direction.kernel, .kernelInverted, .rts, .rtsInverted,
        ]
    )
    func direction(direction: SerialSettings.Direction) throws {
        let slave = try RawSlave.pty { request, _ in [.send(SlaveFrame.rtu(request))] }
        defer { slave.stop() }
        let bus = rtuBus(slave.path, direction: direction)
        let fault = try #require(try bus.ask(.read(1, .input, 0, 1)).fault)
        #expect(fault == .linkLost(errno: ENOTTY))
        let words = fault.explained(on: bus.settings)
        #expect(words.hasPrefix("\(slave.path): "))
        #expect(words.contains("direction: automatic"))
    }

    @Test("A second opener of the port is refused with the holder's name, until it is closed")
    func exclusive() throws {
        let slave = try RawSlave.pty { request, _ in [.send(SlaveFrame.rtu(request))] }
        defer { slave.stop() }
        let first = rtuBus(slave.path)
        let second = rtuBus(slave.path, baud: 9600)
        #expect(try first.ask(.read(1, .input, 0, 1)).values != nil)
        let fault = try second.ask(.read(1, .input, 0, 1)).fault
        guard case .portBusy(let holder) = fault else {
            Issue.record("not refused: \(String(describing: fault))")
            return
        }
        #expect(holder.contains("pid \(getpid())"))
        // The loser has not touched the winner's line.
        #expect(try first.ask(.read(1, .input, 0, 1)).values != nil)
        first.close()
        #expect(try first.ask(.read(1, .input, 0, 1)).fault == .linkLost(errno: ESHUTDOWN))
        #expect(try second.ask(.read(1, .input, 0, 1)).values != nil)
    }

    @Test("The port is exclusive to programs that know no locks either")
    func terminalExclusive() throws {
        let slave = try RawSlave.pty { request, _ in [.send(SlaveFrame.rtu(request))] }
        defer { slave.stop() }
        let bus = rtuBus(slave.path)
        #expect(try bus.ask(.read(1, .input, 0, 1)).values != nil)
        let text = """
            import os, sys
            if os.getuid() == 0: os.setuid(65534)
            try: os.open(sys.argv[1], os.O_RDWR | os.O_NOCTTY)
            except OSError as error: print("refused", error.errno)
            """
        try FileManager.default.setAttributes([.posixPermissions: 0o666], ofItemAtPath: slave.path)
        let other = try ChildProcess("python3", ["-c", text, slave.path])
        #expect(try other.line(containing: "refused") == "refused \(EBUSY)")
        _ = try other.wait()
        bus.close()
    }

    @Test("An adapter that was pulled is found again by its link, under whatever name it has now")
    func replug() throws {
        let folder = try TemporaryFolder()
        let link = folder.file("usb-FTDI_RS485-port0")
        func plug() throws -> RawSlave {
            let slave = try RawSlave.pty { request, _ in [.send(SlaveFrame.rtu(request))] }
            try? FileManager.default.removeItem(atPath: link)
            try FileManager.default.createSymbolicLink(
                atPath: link,
                withDestinationPath: slave.path
            )
            return slave
        }
        let bus = rtuBus(link)
        #expect(try bus.ask(.read(1, .input, 0, 1)).fault == .linkLost(errno: ENOENT))
        var before = ""
        for round in 0..<20 {
            let slave = try plug()
            let found = try bus.ask(.read(1, .input, 0, 4))
            #expect(found.values == found.request.expected, "round \(round)")
            if !before.isEmpty && before != slave.path {
                #expect(descriptors(on: before) == 0, "round \(round)")
            }
            before = slave.path
            if round % 2 == 0 {
                // Pulled between two requests and gone: the link is lost.
                slave.stop()
                try FileManager.default.removeItem(atPath: link)
                #expect(try bus.ask(.read(1, .input, 0, 4)).fault == .linkLost(errno: ENOENT))
                #expect(descriptors(on: slave.path) == 0, "round \(round)")
            } else {
                // Pulled and back before the next request: nothing is lost.
                slave.stop()
            }
        }
        bus.close()
    }

    @Test("A port that goes while a reply is awaited is a lost link at once")
    func pulledMeanwhile() throws {
        let slave = try RawSlave.pty { _, _ in [.hangUp] }
        let bus = rtuBus(slave.path)
        let reply = try bus.ask(.read(1, .input, 0, 4, milliseconds: 60_000), within: 50)
        #expect(reply.fault == .linkLost(errno: EIO))
    }

    @Test("What is no serial port is not opened as one")
    func notATerminal() throws {
        let folder = try TemporaryFolder()
        let path = try folder.write("text", to: "file")
        #expect(
            try rtuBus(path).ask(.read(1, .input, 0, 1)).fault == .linkLost(errno: ENOTTY)
        )
        #expect(
            try rtuBus(folder.path).ask(.read(1, .input, 0, 1)).fault == .linkLost(errno: EISDIR)
        )
    }

    @Test(
        "Between a reply and the next request the line is silent for 3.5 characters or 1.75 ms",
        arguments: [
            (1200, SerialSettings.Parity.even, 32_083_333), (9600, .none, 3_645_833),
            (19200, .none, 1_822_916), (115_200, .none, 1_750_000),
        ]
    )
    func silentInterval(baud: Int, parity: SerialSettings.Parity, silence: Int64) throws {
        let answered = Locked<[Int64]>([])
        let asked = Locked<[Int64]>([])
        let slave = try RawSlave.pty { request, _ in
            asked.withLock { $0.append(monotonicNow()) }
            answered.withLock { $0.append(monotonicNow()) }
            return [.send(SlaveFrame.rtu(request))]
        }
        defer { slave.stop() }
        let bus = rtuBus(slave.path, baud: baud, parity: parity)
        for _ in 0..<10 { #expect(try bus.ask(.read(1, .input, 0, 1)).values != nil) }
        let starts = answered.withLock { $0 }
        let gaps = zip(asked.withLock { $0 }.dropFirst(), starts).map { $0 - $1 }
        #expect(gaps.allSatisfy { $0 >= silence }, "\(gaps)")
    }

    /// How many of this process's descriptors lead to `path`.
    private func descriptors(on path: String) -> Int {
        let folder = "/proc/self/fd"
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return names.count {
            (try? FileManager.default.destinationOfSymbolicLink(atPath: "\(folder)/\($0)"))?
                .hasPrefix(path + " ") == true
                || (try? FileManager.default.destinationOfSymbolicLink(atPath: "\(folder)/\($0)"))
                    == path
        }
    }
}
