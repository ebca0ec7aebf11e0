import ArgumentParser
import Detection
import Foundation
import GatewayCore
import Journal
import Profiles
import Signal

/// `loopgate replay`: runs an instrument's detectors over readings of the journal.
struct ReplayCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay",
        abstract: "Run the detectors over recorded readings: what would have alarmed?",
        discussion: """
            Nothing is stored, published or alarmed. The settings are those of the instrument \
            register, else of the configuration; the model is the one in use, or one trained on --train-from to --train-to.
            """
    )
    @Option(help: "The instrument's tag.") var tag: String
    @Option(help: "First instant, as 2026-03-30T05:32:00Z.") var from: String
    @Option(help: "First instant after the span.") var to: String
    @Option(help: "The configuration file.") var config = RunCommand.defaultPath
    @Option(help: "The journal's file; without it, the one that the configuration names.")
    var file: String?
    @Option(help: "Train a model on the span from here …") var trainFrom: String?
    @Option(help: "… up to here, and use it.") var trainTo: String?

    func run() async throws {
        let settings: GatewaySettings
        switch Configuration.load(config) {
        case .success(let loaded): settings = loaded.settings
        case .failure(let refused): throw ValidationError(refused.description)
        }
        guard var instrument = settings.instruments.first(where: { $0.tag.text == tag }) else {
            throw ValidationError("\(config): no instrument has the tag \(tag)")
        }
        let reader: JournalReader
        do { reader = try JournalReader(file ?? settings.journal.path) } catch {
            throw CommandError((error as? StoreFault)?.words ?? "\(error)")
        }
        let decoder = RegisterDecoder(modules: settings.modules, detection: settings.detection)
        let register = InstrumentRegister.records(try reader.instruments(), decoder)
        if let known = register.first(where: { $0.tag.text == tag })?.settings {
            instrument = known
        }
        instrument.id = try reader.instrument(tag)
        let told = instrument.detectorSettings()
        let (begin, end) = (try time(from, "--from"), try time(to, "--to"))
        guard begin < end else { throw ValidationError("--from must lie before --to") }
        let model = try model(told, reader)
        print(model.words)
        var detectors = InstrumentDetectors(settings: told, model: model.model)
        var count = 0
        var bad = 0
        var onsets = 0
        try BaselineReading.forEach(instrument.id, from: begin, to: end, in: reader) {
            reading,
            now in
            count += 1
            if reading.quality.level == .bad { bad += 1 }
            for finding in detectors.process(reading, at: now) {
                if finding.phase == .onset, !finding.isShadow { onsets += 1 }
                print(words(finding, at: now))
            }
        }
        print("\(count) readings, \(bad) of bad quality; \(onsets) findings would have alarmed")
    }

    private func words(_ finding: Finding, at now: MonotonicTime) -> String {
        let phase =
            switch finding.phase {
            case .onset: finding.isShadow ? "in shadow" : "ALARM"
            case .update: "update"
            case .clear: "clear"
            }
        // The time axis of a replay is civil time.
        let time = WallTime(nanosecondsSince1970: now.nanoseconds).text
        return "\(time)  \(finding.detector.name)  \(phase)  \(finding.explanation)"
    }

    private func model(
        _ told: DetectorSettings,
        _ reader: JournalReader
    ) throws -> (model: TrainedModel?, words: String) {
        if let trainFrom, let trainTo {
            let order = TrainingOrder(
                from: try time(trainFrom, "--train-from"),
                to: try time(trainTo, "--train-to"),
                allowsBadQuality: true,
                allowsAlerts: true,
                settings: told,
                at: WallTime(nanosecondsSince1970: 0)
            )
            do {
                let baseline = try BaselineReading.baseline(order, in: reader) { _ in }
                var random = SeededGenerator(
                    seed: UInt64(bitPattern: order.from.nanosecondsSince1970)
                )
                let (model, report) = try TrainedModel.train(
                    on: baseline,
                    settings: told,
                    allowingBadQuality: true,
                    using: &random
                )
                let notes = report.notes.isEmpty ? "" : " " + report.notes.joined(separator: " ")
                return (model, "trained on \(report.windows) windows.\(notes)")
            } catch let refusal as TrainingRefusal {
                throw CommandError("no model can be trained: \(refusal.description)")
            } catch let failure as JobFailure {
                throw CommandError(failure.reason)
            }
        }
        guard trainFrom == nil, trainTo == nil else {
            throw ValidationError("--train-from and --train-to belong together")
        }
        guard
            let kept = try reader.modelsInUse().first(
                where: { $0.facts.instrument == told.instrument }
            )
        else { return (nil, "no model is in use: drift and anomalies are not looked for") }
        do throws(CodingFault) {
            let model = try TrainedModel(decoding: kept.body)
            if let misfit = model.misfit(told) {
                return (nil, "version \(kept.facts.version) is not used: \(misfit)")
            }
            return (model, "version \(kept.facts.version) of the model is in use")
        } catch {
            throw CommandError("version \(kept.facts.version) cannot be used: \(error)")
        }
    }

    private func time(_ text: String, _ option: String) throws -> WallTime {
        guard let time = WallTime(iso8601: text) else {
            throw ValidationError("\(option): '\(text)' is no time; write 2026-03-30T05:32:00Z")
        }
        return time
    }
}
