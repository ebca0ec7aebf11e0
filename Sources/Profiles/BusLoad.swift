import GatewayCore
import Signal

/// How long a bus needs for all its modules, and what share of the time it is busy.
///
/// Computed, not measured: characters on the wire, the silent intervals, each module's latency and
/// the pauses that bus and profile ask for. With 11-bit characters, 8 registers and 10 ms latency a
/// transaction takes 51 ms at 9600 baud, 31 ms at 19200 and 16 ms at 115200.
public struct BusLoad: Hashable, Sendable {
    /// The share of a module.
    public struct Module: Hashable, Sendable {
        /// The module's name.
        public var name: String
        /// Requests a cycle.
        public var requests: Int
        /// Time a cycle takes on the wire, pauses included.
        public var time: Nanoseconds
        /// How often the cycle runs.
        public var period: Nanoseconds
        /// The longest of its replies, from the request's last byte to the reply's.
        public var longestReply: Nanoseconds

        /// The share of the bus's time it takes: 1 is all of it.
        public var share: Double {
            period.count > 0 ? Double(time.count) / Double(period.count) : 0
        }
    }

    /// The bus.
    public var bus: BusID
    /// Its name.
    public var name: String
    /// Bits per second; nil on TCP.
    public var baud: Int?
    /// Its modules that are read at all.
    public var modules: [Module]

    /// Above this share of its time a bus is refused.
    public static let mostShare = 0.8
    /// How long a module takes from the request's last byte to the reply's first.
    public static let usualLatency = Nanoseconds.milliseconds(10)
    /// How long a request and its reply are under way on a local network.
    static let networkTime = Nanoseconds.milliseconds(1)

    /// The time to read every module once.
    public var cycle: Nanoseconds { modules.reduce(.zero) { $0 + $1.time } }
    /// The share of its time the bus is busy: 1 is all of it.
    public var share: Double { modules.reduce(0) { $0 + $1.share } }
    /// Requests a second.
    public var requestsPerSecond: Double {
        modules.reduce(0) {
            $0 + ($1.period.count > 0 ? Double($1.requests) / $1.period.seconds : 0)
        }
    }

    /// The characters of a read request on RTU: unit, function, address, count, CRC.
    public static let requestCharacters = 8

    /// The characters of the reply to `block` on RTU: unit, function, length, data, CRC.
    public static func replyCharacters(_ block: BlockRead) -> Int {
        5 + (block.table.isBits ? (Int(block.count) + 7) / 8 : 2 * Int(block.count))
    }

    /// The time from the request's last byte to the reply's last byte, with `latency` between.
    public static func reply(
        _ block: BlockRead,
        over link: BusLink,
        latency: Nanoseconds = usualLatency
    ) -> Nanoseconds {
        switch link {
        case .rtu(let serial):
            serial.silentInterval + latency
                + serial.time(characters: Double(replyCharacters(block)))
        case .tcp: latency + networkTime
        }
    }

    /// The time from the request's first byte until the bus is free again: request, reply, and
    /// the silence after it.
    public static func transaction(
        _ block: BlockRead,
        over link: BusLink,
        latency: Nanoseconds = usualLatency
    ) -> Nanoseconds {
        let answered = reply(block, over: link, latency: latency)
        switch link {
        case .rtu(let serial):
            return serial.time(characters: Double(requestCharacters)) + answered
                + serial.silentInterval
        case .tcp: return answered
        }
    }

    /// What `bus` needs for `modules`.
    ///
    /// - modules: each with the channels in use, numbered from 1; one without channels is not read.
    public init(
        bus: BusSettings,
        modules: [(settings: ModuleSettings, channels: [Int])],
        latency: Nanoseconds = usualLatency
    ) {
        self.bus = bus.id
        name = bus.name
        baud = if case .rtu(let serial) = bus.link { serial.baud } else { nil }
        self.modules = modules.compactMap { settings, channels in
            let blocks = PollPlanner.blocks(for: settings.map, channels: channels)
            guard !blocks.isEmpty else { return nil }
            return BusLoad.module(
                settings,
                blocks,
                on: bus,
                changesUnit: modules.count > 1,
                latency: latency
            )
        }
    }

    private static func module(
        _ settings: ModuleSettings,
        _ blocks: [BlockRead],
        on bus: BusSettings,
        changesUnit: Bool,
        latency: Nanoseconds
    ) -> Module {
        var time = changesUnit ? bus.unitChangeGap : .zero
        var longest = Nanoseconds.zero
        for (index, block) in blocks.enumerated() {
            let pause = bus.turnaround
            // Between two requests of one cycle the module may ask for more than the bus does.
            let extra = index > 0 ? max(.zero, settings.map.requestGap - pause) : .zero
            time = time + pause + extra + transaction(block, over: bus.link, latency: latency)
            longest = max(longest, reply(block, over: bus.link, latency: latency))
        }
        return Module(
            name: settings.name,
            requests: blocks.count,
            time: time,
            period: settings.period,
            longestReply: longest
        )
    }

