import GatewayCore
import LocalPage
import Plant
import Runtime
import Signal

/// Lets the page break and mend the demo's plant.
final class DemoSimulator: PlantSimulator {
    private let running: DemoPlant.Running
    private let begun = Locked<[Begun]>([])

    /// A fault that was begun by hand.
    private struct Begun: Sendable {
        var tag: String
        var name: String
        var ends: Int64
    }

    /// How long a fault lasts that is begun by hand, in seconds; the next one follows.
    private static let length = 300.0

    private static let faults: [(name: String, fault: PlantFault)] = [
        ("wire-break", .wireBreak), ("stuck", .stuck), ("drift", .drift(perHour: 2)),
        ("spike", .spike(0.4)), ("noise", .noisy(0.04)), ("upset", .upset(0.25)),
        ("plugged", .plugged), ("offset", .offset(0.05)), ("failure-low", .failLow),
        ("failure-high", .failHigh), ("short-circuit", .shortCircuit),
        ("saturated-low", .saturatedLow), ("saturated-high", .saturatedHigh),
    ]

    init(_ running: DemoPlant.Running) { self.running = running }

    func status() -> SimulatorStatus {
        let now = monotonicNow()
        let active = begun.withLock { begun -> [Begun] in
            begun.removeAll { $0.ends <= now }
            return begun
        }
        return SimulatorStatus(
            running: !active.isEmpty,
            tags: DemoPlant.tags,
            faults: Self.faults.map(\.name),
            active: active.map { SimulatorStatus.Fault(tagNumber: $0.tag, fault: $0.name) }
        )
    }

    func start(tags: [String], faults: [String]) {
        let now = monotonicNow()
        for (index, tag) in (tags.isEmpty ? DemoPlant.tags : tags).enumerated() {
            // Without names every instrument gets a fault of its own.
            let names = faults.isEmpty ? [Self.faults[index % Self.faults.count].name] : faults
            for (place, name) in names.enumerated() {
                guard let fault = Self.faults.first(where: { $0.name == name })?.fault else {
                    continue
                }
                let begins = Self.length * Double(place)
                _ = running.withInstrument(tag) {
                    $0.fail(fault, after: .seconds(begins), for: .seconds(Self.length))
                }
                let ends = now + Int64((begins + Self.length) * 1e9)
                begun.withLock { begun in
                    if begun.count >= PlantInstrument.faultLimit { begun.removeFirst() }
                    begun.append(Begun(tag: tag, name: name, ends: ends))
                }
            }
        }
    }

    func stop() {
        for tag in DemoPlant.tags { _ = running.withInstrument(tag) { $0.repair() } }
        for unit in running.units.values { unit.behave() }
        begun.withLock { $0 = [] }
    }
}
