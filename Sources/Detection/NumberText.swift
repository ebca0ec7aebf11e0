import RealModule

/// Numbers and lengths of time as the sentences of findings write them.
enum NumberText {
    /// `value` to `digits` significant digits, without trailing zeros: `12.35`, `0.00042`, `1.2e-9`.
    static func number(_ value: Double, digits: Int = 4) -> String {
        guard value.isFinite else { return value.isNaN ? "not a number" : value < 0 ? "-∞" : "∞" }
        guard value != 0 else { return "0" }
        let size = abs(value)
        let exponent = Int(Double.log10(size).rounded(.down))
        if exponent < -5 || exponent > 9 {
            let mantissa = size / Double.exp10(Double(exponent))
            return (value < 0 ? "-" : "") + number(mantissa, digits: digits) + "e\(exponent)"
        }
        let decimals = max(0, min(9, digits - 1 - exponent))
        let scale = Double.exp10(Double(decimals)).rounded()
        let scaled = (size * scale).rounded()
        let whole = (scaled / scale).rounded(.down)
        var fraction = String(Int64(scaled - whole * scale))
        var text = (value < 0 && scaled > 0 ? "-" : "") + String(Int64(whole))
        guard decimals > 0 else { return text }
        fraction = String(repeating: "0", count: max(0, decimals - fraction.count)) + fraction
        while fraction.last == "0" { fraction.removeLast() }
        if !fraction.isEmpty { text += "." + fraction }
        return text
    }

    /// `value` with its sign, as for a deviation or a rate.
    static func signed(_ value: Double, digits: Int = 3) -> String {
        (value > 0 ? "+" : "") + number(value, digits: digits)
    }

    /// A length of time in the unit that a person would choose.
    static func duration(seconds: Double) -> String {
        switch abs(seconds) {
        case ..<120: number(seconds, digits: 3) + " s"
        case ..<7_200: number(seconds / 60, digits: 3) + " min"
        case ..<172_800: number(seconds / 3_600, digits: 3) + " h"
        default: number(seconds / 86_400, digits: 3) + " days"
        }
    }

    /// A share from 0 to 1 in percent.
    static func percent(_ share: Double) -> String { number(100 * share, digits: 3) + " %" }
}