    /// One line for people: `bus field1: cycle 164 ms, 16 % busy, 4 requests/s`.
    public var summary: String {
        let percent = BusLoad.percent(share)
        let rate = (requestsPerSecond * 10).rounded() / 10
        return "bus \(name): cycle \(BusLoad.milliseconds(cycle)), \(percent) busy, "
            + "\(plain(rate)) requests/s, \(modules.count) module\(modules.count == 1 ? "" : "s")"
    }

    static func percent(_ share: Double) -> String {
        let percent = share * 100
        return percent < 10
            ? "\(plain((percent * 10).rounded() / 10)) %" : "\(Int(min(percent, 1e9).rounded())) %"
    }

    static func milliseconds(_ time: Nanoseconds) -> String {
        let milliseconds = time.seconds * 1000
        return milliseconds < 100
            ? "\(plain((milliseconds * 10).rounded() / 10)) ms"
            : "\(Int64(milliseconds.rounded())) ms"
    }
}

extension BusLoad {
    /// Notes in `problems` what this bus cannot carry.
    ///
    /// - reader: the bus's place in the file.
    func check(
        _ bus: BusSettings,
        modules: [(settings: ModuleSettings, channels: [Int], reader: MapReader)],
        reader: MapReader
    ) {
        for module in self.modules {
            guard let entry = modules.first(where: { $0.settings.name == module.name }) else {
                continue
            }
            let timeout = entry.settings.responseTimeout ?? bus.responseTimeout
            if timeout <= module.longestReply {
                let own = entry.settings.responseTimeout != nil
                (own ? entry.reader : reader).problem(
                    own ? "timeout" : "responseTimeout",
                    "a reply of module \(quote(module.name)) takes "
                        + "\(BusLoad.milliseconds(module.longestReply)) on this bus, and "
                        + "\(Scalars.describe(timeout)) is over before its end",
                    mend: "write \(BusLoad.roundedUp(module.longestReply * 2)) or more"
                )
            }
        }
        if share > BusLoad.mostShare {
            reader.problem(
                "the bus would be \(BusLoad.percent(share)) busy (\(BusLoad.milliseconds(cycle)) "
                    + "to read its modules once), and 80 % is the limit",
                mend: mends(bus, modules.map { ($0.settings, $0.channels) })
            )
        } else if let fastest = self.modules.min(by: { $0.period < $1.period }),
            cycle > fastest.period
        {
            reader.problems.warn(
                at: reader.place,
                key: reader.keyPath,
                what: "reading all modules once takes \(BusLoad.milliseconds(cycle)), longer than "
                    + "the period \(Scalars.describe(fastest.period)) of module "
                    + "\(quote(fastest.name)): its readings will come unevenly",
                mend: "spread the modules over two buses, or give it a period of "
                    + "\(BusLoad.roundedUp(cycle)) or more"
            )
        }
    }

    /// What would bring the load below the limit: slower periods, a faster wire, another bus.
    private func mends(
        _ bus: BusSettings,
        _ modules: [(settings: ModuleSettings, channels: [Int])]
    ) -> String {
        var ways: [String] = []
        let factor = share / (BusLoad.mostShare * 0.95)
        if let busiest = self.modules.max(by: { $0.share < $1.share }) {
            let period = Nanoseconds.seconds(busiest.period.seconds * factor)
            let many = self.modules.count > 1
            ways.append(
                many
                    ? "make its periods \(plain((factor * 10).rounded(.up) / 10)) times as long "
                        + "(module \(quote(busiest.name)) takes the most: "
                        + "\(BusLoad.roundedUp(period)))"
                    : "write a period of \(BusLoad.roundedUp(period)) or more"
            )
        }
        if case .rtu(let serial) = bus.link {
            for baud in GatewayKeys.Bus.baudRates where baud > serial.baud {
                var faster = serial
                faster.baud = baud
                var other = bus
                other.link = .rtu(faster)
                let load = BusLoad(bus: other, modules: modules)
                if load.share <= BusLoad.mostShare {
                    ways.append(
                        "set the bus and its modules to \(baud) baud "
                            + "(\(BusLoad.percent(load.share)))"
                    )
                    break
                }
            }
        }
        if self.modules.count > 1 { ways.append("move modules to another bus") }
        return ways.joined(separator: ", or ")
    }

    /// A time rounded up to two digits, as a person would write it.
    static func roundedUp(_ time: Nanoseconds) -> String {
        var step: Int64 = 1_000_000
        while time.count / step >= 100 { step *= 10 }
        let (sum, overflow) = time.count.addingReportingOverflow(step - 1)
        return overflow
            ? Scalars.describe(time) : Scalars.describe(Nanoseconds(sum / step * step))
    }
}
