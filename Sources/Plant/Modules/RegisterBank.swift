/// The cells of one table: stretches of addresses that exist, and nothing between them.
struct RegisterBank: Hashable, Sendable {
    private struct Stretch: Hashable {
        var start: Int
        var words: [UInt16]
        var end: Int { start + words.count }
    }

    /// In order of address, never touching each other.
    private var stretches: [Stretch] = []

    /// Whether no address exists.
    var isEmpty: Bool { stretches.isEmpty }

    /// The content of `address`, or nil where there is none.
    subscript(address: Int) -> UInt16? {
        get {
            guard let index = index(of: address) else { return nil }
            return stretches[index].words[address - stretches[index].start]
        }
        set {
            guard let newValue, let index = index(of: address) else { return }
            stretches[index].words[address - stretches[index].start] = newValue
        }
    }

    /// Makes the addresses from `start` on exist, holding `words`; what lies above 65535 is cut.
    mutating func define(_ words: some Collection<UInt16>, at start: Int) {
        guard (0...0xFFFF).contains(start), !words.isEmpty else { return }
        var new = Stretch(start: start, words: Array(words.prefix(0x10000 - start)))
        var kept: [Stretch] = []
        for old in stretches {
            guard old.end >= new.start, old.start <= new.end else {
                kept.append(old)
                continue
            }
            // Touching or overlapping: one stretch, the new words on top.
            let first = min(old.start, new.start)
            var merged = [UInt16](repeating: 0, count: max(old.end, new.end) - first)
            merged.replaceSubrange(
                old.start - first..<old.end - first,
                with: old.words
            )
            merged.replaceSubrange(
                new.start - first..<new.end - first,
                with: new.words
            )
            new = Stretch(start: first, words: merged)
        }
        kept.append(new)
        stretches = kept.sorted { $0.start < $1.start }
    }

    /// Makes gaps of up to `longest` addresses exist, holding zero.
    mutating func bridge(upTo longest: Int) {
        guard longest > 0 else { return }
        for (left, right) in zip(stretches, stretches.dropFirst())
        where right.start - left.end <= longest {
            define(repeatElement(0, count: right.start - left.end), at: left.end)
        }
    }

    /// The words of `count` addresses from `start` on, or nil where one of them does not exist.
    func read(_ count: Int, from start: Int) -> ArraySlice<UInt16>? {
        guard let index = index(of: start), start + count <= stretches[index].end else {
            return nil
        }
        let offset = start - stretches[index].start
        return stretches[index].words[offset..<offset + count]
    }

    /// Overwrites addresses that exist; false, and nothing written, where one does not.
    mutating func write(_ words: some Collection<UInt16>, at start: Int) -> Bool {
        guard let index = index(of: start), start + words.count <= stretches[index].end else {
            return false
        }
        let offset = start - stretches[index].start
        stretches[index].words.replaceSubrange(offset..<offset + words.count, with: words)
        return true
    }

    private func index(of address: Int) -> Int? {
        var low = 0
        var high = stretches.count
        while low < high {
            let middle = (low + high) / 2
            if stretches[middle].end <= address { low = middle + 1 } else { high = middle }
        }
        guard low < stretches.count, stretches[low].start <= address else { return nil }
        return low
    }
}
