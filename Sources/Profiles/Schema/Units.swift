import GatewayCore

/// Engineering units as instrument registers write them.
enum Units {
    /// The usual units of each kind of instrument.
    static let usual: [InstrumentType: [String]] = [
        .pressure: [
            "bar", "mbar", "Pa", "hPa", "kPa", "MPa", "psi", "psig", "psia", "barg", "bara",
            "mmHg", "inHg", "mmH2O", "inH2O", "mH2O", "kg/cm²", "kg/cm2", "atm", "Torr",
            "bar(g)", "bar(a)",
        ],
        .temperature: ["°C", "degC", "°F", "degF", "K", "C", "F"],
        .flow: [
            "m³/h", "m3/h", "m³/s", "m3/s", "m³/min", "l/min", "L/min", "l/h", "L/h", "l/s", "L/s",
            "kg/h", "kg/s", "kg/min", "t/h", "Nm³/h", "Nm3/h", "gpm", "scfm", "cfm", "mL/min",
            "ml/min",
        ],
        .level: ["m", "mm", "cm", "%", "in", "ft", "m³", "m3", "l", "L", "t", "kg"],
    ]

    /// What is wrong with `text` as a unit, nil: nothing.
    static func fault(_ text: String) -> (String, mend: String)? {
        if text.count > 16 {
            return ("the unit has \(text.count) characters", mend: "abbreviate it to 16")
        }
        if text.first?.isWhitespace == true || text.last?.isWhitespace == true {
            return ("the unit begins or ends with a blank", mend: "delete the blank")
        }
        if Double(text) != nil {
            return ("\(quote(text)) is a number, no unit", mend: "write a unit such as bar or °C")
        }
        return nil
    }

    /// A doubt about `text` as the unit of `type`: what is odd, and the mend. Nil: none.
    static func doubt(_ text: String, of type: InstrumentType) -> (String, mend: String)? {
        let own = usual[type] ?? []
        if own.contains(text) || text == "%" { return nil }
        for other in InstrumentType.allCases where other != type {
            if usual[other]?.contains(text) == true {
                return (
                    "\(quote(text)) is a unit of \(other.rawValue), and this is \(type.rawValue)",
                    mend: "check type and unit"
                )
            }
        }
        guard let near = nearest(to: text, among: own), text.count > 2 else { return nil }
        return ("\(quote(text)) is no usual unit", mend: "write '\(near)' if that is meant")
    }
}
