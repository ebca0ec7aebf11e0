import Foundation
import Signal
import TestSupport
import Testing

func at(_ seconds: Double) -> MonotonicTime { .zero + .seconds(seconds) }

@Suite("NE 43")
struct NE43Tests {
    /// Currents at and around every limit of NE 43, and the band each is in.
    static let cases: [(Double, LoopStatus)] = [
        (0, .failLow), (1, .failLow), (3.5, .failLow), (3.599, .failLow), (3.6, .failLow),
        (3.601, .betweenLow), (3.7, .betweenLow), (3.799, .betweenLow),
        (3.8, .saturatedLow), (3.801, .saturatedLow), (3.9, .saturatedLow),
        (3.999, .saturatedLow), (4, .measuring), (4.001, .measuring), (12, .measuring),
        (19.999, .measuring), (20, .measuring), (20.001, .saturatedHigh),
        (20.25, .saturatedHigh), (20.499, .saturatedHigh), (20.5, .saturatedHigh),
        (20.501, .betweenHigh), (20.75, .betweenHigh), (20.999, .betweenHigh),
        (21, .failHigh), (21.001, .failHigh), (22.5, .failHigh), (24, .failHigh),
    ]

    @Test("every current is in the band that NE 43 gives it", arguments: cases)
    func bands(milliamps: Double, status: LoopStatus) {
        #expect(LoopStatus(milliamps: milliamps) == status)
    }

    @Test("single precision does not move a limit", arguments: cases)
    func bandsInFloat(milliamps: Double, status: LoopStatus) {
        #expect(LoopStatus(milliamps: Double(Float(milliamps))) == status)
    }

    @Test(
        "Rosemount's own levels are other ones",
        arguments: [
            (3.75, LoopStatus.failLow), (3.76, .betweenLow), (3.9, .saturatedLow),
            (20.8, .saturatedHigh), (21.5, .betweenHigh), (21.75, .failHigh),
        ]
    )
    func rosemount(milliamps: Double, status: LoopStatus) {
        #expect(LoopStatus(milliamps: milliamps, limits: .rosemount) == status)
    }

    @Test("a current that is not a number is no working loop")
    func notANumber() {
        #expect(LoopStatus(milliamps: .nan).isFailure)
    }

