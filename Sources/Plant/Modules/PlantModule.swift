import GatewayCore
import Signal

/// What is wired to one channel of a module.
public enum PlantChannel: Hashable, Sendable {
    /// Nothing: 0 mA, and no open loop reported.
    case unused
    /// A current that stays, in mA.
    case fixed(Double)
    /// A transmitter.
    case instrument(PlantInstrument)
}

/// An I/O module as its profile describes it: registers that show the currents of its channels,
/// and answers to what a master asks. Values are fresh at every read.
///
/// A pure value: time and requests are arguments. `PlantServer` puts it on a wire.
public struct PlantModule: Hashable, Sendable {
    /// What the profile says; nil for a module that is registers only.
    public let map: ModuleMap?
    /// What is wired, channel by channel.
    public private(set) var channels: [PlantChannel]
    /// The registers keep what they hold: the converter has stopped.
    public var isFrozen = false
    /// Requests closer together than the profile's gap are not heard.
    public var enforcesRequestGap = false

    private var random: SeededGenerator
    private var banks = [RegisterBank](repeating: RegisterBank(), count: 4)
    private var conditions: [Int: ChannelCondition] = [:]
    private var sampledAt: MonotonicTime?
    private var answeredAt: MonotonicTime?
    private var deafUntil: MonotonicTime?

    /// A module without a profile: registers as defined, nothing behind them.
    public init() {
        map = nil
        channels = []
        random = SeededGenerator(seed: 0)
    }

    /// A module of `map` with `channels` wired in order; those left out are unused.
    ///
    /// Identity and assumption registers hold what the map expects. Addresses between known ones
    /// exist where the map allows a master to read across them.
    public init(map: ModuleMap, channels: [PlantChannel] = [], seed: UInt64 = 1) {
        self.map = map
        let missing = max(map.channels.count - channels.count, 0)
        self.channels =
            Array(channels.prefix(map.channels.count))
            + [PlantChannel](repeating: .unused, count: missing)
        random = .part(0, of: seed)
        for channel in map.channels {
            let words = [UInt16](repeating: 0, count: channel.encoding.words)
            define(channel.table, at: channel.address, words)
            for source in channel.status where banks[source.table.index][source.address] == nil {
                define(source.table, at: source.address, [0])
            }
        }
        for check in map.identity + map.assumptions {
            define(check.table, at: check.address, check.expected)
        }
        for table in RegisterTable.allCases { banks[table.index].bridge(upTo: map.bridgeableGap) }
        showChannels()
    }

    // MARK: Hands on the module

    /// Makes addresses from `address` on exist, holding `words` (bits: 0 or 1).
    public mutating func define(_ table: RegisterTable, at address: UInt16, _ words: [UInt16]) {
        banks[table.index].define(words, at: Int(address))
    }

    /// The content of an address, or nil where the module has none.
    public subscript(table: RegisterTable, address: UInt16) -> UInt16? {
        get { banks[table.index][address] }
        set { banks[table.index][address] = newValue }
    }

    /// Wires something else to channel `number`, from 1; false where there is no such channel.
    @discardableResult
    public mutating func wire(_ channel: PlantChannel, to number: Int) -> Bool {
        guard channels.indices.contains(number - 1) else { return false }
        channels[number - 1] = channel
        showChannels()
        return true
    }

    /// Works on the instrument at channel `number`, from 1; nil where there is none.
    public mutating func withInstrument<Result>(
        _ number: Int,
        _ body: (inout PlantInstrument) -> Result
    ) -> Result? {
        guard channels.indices.contains(number - 1),
            case .instrument(var instrument) = channels[number - 1]
        else { return nil }
        let result = body(&instrument)
        channels[number - 1] = .instrument(instrument)
        return result
    }

    /// Lets the module report `condition` for channel `number` whatever its current; nil: what
    /// the current tells.
    public mutating func report(_ condition: ChannelCondition?, on number: Int) {
        conditions[number - 1] = condition
        showChannels()
    }

    /// The current at channel `number`, from 1, when it was last looked at; 0 where unused.
    public func milliamps(_ number: Int) -> Double {
        guard channels.indices.contains(number - 1) else { return 0 }
        return switch channels[number - 1] {
        case .unused: 0
        case .fixed(let milliamps): milliamps
        case .instrument(let instrument): instrument.milliamps ?? 0
        }
    }

    // MARK: Time

    /// Lets the process run on to `now` and shows its currents in the registers.
    public mutating func sample(at now: MonotonicTime) {
        guard !channels.isEmpty else { return }
        let step = sampledAt.map { now - $0 } ?? .zero
        guard sampledAt == nil || step >= PlantModule.conversionTime else { return }
        sampledAt = now
        for index in channels.indices {
            guard case .instrument(var instrument) = channels[index] else { continue }
            // The instrument leaves the array while it is changed, so that it is not copied.
            channels[index] = .unused
            instrument.advance(by: step, using: &random)
            channels[index] = .instrument(instrument)
        }
        if !isFrozen { showChannels() }
    }

    /// Reads closer together than this see the same conversion.
    static let conversionTime = Nanoseconds.milliseconds(1)

    // MARK: Requests

