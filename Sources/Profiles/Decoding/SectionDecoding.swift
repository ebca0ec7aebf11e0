import GatewayCore
import Signal

extension DecodingContext {
    /// The store's settings.
    func journal(_ top: MapReader) -> JournalSettings {
        typealias Keys = GatewayKeys.Journal
        guard let reader = top.map(Keys.section.path) else { return JournalSettings() }
        let path = reader.read(Keys.path)
        let interval = reader.read(Keys.commitInterval)
        let quota = reader.read(Keys.quota)
        let tiers = retention(reader)
        reader.finish(Keys.section)
        return JournalSettings(
            path: absolute(path),
            commitInterval: interval,
            quotaBytes: quota,
            rawDays: tiers[0],
            minuteDays: tiers[1],
            hourDays: tiers[2],
            dayDays: tiers[3]
        )
    }

    /// Days of the four tiers, finest first; nil: for ever.
    private func retention(_ journal: MapReader) -> [Int?] {
        typealias Keys = GatewayKeys.Retention
        let keys = [Keys.raw, Keys.minute, Keys.hour, Keys.day]
        guard let reader = journal.map(GatewayKeys.Journal.retention.entry.name) else {
            return keys.map(\.fallback.days)
        }
        let days = keys.map { reader.read($0).days }
        reader.finish(Keys.section)
        for index in keys.indices.dropFirst() {
            if let coarse = days[index], coarse < days[index - 1] ?? .max {
                reader.warn(
                    keys[index].entry.name,
                    "it is kept for less time than the finer '\(keys[index - 1].entry.name)'",
                    mend: "keep coarse tiers at least as long as fine ones"
                )
            }
        }
        return days
    }

    /// The alarm output.
    func relay(_ top: MapReader) -> RelaySettings {
        typealias Keys = RelayKeys
        guard let reader = top.map(Keys.section.path) else { return RelaySettings() }
        let kind = reader.read(Keys.output)
        let dwell = reader.read(Keys.minimumDwell)
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
        reader.finish(Keys.section)

        let own = Keys.owned[kind] ?? []
        for key in Set(Keys.owned.values.joined()).subtracting(own).sorted() where reader.has(key) {
            let owners = Keys.owned.filter { $0.value.contains(key) }.map(\.key.rawValue).sorted()
            reader.problem(
                key,
                "the key belongs to output \(owners.joined(separator: " or ")), "
                    + "and this is \(kind.rawValue)",
                mend: "delete it or correct 'output'"
            )
        }
        func need(_ keys: String...) {
            for key in keys where !reader.has(key) {
                reader.problem(
                    key,
                    "output \(kind.rawValue) needs it",
                    mend: "add '\(key): …' here"
                )
            }
        }
        var output = RelaySettings.Output.log
        switch kind {
        case .log: break
        case .gpio:
            need("chip", "line")
            if let chip, let line {
                output = .gpio(chip: chip, line: line, activeLow: activeLow)
            }
        case .processImage:
            need("path", "byte", "bit")
            if let path, let byte, let bit {
                output = .processImage(path: path, byte: byte, bit: bit)
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
            if let path { output = .sysfs(path: path, energised: energised, safe: safe) }
        case .coil:
            need("host", "address")
            if let host, let address {
                output = .coil(
                    host: host,
                    port: port,
                    unit: UInt8(clamping: unit),
                    address: UInt16(clamping: address)
                )
            }
        }
        return RelaySettings(output: output, minimumDwell: dwell)
    }

    /// The local page's listener.
    func page(_ top: MapReader) -> PageSettings {
        typealias Keys = GatewayKeys.Page
        guard let reader = top.map(Keys.section.path) else { return PageSettings() }
        let settings = PageSettings(
            host: reader.read(Keys.host),
            port: reader.read(Keys.port),
            opensHealth: reader.read(Keys.openHealth)
        )
        reader.finish(Keys.section)
        return settings
    }

    /// Whether the hardware clock is trusted.
    func trustsRTC(_ top: MapReader) -> Bool {
        typealias Keys = GatewayKeys.Clock
        guard let reader = top.map(Keys.section.path) else { return Keys.source.fallback }
        let trusts = reader.read(Keys.source)
        reader.finish(Keys.section)
        return trusts
    }
}
