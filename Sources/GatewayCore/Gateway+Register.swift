import Alerts
import Signal

/// Another instrument register, stored already.
public struct RegisterAdoption: Sendable {
    /// The instruments that run from now on, each number once.
    public var instruments: [InstrumentSettings]
    /// The models in use of those that did not run until now.
    public var models: [KeptModel]
    /// Whose change it is: an employee number.
    public var by: String
    /// What is put on record about it.
    public var audits: [AuditEntry]
    /// The setting of the journal that asks for that record; nil: none does.
    public var settles: String?

    public init(
        instruments: [InstrumentSettings],
        models: [KeptModel] = [],
        by: String,
        audits: [AuditEntry] = [],
        settles: String? = nil
    ) {
        self.instruments = instruments
        self.models = models
        self.by = by
        self.audits = audits
        self.settles = settles
    }
}

extension Gateway {
    /// Takes over another register while it runs: no reading is lost, the relay is not touched
    /// unless an alert's end touches it, and unchanged instruments do not notice.
    ///
    /// A new one is polled from its module's next cycle on. One that is gone is polled no more, and
    /// its alerts are resolved. A changed one goes on with its new settings: filters begin afresh
    /// where they make other readings, detectors where they look otherwise; where readings mean
    /// something else its model is forgotten.
    public mutating func adopt(
        _ change: RegisterAdoption,
        at now: MonotonicTime
    ) -> [Effect] {
        var effects: [Effect] = []
        let old = settings.instruments
        let places = Dictionary(
            old.enumerated().map { ($1.id, $0) },
            uniquingKeysWith: { first, _ in first }
        )
        let origin = change.instruments.map { places[$0.id] }
        instruments = zip(change.instruments, origin).map { fresh, place in
            guard let place else { return InstrumentPipeline(settings: fresh, at: now) }
            var pipeline = instruments[place]
            if fresh != old[place] { pipeline.configure(fresh, at: now) }
            return pipeline
        }
        settings.instruments = change.instruments
        rewire()
        nextCalendar = .zero
        let others = change.instruments.indices.filter { index in
            origin[index].map { change.instruments[index].readsOtherwise(than: old[$0]) } ?? false
        }
        for index in others where alarms.models[origin[index] ?? 0] != nil {
            effects.append(
                .log(
                    Notice(
                        .warning,
                        "\(change.instruments[index].tag): its readings mean something else now, "
                            + "so its model is not used any more: train it on readings from now on"
                    )
                )
            )
        }
        let (cleared, output) = alarms.adopt(
            change.instruments,
            origin: origin,
            others: Set(others),
            models: change.models,
            by: change.by,
            at: stamp(at: now)
        )
        for (index, judgement) in cleared {
            report(judgement, of: index, at: now, into: &effects)
        }
        report(output, at: now, into: &effects)
        put(change.audits, on: change.settles, at: now)
        commitIfDue(at: now, into: &effects)
        poll(at: now, into: &effects)
        return effects
    }

    /// Puts on record what was done while no gateway ran.
    ///
    /// - settles: the setting of the journal that asks for it, deleted in the same commit.
    public mutating func record(
        _ audits: [AuditEntry],
        settles: String,
        at now: MonotonicTime
    ) -> [Effect] {
        var effects: [Effect] = []
        put(audits, on: settles, at: now)
        commitIfDue(at: now, into: &effects)
        return effects
    }

    /// Says something that the operator should know and need not act upon; nil takes it back.
    public mutating func remark(_ subject: String, _ text: String?) { remarks[subject] = text }

    /// What the relay is told at present.
    public var relayDemand: RelayDemand { alarms.relay.demand }

    private mutating func put(
        _ audits: [AuditEntry],
        on setting: String?,
        at now: MonotonicTime
    ) {
        for entry in audits { record(.audit(entry), at: stamp(at: now)) }
        if let setting { settling.append(setting) }
    }

    private mutating func rewire() {
        for (index, bus) in settings.buses.enumerated() {
            let modules = settings.modules.filter { $0.bus == bus.id }
            for (unit, module) in modules.enumerated() {
                let channels = Self.channels(of: module, in: settings.instruments)
                wiring[index][unit] = channels
                buses[index].use(channels: channels.keys.sorted(), of: unit)
            }
        }
    }
}
