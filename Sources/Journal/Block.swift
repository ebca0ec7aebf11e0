import GatewayCore
import Signal

/// The row id of a block or record: the run's number above, the first sequence below.
///
/// Rises with every commit, so a table keyed by it is only ever appended to.
struct RowKey: Hashable, Comparable {
    static let sequenceBits: UInt64 = 42
    /// 4.4e12: four years of one run at 30,000 readings a second.
    static let mostSequence: UInt64 = 1 << sequenceBits - 1
    static let mostRun: UInt64 = 1 << 21 - 1

    var rowid: Int64

    init(rowid: Int64) { self.rowid = rowid }

    /// The key, its parts cut to what fits.
    init(run: UInt64, sequence: UInt64) {
        let cut = min(run, RowKey.mostRun) << RowKey.sequenceBits
        rowid = Int64(cut | min(sequence, RowKey.mostSequence))
    }

    var run: UInt64 { UInt64(bitPattern: rowid) >> RowKey.sequenceBits }
    var sequence: UInt64 { UInt64(bitPattern: rowid) & RowKey.mostSequence }

    static func < (a: RowKey, b: RowKey) -> Bool { a.rowid < b.rowid }
}

/// A delivery mark as rows hold it: connection by number, epoch by run.
struct StoredMark: Hashable {
    var connection: UInt64
    var stream: StoreStream
    var run: UInt64
    var floor: UInt64
    var ranges: [ClosedRange<UInt64>]

    func put(_ writer: inout ByteWriter) {
        writer.put(varint: connection)
        writer.put(stream.rawValue)
        writer.put(varint: run)
        writer.put(varint: floor)
        let kept = ranges.suffix(Limits.deliveredRanges)
        writer.put(varint: UInt64(kept.count))
        var last = floor
        for range in kept {
            writer.put(varint: range.lowerBound &- last)
            writer.put(varint: range.upperBound &- range.lowerBound)
            last = range.upperBound
        }
    }

    init(
        connection: UInt64,
        stream: StoreStream,
        run: UInt64,
        floor: UInt64,
        ranges: [ClosedRange<UInt64>]
    ) {
        self.connection = connection
        self.stream = stream
        self.run = run
        self.floor = floor
        self.ranges = ranges
    }

    init(_ reader: inout ByteReader) throws(Undecodable) {
        connection = try reader.varint()
        guard let stream = StoreStream(rawValue: try reader.byte()) else {
            throw Undecodable("unknown stream")
        }
        self.stream = stream
        run = try reader.varint()
        floor = try reader.varint()
        ranges = []
        var last = floor
        for _ in 0..<(try reader.count(atMost: Limits.deliveredRanges)) {
            let (lower, tooFar) = last.addingReportingOverflow(try reader.varint())
            let (upper, wrapped) = lower.addingReportingOverflow(try reader.varint())
            guard !tooFar, !wrapped else { throw Undecodable("range too far") }
            ranges.append(lower...upper)
            last = upper
        }
    }
}

/// Readings of a block that a connection, by number, was offered as live.
struct StoredOffer: Hashable {
    var connection: UInt64
    var range: ClosedRange<UInt64>
}

/// One row of the journal: up to `mostReadings` consecutive readings, compressed and checksummed,
/// with the delivery marks that changed.
struct Block {
    static let mostReadings = 4096

    var key: RowKey
    var readings: [SequencedReading] = []
    var offers: [StoredOffer] = []
    var marks: [StoredMark] = []

    var last: UInt64 { key.sequence + UInt64(max(readings.count, 1)) - 1 }
}

/// What stands before a block's readings: enough for marks, retention and gaps.
struct BlockHeader {
    var codebook: UInt64
    var count: Int
    var marks: [StoredMark]
    var offers: [StoredOffer]
}

extension Block {
    private static let format: UInt8 = 1

