import Signal

/// Something that goes wrong in the demo, with its time from the start.
public struct DemoEvent: Hashable, Sendable {
    /// When it begins.
    public var start: Nanoseconds
    /// How long it lasts.
    public var duration: Nanoseconds
    /// What happens, for people: `PT-401: compressed air pressure runs away`.
    public var text: String

    enum Cause: Hashable, Sendable {
        /// A fault of the instrument with this tag.
        case instrument(String, PlantFault)
        /// A misbehaviour of every module on this list.
        case modules([String], Misbehaviour, share: Double)
    }
    var cause: Cause
}

extension DemoEvent {
    /// What goes wrong in one round, in order; rounds follow each other every `round`.
    static func timeline(rounds: Int, quiet: Nanoseconds) -> [DemoEvent] {
        (0..<rounds).flatMap { index in
            events(index).map { event in
                var event = event
                event.start = quiet + round * index + event.start
                return event
            }
        }
    }

    /// Time from the begin of a round to the begin of the next.
    static let round = Nanoseconds.seconds(40 * 60)

    private static func events(_ round: Int) -> [DemoEvent] {
        // What drifted up in one round drifts back in the next.
        let drift = round.isMultiple(of: 2) ? 0.2 : -0.2
        return [
            of("PT-108", .spike(0.45), at: 0, for: 2, "a spike"),
            of("TT-205", .wireBreak, at: 45, for: 75, "wire break"),
            of("LT-304", .stuck, at: 90, for: 600, "stuck: the code freezes"),
            of("PT-401", .upset(0.2), at: 150, for: 120, "the compressor runs away"),
            of("FT-403", .drift(perHour: drift), at: 180, for: 1800, "calibration drifts, 20 %/h"),
            on(["cooling-ai"], .silence, at: 270, for: 90, "module dead"),
            of("TT-303", .failHigh, at: 330, for: 60, "failure current 21.6 mA (NE 43)"),
            on(
                ["boiler-ai", "firing-ai"],
                .noise,
                share: 0.1,
                at: 420,
                for: 90,
                "line disturbed: a tenth of the answers corrupt"
            ),
            of("PT-105", .noisy(0.03), at: 540, for: 240, "noise of a failing pump"),
            of("LT-302", .saturatedHigh, at: 660, for: 60, "saturated at 20.5 mA"),
            on(["tank-ai"], .late(.milliseconds(1500)), at: 780, for: 45, "answers too late"),
            of("PT-203", .plugged, at: 840, for: 900, "impulse line plugged: the noise is gone"),
            of("TT-404", .shortCircuit, at: 960, for: 45, "loop shorted"),
            on(["utility-ai"], .exception(4), at: 1080, for: 60, "module answers with exception 4"),
            of("LT-103", .upset(-0.22), at: 1200, for: 180, "drum level falls"),
        ]
    }

    private static func of(
        _ tag: String,
        _ fault: PlantFault,
        at start: Double,
        for duration: Double,
        _ text: String
    ) -> DemoEvent {
        DemoEvent(
            start: .seconds(start),
            duration: .seconds(duration),
            text: "\(tag): \(text)",
            cause: .instrument(tag, fault)
        )
    }

    private static func on(
        _ modules: [String],
        _ kind: Misbehaviour,
        share: Double = 1,
        at start: Double,
        for duration: Double,
        _ text: String
    ) -> DemoEvent {
        DemoEvent(
            start: .seconds(start),
            duration: .seconds(duration),
            text: "\(modules.joined(separator: ", ")): \(text)",
            cause: .modules(modules, kind, share: share)
        )
    }
}
