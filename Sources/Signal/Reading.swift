/// A loop current in milliamperes; always finite.
public struct LoopCurrent: Hashable, Comparable, Sendable, Codable {
    /// The current in mA.
    public let milliamps: Double

    /// A current, or nil where `milliamps` is not finite: NaN and infinities stop here.
    public init?(milliamps: Double) {
        guard milliamps.isFinite else { return nil }
        self.milliamps = milliamps
    }

    /// The share of the live-zero span: 0 at 4 mA, 1 at 20 mA; may lie outside.
    public var fraction: Double { (milliamps - 4) / 16 }

    /// Whether `a` is the smaller current.
    public static func < (a: LoopCurrent, b: LoopCurrent) -> Bool { a.milliamps < b.milliamps }
}

/// One measurement of one instrument: made once, never changed, never re-stamped.
///
/// `value` is nil or finite. A bad reading may still carry the current that shows why it is bad.
public struct Reading: Hashable, Sendable {
    /// Whose measurement this is.
    public var instrument: InstrumentID
    /// When the frame that carried it was received.
    public var stamp: Stamp
    /// The module's own code before any scaling, where there was one: the converter's noise in it
    /// is the proof of life that the stuck-sensor detector looks for.
    public var raw: Int64?
    /// The loop current, where one could be made of the code.
    public var current: LoopCurrent?
    /// The process value in the unit of the instrument's span: nil or finite.
    public var value: Double?
    /// How far to trust `value`, and why.
    public var quality: Quality

    /// A reading; a value that is not finite becomes no value of bad quality.
    public init(
        instrument: InstrumentID,
        stamp: Stamp,
        raw: Int64?,
        current: LoopCurrent?,
        value: Double?,
        quality: Quality
    ) {
        self.instrument = instrument
        self.stamp = stamp
        self.raw = raw
        self.current = current
        if let value, !value.isFinite {
            self.value = nil
            self.quality = .notANumber
        } else {
            self.value = value
            self.quality = quality
        }
    }
}
