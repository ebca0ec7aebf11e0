import GatewayCore
import Signal

/// Reads entries of the instrument register with the decoders of `instruments.yaml`, each for
/// itself: one that is wrong does not stop the others.
public struct RegisterDecoder: Sendable {
    /// What an entry comes to.
    public struct Reading: Hashable, Sendable {
        /// Its settings, numbered 1; nil where it is wrong.
        public var settings: InstrumentSettings?
        /// What is wrong; empty where there are settings.
        public var problems: [RegisterProblem]

        /// All problems in one line.
        public var fault: String? {
            guard !problems.isEmpty else { return nil }
            return problems.map { $0.key.isEmpty ? $0.detail : "\($0.key): \($0.detail)" }
                .joined(separator: "; ")
        }
    }

    private struct Seat: Hashable {
        var module: String
        var channel: Int
    }

    private let modules: [ModuleSettings]
    private let detection: DetectionSettings

    /// - modules: those that entries may name.
    /// - detection: how the detectors of all instruments work.
    public init(modules: [ModuleSettings], detection: DetectionSettings) {
        self.modules = modules
        self.detection = detection
    }

    /// Keys of an entry in the order of the reference.
    public static func order(_ keys: some Sequence<String>) -> [String] {
        let known = InstrumentKeys.section.keys.map(\.name)
        let present = Set(keys)
        return known.filter(present.contains) + present.subtracting(known).sorted()
    }

    /// What one entry comes to, whatever the others are.
    public func decode(_ entry: [String: RegisterValue]) -> Reading {
        let problems = ProblemList()
        let place = Place(file: "register")
        let list = DocumentValue(
            place: place,
            content: .list([RegisterValue.map(entry).document(at: place)])
        )
        let top = MapReader(
            DocumentValue(
                place: place,
                content: .map([.init(key: "instruments", keyPlace: place, value: list)])
            ),
            keyPath: "",
            problems: problems
        )
        let decoding = InstrumentDecoding.alone(problems, modules: modules, detection: detection)
        let settings = top.flatMap { decoding.instruments($0).first }
        return Reading(
            settings: problems.isEmpty ? settings : nil,
            problems: problems.problems.map(RegisterProblem.init)
        )
    }

    /// What entries that are to run side by side come to, in their order. Where two want the same
    /// channel, the earlier one has it.
    public func decode(_ entries: [[String: RegisterValue]]) -> [Reading] {
        var seats: [Seat: Tag] = [:]
        return entries.map { entry in
            var reading = decode(entry)
            guard let settings = reading.settings else { return reading }
            let seat = Seat(module: settings.module, channel: settings.channel)
            if let holder = seats[seat] {
                reading.settings = nil
                reading.problems = [
                    RegisterProblem(
                        key: "channel",
                        detail: "\(holder) is on channel \(settings.channel) of module "
                            + "\(quote(settings.module)) too; correct one of the two"
                    )
                ]
            } else {
                seats[seat] = settings.tag
            }
            return reading
        }
    }
}

extension RegisterProblem {
    /// A decoder's problem, its key without the entry's own path.
    init(_ problem: Problem) {
        var key = problem.keyPath
        if key.hasPrefix("instruments["), let end = key.firstIndex(of: "]") {
            key = String(key[key.index(after: end)...].drop { $0 == "." })
        }
        self.init(key: key, detail: "\(problem.what); \(problem.mend)")
    }
}

extension InstrumentDecoding {
    /// Decoding without a configuration around it.
    static func alone(
        _ problems: ProblemList,
        modules: [ModuleSettings],
        detection: DetectionSettings
    ) -> InstrumentDecoding {
        let known = modules.map { ($0.name, Module(settings: $0)) }
        return InstrumentDecoding(
            context: DecodingContext(
                problems: problems,
                folder: "/",
                credentials: nil,
                catalogue: NoModules()
            ),
            modules: Dictionary(known, uniquingKeysWith: { first, _ in first }),
            detection: detection
        )
    }
}
