import GatewayCore
import Signal

/// One row of the journal: the readings of one commit and the delivery state at it.
struct Block: Hashable {
    var epoch: UInt64
    /// Sequence of the first reading; the others follow without a gap. Without readings, the
    /// sequence that the next one would have.
    var first: UInt64
    var readings: [Reading]
    var offers: [LiveOffer]
    /// Marks that changed since the row before; every mark where `isKeyFrame`.
    var marks: [DeliveryMark]
    var isKeyFrame: Bool
    /// Highest sequence of a record that is stored with or before this row.
    var lastRecord: UInt64
}

/// A block in few bytes: columns, each coded against the reading before it of the same instrument.
///
/// Everything comes back exactly: numbers that are short decimals, as currents in µA are, are kept
/// as integers; all others as they are.
enum BlockCodec {
    private static let version: UInt8 = 1
    /// More readings than any commit can hold.
    static let mostReadings = 2 * Limits.unstoredReadings
    private static let mostMarks = 4096
    private static let nameBytes = 256

    // MARK: Writing

    static func encode(_ block: Block) -> [UInt8] {
        var out = ByteWriter(reserving: 64 + block.readings.count * 8)
        out.put(version)
        out.put(varint: block.epoch)
        out.put(varint: block.first)
        out.put(block.isKeyFrame ? 1 : 0)
        out.put(varint: block.lastRecord)
        out.put(varint: UInt64(block.marks.count))
        for mark in block.marks { encode(mark, into: &out) }
        out.put(varint: UInt64(block.offers.count))
        for offer in block.offers {
            put(text: offer.connection, into: &out)
            // Most offers are the whole block: two zeros.
            out.put(varint: offer.range.lowerBound &- block.first)
            out.put(varint: block.last &- offer.range.upperBound)
        }
        out.put(varint: UInt64(block.readings.count))
        encodeStamps(block.readings, into: &out)
        encodeValues(block.readings, into: &out)
        return out.bytes
    }

    private static func encode(_ mark: DeliveryMark, into out: inout ByteWriter) {
        put(text: mark.connection, into: &out)
        out.put(mark.stream.rawValue)
        out.put(varint: mark.epoch)
        out.put(varint: mark.floor)
        out.put(varint: UInt64(mark.ranges.count))
        var last = mark.floor
        for range in mark.ranges {
            out.put(varint: range.lowerBound - last)
            out.put(varint: range.upperBound - range.lowerBound)
            last = range.upperBound
        }
    }

    /// Readings of one poll share a stamp: runs of equal stamps, each against the one before.
    private static func encodeStamps(_ readings: [Reading], into out: inout ByteWriter) {
        var index = 0
        var last = Stamp(
            monotonic: .zero,
            wall: WallTime(nanosecondsSince1970: 0),
            clock: .unset
        )
        while index < readings.count {
            let stamp = readings[index].stamp
            var end = index + 1
            while end < readings.count, readings[end].stamp == stamp { end += 1 }
            out.put(varint: UInt64(end - index))
            let monotonic = stamp.monotonic.nanoseconds &- last.monotonic.nanoseconds
            let wall = stamp.wall.nanosecondsSince1970 &- last.wall.nanosecondsSince1970
            out.put(signed: monotonic)
            out.put(signed: wall &- monotonic)
            out.put(stamp.clock.rawValue)
            last = stamp
            index = end
        }
    }

    private static func encodeValues(_ readings: [Reading], into out: inout ByteWriter) {
        var last: [InstrumentID: Context] = [:]
        var lastID: UInt32 = 0
        for reading in readings {
            var context = last[reading.instrument] ?? Context()
            let step = Int64(reading.instrument.rawValue) - Int64(lastID) - 1
            lastID = reading.instrument.rawValue
            let current = Number(reading.current?.milliamps)
            let value = Number(reading.value)
            let isUsual =
                step == 0 && reading.quality == context.quality && reading.raw != nil
            // One byte tells what is unusual; mostly nothing is.
            var flags: UInt8 = isUsual ? 0 : 1
            flags |= current.form << 1 | value.form << 4
            out.put(flags)
            if !isUsual {
                out.put(signed: step)
                out.put(reading.quality.rawValue)
                out.put(reading.raw == nil ? 0 : 1)
            }
            if let raw = reading.raw {
                out.put(signed: raw &- context.raw)
                context.raw = raw
            }
            current.write(against: &context.current, into: &out)
            value.write(against: &context.value, into: &out)
            context.quality = reading.quality
            last[reading.instrument] = context
        }
    }

