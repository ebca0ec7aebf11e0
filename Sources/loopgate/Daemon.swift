import Fieldbus
import Foundation
import GatewayCore
import Journal
import LocalPage
import Logging
import People
import Profiles
import Relay
import Runtime
import ServiceLifecycle
import Signal
import Uplink
import Vault

/// One life of the gateway, from a checked configuration to a clean end: opens the edges, wires
/// them to the gateway's thread and closes them in order.
final class Daemon: Service, PageDesk {
    private let configuration: Locked<GatewaySettings>
    private let logger: Logger
    private let runtimeFolder: String?
    private let clock: WatchedClock
    let parts = Locked<Parts?>(nil)
    private let ended = Mailbox<String?>()
    private let onListening: @Sendable (Int) async -> Void
    private let configurationFault: String?
    /// The demo's plant; nil: the plant is real.
    let simulator: (any PlantSimulator)?
    private let firstAdmin: NewPerson?
    /// `instruments.yaml` as it was read last.
    private let list: Locked<InstrumentList>
    private let handover: RelayHandover
    /// Who waits for the end of which job.
    let waiters = Locked<[UInt64: AsyncStream<ControlAnswer>.Continuation]>([:])

    let version = loopgateVersion

    /// What runs while the daemon does.
    struct Parts: Sendable {
        var gateway: GatewayThread
        var journal: JournalStore
        var buses: [BusID: BusMaster]
        var uplinks: [ConnectionID: MQTTConnection]
        var relay: HeldRelay
        var worker: JobWorker
        var people: PeopleDesk
        var hasher: PasswordHasher
        var register: InstrumentRegister
    }

    /// A daemon that has opened nothing yet.
    ///
    /// - list: what an empty instrument register is seeded from; `settings.instruments` is not used.
    /// - handover: where the alarm output is taken from and left, when a life follows another.
    /// - configurationFault: why it is not the configuration as written that runs; nil: it is.
    /// - runtimeFolder: where lock files of TCP buses go; nil: none are made.
    /// - firstAdmin: who is an admin where nobody is, instead of whoever has the set-up code: the
    ///   demo has no operator.
    init(
        settings: GatewaySettings,
        list: InstrumentList,
        logger: Logger,
        runtimeFolder: String?,
        handover: RelayHandover = RelayHandover(),
        configurationFault: String? = nil,
        simulator: (any PlantSimulator)? = nil,
        firstAdmin: NewPerson? = nil,
        onListening: @escaping @Sendable (Int) async -> Void = { _ in }
    ) {
        configuration = Locked(settings)
        self.list = Locked(list)
        self.handover = handover
        self.logger = logger
        self.runtimeFolder = runtimeFolder
        self.onListening = onListening
        self.configurationFault = configurationFault
        self.simulator = simulator
        self.firstAdmin = firstAdmin
        clock = WatchedClock(SystemClock(trustsRTC: settings.trustsRTC))
    }

