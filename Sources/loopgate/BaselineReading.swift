import Alerts
import Detection
import GatewayCore
import Journal
import Signal

/// Reads from the journal what detectors learn from.
enum BaselineReading {
    /// Readings asked of the journal at a time.
    private static let pageRows = 5_000
    /// Records looked at for alerts that were open in a span.
    private static let mostRecords = 20_000

    /// The readings of one instrument in a span of civil time, in their order.
    ///
    /// - Throws: `StoreFault`.
    static func forEach(
        _ instrument: InstrumentID,
        from: WallTime,
        to: WallTime,
        in reader: JournalReader,
        progress: (Double) -> Void = { _ in },
        _ body: (Reading, MonotonicTime) -> Void
    ) throws(StoreFault) {
        let length = max((to - from).seconds, 1e-9)
        var after: Position?
        repeat {
            let page = try reader.rows(
                instrument: instrument,
                from: from,
                to: to,
                after: after,
                limit: pageRows
            )
            for row in page.rows {
                // The monotonic time begins anew with every start of the box; the civil one goes on.
                let time = MonotonicTime(nanoseconds: row.reading.stamp.wall.nanosecondsSince1970)
                body(row.reading, time)
            }
            if let last = page.rows.last {
                progress((last.reading.stamp.wall - from).seconds / length)
            }
            after = page.next
        } while after != nil
    }

    /// The baseline that an order names.
    ///
    /// - Throws: `JobFailure` where the journal cannot be read.
    static func baseline(
        _ order: TrainingOrder,
        in reader: JournalReader,
        progress: (Double) -> Void
    ) throws(JobFailure) -> Baseline {
        var baseline = Baseline(settings: order.settings)
        do throws(StoreFault) {
            try forEach(
                order.settings.instrument,
                from: order.from,
                to: order.to,
                in: reader,
                progress: progress
            ) { baseline.add($0, at: $1) }
        } catch {
            throw JobFailure("the journal cannot be read: \(error.words)")
        }
        return baseline
    }

    /// The alerts of an instrument that were active at some time between `from` and `to`: id, type
    /// and detail in words.
    static func alerts(
        of instrument: InstrumentID,
        from: WallTime,
        to: WallTime,
        in reader: JournalReader
    ) throws(JobFailure) -> [String] {
        var latest: [AlertID: (words: String, from: WallTime)] = [:]
        var open: [AlertID: (words: String, from: WallTime)] = [:]
        var found: [String] = []
        var records: [SequencedRecord] = []
        var before: Position?
        do throws(StoreFault) {
            repeat {
                let page = try reader.records(
                    kind: .alert,
                    instrument: instrument,
                    before: before,
                    limit: 500
                )
                records += page.map(\.record)
                before = page.last?.position
            } while before != nil && records.count < mostRecords
        } catch {
            throw JobFailure("the journal cannot be read: \(error.words)")
        }
        for record in records.reversed() {
            guard case .alert(let step) = record.body, spoils(step) else { continue }
            let isActive = step.isActive && step.state != .resolved
            if isActive, open[step.alert] == nil {
                open[step.alert] = (
                    "\(step.alert) (\(step.type.rawValue) \(step.detail))", step.at.wall
                )
            } else if !isActive, let ended = open.removeValue(forKey: step.alert) {
                if ended.from < to, step.at.wall >= from { latest[step.alert] = ended }
            }
        }
        for (id, alert) in open where alert.from < to { latest[id] = alert }
        for alert in latest.values.sorted(by: { $0.from < $1.from }) { found.append(alert.words) }
        return found
    }

    /// Whether readings under such an alert are no clean data: not so with a date that has passed.
    private static func spoils(_ step: AlertTransition) -> Bool {
        step.type != .calibrationOverdue && step.type != .system
    }
}
