import Foundation
import GatewayCore
import Signal

@testable import Journal

/// A small, good generator: a seed replays any case.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64
    init(seed: UInt64) { state = seed }
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

/// A plant of instruments on eight-channel cards, as the journal sees it: a cycle a second.
struct SamplePlant {
    var random: SplitMix
    var channels: Int
    var level: [Double]
    var damped: [Double]
    var start: Int64 = 1_700_000_000_000_000_000
    var sequence: UInt64 = 0
    var cycle: Int64 = 0
    var clock = ClockState.synced
    /// Every n-th instrument has a damped, so unpredictable, value.
    var dampedEvery = 8

    init(channels: Int = 64, seed: UInt64 = 1) {
        random = SplitMix(seed: seed)
        self.channels = channels
        level = (0..<channels).map { 0.2 + 0.6 * Double($0) / Double(channels) }
        damped = level
    }

    mutating func noise() -> Double {
        (0..<4).reduce(0.0) { sum, _ in sum + Double.random(in: -1...1, using: &random) } / 2
    }

    /// The readings of the next second: 16-bit codes with 0.1 % noise, linear spans.
    mutating func next() -> [SequencedReading] {
        cycle += 1
        var readings: [SequencedReading] = []
        var stamp = Stamp(monotonic: .zero, wall: WallTime(nanosecondsSince1970: 0), clock: clock)
        for index in 0..<channels {
            if index % 8 == 0 {
                let jitter = Int64.random(in: 0..<3_000_000, using: &random)
                let at = cycle * 1_000_000_000 + Int64(index) * 6_000_000 + jitter
                stamp.monotonic = MonotonicTime(nanoseconds: 5_000_000_000_000 + at)
                let wall = start + at + Int64.random(in: 0..<200, using: &random)
                stamp.wall = WallTime(nanosecondsSince1970: wall)
            }
            level[index] += noise() * 0.0002
            let fraction = min(max(level[index] + noise() * 0.001, 0), 1)
            let raw = Int64((fraction * 65_535).rounded())
            let milliamps = 4.0 + Double(raw) * (16.0 / 65_535.0)
            let width = Double(index % 5 + 1) * 20
            var value = -10.0 + (milliamps - 4) / 16 * width
            if dampedEvery > 0, index % dampedEvery == 1 {
                damped[index] += 0.3 * (value - damped[index])
                value = damped[index]
            }
            sequence += 1
            readings.append(
                SequencedReading(
                    sequence: sequence,
                    reading: Reading(
                        instrument: InstrumentID(rawValue: UInt32(index + 1)),
                        stamp: stamp,
                        raw: raw,
                        current: LoopCurrent(milliamps: milliamps),
                        value: value,
                        quality: .good
                    )
                )
            )
        }
        return readings
    }

    mutating func next(seconds: Int) -> [SequencedReading] {
        (0..<seconds).flatMap { _ in next() }
    }
}

extension JournalStore {
    /// `ReadingStore.commit`, waited for.
    @discardableResult
    nonisolated func commit(_ commit: Commit) async -> CommitOutcome {
        await withCheckedContinuation { continuation in
            self.commit(commit) { continuation.resume(returning: $0) }
        }
    }

    /// `ReadingStore.fetch`, waited for.
    nonisolated func fetch(
        _ stream: StoreStream = .readings,
        epoch: UInt64 = 1,
        _ range: ClosedRange<UInt64>,
        limit: Int = 500
    ) async throws -> Fetched {
        try await withCheckedContinuation { continuation in
            self.fetch(stream, epoch: epoch, range: range, limit: limit, for: "cmms") {
                continuation.resume(returning: $0)
            }
        }.get()
    }

    /// Every stored reading of a range, piece by piece.
    nonisolated func all(
        epoch: UInt64 = 1,
        _ range: ClosedRange<UInt64>
    ) async throws -> [SequencedReading] {
        var found: [SequencedReading] = []
        var next = range.lowerBound
        while next <= range.upperBound {
            let fetched = try await fetch(epoch: epoch, next...range.upperBound)
            guard case .readings(let rows) = fetched.rows, fetched.through >= next else { break }
            found += rows
            next = fetched.through + 1
        }
        return found
    }
}

extension CommitOutcome {
    var fault: StoreFault? {
        if case .failure(let fault) = result { return fault }
        return nil
    }
}
