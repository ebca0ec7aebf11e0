/// A row of one of the journal's streams.
protocol Sequenced: Sendable {
    var sequence: UInt64 { get }
}

extension SequencedReading: Sequenced {}
extension SequencedRecord: Sequenced {}

/// The newest rows of a stream, by consecutive sequence: what is not yet stored and a little more,
/// so that a connection that is up to date needs nothing from the journal.
struct RecentRows<Row: Sequenced>: Sendable {
    private var rows: [Row] = []
    private var head = 0
    /// The sequence of the next row.
    private(set) var next: UInt64 = 1

    /// The sequence of the oldest row held; `next` where none is.
    var first: UInt64 { next - UInt64(count) }
    /// How many rows are held.
    var count: Int { rows.count - head }
    /// The sequence of the newest row ever appended; 0: none.
    var last: UInt64 { next - 1 }

    /// Adds a row, whose sequence must be `next`.
    mutating func append(_ row: Row) {
        precondition(row.sequence == next, "rows come in order, one number each")
        rows.append(row)
        next += 1
    }

    /// Lets the oldest rows go until at most `limit` are left and none before `keep` is among those
    /// that went. Returns how many went.
    @discardableResult
    mutating func trim(to limit: Int, keepingFrom keep: UInt64) -> Int {
        let surplus = max(0, count - limit)
        let spare = keep > first ? Int(clamping: keep - first) : 0
        let dropped = min(surplus, spare)
        head += dropped
        if head > 1024, head > rows.count / 2 {
            rows.removeFirst(head)
            head = 0
        }
        return dropped
    }

    /// Changes every row that is held; its sequence must stay.
    mutating func changeAll(_ change: (inout Row) -> Void) {
        for index in rows.indices.dropFirst(head) { change(&rows[index]) }
    }

    /// The row numbered `sequence`, which must be held.
    subscript(sequence: UInt64) -> Row {
        rows[head + Int(sequence - first)]
    }

    /// The rows of `range` that are held.
    func rows(in range: ClosedRange<UInt64>) -> ArraySlice<Row> {
        let low = max(range.lowerBound, first)
        let high = min(range.upperBound, last)
        guard low <= high else { return [] }
        return rows[(head + Int(low - first))...(head + Int(high - first))]
    }
}
