import GatewayCore
import Signal

extension GatewayProfile {
    /// The form of profile files that this release reads.
    public static let schemaVersion = 1

    /// The profile in `document`, or nil with every problem of it noted in `problems`.
    public init?(_ document: Document, id: String, problems: ProblemList) {
        let before = problems.problems.count
        guard let top = document.map(problems) else { return nil }
        let decoded = GatewayProfileReader().profile(top, id: id)
        guard let decoded, problems.problems.count == before else { return nil }
        self = decoded
    }
}

/// Reads one profile file, noting everything that is wrong with it.
private struct GatewayProfileReader {
    private enum OutputKind: String, CaseIterable {
        case none, gpio
        case processImage = "process-image"
        case sysfs, coil
    }
    private enum Level: String, CaseIterable { case high, low }

    func profile(_ top: MapReader, id: String) -> GatewayProfile? {
        guard top.integer("profile", in: 1...GatewayProfile.schemaVersion) != nil else {
            return nil
        }
        let written = top.string("id", longest: 64)
        if let written, written != id {
            top.problem(
                "id",
                "\(quote(written)) is not the name of the file",
                mend: "write '\(id)'"
            )
        }
        let vendor = top.string("vendor")
        let model = top.string("model")
        let revision = top.string(ifPresent: "revision", longest: 40)
        let summary = top.string("summary")
        let confidence = top.choice("confidence", Confidence.self)
        let sources = top.list("source") { Scalars.text($0) }
        if sources.isEmpty {
            top.problem(
                "source",
                "nothing says where the facts are from",
                mend: "add 'source:' with a list of manuals, drivers or device trees"
            )
        }
        let notes = top.list("notes") { Scalars.text($0) }
        let matches = top.maps("match").compactMap(match)
        let ports = top.maps("ports").compactMap(port)
        for key in ["ports", "outputs"] where !top.has(key) {
            top.problem(key, "the key is missing", mend: "add it, or an empty list '[]'")
        }
        let outputs = top.maps("outputs").compactMap(output)
        checkNames(top, "ports", ports.map(\.name))
        checkNames(top, "outputs", outputs.map(\.name))
        let leds = top.maps("leds").compactMap(led)
        let watchdog = top.map("watchdog").flatMap(self.watchdog)
        top.finish()
        guard let vendor, let model, let summary, let confidence else { return nil }
        return GatewayProfile(
            id: id,
            vendor: vendor,
            model: model,
            revision: revision,
            summary: summary,
            confidence: confidence,
            sources: sources,
            notes: notes,
            matches: matches,
            ports: ports,
            outputs: outputs,
            leds: leds,
            watchdog: watchdog
        )
    }

    private func checkNames(_ top: MapReader, _ key: String, _ names: [String]) {
        if Set(names).count < names.count {
            top.problem(key, "two of them share a name", mend: "give each a name of its own")
        }
    }

    private func match(_ reader: MapReader) -> GatewayProfile.HardwareMatch? {
        let model = reader.string(ifPresent: "model", longest: 100)
        let compatible = reader.string(ifPresent: "compatible", longest: 100)
        let isExact = reader.bool("exact", default: false)
        reader.finish()
        if (model == nil) == (compatible == nil) {
            reader.problem(
                "a match looks at one name",
                mend: "write either 'model: …' or 'compatible: …'"
            )
            return nil
        }
        return GatewayProfile.HardwareMatch(
            property: model == nil ? .compatible : .model,
            text: model ?? compatible ?? "",
            isExact: isExact
        )
    }

