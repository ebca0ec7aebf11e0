import Detection
import GatewayCore
import Signal

/// The keys of the detectors: the same below `detectors` of `loopgate.yaml`, for all instruments,
/// and below `detectors` of one instrument.
enum DetectorKeys {
    /// Whether a detector works.
    enum Run: Sendable { case on, shadow, off }
    /// How drift is looked for.
    enum DriftMethod: String, Sendable, CaseIterable { case bank, plain }
    /// What tells that a value is stuck.
    enum StuckMethod: String, Sendable, CaseIterable { case baseline, plain }
    /// Where the thresholds of the anomaly come from.
    enum Thresholds: String, Sendable, CaseIterable { case wanted, fixed }

    static let limits = Key.optional("limits", .map, "The process limits.")
    static let drift = Key.optional("drift", .map, "A value that moves away slowly.")
    static let stuck = Key.optional("stuck", .map, "A value that stands still.")
    static let anomaly = Key.optional("anomaly", .map, "Windows unlike the baseline.")

    static let run = KeyWithFallback<Run>(
        "run",
        .word([("on", .on), ("shadow", .shadow), ("off", .off)]),
        else: .on,
        shown: "on",
        "`shadow`: what it finds is recorded and not alarmed."
    )

    /// The wanted time between two false alarms.
    fileprivate static let falseAlarmTime = Form<Nanoseconds>.time(
        .seconds(86_400)...(.seconds(3_650 * 86_400))
    )
    fileprivate static let thirtyDays = Nanoseconds.seconds(30 * 86_400)

    enum Drift {
        static let method = KeyWithFallback<DriftMethod>(
            "method",
            .word(DriftMethod.allCases.map { ($0.rawValue, $0) }),
            else: .bank,
            shown: "bank",
            "`bank`: charts over several spans, set by the noise of the baseline. `plain`: one "
                + "CUSUM chart of the raw value; on correlated data it alarms all day."
        )
        static let falseAlarmEvery = KeyWithFallback(
            "falseAlarmEvery",
            falseAlarmTime,
            else: thirtyDays,
            shown: "30 d",
            "`bank`: the wanted time between two false alarms of the instrument."
        )
        static let k = KeyWithFallback(
            "k",
            Form<Double>.number(0...10, unit: "σ"),
            else: 0.5,
            shown: "0.5",
            "`plain`: slack of the chart, in standard deviations of the baseline."
        )
        static let h = KeyWithFallback(
            "h",
            Form<Double>.number(0.1...1000, unit: "σ"),
            else: 5,
            shown: "5",
            "`plain`: its decision interval, in the same."
        )
        static let owned: [(DriftMethod, [String])] = [
            (.bank, ["falseAlarmEvery"]), (.plain, ["k", "h"]),
        ]
    }

    enum Stuck {
        static let method = KeyWithFallback<StuckMethod>(
            "method",
            .word(StuckMethod.allCases.map { ($0.rawValue, $0) }),
            else: .baseline,
            shown: "baseline",
            "`baseline`: no change for longer than the baseline ever showed, or noise far below "
                + "its own. `plain`: within a dead-band for a time; wrong on a quiet signal."
        )
        static let deadband = KeyWithFallback<Double>(
            "deadband",
            .share(upTo: 0.5),
            else: 0.001,
            shown: "0.1 %",
            "`plain`: share of the range within which the value counts as unchanged."
        )
        static let time = KeyWithFallback(
            "time",
            .time(.seconds(1)...(.seconds(7 * 86_400))),
            else: .seconds(900),
            shown: "15 min",
            "`plain`: how long it must stay there; at least three expected intervals."
        )
        static let owned: [(StuckMethod, [String])] = [
            (.baseline, []), (.plain, ["deadband", "time"]),
        ]
    }

