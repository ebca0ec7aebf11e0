import GatewayCore
import Signal

/// The keys of `instruments.yaml`.
enum InstrumentKeys {
    static let instruments = Key.required(
        "instruments",
        .maps,
        "The instruments, in any order."
    )
    static let file = KeySection(
        path: "instruments.yaml",
        meaning: "The outermost key of `instruments.yaml`.",
        keys: [instruments.entry]
    )

    static let tag = Key<Tag>.required(
        "tag",
        Form(text: "tag: letters, digits, `-`, `_`, `.`, up to 64") { value in
            switch Scalars.text(value) {
            case .wrong(let what, let mend): return .wrong(what, mend: mend)
            case .value(let text):
                guard let tag = Tag(text) else {
                    return .wrong(
                        "\(quote(text)) is no tag",
                        mend: "use up to 64 letters, digits, '-', '_' and '.'"
                    )
                }
                return .value(tag)
            }
        },
        "The instrument's tag by ISA-5.1: `PT-101`."
    )
    static let type = Key<InstrumentType>.required(
        "type",
        .word(InstrumentType.allCases.map { ($0.rawValue, $0) }),
        "What kind of quantity it measures."
    )
    static let measuredVariable = text("measuredVariable", "What is measured, in words.")
    static let unit = Key.required(
        "unit",
        Form(text: "unit of up to 16 characters") { Scalars.text($0, longest: 64) }.checked {
            Units.fault($0)
        },
        "The engineering unit of range, limits and readings, as the register writes it: `bar`, "
            + "`°C`, `m³/h`."
    )
    static let lrv = Key.required(
        "lrv",
        .number(unit: "in `unit`"),
        "Lower range value: the process value at 4 mA."
    )
    static let urv = Key.required(
        "urv",
        .number(unit: "in `unit`, above `lrv`"),
        "Upper range value: the process value at 20 mA."
    )
    static let nominal = Key.optional(
        "nominal",
        .number(unit: "in `unit`, within the range"),
        "The usual process value."
    )
    static let location = text("location", "Where it is mounted.")
    static let associatedEquipment = text("associatedEquipment", "What it belongs to.")
    static let accuracyClass = text("accuracyClass", "As on its nameplate: `0.1 %`.")
    static let criticality = KeyWithFallback<Criticality>(
        "criticality",
        .word(Criticality.allCases.map { ($0.rawValue, $0) }),
        else: .medium,
        shown: "medium",
        "How much the plant depends on it."
    )
    static let processUnit = text("processUnit", "The part of the plant it serves.")
    static let calibrationInterval = Key<Int>.optional(
        "calibrationInterval",
        .days(1...36_500),
        "Time between calibrations; without it none is called overdue."
    )
    static let module = Key.required("module", .text(), "The `name` of its module.")
    static let channel = Key.required(
        "channel",
        .integer(1...256),
        "The channel on it, counted from 1."
    )
    enum Curve: String, Sendable, CaseIterable {
        case linear
        case squareRoot = "square-root"
    }
    static let extraction = KeyWithFallback<Curve>(
        "extraction",
        .word(Curve.allCases.map { ($0.rawValue, $0) }),
        else: .linear,
        shown: "linear",
        "From current to value; `square-root` for flow from a differential pressure whose "
            + "transmitter does not extract the root itself."
    )
    static let lowFlowCutOff = KeyWithFallback<Double>(
        "lowFlowCutOff",
        .share(upTo: 0.5),
        else: 0.02,
        shown: "2 %",
        "Only `square-root`: share of full flow below which the flow is reported as zero."
    )
    static let damping = KeyWithFallback(
        "damping",
        .time(.zero...(.seconds(3600))),
        else: .zero,
        shown: "0 s",
        "Time constant of the first-order filter; 0 s is none."
    )
    static let trim = Key.optional("trim", .map, "Correction of the card's current.")
    static let ne43 = Key.optional("ne43", .map, "The currents that mean failure.")
    static let limits = Key.optional("limits", .map, "Process limits.")
    static let rateOfChange = Key.optional(
        "rateOfChange",
        .positive(unit: "in `unit` per second"),
        "The fastest believable change; without it not checked."
    )
    static let expectedInterval = Key.optional(
        "expectedInterval",
        .time(.milliseconds(10)...(.seconds(86_400))),
        "How often a reading is expected; a gap is reported after twice this. Without it the "
            + "`period` of its module."
    )
    static let detectors = Key.optional(
        "detectors",
        .map,
        "What differs from `detectors` of `loopgate.yaml`."
    )
    static let section = KeySection(
        path: "instruments[]",
        meaning: "One instrument of the register.",
        keys: [
            tag.entry, type.entry, measuredVariable.entry, unit.entry, lrv.entry, urv.entry,
            nominal.entry, location.entry, associatedEquipment.entry, accuracyClass.entry,
            criticality.entry, processUnit.entry, calibrationInterval.entry, module.entry,
            channel.entry, extraction.entry, lowFlowCutOff.entry, damping.entry, trim.entry,
            ne43.entry, limits.entry, rateOfChange.entry, expectedInterval.entry, detectors.entry,
        ]
    )

