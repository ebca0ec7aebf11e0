/// The known word nearest to what was written, or nil where none is near.
///
/// Near means: at most a third of the letters differ (at least one may), counting a swap of two
/// neighbours as one difference; upper and lower case, `-` and `_` are the same.
public func nearest(to written: String, among known: some Sequence<String>) -> String? {
    func folded(_ text: String) -> [UInt8] {
        text.lowercased().utf8.prefix(64).filter { $0 != UInt8(ascii: "_") && $0 != 0x2D }
    }
    let word = folded(written)
    var best: (distance: Int, word: String)?
    for candidate in known {
        let other = folded(candidate)
        let allowed = max(1, max(word.count, other.count) / 3)
        guard abs(word.count - other.count) <= allowed else { continue }
        let distance = editDistance(word, other)
        guard distance <= allowed else { continue }
        if best == nil || distance < best?.distance ?? .max { best = (distance, candidate) }
    }
    return best?.word
}

/// Optimal string alignment distance: insertions, deletions, substitutions and swaps of neighbours.
func editDistance(_ a: [UInt8], _ b: [UInt8]) -> Int {
    if a.isEmpty || b.isEmpty { return max(a.count, b.count) }
    var beforeLast = [Int](repeating: 0, count: b.count + 1)
    var last = Array(0...b.count)
    for i in 1...a.count {
        var row = [Int](repeating: 0, count: b.count + 1)
        row[0] = i
        for j in 1...b.count {
            let change = a[i - 1] == b[j - 1] ? 0 : 1
            var cost = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + change)
            if i > 1, j > 1, a[i - 1] == b[j - 2], a[i - 2] == b[j - 1] {
                cost = min(cost, beforeLast[j - 2] + 1)
            }
            row[j] = cost
        }
        (beforeLast, last) = (last, row)
    }
    return last[b.count]
}
