import GatewayCore
import Signal

/// The buses of a world and what stands behind them.
struct WorldPlant {
    /// What an instrument does.
    enum Truth: String {
        case normal, high, open, shorted, frozen

        /// The loop current in µA, whole sixteens.
        var raw: UInt16 {
            switch self {
            case .normal, .frozen: WorldPlan.normal
            case .high: WorldPlan.high
            case .open: WorldPlan.open
            case .shorted: WorldPlan.shorted
            }
        }
    }
    struct Bus {
        var fault: WorldFault?
        /// When the request under way was sent.
        var asked: MonotonicTime?
        var lastReply = MonotonicTime.zero
        var lastRequest: BusRequest?
        /// The last request had no answer in time: a late one may be taken for the next one's.
        var owesReply = false
        /// Nothing has kept it from being read since; the distant future: something does.
        var inOrderSince = MonotonicTime.distantFuture
    }

    var buses = [Bus](repeating: Bus(), count: WorldPlan.buses)
    var truth = [Truth](repeating: .normal, count: WorldPlan.instruments)
    /// Since when each is what it is.
    var since = [MonotonicTime](repeating: .zero, count: WorldPlan.instruments)
    /// When each was last beyond its high limits, and when it last stood still.
    var lastHigh = [MonotonicTime?](repeating: nil, count: WorldPlan.instruments)
    var lastFrozen = [MonotonicTime?](repeating: nil, count: WorldPlan.instruments)

    /// Buses without a fault are in order from now on.
    mutating func settle(at now: MonotonicTime) {
        for index in buses.indices where buses[index].fault == nil {
            if buses[index].inOrderSince == .distantFuture { buses[index].inOrderSince = now }
        }
    }

    mutating func died() {
        for index in buses.indices {
            buses[index].asked = nil
            buses[index].owesReply = false
            buses[index].inOrderSince = .distantFuture
        }
    }

    mutating func started(at now: MonotonicTime) {
        for index in buses.indices { buses[index].lastReply = now }
        settle(at: now)
    }
}

extension World {
    /// An instrument begins to do something.
    mutating func become(_ truth: WorldPlant.Truth, _ place: Int) {
        plant.truth[place] = truth
        plant.since[place] = now
    }

    mutating func restore(_ place: Int) {
        if plant.truth[place] == .high { plant.lastHigh[place] = now }
        if plant.truth[place] == .frozen { plant.lastFrozen[place] = now }
        become(.normal, place)
    }

    /// What a bus answers a request with, and when.
    mutating func answer(_ request: BusRequest, on bus: Int) {
        plant.buses[bus].asked = now
        var delay = milliseconds(5...15)
        var outcome: Result<[UInt16], BusFault> = .success(words(request, on: bus))
        var stray = 0
        var wasReply = false
        let isRTU = bus == 1
        let owesReply = plant.buses[bus].owesReply
        plant.buses[bus].owesReply = false
        switch plant.buses[bus].fault {
        case .hungBus:
            delay = .seconds(25)
            outcome = .failure(.silent)
        case .unplugged:
            outcome = .failure(
                chance(0.2) ? .portBusy(holder: "another") : .linkLost(errno: 5)
            )
        case .silentUnit:
            delay = request.responseTimeout
            outcome = .failure(.silent)
        case .garbledReplies where chance(0.3):
            let kinds = BusFault.Garble.allCases
            outcome = .failure(.garbled(kinds[Int(random.next() % UInt64(kinds.count))]))
        case .refusals:
            let codes: [UInt8] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 0x7F]
            let code = codes[Int(random.next() % UInt64(codes.count))]
            if chance(0.5) { outcome = .failure(.refused(code: code)) }
        case .lateReplies where chance(0.3):
            delay = request.responseTimeout
            outcome = .failure(.silent)
            plant.buses[bus].owesReply = isRTU
            // What comes for a request that was given up must not be taken for the next one's.
            let late = BusReply(
                request: request,
                outcome: .success(words(request, on: bus)),
                received: clock.stamp(now)
            )
            later(delay + .milliseconds(30), .reply(bus, late))
            if chance(0.3) { later(delay + .milliseconds(40), .reply(bus, late)) }
        case .lateReplies where owesReply:
            // RTU tells nobody which request a reply belongs to.
            if let last = plant.buses[bus].lastRequest, last.count == request.count {
                outcome = .success(words(last, on: bus))
                wasReply = true
            }
        case .babble:
            stray = Int(random.next() % 40)
            wasReply = chance(0.1)
            if chance(0.1) { outcome = .failure(.garbled(.unrequested)) }
        default: break
        }
        plant.buses[bus].lastRequest = request
        later(
            delay,
            .reply(
                bus,
                BusReply(
                    request: request,
                    outcome: outcome,
                    received: clock.stamp(now),
                    strayBytes: stray,
                    strayWasReply: wasReply
                )
            )
        )
    }

    /// What stands in the registers: each tells in its last four bits whose it is.
    private mutating func words(_ request: BusRequest, on bus: Int) -> [UInt16] {
        (0..<request.count).map { offset in
            let place = WorldPlan.place(of: request.address + offset, on: bus) % plant.truth.count
            let truth = plant.truth[place]
            let noise = truth == .frozen ? 0 : UInt16(random.next() & 3) * 16
            return truth.raw + noise + UInt16(place)
        }
    }
}