    private static func text(_ name: String, _ meaning: String) -> KeyWithFallback<String> {
        KeyWithFallback(name, .text(), else: "", shown: "empty", meaning)
    }

    enum TrimKeys {
        static let offset = KeyWithFallback<Double>(
            "offset",
            .number(-1...1, unit: "mA"),
            else: 0,
            shown: "0",
            "Added to the current after the gain."
        )
        static let gain = KeyWithFallback<Double>(
            "gain",
            .number(0.9...1.1),
            else: 1,
            shown: "1",
            "Factor of the current."
        )
        static let section = KeySection(
            path: "instruments[].trim",
            meaning: "A two-point correction of the card: `current × gain + offset`.",
            keys: [offset.entry, gain.entry]
        )
    }

    enum NE43Keys {
        static let preset = KeyWithFallback<NE43Limits.Preset>(
            "preset",
            .word(NE43Limits.Preset.allCases.map { ($0.rawValue, $0) }),
            else: .namur,
            shown: "namur",
            "The set that the keys below change: NE 43 itself, or a maker's own levels."
        )
        static let wireBreak = current("wireBreak", "At or below: a broken wire. `namur`: 1.0.")
        static let failLow = current("failLow", "At or below: failure, low. `namur`: 3.6.")
        static let measureLow = current("measureLow", "Below: saturated low. `namur`: 3.8.")
        static let measureHigh = current("measureHigh", "Above: saturated high. `namur`: 20.5.")
        static let failHigh = current("failHigh", "At or above: failure, high. `namur`: 21.0.")
        static let dwell = Key.optional(
            "dwell",
            .time(.zero...(.seconds(60))),
            "How long a failure current must last before it is one. `namur`: 4 s."
        )
        static let startupGrace = Key.optional(
            "startupGrace",
            .time(.zero...(.seconds(600))),
            "How long after a start a failure current may be the transmitter's own start. "
                + "`namur`: 0 s."
        )
        static let section = KeySection(
            path: "instruments[].ne43",
            meaning: "The currents that mean failure, by NAMUR NE 43 unless told otherwise.",
            keys: [
                preset.entry, wireBreak.entry, failLow.entry, measureLow.entry, measureHigh.entry,
                failHigh.entry, dwell.entry, startupGrace.entry,
            ]
        )

        private static func current(_ name: String, _ meaning: String) -> Key<Double> {
            .optional(name, .number(0...24, unit: "mA"), meaning)
        }
    }

    enum LimitKeys {
        static let lowLow = limit("lowLow", "Below: critical alarm.")
        static let low = limit("low", "Below: warning. Without it `lrv`.")
        static let high = limit("high", "Above: warning. Without it `urv`.")
        static let highHigh = limit("highHigh", "Above: critical alarm.")
        static let deadband = Key.optional(
            "deadband",
            .positive(unit: "in `unit`"),
            "How far the value must come back before the alarm clears; without it by `type`."
        )
        static let onDelay = Key.optional(
            "onDelay",
            .time(.zero...(.seconds(3600))),
            "How long a limit must be exceeded; without it by `type`."
        )
        static let offDelay = Key.optional(
            "offDelay",
            .time(.zero...(.seconds(3600))),
            "How long the value must be back; without it by `type`."
        )
        static let section = KeySection(
            path: "instruments[].limits",
            meaning:
                "Process limits: lowLow < low < high < highHigh. `low` and `high` are the range "
                + "unless told otherwise.",
            keys: [
                lowLow.entry, low.entry, high.entry, highHigh.entry, deadband.entry,
                onDelay.entry, offDelay.entry,
            ]
        )

        private static func limit(_ name: String, _ meaning: String) -> Key<Double> {
            .optional(name, .number(unit: "in `unit`"), meaning)
        }
    }
}

/// Every section of the configuration, in the order of the reference.
public enum ConfigurationSchema {
    /// The sections of `loopgate.yaml`.
    public static let gateway: [KeySection] =
        [
            GatewayKeys.Top.section, GatewayKeys.Clock.section, GatewayKeys.Bus.section,
            GatewayKeys.Module.section, UplinkKeys.section, UplinkKeys.TLS.section,
            GatewayKeys.Store.section, GatewayKeys.Retention.section,
        ] + DetectorKeys.common + [
            AlarmKeys.section, AlarmKeys.Latching.section, AlarmKeys.Change.section,
            RelayKeys.section,
            RelayKeys.Stall.section, RelayKeys.Heartbeat.section, RelayKeys.Lamp.section,
            GatewayKeys.Page.section, GatewayKeys.PageTLS.section,
        ]
    /// The sections of `instruments.yaml`.
    public static let instruments: [KeySection] =
        [
            InstrumentKeys.file, InstrumentKeys.section, InstrumentKeys.TrimKeys.section,
            InstrumentKeys.NE43Keys.section, InstrumentKeys.LimitKeys.section,
        ] + DetectorKeys.ofInstrument
}
