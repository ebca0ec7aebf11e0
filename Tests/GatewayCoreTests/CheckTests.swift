import Signal
import Testing

@testable import GatewayCore

@Suite("Checks of a module's settings")
struct CheckTests {
    /// The registers that a module with these channels in use is asked before its values.
    private func asked(channels: [Int]) -> [UInt16] {
        let encoding = RawEncoding(
            format: .unsigned,
            low: .init(raw: 4000, milliamps: 4),
            high: .init(raw: 20000, milliamps: 20)
        )
        let check = { (address: UInt16, channel: Int?) in
            RegisterCheck(
                table: .holding,
                address: address,
                expected: [7],
                meaning: "setting",
                channel: channel
            )
        }
        let map = ModuleMap(
            channels: (0..<2).map {
                ChannelMap(table: .input, address: $0, encoding: encoding)
            },
            identity: [check(500, nil)],
            assumptions: [check(600, nil), check(100, 1), check(101, 2)]
        )
        let module = ModuleSettings(
            name: "m",
            bus: BusID(rawValue: 0),
            unit: UnitAddress(rawValue: 1),
            profile: "p",
            map: map
        )
        var unit = UnitState(module: module, channels: channels, due: .zero)
        var addresses: [UInt16] = []
        for request in 0..<10 {
            guard let step = unit.begin(at: .zero), case .check = step else { break }
            let read = unit.read(for: step)
            addresses.append(read.address)
            let reply = BusReply(
                request: BusRequest(
                    id: UInt64(request),
                    unit: module.unit,
                    table: read.table,
                    address: read.address,
                    count: read.count,
                    responseTimeout: .seconds(1)
                ),
                outcome: .success([7]),
                received: Stamp(
                    monotonic: .zero,
                    wall: WallTime(nanosecondsSince1970: 0),
                    clock: .unset
                )
            )
            _ = unit.take(reply, for: step, at: .zero, hasTransactionNumbers: true)
        }
        return addresses
    }

    @Test("a channel that no instrument uses may be set as it likes")
    func unusedChannels() {
        #expect(Set(asked(channels: [1])) == [500, 600, 100])
        #expect(Set(asked(channels: [2])) == [500, 600, 101])
        #expect(Set(asked(channels: [1, 2])) == [500, 600, 100, 101])
    }
}