    /// The row's body, coded with `codebook`.
    ///
    /// Readings must be consecutive from the key's sequence, at most `mostReadings` of them.
    func encoded(with codebook: Codebook) -> [UInt8] {
        precondition(readings.count <= Block.mostReadings, "split commits into blocks")
        var writer = ByteWriter(reserving: 64 + readings.count * 8)
        writer.put(Block.format)
        writer.put(varint: codebook.id)
        writer.put(varint: UInt64(readings.count))
        writer.put(varint: UInt64(marks.count))
        for mark in marks { mark.put(&writer) }
        writer.put(varint: UInt64(offers.count))
        for offer in offers {
            writer.put(varint: offer.connection)
            writer.put(varint: offer.range.lowerBound &- key.sequence)
            writer.put(varint: offer.range.upperBound &- offer.range.lowerBound)
        }
        putStamps(&writer)
        putInstruments(&writer)
        putQualities(&writer)
        var coder = Predictor(codebook: codebook)
        for entry in readings {
            let reading = entry.reading
            let slot = coder.slot(for: reading.instrument.rawValue)
            if let raw = reading.raw { coder.code(raw: raw, slot, &writer) }
            if let current = reading.current {
                coder.code(current: current.milliamps, raw: reading.raw, slot, &writer)
            }
            if let value = reading.value {
                coder.code(value: value, current: reading.current?.milliamps, slot, &writer)
            }
        }
        writer.finishBits()
        return Sealed.seal(writer.bytes, key: key.rowid)
    }

    private func putStamps(_ writer: inout ByteWriter) {
        var stamps: [(stamp: Stamp, length: UInt64)] = []
        for entry in readings {
            if let last = stamps.last, last.stamp == entry.reading.stamp {
                stamps[stamps.count - 1].length += 1
            } else {
                stamps.append((entry.reading.stamp, 1))
            }
        }
        writer.put(varint: UInt64(stamps.count))
        var monotonic: Int64 = 0
        var ahead: Int64 = 0
        for (stamp, length) in stamps {
            writer.put(signed: stamp.monotonic.nanoseconds &- monotonic)
            monotonic = stamp.monotonic.nanoseconds
            let now = stamp.wall.nanosecondsSince1970 &- monotonic
            writer.put(signed: now &- ahead)
            ahead = now
            writer.put(varint: length << 2 | UInt64(stamp.clock.rawValue))
        }
    }

    /// Steps between neighbours, run by run: channels of a module follow each other.
    private func putInstruments(_ writer: inout ByteWriter) {
        var before: Int64 = 0
        let steps = readings.map { entry in
            defer { before = Int64(entry.reading.instrument.rawValue) }
            return Int64(entry.reading.instrument.rawValue) - before
        }
        putRuns(steps, &writer) { $1.put(signed: $0) }
    }

    private func putQualities(_ writer: inout ByteWriter) {
        let kinds = readings.map { entry -> UInt16 in
            let reading = entry.reading
            let present =
                (reading.raw == nil ? 0 : 1) | (reading.current == nil ? 0 : 2)
                | (reading.value == nil ? 0 : 4)
            return UInt16(reading.quality.rawValue) << 8 | UInt16(present)
        }
        putRuns(kinds, &writer) {
            $1.put(UInt8($0 >> 8))
            $1.put(UInt8(truncatingIfNeeded: $0))
        }
    }

    private func putRuns<Item: Equatable>(
        _ items: [Item],
        _ writer: inout ByteWriter,
        item put: (Item, inout ByteWriter) -> Void
    ) {
        var start = 0
        while start < items.count {
            var end = start + 1
            while end < items.count, items[end] == items[start] { end += 1 }
            put(items[start], &writer)
            writer.put(varint: UInt64(end - start))
            start = end
        }
    }
}

extension Block {
    /// The codebook, marks and offers of a row's body. Throws where the body is damaged.
    static func header(of body: [UInt8], key: RowKey) throws(Undecodable) -> BlockHeader {
        var reader = ByteReader(try Sealed.open(body, key: key.rowid))
        return try header(&reader, key: key)
    }

    private static func header(
        _ reader: inout ByteReader,
        key: RowKey
    ) throws(Undecodable) -> BlockHeader {
        let found = try reader.byte()
        guard found == format else { throw Undecodable("block format \(found)") }
        let codebook = try reader.varint()
        let count = try reader.count(atMost: mostReadings)
        var header = BlockHeader(codebook: codebook, count: count, marks: [], offers: [])
        for _ in 0..<(try reader.count(atMost: reader.remaining)) {
            header.marks.append(try StoredMark(&reader))
        }
        for _ in 0..<(try reader.count(atMost: reader.remaining)) {
            let connection = try reader.varint()
            let (lower, tooFar) = key.sequence.addingReportingOverflow(try reader.varint())
            let (upper, wrapped) = lower.addingReportingOverflow(try reader.varint())
            guard !tooFar, !wrapped else { throw Undecodable("offer too far") }
            header.offers.append(StoredOffer(connection: connection, range: lower...upper))
        }
        return header
    }

