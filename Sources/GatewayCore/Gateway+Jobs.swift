import Alerts
import Detection
import Signal

extension Gateway {
    /// Begins what another thread must do: learn, fetch a model, or store something.
    mutating func begin(
        _ act: GatewayCommand.InstrumentAct,
        _ index: Int,
        _ command: GatewayCommand,
        asker: JobBook.Asker?,
        at now: MonotonicTime,
        into effects: inout [Effect]
    ) -> CommandResult {
        let instrument = settings.instruments[index]
        let stamp = stamp(at: now)
        guard !jobs.isFull else {
            return .refused("\(Limits.jobs) jobs are under way: try again when one has ended")
        }
        let work: Job.Work
        switch act {
        case .train(let from, let to, let allowsBadQuality, let allowsAlerts):
            let baseline = baselines.first { $0.instrument == instrument.id }
            guard let from = from ?? baseline?.from, let to = to ?? baseline?.to else {
                return .refused(
                    "no baseline of \(instrument.tag) is marked: give from and to, or mark one"
                )
            }
            guard from < to else { return .refused("from must lie before to") }
            guard !jobs.isRunning("train", tag: instrument.tag.text) else {
                return .refused("\(instrument.tag) is being trained already")
            }
            work = .train(
                TrainingOrder(
                    from: from,
                    to: to,
                    allowsBadQuality: allowsBadQuality,
                    allowsAlerts: allowsAlerts,
                    settings: instrument.detectorSettings(),
                    at: stamp.wall
                )
            )
        case .activate(let version):
            work = .activate(version: version, instrument.detectorSettings())
        case .markBaseline(let from, let to):
            guard from < to else { return .refused("from must lie before to") }
            if stamp.clock.isTrusted, to > stamp.wall {
                return .refused("the span reaches into the future: choose one that is over")
            }
            work = .mark(
                BaselineMark(
                    instrument: instrument.id,
                    from: from,
                    to: to,
                    markedAt: stamp.wall,
                    markedBy: command.by,
                    note: command.note
                )
            )
        case .calibrated(let calibration):
            let record = CalibrationRecord(
                instrument: instrument.id,
                performedAt: calibration.performedAt ?? stamp.wall,
                performedBy: calibration.performedBy ?? command.by,
                passed: calibration.passed,
                asFound: calibration.asFound,
                asLeft: calibration.asLeft,
                reference: calibration.reference,
                notes: command.note
            )
            guard calibration.performedAt != nil || stamp.clock != .unset else {
                return .refused("the gateway's clock is not set: say when it was performed")
            }
            do throws(CalibrationRefusal) { try alarms.check(record, at: stamp) } catch {
                return .refused(error.description)
            }
            work = .keep(record)
        case .startMaintenance, .endMaintenance, .takeOutOfService, .returnToService:
            return .refused("this is no job")
        }
        let job = jobs.begin(
            work,
            instrument.id,
            tag: instrument.tag.text,
            by: command.by,
            asker: asker,
            at: stamp.wall
        )
        effects.append(.work(job))
        return .started(job: job.id)
    }

    /// Takes what came of a job: models are adopted, calibrations take effect, and all are told.
    mutating func take(
        _ result: Result<JobResult, JobFailure>,
        of id: UInt64,
        at now: MonotonicTime,
        into effects: inout [Effect]
    ) {
        guard let (job, asker, status) = jobs.underWay(id) else { return }
        var refusal: String?
        var text = ""
        var old: String?
        if let index = settings.instruments.firstIndex(where: { $0.id == job.instrument }) {
            old = standing(before: job, index)
            text = take(result, of: job, index, &refusal, at: now, into: &effects)
        } else {
            refusal = "\(status.tag) was retired meanwhile"
        }
        jobs.ended(id, failed: refusal != nil, refusal ?? text, at: stamp(at: now).wall)
        let words = "\(job.kind) of \(status.tag) by \(job.by)"
        if let refusal {
            effects.append(.log(Notice(.warning, "\(words) failed: \(refusal)")))
        } else {
            let entry = AuditEntry(
                who: job.by,
                action: "command.\(job.kind)",
                subject: status.tag,
                old: old,
                new: text
            )
            record(.audit(entry), at: stamp(at: now))
            effects.append(.log(Notice(.info, "\(words): \(text)")))
        }
        effects.append(.answer(job: id, refusal: refusal, text: text))
        guard let asker, let uplink = outboxIndex(asker.connection) else { return }
        if let refusal {
            refuse(job.kind, asker.command, refusal, uplink, &effects)
        } else {
            let body = #"{"status":"done","job":\#(id),"text":"\#(jsonEscaped(text))"}"#
            respond(asker.command, body, uplink, &effects)
        }
    }

