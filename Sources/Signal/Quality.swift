/// Whether a value can be trusted, as OPC UA and NE 107 users know it.
public enum QualityLevel: UInt8, Hashable, Sendable, Codable, Comparable {
    /// The value is what the instrument measures.
    case good = 0
    /// The value may be off; its reason says how.
    case uncertain = 1
    /// The value must not be used.
    case bad = 2

    /// Whether `a` can be trusted more.
    public static func < (a: QualityLevel, b: QualityLevel) -> Bool { a.rawValue < b.rawValue }

    /// The word that goes on the wire and on the page.
    public var name: String {
        switch self {
        case .good: "good"
        case .uncertain: "uncertain"
        case .bad: "bad"
        }
    }
}

/// A quality level together with the reason for it; travels with its reading for life.
///
/// Raw values are stored in journals that outlive a release: never change or re-use one.
public enum Quality: UInt8, Hashable, Sendable, Codable, CaseIterable {
    /// Good: measured, in range, fresh.
    case good = 0

    /// Uncertain: NE 43 under-range, 3.6 to 4.0 mA edge where the device holds its lower limit.
    case saturatedLow = 64
    /// Uncertain: NE 43 over-range, the device holds its upper limit.
    case saturatedHigh = 65
    /// Uncertain: between saturation and failure, low side, or a failure current not yet dwelt.
    case betweenBandsLow = 66
    /// Uncertain: between saturation and failure, high side, or a failure current not yet dwelt.
    case betweenBandsHigh = 67
    /// Uncertain: changed faster than the process can.
    case rateOfChange = 68
    /// Uncertain: first value after a timeout on a bus without transaction numbers.
    case afterTimeout = 69
    /// Uncertain: the instrument or the filter is starting up.
    case settling = 70
    /// Uncertain: confirmed drift.
    case drifting = 71
    /// Uncertain: the module cannot tell this value from a fault (full scale or open loop).
    case ambiguous = 72

    /// Bad: failure current low, NE 43 ≤ 3.6 mA for the dwell time.
    case failLow = 128
    /// Bad: failure current high, NE 43 ≥ 21.0 mA for the dwell time.
    case failHigh = 129
    /// Bad: the module reports an open loop, or the current is that of a broken wire.
    case wireBreak = 130
    /// Bad: the module reports a short circuit or overload.
    case shortCircuit = 131
    /// Bad: the module reports a fault of its own or of its supply.
    case moduleFault = 132
    /// Bad: the module answers that the channel is not configured, disabled or in another mode.
    case notConfigured = 133
    /// Bad: the module or its bus does not answer.
    case communication = 134
    /// Bad: not a finite number.
    case notANumber = 135
    /// Bad: the module is not the one that the profile describes.
    case wrongModule = 136
    /// Bad: never read since the start.
    case waiting = 137
    /// Bad: the code does not change though the process does: frozen.
    case stuck = 138
    /// Bad: taken out of service.
    case outOfService = 139
    /// Bad: the module refuses the address (exception).
    case refused = 140

    /// Good, uncertain or bad.
    public var level: QualityLevel {
        switch rawValue {
        case 0..<64: .good
        case 64..<128: .uncertain
        default: .bad
        }
    }

    /// The reason in the words of the wire format and the page: lower case, hyphenated.
    public var reason: String {
        switch self {
        case .good: "ok"
        case .saturatedLow: "saturated-low"
        case .saturatedHigh: "saturated-high"
        case .betweenBandsLow: "between-bands-low"
        case .betweenBandsHigh: "between-bands-high"
        case .rateOfChange: "rate-of-change"
        case .afterTimeout: "after-timeout"
        case .settling: "settling"
        case .drifting: "drifting"
        case .ambiguous: "ambiguous"
        case .failLow: "failure-current-low"
        case .failHigh: "failure-current-high"
        case .wireBreak: "wire-break"
        case .shortCircuit: "short-circuit"
        case .moduleFault: "module-fault"
        case .notConfigured: "channel-not-configured"
        case .communication: "communication-failure"
        case .notANumber: "not-a-number"
        case .wrongModule: "wrong-module"
        case .waiting: "waiting-for-first-value"
        case .stuck: "stuck"
        case .outOfService: "out-of-service"
        case .refused: "refused-by-module"
        }
    }
}
