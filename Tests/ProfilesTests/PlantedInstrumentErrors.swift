/// What is planted into `instruments.yaml`.
extension PlantedErrorTests {
    static let pt = "unit: bar, lrv: 0, urv: 16,"

    static let inInstruments: [Planted] = [
        .init("instruments:", "instrument:", "instruments: the key is missing"),
        .init(
            "tag: PT-101",
            "tag: PT/101",
            "instruments[PT/101].tag: 'PT/101' is no tag; use up to 64"
        ),
        .init("tag: PT-101, ", "", "instruments[1].tag: the key is missing"),
        .init(
            "tag: FT-102",
            "tag: PT-101",
            "3:11: instruments[PT-101].tag: 'PT-101' is also on line 2; give"
        ),
        .init(
            "type: pressure",
            "type: presure",
            "type: 'presure' is not one of pressure, temperature, flow, level; write 'pressure'"
        ),
        .init("unit: bar,", "", "unit: the key is missing"),
        .init("unit: bar", "unit: ''", "unit: the text is empty"),
        .init("unit: bar", "unit: ' bar'", "unit: the unit begins or ends with a blank"),
        .init("unit: bar", "unit: 1.0", "unit: '1.0' is a number, no unit"),
        .init("unit: bar", "unit: kilograms per hour", "unit: the unit has 18 characters"),
        .init(
            "urv: 16",
            "urv: 0",
            "urv: the range is empty: urv 0 is not above lrv 0; write the value"
        ),
        .init(
            "urv: 16",
            "urv: -4",
            "urv: the range is inverted: urv -4 is not above lrv 0; exchange"
        ),
        .init("urv: 16", "urv: .nan", "urv: '.nan' is no finite number; write a number, or delete"),
        .init(
            "urv: 16",
            "urv: 16 bar",
            "urv: '16 bar' is no number; write a number such as 3.5, without"
        ),
        .init("urv: 16", "urv: '1,5'", "urv: '1,5' has a comma; write 1.5"),
        .init("lrv: 0, urv: 16", "lrv: -1.7e308, urv: 1.7e308", "urv: the range is too wide"),
        .init(pt, "\(pt) nominal: 17,", "nominal: 17 lies outside the range 0 to 16 bar"),
        .init(
            pt,
            "\(pt) criticality: hgih,",
            "criticality: 'hgih' is not one of low, medium, high, critical; write 'high'"
        ),
        .init(pt, "\(pt) calibrationInterval: 1,", "calibrationInterval: '1' has no unit"),
        .init(
            pt,
            "\(pt) calibrationInterval: 90 min,",
            "calibrationInterval: '90 min' is out of range"
        ),
        .init("module: ai1", "module: ai3", "module: there is no module called 'ai3'; write 'ai1'"),
        .init(
            "channel: 1",
            "channel: 9",
            "channel: module 'ai1' has 8 channels, and this is channel 9; write 1 to 8"
        ),
        .init("channel: 1", "channel: 0", "channel: 0 is out of range"),
        .init(
            "module: ai2, channel: 2",
            "module: ai1, channel: 1",
            "channel: the instrument on line 2 is on channel 1 of module 'ai1' too"
        ),
        .init(
            pt,
            "\(pt) extraction: sqrt,",
            "extraction: 'sqrt' is not known; write one of linear, square-root"
        ),
        .init(
            pt,
            "\(pt) lowFlowCutOff: 1 %,",
            "lowFlowCutOff: the cut-off belongs to 'extraction: square-root'"
        ),
        .init(
            "urv: 120",
            "urv: 120, extraction: square-root, lowFlowCutOff: 5",
            "lowFlowCutOff: '5' is out of range; write a share from 0 % to 50 %"
        ),
        .init(
            "urv: 120",
            "urv: 120, extraction: square-root, lowFlowCutOff: 60 %",
            "lowFlowCutOff: '60 %' is out of range"
        ),
        .init(pt, "\(pt) damping: -1 s,", "damping: '-1 s' is out of range"),
        .init(
            pt,
            "\(pt) trim: {gain: 2},",
            "trim.gain: 2 is out of range; write a number from 0.9 to 1.1"
        ),
        .init(pt, "\(pt) trim: {ofset: 0.1},", "trim.ofset: no such key; write 'offset'"),
        .init(pt, "\(pt) ne43: {preset: nam},", "ne43.preset: 'nam' is not known"),
        .init(
            pt,
            "\(pt) ne43: {failLow: 3.79},",
            "ne43.failLow: the limit is not 0.1 mA or more below"
        ),
        .init(
            pt,
            "\(pt) ne43: {failHigh: 20},",
            "ne43.failHigh: the limit is not 0.1 mA or more above"
        ),
        .init(
            pt,
            "\(pt) ne43: {failHigh: 25},",
            "ne43.failHigh: 25 is out of range; write a number from 0 to 24"
        ),
        .init(
            pt,
            "\(pt) ne43: {measureLow: 5},",
            "ne43.measureLow: the limit is above 4 mA; give 3.8 to 4"
        ),
        .init(pt, "\(pt) ne43: {dwell: 4},", "ne43.dwell: '4' has no unit"),
        .init(pt, "\(pt) limits: 5,", "limits: here stands '5' where a map of keys belongs"),
        .init(
            pt,
            "\(pt) limits: {high: 12, highHigh: 10},",
            "limits.highHigh: 10 is not above 'high', which is 12; keep lowLow"
        ),
        .init(
            pt,
            "\(pt) limits: {low: 5, high: 5},",
            "limits.high: 5 is not above 'low', which is 5"
        ),
        .init(
            pt,
            "\(pt) limits: {lowLow: 5, highHigh: 4},",
            "limits.highHigh: 4 is not above 'lowLow', which is 5"
        ),
        .init(pt, "\(pt) limits: {high: nan},", "limits.high: 'nan' is no finite number"),
        .init(
            pt,
            "\(pt) limits: {high: 20},",
            "limits.high: no current shows 20 bar: the range ends at 0 and 16"
        ),
        .init(pt, "\(pt) limits: {low: -2},", "limits.low: no current shows -2 bar"),
        .init(pt, "\(pt) limits: {high: -9},", "limits.high: no current shows -9 bar"),
        .init(
            pt,
            "\(pt) limits: {high: 12, deadband: 0},",
            "limits.deadband: 0 is not above zero"
        ),
        .init(
            pt,
            "\(pt) limits: {high: 12, deadband: 16},",
            "limits.deadband: 16 bar is as wide as the range"
        ),
        .init(
            pt,
            "\(pt) limits: {low: 11, high: 12, deadband: 1.5},",
            "limits.deadband: 1.5 bar is as wide as the distance"
        ),
        .init(
            pt,
            "\(pt) limits: {high: 12, hihgHigh: 3},",
            "limits.hihgHigh: no such key; write 'highHigh'"
        ),
        .init(pt, "\(pt) rateOfChange: 0,", "rateOfChange: 0 is not above zero"),
        .init(
            pt,
            "\(pt) expectedInterval: 500 ms,",
            "expectedInterval: 500 ms is shorter than the period 1 s of module 'ai1'"
        ),
        .init(pt, "\(pt) aera: x,", "instruments[PT-101].aera: no such key"),
    ]
}