    private func port(_ reader: MapReader) -> GatewayProfile.Port? {
        typealias Direction = GatewayProfile.Port.Direction
        let name = reader.string("name", longest: 40)
        let path = devicePath(reader, "path")
        let others = reader.list("others") { Scalars.text($0, longest: 200) }
        let node = reader.string(ifPresent: "node", longest: 40)
        let usb = reader.string(ifPresent: "usb", longest: 40)
        let direction = reader.choice("direction", Direction.self)
        let rts = reader.choice(ifPresent: "rts", Level.self)
        let isEnabled = reader.bool("enabledAtBoot", default: false)
        let preparation = reader.list("prepare") { Scalars.text($0, longest: 200) }
        let holder = reader.string(ifPresent: "heldBy", longest: 100)
        if direction == .kernel, rts == nil {
            reader.problem(
                "rts",
                "the kernel must know the level of RTS while sending",
                mend: "add 'rts: high' or 'rts: low'"
            )
        }
        if let direction, direction != .kernel, reader.has("rts") || isEnabled {
            reader.problem(
                reader.has("rts") ? "rts" : "enabledAtBoot",
                "it belongs to direction kernel, and this is \(direction.rawValue)",
                mend: "delete it or correct 'direction'"
            )
        }
        if direction == .reserved, holder == nil {
            reader.problem(
                "heldBy",
                "nothing says whose the port is",
                mend: "add 'heldBy: …' here"
            )
        }
        reader.finish()
        guard let name, let direction else { return nil }
        return GatewayProfile.Port(
            name: name,
            path: path,
            others: others,
            node: node,
            usb: usb,
            direction: direction,
            isRTSHigh: rts != .low,
            isEnabledAtBoot: isEnabled,
            preparation: preparation,
            holder: holder
        )
    }

    /// Which keys belong to which kind of output.
    private static let owned: [OutputKind: Set<String>] = [
        .none: [], .gpio: ["chip", "line", "activeLow"],
        .processImage: ["path", "byte", "bit", "offset"], .sysfs: ["path", "energised", "safe"],
        .coil: ["host", "port", "unit", "address", "offset"],
    ]

    private func output(_ reader: MapReader) -> GatewayProfile.Output? {
        let name = reader.string("name", longest: 40)
        let kind = reader.choice("kind", OutputKind.self)
        let holder = reader.string(ifPresent: "heldBy", longest: 100)
        let heldLine = reader.string(ifPresent: "heldLine", longest: 64)
        let readback = reader.string(ifPresent: "readback", longest: 200)
        let offset = reader.string(ifPresent: "offset", longest: 200)
        let note = reader.string(ifPresent: "note", longest: 200)
        let all = Self.owned.values.reduce(Set()) { $0.union($1) }
        var decoded: GatewayProfile.Output.Kind?
        if let kind {
            for key in all.subtracting(Self.owned[kind] ?? []).sorted() where reader.has(key) {
                reader.problem(
                    key,
                    "it does not belong to an output of kind \(kind.rawValue)",
                    mend: "delete it or correct 'kind'"
                )
            }
            decoded = output(reader, kind)
        }
        reader.finish(others: all.sorted())
        guard let name, let decoded else { return nil }
        return GatewayProfile.Output(
            name: name,
            kind: decoded,
            holder: holder,
            heldLine: heldLine,
            readback: readback,
            offset: offset,
            note: note
        )
    }

    private func output(
        _ reader: MapReader,
        _ kind: OutputKind
    ) -> GatewayProfile.Output.Kind? {
        func needOffset(unless key: String) {
            if !reader.has(key), !reader.has("offset") {
                reader.problem(
                    "offset",
                    "nothing says where the '\(key)' is found",
                    mend: "add '\(key): …', or 'offset: …' in words"
                )
            }
        }
        switch kind {
        case .none: return GatewayProfile.Output.Kind.none
        case .gpio:
            let chip = reader.string(ifPresent: "chip", longest: 64)
            let activeLow = reader.bool("activeLow", default: false)
            return reader.string("line", longest: 64).map {
                .gpio(chip: chip, line: $0, activeLow: activeLow)
            }
        case .processImage:
            let path = reader.string("path", longest: 200)
            let byte = reader.integer(ifPresent: "byte", in: 0...0xFFFF)
            let bit = reader.integer("bit", in: 0...7)
            needOffset(unless: "byte")
            guard let path, let bit else { return nil }
            return .processImage(path: path, byte: byte, bit: bit)
        case .sysfs:
            let path = devicePath(reader, "path")
            let energised = reader.string("energised", longest: 64)
            let safe = reader.string("safe", longest: 64)
            guard let energised, let safe else { return nil }
            if energised == safe {
                reader.problem(
                    "safe",
                    "it is the text of 'energised'",
                    mend: "write the other text"
                )
            }
            return .sysfs(path: path, energised: energised, safe: safe)
        case .coil:
            let host = reader.string("host", longest: 64)
            let port = reader.integer("port", default: 502, in: 1...0xFFFF)
            let unit = reader.integer("unit", default: 1, in: 0...255)
            let address = reader.integer(ifPresent: "address", in: 0...0xFFFF)
            needOffset(unless: "address")
            return host.map {
                .coil(
                    host: $0,
                    port: UInt16(port),
                    unit: UInt8(unit),
                    address: address.map { UInt16($0) }
                )
            }
        }
    }

