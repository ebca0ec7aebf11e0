import GatewayCore
import Signal

extension DecodingContext {
    /// The buses of `top`, each checked alone and against the others.
    func buses(_ top: MapReader) -> [Draft<BusSettings>] {
        var names = FirstSeen<String>()
        var ports = FirstSeen<String>()
        return top.maps(GatewayKeys.Bus.section.path.dropListMark).enumerated().map {
            index,
            reader in
            typealias Keys = GatewayKeys.Bus
            let name = reader.read(Keys.name)
            if let name, let first = names.before(name, at: reader.place(of: "name")) {
                reader.problem(
                    "name",
                    "another bus on \(first.described(from: reader.place)) has the name "
                        + quote(name),
                    mend: "give each bus a name of its own"
                )
            }
            let link = busLink(reader)
            if let link {
                let port = DecodingContext.port(of: link)
                let key = port.hasPrefix("/") ? "device" : "host"
                if let first = ports.before(port, at: reader.place(of: key)) {
                    reader.problem(
                        key,
                        "the bus on \(first.described(from: reader.place)) has the same port "
                            + "\(port): two buses cannot share it",
                        mend: "put the modules of both on one bus"
                    )
                }
            }
            let timeout = reader.read(Keys.responseTimeout)
            let turnaround = reader.read(Keys.turnaround)
            let gap = reader.read(Keys.unitChangeGap)
            reader.finish(Keys.section)
            guard let name, let link else { return Draft(reader: reader, name: name) }
            return Draft(
                reader: reader,
                name: name,
                value: BusSettings(
                    id: BusID(rawValue: index),
                    name: name,
                    link: link,
                    responseTimeout: timeout,
                    turnaround: turnaround,
                    unitChangeGap: gap
                )
            )
        }
    }

    private func busLink(_ reader: MapReader) -> BusLink? {
        typealias Keys = GatewayKeys.Bus
        let kind = reader.read(Keys.link)
        let baud = reader.read(Keys.baud)
        let parity = reader.read(Keys.parity)
        let stopBits = reader.read(Keys.stopBits)
        let direction = reader.read(Keys.direction)
        let device = reader.read(Keys.device)
        let host = reader.read(Keys.host)
        let port = reader.read(Keys.port)
        func refuse(_ keys: [String], _ owner: String) {
            for key in keys where reader.has(key) {
                reader.problem(
                    key,
                    "the key belongs to \(owner) buses",
                    mend: "delete it or write 'link: \(owner)'"
                )
            }
        }
        switch kind {
        case .rtu:
            refuse(Keys.tcpOnly, "tcp")
            guard let device else {
                if !reader.has("device") {
                    reader.problem(
                        "device",
                        "an rtu bus needs its serial port",
                        mend: "add 'device: /dev/serial/by-id/…'"
                    )
                }
                return nil
            }
            guard device.hasPrefix("/") else {
                reader.problem(
                    "device",
                    "\(quote(device)) is no absolute path",
                    mend: "write '/dev/\(device)' or a path below /dev/serial/by-id"
                )
                return nil
            }
            return .rtu(
                SerialSettings(
                    path: device,
                    baud: baud,
                    parity: parity,
                    stopBits: stopBits,
                    direction: direction
                )
            )
        case .tcp:
            refuse(Keys.rtuOnly, "rtu")
            guard let host else {
                if !reader.has("host") {
                    reader.problem(
                        "host",
                        "a tcp bus needs its address",
                        mend: "add 'host: 192.168.1.20'"
                    )
                }
                return nil
            }
            return .tcp(host: host, port: port)
        case nil:
            return nil
        }
    }

    /// One spelling for each port, whatever link or notation names it.
    private static func port(of link: BusLink) -> String {
        switch link {
        case .rtu(let serial): target(of: serial.path)
        case .tcp(let host, let port):
            "\(HostAddress.canonical(host) ?? host) port \(port)"
        }
    }

    /// The modules of `top`, each checked alone, against its bus and against the others.
    func modules(
        _ top: MapReader,
        buses: [Draft<BusSettings>]
    ) -> [Draft<ModuleSettings>] {
        var names = FirstSeen<String>()
        var drafts = top.maps(GatewayKeys.Module.section.path.dropListMark).map { reader in
            let name = reader.read(GatewayKeys.Module.name)
            if let name, let first = names.before(name, at: reader.place(of: "name")) {
                reader.problem(
                    "name",
                    "another module on \(first.described(from: reader.place)) has the name "
                        + quote(name),
                    mend: "give each module a name of its own"
                )
            }
            return module(reader, name: name, buses: buses)
        }
        checkUnits(&drafts)
        for bus in buses {
            guard let id = bus.value?.id, !drafts.contains(where: { $0.value?.bus == id }),
                drafts.allSatisfy({ $0.value != nil })
            else { continue }
            bus.reader.problems.warn(
                at: bus.reader.place,
                key: bus.reader.keyPath,
                what: "no module is on this bus",
                mend: "add one under 'modules' or delete the bus"
            )
        }
        return drafts
    }

