import GatewayCore
import Signal

extension ModuleProfile {
    /// The form of profile files that this release reads.
    public static let schemaVersion = 1
    /// Channels of one module at most.
    public static let mostChannels = 64

    /// The profile in `document`, or nil with every problem of it noted in `problems`.
    public init?(_ document: Document, id: String, problems: ProblemList) {
        let before = problems.problems.count
        guard let top = document.map(problems) else { return nil }
        let decoded = ModuleProfileReader(problems: problems).profile(top, id: id)
        guard let decoded, problems.problems.count == before else { return nil }
        self = decoded
    }
}

/// Reads one profile file, noting everything that is wrong with it.
struct ModuleProfileReader {
    let problems: ProblemList

    func profile(_ top: MapReader, id: String) -> ModuleProfile? {
        guard top.integer("profile", in: 1...ModuleProfile.schemaVersion) != nil else {
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
        let summary = top.string("summary")
        let confidence = top.choice("confidence", Confidence.self)
        let sources = texts(top, "source")
        if sources.isEmpty {
            top.problem(
                "source",
                "nothing says where the facts are from",
                mend: "add 'source:' with a list of manuals or drivers"
            )
        }
        let notes = texts(top, "notes")
        let bus = top.choice("bus", ModuleProfile.Bus.self)
        let serial = top.map("serial").flatMap(factorySerial)
        if serial != nil, bus == .tcp {
            top.problem(
                "serial",
                "a module for TCP has no serial port",
                mend: "delete the key or the bus"
            )
        }
        let identification = top.maps("identity").compactMap(self.identification)
        let firmware = top.map("firmware").flatMap(firmwareRegister)
        let layouts = self.layouts(top)
        top.finish()
        guard let vendor, let model, let summary, let confidence, let bus, !layouts.isEmpty else {
            return nil
        }
        return ModuleProfile(
            id: id,
            vendor: vendor,
            model: model,
            summary: summary,
            confidence: confidence,
            sources: sources,
            notes: notes,
            bus: bus,
            serial: serial,
            identification: identification,
            firmwareRegister: firmware,
            layouts: layouts
        )
    }

    private func texts(_ reader: MapReader, _ key: String) -> [String] {
        reader.list(key) { Scalars.text($0) }
    }

    private func factorySerial(_ reader: MapReader) -> ModuleProfile.FactorySerial? {
        let unit = reader.integer(ifPresent: "unit", in: 1...247)
        let baud = reader.integer("baud", in: 1200...115_200)
        let parity = reader.choice("parity", SerialParity.self)
        let stopBits = reader.integer("stopBits", in: 1...2)
        reader.finish()
        guard let baud, let parity, let stopBits else { return nil }
        return ModuleProfile.FactorySerial(
            unit: unit,
            baud: baud,
            parity: parity.setting,
            stopBits: stopBits
        )
    }

    // MARK: Layouts

    private static let layoutKeys = [
        "channels", "ranges", "rangeRegister", "assumptions", "limits",
    ]

    /// One layout from the outermost map, or one for each variant, in which the outermost keys
    /// hold where the variant does not say otherwise.
    private func layouts(_ top: MapReader) -> [ModuleProfile.Layout] {
        guard top.has("variants") else {
            return layout(firmware: nil, from: [top]).map { [$0] } ?? []
        }
        let layouts = top.maps("variants").compactMap { variant -> ModuleProfile.Layout? in
            let range = variant.required("firmware") { value -> MapReader.Parsed<FirmwareRange> in
                guard let text = value.text, let range = FirmwareRange(text) else {
                    return .wrong(
                        "\(value.quoted) is no range of versions",
                        mend: "write '\">= 4.32\"' or '\"< 4.32\"'"
                    )
                }
                return .value(range)
            }
            let layout = self.layout(firmware: range, from: [variant, top])
            variant.finish(others: Self.layoutKeys)
            return layout
        }
        for key in Self.layoutKeys { _ = top.has(key) }
        return layouts
    }

    /// The layout whose keys are in the first of `readers` that has them.
    private func layout(
        firmware: FirmwareRange?,
        from readers: [MapReader]
    ) -> ModuleProfile.Layout? {
        func owner(_ key: String) -> MapReader {
            readers.first { $0.has(key) } ?? readers[0]
        }
        let ranges = self.ranges(owner("ranges"))
        let words = ranges.map(\.encoding.words).max() ?? 1
        let channels: ModuleProfile.Channels? = {
            let reader = owner("channels")
            guard let section = reader.map("channels") else {
                if !reader.has("channels") {
                    reader.problem("channels", "the key is missing", mend: "add 'channels:' here")
                }
                return nil
            }
            return self.channels(section, words: words)
        }()
        let rangeRegister = owner("rangeRegister").map("rangeRegister")
            .flatMap { self.place($0, finishes: true, count: channels?.count) }
        if rangeRegister == nil, !owner("rangeRegister").has("rangeRegister"),
            ranges.contains(where: { $0.code != nil })
        {
            owner("ranges").problem(
                "ranges",
                "there are range codes, but nothing says where the module tells them",
                mend: "add 'rangeRegister:' or delete the codes"
            )
        }
        let assumptions = owner("assumptions").maps("assumptions")
            .compactMap { assumption($0, count: channels?.count) }
        let limits = owner("limits").map("limits").map(self.limits) ?? ModuleProfile.ReadLimits()
        guard let channels, !ranges.isEmpty else { return nil }
        return ModuleProfile.Layout(
            firmware: firmware,
            channels: channels,
            ranges: ranges,
            rangeRegister: rangeRegister,
            assumptions: assumptions,
            limits: limits
        )
    }

    private func limits(_ reader: MapReader) -> ModuleProfile.ReadLimits {
        let limits = ModuleProfile.ReadLimits(
            maxRegisters: reader.integer("maxRegisters", default: 125, in: 1...125),
            bridgeableGap: reader.integer("bridgeableGap", default: 8, in: 0...123),
            requestGap: reader.duration(
                "requestGap",
                default: .zero,
                in: .zero ... .seconds(10)
            ),
            deafAfterWrite: reader.duration(
                "deafAfterWrite",
                default: .zero,
                in: .zero ... .seconds(600)
            )
        )
        reader.finish()
        return limits
    }

    private func channels(_ reader: MapReader, words: Int) -> ModuleProfile.Channels? {
        let count = reader.integer("count", in: 1...ModuleProfile.mostChannels)
        let isSlotRelative = reader.bool("slotRelative", default: false)
        let place = self.place(reader, finishes: false, count: count, words: words)
        let status = reader.maps("status").compactMap { self.status($0, count: count) }
        reader.finish()
        guard let count, let place else { return nil }
        return ModuleProfile.Channels(
            count: count,
            place: place,
            isSlotRelative: isSlotRelative,
            status: status
        )
    }

    private func status(_ reader: MapReader, count: Int?) -> ModuleProfile.Status? {
        let place = self.place(reader, finishes: false, count: count, stride: 0)
        let meanings = reader.maps("meanings").compactMap(meaning)
        if !reader.has("meanings") {
            reader.problem("meanings", "the key is missing", mend: "add what the status can say")
        }
        if meanings.contains(where: { if case .channelBit = $0.bits { true } else { false } }),
            let count, count > 16
        {
            reader.problem(
                "meanings",
                "one word has no bit for each of \(count) channels",
                mend: "write a status for each 16 channels, or fewer channels"
            )
        }
        reader.finish()
        guard let place, !meanings.isEmpty else { return nil }
        return ModuleProfile.Status(place: place, meanings: meanings)
    }

    private func meaning(_ reader: MapReader) -> ModuleProfile.Status.Meaning? {
        let condition = reader.choice("means", ChannelCondition.self)
        var bits: ModuleProfile.Status.Meaning.Bits?
        if reader.has("channelBit") {
            bits = reader.integer("channelBit", in: 0...1).map { .channelBit(isSet: $0 == 1) }
        } else {
            let mask = reader.integer("mask", default: 0xFFFF, in: 1...0xFFFF)
            if let value = reader.integer("value", in: 0...0xFFFF) {
                if value & ~mask != 0 {
                    reader.problem(
                        "value",
                        "it has bits that the mask takes away: it can never be met",
                        mend: "write the value as it is after the mask"
                    )
                }
                bits = .masked(mask: UInt16(mask), value: UInt16(value))
            }
        }
        reader.finish(others: ["channelBit", "mask", "value"])
        guard let condition, let bits else { return nil }
        return ModuleProfile.Status.Meaning(bits: bits, condition: condition)
    }

    // MARK: Places

    /// The table and the addresses in `reader`: `address` with `stride`, or `addresses`.
    func place(
        _ reader: MapReader,
        finishes: Bool,
        count: Int?,
        words: Int = 1,
        stride usual: Int? = nil
    ) -> RegisterPattern? {
        let table = reader.choice("table", among: ModuleProfileReader.tables)
        var addresses: RegisterPattern.Addresses?
        if reader.has("addresses") {
            let list = reader.list("addresses") { Scalars.integer($0, in: 0...0xFFFF) }
            if let count, list.count != count {
                reader.problem(
                    "addresses",
                    "there are \(list.count) addresses for \(count) channels",
                    mend: "write one address for each channel"
                )
            }
            addresses = .list(list)
        } else {
            let stride = reader.integer("stride", default: usual ?? words, in: 0...0x4000)
            if let first = reader.integer("address", in: 0...0xFFFF) {
                let last = first + stride * ((count ?? 1) - 1) + words - 1
                if last > 0xFFFF {
                    reader.problem(
                        "address",
                        "the last channel would be at \(last), beyond 65535",
                        mend: "lower the address, the stride or the count"
                    )
                }
                addresses = .stride(first: first, stride: stride)
            }
        }
        if finishes { reader.finish(others: ["address", "addresses", "stride"]) }
        guard let table, let addresses else { return nil }
        let place = RegisterPattern(table: table, addresses: addresses)
        if usual == nil { checkOverlap(reader, place, count: count, words: words) }
        return place
    }

    private func checkOverlap(
        _ reader: MapReader,
        _ place: RegisterPattern,
        count: Int?,
        words: Int
    ) {
        guard let count, count > 1 else { return }
        let places = (0..<count).compactMap { place.address($0) }.sorted()
        if zip(places, places.dropFirst()).contains(where: { $1 - $0 < words }) {
            let key = reader.has("addresses") ? "addresses" : "stride"
            reader.problem(
                key,
                "two channels overlap: each has \(words) word\(words > 1 ? "s" : "")",
                mend: "write addresses at least \(words) apart"
            )
        }
    }

    static let tables: [(String, RegisterTable)] = [
        ("coils", .coils), ("discrete-inputs", .discreteInputs), ("holding", .holding),
        ("input", .input),
    ]
}

/// The words for a parity bit.
enum SerialParity: String, CaseIterable {
    case none, even, odd

    var setting: SerialSettings.Parity {
        switch self {
        case .none: .none
        case .even: .even
        case .odd: .odd
        }
    }
}
