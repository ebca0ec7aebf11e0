import GatewayCore
import Signal

/// A straight line through a known point: what one column of a reading foretells of the next.
///
/// Modules and spans are linear, so current follows from raw code and value from current but for
/// the last bits; only these are stored. Evaluated with plain IEEE operations, so that every
/// machine decodes the same bits.
struct Line: Hashable {
    var x: Double
    var y: Double
    var slope: Double

    /// The ordinal of the foretold y; that of zero where it is not finite.
    @inline(__always) func ordinal(at input: Double) -> Int64 {
        let output = y + (input - x) * slope
        return output.isFinite ? output.ordinal : 0
    }
}

/// What the value follows from.
enum ValueLaw: UInt8 {
    /// Unpredictable: damped, or not yet learnt.
    case none = 0
    /// Linear in the current.
    case linear = 1
    /// Linear in the square root of the current's share of the live-zero span.
    case squareRoot = 2

    @inline(__always) static func root(_ milliamps: Double) -> Double {
        let fraction = (milliamps - 4) / 16
        return fraction > 0 ? fraction.squareRoot() : 0
    }
}

/// What is known beforehand of one instrument's readings. Guides coding only: a codebook that fits
/// badly costs bytes, never bits.
struct CodebookEntry: Hashable {
    var instrument: UInt32
    /// Where raw code, current and value lately were (the latter two as ordinals).
    var raw: Int64 = 0
    var current: Int64 = 0
    var value: Int64 = 0
    var currentLine: Line?
    var valueLaw = ValueLaw.none
    var valueLine = Line(x: 0, y: 0, slope: 0)
    /// Rice parameters: raw code against the reference, against the one before, current, value.
    var firstBits: UInt8 = 12
    var nextBits: UInt8 = 5
    var currentBits: UInt8 = 44
    var valueBits: UInt8 = 44
}

/// The entries of all instruments at one time, ascending by instrument. Stored once and named by
/// the blocks that were coded with it; renewed every hour, so that no damage spreads far.
struct Codebook {
    /// 0: the empty codebook, which is not stored.
    var id: UInt64 = 0
    var entries: [CodebookEntry] = []

    static let empty = Codebook()
    /// More instruments than any gateway polls: a bound for decoding.
    static let mostEntries = 65_536

    func encoded() -> [UInt8] {
        var writer = ByteWriter(reserving: entries.count * 80)
        writer.put(varint: UInt64(entries.count))
        for entry in entries {
            writer.put(varint: UInt64(entry.instrument))
            writer.put(signed: entry.raw)
            writer.put(double: Double(ordinal: entry.current))
            writer.put(double: Double(ordinal: entry.value))
            let kinds = (entry.currentLine == nil ? 0 : 1) | entry.valueLaw.rawValue << 1
            writer.put(kinds)
            if let line = entry.currentLine { Codebook.put(line, &writer) }
            if entry.valueLaw != .none { Codebook.put(entry.valueLine, &writer) }
            writer.put([entry.firstBits, entry.nextBits, entry.currentBits, entry.valueBits])
        }
        return writer.bytes
    }

    static func decode(id: UInt64, _ payload: ArraySlice<UInt8>) throws(Undecodable) -> Codebook {
        var reader = ByteReader(payload)
        let count = try reader.count(atMost: mostEntries)
        var codebook = Codebook(id: id)
        codebook.entries.reserveCapacity(min(count, reader.remaining))
        for _ in 0..<count {
            let instrument = UInt32(try reader.count(atMost: Int(UInt32.max)))
            var entry = CodebookEntry(instrument: instrument)
            entry.raw = try reader.signed()
            entry.current = try reader.double().ordinal
            entry.value = try reader.double().ordinal
            let kinds = try reader.byte()
            guard let law = ValueLaw(rawValue: kinds >> 1) else { throw Undecodable("value law") }
            if kinds & 1 == 1 { entry.currentLine = try line(&reader) }
            entry.valueLaw = law
            if law != .none { entry.valueLine = try line(&reader) }
            entry.firstBits = try reader.byte() & 63
            entry.nextBits = try reader.byte() & 63
            entry.currentBits = try reader.byte() & 63
            entry.valueBits = try reader.byte() & 63
            codebook.entries.append(entry)
        }
        guard
            zip(codebook.entries, codebook.entries.dropFirst())
                .allSatisfy({ $0.instrument < $1.instrument })
        else { throw Undecodable("codebook out of order") }
        return codebook
    }

    /// Where `instrument`'s entry is, trying `hint` first.
    func index(of instrument: UInt32, hint: Int) -> Int? {
        if hint >= 0, hint < entries.count, entries[hint].instrument == instrument { return hint }
        var low = 0
        var high = entries.count
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].instrument < instrument { low = middle + 1 } else { high = middle }
        }
        return low < entries.count && entries[low].instrument == instrument ? low : nil
    }

    private static func put(_ line: Line, _ writer: inout ByteWriter) {
        writer.put(double: line.x)
        writer.put(double: line.y)
        writer.put(double: line.slope)
    }

    private static func line(_ reader: inout ByteReader) throws(Undecodable) -> Line {
        Line(x: try reader.double(), y: try reader.double(), slope: try reader.double())
    }
}