    // MARK: Reading

    static func decode(_ bytes: ArraySlice<UInt8>) throws(Undecodable) -> Block {
        var reader = ByteReader(bytes)
        guard try reader.byte() == version else { throw Undecodable("unknown version") }
        let epoch = try reader.varint()
        let first = try reader.varint()
        let isKeyFrame = try reader.byte() == 1
        let lastRecord = try reader.varint()
        var marks: [DeliveryMark] = []
        for _ in 0..<(try reader.count(atMost: mostMarks)) { marks.append(try mark(&reader)) }
        var raw: [(String, UInt64, UInt64)] = []
        for _ in 0..<(try reader.count(atMost: mostMarks)) {
            raw.append(
                (
                    try reader.text(atMost: nameBytes), try reader.varint(), try reader.varint()
                )
            )
        }
        let count = try reader.count(atMost: mostReadings)
        guard first > 0, first <= UInt64(Int64.max) else { throw Undecodable("sequence") }
        let last = first + UInt64(count) - (count > 0 ? 1 : 0)
        var offers: [LiveOffer] = []
        for (connection, low, high) in raw {
            guard count > 0, low < UInt64(count), high < UInt64(count), first + low <= last - high
            else { throw Undecodable("offer outside the block") }
            offers.append(LiveOffer(connection: connection, range: (first + low)...(last - high)))
        }
        let stamps = try stamps(count, &reader)
        return Block(
            epoch: epoch,
            first: first,
            readings: try values(count, stamps, &reader),
            offers: offers,
            marks: marks,
            isKeyFrame: isKeyFrame,
            lastRecord: lastRecord
        )
    }

    private static func mark(_ reader: inout ByteReader) throws(Undecodable) -> DeliveryMark {
        let connection = try reader.text(atMost: nameBytes)
        guard let stream = StoreStream(rawValue: try reader.byte()) else {
            throw Undecodable("unknown stream")
        }
        let epoch = try reader.varint()
        let floor = try reader.varint()
        var ranges: [ClosedRange<UInt64>] = []
        var last = floor
        for _ in 0..<(try reader.count(atMost: Limits.deliveredRanges)) {
            let (low, over) = last.addingReportingOverflow(try reader.varint())
            let (high, overAgain) = low.addingReportingOverflow(try reader.varint())
            guard !over, !overAgain else { throw Undecodable("range too large") }
            ranges.append(low...high)
            last = high
        }
        return DeliveryMark(
            connection: connection,
            stream: stream,
            epoch: epoch,
            floor: floor,
            ranges: ranges
        )
    }

    private static func stamps(
        _ count: Int,
        _ reader: inout ByteReader
    ) throws(Undecodable) -> [(upTo: Int, stamp: Stamp)] {
        var runs: [(upTo: Int, stamp: Stamp)] = []
        var done = 0
        var monotonic: Int64 = 0
        var wall: Int64 = 0
        while done < count {
            let length = try reader.count(atMost: count - done)
            guard length > 0 else { throw Undecodable("empty run") }
            let step = try reader.signed()
            monotonic &+= step
            wall &+= try reader.signed() &+ step
            guard let clock = ClockState(rawValue: try reader.byte()) else {
                throw Undecodable("unknown clock state")
            }
            done += length
            runs.append(
                (
                    done,
                    Stamp(
                        monotonic: MonotonicTime(nanoseconds: monotonic),
                        wall: WallTime(nanosecondsSince1970: wall),
                        clock: clock
                    )
                )
            )
        }
        return runs
    }

