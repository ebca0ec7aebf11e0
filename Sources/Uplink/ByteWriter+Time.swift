import Signal

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
