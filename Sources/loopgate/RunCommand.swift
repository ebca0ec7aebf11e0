import ArgumentParser
import Foundation
import GatewayCore
import Logging
import Profiles
import ServiceLifecycle
import UnixSignals

/// `loopgate run`: the daemon.
struct RunCommand: AsyncParsableCommand {
    static let defaultPath = "/etc/loopgate/loopgate.yaml"
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Run the gateway until SIGTERM; SIGHUP reloads.",
        discussion: """
            Exit codes: 0 after SIGTERM or SIGINT; 70 when the journal's medium failed and a restart \
            must read from disk again; 78 when the configuration is wrong and no good one is kept.
            """
    )

    @Option(help: "The configuration file.")
    var config = RunCommand.defaultPath

    @Option(help: "Least important lines logged: debug, info, warning or error.")
    var logLevel = "info"

    func run() async throws {
        let logger = Self.logger(logLevel)
        signal(SIGPIPE, SIG_IGN)
        var (loaded, fault) = try first(logger)
        let handover = RelayHandover()
        defer { handover.release() }
        while true {
            ServiceManager.status("starting")
            let page = loaded.settings.page
            let daemon = Daemon(
                settings: loaded.settings,
                list: loaded.list,
                logger: logger,
                runtimeFolder: ProcessInfo.processInfo.environment["RUNTIME_DIRECTORY"],
                handover: handover,
                configurationFault: fault,
                onListening: { port in
                    let scheme = page.certificate == nil ? "http" : "https"
                    let host = page.host.contains(":") ? "[\(page.host)]" : page.host
                    logger.info("page on \(scheme)://\(host):\(port)/")
                    ServiceManager.ready("polling")
                }
            )
            let group = ServiceGroup(
                configuration: .init(
                    services: [
                        .init(service: daemon, successTerminationBehavior: .gracefullyShutdownGroup)
                    ],
                    gracefulShutdownSignals: [.sigterm, .sigint],
                    logger: Self.quiet
                )
            )
            let reload = Reload()
            let path = config
            let running = loaded.settings
            let isLastGood = fault != nil
            do {
                try await withThrowingTaskGroup(of: Void.self) { tasks in
                    tasks.addTask { try await group.run() }
                    tasks.addTask {
                        for await _ in await UnixSignalsSequence(trapping: .sighup) {
                            guard let fresh = Self.reloaded(path, logger) else { continue }
                            if !isLastGood, Self.isSame(fresh.settings, running) {
                                do { try await daemon.compare(fresh.list) } catch {
                                    logger.error("the register cannot be read: \(error)")
                                }
                                logger.info("nothing to restart for: the register stays")
                                ServiceManager.ready("polling")
                                continue
                            }
                            await reload.set(fresh)
                            handover.expect()
                            await group.triggerGracefulShutdown()
                        }
                    }
                    try await tasks.next()
                    tasks.cancelAll()
                }
            } catch let halted as Halted {
                logger.critical("\(halted)")
                throw ExitCode(70)
            }
            guard let fresh = await reload.loaded else { return }
            (loaded, fault) = (fresh, nil)
        }
    }

    /// Whether two configurations ask for the same, instruments left aside: those are the
    /// register's.
    private static func isSame(_ a: GatewaySettings, _ b: GatewaySettings) -> Bool {
        var (a, b) = (a, b)
        a.instruments = []
        b.instruments = []
        return a == b
    }

    /// The configuration at the path, or the last good one where that is wrong, and why.
    private func first(_ logger: Logger) throws -> (LoadedConfiguration, fault: String?) {
        let kept = LastGoodConfiguration(folder: Self.stateFolder)
        switch Configuration.loader.start(config, lastGood: kept) {
        case .present(let loaded, let unkept):
            for warning in loaded.warnings { logger.warning("\(warning)") }
            if let unkept { logger.warning("no copy of this configuration is kept: \(unkept)") }
            return (loaded, nil)
        case .lastGood(let loaded, let refused):
            for problem in refused.problems { logger.error("\(problem)") }
            logger.error("\(config) is wrong: running the last good configuration, \(kept.file)")
            let count = refused.problems.count + refused.uncounted
            let first = refused.problems.first.map { ", the first: \($0)" } ?? ""
            return (
                loaded,
                "\(config) is wrong (\(count) errors\(first)): the last good one runs."
            )
        case .nothing(let refused, lastGood: _):
            for problem in refused.problems { logger.error("\(problem)") }
            throw ExitCode(78)
        }
    }

    /// Where the daemon keeps what is its own.
    private static var stateFolder: String {
        ProcessInfo.processInfo.environment["STATE_DIRECTORY"] ?? "/var/lib/loopgate"
    }

    private static func reloaded(_ path: String, _ logger: Logger) -> LoadedConfiguration? {
        switch Configuration.load(path) {
        case .success(let loaded):
            logger.info("reloading \(path)")
            ServiceManager.reloading()
            return loaded
        case .failure(let refused):
            for problem in refused.problems { logger.error("\(problem)") }
            logger.error("\(path) is wrong: the running configuration stays")
            return nil
        }
    }

    private static func logger(_ level: String) -> Logger {
        LogLevel.set(level)
        return LogLevel.logger("loopgate")
    }

    /// The service group's own chatter is not for the operator.
    static var quiet: Logger {
        var logger = Logger(label: "lifecycle")
        logger.logLevel = .error
        return logger
    }

    /// What to go on with after a reload.
    private actor Reload {
        private(set) var loaded: LoadedConfiguration?
        func set(_ loaded: LoadedConfiguration) { self.loaded = loaded }
    }
}
