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
        var settings = PageSettings(
            host: reader.read(Keys.host),
            port: reader.read(Keys.port),
            opensHealth: reader.read(Keys.openHealth),
            chart: reader.read(Keys.chart),
            names: reader.read(Keys.names) ?? []
        )
        let isPlain = reader.read(Keys.plain)
        if let tls = reader.map(Keys.tls.entry.name) {
            settings.certificate = certificate(tls)
            if isPlain {
                reader.problem(
                    Keys.plain.entry.name,
                    "it contradicts 'tls'",
                    mend: "delete one of the two"
                )
            }
        } else if !isPlain, !settings.isLoopback {
            reader.problem(
                Keys.host.entry.name,
                "others can connect to \(settings.host), and without 'tls' passwords can be read "
                    + "on their way",
                mend: "add 'tls: {selfMade: true}', or 'tls' with 'certificate' and 'key'; "
                    + "'plain: true' serves without encryption all the same"
            )
        }
        reader.finish(Keys.section)
        return settings
    }

    private func certificate(_ reader: MapReader) -> PageSettings.Certificate? {
        typealias Keys = GatewayKeys.PageTLS
        let certificate = reader.read(Keys.certificate)
        let key = reader.read(Keys.key)
        let isSelfMade = reader.read(Keys.selfMade)
        reader.finish(Keys.section)
        switch (certificate, key, isSelfMade) {
        case (let certificate?, let key?, false):
            return .files(certificate: absolute(certificate), key: absolute(key))
        case (nil, nil, true): return .selfMade
        case (nil, nil, false):
            reader.problem(
                "it names no certificate",
                mend: "write 'certificate' and 'key', or 'selfMade: true'"
            )
        case (_, _, true):
            reader.problem(
                Keys.selfMade.entry.name,
                "it contradicts 'certificate' and 'key'",
                mend: "delete it, or delete the two"
            )
        case (nil, _, false):
            reader.problem(
                Keys.key.entry.name,
                "there is a key without a certificate",
                mend: "add 'certificate'"
            )
        case (_, nil, false):
            reader.problem(
                Keys.certificate.entry.name,
                "there is a certificate without its key",
                mend: "add 'key'"
            )
        }
        return nil
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
