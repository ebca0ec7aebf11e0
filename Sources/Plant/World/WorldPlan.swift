import Detection
import GatewayCore
import Signal

/// What a world is made of: two buses of eight channels read every second, and one connection.
///
/// Bus 0 is TCP with one module in one block; bus 1 is RTU with one module whose channels lie in two
/// blocks of the same shape, the case in which a late reply looks like a fresh one.
struct WorldPlan {
    static let buses = 2
    static let channels = 8
    static let instruments = buses * channels
    /// Messages that may be unacknowledged.
    static let window = 200
    /// Where the second block of bus 1 begins.
    static let farAddress: UInt16 = 100

    /// Registers hold µA, and in their last four bits whose value it is.
    static let normal: UInt16 = 12_000
    static let high: UInt16 = 19_360
    static let open: UInt16 = 2_000
    static let shorted: UInt16 = 22_000

    let settings: GatewaySettings
    /// Undelivered readings that the journal holds at the most.
    let quota: Int
    /// Whether the box starts in 1970.
    let beginsUnset: Bool

    /// All the forms and orders that a plant may choose, by the seed.
    init(seed: UInt64, sabotage: Sabotage?) {
        var connection = ConnectionSettings(
            id: ConnectionID(rawValue: 0),
            name: "cmms",
            brokers: [BrokerAddress(host: "broker", port: 1883)],
            clientID: "world",
            inFlight: sabotage == .unboundedQueue ? 1000 : Self.window
        )
        connection.form = seed % 3 == 0 ? .batch : .cmms
        connection.backlog = seed % 2 == 0 ? .ordered : .interleaved
        connection.publish = seed % 5 == 4 ? .stored : .read
        quota = seed % 7 == 5 ? 10_000 : 200_000
        beginsUnset = seed % 4 == 1
        settings = GatewaySettings(
            gateway: "world",
            buses: [
                BusSettings(
                    id: BusID(rawValue: 0),
                    name: "tcp",
                    link: .tcp(host: "127.0.0.1", port: 502),
                    responseTimeout: .milliseconds(200)
                ),
                BusSettings(
                    id: BusID(rawValue: 1),
                    name: "rtu",
                    link: .rtu(SerialSettings(path: "/dev/ttyS1", baud: 115_200)),
                    responseTimeout: .milliseconds(200)
                ),
            ],
            modules: (0..<Self.buses).map(Self.module),
            instruments: (0..<Self.instruments).compactMap(Self.instrument),
            connections: [connection]
        )
    }

    /// The register of an instrument, by its place.
    static func address(of place: Int) -> UInt16 {
        let channel = UInt16(place % channels)
        return place < channels || channel < 4 ? channel : farAddress + channel - 4
    }

    /// Whose register this is.
    static func place(of address: UInt16, on bus: Int) -> Int {
        bus * channels + Int(address < farAddress ? address : address - farAddress + 4)
    }

    private static func module(_ bus: Int) -> ModuleSettings {
        let encoding = RawEncoding(
            format: .unsigned,
            low: .init(raw: 4_000, milliamps: 4),
            high: .init(raw: 20_000, milliamps: 20)
        )
        return ModuleSettings(
            name: "AI\(bus)",
            bus: BusID(rawValue: bus),
            unit: UnitAddress(rawValue: 1),
            profile: "world",
            map: ModuleMap(
                channels: (0..<channels).map {
                    ChannelMap(
                        table: .input,
                        address: address(of: bus * channels + $0),
                        encoding: encoding
                    )
                }
            )
        )
    }

    private static func instrument(_ place: Int) -> InstrumentSettings? {
        guard let tag = Tag("PT-\(place / channels)\(place % channels)"),
            let span = Span(lrv: 0, urv: 16, unit: "bar")
        else { return nil }
        var instrument = InstrumentSettings(
            id: InstrumentID(rawValue: UInt32(place + 1)),
            tag: tag,
            type: .pressure,
            span: span,
            module: "AI\(place / channels)",
            channel: place % channels + 1
        )
        instrument.limits = ProcessLimits(
            high: 14,
            highHigh: 15,
            deadband: 0.2,
            onDelay: .seconds(2),
            offDelay: .seconds(2)
        )
        instrument.detection.stuck = .plain(deadband: 0.000_5, time: .seconds(300))
        return instrument
    }

    /// The models that the first start finds in the register: every instrument has one.
    static let models: [KeptModel] = {
        guard let settings = instrument(0)?.detectorSettings() else { return [] }
        var random = SeededGenerator(seed: 0)
        var baseline = Baseline(settings: settings)
        for second in 0..<(260 * 60) {
            let raw = Int64(normal) + Int64(random.next() & 3) * 16
            baseline.add(
                Double(raw - 4_000) / 1_000,
                code: raw,
                at: MonotonicTime(nanoseconds: Int64(second) * 1_000_000_000)
            )
        }
        guard
            let learned = try? TrainedModel.train(
                on: baseline,
                settings: settings,
                using: &random
            )
        else { return [] }
        let body = learned.model.encoded
        return (0..<instruments).map { place in
            KeptModel(
                facts: ModelFacts(
                    instrument: InstrumentID(rawValue: UInt32(place + 1)),
                    version: 1,
                    trainedAt: WallTime(nanosecondsSince1970: 1_770_000_000_000_000_000),
                    trainedBy: "world",
                    windows: learned.report.windows
                ),
                body: body
            )
        }
    }()
}
