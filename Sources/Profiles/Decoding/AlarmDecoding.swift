import Alerts
import GatewayCore
import Signal

extension DecodingContext {
    /// How alerts are treated; `relay` says which latch where `alarms` does not.
    func alarms(_ top: MapReader, _ relay: RelaySettings) -> AlertPolicy {
        typealias Keys = AlarmKeys
        var policy = AlertPolicy(relay: relay.rules)
        guard let reader = top.map(Keys.section.path) else { return policy }
        policy.needsAcknowledgement = Set(reader.read(Keys.acknowledge))
        policy.longestShelf = reader.read(Keys.longestShelf)
        policy.longestMaintenance = reader.read(Keys.longestMaintenance)
        if let map = reader.map(Keys.latching.entry.name) {
            policy.latching = RelayRules(
                severities: Set(map.read(Keys.Latching.severities)),
                areas: Set(map.read(Keys.Latching.areas) ?? []),
                includesGateway: map.read(Keys.Latching.gatewayAlerts),
                isLatching: true
            )
            map.finish(Keys.Latching.section)
            if relay.isLatching {
                reader.problem(
                    Keys.latching.entry.name,
                    "'relay.latching' says already which alerts latch: those that drive the relay",
                    mend: "delete this section or 'relay.latching'"
                )
            }
        }
        var cells = FirstSeen<Cell>()
        for map in reader.maps(Keys.severities.entry.name) {
            change(&policy.severities, map, &cells)
        }
        reader.finish(Keys.section)
        return policy
    }

    private struct Cell: Hashable {
        var type: AlertType
        var grade: AlertGrade
        var criticality: AlertCriticality
    }

    private func change(
        _ table: inout SeverityTable,
        _ map: MapReader,
        _ seen: inout FirstSeen<Cell>
    ) {
        typealias Keys = AlarmKeys.Change
        let types = map.read(Keys.type)
        let grades = map.read(Keys.grade) ?? AlertGrade.allCases
        let criticalities = map.read(Keys.criticality) ?? AlertCriticality.allCases
        let severity = map.read(Keys.severity)
        map.finish(Keys.section)
        guard let types, let severity else { return }
        var doubled: (Cell, Place)?
        for type in types {
            for grade in grades {
                for criticality in criticalities {
                    let cell = Cell(type: type, grade: grade, criticality: criticality)
                    table[type, grade, criticality] = severity
                    // A word written twice in one list is the same cell, and no contradiction.
                    guard let first = seen.before(cell, at: map.place), first != map.place else {
                        continue
                    }
                    doubled = doubled ?? (cell, first)
                }
            }
        }
        guard let (cell, first) = doubled else { return }
        map.problem(
            "type",
            "the severity of \(cell.type.rawValue) is set on \(first.described(from: map.place)) "
                + "for the same grade and criticality too",
            mend: "narrow one of the two by 'grade' or 'criticality', or delete it"
        )
    }

    /// Warns of areas that no instrument is in.
    func checkLatchingAreas(
        _ top: MapReader,
        _ policy: AlertPolicy,
        _ instruments: [InstrumentSettings]
    ) {
        guard let map = top.map(AlarmKeys.section.path)?.map(AlarmKeys.latching.entry.name) else {
            return
        }
        warnOfAreas(policy.latching?.areas ?? [], map, instruments)
    }
}
