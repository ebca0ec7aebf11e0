import Alerts
import GatewayCore
import Signal

extension DecodingContext {
    /// The alarm output with its heartbeat and lamps.
    func relay(_ top: MapReader) -> RelaySettings {
        typealias Keys = RelayKeys
        guard let reader = top.map(Keys.section.path) else { return RelaySettings() }
        var outputs = FirstSeen<RelaySettings.Output>()
        let kind = reader.read(Keys.output)
        var settings = RelaySettings()
        settings.output = output(reader, kind, &outputs) ?? .log
        settings.severities = Set(reader.read(Keys.severities))
        settings.areas = Set(reader.read(Keys.areas) ?? [])
        settings.includesGateway = reader.read(Keys.gatewayAlerts)
        settings.onDelay = reader.read(Keys.onDelay)
        settings.offDelay = reader.read(Keys.offDelay)
        settings.minimumDwell = reader.read(Keys.minimumDwell)
        settings.isLatching = reader.read(Keys.latching)
        settings.holdsUntilAcknowledged = reader.read(Keys.holdUntilAcknowledged)
        settings.feedTimeout = reader.read(Keys.feedTimeout)
        settings.refresh = reader.read(Keys.refresh)
        settings.longestTest = reader.read(Keys.longestTest)
        if let stall = reader.map(Keys.stallLimits.entry.name) {
            settings.stallLimits = [
                .polling: stall.read(Keys.Stall.polling),
                .detection: stall.read(Keys.Stall.detection),
                .journal: stall.read(Keys.Stall.journal),
            ]
            stall.finish(Keys.Stall.section)
        }
        if let heartbeat = reader.map(Keys.heartbeat.entry.name) {
            let kind = heartbeat.read(Keys.realOutput)
            let output = output(heartbeat, kind, &outputs)
            let halfPeriod = heartbeat.read(Keys.Heartbeat.halfPeriod)
            heartbeat.finish(Keys.Heartbeat.section)
            if let output {
                settings.heartbeat = .init(output: output, halfPeriod: halfPeriod)
            }
        }
        for lamp in reader.maps(Keys.lamps.entry.name) {
            let shows = lamp.read(Keys.Lamp.shows)
            let kind = lamp.read(Keys.realOutput)
            let output = output(lamp, kind, &outputs)
            lamp.finish(Keys.Lamp.section)
            if let shows, let output {
                settings.lamps.append(.init(indication: shows, output: output))
            }
        }
        reader.finish(Keys.section)
        return settings
    }

    /// The output that `reader` describes; nil where something needed is missing or wrong.
    private func output(
        _ reader: MapReader,
        _ kind: OutputKeys.Kind?,
        _ outputs: inout FirstSeen<RelaySettings.Output>
    ) -> RelaySettings.Output? {
        typealias Keys = OutputKeys
        let chip = reader.read(Keys.chip)
        let line = reader.read(Keys.line)
        let activeLow = reader.read(Keys.activeLow)
        let path = reader.read(Keys.path).map(absolute)
        let byte = reader.read(Keys.byte)
        let bit = reader.read(Keys.bit)
        let energised = reader.read(Keys.energised)
        let safe = reader.read(Keys.safe)
        let host = reader.read(Keys.host)
        let port = reader.read(Keys.port)
        let unit = reader.read(Keys.unit)
        let address = reader.read(Keys.address)
        guard let kind else { return nil }
        refuseForeign(reader, kind)
        func need(_ keys: String...) {
            for key in keys where !reader.has(key) {
                reader.problem(
                    key,
                    "output \(kind.rawValue) needs it",
                    mend: "add '\(key): …' here"
                )
            }
        }
        var output: RelaySettings.Output?
        /// What makes two outputs the same one, whatever their polarity or texts.
        var place: RelaySettings.Output?
        switch kind {
        case .log: output = .log
        case .gpio:
            need("chip", "line")
            if let chip, let line {
                output = .gpio(chip: chip, line: line, activeLow: activeLow)
                place = .gpio(chip: chip, line: line, activeLow: false)
            }
        case .processImage:
            need("path", "byte", "bit")
            if let path, let byte, let bit {
                output = .processImage(path: path, byte: byte, bit: bit)
                place = output
            }
        case .sysfs:
            need("path")
            if energised == safe {
                reader.problem(
                    reader.has("safe") ? "safe" : "energised",
                    "'energised' and 'safe' are the same text",
                    mend: "write the two texts that the file tells apart"
                )
            }
            if let path {
                output = .sysfs(path: path, energised: energised, safe: safe)
                place = .sysfs(path: path, energised: "", safe: "")
            }
        case .coil:
            need("host", "address")
            if let host, let address {
                output = .coil(
                    host: host,
                    port: port,
                    unit: UInt8(clamping: unit),
                    address: UInt16(clamping: address)
                )
                place = output
            }
        }
        if let place, let first = outputs.before(place, at: reader.place) {
            reader.problem(
                "output",
                "the output on \(first.described(from: reader.place)) is the same one",
                mend: "give relay, heartbeat and each lamp an output of its own"
            )
        }
        return output
    }

    private func refuseForeign(_ reader: MapReader, _ kind: OutputKeys.Kind) {
        let own = OutputKeys.owned[kind] ?? []
        let all = Set(OutputKeys.owned.values.joined())
        for key in all.subtracting(own).sorted() where reader.has(key) {
            let owners = OutputKeys.owned.filter { $0.value.contains(key) }
                .map(\.key.rawValue).sorted().joined(separator: " or ")
            reader.problem(
                key,
                "the key belongs to output \(owners), and this is \(kind.rawValue)",
                mend: "delete it or correct 'output'"
            )
        }
    }

    /// Warns of areas that no instrument is in: the relay would never hear of them.
    func checkAreas(
        _ top: MapReader,
        _ relay: RelaySettings,
        _ instruments: [InstrumentSettings]
    ) {
        guard let reader = top.map(RelayKeys.section.path) else { return }
        warnOfAreas(relay.areas, reader, instruments)
    }

    /// Warns of those `areas` of `reader` that no instrument is in.
    func warnOfAreas(
        _ areas: Set<String>,
        _ reader: MapReader,
        _ instruments: [InstrumentSettings]
    ) {
        let known = Set(instruments.map(\.processUnit))
        guard !known.isEmpty else { return }
        for area in areas.subtracting(known).sorted() {
            let near = nearest(to: area, among: known.sorted())
            reader.warn(
                RelayKeys.areas.entry.name,
                "no instrument has the process unit \(quote(area))",
                mend: near.map { "write '\($0)' if that is meant" } ?? "correct the name"
            )
        }
    }
}
