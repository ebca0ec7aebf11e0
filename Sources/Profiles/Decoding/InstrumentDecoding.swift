import GatewayCore
import Signal

/// Reads instrument lists against the modules they refer to.
struct InstrumentDecoding {
    /// A module as instruments see it; `settings` is nil where the module itself is wrong.
    struct Module {
        var settings: ModuleSettings?
    }

    let context: DecodingContext
    let modules: [String: Module]
    /// How the detectors of all instruments work.
    var detection = DetectionSettings()

    private struct Seat: Hashable {
        var module: String
        var channel: Int
    }

    /// The instruments of a whole file, each checked alone and against the others.
    func instruments(_ top: MapReader) -> [InstrumentSettings] {
        if !top.has("instruments") { _ = top.read(InstrumentKeys.instruments) }
        var tags = FirstSeen<String>()
        var foldedTags = FirstSeen<String>()
        var seats = FirstSeen<Seat>()
        var found: [InstrumentSettings] = []
        for (index, reader) in top.maps("instruments").enumerated() {
            let tag = reader.read(InstrumentKeys.tag)
            let tagPlace = reader.place(of: "tag")
            if let tag {
                if let first = tags.before(tag.text, at: tagPlace) {
                    reader.problem(
                        "tag",
                        "\(quote(tag.text)) is also on \(first.described(from: tagPlace))",
                        mend: "give each instrument a tag of its own"
                    )
                } else if let first = foldedTags.before(tag.text.lowercased(), at: tagPlace) {
                    reader.warn(
                        "tag",
                        "\(quote(tag.text)) differs only in case from the tag on "
                            + first.described(from: tagPlace),
                        mend: "give them tags that people can tell apart"
                    )
                }
            }
            let module = reader.read(InstrumentKeys.module)
            let channel = reader.read(InstrumentKeys.channel)
            if let module, let channel {
                let seat = Seat(module: module, channel: channel)
                if let first = seats.before(seat, at: reader.place(of: "channel")) {
                    reader.problem(
                        "channel",
                        "the instrument on \(first.described(from: tagPlace)) is on channel "
                            + "\(channel) of module \(quote(module)) too",
                        mend: "correct one of the two"
                    )
                }
            }
            let settings = instrument(reader, index, tag, module: module, channel: channel)
            if let settings { found.append(settings) }
        }
        top.finish(InstrumentKeys.file)
        return found
    }

    private func instrument(
        _ reader: MapReader,
        _ index: Int,
        _ tag: Tag?,
        module: String?,
        channel: Int?
    ) -> InstrumentSettings? {
        typealias Keys = InstrumentKeys
        let type = reader.read(Keys.type)
        let variable = reader.read(Keys.measuredVariable)
        let span = span(reader, type)
        let nominal = reader.read(Keys.nominal)
        let location = reader.read(Keys.location)
        let equipment = reader.read(Keys.associatedEquipment)
        let accuracy = reader.read(Keys.accuracyClass)
        let criticality = reader.read(Keys.criticality)
        let processUnit = reader.read(Keys.processUnit)
        let calibration = reader.read(Keys.calibrationInterval)
        let extraction = extraction(reader, type)
        let damping = reader.read(Keys.damping)
        let trim = trim(reader)
        let ne43 = ne43(reader)
        let limits = limits(reader, span: span, extraction: extraction, ne43: ne43)
        let rate = reader.read(Keys.rateOfChange)
        let expected = reader.read(Keys.expectedInterval)
        let detectors = DetectorDecoding(over: detection)
        let detection = detectors.settings(reader)
        reader.finish(Keys.section)

        if let nominal, let span, !(span.lrv...span.urv).contains(nominal) {
            reader.problem(
                "nominal",
                "\(plain(nominal)) lies outside the range \(plain(span.lrv)) to "
                    + "\(plain(span.urv)) \(span.unit)",
                mend: "correct 'nominal' or the range"
            )
        }
        let settings = module.flatMap { lookUp($0, channel: channel, reader) }
        if let expected, let settings, expected < settings.period {
            reader.problem(
                "expectedInterval",
                "\(Scalars.describe(expected)) is shorter than the period "
                    + "\(Scalars.describe(settings.period)) of module \(quote(settings.name)): "
                    + "gaps would be reported that are none",
                mend: "write \(Scalars.describe(settings.period)) or more, or delete the key"
            )
        }
        if let interval = expected ?? settings?.period {
            detectors.check(detection, reader, every: interval)
        }
        guard let tag, let type, let span, let module, let channel, let limits else { return nil }
        return InstrumentSettings(
            id: InstrumentID(rawValue: UInt32(clamping: index + 1)),
            tag: tag,
            type: type,
            measuredVariable: variable,
            span: span,
            nominal: nominal,
            location: location,
            associatedEquipment: equipment,
            accuracyClass: accuracy,
            criticality: criticality,
            processUnit: processUnit,
            calibrationIntervalDays: calibration,
            module: module,
            channel: channel,
            extraction: extraction,
            trim: trim,
            damping: damping,
            ne43: ne43,
            limits: limits,
            rateOfChangeLimit: rate,
            expectedInterval: expected ?? settings?.period ?? .seconds(1),
            detection: detection
        )
    }

