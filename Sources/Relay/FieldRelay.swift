import Alerts
import GatewayCore
import Runtime

/// The alarm output of the box with its heartbeat and lamps, each on a thread of its own.
public final class FieldRelay: AlarmRelay {
    private let relay: OutputDriver
    private let heartbeat: OutputDriver?
    private let lamps: [(RelaySettings.Indication, OutputDriver)]

    fileprivate init(
        _ settings: RelaySettings,
        keepsTrying: Bool,
        report: @escaping @Sendable (RelayReport) -> Void
    ) throws(RelayFault) {
        relay = try OutputDriver(
            name: "relay",
            output: settings.output,
            settings: settings,
            keepsTrying: keepsTrying,
            report: report
        )
        // What only accompanies the relay must not keep it from working.
        heartbeat = settings.heartbeat.flatMap { heartbeat in
            try? OutputDriver(
                name: "heartbeat",
                output: heartbeat.output,
                mode: .toggle(max(heartbeat.halfPeriod.count, 1_000_000)),
                settings: settings,
                keepsTrying: true,
                report: report
            )
        }
        lamps = settings.lamps.compactMap { lamp in
            let driver = try? OutputDriver(
                name: lamp.indication.rawValue,
                output: lamp.output,
                settings: settings,
                keepsTrying: true,
                report: report
            )
            return driver.map { (lamp.indication, $0) }
        }
    }

    deinit {
        for driver in all { driver.beginRelease() }
    }

    private var all: [OutputDriver] {
        [relay] + (heartbeat.map { [$0] } ?? []) + lamps.map(\.1)
    }

    /// Hands the demand to the relay's thread, and feeds heartbeat and lamps.
    ///
    /// Must be repeated before `feedTimeout` is over: what is not fed goes safe by itself.
    public func show(_ demand: RelayDemand) {
        relay.show(demand == .energised)
        heartbeat?.feed()
        for (_, lamp) in lamps { lamp.feed() }
    }

    /// Lights a lamp or puts it out; a box without that lamp ignores it.
    public func show(_ indication: RelaySettings.Indication, isLit: Bool) {
        for (kind, lamp) in lamps where kind == indication { lamp.show(isLit) }
    }

    /// Makes every output safe and lets it go; returns when that is done, within seconds.
    public func release() {
        for driver in all { driver.beginRelease() }
        let deadline = monotonicNow() + RelayLimits.release
        for driver in all { driver.waitForRelease(until: deadline) }
    }

    /// How the relay, the heartbeat and the lamps stand, in this order.
    public var status: [OutputStatus] {
        all.map(\.status)
    }

    /// Grows while the relay's thread is not stuck: for the watchdog.
    public var progress: UInt64 { relay.status.rounds }
}

/// Opens the alarm output; it is safe when this returns.
///
/// A line that is missing, busy or forbidden is a loud fault: thrown, or with `keepsTrying`
/// reported and tried again every second, so that a gateway goes on storing and publishing without
/// it. A Modbus server that does not answer yet is always only reported.
///
/// - report: called on the outputs' own threads, and for a first fault on the caller's; must
///   return at once.
public func openRelay(
    _ settings: RelaySettings,
    keepsTrying: Bool = false,
    report: @escaping @Sendable (RelayReport) -> Void = { _ in }
) throws(RelayFault) -> FieldRelay {
    try FieldRelay(settings, keepsTrying: keepsTrying, report: report)
}

/// Makes every output of `settings` safe once, without a thread: for `loopgate relay-safe`, which
/// the service manager runs after the daemon has ended, however it ended.
///
/// A released GPIO line keeps what it drives on some chips and goes to input on others; either way
/// the last thing driven is the safe state.
///
/// - Returns: what could not be made safe; empty when all is well.
public func driveSafe(_ settings: RelaySettings) -> [RelayFault] {
    var outputs = [settings.output]
    if let heartbeat = settings.heartbeat { outputs.append(heartbeat.output) }
    outputs += settings.lamps.map(\.output)
    var faults: [RelayFault] = []
    for output in outputs {
        do throws(RelayFault) {
            let line = try output.open(initially: false)
            defer { line.close() }
            try line.write(false)
            if try line.read() == true { throw .disobeyed(output.place) }
        } catch {
            faults.append(error)
        }
    }
    return faults
}
