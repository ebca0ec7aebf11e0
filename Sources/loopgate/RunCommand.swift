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
        var (settings, fault) = try first(logger)
        while true {
            ServiceManager.status("starting")
            let page = settings.page
            let daemon = Daemon(
                settings: settings,
                logger: logger,
                runtimeFolder: ProcessInfo.processInfo.environment["RUNTIME_DIRECTORY"],
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
            do {
                try await withThrowingTaskGroup(of: Void.self) { tasks in
                    tasks.addTask { try await group.run() }
                    tasks.addTask {
                        for await _ in await UnixSignalsSequence(trapping: .sighup) {
                            if let fresh = Self.reloaded(path, logger) {
                                await reload.set(fresh)
                                await group.triggerGracefulShutdown()
                            }
                        }
                    }
                    try await tasks.next()
                    tasks.cancelAll()
                }
            } catch let halted as Halted {
                logger.critical("\(halted)")
                throw ExitCode(70)
            }
            guard let fresh = await reload.settings else { return }
            (settings, fault) = (fresh, nil)
        }
    }

    /// The configuration at the path, or the last good one where that is wrong, and why.
    private func first(_ logger: Logger) throws -> (GatewaySettings, fault: String?) {
        let kept = LastGoodConfiguration(folder: Self.stateFolder)
        switch Configuration.loader.start(config, lastGood: kept) {
        case .present(let loaded, let unkept):
            for warning in loaded.warnings { logger.warning("\(warning)") }
            if let unkept { logger.warning("no copy of this configuration is kept: \(unkept)") }
            return (loaded.settings, nil)
        case .lastGood(let loaded, let refused):
            for problem in refused.problems { logger.error("\(problem)") }
            logger.error("\(config) is wrong: running the last good configuration, \(kept.file)")
            let count = refused.problems.count + refused.uncounted
            let first = refused.problems.first.map { ", the first: \($0)" } ?? ""
            return (
                loaded.settings,
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

    private static func reloaded(_ path: String, _ logger: Logger) -> GatewaySettings? {
        switch Configuration.load(path) {
        case .success(let loaded):
            logger.info("reloading \(path)")
            ServiceManager.reloading()
            return loaded.settings
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
        private(set) var settings: GatewaySettings?
        func set(_ settings: GatewaySettings) { self.settings = settings }
    }
}
