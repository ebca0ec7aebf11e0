import Foundation
import GatewayCore
import Runtime
import Signal

/// Finds out what is on a bus: which units answer, which modules they are, what they hold.
///
/// For the command line, never for the daemon: every call blocks until the bus has answered. On a
/// port that a daemon holds every call throws `portBusy`.
public struct Prober: Sendable {
    private let bus: any ModbusBus
    private let responseTimeout: Nanoseconds
    private let quietBefore: Nanoseconds

    /// - responseTimeout: how long each question may take; a scan of many units wants it short,
    ///   but some modules need 600 ms.
    /// - quietBefore: silence before each question, for modules that ask for one.
    public init(
        bus: any ModbusBus,
        responseTimeout: Nanoseconds = .milliseconds(300),
        quietBefore: Nanoseconds = .zero
    ) {
        self.bus = bus
        self.responseTimeout = responseTimeout
        self.quietBefore = quietBefore
    }

    /// This prober with a pause before each question.
    public func pausing(_ pause: Nanoseconds) -> Prober {
        Prober(bus: bus, responseTimeout: responseTimeout, quietBefore: pause)
    }

    /// Reads cells and waits for the answer.
    public func read(
        _ unit: UnitAddress,
        _ table: RegisterTable,
        _ address: UInt16,
        count: Int
    ) -> Result<[UInt16], BusFault> {
        let request = BusRequest(
            id: 0,
            unit: unit,
            table: table,
            address: address,
            count: UInt16(clamping: count),
            responseTimeout: responseTimeout,
            quietBefore: quietBefore
        )
        let box = Mailbox<BusReply>()
        bus.submit(request) { box.post($0) }
        // A bus answers every request; the bound is for a bus that breaks that promise.
        let bound = saturating(monotonicNow(), saturating(60_000_000_000, responseTimeout.count))
        return box.take(until: bound)?.first?.outcome ?? .failure(.silent)
    }

    // MARK: Units

    /// Asks each of `units` whether it is there, and tells each finding as it is made.
    ///
    /// A unit is there if it answers anything, an exception included; exceptions 10 and 11 are a
    /// gateway's word that nobody is there. Throws `portBusy`, and `linkLost` when the link cannot
    /// be had at all.
    public func findUnits(
        _ units: some Sequence<UnitAddress>,
        asking tables: [RegisterTable] = [.holding, .input],
        found: (FoundUnit) -> Void = { _ in }
    ) throws(BusFault) -> [FoundUnit] {
        var findings: [FoundUnit] = []
        var losses = 0
        for unit in units {
            if let finding = try find(unit, tables, &losses) {
                findings.append(finding)
                found(finding)
            }
        }
        return findings
    }

    private func find(
        _ unit: UnitAddress,
        _ tables: [RegisterTable],
        _ losses: inout Int
    ) throws(BusFault) -> FoundUnit? {
        var garble: FoundUnit?
        for table in tables {
            let start = monotonicNow()
            let outcome = read(unit, table, 0, count: 1)
            let took = Nanoseconds(monotonicNow() - start)
            switch outcome {
            case .success:
                losses = 0
                return FoundUnit(unit: unit, answer: .values(table), took: took)
            case .failure(.refused(let code)):
                losses = 0
                if code == 10 || code == 11 { return nil }
                return FoundUnit(unit: unit, answer: .refused(code), took: took)
            case .failure(.garbled(let what)):
                losses = 0
                garble = FoundUnit(unit: unit, answer: .garbled(what), took: took)
            case .failure(.linkLost(let code)):
                // Some gateways drop the connection when nobody answers; a dead link goes on.
                losses += 1
                if losses >= 3 { throw .linkLost(errno: code) }
            case .failure(.portBusy(let holder)):
                throw .portBusy(holder: holder)
            case .failure(.silent):
                losses = 0
            }
        }
        return garble
    }

    // MARK: Modules

    /// Reads the registers that tell modules apart and says which of `signatures` fit, the most
    /// telling first. Signatures without checks are left out.
    public func recognise(
        _ unit: UnitAddress,
        among signatures: [ModuleSignature]
    ) -> [Recognition] {
        var cache: [Cells: Result<[UInt16], BusFault>] = [:]
        let outcomes = signatures.filter { !$0.checks.isEmpty }.map { signature in
            Recognition(
                profile: signature.profile,
                checks: signature.checks.map { check(unit, $0, &cache) }
            )
        }
        // Stable: signatures of equal weight stay in the order given.
        return outcomes.enumerated().sorted { a, b in
            (a.element.isMatch ? 0 : 1, -a.element.weight, a.offset)
                < (b.element.isMatch ? 0 : 1, -b.element.weight, b.offset)
        }.map(\.element)
    }

    private struct Cells: Hashable {
        var table: RegisterTable
        var address: UInt16
        var count: Int
    }

    private func check(
        _ unit: UnitAddress,
        _ check: RegisterCheck,
        _ cache: inout [Cells: Result<[UInt16], BusFault>]
    ) -> CheckOutcome {
        let cells = Cells(
            table: check.table,
            address: check.address,
            count: check.expected.count
        )
        let words = cache[cells] ?? read(unit, cells.table, cells.address, count: cells.count)
        cache[cells] = words
        return CheckOutcome(check: check, words: words)
    }

