/// Counts of rows against labels.
struct PointCounts {
    var truePositive = 0
    var falsePositive = 0
    var falseNegative = 0
    var trueNegative = 0

    mutating func add(flag: Bool, truth: Bool) {
        switch (flag, truth) {
        case (true, true): truePositive += 1
        case (true, false): falsePositive += 1
        case (false, true): falseNegative += 1
        case (false, false): trueNegative += 1
        }
    }

    var f1: Double {
        let positives = 2 * truePositive + falsePositive + falseNegative
        return positives > 0 ? Double(2 * truePositive) / Double(positives) : 0
    }
    /// Share of good rows in alarm.
    var falseAlarmRate: Double {
        Double(falsePositive) / Double(max(1, falsePositive + trueNegative))
    }
    /// Share of anomalous rows without alarm.
    var missedRate: Double {
        Double(falseNegative) / Double(max(1, falseNegative + truePositive))
    }
}

/// Runs of true as half-open ranges of indices.
func episodes(_ flags: some Collection<Bool>) -> [Range<Int>] {
    var found: [Range<Int>] = []
    var begin: Int?
    var index = 0
    for flag in flags {
        if flag, begin == nil { begin = index }
        if !flag, let from = begin {
            found.append(from..<index)
            begin = nil
        }
        index += 1
    }
    if let begin { found.append(begin..<index) }
    return found
}

/// The middle value; not a number of none.
func median(_ values: [Double]) -> Double {
    let sorted = values.sorted()
    guard !sorted.isEmpty else { return .nan }
    let middle = sorted.count / 2
    return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/// The share of (anomalous, good) pairs of rows that the score puts in the right order.
func areaUnderCurve(_ scores: [(score: Float, truth: Bool)]) -> Double {
    let sorted = scores.sorted { $0.score < $1.score }
    var rankSum = 0.0
    var positives = 0.0
    var index = 0
    while index < sorted.count {
        var end = index
        while end < sorted.count, sorted[end].score == sorted[index].score { end += 1 }
        let rank = Double(index + end + 1) / 2
        for row in sorted[index..<end] where row.truth {
            rankSum += rank
            positives += 1
        }
        index = end
    }
    let negatives = Double(sorted.count) - positives
    guard positives > 0, negatives > 0 else { return .nan }
    return (rankSum - positives * (positives + 1) / 2) / (positives * negatives)
}
