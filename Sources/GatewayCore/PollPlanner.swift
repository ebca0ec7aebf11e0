import Signal

/// One read of a module: `count` cells of one table from `address` on.
public struct BlockRead: Hashable, Sendable {
    public var table: RegisterTable
    public var address: UInt16
    public var count: UInt16

    public init(table: RegisterTable, address: UInt16, count: UInt16) {
        self.table = table
        self.address = address
        self.count = count
    }

    /// One past the last address.
    var end: Int { Int(address) + Int(count) }
}

/// Turns a module's register map into as few reads as its bounds allow.
public enum PollPlanner {
    /// The cells that must be read together, such as the two words of a float.
    static func cells(of map: ModuleMap, channels: [Int]) -> [BlockRead] {
        var cells: Set<BlockRead> = []
        for number in channels where map.channels.indices.contains(number - 1) {
            let channel = map.channels[number - 1]
            cells.insert(
                BlockRead(
                    table: channel.table,
                    address: channel.address,
                    count: UInt16(channel.encoding.words)
                )
            )
            for status in channel.status {
                cells.insert(BlockRead(table: status.table, address: status.address, count: 1))
            }
        }
        return cells.sorted {
            ($0.table.rawValue, $0.address, $0.count) < ($1.table.rawValue, $1.address, $1.count)
        }
    }

    /// The reads for `channels` (numbered from 1) of a module.
    ///
    /// Neighbours are joined, and small gaps bridged, as far as the profile's `bridgeableGap` and
    /// `maxRegisters` and the protocol (125 registers, 2000 bits) allow.
    public static func blocks(for map: ModuleMap, channels: [Int]) -> [BlockRead] {
        var blocks: [BlockRead] = []
        for cell in cells(of: map, channels: channels) {
            guard var last = blocks.last, last.table == cell.table else {
                blocks.append(cell)
                continue
            }
            let limit = cell.table.isBits ? 2000 : min(125, max(1, map.maxRegisters))
            let length = max(last.end, cell.end) - Int(last.address)
            let gap = Int(cell.address) - last.end
            guard gap <= map.bridgeableGap, length <= limit else {
                blocks.append(cell)
                continue
            }
            last.count = UInt16(length)
            blocks[blocks.count - 1] = last
        }
        return blocks
    }

    /// `block` cut in two where `cells` allow it: first at the widest gap, else in the middle.
    ///
    /// Nil where the block is one cell: it cannot be cut.
    static func split(_ block: BlockRead, cells: [BlockRead]) -> [BlockRead]? {
        let inside = cells.filter {
            $0.table == block.table && $0.address >= block.address && $0.end <= block.end
        }
        guard inside.count > 1 else { return nil }
        var cut = inside.count / 2
        var widest = 0
        for index in inside.indices.dropFirst() {
            let gap = Int(inside[index].address) - inside[index - 1].end
            if gap > widest { (widest, cut) = (gap, index) }
        }
        return [inside[..<cut], inside[cut...]].compactMap { part in
            guard let first = part.first, let end = part.map(\.end).max() else { return nil }
            return BlockRead(
                table: block.table,
                address: first.address,
                count: UInt16(end - Int(first.address))
            )
        }
    }
}
