import Signal

/// A point in time as calendars write it: UTC, proleptic Gregorian, leap seconds not counted.
struct CivilTime: Hashable {
    var year: Int
    /// 1 to 12.
    var month: Int
    /// 1 to 31.
    var day: Int
    var hour: Int
    var minute: Int
    var second: Int
    var millisecond: Int

    /// The calendar's form of `wall`, cut (not rounded) to the millisecond, so that a time never
    /// lies ahead of itself.
    ///
    /// Days to dates by 400-year eras that begin on 1 March, when leap days come last
    /// (H. Hinnant, "chrono-compatible low-level date algorithms").
    init(_ wall: WallTime) {
        let milliseconds = wall.millisecondsSince1970
        let days = floorDivide(milliseconds, 86_400_000)
        let ofDay = Int(milliseconds - days * 86_400_000)
        let shifted = Int(days) + 719_468  // Days since 0000-03-01.
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
    var millisecondsSince1970: Int64 { floorDivide(nanosecondsSince1970, 1_000_000) }
}

extension ByteWriter {
    /// Appends `"2026-03-30T05:32:42.123Z"`, quotes included.
    mutating func time(_ wall: WallTime) {
        let civil = CivilTime(wall)
        byte(UInt8(ascii: "\""))
        digits(civil.year, 4)
        byte(UInt8(ascii: "-"))
        digits(civil.month, 2)
        byte(UInt8(ascii: "-"))
        digits(civil.day, 2)
        byte(UInt8(ascii: "T"))
        digits(civil.hour, 2)
        byte(UInt8(ascii: ":"))
        digits(civil.minute, 2)
        byte(UInt8(ascii: ":"))
        digits(civil.second, 2)
        byte(UInt8(ascii: "."))
        digits(civil.millisecond, 3)
        text("Z\"")
    }

    /// Appends a stamp's time, or null while its clock could not be trusted.
    mutating func time(trusted stamp: Stamp) {
        if stamp.clock.isTrusted { time(stamp.wall) } else { text("null") }
    }

    /// Appends a time, or null.
    mutating func time(orNull wall: WallTime?) {
        if let wall { time(wall) } else { text("null") }
    }

    private mutating func digits(_ value: Int, _ count: Int) {
        var divisor = 1
        for _ in 1..<count { divisor *= 10 }
        while divisor > 0 {
            byte(UInt8(ascii: "0") + UInt8(value / divisor % 10))
            divisor /= 10
        }
    }
}

/// The quotient rounded towards minus infinity; `divisor` is above zero.
func floorDivide(_ dividend: Int64, _ divisor: Int64) -> Int64 {
    let quotient = dividend / divisor
    return dividend % divisor < 0 ? quotient - 1 : quotient
}
