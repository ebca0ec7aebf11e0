import GatewayCore
import Signal

extension ModuleProfileReader {
    // MARK: Ranges and encodings

    func ranges(_ owner: MapReader) -> [ModuleProfile.InputRange] {
        let readers = owner.maps("ranges")
        if !owner.has("ranges") {
            owner.problem(
                "ranges",
                "the key is missing",
                mend: "add the input ranges, each with its encoding"
            )
        }
        var names: Set<String> = []
        var hasDefault = false
        return readers.compactMap { reader in
            let name = reader.string("name", longest: 40)
            if let name, !names.insert(name).inserted {
                reader.problem("name", "another range has this name", mend: "write another name")
            }
            let code = reader.integer(ifPresent: "code", in: 0...0xFFFF)
            let isDefault = reader.bool("default", default: false)
            if isDefault, hasDefault {
                reader.problem(
                    "default",
                    "another range is the default",
                    mend: "delete one of the two"
                )
            }
            hasDefault = hasDefault || isDefault
            let advice = reader.string(ifPresent: "advice")
            let assumptions = reader.maps("assumptions").compactMap { assumption($0, count: nil) }
            var encoding: RawEncoding?
            if let section = reader.map("encoding") {
                encoding = self.encoding(section)
            } else if !reader.has("encoding") {
                reader.problem("encoding", "the key is missing", mend: "add 'encoding:' here")
            }
            reader.finish()
            guard let name, let encoding else { return nil }
            return ModuleProfile.InputRange(
                name: name,
                code: code.map { UInt16($0) },
                encoding: encoding,
                isDefault: isDefault,
                assumptions: assumptions,
                advice: advice
            )
        }
    }

    private func encoding(_ reader: MapReader) -> RawEncoding? {
        let format = reader.choice("format", RawEncoding.Format.self)
        let isFloat = format == .float32
        let words = reader.integer("words", default: isFloat ? 2 : 1, in: 1...2)
        if isFloat, words != 2 {
            reader.problem("words", "a float32 takes two words", mend: "write 2 or delete the key")
        }
        let order = reader.choice("wordOrder", default: RawEncoding.WordOrder.highFirst)
        if words == 2, !reader.has("wordOrder") {
            reader.problem(
                "wordOrder",
                "the key is missing, and two words can be in four orders",
                mend: "add 'wordOrder: high-first' or what the manual says"
            )
        }
        let all = words == 2 ? 0xFFFF_FFFF : 0xFFFF
        let mask = reader.integer("mask", default: all, in: 1...all)
        let low = point(reader, "low")
        let high = point(reader, "high")
        if let low, let high {
            if low.raw == high.raw {
                reader.problem(
                    "high",
                    "its code is that of the low point",
                    mend: "write two different codes"
                )
            }
            if low.milliamps == high.milliamps {
                reader.problem(
                    "high",
                    "its current is that of the low point",
                    mend: "write two different currents"
                )
            }
        }
        let status = reader.maps("statusBits").compactMap(statusBit)
        let codes = reader.maps("codes").compactMap { code($0, upTo: all) }
        let sees = reader.bool("seesBelowLiveZero")
        reader.finish()
        guard let format, let low, let high, let sees else { return nil }
        let encoding = RawEncoding(
            format: format,
            words: words,
            wordOrder: order,
            mask: UInt32(mask),
            low: low,
            high: high,
            statusBits: status,
            codes: codes,
            seesBelowLiveZero: sees
        )
        if format != .float32 {
            let range = encoding.codeRange
            for (key, point) in [("low", low), ("high", high)]
            where point.raw < Double(range.lowerBound) || point.raw > Double(range.upperBound) {
                reader.problem(
                    key,
                    "code \(point.raw) cannot be written in this format and mask",
                    mend: "write a code from \(range.lowerBound) to \(range.upperBound)"
                )
            }
        }
        return encoding
    }

    private func point(_ reader: MapReader, _ key: String) -> RawEncoding.Point? {
        guard let section = reader.map(key) else {
            if !reader.has(key) {
                reader.problem(
                    key,
                    "the key is missing",
                    mend: "add '\(key): {raw: …, mA: …}' here"
                )
            }
            return nil
        }
        // A code is written as the manual prints it, often in hexadecimal; of a float it may be broken.
        let isHex = section.value("raw")?.text?.lowercased().hasPrefix("0x") ?? false
        let raw =
            isHex
            ? section.integer("raw", in: 0...0xFFFF_FFFF).map(Double.init)
            : section.double("raw", in: -2_147_483_648...4_294_967_295)
        let milliamps = section.double("mA", in: -50...50)
        section.finish()
        guard let raw, let milliamps else { return nil }
        return RawEncoding.Point(raw: raw, milliamps: milliamps)
    }