    private static func values(
        _ count: Int,
        _ stamps: [(upTo: Int, stamp: Stamp)],
        _ reader: inout ByteReader
    ) throws(Undecodable) -> [Reading] {
        var readings: [Reading] = []
        readings.reserveCapacity(min(count, 100_000))
        var last: [InstrumentID: Context] = [:]
        var lastID: UInt32 = 0
        var run = 0
        for index in 0..<count {
            while run < stamps.count - 1, index >= stamps[run].upTo { run += 1 }
            let flags = try reader.byte()
            var step: Int64 = 0
            var quality: Quality?
            var hasRaw = true
            if flags & 1 == 1 {
                step = try reader.signed()
                quality = Quality(rawValue: try reader.byte())
                guard quality != nil else { throw Undecodable("unknown quality") }
                hasRaw = try reader.byte() == 1
            }
            let id = Int64(lastID) &+ 1 &+ step
            guard let id = UInt32(exactly: id) else { throw Undecodable("instrument number") }
            lastID = id
            let instrument = InstrumentID(rawValue: id)
            var context = last[instrument] ?? Context()
            var raw: Int64?
            if hasRaw {
                context.raw &+= try reader.signed()
                raw = context.raw
            }
            let current = try Number.read(
                form: flags >> 1 & 7,
                against: &context.current,
                from: &reader
            )
            let value = try Number.read(
                form: flags >> 4 & 7,
                against: &context.value,
                from: &reader
            )
            context.quality = quality ?? context.quality
            last[instrument] = context
            readings.append(
                Reading(
                    instrument: instrument,
                    stamp: stamps[run].stamp,
                    raw: raw,
                    current: current.flatMap { LoopCurrent(milliamps: $0) },
                    value: value,
                    quality: context.quality
                )
            )
        }
        return readings
    }

    private static func put(text: String, into out: inout ByteWriter) {
        let bytes = Array(text.utf8.prefix(nameBytes))
        out.put(varint: UInt64(bytes.count))
        out.put(bytes)
    }

    /// What the reading before it of the same instrument was.
    private struct Context {
        var raw: Int64 = 0
        var current: Int64 = 0
        var value: Int64 = 0
        var quality = Quality.good
    }

    /// A number as an integer of tenths to millionths, or as it is.
    private enum Number {
        case none
        case decimal(Int64, form: UInt8)
        case plain(Double)

        private static let scales: [Double] = [0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6]
        private static let plainForm: UInt8 = 7

        init(_ number: Double?) {
            guard let number else {
                self = .none
                return
            }
            for form in 1...6 {
                let scaled = (number * Self.scales[form]).rounded()
                guard scaled.magnitude < 9e14 else { break }
                if scaled / Self.scales[form] == number, !(number == 0 && number.sign == .minus) {
                    self = .decimal(Int64(scaled), form: UInt8(form))
                    return
                }
            }
            self = .plain(number)
        }

        var form: UInt8 {
            switch self {
            case .none: 0
            case .decimal(_, let form): form
            case .plain: Self.plainForm
            }
        }

        func write(against last: inout Int64, into out: inout ByteWriter) {
            switch self {
            case .none: break
            case .decimal(let scaled, _):
                out.put(signed: scaled &- last)
                last = scaled
            case .plain(let number): out.put(double: number)
            }
        }

        static func read(
            form: UInt8,
            against last: inout Int64,
            from reader: inout ByteReader
        ) throws(Undecodable) -> Double? {
            switch form {
            case 0: return nil
            case 1...6:
                last &+= try reader.signed()
                return Double(last) / scales[Int(form)]
            case plainForm:
                let number = try reader.double()
                guard number.isFinite else { throw Undecodable("not a finite number") }
                return number
            default: throw Undecodable("unknown form")
            }
        }
    }
}

extension Block {
    /// Sequence of the last reading; `first - 1` where there is none.
    var last: UInt64 { first + UInt64(readings.count) - 1 }
}