    /// Reads `count` cells from `address` on, one by one where a block is refused, so that a hole in
    /// the map costs only itself.
    public func survey(
        _ unit: UnitAddress,
        _ table: RegisterTable,
        _ address: UInt16,
        count: Int
    ) -> [SurveyedCell] {
        var cells: [SurveyedCell] = []
        let end = min(Int(address) + max(0, count), 65536)
        var start = Int(address)
        while start < end {
            let size = min(Prober.block, end - start)
            let block = read(unit, table, UInt16(start), count: size)
            for index in start..<(start + size) {
                let word: Result<UInt16, BusFault>
                switch block {
                case .success(let words):
                    word = .success(words[index - start])
                case .failure(.refused) where size > 1:
                    word = read(unit, table, UInt16(index), count: 1).map { $0[0] }
                case .failure(let fault):
                    word = .failure(fault)
                }
                cells.append(SurveyedCell(table: table, address: UInt16(index), word: word))
            }
            start += size
        }
        return cells
    }

    /// Registers that a survey asks for at once: few enough for every module.
    private static let block = 8

    // MARK: A whole module

    /// Reads every channel of a module through its map, and the registers that tell whether the
    /// map fits.
    public func read(_ unit: UnitAddress, _ map: ModuleMap) -> ModuleSample {
        let prober = pausing(max(quietBefore, map.requestGap))
        var cache: [Cells: Result<[UInt16], BusFault>] = [:]
        let identity = map.identity.map { prober.check(unit, $0, &cache) }
        let assumptions = map.assumptions.map { prober.check(unit, $0, &cache) }
        let channels = map.channels.enumerated().map { index, channel in
            prober.sample(unit, channel, number: index + 1)
        }
        return ModuleSample(
            unit: unit,
            identity: identity,
            assumptions: assumptions,
            channels: channels
        )
    }

    private func sample(
        _ unit: UnitAddress,
        _ channel: ChannelMap,
        number: Int
    ) -> ChannelSample {
        let words = read(
            unit,
            channel.table,
            channel.address,
            count: channel.encoding.words
        )
        let status = channel.status.map { source in
            read(unit, source.table, source.address, count: 1).map { $0[0] }
        }
        var decoded = (try? words.get()).map { channel.encoding.decode($0) }
        for (source, word) in zip(channel.status, status) {
            guard let word = try? word.get() else { continue }
            decoded = decoded?.with(status: StatusMeaning.condition(of: word, by: source.meanings))
        }
        return ChannelSample(
            channel: number,
            map: channel,
            words: words,
            status: status,
            decoded: decoded
        )
    }
}

/// A unit that answered.
public struct FoundUnit: Hashable, Sendable {
    public enum Answer: Hashable, Sendable {
        /// Values of this table.
        case values(RegisterTable)
        /// An exception: it is there and does not have what was asked.
        case refused(UInt8)
        /// Something unreadable: wrong line settings, or two units with one address.
        case garbled(BusFault.Garble)
    }
    public var unit: UnitAddress
    public var answer: Answer
    /// From the question to the answer, the time on the wire included.
    public var took: Nanoseconds
}

/// What tells one profile's modules from others.
public struct ModuleSignature: Hashable, Sendable {
    public var profile: String
    public var checks: [RegisterCheck]

    public init(profile: String, checks: [RegisterCheck]) {
        self.profile = profile
        self.checks = checks
    }
}

/// How one check came out.
public struct CheckOutcome: Hashable, Sendable {
    public var check: RegisterCheck
    public var words: Result<[UInt16], BusFault>

    /// Whether the registers hold what is expected.
    public var holds: Bool {
        guard case .success(let words) = words else { return false }
        return check.holds(for: words)
    }
}

/// How one profile fits a unit.
public struct Recognition: Hashable, Sendable {
    public var profile: String
    public var checks: [CheckOutcome]

    /// Whether every check holds.
    public var isMatch: Bool { checks.allSatisfy(\.holds) }
    /// Bits that were compared and right: a match of many tells more than one of few.
    public var weight: Int {
        checks.filter(\.holds).reduce(0) { sum, outcome in
            outcome.check.expected.indices.reduce(sum) { sum, index in
                let masks = outcome.check.masks
                return sum + (index < masks.count ? masks[index].nonzeroBitCount : 16)
            }
        }
    }
}

/// One cell as it was read.
public struct SurveyedCell: Hashable, Sendable {
    public var table: RegisterTable
    /// 0-based protocol address.
    public var address: UInt16
    public var word: Result<UInt16, BusFault>

    public init(table: RegisterTable, address: UInt16, word: Result<UInt16, BusFault>) {
        self.table = table
        self.address = address
        self.word = word
    }
}

/// One look at a whole module through its map.
public struct ModuleSample: Hashable, Sendable {
    public var unit: UnitAddress
    public var identity: [CheckOutcome]
    public var assumptions: [CheckOutcome]
    public var channels: [ChannelSample]
}

/// One look at one channel.
public struct ChannelSample: Hashable, Sendable {
    /// From 1, in the module's own order.
    public var channel: Int
    public var map: ChannelMap
    public var words: Result<[UInt16], BusFault>
    /// One per status source of the map.
    public var status: [Result<UInt16, BusFault>]
    /// The current and the condition; nil where the value words could not be read.
    public var decoded: DecodedChannel?
}