    /// Runs until graceful shutdown; throws where the journal cannot be opened, the page's address
    /// is taken, or the journal's medium fails.
    func run() async throws {
        let opened = try await open()
        parts.withLock { $0 = opened }
        do {
            let page = PageServer(
                settings: settings.page,
                tls: try identity.certificate(settings.page),
                desk: self,
                logger: logger,
                onListening: onListening
            )
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await page.run() }
                if let runtimeFolder {
                    let control = ControlServer(
                        path: runtimeFolder + "/" + ControlServer.socketName,
                        desk: self,
                        logger: logger
                    )
                    // Without it only `loopgate alerts` and its like are missing.
                    group.addTask { [logger] in
                        do { try await control.run() } catch is CancellationError {} catch {
                            logger.error("the control socket cannot be served: \(error)")
                        }
                        try await gracefulShutdown()
                    }
                }
                group.addTask { [self] in await keepWatch(opened) }
                group.addTask { [self] in try await haltOrShutdown() }
                try await group.next()
                group.cancelAll()
                while let result = await group.nextResult() {
                    if case .failure(let error) = result, !(error is CancellationError) {
                        throw error
                    }
                }
            }
        } catch {
            await close(opened)
            throw error
        }
        await close(opened)
    }

    /// The state at this instant.
    func snapshot() async -> GatewaySnapshot? {
        guard let gateway = parts.withLock({ $0?.gateway }) else { return nil }
        guard gateway.stalledFor < 5_000_000_000 else { return nil }
        return await gateway.snapshot()
    }

    var people: PeopleDesk? { parts.withLock { $0?.people } }

    // MARK: Opening

    private var identity: PageIdentity {
        PageIdentity(journal: settings.journal.path, logger: logger)
    }

    private func openPeople(
        _ journal: JournalStore,
        _ gateway: GatewayThread,
        _ hasher: PasswordHasher
    ) async throws -> PeopleDesk {
        let people = try await PeopleDesk(
            PeopleDesk.Surroundings(
                store: JournalPeople(journal: journal) { pending in
                    _ = await gateway.ask { gateway, now in
                        let name = pending.name
                        return (true, gateway.record(pending.entries, settles: name, at: now))
                    }
                },
                hasher: hasher,
                now: { [clock] in clock.stamp },
                audit: { entry in
                    _ = await gateway.ask { gateway, now in (true, gateway.note(entry, at: now)) }
                },
                log: { [logger] in logger.tell($0) }
            ),
            secret: identity.secret()
        )
        // What fails here leaves a gateway that polls and a page that nobody can sign in to.
        do throws(PeopleFault) {
            if let firstAdmin, await people.needsSetUp {
                _ = try await people.create(firstAdmin, by: "loopgate", mustChange: false) { true }
            }
            try await people.beginSetUp()
        } catch { logger.error("nobody can be made an admin: \(error)") }
        return people
    }

    private func open() async throws -> Parts {
        let names = settings.connections.map(\.name)
        let (journal, opening) = try await JournalStore.open(settings.journal, connections: names)
        if let damage = opening.damage { logger.error("journal: \(damage)") }
        var settings = settings
        let (register, isNew) = try await InstrumentRegister.open(
            journal,
            decoder: decoder,
            seed: list.withLock { $0 }
        )
        if isNew {
            logger.info("the instrument register is made from \(list.withLock { $0.path })")
        }
        let instruments = await register.running
        settings.instruments = instruments
        configuration.withLock { $0.instruments = instruments }
        let left = handover.take(settings.relay)
        let epoch = UInt64.random(in: 1...UInt64.max)
        let gateway = Gateway(
            settings: settings,
            epoch: epoch,
            opening: opening,
            takingOver: left?.demand ?? .safe,
            at: clock.stamp
        )
        let performer = Performer(
            journal: journal,
            connections: settings.connections,
            logger: logger,
            ended: ended,
            answer: { [waiters] job, answer in
                guard let waiter = waiters.withLock({ $0.removeValue(forKey: job) }) else { return }
                waiter.yield(answer)
                waiter.finish()
            }
        )
        let thread = GatewayThread(gateway: gateway) { performer.perform($0) }
        let state = clock
        var buses: [BusID: BusMaster] = [:]
        for bus in settings.buses {
            buses[bus.id] = BusMaster(bus, lockFolder: runtimeFolder, stamp: { state.stamp })
        }
        let directory = register.tags
        let previous = gateway.previous.map {
            BirthInfo.Previous(
                epoch: $0.epoch,
                lastReading: $0.lastReading,
                lastRecord: $0.lastRecord
            )
        }
        var uplinks: [ConnectionID: MQTTConnection] = [:]
        for connection in settings.connections {
            uplinks[connection.id] = MQTTConnection(
                settings: connection,
                gateway: settings.gateway,
                directory: directory,
                birth: {
                    BirthInfo(
                        epoch: epoch,
                        previous: previous,
                        version: loopgateVersion,
                        now: state.stamp
                    )
                },
                events: { event in
                    guard case .command(let command) = event else {
                        return thread.post(.broker(connection.id, event))
                    }
                    thread.post(.command(connection.id, CommandDecoder.decode(command)))
                }
            )
        }
        let relay = try left?.held ?? HeldRelay(settings.relay, logger: logger)
        relay.report { thread.post($0) }
        let worker = JobWorker(journal: journal, path: settings.journal.path) { thread.post($0) }
        performer.connect(
            thread,
            buses: buses,
            uplinks: uplinks,
            relay: relay.relay,
            worker: worker
        )
        thread.start()
        try await join(register, thread, PendingAudit.all(in: journal))
        if let configurationFault {
            thread.post(
                .part("configuration", detail: "refused", .active, .preAlarm, configurationFault)
            )
        }
        for uplink in uplinks.values { uplink.start() }
        let hasher = PasswordHasher()
        let people = try await openPeople(journal, thread, hasher)
        logger.info(
            "gateway \(settings.gateway), run \(epoch.hex): \(settings.buses.count) buses, \(settings.instruments.count) instruments, \(uplinks.count) uplinks"
        )
        return Parts(
            gateway: thread,
            journal: journal,
            buses: buses,
            uplinks: uplinks,
            relay: relay,
            worker: worker,
            people: people,
            hasher: hasher,
            register: register
        )
    }

    /// The configuration that runs; its instruments are those of the register that run now.
    var settings: GatewaySettings { configuration.withLock { $0 } }

    /// How entries of the register are read.
    var decoder: RegisterDecoder {
        RegisterDecoder(modules: settings.modules, detection: settings.detection)
    }

    /// The register; nil while the daemon starts or stops.
    var instrumentRegister: InstrumentRegister? { parts.withLock { $0?.register } }

    /// Puts on record what was changed before the gateway ran, and has it take over every change of
    /// the register.
    ///
    /// - waiting: the records of what was changed before it ran.
    private func join(
        _ register: InstrumentRegister,
        _ thread: GatewayThread,
        _ waiting: [PendingAudit]
    ) async throws {
        for pending in waiting {
            _ = await thread.ask { gateway, now in
                (true, gateway.record(pending.entries, settles: pending.name, at: now))
            }
        }
        await register.connect(
            adopt: { [configuration] change in
                configuration.withLock { $0.instruments = change.instruments }
                _ = await thread.ask { gateway, now in (true, gateway.adopt(change, at: now)) }
            },
            say: { thread.post($0) }
        )
        try await compare(with: register, thread)
    }

    /// Says where the list, as it is now, is not what the register was made from.
    private func compare(
        with register: InstrumentRegister,
        _ thread: GatewayThread
    ) async throws {
        let remark = try await register.remark(on: list.withLock { $0 })
        if let remark { logger.warning("\(remark)") }
        _ = await thread.ask { gateway, _ in
            gateway.remark("instruments", remark)
            return (true, [])
        }
    }

    /// Looks at a list that may have changed; the register stays as it is.
    func compare(_ list: InstrumentList) async throws {
        self.list.withLock { $0 = list }
        guard let parts = parts.withLock({ $0 }) else { return }
        try await compare(with: parts.register, parts.gateway)
    }

    /// Where `instruments.yaml` is.
    var listPath: String { list.withLock { $0.path } }

    // MARK: While it runs

    /// Once a second: the watchdog, the clock, and once a minute the health message.
    private func keepWatch(_ parts: Parts) async {
        var seconds = 0
        while !Task.isCancelled {
            if parts.gateway.stalledFor < 5_000_000_000 { ServiceManager.alive() }
            if let stamp = clock.look() { parts.gateway.post(.clock(stamp)) }
            if seconds % 60 == 10, let snapshot = await parts.gateway.snapshot() {
                await publishHealth(HealthReport(snapshot, version: version), parts)
            }
            seconds += 1
            do { try await Task.sleep(for: .seconds(1)) } catch { return }
        }
    }

    private func publishHealth(_ report: HealthReport, _ parts: Parts) async {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let data = try? encoder.encode(report) else { return }
        let text = String(decoding: data, as: UTF8.self)
        _ = await parts.gateway.ask { gateway, _ in (true, gateway.announce(health: text)) }
    }

    /// Returns at graceful shutdown; throws where the gateway gave up.
    private func haltOrShutdown() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await gracefulShutdown() }
            group.addTask { [ended] in
                let reason = await withCheckedContinuation { continuation in
                    let thread = Thread { continuation.resume(returning: ended.take()?.first) }
                    thread.start()
                }
                if let reason = reason ?? nil { throw Halted(reason: reason) }
            }
            try await group.next()
            group.cancelAll()
            ended.close()
        }
    }

    // MARK: Closing

    private func close(_ parts: Parts) async {
        ServiceManager.stopping()
        let demand = await parts.gateway.ask { gateway, _ in (gateway.relayDemand, []) } ?? .safe
        let stopped = Mailbox<Void>()
        parts.gateway.onStopped { stopped.post(()) }
        parts.gateway.post(.stop)
        // Everything is in the journal within this, or the disk is full.
        await onOwnThread { _ = stopped.take(until: monotonicNow() + 3_000_000_000) }
        parts.relay.report { _ in }
        if !handover.leave(parts.relay, showing: demand) {
            await onOwnThread { parts.relay.relay.release() }
        }
        for bus in parts.buses.values { bus.close() }
        for uplink in parts.uplinks.values { uplink.stop() }
        await onOwnThread {
            for uplink in parts.uplinks.values {
                _ = uplink.waitUntilStopped(within: .milliseconds(1_500))
            }
        }
        parts.worker.stop()
        parts.hasher.stop()
        parts.gateway.stop()
        waiters.withLock { waiting in
            for waiter in waiting.values { waiter.finish() }
            waiting = [:]
        }
        await parts.journal.close()
        self.parts.withLock { $0 = nil }
        logger.info("stopped; everything is committed")
    }

    /// Runs something that waits, off the cooperative threads.
    private func onOwnThread(_ body: @escaping @Sendable () -> Void) async {
        await withCheckedContinuation { continuation in
            Thread {
                body()
                continuation.resume()
            }.start()
        }
    }
}

