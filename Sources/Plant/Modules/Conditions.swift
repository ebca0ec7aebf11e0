import GatewayCore
import Signal

extension ChannelCondition {
    /// What a module that cannot say this says instead, best first, itself included.
    var said: [ChannelCondition] {
        switch self {
        case .ok: []
        case .wireBreak: [.wireBreak, .underRange, .moduleFault, .ambiguous]
        case .underRange: [.underRange, .ambiguous]
        case .shortCircuit: [.shortCircuit, .overRange, .moduleFault, .ambiguous]
        case .overRange: [.overRange, .ambiguous]
        case .moduleFault: [.moduleFault, .ambiguous]
        case .notConfigured: [.notConfigured, .ambiguous]
        case .ambiguous: [.ambiguous]
        }
    }
}

extension RawEncoding {
    /// The words that show `milliamps` while the channel is in `condition`: a code of its own
    /// where the module has one, status bits where it has those.
    func words(for milliamps: Double, condition: ChannelCondition) -> [UInt16] {
        var words = encode(milliamps: milliamps)
        for said in condition.said {
            guard let meaning = codes.first(where: { $0.condition == said }) else { continue }
            // A code that means several things is shown where the current leads to it anyway.
            if said == .ambiguous && condition == .wireBreak && seesBelowLiveZero { continue }
            words = pattern(meaning.codes.lowerBound)
            break
        }
        if !statusBits.isEmpty, !words.isEmpty {
            words[0] = statusBits.word(for: condition, in: words[0])
        }
        return words
    }

    /// The words whose unsigned bit pattern is `code`, in the order of `wordOrder`.
    private func pattern(_ code: UInt32) -> [UInt16] {
        let low = UInt16(truncatingIfNeeded: code)
        let high = UInt16(truncatingIfNeeded: code >> 16)
        guard words > 1 else { return [low] }
        return switch wordOrder {
        case .highFirst: [high, low]
        case .lowFirst: [low, high]
        case .highFirstSwapped: [high.byteSwapped, low.byteSwapped]
        case .lowFirstSwapped: [low.byteSwapped, high.byteSwapped]
        }
    }
}

extension StatusSource {
    /// `old` with the bits of this source telling `condition`; other bits stay.
    func word(for condition: ChannelCondition, in old: UInt16) -> UInt16 {
        meanings.word(for: condition, in: old)
    }
}

extension [StatusMeaning] {
    /// `old` with the bits of these meanings telling `condition`, or ok where none tells it.
    func word(for condition: ChannelCondition, in old: UInt16) -> UInt16 {
        let fine = fineWord(in: old)
        for said in condition.said {
            for meaning in self where meaning.condition == said {
                let word = fine & ~meaning.mask | meaning.value & meaning.mask
                if first(where: { word & $0.mask == $0.value })?.condition == said { return word }
            }
        }
        return fine
    }

    /// `old` with these bits such that no meaning but ok holds.
    private func fineWord(in old: UInt16) -> UInt16 {
        let masks = reduce(0) { $0 | $1.mask }
        if let ok = first(where: { $0.condition == .ok }) {
            return old & ~masks | ok.value & ok.mask
        }
        // All bits clear says ok, unless a meaning holds for zero: then its lowest bit is set.
        var word = old & ~masks
        for meaning in self where word & meaning.mask == meaning.value {
            word |= meaning.mask & (~meaning.mask &+ 1)
        }
        return word
    }
}
