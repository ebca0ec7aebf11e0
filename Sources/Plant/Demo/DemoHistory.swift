import GatewayCore
import Runtime
import Signal

/// Readings of a demo plant from before its start, while nothing was wrong: what detectors can
/// learn from.
///
/// The same `Gateway` that runs later polls copies of the modules under a clock of its own, so that
/// hours pass in a second or two.
public struct DemoHistory: Sendable {
    /// The first instant of the readings, and the first after them.
    public let from: WallTime
    /// See `from`.
    public let to: WallTime
    private let settings: GatewaySettings
    private var modules: [String: PlantModule]

    /// The `length` before `end` of the plant `running`, as the gateway of `settings` sees it.
    public init(
        of running: DemoPlant.Running,
        settings: GatewaySettings,
        length: Nanoseconds,
        before end: WallTime
    ) {
        var settings = settings
        settings.connections = []
        settings.journal.commitInterval = .seconds(30)
        self.settings = settings
        from = WallTime(nanosecondsSince1970: end.nanosecondsSince1970 &- length.count)
        to = end
        modules = running.units.mapValues { unit in
            var module = unit.withModule { $0 }
            for channel in module.channels.indices {
                module.withInstrument(channel + 1) { $0.repair() }
            }
            return module
        }
    }

    /// Polls through it all and hands over what the journal is to store, commit by commit.
    public mutating func run(epoch: UInt64, _ store: (Commit) throws -> Void) rethrows {
        // The modules have been looked at just now: their processes go on from there.
        let start = MonotonicTime(nanoseconds: monotonicNow())
        let end = start + (to - from)
        func stamp(_ now: MonotonicTime) -> Stamp {
            Stamp(monotonic: now, wall: from + (now - start), clock: .synced)
        }
        var now = start
        var gateway = Gateway(
            settings: settings,
            epoch: epoch,
            opening: StoreOpening(),
            at: stamp(now)
        )
        var names: [String: String] = [:]
        for module in settings.modules { names["\(module.bus) \(module.unit)"] = module.name }
        var replies: [(at: MonotonicTime, bus: BusID, reply: BusReply)] = []
        var effects = gateway.handle(.timer, at: now)
        while now < end {
            var commits: [Commit] = []
            for effect in effects {
                switch effect {
                case .read(let bus, let request):
                    let at = now + .milliseconds(5)
                    let name = names["\(bus) \(request.unit)"] ?? ""
                    let words = modules[name]?.words(for: request, at: at)
                    let reply = BusReply(
                        request: request,
                        outcome: words.map { .success($0) } ?? .failure(.silent),
                        received: stamp(at)
                    )
                    replies.append((at, bus, reply))
                case .commit(let commit): commits.append(commit)
                default: break
                }
            }
            effects = []
            for commit in commits {
                var readings = commit
                // Only readings: no alert of a past that never was.
                readings.records = []
                readings.detectorState = nil
                try store(readings)
                let status = StoreStatus(databaseBytes: 0, logBytes: 0, oldest: nil)
                effects += gateway.handle(
                    .committed(CommitOutcome(id: commit.id, result: .success(status))),
                    at: now
                )
            }
            guard effects.isEmpty else { continue }
            let deadline = gateway.nextDeadline(at: now)
            if let next = replies.indices.min(by: { replies[$0].at < replies[$1].at }),
                replies[next].at <= deadline
            {
                let (at, bus, reply) = replies.remove(at: next)
                now = max(now, at)
                effects = gateway.handle(.reply(bus, reply), at: now)
            } else {
                now = max(now + Nanoseconds(1), deadline)
                effects = gateway.handle(.timer, at: now)
            }
        }
    }
}

extension PlantModule {
    /// The words of a read, or nil where the module refuses it.
    fileprivate mutating func words(for request: BusRequest, at now: MonotonicTime) -> [UInt16]? {
        func high(_ word: UInt16) -> UInt8 { UInt8(truncatingIfNeeded: word >> 8) }
        func low(_ word: UInt16) -> UInt8 { UInt8(truncatingIfNeeded: word) }
        let pdu = [
            request.table.rawValue, high(request.address), low(request.address),
            high(request.count), low(request.count),
        ]
        guard let answer = answer(pdu, at: now), answer.first == request.table.rawValue else {
            return nil
        }
        let data = answer.dropFirst(2)
        if request.table.isBits {
            return (0..<Int(request.count)).map { bit in
                UInt16(data[data.startIndex + bit / 8] >> (bit % 8) & 1)
            }
        }
        guard data.count == 2 * Int(request.count) else { return nil }
        return (0..<Int(request.count)).map { index in
            let place = data.startIndex + 2 * index
            return UInt16(data[place]) << 8 | UInt16(data[place + 1])
        }
    }
}