    private func led(_ reader: MapReader) -> GatewayProfile.LED? {
        let name = reader.string("name", longest: 40)
        let folder = reader.string(ifPresent: "class", longest: 100)
        let chip = reader.string(ifPresent: "chip", longest: 64)
        let line = reader.string(ifPresent: "line", longest: 64)
        let isActiveLow = reader.bool("activeLow", default: false)
        reader.finish()
        if (folder == nil) == (line == nil) {
            reader.problem(
                "a light is a LED class or a GPIO line",
                mend: "write either 'class: …' or 'line: …'"
            )
            return nil
        }
        return name.map {
            GatewayProfile.LED(
                name: $0,
                kind: folder.map { .ledClass($0) } ?? .gpio(chip: chip, line: line ?? ""),
                isActiveLow: isActiveLow
            )
        }
    }

    private func watchdog(_ reader: MapReader) -> GatewayProfile.Watchdog? {
        let kind = reader.choice("kind", GatewayProfile.Watchdog.Kind.self)
        let path = devicePath(reader, "path")
        let line = reader.string(ifPresent: "line", longest: 64)
        let bit = reader.integer(ifPresent: "bit", in: 0...7)
        let timeout = reader.duration(
            ifPresent: "timeout",
            in: .milliseconds(100) ... .seconds(3600)
        )
        let isFixed = reader.bool("fixed", default: false)
        let holder = reader.string(ifPresent: "heldBy", longest: 100)
        let note = reader.string(ifPresent: "note", longest: 200)
        if isFixed, timeout == nil {
            reader.problem("fixed", "a fixed time is not given", mend: "add 'timeout: …'")
        }
        let needed: (key: String, isThere: Bool)? =
            switch kind {
            case .device, .sysfs: ("path", path != nil || reader.has("path"))
            case .gpio: ("line", line != nil)
            case .processImage: ("bit", bit != nil)
            case nil: nil
            }
        if let needed, !needed.isThere {
            reader.problem(
                needed.key,
                "a watchdog of this kind needs it",
                mend: "add '\(needed.key): …' here"
            )
        }
        reader.finish()
        return kind.map {
            GatewayProfile.Watchdog(
                kind: $0,
                path: path,
                line: line,
                bit: bit,
                timeout: timeout,
                isFixed: isFixed,
                holder: holder,
                note: note
            )
        }
    }

    /// An absolute path, or nil where the key is missing.
    private func devicePath(_ reader: MapReader, _ key: String) -> String? {
        guard let path = reader.string(ifPresent: key, longest: 200) else { return nil }
        if !path.hasPrefix("/") {
            reader.problem(key, "\(quote(path)) is no whole path", mend: "begin it with '/'")
        }
        return path
    }
}

/// All gateway profiles of one or more folders: a file `gateways/NAME.yaml` is the profile NAME.
public struct GatewayLibrary: Sendable {
    /// The profiles, by name.
    public private(set) var profiles: [String: GatewayProfile] = [:]

    /// The profiles of `folders`, each of which holds `gateways/`; what cannot be read is noted.
    /// Of two profiles with one name the one of the earlier folder counts.
    public init(folders: [String], problems: ProblemList) {
        for folder in folders {
            for (name, path) in ProfileFiles.list("\(folder)/gateways", problems: problems)
            where profiles[name] == nil {
                if let document = Document(path: path, problems: problems) {
                    profiles[name] = GatewayProfile(document, id: name, problems: problems)
                }
            }
        }
    }

    /// The names of all profiles that can be used.
    public var names: [String] { profiles.keys.sorted() }

    /// The profile of the box whose device tree has this model and these compatible names; nil
    /// where none or more than one says it is the one.
    public func profile(model: String, compatible: [String]) -> GatewayProfile? {
        let hits = profiles.values.filter {
            $0.matches.contains { $0.holds(model: model, compatible: compatible) }
        }
        return hits.count == 1 ? hits[0] : nil
    }
}