    /// The block in a row's body. Whatever the bytes, it throws and never traps.
    ///
    /// - codebook: finds a codebook by its id.
    init(
        decoding body: [UInt8],
        key: RowKey,
        codebook: (UInt64) throws(Undecodable) -> Codebook
    ) throws(Undecodable) {
        try self.init(payload: try Sealed.open(body, key: key.rowid), key: key, codebook: codebook)
    }

    /// As `init(decoding:)`, past the checksum.
    init(
        payload: ArraySlice<UInt8>,
        key: RowKey,
        codebook: (UInt64) throws(Undecodable) -> Codebook
    ) throws(Undecodable) {
        var reader = ByteReader(payload)
        let header = try Block.header(&reader, key: key)
        self.init(key: key, offers: header.offers, marks: header.marks)
        let count = header.count
        let stamps = try Block.stamps(&reader, count: count)
        let instruments = try Block.instruments(&reader, count: count)
        let kinds = try Block.kinds(&reader, count: count)
        let book = header.codebook == 0 ? .empty : try codebook(header.codebook)
        var coder = Predictor(codebook: book)
        readings.reserveCapacity(count)
        for index in 0..<count {
            let slot = coder.slot(for: instruments[index])
            let kind = kinds[index]
            let raw = kind.has(1) ? try coder.raw(slot, &reader) : nil
            var current: LoopCurrent?
            if kind.has(2) {
                current = LoopCurrent(milliamps: try coder.current(raw: raw, slot, &reader))
                if current == nil { throw Undecodable("current is not finite") }
            }
            var value: Double?
            if kind.has(4) {
                let found = try coder.value(current: current?.milliamps, slot, &reader)
                guard found.isFinite else { throw Undecodable("value is not finite") }
                value = found
            }
            let reading = Reading(
                instrument: InstrumentID(rawValue: instruments[index]),
                stamp: stamps[index],
                raw: raw,
                current: current,
                value: value,
                quality: kind.quality
            )
            readings.append(
                SequencedReading(sequence: key.sequence &+ UInt64(index), reading: reading)
            )
        }
    }

    private struct Kind {
        var quality: Quality
        var present: UInt8
        func has(_ bit: UInt8) -> Bool { present & bit != 0 }
    }

    private static func stamps(
        _ reader: inout ByteReader,
        count: Int
    ) throws(Undecodable) -> [Stamp] {
        var stamps: [Stamp] = []
        stamps.reserveCapacity(count)
        var monotonic: Int64 = 0
        var ahead: Int64 = 0
        for _ in 0..<(try reader.count(atMost: count)) {
            monotonic &+= try reader.signed()
            ahead &+= try reader.signed()
            let packed = try reader.varint()
            guard let clock = ClockState(rawValue: UInt8(packed & 3)) else {
                throw Undecodable("clock state")
            }
            let length = packed >> 2
            guard length <= UInt64(count - stamps.count) else { throw Undecodable("stamps") }
            let stamp = Stamp(
                monotonic: MonotonicTime(nanoseconds: monotonic),
                wall: WallTime(nanosecondsSince1970: monotonic &+ ahead),
                clock: clock
            )
            stamps.append(contentsOf: repeatElement(stamp, count: Int(length)))
        }
        guard stamps.count == count else { throw Undecodable("too few stamps") }
        return stamps
    }

    private static func instruments(
        _ reader: inout ByteReader,
        count: Int
    ) throws(Undecodable) -> [UInt32] {
        var instruments: [UInt32] = []
        instruments.reserveCapacity(count)
        var last: Int64 = 0
        while instruments.count < count {
            let step = try reader.signed()
            let length = try reader.count(atMost: count - instruments.count)
            guard length > 0 else { throw Undecodable("empty run") }
            for _ in 0..<length {
                let (next, wrapped) = last.addingReportingOverflow(step)
                guard !wrapped, let id = UInt32(exactly: next) else {
                    throw Undecodable("instrument number")
                }
                instruments.append(id)
                last = next
            }
        }
        return instruments
    }

    private static func kinds(
        _ reader: inout ByteReader,
        count: Int
    ) throws(Undecodable) -> [Kind] {
        var kinds: [Kind] = []
        kinds.reserveCapacity(count)
        while kinds.count < count {
            guard let quality = Quality(rawValue: try reader.byte()) else {
                throw Undecodable("unknown quality")
            }
            let kind = Kind(quality: quality, present: try reader.byte())
            let length = try reader.count(atMost: count - kinds.count)
            guard length > 0 else { throw Undecodable("empty run") }
            kinds.append(contentsOf: repeatElement(kind, count: length))
        }
        return kinds
    }
}