/// Learns codebooks from the readings that pass. It sees every stored reading once; what it
/// believes never affects what is read back, only how many bytes it takes.
struct CodebookTrainer {
    private var learners: [UInt32: Learner] = [:]
    private var seen = 0
    private var nextProposal = 64

    /// Readings between two renewals once everything is learnt.
    private static let renewEvery = 250_000

    mutating func observe(_ readings: [SequencedReading]) {
        for entry in readings {
            let reading = Columns(entry.reading)
            if learners[reading.instrument] == nil {
                guard learners.count < Codebook.mostEntries else { continue }
                learners[reading.instrument] = Learner()
                nextProposal = min(nextProposal, seen + 2 * learners.count + 64)
            }
            learners[reading.instrument]?.observe(reading)
        }
        seen += readings.count
    }

    /// A better codebook, when it is time for one: soon after instruments appear, then ever more
    /// rarely as the lines settle.
    mutating func proposal() -> [CodebookEntry]? {
        guard seen >= nextProposal, !learners.isEmpty else { return nil }
        nextProposal = min(seen * 4, seen + CodebookTrainer.renewEvery)
        let ids = learners.keys.sorted()
        return ids.map { id in
            var learner = learners[id] ?? Learner()
            let entry = learner.entry(for: id)
            learners[id] = learner
            return entry
        }
    }
}

/// The columns of a reading as the trainer sees them.
private struct Columns {
    var instrument: UInt32
    var raw: Int64?
    var current: Double?
    var value: Double?

    init(_ reading: Reading) {
        instrument = reading.instrument.rawValue
        raw = reading.raw
        current = reading.current?.milliamps
        value = reading.value
    }
}

/// A running mean of how many bits a column's numbers have.
private struct BitMean {
    private var mean = -1.0

    mutating func add(_ number: UInt64) {
        let bits = Double(64 - number.leadingZeroBitCount)
        mean = mean < 0 ? bits : mean + (bits - mean) / 16
    }

    func parameter(otherwise fallback: UInt8) -> UInt8 {
        mean < 0 ? fallback : UInt8(max(0, min(62, (mean - 0.6).rounded())))
    }

    /// Whether a line that leaves so many bits foretells anything.
    var fits: Bool { mean >= 0 && mean < 24 }
    mutating func forget() { mean = -1 }
    var value: Double { mean }
}

/// A line through the two points furthest apart that were seen.
private struct LineLearner {
    private var first: (x: Double, y: Double)?
    private var far: (x: Double, y: Double)?
    var misses = BitMean()

    mutating func observe(_ x: Double, _ y: Double) {
        if let line { misses.add(zigzag(y.ordinal &- line.ordinal(at: x))) }
        guard let first else {
            first = (x, y)
            return
        }
        let width = abs(x - first.x)
        if width > 0, width > abs((far?.x ?? first.x) - first.x) { far = (x, y) }
    }

    var line: Line? {
        guard let first, let far else { return nil }
        let slope = (far.y - first.y) / (far.x - first.x)
        return slope.isFinite ? Line(x: first.x, y: first.y, slope: slope) : nil
    }

    /// Starts over with the next point: the law changed, or there is none.
    mutating func forget() {
        first = nil
        far = nil
        misses.forget()
    }
}

/// What is being learnt of one instrument.
private struct Learner {
    private var last: Columns?
    private var referenceRaw: Int64?
    private var current = LineLearner()
    private var linear = LineLearner()
    private var root = LineLearner()
    private var first = BitMean()
    private var next = BitMean()
    private var plainCurrent = BitMean()
    private var plainValue = BitMean()
    private var latest = CodebookEntry(instrument: 0)

    mutating func observe(_ reading: Columns) {
        if let raw = reading.raw {
            if let before = last?.raw { next.add(zigzag(raw &- before)) }
            if let referenceRaw { first.add(zigzag(raw &- referenceRaw)) }
            latest.raw = raw
        }
        if let milliamps = reading.current {
            if let raw = reading.raw { current.observe(Double(raw), milliamps) }
            plainCurrent.add(zigzag(milliamps.ordinal &- latest.current))
            latest.current = milliamps.ordinal
            if let value = reading.value {
                linear.observe(milliamps, value)
                root.observe(ValueLaw.root(milliamps), value)
            }
        }
        if let value = reading.value {
            plainValue.add(zigzag(value.ordinal &- latest.value))
            latest.value = value.ordinal
        }
        last = reading
    }

    mutating func entry(for instrument: UInt32) -> CodebookEntry {
        var entry = latest
        entry.instrument = instrument
        referenceRaw = latest.raw
        entry.firstBits = first.parameter(otherwise: 10)
        entry.nextBits = next.parameter(otherwise: 5)
        if let line = current.line, current.misses.fits {
            entry.currentLine = line
            entry.currentBits = current.misses.parameter(otherwise: 2)
        } else {
            entry.currentBits = plainCurrent.parameter(otherwise: 44)
            current.forget()
        }
        let laws = [(ValueLaw.linear, linear), (.squareRoot, root)].filter { $0.1.misses.fits }
        if let best = laws.min(by: { $0.1.misses.value < $1.1.misses.value }),
            let line = best.1.line
        {
            entry.valueLaw = best.0
            entry.valueLine = line
            entry.valueBits = best.1.misses.parameter(otherwise: 2)
        } else {
            entry.valueBits = plainValue.parameter(otherwise: 44)
            linear.forget()
            root.forget()
        }
        return entry
    }
}