    /// The answer to a request's function and data (without unit and checksum), or nil where the
    /// module does not hear it. No content of `request` can trap.
    public mutating func answer(_ request: [UInt8], at now: MonotonicTime) -> [UInt8]? {
        guard let function = request.first else { return nil }
        if let deafUntil, now < deafUntil { return nil }
        if enforcesRequestGap, let map, let answeredAt, now - answeredAt < map.requestGap {
            return nil
        }
        answeredAt = now
        let outcome: Result<[UInt8], ModbusException> =
            switch function {
            case 1...4: read(request, at: now)
            case 5, 6: writeSingle(request, at: now)
            case 15, 16: writeMultiple(request, at: now)
            default: .failure(.illegalFunction)
            }
        switch outcome {
        case .success(let answer): return answer
        case .failure(let exception): return exception.answer(to: function)
        }
    }

    private mutating func read(
        _ request: [UInt8],
        at now: MonotonicTime
    ) -> Result<[UInt8], ModbusException> {
        guard request.count == 5, let table = RegisterTable(rawValue: request[0]) else {
            return .failure(.illegalValue)
        }
        let start = Int(request[1]) << 8 | Int(request[2])
        let count = Int(request[3]) << 8 | Int(request[4])
        let most = table.isBits ? 2000 : min(map?.maxRegisters ?? 125, 125)
        guard (1...most).contains(count) else { return .failure(.illegalValue) }
        sample(at: now)
        guard let words = banks[table.index].read(count, from: start) else {
            return .failure(banks[table.index].isEmpty ? .illegalFunction : .illegalAddress)
        }
        var answer: [UInt8] = []
        if table.isBits {
            answer = [request[0], UInt8((count + 7) / 8)]
            answer.append(contentsOf: repeatElement(0, count: (count + 7) / 8))
            for (index, bit) in words.enumerated() where bit != 0 {
                answer[2 + index / 8] |= 1 << (index % 8)
            }
        } else {
            answer.reserveCapacity(2 + 2 * count)
            answer.append(request[0])
            answer.append(UInt8(truncatingIfNeeded: 2 * count))
            for word in words {
                answer.append(UInt8(truncatingIfNeeded: word >> 8))
                answer.append(UInt8(truncatingIfNeeded: word))
            }
        }
        return .success(answer)
    }

    private mutating func writeSingle(
        _ request: [UInt8],
        at now: MonotonicTime
    ) -> Result<[UInt8], ModbusException> {
        guard request.count == 5 else { return .failure(.illegalValue) }
        let address = Int(request[1]) << 8 | Int(request[2])
        var word = UInt16(request[3]) << 8 | UInt16(request[4])
        let table: RegisterTable = request[0] == 5 ? .coils : .holding
        if table == .coils {
            guard word == 0xFF00 || word == 0 else { return .failure(.illegalValue) }
            word = word == 0 ? 0 : 1
        }
        guard banks[table.index].write(CollectionOfOne(word), at: address) else {
            return .failure(.illegalAddress)
        }
        turnDeaf(at: now)
        return .success(request)
    }

    private mutating func writeMultiple(
        _ request: [UInt8],
        at now: MonotonicTime
    ) -> Result<[UInt8], ModbusException> {
        guard request.count >= 6 else { return .failure(.illegalValue) }
        let address = Int(request[1]) << 8 | Int(request[2])
        let count = Int(request[3]) << 8 | Int(request[4])
        let table: RegisterTable = request[0] == 15 ? .coils : .holding
        let bytes = table == .coils ? (count + 7) / 8 : 2 * count
        let most = table == .coils ? 1968 : 123
        guard (1...most).contains(count), Int(request[5]) == bytes, request.count == 6 + bytes
        else { return .failure(.illegalValue) }
        let words: [UInt16] = (0..<count).map { index in
            if table == .coils { return UInt16(request[6 + index / 8] >> (index % 8) & 1) }
            return UInt16(request[6 + 2 * index]) << 8 | UInt16(request[7 + 2 * index])
        }
        guard banks[table.index].write(words, at: address) else { return .failure(.illegalAddress) }
        turnDeaf(at: now)
        return .success(Array(request.prefix(5)))
    }

    private mutating func turnDeaf(at now: MonotonicTime) {
        guard let map, map.deafAfterWrite > .zero else { return }
        deafUntil = now + map.deafAfterWrite
    }

    // MARK: Registers

    private mutating func showChannels() {
        guard let map else { return }
        for index in channels.indices {
            let channel = map.channels[index]
            let milliamps = milliamps(index + 1)
            let condition = conditions[index] ?? seen(milliamps, at: index)
            let words = channel.encoding.words(for: milliamps, condition: condition)
            _ = banks[channel.table.index].write(words, at: Int(channel.address))
            for source in channel.status {
                let old = banks[source.table.index][source.address] ?? 0
                banks[source.table.index][source.address] = source.word(for: condition, in: old)
            }
        }
    }

    /// What a module that watches its loops sees in a current.
    private func seen(_ milliamps: Double, at index: Int) -> ChannelCondition {
        if case .unused = channels[index] { return .ok }
        return switch milliamps {
        case ..<2: .wireBreak
        case ..<3.6: .underRange
        case 22...: .shortCircuit
        case 21...: .overRange
        default: .ok
        }
    }
}

/// The answers that say no (Modbus application protocol V1.1b3, 7).
enum ModbusException: UInt8, Error {
    case illegalFunction = 1
    case illegalAddress = 2
    case illegalValue = 3
    case gatewayTargetFailed = 11

    func answer(to function: UInt8) -> [UInt8] { [function | 0x80, rawValue] }
}

extension RegisterTable {
    fileprivate var index: Int { Int(rawValue) - 1 }
}

extension RegisterBank {
    fileprivate subscript(address: UInt16) -> UInt16? {
        get { self[Int(address)] }
        set { self[Int(address)] = newValue }
    }
}