    private func lookUp(
        _ name: String,
        channel: Int?,
        _ reader: MapReader
    ) -> ModuleSettings? {
        guard let module = modules[name] else {
            context.noSuch("module", name, among: Array(modules.keys), key: "module", reader)
            return nil
        }
        guard let settings = module.settings else { return nil }
        let count = settings.map.channels.count
        if let channel, channel > count {
            reader.problem(
                "channel",
                "module \(quote(name)) has \(count) channels, and this is channel \(channel)",
                mend: count == 1 ? "write 1" : "write 1 to \(count)"
            )
        }
        return settings
    }

    private func span(_ reader: MapReader, _ type: InstrumentType?) -> Span? {
        typealias Keys = InstrumentKeys
        let unit = reader.read(Keys.unit)
        let lrv = reader.read(Keys.lrv)
        let urv = reader.read(Keys.urv)
        if let unit, let type, let doubt = Units.doubt(unit, of: type) {
            reader.warn("unit", doubt.0, mend: doubt.mend)
        }
        guard let lrv, let urv else { return nil }
        guard urv > lrv else {
            reader.problem(
                "urv",
                "the range is \(urv == lrv ? "empty" : "inverted"): urv \(plain(urv)) is not "
                    + "above lrv \(plain(lrv))",
                mend: urv == lrv
                    ? "write the value at 20 mA, above that at 4 mA"
                    : "exchange the two if the transmitter is direct-acting"
            )
            return nil
        }
        guard let span = Span(lrv: lrv, urv: urv, unit: unit ?? "") else {
            reader.problem(
                "urv",
                "the range is too wide to compute with",
                mend: "write the value at 20 mA in the instrument's unit"
            )
            return nil
        }
        return unit == nil ? nil : span
    }

    private func extraction(_ reader: MapReader, _ type: InstrumentType?) -> Extraction {
        typealias Keys = InstrumentKeys
        let curve = reader.read(Keys.extraction)
        let cutOff = reader.read(Keys.lowFlowCutOff)
        switch curve {
        case .linear:
            if reader.has("lowFlowCutOff") {
                reader.problem(
                    "lowFlowCutOff",
                    "the cut-off belongs to 'extraction: square-root'",
                    mend: "delete it or correct 'extraction'"
                )
            }
            return .linear
        case .squareRoot:
            if let type, type != .flow {
                reader.warn(
                    "extraction",
                    "the square root belongs to flow from a differential pressure, and this is "
                        + type.rawValue,
                    mend: "write 'linear' unless this is meant"
                )
            }
            return .squareRoot(lowFlowCutOff: cutOff)
        }
    }

    private func trim(_ reader: MapReader) -> Trim {
        typealias Keys = InstrumentKeys.TrimKeys
        guard let map = reader.map(InstrumentKeys.trim.entry.name) else { return .none }
        let trim = Trim(offset: map.read(Keys.offset), gain: map.read(Keys.gain))
        map.finish(Keys.section)
        return trim
    }

    private func ne43(_ reader: MapReader) -> NE43Limits {
        typealias Keys = InstrumentKeys.NE43Keys
        guard let map = reader.map(InstrumentKeys.ne43.entry.name) else { return .namur }
        var limits = NE43Limits(map.read(Keys.preset))
        if let wireBreak = map.read(Keys.wireBreak) { limits.wireBreak = wireBreak }
        if let failLow = map.read(Keys.failLow) { limits.failLow = failLow }
        if let measureLow = map.read(Keys.measureLow) { limits.measureLow = measureLow }
        if let measureHigh = map.read(Keys.measureHigh) { limits.measureHigh = measureHigh }
        if let failHigh = map.read(Keys.failHigh) { limits.failHigh = failHigh }
        if let dwell = map.read(Keys.dwell) { limits.dwell = dwell }
        if let grace = map.read(Keys.startupGrace) { limits.startupGrace = grace }
        map.finish(Keys.section)
        for problem in limits.problems {
            let parts = problem.text.split(separator: "; ", maxSplits: 1).map(String.init)
            map.problem(
                problem.limit.rawValue,
                "the limit \(parts.first ?? "")",
                mend: parts.count > 1 ? parts[1] : "correct it"
            )
        }
        return limits
    }
}
