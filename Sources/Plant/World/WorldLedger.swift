/// What the checks know of the rows of one run and stream: what each said, and how far it got.
struct WorldLedger {
    struct Mark: OptionSet {
        let rawValue: UInt8
        static let stored = Mark(rawValue: 1)
        static let arrived = Mark(rawValue: 2)
        /// A record, or the loss of the whole file, tells that it is gone.
        static let excused = Mark(rawValue: 4)
        /// The broker refused it at least once: it may be given up, which is counted.
        static let refused = Mark(rawValue: 8)
        /// The journal let it go before it was delivered, and said so.
        static let pruned = Mark(rawValue: 16)
    }

    /// By sequence, from 1; the first of each is nobody's.
    private var payloads: [UInt32] = [0]
    private var marks: [Mark] = [[]]
    /// Stored rows that have neither arrived nor are told to be gone.
    private(set) var owed = 0
    /// The delivery floor that was checked last.
    private var floor: UInt64 = 0

    /// The highest sequence that was ever seen.
    var last: UInt64 { UInt64(marks.count - 1) }

    func marks(of sequence: UInt64) -> Mark { sequence <= last ? marks[Int(sequence)] : [] }

    /// A range that a caller names may reach further than anything that was ever made.
    private static let most: UInt64 = 50_000_000

    /// Notes a row; false where it was seen with another payload.
    mutating func note(_ sequence: UInt64, payload: UInt32, _ mark: Mark) -> Bool {
        guard let place = reach(sequence) else { return false }
        let payload = payload == 0 ? 1 : payload
        if payloads[place] == 0 { payloads[place] = payload }
        set(mark, place)
        return payloads[place] == payload
    }

    mutating func set(_ mark: Mark, _ range: ClosedRange<UInt64>) {
        guard reach(min(range.upperBound, max(last, range.lowerBound))) != nil else { return }
        for sequence in range.lowerBound...max(range.lowerBound, min(range.upperBound, last)) {
            set(mark, Int(sequence))
        }
    }

    /// Everything stored so far is excused.
    mutating func excuseAll() {
        for place in marks.indices.dropFirst() where !marks[place].isEmpty { set(.excused, place) }
    }

    /// A delivery mark says that everything through `floor` is delivered: the first row that says
    /// otherwise.
    mutating func delivered(through newFloor: UInt64) -> UInt64? {
        guard newFloor > floor else { return nil }
        let end = min(newFloor, last)
        defer { floor = newFloor }
        guard floor < end else { return nil }
        for sequence in (floor + 1)...end where Self.isOwed(marks[Int(sequence)]) {
            if !marks[Int(sequence)].contains(.refused) { return sequence }
        }
        return nil
    }

    /// The owed rows that the broker never refused: the first, and how many of the others there are.
    var missing: (first: UInt64?, refused: Int) {
        guard owed > 0 else { return (nil, 0) }
        var refused = 0
        var first: UInt64?
        for place in marks.indices where Self.isOwed(marks[place]) {
            if marks[place].contains(.refused) {
                refused += 1
            } else if first == nil {
                first = UInt64(place)
            }
        }
        return (first, refused)
    }

    private static func isOwed(_ marks: Mark) -> Bool {
        marks.contains(.stored) && marks.isDisjoint(with: [.arrived, .excused])
    }

    private mutating func reach(_ sequence: UInt64) -> Int? {
        guard sequence > 0, sequence < Self.most else { return nil }
        let place = Int(sequence)
        if place >= marks.count {
            let missing = place + 1 - marks.count
            marks.append(contentsOf: repeatElement([], count: missing))
            payloads.append(contentsOf: repeatElement(0, count: missing))
        }
        return place
    }

    private mutating func set(_ mark: Mark, _ place: Int) {
        let before = Self.isOwed(marks[place])
        marks[place].insert(mark)
        let after = Self.isOwed(marks[place])
        if before != after { owed += after ? 1 : -1 }
    }
}