/// The gateway gave up: the process must end so that the next start reads from disk again.
struct Halted: Error, CustomStringConvertible {
    let reason: String
    var description: String { reason }
}

/// Carries out what the gateway wants done, on the gateway's thread.
///
/// @unchecked: `thread`, `buses`, `uplinks`, `relay` and `worker` are written once, before the thread starts.
private final class Performer: @unchecked Sendable {
    private let journal: JournalStore
    private let logger: Logger
    private let ended: Mailbox<String?>
    private let answer: @Sendable (UInt64, ControlAnswer) -> Void
    private var worker: JobWorker?
    private let names: [ConnectionID: String]
    private var thread: GatewayThread?
    private var buses: [BusID: BusMaster] = [:]
    private var uplinks: [ConnectionID: MQTTConnection] = [:]
    private var relay: FieldRelay?

    init(
        journal: JournalStore,
        connections: [ConnectionSettings],
        logger: Logger,
        ended: Mailbox<String?>,
        answer: @escaping @Sendable (UInt64, ControlAnswer) -> Void
    ) {
        self.answer = answer
        names = Dictionary(uniqueKeysWithValues: connections.map { ($0.id, $0.name) })
        self.journal = journal
        self.logger = logger
        self.ended = ended
    }

    func connect(
        _ thread: GatewayThread,
        buses: [BusID: BusMaster],
        uplinks: [ConnectionID: MQTTConnection],
        relay: FieldRelay,
        worker: JobWorker
    ) {
        self.worker = worker
        self.relay = relay
        self.thread = thread
        self.buses = buses
        self.uplinks = uplinks
    }

