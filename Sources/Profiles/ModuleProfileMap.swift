import GatewayCore
import Signal

extension ModuleProfile {
    /// The registers of a module that is set up as `options` say.
    public func resolve(_ options: ModuleOptions) -> Result<ResolvedModule, ModuleFault> {
        Result { () throws(ModuleFault) in try resolved(options) }
    }

    private func resolved(_ options: ModuleOptions) throws(ModuleFault) -> ResolvedModule {
        let layout = try layout(firmware: options.firmware)
        let range = try range(options.range, of: layout)
        let base = try base(options.base, of: layout)
        let count = try count(options.channels, of: layout)
        var map = ModuleMap(
            channels: [],
            maxRegisters: layout.limits.maxRegisters,
            bridgeableGap: layout.limits.bridgeableGap,
            requestGap: layout.limits.requestGap,
            deafAfterWrite: layout.limits.deafAfterWrite,
            identity: identification.compactMap { identity in
                guard identity.isRequired, case .words(let check) = identity.content else {
                    return nil
                }
                return check
            }
        )
        for index in 0..<count {
            map.channels.append(
                ChannelMap(
                    table: layout.channels.place.table,
                    address: try address(
                        layout.channels.place,
                        index,
                        base: base,
                        words: range.encoding.words
                    ),
                    encoding: range.encoding,
                    status: try layout.channels.status.map { (status) throws(ModuleFault) in
                        StatusSource(
                            table: status.place.table,
                            address: try address(status.place, index, base: base),
                            meanings: status.meanings.map { $0.meaning(channel: index) }
                        )
                    }
                )
            )
        }
        map.assumptions = try assumptions(of: layout, range: range, count: count)
        return ResolvedModule(map: map, doubts: doubts(range: range, layout: layout))
    }

    private func layout(firmware: String?) throws(ModuleFault) -> Layout {
        let version = firmware.flatMap(FirmwareVersion.init)
        if let firmware, version == nil {
            throw ModuleFault(
                key: "firmware",
                what: "\(quote(firmware)) is no firmware version",
                mend: "write numbers between dots, such as 4.32"
            )
        }
        if layouts.count == 1, layouts[0].firmware == nil { return layouts[0] }
        let ranges = layouts.compactMap { $0.firmware?.description }.joined(separator: " or ")
        guard let version else {
            throw ModuleFault(
                key: "firmware",
                what: "the registers of \(id) depend on its firmware (\(ranges))",
                mend: "add the version that 'loopgate probe' tells, such as 'firmware: 4.32'"
            )
        }
        guard let layout = layouts.first(where: { $0.firmware?.contains(version) ?? true }) else {
            throw ModuleFault(
                key: "firmware",
                what: "the profile \(id) does not know firmware \(version)",
                mend: "it knows \(ranges)"
            )
        }
        return layout
    }

    private func range(_ name: String?, of layout: Layout) throws(ModuleFault) -> InputRange {
        let known = layout.ranges.map(\.name)
        guard let name else {
            if layout.ranges.count == 1 { return layout.ranges[0] }
            if let range = layout.ranges.first(where: \.isDefault) { return range }
            throw ModuleFault(
                key: "range",
                what: "\(id) can be set to several ranges, and none is given",
                mend: "add 'range: …', one of \(known.joined(separator: ", "))"
            )
        }
        if let range = layout.ranges.first(where: { $0.name == name }) { return range }
        let near = nearest(to: name, among: known)
        throw ModuleFault(
            key: "range",
            what: "\(id) has no range \(quote(name))",
            mend: near.map { "write '\($0)' if that is meant" }
                ?? "write one of \(known.joined(separator: ", "))"
        )
    }

    private func base(_ base: Int?, of layout: Layout) throws(ModuleFault) -> Int {
        guard layout.channels.isSlotRelative else {
            if base == nil { return 0 }
            throw ModuleFault(
                key: "base",
                what: "the addresses of \(id) are fixed",
                mend: "delete the key"
            )
        }
        guard let base else {
            throw ModuleFault(
                key: "base",
                what: "the addresses of \(id) depend on its place in the rack",
                mend: "add 'base: …', the 0-based address of its first word in the process image"
            )
        }
        guard (0...0xFFFF).contains(base) else {
            throw ModuleFault(
                key: "base",
                what: "\(base) is no register address",
                mend: "write 0 to 65535"
            )
        }
        return base
    }

