/// What one look at a channel's registers gives.
public struct DecodedChannel: Hashable, Sendable {
    /// The module's own code after mask and sign; of a float its bit pattern.
    public var raw: Int64
    /// The loop current in mA, finite; nil where the code is no measurement.
    public var milliamps: Double?
    /// What the module says about the channel.
    public var condition: ChannelCondition

    /// A decoded channel of the three.
    public init(raw: Int64, milliamps: Double?, condition: ChannelCondition) {
        self.raw = raw
        self.milliamps = milliamps
        self.condition = condition
    }

    /// This channel, with what a status outside the value word says about it.
    ///
    /// The more telling of the two conditions stays: an open loop outranks "out of range".
    public func with(status: ChannelCondition) -> DecodedChannel {
        DecodedChannel(
            raw: raw,
            milliamps: milliamps,
            condition: condition.moreTelling(than: status)
        )
    }
}

extension ChannelCondition {
    /// The one of the two that says more about what is wrong.
    public func moreTelling(than other: ChannelCondition) -> ChannelCondition {
        weight >= other.weight ? self : other
    }

    private var weight: Int {
        switch self {
        case .ok: 0
        case .ambiguous: 1
        case .underRange: 2
        case .overRange: 3
        case .notConfigured: 4
        case .moduleFault: 5
        case .shortCircuit: 6
        case .wireBreak: 7
        }
    }
}

extension StatusMeaning {
    /// The condition that `word` tells: the first of `meanings` that holds, or `ok`.
    public static func condition(
        of word: UInt16,
        by meanings: [StatusMeaning]
    ) -> ChannelCondition {
        for meaning in meanings where word & meaning.mask == meaning.value {
            return meaning.condition
        }
        return .ok
    }
}

extension RawEncoding {
    /// The channel that `words` hold, first word first.
    ///
    /// Too few words give a module fault. Any content is safe: nothing here traps or allocates.
    public func decode(_ words: [UInt16], at offset: Int = 0) -> DecodedChannel {
        guard offset >= 0, offset < words.count, self.words <= words.count - offset else {
            return .unreadable
        }
        return decode(first: words[offset], second: self.words > 1 ? words[offset + 1] : 0)
    }

    /// The channel that `words` hold, first word first; see `decode(_:at:)`.
    public func decode(_ words: ArraySlice<UInt16>) -> DecodedChannel {
        guard self.words <= words.count, let first = words.first else { return .unreadable }
        return decode(first: first, second: self.words > 1 ? words[words.startIndex + 1] : 0)
    }

    /// The channel that one or two words hold; `second` is not looked at where `words` is 1.
    ///
    /// The order is fixed: codes that are no measurement, status bits of the first word, mask,
    /// sign, the line to mA.
    public func decode(first: UInt16, second: UInt16 = 0) -> DecodedChannel {
        let pattern = joined(first, second)
        var condition = ChannelCondition.ok
        for meaning in codes where meaning.codes.contains(pattern) {
            // An ambiguous code may still be a measurement; any other is none.
            guard meaning.condition == .ambiguous else {
                return DecodedChannel(
                    raw: code(pattern),
                    milliamps: nil,
                    condition: meaning.condition
                )
            }
            condition = .ambiguous
            break
        }
        if !statusBits.isEmpty {
            let status = StatusMeaning.condition(of: first, by: statusBits)
            condition = condition.moreTelling(than: status)
        }
        let code = code(pattern)
        let number = format == .float32 ? Double(Float(bitPattern: pattern & mask)) : Double(code)
        let share = (number - low.raw) / (high.raw - low.raw)
        let milliamps = low.milliamps + share * (high.milliamps - low.milliamps)
        guard milliamps.isFinite else {
            return DecodedChannel(raw: code, milliamps: nil, condition: .moduleFault)
        }
        if !seesBelowLiveZero, condition == .ok, milliamps <= 4 + LoopStatus.resolution {
            // The code has reached its end: 4 mA, a failure current and an open loop look alike.
            condition = .ambiguous
        }
        return DecodedChannel(raw: code, milliamps: milliamps, condition: condition)
    }