    private func module(
        _ reader: MapReader,
        name: String?,
        buses: [Draft<BusSettings>]
    ) -> Draft<ModuleSettings> {
        typealias Keys = GatewayKeys.Module
        let busName = reader.read(Keys.bus)
        let unit = reader.read(Keys.unit)
        let profile = reader.read(Keys.profile)
        var options = ModuleOptions(
            range: reader.read(Keys.range),
            firmware: reader.read(Keys.firmware),
            base: reader.read(Keys.base),
            channels: reader.read(Keys.channels)
        )
        let period = reader.read(Keys.period)
        let timeout = reader.read(Keys.timeout)
        let retries = reader.read(Keys.retries)
        reader.finish(Keys.section)

        var bus: BusSettings?
        if let busName {
            if let draft = buses.first(where: { $0.name == busName }) {
                bus = draft.value
            } else {
                noSuch("bus", busName, among: buses.compactMap(\.name), key: "bus", reader)
            }
        }
        if let bus, case .rtu = bus.link, let unit, !(1...247).contains(unit) {
            reader.problem(
                "unit",
                unit == 0
                    ? "0 is the broadcast address: no unit answers it on an RTU bus"
                    : "\(unit) is reserved on an RTU bus",
                mend: "write the module's unit address, 1 to 247"
            )
        }
        if let bus { options.isOnSerialPort = if case .rtu = bus.link { true } else { false } }
        var map: ModuleMap?
        if let profile {
            switch catalogue.module(profile, options) {
            case .success(let resolved):
                map = resolved.map
                for doubt in resolved.doubts {
                    reader.warn("profile", doubt.what, mend: doubt.mend)
                }
            case .failure(let fault):
                reader.problem(fault.key, fault.what, mend: fault.mend)
            case nil:
                noSuch("profile", profile, among: catalogue.names, key: "profile", reader)
            }
        }
        guard let name, let bus, let unit, let profile, let map else {
            return Draft(reader: reader, name: name)
        }
        return Draft(
            reader: reader,
            name: name,
            value: ModuleSettings(
                name: name,
                bus: bus.id,
                unit: UnitAddress(rawValue: UInt8(clamping: unit)),
                profile: profile,
                map: map,
                period: period,
                responseTimeout: timeout,
                retries: retries
            )
        )
    }

    /// Notes that `key` refers to a `kind` that is not there.
    func noSuch(
        _ kind: String,
        _ name: String,
        among known: [String],
        key: String,
        _ reader: MapReader
    ) {
        let mend: String
        if let near = nearest(to: name, among: known.sorted()) {
            mend = "write '\(near)' if that is meant"
        } else if known.isEmpty {
            mend = "there is no \(kind) at all: add one"
        } else {
            let shown = known.sorted().prefix(12).joined(separator: ", ")
            mend = "known: \(shown)\(known.count > 12 ? ", …" : "")"
        }
        reader.problem(key, "there is no \(kind) called \(quote(name))", mend: mend)
    }

    /// Two modules share a unit address only where each has a base of its own (a coupler's cards)
    /// and their registers do not overlap.
    private func checkUnits(_ drafts: inout [Draft<ModuleSettings>]) {
        struct Seat: Hashable {
            var bus: BusID
            var unit: UnitAddress
        }
        struct Cell: Hashable {
            var table: RegisterTable
            var address: Int
        }
        struct Tenant {
            var name: String
            var reader: MapReader
            var hasBase: Bool
            var cells: Set<Cell>
        }
        var tenants: [Seat: [Tenant]] = [:]
        for draft in drafts {
            guard let module = draft.value else { continue }
            let seat = Seat(bus: module.bus, unit: module.unit)
            var cells: Set<Cell> = []
            for channel in module.map.channels {
                let first = Int(channel.address)
                for address in first..<first + max(1, channel.encoding.words) {
                    cells.insert(Cell(table: channel.table, address: address))
                }
            }
            let tenant = Tenant(
                name: module.name,
                reader: draft.reader,
                hasBase: draft.reader.has("base"),
                cells: cells
            )
            for other in tenants[seat] ?? [] {
                let place = other.reader.place.described(from: draft.reader.place)
                guard tenant.hasBase, other.hasBase else {
                    draft.reader.problem(
                        "unit",
                        "module \(quote(other.name)) on \(place) has unit \(module.unit.rawValue) "
                            + "on the same bus",
                        mend: "give each module its own unit address, or each card of one "
                            + "coupler its own 'base'"
                    )
                    break
                }
                if !tenant.cells.isDisjoint(with: other.cells) {
                    draft.reader.problem(
                        "base",
                        "its registers overlap those of module \(quote(other.name)) on \(place)",
                        mend: "correct 'base' or 'channels' of one of them"
                    )
                    break
                }
            }
            tenants[seat, default: []].append(tenant)
        }
    }
}

extension String {
    /// The key of a list section: `buses[]` is read under `buses`.
    var dropListMark: String { hasSuffix("[]") ? String(dropLast(2)) : self }
}
