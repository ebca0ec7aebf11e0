/// Foretells each column of the next reading, for coding and decoding alike.
///
/// Only what it got wrong is stored. It never looks beyond the codebook and the block, so a block
/// decodes without its neighbours.
struct Predictor {
    private let codebook: Codebook
    private var slots: [Slot] = []
    /// Codebook index to slot; the slots of instruments that the codebook does not know.
    private var slotOfEntry: [Int32]
    private var strangers: [UInt32: Int] = [:]
    private var lastEntry = -1

    private struct Slot {
        var entry: CodebookEntry
        var raw: Int64
        var current: Int64
        var value: Int64
        var seen = false
    }

    init(codebook: Codebook) {
        self.codebook = codebook
        slotOfEntry = Array(repeating: -1, count: codebook.entries.count)
        slots.reserveCapacity(codebook.entries.count)
    }

    /// The slot of an instrument; polls go round, so the next is mostly the last one's neighbour.
    mutating func slot(for instrument: UInt32) -> Int {
        guard let index = codebook.index(of: instrument, hint: lastEntry + 1) else {
            if let known = strangers[instrument] { return known }
            strangers[instrument] = slots.count
            return add(CodebookEntry(instrument: instrument))
        }
        lastEntry = index
        if slotOfEntry[index] >= 0 { return Int(slotOfEntry[index]) }
        slotOfEntry[index] = Int32(slots.count)
        return add(codebook.entries[index])
    }

    private mutating func add(_ entry: CodebookEntry) -> Int {
        slots.append(
            Slot(entry: entry, raw: entry.raw, current: entry.current, value: entry.value)
        )
        return slots.count - 1
    }

    mutating func code(raw: Int64, _ slot: Int, _ writer: inout ByteWriter) {
        let bits = slots[slot].seen ? slots[slot].entry.nextBits : slots[slot].entry.firstBits
        writer.put(rice: zigzag(raw &- slots[slot].raw), k: Int(bits))
        note(raw: raw, slot)
    }

    mutating func raw(_ slot: Int, _ reader: inout ByteReader) throws(Undecodable) -> Int64 {
        let bits = slots[slot].seen ? slots[slot].entry.nextBits : slots[slot].entry.firstBits
        let raw = slots[slot].raw &+ unzigzag(try reader.rice(k: Int(bits)))
        note(raw: raw, slot)
        return raw
    }

    mutating func code(current: Double, raw: Int64?, _ slot: Int, _ writer: inout ByteWriter) {
        let (foretold, bits) = currentAhead(raw: raw, slot)
        writer.put(rice: zigzag(current.ordinal &- foretold), k: bits)
        slots[slot].current = current.ordinal
    }

    mutating func current(
        raw: Int64?,
        _ slot: Int,
        _ reader: inout ByteReader
    ) throws(Undecodable) -> Double {
        let (foretold, bits) = currentAhead(raw: raw, slot)
        let ordinal = foretold &+ unzigzag(try reader.rice(k: bits))
        slots[slot].current = ordinal
        return Double(ordinal: ordinal)
    }

    mutating func code(value: Double, current: Double?, _ slot: Int, _ writer: inout ByteWriter) {
        let (foretold, bits) = valueAhead(current: current, slot)
        writer.put(rice: zigzag(value.ordinal &- foretold), k: bits)
        slots[slot].value = value.ordinal
    }

    mutating func value(
        current: Double?,
        _ slot: Int,
        _ reader: inout ByteReader
    ) throws(Undecodable) -> Double {
        let (foretold, bits) = valueAhead(current: current, slot)
        let ordinal = foretold &+ unzigzag(try reader.rice(k: bits))
        slots[slot].value = ordinal
        return Double(ordinal: ordinal)
    }

    private mutating func note(raw: Int64, _ slot: Int) {
        slots[slot].raw = raw
        slots[slot].seen = true
    }

    /// Bits for a column whose line cannot be used this time: the low mantissa is noise.
    private static let plainBits = 44

    @inline(__always) private func currentAhead(raw: Int64?, _ slot: Int) -> (Int64, Int) {
        let entry = slots[slot].entry
        guard let line = entry.currentLine else {
            return (slots[slot].current, Int(entry.currentBits))
        }
        guard let raw else { return (slots[slot].current, Predictor.plainBits) }
        return (line.ordinal(at: Double(raw)), Int(entry.currentBits))
    }

    @inline(__always) private func valueAhead(current: Double?, _ slot: Int) -> (Int64, Int) {
        let entry = slots[slot].entry
        guard entry.valueLaw != .none else {
            return (slots[slot].value, Int(entry.valueBits))
        }
        guard let current else { return (slots[slot].value, Predictor.plainBits) }
        let input = entry.valueLaw == .linear ? current : ValueLaw.root(current)
        return (entry.valueLine.ordinal(at: input), Int(entry.valueBits))
    }
}