    /// The words, one or two, that this module would show for `milliamps`: the inverse of
    /// `decode`, to the nearest code, kept within the codes that format and mask can hold.
    ///
    /// No status bit is set. Not-a-number gives the code of the low point, but passes as itself
    /// where the format is a float.
    public func encode(milliamps: Double) -> [UInt16] {
        let share = (milliamps - low.milliamps) / (high.milliamps - low.milliamps)
        let number = low.raw + share * (high.raw - low.raw)
        if format == .float32 { return split(Float(number).bitPattern) }
        let wanted = number.isNaN ? low.raw : number
        let used = mask & allBits
        let step = Double(Swift.max(1, used & (~used &+ 1)))
        let range = codeRange
        let rounded = (wanted / step).rounded() * step
        let code = Int64(
            Swift.min(Swift.max(rounded, Double(range.lowerBound)), Double(range.upperBound))
        )
        let pattern =
            switch format {
            case .unsigned, .float32: UInt32(truncatingIfNeeded: code)
            case .twosComplement: UInt32(truncatingIfNeeded: code)
            case .offsetBinary: UInt32(truncatingIfNeeded: code + signWeight)
            case .signMagnitude:
                UInt32(truncatingIfNeeded: code < 0 ? signWeight - code : code)
            }
        return split(pattern & used)
    }

    /// The least and the greatest code that format and mask can hold.
    public var codeRange: ClosedRange<Int64> {
        let used = Int64(mask & allBits)
        let magnitude = used & (signWeight - 1)
        let hasSign = used & signWeight != 0
        switch format {
        case .unsigned, .float32: return 0...used
        case .twosComplement: return (hasSign ? -signWeight : 0)...magnitude
        case .offsetBinary: return -signWeight...(hasSign ? magnitude : magnitude - signWeight)
        case .signMagnitude: return (hasSign ? -magnitude : 0)...magnitude
        }
    }

    /// The bit pattern of all words, the most significant bit first.
    private func joined(_ first: UInt16, _ second: UInt16) -> UInt32 {
        guard words > 1 else { return UInt32(first) }
        return switch wordOrder {
        case .highFirst: UInt32(first) << 16 | UInt32(second)
        case .lowFirst: UInt32(second) << 16 | UInt32(first)
        case .highFirstSwapped: UInt32(first.byteSwapped) << 16 | UInt32(second.byteSwapped)
        case .lowFirstSwapped: UInt32(second.byteSwapped) << 16 | UInt32(first.byteSwapped)
        }
    }

    private func split(_ pattern: UInt32) -> [UInt16] {
        let low = UInt16(truncatingIfNeeded: pattern)
        let high = UInt16(truncatingIfNeeded: pattern >> 16)
        guard words > 1 else { return [low] }
        return switch wordOrder {
        case .highFirst: [high, low]
        case .lowFirst: [low, high]
        case .highFirstSwapped: [high.byteSwapped, low.byteSwapped]
        case .lowFirstSwapped: [low.byteSwapped, high.byteSwapped]
        }
    }

    private var allBits: UInt32 { words > 1 ? .max : 0xFFFF }
    /// The weight of the sign bit: 2^15 or 2^31.
    private var signWeight: Int64 { words > 1 ? 1 << 31 : 1 << 15 }

    /// The signed code of a pattern, after the mask.
    private func code(_ pattern: UInt32) -> Int64 {
        let used = Int64(pattern & mask & allBits)
        switch format {
        case .unsigned, .float32: return used
        case .twosComplement: return used < signWeight ? used : used - 2 * signWeight
        case .offsetBinary: return used - signWeight
        case .signMagnitude: return used < signWeight ? used : signWeight - used
        }
    }
}

extension DecodedChannel {
    /// Fewer words than the encoding needs.
    fileprivate static let unreadable = DecodedChannel(
        raw: 0,
        milliamps: nil,
        condition: .moduleFault
    )
}
