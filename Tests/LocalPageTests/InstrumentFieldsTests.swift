import GatewayCore
import LocalPage
import Testing

@Suite struct InstrumentFieldsTests {
    @Test(
        "fields and keys belong together, both ways",
        arguments: [
            ("tag_number", "tag"), ("range_max", "urv"), ("process_unit", "processUnit"),
            ("calibration_interval_days", "calibrationInterval"), ("unit", "unit"),
            ("limits.low_low", "limits.lowLow"), ("limits.high_high", "limits.highHigh"),
        ]
    )
    func names(field: String, key: String) {
        #expect(InstrumentFields.key(of: field) == key)
        #expect(InstrumentFields.field(of: key) == field)
    }

    @Test("an object of the API becomes an entry, nested fields and days included")
    func entry() {
        let entry = InstrumentFields.entry(of: [
            "range_max": .number(16), "calibration_interval_days": .number(180),
            "limits": .map(["low_low": .number(1)]), "nominal_value": .null,
        ])
        #expect(
            entry == [
                "urv": .number(16), "calibrationInterval": .text("180 d"),
                "limits": .map(["lowLow": .number(1)]), "nominal": .null,
            ]
        )
    }

    @Test("a key is no field: it stays unknown, and is told under its own name")
    func unknown() {
        let entry = InstrumentFields.entry(of: ["urv": .number(1), "processUnit": .number(2)])
        #expect(Set(entry.keys) == ["?urv", "?processUnit"])
        #expect(entry.keys.map(InstrumentFields.field).sorted() == ["processUnit", "urv"])
    }
}