    enum Anomaly {
        static let window = Key.optional(
            "window",
            .time(.seconds(1)...(.seconds(7 * 86_400))),
            "Length of a window, in training and scoring alike, at least 12 expected intervals. "
                + "Without it 60 s, or 20 expected intervals. A change asks for a new training."
        )
        static let hop = Key.optional(
            "hop",
            .time(.milliseconds(100)...(.seconds(86_400))),
            "How often a window is scored, at least once a window. Without it 10 s, or the "
                + "expected interval."
        )
        static let leastWindows = KeyWithFallback(
            "leastWindows",
            .integer(12...100_000, unit: "windows"),
            else: 256,
            shown: "256",
            "The fewest windows, counted without overlap, that a baseline must hold."
        )
        static let thresholds = KeyWithFallback<Thresholds>(
            "thresholds",
            .word(DetectorKeys.Thresholds.allCases.map { ($0.rawValue, $0) }),
            else: .wanted,
            shown: "wanted",
            "`wanted`: from the wanted time between false alarms and held-back windows of the "
                + "baseline. `fixed`: scores of the forest."
        )
        static let falseAlarmEvery = KeyWithFallback(
            "falseAlarmEvery",
            falseAlarmTime,
            else: thirtyDays,
            shown: "30 d",
            "`wanted`: the wanted time between two false alarms of the instrument."
        )
        static let warning = KeyWithFallback(
            "warning",
            Form<Double>.number(0...1),
            else: 0.5,
            shown: "0.5",
            "`fixed`: the score from which a window warns."
        )
        static let critical = KeyWithFallback(
            "critical",
            Form<Double>.number(0...1),
            else: 0.7,
            shown: "0.7",
            "`fixed`: the score from which it is a main alarm; above `warning`."
        )
        static let needed = KeyWithFallback(
            "needed",
            .integer(1...8, unit: "windows"),
            else: 2,
            shown: "2",
            "So many of the last `among` windows must exceed a threshold."
        )
        static let among = KeyWithFallback(
            "among",
            .integer(1...8, unit: "windows"),
            else: 3,
            shown: "3",
            "See `needed`."
        )
        static let trees = KeyWithFallback(
            "trees",
            .integer(10...1000),
            else: 150,
            shown: "150",
            "Trees of the forest."
        )
        static let subsample = KeyWithFallback(
            "subsample",
            .integer(2...256, unit: "windows"),
            else: 128,
            shown: "128",
            "Windows that each tree is grown from."
        )
        static let background = KeyWithFallback<Double>(
            "background",
            .share(upTo: 1),
            else: 0.2,
            shown: "20 %",
            "Evenly spread points added in training, as a share of the windows: they tell the "
                + "forest what lies outside. 0 % is the forest as published."
        )
        static let owned: [(DetectorKeys.Thresholds, [String])] = [
            (.wanted, ["falseAlarmEvery"]), (.fixed, ["warning", "critical"]),
        ]
        static let keys = [
            window.entry, hop.entry, leastWindows.entry, thresholds.entry, falseAlarmEvery.entry,
            warning.entry, critical.entry, needed.entry, among.entry, trees.entry,
            subsample.entry, background.entry,
        ]
    }

    /// Its key in either file.
    static let name = "detectors"
    /// The sections for all instruments.
    static let common = sections(below: name, "The detectors of all instruments.") { $0 }
    /// The sections of one instrument.
    static let ofInstrument = sections(
        below: "instruments[].\(name)",
        "This instrument's own detectors: what is left out is as `\(name)` of `loopgate.yaml` says."
    ) { entry in
        var own = entry
        own.presence = .optional
        return own
    }

    private static func sections(
        below path: String,
        _ meaning: String,
        _ change: (KeyEntry) -> KeyEntry
    ) -> [KeySection] {
        [
            KeySection(
                path: path,
                meaning: meaning,
                keys: [limits.entry, drift.entry, stuck.entry, anomaly.entry]
            ),
            KeySection(
                path: "\(path).limits",
                meaning: "The watch over the process limits. The limits themselves stand with the "
                    + "instrument.",
                keys: [run.entry].map(change)
            ),
            KeySection(
                path: "\(path).drift",
                meaning: "A value that moves away slowly. It needs a baseline.",
                keys: [
                    run.entry, Drift.method.entry, Drift.falseAlarmEvery.entry, Drift.k.entry,
                    Drift.h.entry,
                ].map(change)
            ),
            KeySection(
                path: "\(path).stuck",
                meaning: "A value that stands still.",
                keys: [
                    run.entry, Stuck.method.entry, Stuck.deadband.entry, Stuck.time.entry,
                ].map(change)
            ),
            KeySection(
                path: "\(path).anomaly",
                meaning: "Windows unlike the baseline: an isolation forest and a distance. It "
                    + "needs a baseline.",
                keys: ([run.entry] + Anomaly.keys).map(change)
            ),
        ]
    }
}