    @Test("the named sets are sound", arguments: NE43Limits.Preset.allCases)
    func presets(preset: NE43Limits.Preset) { #expect(NE43Limits(preset).problems.isEmpty) }

    @Test(
        "limits that cannot be are named",
        arguments: [
            (NE43Limits(failLow: 3.75), NE43Limits.Limit.failLow),
            (NE43Limits(measureLow: 4.1), .measureLow),
            (NE43Limits(measureHigh: 19.9), .measureHigh),
            (NE43Limits(failHigh: 20.55), .failHigh),
            (NE43Limits(failHigh: 25), .failHigh),
            (NE43Limits(failLow: .nan), .failLow),
            (NE43Limits(failHigh: .infinity), .failHigh),
            (NE43Limits(dwell: .seconds(-1)), .dwell),
            (NE43Limits(wireBreak: 3.6), .wireBreak),
            (NE43Limits(wireBreak: -1), .wireBreak),
            (NE43Limits(startupGrace: .seconds(-1)), .startupGrace),
        ]
    )
    func problems(limits: NE43Limits, limit: NE43Limits.Limit) {
        #expect(limits.problems.map(\.limit) == [limit])
    }

    @Test("every fault of a set of limits is told at once")
    func allProblems() {
        let limits = NE43Limits(failLow: 3.9, failHigh: 20, dwell: .seconds(-1))
        #expect(limits.problems.map(\.limit) == [.failLow, .failHigh, .dwell])
    }

    @Test("a failure current is a failure only after the dwell")
    func dwell() {
        var monitor = NE43Monitor(limits: .namur)
        #expect(monitor.observe(milliamps: 12, at: at(0)) == .good)
        #expect(monitor.observe(milliamps: 3.5, at: at(1)) == .betweenBandsLow)
        #expect(monitor.observe(milliamps: 3.5, at: at(4.999)) == .betweenBandsLow)
        #expect(monitor.observe(milliamps: 3.5, at: at(5)) == .failLow)
        #expect(monitor.observe(milliamps: 22, at: at(6)) == .betweenBandsHigh)
        #expect(monitor.observe(milliamps: 22, at: at(10)) == .failHigh)
        #expect(monitor.observe(milliamps: 12, at: at(11)) == .good)
    }

    @Test("passing through the bands is no failure")
    func passing() {
        var monitor = NE43Monitor(limits: .namur)
        var seen: [Quality] = []
        for (second, milliamps) in [12, 3.5, 3.5, 3.7, 3.5, 3.5, 3.9, 3.5, 12].enumerated() {
            seen.append(monitor.observe(milliamps: milliamps, at: at(Double(second) * 1.5)))
        }
        #expect(seen.allSatisfy { $0.level != .bad })
        #expect(seen.last == .good)
    }

    @Test("a failed loop stays failed between the bands")
    func staysFailed() {
        var monitor = NE43Monitor(limits: .namur)
        _ = monitor.observe(milliamps: 21.5, at: at(0))
        #expect(monitor.observe(milliamps: 21.5, at: at(4)) == .failHigh)
        #expect(monitor.observe(milliamps: 20.9, at: at(5)) == .failHigh)
        #expect(monitor.observe(milliamps: 3.7, at: at(6)) == .betweenBandsLow)
        #expect(monitor.observe(milliamps: 20.9, at: at(7)) == .betweenBandsHigh)
        #expect(monitor.observe(milliamps: 20.4, at: at(8)) == .saturatedHigh)
    }

    @Test("no current at all is a broken wire, after the dwell", arguments: [-0.01, 0, 0.4, 1])
    func wireBreak(milliamps: Double) {
        var monitor = NE43Monitor(limits: .namur)
        #expect(monitor.observe(milliamps: milliamps, at: at(0)) == .betweenBandsLow)
        #expect(monitor.observe(milliamps: milliamps, at: at(4)) == .wireBreak)
        #expect(monitor.observe(milliamps: 3.5, at: at(5)) == .failLow)
    }

    @Test("a transmitter may show a failure current while it starts up")
    func startup() {
        let limits = NE43Limits(startupGrace: .seconds(10))
        var monitor = NE43Monitor(limits: limits)
        #expect(monitor.observe(milliamps: 3.5, at: at(0)) == .betweenBandsLow)
        #expect(monitor.observe(milliamps: 3.5, at: at(5)) == .settling)
        #expect(monitor.observe(milliamps: 3.5, at: at(10)) == .failLow)
        // The supply goes and comes again: another start.
        #expect(monitor.observe(milliamps: 0, at: at(20)) == .wireBreak)
        #expect(monitor.observe(milliamps: 12, at: at(21)) == .good)
        #expect(monitor.observe(milliamps: 3.5, at: at(22)) == .betweenBandsLow)
        #expect(monitor.observe(milliamps: 3.5, at: at(27)) == .settling)
        #expect(monitor.observe(milliamps: 12, at: at(28)) == .good)
        #expect(monitor.observe(milliamps: 3.5, at: at(40)) == .betweenBandsLow)
        #expect(monitor.observe(milliamps: 3.5, at: at(44)) == .failLow)
    }

    @Test("a dwell does not run on while the loop cannot be seen")
    func lostSight() {
        var monitor = NE43Monitor(limits: .namur)
        _ = monitor.observe(milliamps: 3.5, at: at(0))
        monitor.lostSight()
        #expect(monitor.observe(milliamps: 3.5, at: at(60)) == .betweenBandsLow)
        #expect(monitor.observe(milliamps: 3.5, at: at(64)) == .failLow)
        monitor.lostSight()
        #expect(monitor.observe(milliamps: 3.5, at: at(100)) == .failLow)
    }
}

@Suite("The golden NE 43 cases", .enabled(if: sharedData != nil))
struct GoldenNE43Tests {
    @Test("every golden current is in the class and at the share of span that the file says")
    func golden() throws {
        let names: [String: LoopStatus] = [
            "failure_low": .failLow, "undefined_low": .betweenLow, "under_range": .saturatedLow,
            "measurement": .measuring, "over_range": .saturatedHigh,
            "undefined_high": .betweenHigh, "failure_high": .failHigh,
        ]
        let folder = try #require(sharedData)
        let text = try String(contentsOfFile: "\(folder)/golden/ne43_cases.csv", encoding: .utf8)
        let rows = text.split(whereSeparator: \.isNewline).dropFirst()
        #expect(rows.count == 28)
        for row in rows {
            let fields = row.split(separator: ",").map(String.init)
            let milliamps = try #require(Double(fields[0]))
            #expect(LoopStatus(milliamps: milliamps) == names[fields[1]], "\(row)")
            let current = try #require(LoopCurrent(milliamps: milliamps))
            let percent = try #require(Double(fields[2]))
            #expect(abs(current.fraction * 100 - percent) < 1e-9)
        }
    }
}
