import Detection
import Foundation
import GatewayCore
import Journal
import Runtime
import Signal

/// Does what takes longer than the gateway's thread may: on a thread of its own, one job after the
/// other, below the priority of everything that polls, decides and stores.
final class JobWorker: Sendable {
    private let thread = WorkerThread(name: "jobs", stackBytes: 2 << 20)
    private let journal: JournalStore
    private let path: String
    private let post: @Sendable (Event) -> Void

    /// - path: the journal's file, read beside the one who writes it.
    init(journal: JournalStore, path: String, post: @escaping @Sendable (Event) -> Void) {
        self.journal = journal
        self.path = path
        self.post = post
        // On Linux this is the priority of the calling thread alone.
        thread.submit { setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, 10) }
    }

    /// Queues a job; it is answered by `Event.worked`.
    func perform(_ job: Job) {
        let isQueued = thread.submit { [self] in
            switch job.work {
            case .train(let order): train(job, order)
            case .activate(let version, let told):
                store(job) { journal in
                    try await Self.activate(version, told, of: job.instrument, in: journal)
                }
            case .keep(let record):
                store(job) { journal in
                    try await journal.add(record)
                    return .kept
                }
            case .mark(let mark):
                store(job) { journal in
                    try await journal.add(mark)
                    return .kept
                }
            }
        }
        if !isQueued { post(.worked(job.id, .failure(JobFailure("the gateway is stopping")))) }
    }

    /// Ends the thread after the jobs already queued.
    func stop() { thread.stop() }

    private func store(
        _ job: Job,
        _ body: @escaping @Sendable (JournalStore) async throws -> JobResult
    ) {
        Task { [journal, post] in
            do {
                post(.worked(job.id, .success(try await body(journal))))
            } catch let failure as JobFailure {
                post(.worked(job.id, .failure(failure)))
            } catch {
                let words = (error as? StoreFault)?.words ?? "\(error)"
                post(.worked(job.id, .failure(JobFailure("it could not be stored: \(words)"))))
            }
        }
    }

    private static func activate(
        _ version: Int,
        _ told: DetectorSettings,
        of instrument: InstrumentID,
        in journal: JournalStore
    ) async throws -> JobResult {
        let models = try await journal.models(of: instrument)
        guard let model = models.first(where: { $0.version == version }) else {
            let known = models.map { "\($0.version)" }.joined(separator: ", ")
            throw JobFailure(
                "there is no version \(version); there "
                    + (known.isEmpty ? "is no model yet: train one" : "are \(known)")
            )
        }
        let body = try await journal.body(version: version, of: instrument) ?? []
        let trained: TrainedModel
        do throws(CodingFault) { trained = try TrainedModel(decoding: body) } catch {
            throw JobFailure("version \(version) cannot be used: \(error)")
        }
        if let misfit = trained.misfit(told) {
            throw JobFailure("version \(version) cannot be used: \(misfit)")
        }
        guard try await journal.activate(version: version, of: instrument) else {
            throw JobFailure("there is no version \(version) any more")
        }
        return .activated(model.facts, trained)
    }

    private func train(_ job: Job, _ order: TrainingOrder) {
        do throws(JobFailure) {
            let (model, report) = try learn(order) { [post] share in
                post(.progressed(job.id, share))
            }
            let wanted: Double? =
                if case .wanted(let days) = order.settings.anomaly.thresholds { 1 / days } else {
                    nil
                }
            let stored = StoredModel(
                instrument: job.instrument,
                trainedAt: order.at,
                trainedBy: job.by,
                windows: report.windows,
                wantedRate: wanted,
                featureVersion: Int(model.featureSetVersion),
                from: order.from,
                to: order.to,
                report: report.notes.joined(separator: " ")
            )
            store(job) { journal in
                let version = try await journal.add(stored, body: model.encoded, activating: true)
                var facts = stored.facts
                facts.version = version
                return .trained(facts, model, report)
            }
        } catch {
            post(.worked(job.id, .failure(error)))
        }
    }

    private func learn(
        _ order: TrainingOrder,
        progress: (Double) -> Void
    ) throws(JobFailure) -> (model: TrainedModel, report: BaselineReport) {
        let reader: JournalReader
        do { reader = try JournalReader(path) } catch {
            throw JobFailure("the journal cannot be read: \((error as? StoreFault)?.words ?? "")")
        }
        if !order.allowsAlerts {
            let alerts = try BaselineReading.alerts(
                of: order.settings.instrument,
                from: order.from,
                to: order.to,
                in: reader
            )
            guard alerts.isEmpty else {
                let named = alerts.prefix(3).joined(separator: ", ")
                throw JobFailure(
                    "\(alerts.count) alerts were active in the span, \(named)"
                        + (alerts.count > 3 ? ", …" : "")
                        + ": choose a clean span, or allow alerts"
                )
            }
        }
        let baseline = try BaselineReading.baseline(order, in: reader) { progress($0 * 0.7) }
        progress(0.7)
        // The same baseline gives the same model.
        var random = SeededGenerator(seed: UInt64(bitPattern: order.from.nanosecondsSince1970))
        do throws(TrainingRefusal) {
            return try TrainedModel.train(
                on: baseline,
                settings: order.settings,
                allowingBadQuality: order.allowsBadQuality,
                using: &random
            )
        } catch {
            throw JobFailure(error.description)
        }
    }
}

extension StoredModel {
    /// What the gateway must know of it.
    var facts: ModelFacts {
        ModelFacts(
            instrument: instrument,
            version: version,
            trainedAt: trainedAt,
            trainedBy: trainedBy,
            windows: windows
        )
    }
}
