import Alerts
import Foundation
import GatewayCore
import Runtime
import Signal
import TestSupport
import Testing

@testable import Relay

/// The kinds of output that the contract holds for.
enum Kind: String, CaseIterable, Sendable, CustomTestStringConvertible {
    case log, processImage, sysfs, coil, gpio

    var testDescription: String { rawValue }

    /// A GPIO line is only there where the environment names one, as `chip:line`. With
    /// `LOOPGATE_TEST_GPIO_VALUE` the file that shows its level from outside (gpio-sim's `value`).
    static let gpioLine = ProcessInfo.processInfo.environment["LOOPGATE_TEST_GPIO"]
    static let here = allCases.filter { $0 != .gpio || gpioLine != nil }
}

/// Something to hang a relay on, with a look at it from outside.
struct Medium {
    var output: RelaySettings.Output
    /// What it really shows; nil where nobody outside can see it.
    var look: () throws -> Bool?
    /// Somebody else changes it.
    var tamper: ((Bool) throws -> Void)?
    var holds: [AnyObject] = []

    init(_ kind: Kind) throws {
        switch kind {
        case .log:
            output = .log
            look = { nil }
        case .processImage:
            let folder = try TemporaryFolder()
            let path = folder.file("piControl0")
            func bytes() throws -> [UInt8] { [UInt8](try Data(contentsOf: URL(filePath: path))) }
            func set(_ isOn: Bool) throws {
                try Data([0xFF, isOn ? 0xFF : 0xBF, 0xFF]).write(to: URL(filePath: path))
            }
            try set(true)
            output = .processImage(path: path, byte: 1, bit: 6)
            look = {
                let all = try bytes()
                #expect(all[0] == 0xFF && all[2] == 0xFF && all[1] | 0x40 == 0xFF, "other bits")
                return all[1] & 0x40 != 0
            }
            tamper = set
            holds = [folder]
        case .sysfs:
            let folder = try TemporaryFolder()
            let path = try folder.write("1", to: "status")
            output = .sysfs(path: path, energised: "1", safe: "0")
            look = { try String(contentsOfFile: path, encoding: .utf8) == "1" }
            tamper = { try folder.write($0 ? "1" : "0", to: "status") }
            holds = [folder]
        case .coil:
            let server = try CoilServer()
            server[17] = true
            output = .coil(host: "127.0.0.1", port: server.port, unit: 3, address: 17)
            look = { server[17] }
            tamper = { server[17] = $0 }
            holds = [server]
        case .gpio:
            let parts = (Kind.gpioLine ?? "").split(separator: ":", maxSplits: 1).map(String.init)
            guard parts.count == 2 else { throw TestFailure("LOOPGATE_TEST_GPIO is chip:line") }
            output = .gpio(chip: parts[0], line: parts[1], activeLow: false)
            let value = ProcessInfo.processInfo.environment["LOOPGATE_TEST_GPIO_VALUE"]
            look = {
                try value.map {
                    try String(contentsOfFile: $0, encoding: .utf8).hasPrefix("1")
                }
            }
        }
    }

    /// Waits until the relay says so and, where one can look, it is so.
    func expect(_ isOn: Bool, _ relay: FieldRelay) throws {
        try eventually("it shows \(isOn)") {
            try relay.status[0].shows == isOn && (try look() ?? isOn) == isOn
        }
    }

    /// Waits until it is so from outside.
    func expect(_ isOn: Bool) throws {
        try eventually("it shows \(isOn)") { try (look() ?? isOn) == isOn }
    }
}

/// Keeps what outputs report.
final class Reports: Sendable {
    private let all = Locked<[RelayReport]>([])
    func take(_ report: RelayReport) { all.withLock { $0.append(report) } }
    var events: [RelayReport.Event] { all.withLock { $0.map(\.event) } }
    func events(of output: String) -> [RelayReport.Event] {
        all.withLock { $0.filter { $0.output == output }.map(\.event) }
    }
}

@Suite("Every alarm output keeps the same contract")
struct ContractTests {
    static let patient = Nanoseconds.seconds(600)

    func open(
        _ medium: Medium,
        feedTimeout: Nanoseconds = patient,
        refresh: Nanoseconds = patient,
        reports: Reports = Reports()
    ) throws -> FieldRelay {
        try openRelay(
            RelaySettings(output: medium.output, feedTimeout: feedTimeout, refresh: refresh)
        ) { reports.take($0) }
    }

    @Test("Opening makes it safe, whatever it showed before", arguments: Kind.here)
    func opensSafe(kind: Kind) throws {
        let medium = try Medium(kind)
        let relay = try open(medium)
        #expect(relay.status[0].shows == false)
        #expect(try medium.look() != true)
        relay.release()
    }

    @Test("It shows what it is told, and says so", arguments: Kind.here)
    func shows(kind: Kind) throws {
        let medium = try Medium(kind)
        let reports = Reports()
        let relay = try open(medium, reports: reports)
        for _ in 0..<3 {
            relay.show(.energised)
            try medium.expect(true, relay)
            relay.show(.energised)
            relay.show(.safe)
            try medium.expect(false, relay)
        }
        #expect(reports.events == [true, false, true, false, true, false].map { .shown($0) })
        #expect(relay.status[0].changes == 6)
        #expect(relay.status[0].fault == nil)
        relay.release()
    }

