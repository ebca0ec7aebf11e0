import Endurance
import Foundation
import Signal

// endure outage HOURS | soak HOURS: a virtual box with a real journal, and what came of it.

func megabytes(_ bytes: Int) -> String { String(format: "%.1f MB", Double(bytes) / 1e6) }

func fail(_ words: String) -> Never {
    FileHandle.standardError.write(Data("endure: \(words)\n".utf8))
    exit(1)
}

/// Expects what holds whatever happened; tells the first thing that does not.
func judge(_ box: VirtualBox) {
    if let reason = box.halted { fail("halted: \(reason)") }
    var next: UInt64 = 1
    while next <= box.produced {
        guard box.received.contains(next) || box.givenUp.contains(next) else {
            fail("reading \(next) of \(box.produced) neither arrived nor was told as lost")
        }
        next += 1
    }
}

let arguments = CommandLine.arguments
guard arguments.count == 3, let hours = Double(arguments[2]), hours > 0 else {
    fail("usage: endure outage|soak HOURS")
}
let folder = FileManager.default.temporaryDirectory.appendingPathComponent("endurance-\(getpid())")
try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
defer { try? FileManager.default.removeItem(at: folder) }
let start = Date()
let size = VirtualBox.Size()
let box = try VirtualBox(size, journal: folder.appendingPathComponent("journal.db").path)
func spent() -> String { String(format: "%.0f s", Date().timeIntervalSince(start)) }

switch arguments[1] {
case "outage":
    box.brokerUp()
    box.run(for: .seconds(1800))
    guard let before = Holdings() else { fail("no /proc") }
    box.brokerDown()
    box.run(for: .seconds(hours * 3600))
    guard let during = Holdings() else { fail("no /proc") }
    let waiting = box.backlog
    let stored = box.status?.databaseBytes ?? 0
    let began = box.now
    box.worstLag = .zero
    box.brokerUp()
    box.run(for: .seconds(24 * 3600)) { $0.backlog < 64 }
    let drain = box.now - began
    let lag = box.worstLag
    box.run(for: .seconds(60))
    guard let after = Holdings() else { fail("no /proc") }
    judge(box)
    if !box.givenUp.ranges.isEmpty || box.givenUp.floor > 0 { fail("readings were given up") }
    let growth = max(during.anonymous, after.anonymous) - before.anonymous
    print(
        """
        outage: \(hours) h at \(size.instruments) readings a second, \(box.produced) readings, \
        \(waiting) waiting at its end in \(megabytes(Int(stored))); drained in \
        \(drain.milliseconds / 1000) s of plant, live readings at most \
        \(lag.milliseconds) ms old meanwhile; 0 lost; own memory \
        \(megabytes(before.anonymous)) before, \(megabytes(during.anonymous)) during, \
        \(megabytes(after.anonymous)) after (growth \(megabytes(growth))); took \(spent())
        """
    )
    if growth > 10_000_000 { fail("memory grew by \(megabytes(growth))") }
    if lag > .seconds(5) { fail("live readings were \(lag.milliseconds) ms old") }
case "soak":
    box.brokerUp()
    box.run(for: .seconds(3600))
    guard let first = Holdings() else { fail("no /proc") }
    var most = first
    var hour = 1.0
    while hour < hours {
        // Every hour something: a module that is silent, an outage, both, neither.
        switch Int(hour) % 4 {
        case 1: box.silentUnits = [UInt8(1 + Int(hour) % size.units)]
        case 2: box.brokerDown()
        case 3:
            box.silentUnits = []
            box.brokerDown()
        default: break
        }
        box.run(for: .seconds(900))
        box.silentUnits = []
        box.brokerUp()
        box.run(for: .seconds(2700))
        guard let held = Holdings() else { fail("no /proc") }
        most.anonymous = max(most.anonymous, held.anonymous)
        most.descriptors = max(most.descriptors, held.descriptors)
        most.threads = max(most.threads, held.threads)
        hour += 1
    }
    box.run(for: .seconds(600)) { $0.backlog < 64 }
    box.run(for: .seconds(60))
    guard let last = Holdings() else { fail("no /proc") }
    judge(box)
    print(
        """
        soak: \(hours) h at \(size.instruments) readings a second, \(box.produced) readings, 0 lost; \
        own memory \(megabytes(first.anonymous)) after the first hour, \(megabytes(last.anonymous)) \
        at the end, \(megabytes(most.anonymous)) at most; descriptors \(first.descriptors), \
        \(last.descriptors), \(most.descriptors); threads \(first.threads), \(last.threads), \
        \(most.threads); took \(spent())
        """
    )
    if last.anonymous - first.anonymous > 4_000_000 { fail("memory grew") }
    if last.descriptors > first.descriptors || last.threads > first.threads {
        fail("descriptors or threads grew")
    }
default: fail("usage: endure outage|soak HOURS")
}
try box.close()
