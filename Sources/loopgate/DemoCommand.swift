import ArgumentParser
import Foundation
import GatewayCore
import Journal
import Logging
import People
import Plant
import Profiles
import Runtime
import ServiceLifecycle
import Signal
import Vault

/// `loopgate demo`: a plant, a broker and the gateway on this machine until Ctrl-C.
struct DemoCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo",
        abstract: "Run a simulated plant, a real broker and the gateway on this machine."
    )

    @Flag(help: "Stop the broker for 30 s, 20 s into the run, and show the backlog drain.")
    var outage = false

    @Option(help: "Port of the local page; 0 takes a free one.")
    var port = 0

    @Option(help: "End by itself after so many seconds.")
    var seconds: Int?

    @Option(help: "Folder of the firmware profiles.")
    var profiles = "firmware-profiles"

    func run() async throws {
        signal(SIGPIPE, SIG_IGN)
        let folder = try Self.makeFolder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let broker = try DemoBroker(folder: folder)
        defer { broker.stop() }
        let root = URL(fileURLWithPath: profiles).path
        let plant = DemoPlant(
            seed: 1,
            folder: folder,
            options: .init(
                profiles: root,
                broker: "127.0.0.1:\(broker.port)",
                pagePort: port == 0 ? try DemoBroker.freePort() : UInt16(clamping: port)
            )
        )
        let running = try plant.start { try Self.map(of: $0, in: root) }
        defer { plant.stop() }
        let loaded: LoadedConfiguration
        switch Configuration.load(running.configPath) {
        case .success(let right): loaded = right
        case .failure(let refused): throw ValidationError(refused.description)
        }
        let past = try await record(running, loaded.settings)
        try await serve(loaded, broker, running, past)
    }

    /// Five hours of a plant that is well, in the journal, so that detectors have a baseline.
    private func record(
        _ running: DemoPlant.Running,
        _ settings: GatewaySettings
    ) async throws -> (from: WallTime, to: WallTime) {
        var settings = settings
        // Without connections: what was before the demo is not for the broker.
        let (journal, _) = try await JournalStore.open(settings.journal, connections: [])
        let numbers = try await journal.register(settings.instruments.map(\.tag))
        for index in settings.instruments.indices {
            if let id = numbers[settings.instruments[index].tag] {
                settings.instruments[index].id = id
            }
        }
        let now = WallTime(nanosecondsSince1970: Int64(Date().timeIntervalSince1970 * 1e9))
        let past = DemoHistory(
            of: running,
            settings: settings,
            length: .seconds(5 * 3_600),
            before: now
        )
        let (commits, feed) = AsyncStream.makeStream(of: Commit.self)
        let epoch = UInt64.random(in: 1...UInt64.max)
        Thread {
            var past = past
            past.run(epoch: epoch) { feed.yield($0) }
            feed.finish()
        }.start()
        for await commit in commits {
            let outcome = await withCheckedContinuation { continuation in
                journal.commit(commit) { continuation.resume(returning: $0) }
            }
            if case .failure(let fault) = outcome.result { throw CommandError(fault.words) }
        }
        await journal.close()
        return (past.from, past.to)
    }

    /// Lets every instrument learn from what was recorded.
    private static func train(_ daemon: Daemon, on past: (from: WallTime, to: WallTime)) async {
        var trained = 0
        for tag in DemoPlant.tags {
            let payload =
                #"{"id":"demo","expires":"2999-01-01T00:00:00Z","by":"demo","tag":"\#(tag)","#
                + #""from":"\#(past.from.text)","to":"\#(past.to.text)"}"#
            let answer = await daemon.execute("train", payload, waiting: true)
            if answer.isDone { trained += 1 } else { say("\(tag): \(answer.text)") }
        }
        say("models  \(trained) instruments trained on five hours of simulated readings")
    }

    private func serve(
        _ loaded: LoadedConfiguration,
        _ broker: DemoBroker,
        _ running: DemoPlant.Running,
        _ past: (from: WallTime, to: WallTime)
    ) async throws {
        LogLevel.set("warning")
        let logger = LogLevel.logger("loopgate")
        let password = Chance.word(letters: PeopleLimits.codeLetters)
        let daemon = Daemon(
            settings: loaded.settings,
            list: loaded.list,
            logger: logger,
            runtimeFolder: nil,
            simulator: DemoSimulator(running),
            firstAdmin: NewPerson(
                employeeNumber: "demo",
                fullName: "Demo",
                role: .admin,
                password: password
            ),
            onListening: { port in
                say("page    http://127.0.0.1:\(port)/   (health at /health, metrics at /metrics)")
                say("sign in demo, password \(password)")
                say(
                    "broker  127.0.0.1:\(broker.port)   (mosquitto_sub -p \(broker.port) -t 'cimms/#' -v)"
                )
                say(
                    "plant   \(running.units.count) modules, TCP ports \(running.ports.values.sorted()), line \(running.line)"
                )
                say("Ctrl-C ends it; nothing is left behind.")
            }
        )
        let group = ServiceGroup(
            configuration: .init(
                services: [
                    .init(service: daemon, successTerminationBehavior: .gracefullyShutdownGroup)
                ],
                gracefulShutdownSignals: [.sigterm, .sigint],
                logger: RunCommand.quiet
            )
        )
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await group.run() }
            tasks.addTask { [outage, seconds] in
                var told: Set<String> = []
                for second in 1... {
                    do { try await Task.sleep(for: .seconds(1)) } catch { return }
                    if outage, second == 20 {
                        say("the broker is stopped for 30 s")
                        broker.stop()
                    }
                    if outage, second == 50 {
                        say("the broker is started again")
                        try broker.start()
                    }
                    if second == 2 { await Self.train(daemon, on: past) }
                    if let snapshot = await daemon.snapshot() {
                        Self.sayLine(snapshot)
                        for alert in snapshot.alerts where told.insert(alert.id).inserted {
                            say(
                                "ALERT   \(alert.severity)  \(alert.subject)  \(alert.type): "
                                    + alert.explanation
                            )
                        }
                    }
                    if let seconds, second >= seconds {
                        await group.triggerGracefulShutdown()
                        return
                    }
                }
            }
            try await tasks.next()
            if seconds != nil { try await tasks.next() }
            tasks.cancelAll()
        }
    }

    private static func sayLine(_ snapshot: GatewaySnapshot) {
        func count(_ quality: String) -> Int {
            snapshot.instruments.reduce(0) { $0 + ($1.quality == quality ? 1 : 0) }
        }
        let up = snapshot.uplinks.first
        let link = up.map { $0.isUp ? "up" : "down" } ?? "–"
        let units = snapshot.buses.flatMap(\.units)
        let answering = units.reduce(0) { $0 + ($1.state == "answering" ? 1 : 0) }
        say(
            "\(Int(snapshot.uptime)) s  readings \(snapshot.store.readings)  stored \(snapshot.store.stored)  good \(count("good"))  uncertain \(count("uncertain"))  bad \(count("bad"))  modules \(answering)/\(units.count)  uplink \(link)  delivered \(up?.counters.delivered ?? 0)  backlog \(up?.backlog ?? 0)"
        )
    }

    private static func map(of module: DemoModule, in profiles: String) throws -> ModuleMap {
        let problems = ProblemList()
        let library = ModuleLibrary(folders: [profiles], problems: problems)
        let options = ModuleOptions(range: module.range, base: module.base)
        switch library.module(module.profile, options) {
        case .success(let resolved): return resolved.map
        case .failure(let fault):
            throw ValidationError("\(module.profile): \(fault.what); \(fault.mend)")
        case nil:
            throw ValidationError(
                "no profile \(module.profile) in \(profiles): run from the project's folder or give --profiles"
            )
        }
    }

    private static func makeFolder() throws -> String {
        var template = Array((NSTemporaryDirectory() + "/loopgate-demo-XXXXXX").utf8CString)
        guard mkdtemp(&template) != nil else {
            throw ValidationError("no temporary folder: errno \(errno)")
        }
        return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

/// A mosquitto of the demo's own, on a free port of the loopback.
private final class DemoBroker: Sendable {
    let port: UInt16
    private let configuration: String
    private let process = Locked<Process?>(nil)
    private let ended = Mailbox<Void>()

    init(folder: String) throws {
        port = try Self.freePort()
        configuration = folder + "/mosquitto.conf"
        var text = """
            listener \(port) 127.0.0.1
            allow_anonymous true
            persistence true
            persistence_location \(folder)/
            log_type error
            max_queued_messages 0

            """
        if getuid() == 0 { text += "user root\n" }
        try text.write(toFile: configuration, atomically: true, encoding: .utf8)
        try start()
    }

    func start() throws {
        let broker = Process()
        let places = ["/usr/sbin/mosquitto", "/usr/bin/mosquitto", "/usr/local/sbin/mosquitto"]
        guard let path = places.first(where: { access($0, X_OK) == 0 }) else {
            throw ValidationError("mosquitto is not installed: `make demo` installs it")
        }
        broker.executableURL = URL(fileURLWithPath: path)
        broker.arguments = ["-c", configuration]
        broker.standardInput = FileHandle.nullDevice
        broker.terminationHandler = { [ended] _ in ended.post(()) }
        // A child inherits the signals that this thread blocks, and one of the pool blocks them all.
        var none = sigset_t()
        var before = sigset_t()
        sigemptyset(&none)
        pthread_sigmask(SIG_SETMASK, &none, &before)
        defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
        try broker.run()
        process.withLock { $0 = broker }
    }

    func stop() {
        let broker = process.withLock { process in
            defer { process = nil }
            return process
        }
        guard let broker, broker.isRunning else { return }
        broker.terminate()
        if ended.take(until: monotonicNow() + 5_000_000_000)?.isEmpty ?? true {
            kill(broker.processIdentifier, SIGKILL)
        }
    }

    /// A port that nobody holds at this moment.
    static func freePort() throws -> UInt16 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let found = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length) == 0 && getsockname(descriptor, $0, &length) == 0
            }
        }
        guard found else { throw ValidationError("no free port: errno \(errno)") }
        return UInt16(bigEndian: address.sin_port)
    }
}

/// A line on standard output, at once: it may be a pipe that somebody watches.
private func say(_ line: String) {
    FileHandle.standardOutput.write(Data((line + "\n").utf8))
}