    private func statusBit(_ reader: MapReader) -> StatusMeaning? {
        let mask = reader.integer("mask", in: 1...0xFFFF)
        let value = reader.integer("value", in: 0...0xFFFF)
        let condition = reader.choice("means", ChannelCondition.self)
        reader.finish()
        guard let mask, let value, let condition else { return nil }
        if value & ~mask != 0 {
            reader.problem(
                "value",
                "it has bits that the mask takes away: it can never be met",
                mend: "write the value as it is after the mask"
            )
        }
        return StatusMeaning(mask: UInt16(mask), value: UInt16(value), condition: condition)
    }

    private func code(_ reader: MapReader, upTo all: Int) -> CodeMeaning? {
        let condition = reader.choice("means", ChannelCondition.self)
        var range: ClosedRange<UInt32>?
        if reader.has("code") {
            range = reader.integer("code", in: 0...all).map { UInt32($0)...UInt32($0) }
        } else if let first = reader.integer("from", in: 0...all),
            let last = reader.integer("to", in: 0...all)
        {
            if first <= last {
                range = UInt32(first)...UInt32(last)
            } else {
                reader.problem("to", "it is below 'from'", mend: "swap the two")
            }
        }
        reader.finish(others: ["code", "from", "to"])
        if condition == .ok {
            reader.problem("means", "a code that means ok is a value", mend: "delete the code")
        }
        guard let condition, let range else { return nil }
        return CodeMeaning(codes: range, condition: condition)
    }

    // MARK: Identity and assumptions

    func assumption(_ reader: MapReader, count: Int?) -> ModuleProfile.Assumption? {
        let isPerChannel = reader.has("stride") || reader.has("addresses")
        let place = place(
            reader,
            finishes: false,
            count: isPerChannel ? count : 1,
            stride: 0
        )
        let (expected, masks) = words(reader)
        let meaning = reader.string("meaning")
        reader.finish()
        guard let place, let meaning, !expected.isEmpty else { return nil }
        return ModuleProfile.Assumption(
            place: place,
            isPerChannel: isPerChannel,
            expected: expected,
            masks: masks,
            meaning: meaning
        )
    }

    func identification(_ reader: MapReader) -> ModuleProfile.Identification? {
        let table = reader.choice("table", among: Self.tables)
        let address = reader.integer("address", in: 0...0xFFFF)
        let isProbeOnly = reader.bool("onlyProbe", default: false)
        let meaning = reader.string("meaning")
        let hasText = reader.has("text") || reader.has("contains")
        let packing =
            hasText
            ? reader.integer("charactersPerRegister", in: 1...2)
                .flatMap(CharacterPacking.init(rawValue:)) : nil
        if reader.has("contains") {
            let wanted = reader.string("contains", longest: 40)
            let count = reader.integer("count", in: 1...64)
            if !isProbeOnly {
                reader.problem(
                    "contains",
                    "a running gateway compares words, not texts",
                    mend: "add 'onlyProbe: true', or write the whole text under 'text'"
                )
            }
            reader.finish()
            guard let table, let address, let meaning, let packing, let wanted, let count else {
                return nil
            }
            return ModuleProfile.Identification(
                table: table,
                address: UInt16(address),
                count: count,
                content: .text(packing, wanted: wanted),
                isRequired: false,
                meaning: meaning
            )
        }
        var expected: [UInt16] = []
        var masks: [UInt16] = []
        if reader.has("text") {
            if let text = reader.string("text", longest: 40), let packing {
                expected = packing.words(of: text)
            }
        } else {
            (expected, masks) = words(reader)
        }
        reader.finish(others: ["contains"])
        guard let table, let address, let meaning, !expected.isEmpty else { return nil }
        let check = RegisterCheck(
            table: table,
            address: UInt16(address),
            expected: expected,
            masks: masks,
            meaning: meaning
        )
        return ModuleProfile.Identification(
            table: table,
            address: UInt16(address),
            count: expected.count,
            content: .words(check),
            isRequired: !isProbeOnly,
            meaning: meaning
        )
    }

    private func words(_ reader: MapReader) -> ([UInt16], [UInt16]) {
        let expected = reader.list("expect") { Scalars.integer($0, in: 0...0xFFFF) }
        if !reader.has("expect") {
            reader.problem(
                "expect",
                "the key is missing",
                mend: "add the words, such as 'expect: [0x4117]'"
            )
        }
        let masks = reader.list("mask") { Scalars.integer($0, in: 0...0xFFFF) }
        if masks.count > expected.count {
            reader.problem(
                "mask",
                "there are more masks than words",
                mend: "write one mask for each word"
            )
        }
        return (expected.map { UInt16($0) }, masks.map { UInt16($0) })
    }

    func firmwareRegister(_ reader: MapReader) -> ModuleProfile.FirmwareRegister? {
        let table = reader.choice("table", among: Self.tables)
        let address = reader.integer("address", in: 0...0xFFFF)
        let count = reader.integer("count", default: 1, in: 1...64)
        let form = reader.choice("form", ModuleProfile.FirmwareRegister.Form.self)
        reader.finish()
        guard let table, let address, let form else { return nil }
        return ModuleProfile.FirmwareRegister(
            table: table,
            address: UInt16(address),
            count: count,
            form: form
        )
    }
}