    /// How what a job changes stands before it does, for the audit.
    private func standing(before job: Job, _ index: Int) -> String {
        switch job.work {
        case .train, .activate:
            return alarms.models[index].map { "version \($0.version) is in use" } ?? "no model"
        case .keep:
            guard let last = alarms.calibrations.latest(of: job.instrument) else {
                return "never calibrated"
            }
            let span = settings.instruments[index].span
            return "\(last.performedAt.iso8601): \(last.words(span))"
        case .mark:
            return baselines.first { $0.instrument == job.instrument }?.words ?? "no baseline"
        }
    }

    private mutating func take(
        _ result: Result<JobResult, JobFailure>,
        of job: Job,
        _ index: Int,
        _ refusal: inout String?,
        at now: MonotonicTime,
        into effects: inout [Effect]
    ) -> String {
        switch result {
        case .failure(let failure): refusal = failure.reason
        case .success(.trained(let facts, let model, let report)):
            if let misfit = model.misfit(settings.instruments[index].detectorSettings()) {
                refusal = misfit
                break
            }
            adopt(model, facts, for: index, at: now, into: &effects)
            return report.words(version: facts.version)
        case .success(.activated(let facts, let model)):
            adopt(model, facts, for: index, at: now, into: &effects)
            return "version \(facts.version) is in use"
        case .success(.kept): return kept(job, index, at: now, &refusal, into: &effects)
        }
        return ""
    }

    private mutating func adopt(
        _ model: TrainedModel,
        _ facts: ModelFacts,
        for index: Int,
        at now: MonotonicTime,
        into effects: inout [Effect]
    ) {
        let judgement = alarms.adopt(model, facts, for: index, at: now)
        report(judgement, of: index, at: now, into: &effects)
        note("models", settings.instruments[index].tag.text, .cleared, at: now, into: &effects)
    }

    /// What follows from something being stored, in words.
    private mutating func kept(
        _ job: Job,
        _ index: Int,
        at now: MonotonicTime,
        _ refusal: inout String?,
        into effects: inout [Effect]
    ) -> String {
        switch job.work {
        case .keep(let record):
            do throws(CalibrationRefusal) {
                let judgement = try alarms.calibrated(record, index, at: stamp(at: now))
                report(judgement, of: index, at: now, into: &effects)
            } catch {
                refusal = error.description
            }
            return record.words(settings.instruments[index].span)
        case .mark(let mark):
            baselines.removeAll { $0.instrument == mark.instrument }
            baselines.append(mark)
            return "\(mark.words) is marked as clean"
        case .train, .activate: return "stored"
        }
    }

    /// Once after the start: models that should be in use and cannot be.
    mutating func reportUnreadableModels(at now: MonotonicTime, into effects: inout [Effect]) {
        for (index, text) in alarms.takeUnreadable() {
            let tag = settings.instruments[index].tag.text
            note("models", tag, .active, "\(tag): \(text).", at: now, into: &effects)
            effects.append(.log(Notice(.error, "\(tag): \(text)")))
        }
    }

    /// Every minute, and when the clock is set: what is due for calibration.
    mutating func lookAtCalendar(at now: MonotonicTime, into effects: inout [Effect]) {
        guard now >= nextCalendar else { return }
        nextCalendar = now + .seconds(60)
        for change in alarms.lookAtCalendar(at: stamp(at: now)) {
            note(change, at: now, into: &effects)
        }
    }
}

extension BaselineMark {
    fileprivate var words: String { "\(from.iso8601) to \(to.iso8601)" }
}

extension CalibrationRecord {
    /// The calibration in a sentence, with its errors in percent of span.
    func words(_ span: Span) -> String {
        func percent(_ error: Double) -> String {
            // Finite by `asFoundError`; a thousand spans off is as good as any more.
            let hundredths = min(max(error, -1e5), 1e5).rounded(parts: 100)
            return "\(hundredths) % of span"
        }
        var text = passed ? "passed" : "failed"
        if let asFound { text += ", as found \(asFound) \(span.unit)" }
        if let error = asFoundError(span: span) { text += " (\(percent(error)))" }
        if let asLeft { text += ", as left \(asLeft) \(span.unit)" }
        if let error = asLeftError(span: span) { text += " (\(percent(error)))" }
        if let reference { text += ", reference \(reference) \(span.unit)" }
        return text
    }
}

extension BaselineReport {
    /// What was learned, in words.
    func words(version: Int) -> String {
        var text = "version \(version) is in use: \(windows) windows of \(readings) readings"
        if badReadings > 0 { text += ", \(badReadings) left out for their quality" }
        let rate = predictedFalseAlarmsPerDay.rounded(parts: 1000)
        if rate > 0 { text += "; \(rate) false drift alarms a day are to be expected" }
        return ([text + "."] + notes).joined(separator: " ")
    }
}
