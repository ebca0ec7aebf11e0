import Foundation
import GatewayCore
import Runtime
import Signal
import TestSupport
import Testing

@testable import Uplink

/// 2026-03-30T05:32:42.123456789Z.
let morning = WallTime(nanosecondsSince1970: 1_774_848_762_123_456_789)
let testEpoch: UInt64 = 0x3f9a_1c2b_44d0_e1aa

func stamp(_ wall: WallTime = morning, clock: ClockState = .synced) -> Stamp {
    Stamp(monotonic: .zero, wall: wall, clock: clock)
}

func reading(
    _ sequence: UInt64,
    value: Double? = 7.512,
    milliamps: Double? = 12.5,
    instrument: UInt32 = 1,
    quality: Quality = .good,
    clock: ClockState = .synced,
    wall: WallTime = morning
) -> SequencedReading {
    SequencedReading(
        sequence: sequence,
        reading: Reading(
            instrument: InstrumentID(rawValue: instrument),
            stamp: stamp(wall, clock: clock),
            raw: 12_500,
            current: milliamps.flatMap { LoopCurrent(milliamps: $0) },
            value: value,
            quality: quality
        )
    )
}

func instrument(_ id: UInt32, _ tag: String, unit: String = "bar") throws -> InstrumentSettings {
    InstrumentSettings(
        id: InstrumentID(rawValue: id),
        tag: try #require(Tag(tag)),
        type: .pressure,
        span: try #require(Span(lrv: 0, urv: 10, unit: unit)),
        module: "m1",
        channel: 1
    )
}

func directory() throws -> InstrumentDirectory {
    InstrumentDirectory([
        try instrument(1, "PT-101"), try instrument(2, "TT-205", unit: "°C"),
        try instrument(3, "FT-3", unit: "m³/h \"wet\"\\"),
    ])
}

func connection(
    _ ports: [UInt16],
    host: String = "127.0.0.1",
    version: ConnectionSettings.MQTTVersion = .v5,
    form: ConnectionSettings.PayloadForm = .cmms,
    backlog: ConnectionSettings.Backlog? = nil,
    tls: TLSSettings? = nil,
    inFlight: Int = 200,
    ackDeadline: Nanoseconds = .seconds(30),
    keepAlive: Nanoseconds = .seconds(15),
    acceptsCommands: Bool = false
) -> ConnectionSettings {
    ConnectionSettings(
        id: ConnectionID(rawValue: 0),
        name: "test",
        brokers: ports.map { BrokerAddress(host: host, port: $0) },
        version: version,
        clientID: "gw1-test",
        tls: tls,
        form: form,
        backlog: backlog,
        inFlight: inFlight,
        ackDeadline: ackDeadline,
        keepAlive: keepAlive,
        acceptsCommands: acceptsCommands
    )
}

/// A connection under test and everything it said, in order.
final class Watched: Sendable {
    enum Said: Sendable, Equatable {
        case up(BrokerAddress)
        case down(DownReason)
        case acknowledged(UInt64, PublishOutcome)
        case command(UplinkCommand)
    }
    let link: MQTTConnection
    private let said: Locked<[Said]>

    init(
        _ settings: ConnectionSettings,
        policy: ReconnectPolicy = ReconnectPolicy(first: .milliseconds(20), last: .seconds(1)),
        previous: BirthInfo.Previous? = nil
    ) throws {
        let said = Locked<[Said]>([])
        self.said = said
        link = MQTTConnection(
            settings: settings,
            gateway: "gw1",
            directory: try directory(),
            policy: policy,
            birth: {
                BirthInfo(epoch: testEpoch, previous: previous, version: "1.0", now: stamp())
            },
            events: { event in
                let item: Said =
                    switch event {
                    case .up(let broker): .up(broker)
                    case .down(let reason, _): .down(reason)
                    case .acknowledged(let id, let outcome): .acknowledged(id, outcome)
                    case .command(let command): .command(command)
                    }
                said.withLock { $0.append(item) }
            }
        )
        link.start()
    }

    deinit { link.stop() }

    var everything: [Said] { said.withLock { $0 } }
    var outcomes: [(id: UInt64, outcome: PublishOutcome)] {
        everything.compactMap {
            if case .acknowledged(let id, let outcome) = $0 { (id, outcome) } else { nil }
        }
    }
    var downs: [DownReason] {
        everything.compactMap { if case .down(let reason) = $0 { reason } else { nil } }
    }
    var ups: [BrokerAddress] {
        everything.compactMap { if case .up(let broker) = $0 { broker } else { nil } }
    }
    var commands: [UplinkCommand] {
        everything.compactMap { if case .command(let command) = $0 { command } else { nil } }
    }

    func waitUp(_ times: Int = 1) throws {
        try eventually("up \(times) times: \(everything.suffix(3))") { ups.count >= times }
    }
    func waitDown(_ times: Int = 1) throws {
        try eventually("down \(times) times", within: 60) { downs.count >= times }
    }
    func waitOutcomes(_ count: Int) throws {
        try eventually("\(count) answers, have \(outcomes.count)", within: 60) {
            outcomes.count >= count
        }
    }

    func send(_ ids: ClosedRange<UInt64>) {
        link.publish(
            ids.map {
                OutgoingMessage(
                    id: $0,
                    content: .reading(reading($0), epoch: testEpoch, historical: false)
                )
            }
        )
    }

    /// Stops and waits for the end, which the contract bounds by 5 s.
    func end() -> Bool {
        link.stop()
        return link.waitUntilStopped(within: .seconds(30))
    }
}
