/// A set of sequence numbers that is nearly always "everything up to a floor, and a few ranges
/// above it"; numbers start at 1.
public struct SequenceSet: Hashable, Sendable {
    /// Everything from 1 to this, both included, is in the set; 0: nothing.
    public private(set) var floor: UInt64
    /// What else is: ascending, disjoint, not touching each other or the floor.
    public private(set) var ranges: [ClosedRange<UInt64>]

    /// The set of `1...floor`.
    public init(floor: UInt64 = 0) {
        self.floor = floor
        self.ranges = []
    }

    /// The set of `1...floor` and `ranges`, in whatever order they come.
    public init(floor: UInt64, ranges: [ClosedRange<UInt64>]) {
        self.init(floor: floor)
        for range in ranges { insert(range) }
    }

    /// Whether `sequence` is in the set.
    public func contains(_ sequence: UInt64) -> Bool {
        if sequence <= floor { return true }
        guard let index = firstRange(endingAtOrAfter: sequence) else { return false }
        return ranges[index].lowerBound <= sequence
    }

    /// Adds `range`.
    public mutating func insert(_ range: ClosedRange<UInt64>) {
        guard range.upperBound > floor else { return }
        if range.lowerBound <= floor + 1 {
            floor = range.upperBound
        } else if let last = ranges.last, range.lowerBound <= last.upperBound {
            insertBelowEnd(range)
            return
        } else if let last = ranges.last, range.lowerBound == last.upperBound + 1 {
            ranges[ranges.count - 1] = last.lowerBound...range.upperBound
            return
        } else {
            ranges.append(range)
            return
        }
        absorb()
    }

    /// Takes `range` out again.
    public mutating func remove(_ range: ClosedRange<UInt64>) {
        if range.lowerBound <= floor {
            let oldFloor = floor
            floor = range.lowerBound - 1
            if range.upperBound < oldFloor {
                ranges.insert((range.upperBound + 1)...oldFloor, at: 0)
            }
        }
        guard !ranges.isEmpty else { return }
        var kept: [ClosedRange<UInt64>] = []
        for other in ranges {
            guard other.overlaps(range) else {
                kept.append(other)
                continue
            }
            if other.lowerBound < range.lowerBound {
                kept.append(other.lowerBound...(range.lowerBound - 1))
            }
            if other.upperBound > range.upperBound {
                kept.append((range.upperBound + 1)...other.upperBound)
            }
        }
        ranges = kept
    }

    /// The first run of numbers within `start...end` that are not in the set.
    public func firstGap(from start: UInt64 = 1, upTo end: UInt64) -> ClosedRange<UInt64>? {
        var low = Swift.max(start, floor + 1)
        guard low <= end else { return nil }
        guard let first = firstRange(endingAtOrAfter: low) else { return low...end }
        for range in ranges[first...] {
            if range.lowerBound > low {
                return low...Swift.min(end, range.lowerBound - 1)
            }
            low = range.upperBound + 1
            if low > end { return nil }
        }
        return low...end
    }

    /// The parts of `range` that are in the set.
    public func intersection(_ range: ClosedRange<UInt64>) -> [ClosedRange<UInt64>] {
        var parts: [ClosedRange<UInt64>] = []
        if range.lowerBound <= floor {
            parts.append(range.lowerBound...Swift.min(floor, range.upperBound))
        }
        for other in ranges where other.overlaps(range) {
            parts.append(other.clamped(to: range))
        }
        return parts
    }

    /// How many numbers of `1...end` are not in the set.
    public func missing(upTo end: UInt64) -> UInt64 {
        guard end > floor else { return 0 }
        var count = end - floor
        for range in ranges where range.lowerBound <= end {
            count -= Swift.min(end, range.upperBound) - range.lowerBound + 1
        }
        return count
    }

    private func firstRange(endingAtOrAfter sequence: UInt64) -> Int? {
        var low = 0
        var high = ranges.count
        while low < high {
            let middle = (low + high) / 2
            if ranges[middle].upperBound < sequence { low = middle + 1 } else { high = middle }
        }
        return low < ranges.count ? low : nil
    }

    private mutating func insertBelowEnd(_ range: ClosedRange<UInt64>) {
        var merged = range
        var kept: [ClosedRange<UInt64>] = []
        var placed = false
        for other in ranges {
            if other.upperBound + 1 < merged.lowerBound {
                kept.append(other)
            } else if merged.upperBound + 1 < other.lowerBound {
                if !placed { kept.append(merged) }
                placed = true
                kept.append(other)
            } else {
                merged =
                    Swift.min(
                        merged.lowerBound,
                        other.lowerBound
                    )...Swift.max(
                        merged.upperBound,
                        other.upperBound
                    )
            }
        }
        if !placed { kept.append(merged) }
        ranges = kept
    }

    /// Lets the floor swallow the ranges it has reached.
    private mutating func absorb() {
        var swallowed = 0
        for range in ranges {
            guard range.lowerBound <= floor + 1 else { break }
            floor = Swift.max(floor, range.upperBound)
            swallowed += 1
        }
        if swallowed > 0 { ranges.removeFirst(swallowed) }
    }
}