    func perform(_ effect: Effect) {
        guard let thread else { return }
        switch effect {
        case .read(let bus, let request):
            buses[bus]?.submit(request) { thread.post(.reply(bus, $0)) }
        case .commit(let commit):
            journal.commit(commit) { thread.post(.committed($0)) }
        case .fetch(let connection, let stream, let epoch, let range):
            guard let name = names[connection] else { return }
            journal.fetch(
                stream,
                epoch: epoch,
                range: range,
                limit: Limits.fetchRows,
                for: name
            ) { thread.post(.fetched(connection, stream, asked: range, $0)) }
        case .publish(let connection, let messages): uplinks[connection]?.publish(messages)
        case .relay(let demand): relay?.show(demand)
        case .indicate(let what, let isLit): relay?.show(what, isLit: isLit)
        case .work(let job): worker?.perform(job)
        case .answer(let job, let refusal, let text):
            answer(
                job,
                ControlAnswer(isDone: refusal == nil, text: refusal ?? text, job: job)
            )
        case .log(let notice): logger.tell(notice)
        case .halt(let reason):
            logger.critical("\(reason)")
            ended.post(reason)
        case .correctClock(let epoch, let offset):
            journal.correctLater(epoch: epoch, offset: offset)
        case .stopped: thread.tellStopped()
        }
    }
}

extension Logger {
    /// Logs a notice of the gateway's.
    func tell(_ notice: Notice) {
        switch notice.level {
        case .info: info("\(notice.text)")
        case .warning: warning("\(notice.text)")
        case .error: error("\(notice.text)")
        }
    }
}
