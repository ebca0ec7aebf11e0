import Alerts
import Detection
import Signal

/// A span of readings that an admin calls clean: what the detectors of an instrument learn from.
public struct BaselineMark: Hashable, Sendable, Codable {
    /// Whose.
    public var instrument: InstrumentID
    /// The first instant of the span.
    public var from: WallTime
    /// The first instant after it.
    public var to: WallTime
    /// When it was marked.
    public var markedAt: WallTime
    /// By whom: an employee number.
    public var markedBy: String
    /// Why this span.
    public var note: String?

    public init(
        instrument: InstrumentID,
        from: WallTime,
        to: WallTime,
        markedAt: WallTime,
        markedBy: String,
        note: String? = nil
    ) {
        self.instrument = instrument
        self.from = from
        self.to = to
        self.markedAt = markedAt
        self.markedBy = markedBy
        self.note = note
    }
}

/// What is known of a model beside the model itself.
public struct ModelFacts: Hashable, Sendable, Codable {
    /// Whose.
    public var instrument: InstrumentID
    /// 1 for the first of its instrument, then rising; never used twice.
    public var version: Int
    /// When it was trained.
    public var trainedAt: WallTime
    /// By whom: an employee number.
    public var trainedBy: String
    /// Windows of the baseline it was trained on, counted without overlap.
    public var windows: Int

    public init(
        instrument: InstrumentID,
        version: Int,
        trainedAt: WallTime,
        trainedBy: String,
        windows: Int
    ) {
        self.instrument = instrument
        self.version = version
        self.trainedAt = trainedAt
        self.trainedBy = trainedBy
        self.windows = windows
    }
}

/// A model as the journal keeps it.
public struct KeptModel: Hashable, Sendable {
    /// Whose it is, and where it comes from.
    public var facts: ModelFacts
    /// What `TrainedModel.encoded` gave; empty where its checksum is wrong.
    public var body: [UInt8]

    public init(facts: ModelFacts, body: [UInt8]) {
        self.facts = facts
        self.body = body
    }
}

/// What training is to learn from, and how.
public struct TrainingOrder: Hashable, Sendable {
    /// The first instant of the baseline.
    public var from: WallTime
    /// The first instant after it.
    public var to: WallTime
    /// Leave readings of bad or uncertain quality out instead of refusing the span.
    public var allowsBadQuality: Bool
    /// Learn although alerts of the instrument were open in the span.
    public var allowsAlerts: Bool
    /// What the detectors are told: window, hop, forest, wanted rate.
    public var settings: DetectorSettings
    /// The time of day of the order.
    public var at: WallTime

    public init(
        from: WallTime,
        to: WallTime,
        allowsBadQuality: Bool,
        allowsAlerts: Bool,
        settings: DetectorSettings,
        at: WallTime
    ) {
        self.from = from
        self.to = to
        self.allowsBadQuality = allowsBadQuality
        self.allowsAlerts = allowsAlerts
        self.settings = settings
        self.at = at
    }
}

/// Work that takes longer than the gateway's thread may: done elsewhere, answered by
/// `Event.worked`, each job once.
public struct Job: Hashable, Sendable {
    /// What is to be done.
    public enum Work: Hashable, Sendable {
        case train(TrainingOrder)
        /// Make this version the one in use, if it fits these settings.
        case activate(version: Int, DetectorSettings)
        case keep(CalibrationRecord)
        case mark(BaselineMark)
    }
    /// Counts from 1 in every run.
    public var id: UInt64
    /// Whose readings, models or calibrations it is about.
    public var instrument: InstrumentID
    /// On whose behalf: an employee number.
    public var by: String
    public var work: Work
}

/// What came of a job.
public enum JobResult: Hashable, Sendable {
    /// A model was trained, stored and made the one in use.
    case trained(ModelFacts, TrainedModel, BaselineReport)
    /// Another version is in use.
    case activated(ModelFacts, TrainedModel)
    /// What was to be stored is stored.
    case kept
}

/// Why a job failed, and what to do about it.
public struct JobFailure: Error, Hashable, Sendable {
    public var reason: String

    public init(_ reason: String) { self.reason = reason }
}

/// Where a job stands, for the page.
public struct JobStatus: Hashable, Sendable, Codable {
    /// Its number in this run.
    public var id: UInt64
    /// `train`, `activate`, `calibration` or `baseline`.
    public var kind: String
    /// The instrument's tag.
    public var tag: String
    /// On whose behalf.
    public var by: String
    /// `running`, `done` or `failed`.
    public var state: String
    /// 0 to 1.
    public var progress: Double
    /// What came of it, in words; nil while it runs.
    public var text: String?
    /// Civil time, nanoseconds since 1970.
    public var began: WallTime
    /// Civil time, nanoseconds since 1970; nil while it runs.
    public var ended: WallTime?
}

extension Job {
    /// A word for the kind of work.
    var kind: String {
        switch work {
        case .train: "train"
        case .activate: "activate"
        case .keep: "calibration"
        case .mark: "baseline"
        }
    }
}

/// The jobs of this run: those under way, and the last that ended.
struct JobBook: Sendable {
    /// Who asked over which connection, with which command.
    struct Asker: Hashable, Sendable {
        var connection: ConnectionID
        var command: String
    }
    private(set) var jobs: [(job: Job, asker: Asker?, status: JobStatus)] = []
    private var next: UInt64 = 1

    /// What they came to, newest last.
    var statuses: [JobStatus] { jobs.map(\.status) }
    private var running: Int { jobs.reduce(0) { $0 + ($1.status.ended == nil ? 1 : 0) } }
    /// Whether no more can be taken at present.
    var isFull: Bool { running >= Limits.jobs }

    /// Whether such a job of this instrument is under way.
    func isRunning(_ kind: String, tag: String) -> Bool {
        jobs.contains { $0.status.ended == nil && $0.status.kind == kind && $0.status.tag == tag }
    }

    mutating func begin(
        _ work: Job.Work,
        _ instrument: InstrumentID,
        tag: String,
        by: String,
        asker: Asker?,
        at now: WallTime
    ) -> Job {
        let job = Job(id: next, instrument: instrument, by: by, work: work)
        next += 1
        let status = JobStatus(
            id: job.id,
            kind: job.kind,
            tag: tag,
            by: by,
            state: "running",
            progress: 0,
            began: now
        )
        jobs.append((job, asker, status))
        if jobs.count > Limits.rememberedJobs,
            let old = jobs.firstIndex(where: { $0.status.ended != nil })
        {
            jobs.remove(at: old)
        }
        return job
    }

    mutating func progressed(_ id: UInt64, to share: Double) {
        guard let index = jobs.firstIndex(where: { $0.job.id == id }), share.isFinite else {
            return
        }
        jobs[index].status.progress = min(max(share, 0), 1)
    }

    mutating func ended(
        _ id: UInt64,
        failed: Bool,
        _ text: String,
        at now: WallTime
    ) {
        guard let index = jobs.firstIndex(where: { $0.job.id == id }) else { return }
        jobs[index].status.state = failed ? "failed" : "done"
        jobs[index].status.progress = failed ? jobs[index].status.progress : 1
        jobs[index].status.text = text
        jobs[index].status.ended = now
    }

    /// A job under way; nil: there is none of this number.
    func underWay(_ id: UInt64) -> (job: Job, asker: Asker?, status: JobStatus)? {
        jobs.first { $0.job.id == id && $0.status.ended == nil }
    }
}
