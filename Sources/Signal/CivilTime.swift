/// A point in time as calendars write it: UTC, proleptic Gregorian, leap seconds not counted.
public struct CivilTime: Hashable, Sendable {
    public var year: Int
    /// 1 to 12.
    public var month: Int
    /// 1 to 31.
    public var day: Int
    public var hour: Int
    public var minute: Int
    public var second: Int
    public var millisecond: Int

    /// The calendar's form of `wall`, cut (not rounded) to the millisecond, so that a time never
    /// lies ahead of itself.
    ///
    /// Days to dates by 400-year eras that begin on 1 March, when leap days come last
    /// (H. Hinnant, "chrono-compatible low-level date algorithms").
    public init(_ wall: WallTime) {
        let milliseconds = wall.millisecondsSince1970
        let days = floorDivide(milliseconds, 86_400_000)
        let ofDay = Int(milliseconds - days * 86_400_000)
        let shifted = Int(days) + CivilTime.daysToMarch
        let era = floorDivide(Int64(shifted), 146_097)
        let dayOfEra = shifted - Int(era) * 146_097
        let yearOfEra =
            (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
        month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        year = yearOfEra + Int(era) * 400 + (month <= 2 ? 1 : 0)
        hour = ofDay / 3_600_000
        minute = ofDay / 60_000 % 60
        second = ofDay / 1000 % 60
        millisecond = ofDay % 1000
    }
}

extension WallTime {
    /// Whole milliseconds since 1970, rounded towards the past.
    public var millisecondsSince1970: Int64 { floorDivide(nanosecondsSince1970, 1_000_000) }
}

extension CivilTime {
    /// Days from 0000-03-01 to 1970-01-01.
    fileprivate static let daysToMarch = 719_468

    /// Days since 1970 of a date; the way back of `init`.
    fileprivate static func days(year: Int, month: Int, day: Int) -> Int {
        let shifted = month <= 2 ? year - 1 : year
        let era = Int(floorDivide(Int64(shifted), 400))
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - daysToMarch
    }
}

extension WallTime {
    /// `2026-03-30T05:32:42.123Z`: UTC, cut to the millisecond.
    public var iso8601: String {
        let civil = CivilTime(self)
        func digits(_ value: Int, _ count: Int) -> String {
            let text = String(value)
            return String(repeating: "0", count: max(0, count - text.count)) + text
        }
        return "\(digits(civil.year, 4))-\(digits(civil.month, 2))-\(digits(civil.day, 2))"
            + "T\(digits(civil.hour, 2)):\(digits(civil.minute, 2)):\(digits(civil.second, 2))"
            + ".\(digits(civil.millisecond, 3))Z"
    }

    /// The time that `text` writes as RFC 3339 does: `2026-03-30T05:32:42.123Z`, with or without
    /// fractions of a second, `Z` or an offset such as `+02:00`. Nil for anything else, for days
    /// that no calendar has, and for years before 1970 or after 2261.
    public init?(iso8601 text: String) {
        var scan = TimeScanner(text)
        guard let year = scan.number(4), scan.take("-"), let month = scan.number(2), scan.take("-"),
            let day = scan.number(2), scan.take("T") || scan.take("t"), let hour = scan.number(2),
            scan.take(":"), let minute = scan.number(2), scan.take(":"),
            let second = scan.number(2), let fraction = scan.fraction(), let offset = scan.offset(),
            scan.isAtEnd
        else { return nil }
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        let lengths = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        guard (1970...2261).contains(year), (1...12).contains(month),
            (1...lengths[month - 1]).contains(day), hour < 24, minute < 60, second < 60
        else { return nil }
        let days = CivilTime.days(year: year, month: month, day: day)
        let seconds = days * 86_400 + hour * 3600 + minute * 60 + second - offset
        guard seconds >= 0 else { return nil }
        self.init(nanosecondsSince1970: Int64(seconds) * 1_000_000_000 + Int64(fraction))
    }
}

/// Takes the parts of a written time off its head.
private struct TimeScanner {
    private var rest: Substring.UTF8View

    init(_ text: String) { rest = Substring(text).utf8 }

    var isAtEnd: Bool { rest.isEmpty }

    mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard rest.first == UInt8(ascii: character) else { return false }
        rest.removeFirst()
        return true
    }

    /// Exactly `count` digits.
    mutating func number(_ count: Int) -> Int? {
        var value = 0
        for _ in 0..<count {
            guard let digit = digit() else { return nil }
            value = value * 10 + digit
        }
        return value
    }

    /// Nanoseconds after a point; none without one. Digits beyond the ninth are cut off.
    mutating func fraction() -> Int? {
        guard take(".") else { return 0 }
        guard var value = digit() else { return nil }
        var count = 1
        while let next = digit() {
            if count < 9 {
                value = value * 10 + next
                count += 1
            }
        }
        for _ in count..<9 { value *= 10 }
        return value
    }

    /// Seconds ahead of UTC.
    mutating func offset() -> Int? {
        if take("Z") || take("z") { return 0 }
        let sign = take("+") ? 1 : take("-") ? -1 : 0
        guard sign != 0, let hours = number(2), take(":"), let minutes = number(2), hours < 24,
            minutes < 60
        else { return nil }
        return sign * (hours * 3600 + minutes * 60)
    }

    private mutating func digit() -> Int? {
        guard let byte = rest.first, byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else {
            return nil
        }
        rest.removeFirst()
        return Int(byte - UInt8(ascii: "0"))
    }
}

/// The quotient rounded towards minus infinity; `divisor` is above zero.
public func floorDivide(_ dividend: Int64, _ divisor: Int64) -> Int64 {
    let quotient = dividend / divisor
    return dividend % divisor < 0 ? quotient - 1 : quotient
}
