import Foundation
import GatewayCore
import Signal

/// Reads a journal beside the daemon that writes it, or without one. It never writes, and holds no
/// view of the log for longer than one row takes.
///
/// Blocking: not for Swift's cooperative threads.
public final class JournalReader {
    private let database: Database
    private let path: String
    private var runs: [Int64: (epoch: UInt64, offset: Nanoseconds)] = [:]
    private var tags: [InstrumentID: String] = [:]

    /// A row as exports give it.
    public struct Row: Sendable {
        public var epoch: UInt64
        public var sequence: UInt64
        /// The tag, or the instrument's number where the register no longer knows it.
        public var tag: String
        /// The reading; its time is corrected where the clock was set later.
        public var reading: Reading
    }

    /// The journal in numbers.
    public struct Statistics: Sendable {
        public var databaseBytes: Int64
        public var logBytes: Int64
        public var rows: Int64
        public var readings: Int64
        public var records: Int64
        public var openAlerts: Int64
        /// Runs that still hold something, oldest first: epoch and readings.
        public var runs: [(epoch: UInt64, readings: Int64)]
        public var from: WallTime?
        public var to: WallTime?
        /// Rollups by tier: minute, hour, day.
        public var rollups: [Int64]
    }

    /// What `verify` found.
    public struct Verification: Sendable {
        public var rows: Int64 = 0
        public var readings: Int64 = 0
        /// Each fault in words; empty where the journal is whole.
        public var faults: [String] = []
    }

    /// Opens the journal at `path`.
    ///
    /// - Throws: `StoreFault` where there is no journal, or none of ours.
    public init(_ path: String) throws {
        self.path = path
        database = try Database(path: path, isReadOnly: true)
        guard try database.integer("PRAGMA application_id") == Schema.applicationID else {
            throw StoreFault.corrupt("\(path) is not a journal of Loopgate")
        }
        let select = try database.prepare("SELECT id, epoch, offset FROM runs ORDER BY id")
        while try select.step() {
            runs[select.integer(0)] = (
                UInt64(bitPattern: select.integer(1)), Nanoseconds(select.integer(2))
            )
        }
        select.reset()
        let register = try database.prepare("SELECT id, tag FROM instruments")
        while try register.step() {
            tags[InstrumentID(rawValue: UInt32(clamping: register.integer(0)))] =
                register.text(1)
        }
        register.reset()
    }

    /// The journal in numbers.
    public func statistics() throws -> Statistics {
        var held: [(epoch: UInt64, readings: Int64)] = []
        let select = try database.prepare(
            "SELECT run, sum(count) FROM blocks GROUP BY run ORDER BY run"
        )
        while try select.step() {
            guard let run = runs[select.integer(0)] else { continue }
            held.append((run.epoch, select.integer(1)))
        }
        select.reset()
        func wall(_ function: String) throws -> WallTime? {
            let at = try database.integer("SELECT ifnull(\(function)(wall), 0) FROM blocks")
            return at == 0 ? nil : WallTime(nanosecondsSince1970: at)
        }
        return Statistics(
            databaseBytes: StoreFile.size(path),
            logBytes: StoreFile.size(path + "-wal"),
            rows: try database.integer("SELECT count(*) FROM blocks"),
            readings: held.reduce(0) { $0 + $1.readings },
            records: try database.integer("SELECT count(*) FROM records"),
            openAlerts: try database.integer("SELECT count(*) FROM open_alerts"),
            runs: held,
            from: try wall("min"),
            to: try wall("max"),
            rollups: try RollupTier.allCases.map {
                try database.integer("SELECT count(*) FROM rollups WHERE tier=\($0.rawValue)")
            }
        )
    }

    /// Checks every row: SQLite's own structure, each row's checksum, and that no sequence is missing
    /// between rows of a run.
    public func verify() throws -> Verification {
        var found = Verification()
        let structure = try database.text("PRAGMA quick_check(1)")
        if structure != "ok" { found.faults.append("structure: \(structure)") }
        var expected: [Int64: UInt64] = [:]
        let select = try database.prepare(
            "SELECT id, run, first, count, body FROM blocks ORDER BY id"
        )
        while try select.step() {
            let id = select.integer(0)
            let run = select.integer(1)
            found.rows += 1
            do throws(Undecodable) {
                let block = try BlockCodec.decode(Sealed.open(select.blob(4), key: id))
                let first = UInt64(clamping: select.integer(2))
                if block.first != first || Int64(block.readings.count) != select.integer(3) {
                    found.faults.append("row \(id): the columns do not agree with the body")
                }
                found.readings += Int64(block.readings.count)
            } catch {
                found.faults.append("row \(id): \(error.what)")
            }
            let first = UInt64(clamping: select.integer(2))
            let count = UInt64(clamping: select.integer(3))
            if let next = expected[run], count > 0, first != next {
                found.faults.append("row \(id): begins at \(first) instead of \(next)")
            }
            if count > 0 { expected[run] = first + count }
        }
        select.reset()
        return found
    }

    /// Calls `body` for every reading stored, oldest row first, until it answers false.
    ///
    /// - from, to: limits by stored time, both included; nil: all.
    public func forEachReading(
        from: WallTime? = nil,
        to: WallTime? = nil,
        _ body: (Row) throws -> Bool
    ) throws {
        var id: Int64 = 0
        let select = try database.prepare(
            "SELECT id, run, body FROM blocks WHERE id > ? ORDER BY id LIMIT 1"
        )
        while true {
            select.bind([.integer(id)])
            guard try select.step() else { break }
            id = select.integer(0)
            let run = runs[select.integer(1)]
            let bytes = select.blob(2)
            select.reset()
            guard let run, let block = try? BlockCodec.decode(Sealed.open(bytes, key: id)) else {
                continue
            }
            for (index, reading) in block.readings.enumerated() {
                var reading = reading
                if run.offset != .zero, !reading.stamp.clock.isTrusted {
                    reading.stamp.wall = reading.stamp.wall + run.offset
                }
                if let from, reading.stamp.wall < from { continue }
                if let to, to < reading.stamp.wall { continue }
                let tag = tags[reading.instrument] ?? "#\(reading.instrument.rawValue)"
                let row = Row(
                    epoch: run.epoch,
                    sequence: block.first + UInt64(index),
                    tag: tag,
                    reading: reading
                )
                guard try body(row) else { return }
            }
        }
    }
}
