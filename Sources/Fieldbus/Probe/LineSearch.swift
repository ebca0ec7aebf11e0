import GatewayCore
import Runtime
import Signal

/// Tries line settings on a serial port until units answer.
public struct LineSearch: Sendable {
    /// Settings in the order in which they are tried.
    public var candidates: [SerialSettings]

    /// The usual settings of 4–20 mA modules, most common first, for a port and its direction.
    public init(
        path: String,
        bauds: [Int] = [9600, 19200, 115_200, 38400, 57600, 4800, 2400, 1200],
        direction: SerialSettings.Direction = .automatic
    ) {
        let frames: [(SerialSettings.Parity, Int)] = [
            (.none, 1), (.even, 1), (.odd, 1), (.none, 2),
        ]
        candidates = bauds.flatMap { baud in
            frames.map { parity, stopBits in
                SerialSettings(
                    path: path,
                    baud: baud,
                    parity: parity,
                    stopBits: stopBits,
                    direction: direction
                )
            }
        }
    }

    /// Settings under which at least one unit answered.
    public struct Hit: Hashable, Sendable {
        public var settings: SerialSettings
        public var units: [FoundUnit]
    }

    /// Asks `units` under each candidate. Garbled answers alone are no hit: they mean that somebody
    /// is there and speaks otherwise.
    ///
    /// - all: go on after the first hit.
    /// - trying: called before each candidate.
    /// Throws `portBusy` or `linkLost` as soon as the port cannot be had.
    public func run(
        _ units: [UnitAddress],
        responseTimeout: Nanoseconds = .milliseconds(300),
        all: Bool = false,
        trying: (SerialSettings) -> Void = { _ in }
    ) throws(BusFault) -> [Hit] {
        var hits: [Hit] = []
        for settings in candidates {
            trying(settings)
            let bus = BusMaster(
                BusSettings(
                    id: BusID(rawValue: 0),
                    name: "probe",
                    link: .rtu(settings),
                    responseTimeout: responseTimeout
                )
            )
            defer { bus.closeAndWait() }
            let found = try Prober(bus: bus, responseTimeout: responseTimeout).findUnits(units)
            let readable = found.filter { if case .garbled = $0.answer { false } else { true } }
            guard !readable.isEmpty else { continue }
            hits.append(Hit(settings: settings, units: readable))
            if !all { break }
        }
        return hits
    }
}

extension BusMaster {
    /// Closes the link and returns when the port is free for the next opener.
    public nonisolated func closeAndWait() {
        close()
        // Work is done in order: when this is answered, the link is closed.
        let box = Mailbox<Void>()
        let request = BusRequest(
            id: 0,
            unit: UnitAddress(rawValue: 1),
            table: .holding,
            address: 0,
            count: 1,
            responseTimeout: .zero
        )
        submit(request) { _ in box.post(()) }
        _ = box.take()
    }
}
