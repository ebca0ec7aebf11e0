import GatewayCore
import Hummingbird

/// The simulated plant: in the demo alone.
struct SimulatorRoutes: PageRoutes {
    let parts: APIParts

    private struct StartBody: RequestBodyFields {
        enum CodingKeys: String, CodingKey, CaseIterable { case tags, faults }
        var tags: [String]?
        var faults: [String]?
    }

    func add(to api: RouterGroup<PageContext>) {
        api.get("simulator/status") { request, context -> Response in
            try context.requirePerson()
            try Query(request).check()
            return try JSON.response(try simulator().status())
        }
        api.post("simulator/start") { request, context -> Response in
            let person = try context.requireAdmin()
            let simulator = try simulator()
            let body = try await JSON.decodeOptional(StartBody.self, from: request)
            let known = simulator.status()
            let tags = try Self.checked(body.tags, "tags", among: known.tags)
            let faults = try Self.checked(body.faults, "faults", among: known.faults)
            simulator.start(tags: tags, faults: faults)
            await parts.desk.audit(
                AuditEntry(
                    who: person.employeeNumber,
                    action: "simulator.start",
                    subject: tags.isEmpty ? "all instruments" : tags.joined(separator: ", "),
                    old: nil,
                    new: faults.isEmpty ? "every fault" : faults.joined(separator: ", ")
                )
            )
            return try JSON.response(simulator.status())
        }
        api.post("simulator/stop") { _, context -> Response in
            let person = try context.requireAdmin()
            let simulator = try simulator()
            simulator.stop()
            await parts.desk.audit(
                AuditEntry(
                    who: person.employeeNumber,
                    action: "simulator.stop",
                    subject: "plant",
                    old: nil,
                    new: nil
                )
            )
            return try JSON.response(simulator.status())
        }
    }

    private func simulator() throws(Problem) -> any PlantSimulator {
        guard let simulator = parts.desk.simulator else {
            throw .notFound("the plant is real: only the demo has a simulator")
        }
        return simulator
    }

    private static func checked(
        _ names: [String]?,
        _ field: String,
        among known: [String]
    ) throws(Problem) -> [String] {
        guard let names else { return [] }
        guard names.count <= Limits.simulatorFaults else {
            throw .field(field, "name at most \(Limits.simulatorFaults)")
        }
        if let unknown = names.first(where: { !known.contains($0) }) {
            throw .field(
                field,
                "'\(unknown.prefix(40))' is none of \(known.joined(separator: ", "))"
            )
        }
        return names
    }
}