    private func count(_ channels: Int?, of layout: Layout) throws(ModuleFault) -> Int {
        guard let channels else { return layout.channels.count }
        guard (1...layout.channels.count).contains(channels) else {
            throw ModuleFault(
                key: "channels",
                what: "\(id) has \(layout.channels.count) channels, not \(channels)",
                mend: "write 1 to \(layout.channels.count), or delete the key"
            )
        }
        return channels
    }

    private func address(
        _ place: RegisterPattern,
        _ index: Int,
        base: Int,
        words: Int = 1
    ) throws(ModuleFault) -> UInt16 {
        guard let own = place.address(index), own + base + words - 1 <= 0xFFFF,
            let address = UInt16(exactly: own + base)
        else {
            throw ModuleFault(
                key: "base",
                what: "channel \(index + 1) would lie beyond register 65535",
                mend: "lower the base"
            )
        }
        return address
    }

    private func assumptions(
        of layout: Layout,
        range: InputRange,
        count: Int
    ) throws(ModuleFault) -> [RegisterCheck] {
        var checks: [RegisterCheck] = []
        for assumption in layout.assumptions + range.assumptions {
            for index in 0..<(assumption.isPerChannel ? count : 1) {
                checks.append(
                    RegisterCheck(
                        table: assumption.place.table,
                        address: try address(
                            assumption.place,
                            index,
                            base: 0,
                            words: assumption.expected.count
                        ),
                        expected: assumption.expected,
                        masks: assumption.masks,
                        meaning: assumption.isPerChannel
                            ? "\(assumption.meaning) (channel \(index + 1))" : assumption.meaning,
                        channel: assumption.isPerChannel ? index + 1 : nil
                    )
                )
            }
        }
        if let place = layout.rangeRegister, let code = range.code {
            for index in 0..<count {
                checks.append(
                    RegisterCheck(
                        table: place.table,
                        address: try address(place, index, base: 0),
                        expected: [code],
                        meaning: "range \(range.name) of channel \(index + 1)",
                        channel: index + 1
                    )
                )
            }
        }
        return checks
    }

    private func doubts(range: InputRange, layout: Layout) -> [ResolvedModule.Doubt] {
        var doubts: [ResolvedModule.Doubt] = []
        if confidence != .high {
            doubts.append(
                ResolvedModule.Doubt(
                    what: "the facts of profile \(id) are of \(confidence.rawValue) confidence",
                    mend: "compare a channel with a meter before trusting it"
                )
            )
        }
        if !range.encoding.seesBelowLiveZero {
            let other = layout.ranges.first(where: \.encoding.seesBelowLiveZero)
            doubts.append(
                ResolvedModule.Doubt(
                    what: "range \(range.name) of \(id) shows nothing below 4 mA: a failed"
                        + " transmitter and an open loop look like 4 mA",
                    mend: other.map { "set the module and 'range' to \($0.name)" }
                        ?? "use another module where failures must be seen"
                )
            )
        }
        if let advice = range.advice {
            doubts.append(
                ResolvedModule.Doubt(
                    what: "range \(range.name) of \(id) needs care",
                    mend: advice
                )
            )
        }
        return doubts
    }
}

extension ModuleProfile.Status.Meaning {
    /// The meaning for the channel with this index from 0.
    func meaning(channel index: Int) -> StatusMeaning {
        switch bits {
        case .masked(let mask, let value):
            return StatusMeaning(mask: mask, value: value, condition: condition)
        case .channelBit(let isSet):
            let mask: UInt16 = index < 16 ? 1 << UInt16(index) : 0
            return StatusMeaning(mask: mask, value: isSet ? mask : 0, condition: condition)
        }
    }
}