    @Test("Unless it is told again in time it goes safe by itself", arguments: Kind.here)
    func starves(kind: Kind) throws {
        let medium = try Medium(kind)
        let reports = Reports()
        let relay = try open(medium, feedTimeout: .milliseconds(300), reports: reports)
        for _ in 0..<2 {
            try eventually("it is energised while it is fed") {
                relay.show(.energised)
                return try (relay.status[0].shows == true) && (medium.look() ?? true)
            }
            try medium.expect(false, relay)
        }
        #expect(reports.events.contains(.starved))
        #expect(reports.events.contains(.fed))
        #expect(relay.status[0].starvations >= 2)
        relay.release()
    }

    @Test("Letting go leaves it safe, and nothing energises it afterwards", arguments: Kind.here)
    func releases(kind: Kind) throws {
        let medium = try Medium(kind)
        let relay = try open(medium)
        relay.show(.energised)
        try medium.expect(true, relay)
        relay.release()
        #expect(try medium.look() != true)
        relay.show(.energised)
        relay.release()
        #expect(try medium.look() != true)
    }

    @Test("A relay that is forgotten is let go, safe", arguments: Kind.here)
    func forgotten(kind: Kind) throws {
        let medium = try Medium(kind)
        var relay: FieldRelay? = try open(medium)
        relay?.show(.energised)
        if let relay { try medium.expect(true, relay) }
        relay = nil
        try medium.expect(false)
    }

    @Test(
        "What somebody else changes is put right again",
        arguments: Kind.here.filter { $0 != .log && $0 != .gpio }
    )
    func refreshes(kind: Kind) throws {
        let medium = try Medium(kind)
        let relay = try open(medium, refresh: .milliseconds(100))
        relay.show(.energised)
        try medium.expect(true, relay)
        try medium.tamper?(false)
        try medium.expect(true)
        relay.show(.safe)
        try medium.expect(false, relay)
        try medium.tamper?(true)
        try medium.expect(false)
        relay.release()
    }

    @Test("relay-safe makes it safe without a daemon", arguments: Kind.here)
    func drivesSafe(kind: Kind) throws {
        let medium = try Medium(kind)
        #expect(driveSafe(RelaySettings(output: medium.output)) == [])
        #expect(try medium.look() != true)
    }

    @Test(
        "Its thread goes round at least once a second: what the watchdog asks",
        arguments: Kind.here
    )
    func progress(kind: Kind) throws {
        let medium = try Medium(kind)
        let relay = try open(medium)
        let before = relay.progress
        try eventually("it goes on by itself") { relay.progress > before + 2 }
        relay.release()
    }
}

@Suite("What accompanies the relay")
struct CompanionTests {
    @Test("The heartbeat toggles while it is fed, and rests safe when it is not")
    func heartbeat() throws {
        let folder = try TemporaryFolder()
        let path = try folder.write("0", to: "beat")
        let settings = RelaySettings(
            feedTimeout: .milliseconds(500),
            heartbeat: .init(
                output: .sysfs(path: path, energised: "1", safe: "0"),
                halfPeriod: .milliseconds(20)
            )
        )
        let relay = try openRelay(settings)
        try eventually("ten edges") {
            relay.show(.safe)
            return relay.status[1].changes >= 10
        }
        // A slow machine may have starved it before: at rest is where rounds pass without an edge.
        try eventually("rest") {
            let before = relay.status[1]
            try eventually("rounds pass") { relay.status[1].rounds > before.rounds + 2 }
            return relay.status[1].changes == before.changes
        }
        #expect(relay.status[1].starvations > 0)
        #expect(try String(contentsOfFile: path, encoding: .utf8) == "0")
        let edges = relay.status[1].changes
        let rounds = relay.status[1].rounds
        try eventually("time passes") { relay.status[1].rounds > rounds + 1 }
        #expect(relay.status[1].changes == edges)
        relay.release()
        #expect(try String(contentsOfFile: path, encoding: .utf8) == "0")
    }

    @Test("Lamps show what they are told, and go out when nobody feeds them")
    func lamps() throws {
        let folder = try TemporaryFolder()
        let paths = try RelaySettings.Indication.allCases.map {
            try folder.write("0", to: $0.rawValue)
        }
        let settings = RelaySettings(
            feedTimeout: .milliseconds(500),
            lamps: zip(RelaySettings.Indication.allCases, paths).map {
                .init(indication: $0, output: .sysfs(path: $1, energised: "1", safe: "0"))
            }
        )
        let relay = try openRelay(settings)
        func lit() throws -> [Bool] {
            try paths.map { try String(contentsOfFile: $0, encoding: .utf8) == "1" }
        }
        try eventually("healthy and uplink are lit") {
            relay.show(.energised)
            relay.show(.healthy, isLit: true)
            relay.show(.uplink, isLit: true)
            return try lit() == [true, false, true]
        }
        try eventually("all out") { try lit() == [false, false, false] }
        relay.release()
    }

    @Test("A lamp that is missing is reported and does not keep the relay from working")
    func brokenLamp() throws {
        let reports = Reports()
        let settings = RelaySettings(
            feedTimeout: .seconds(600),
            lamps: [
                .init(
                    indication: .alarm,
                    output: .sysfs(path: "/nonexistent/led", energised: "1", safe: "0")
                )
            ]
        )
        let relay = try openRelay(settings) { reports.take($0) }
        #expect(reports.events(of: "alarm") == [.fault(.missing("/nonexistent/led"))])
        relay.show(.energised)
        try eventually("energised") { relay.status[0].shows == true }
        #expect(relay.status.map(\.output) == ["relay", "alarm"])
        relay.release()
    }
}
