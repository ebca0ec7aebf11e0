import GatewayCore
import Runtime
import Signal
import TestSupport

@testable import Fieldbus

extension BusRequest {
    /// A read of `count` cells with a patience of `milliseconds`.
    static func read(
        _ unit: UInt8,
        _ table: RegisterTable,
        _ address: UInt16,
        _ count: UInt16,
        milliseconds: Int = 20_000,
        quietBefore: Nanoseconds = .zero
    ) -> BusRequest {
        BusRequest(
            id: UInt64(address),
            unit: UnitAddress(rawValue: unit),
            table: table,
            address: address,
            count: count,
            responseTimeout: .milliseconds(milliseconds),
            quietBefore: quietBefore
        )
    }

    /// The request as it goes over a serial line.
    var rtu: [UInt8] {
        SlaveFrame.withCRC(
            [unit.rawValue, table.rawValue] + SlaveFrame.word(Int(address))
                + SlaveFrame.word(Int(count))
        )
    }

    /// The request as it goes over TCP.
    func tcp(transaction: Int) -> [UInt8] {
        SlaveFrame.word(transaction) + [0, 0, 0, 6] + rtu.dropLast(2)
    }

    /// What every slave of these tests answers.
    var expected: [UInt16] {
        (0..<Int(count)).map { index in
            let cell = Int(address) + index
            return table.isBits ? (SlaveFrame.bit(cell) ? 1 : 0) : SlaveFrame.register(cell)
        }
    }
}

extension ModbusBus {
    /// Submits and waits for the reply.
    func ask(_ request: BusRequest, within seconds: Double = 120) throws -> BusReply {
        let box = Mailbox<BusReply>()
        submit(request) { box.post($0) }
        guard let reply = box.take(until: monotonicNow() + Int64(seconds * 1e9))?.first else {
            throw TestFailure("no reply within \(seconds) s to \(request)")
        }
        return reply
    }
}

extension BusReply {
    var values: [UInt16]? { try? outcome.get() }
    var fault: BusFault? {
        if case .failure(let fault) = outcome { fault } else { nil }
    }
}

/// A bus to a TCP slave on this machine.
func tcpBus(
    _ port: UInt16,
    timeout: Nanoseconds = .seconds(20),
    turnaround: Nanoseconds = .zero,
    unitChangeGap: Nanoseconds = .zero,
    lockFolder: String? = nil
) -> BusMaster {
    BusMaster(
        BusSettings(
            id: BusID(rawValue: 0),
            name: "tcp",
            link: .tcp(host: "127.0.0.1", port: port),
            responseTimeout: timeout,
            turnaround: turnaround,
            unitChangeGap: unitChangeGap
        ),
        lockFolder: lockFolder,
        stamp: { BusMaster.stamp(.synced) }
    )
}

/// A bus to an RTU slave on a pseudo-terminal.
func rtuBus(
    _ path: String,
    baud: Int = 115_200,
    parity: SerialSettings.Parity = .none,
    stopBits: Int = 1,
    direction: SerialSettings.Direction = .automatic
) -> BusMaster {
    let serial = SerialSettings(
        path: path,
        baud: baud,
        parity: parity,
        stopBits: stopBits,
        direction: direction
    )
    return BusMaster(
        BusSettings(id: BusID(rawValue: 1), name: "rtu", link: .rtu(serial)),
        stamp: { BusMaster.stamp(.synced) }
    )
}

/// The parsers on arrays: `#expect` cannot hold a `Span`.
extension ModbusFrame {
    static func scan(_ bytes: [UInt8]) -> RTUScan { scanRTU(bytes.span) }
    static func request(_ bytes: [UInt8]) -> (unit: UInt8, shape: ReplyShape)? {
        rtuRequest(bytes.span)
    }
    static func judge(
        _ bytes: [UInt8],
        answers request: BusRequest,
        transaction: UInt16
    ) -> TCPVerdict {
        judgeTCP(bytes.span, answers: request, transaction: transaction)
    }
    static func values(_ bytes: [UInt8], at start: Int, of request: BusRequest) -> [UInt16] {
        values(bytes.span, from: start, of: request)
    }
    static func isReply(_ bytes: [UInt8]) -> Bool { isTCPReply(bytes.span) }
    static func sum(_ bytes: [UInt8]) -> UInt16 { crc(bytes.span) }
    static func isIntact(_ bytes: [UInt8]) -> Bool { hasRightCRC(bytes.span, length: bytes.count) }
}
