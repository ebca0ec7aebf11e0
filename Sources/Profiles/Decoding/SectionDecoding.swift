import GatewayCore
import Signal

extension DecodingContext {
    /// The store's settings.
    func journal(_ top: MapReader) -> JournalSettings {
        typealias Keys = GatewayKeys.Store
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
        guard let reader = journal.map(GatewayKeys.Store.retention.entry.name) else {
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

    /// The local page's listener.
    func page(_ top: MapReader) -> PageSettings {
        typealias Keys = GatewayKeys.Page
        guard let reader = top.map(Keys.section.path) else { return PageSettings() }
        let settings = PageSettings(
            host: reader.read(Keys.host),
            port: reader.read(Keys.port),
            opensHealth: reader.read(Keys.openHealth),
            chart: reader.read(Keys.chart)
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
