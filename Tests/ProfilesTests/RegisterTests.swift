import Foundation
import GatewayCore
import Signal
import Testing

@testable import Profiles

@Suite struct RegisterTests {
    /// Every key of an instrument, nested ones too, with a value that is not its default.
    private static let full = """
        instruments:
          - tag: FT-001
            type: flow
            measuredVariable: Feed water, boiler 2
            unit: m³/h
            lrv: 0
            urv: 120.5
            nominal: 60
            location: "007"
            associatedEquipment: E-7 "north"
            accuracyClass: 0.1 %
            criticality: high
            processUnit: boiler house
            calibrationInterval: 180 d
            module: ai2
            channel: 3
            extraction: square-root
            lowFlowCutOff: 3 %
            damping: 1500ms
            trim: {offset: 0.02, gain: 1.001}
            ne43: {preset: rosemount, wireBreak: 0.9, failLow: 3.5, measureLow: 3.7,
                   measureHigh: 20.6, failHigh: 21.2, dwell: 2 s, startupGrace: 5 s}
            limits: {lowLow: 20, low: 30, high: 100, highHigh: 110, deadband: 1, onDelay: 5 s,
                     offDelay: 6 s}
            rateOfChange: 1e1
            expectedInterval: 3 s
            detectors:
              limits: {run: on}
              drift: {run: shadow, method: plain, k: 0.4, h: 6}
              stuck: {run: on, method: plain, deadband: 0.2 %, time: 20 min}
              anomaly: {run: off, window: 90 s, hop: 5 s, leastWindows: 40, thresholds: fixed,
                        warning: 0.5, critical: 0.7, needed: 2, among: 3, trees: 90,
                        subsample: 64, background: 10 %}
        """

    private static func loaded() throws -> LoadedConfiguration {
        try Configured(Configured.gateway, full).load().get()
    }

    private static func decoder(_ settings: GatewaySettings) -> RegisterDecoder {
        RegisterDecoder(modules: settings.modules, detection: settings.detection)
    }

    private func stored(_ entry: [String: RegisterValue]) throws -> [String: RegisterValue] {
        let data = try JSONEncoder().encode(RegisterValue.map(entry))
        return try JSONDecoder().decode([String: RegisterValue].self, from: data)
    }

    private static let plain: [String: RegisterValue] = [
        "tag": .text("PT-1"), "type": .text("pressure"), "unit": .text("bar"), "lrv": .number(0),
        "urv": .number(16), "module": .text("ai1"), "channel": .number(1),
    ]

    @Test("every key survives the way into the journal as JSON and back")
    func roundTrip() throws {
        let loaded = try Self.loaded()
        let entry = try #require(loaded.list.entries.first?.entry)
        let known = Set(InstrumentKeys.section.keys.map(\.name))
        #expect(Set(entry.keys) == known, "the example leaves out \(known.subtracting(entry.keys))")
        let back = try stored(entry)
        #expect(back == entry)
        let reading = Self.decoder(loaded.settings).decode(back)
        #expect(reading.problems == [])
        #expect(reading.settings == loaded.settings.instruments[0])
    }

    @Test("an entry shown as YAML reads back as the same entry")
    func yaml() throws {
        let loaded = try Self.loaded()
        let entry = try #require(loaded.list.entries.first?.entry)
        let lines = RegisterDecoder.order(entry.keys).map { "\($0): \(entry[$0]?.yaml ?? "")" }
        let text = "instruments:\n  - " + lines.joined(separator: "\n    ")
        let again = try Configured(Configured.gateway, text).load().get()
        #expect(again.settings.instruments == loaded.settings.instruments)
    }

    @Test("text that looks like a number stays text; numbers are numbers")
    func numbers() throws {
        let entry = try #require(try Self.loaded().list.entries.first?.entry)
        #expect(entry["location"] == .text("007"))
        #expect(entry["urv"] == .number(120.5))
        #expect(entry["rateOfChange"] == .text("1e1"))
        #expect(entry["channel"] == .number(3))
    }

    @Test(
        "what is wrong is told by its key, with the mend",
        arguments: [
            (["urv": RegisterValue.number(-1)], "urv", "exchange"),
            (["urv": .text("sixteen")], "urv", "write a number"),
            (["module": .text("ai3")], "module", "ai3"),
            (["limits": .map(["high": .number(99)])], "limits.high", "within the range"),
            (["prssure": .number(1)], "prssure", "no such key"),
            (["type": .null], "type", "missing"),
            (["channel": .number(1.5)], "channel", "whole number"),
            (["trim": .number(2)], "trim", "map"),
            (["location": .list([])], "location", "text"),
        ] as [([String: RegisterValue], String, String)]
    )
    func problems(patch: [String: RegisterValue], key: String, words: String) throws {
        let settings = try Configured().load().get().settings
        let reading = Self.decoder(settings).decode(Self.plain.patched(by: patch))
        #expect(reading.settings == nil)
        #expect(reading.problems.map(\.key) == [key])
        #expect(reading.problems.first?.detail.contains(words) == true, "\(reading.problems)")
    }

    @Test("a wrong entry does not stop the others; of two on a channel the earlier one has it")
    func alone() throws {
        let settings = try Configured().load().get().settings
        let second = Self.plain.patched(by: ["tag": .text("PT-2")])
        let third = second.patched(by: ["tag": .text("PT-3"), "module": .text("gone")])
        let readings = Self.decoder(settings).decode([Self.plain, second, third])
        #expect(readings[0].settings?.tag.text == "PT-1")
        #expect(readings[1].fault?.contains("PT-1 is on channel 1 of module 'ai1' too") == true)
        #expect(readings[2].fault?.contains("module: ") == true)
    }

    @Test("a patch merges maps; null and empty text take a key away, and empty maps go")
    func patch() {
        let entry: [String: RegisterValue] = [
            "a": .number(1), "limits": .map(["high": .number(2), "low": .number(1)]),
        ]
        #expect(
            entry.patched(by: ["limits": .map(["low": .null]), "a": .text("")])
                == ["limits": .map(["high": .number(2)])]
        )
        #expect(
            entry.patched(by: ["limits": .map(["low": .null, "high": .null])])
                == ["a": .number(1)]
        )
    }

    private func record(
        _ tag: String,
        _ entry: [String: RegisterValue],
        isRetired: Bool = false
    ) throws -> InstrumentRecord {
        InstrumentRecord(
            id: InstrumentID(rawValue: 1),
            tag: try #require(Tag(tag)),
            isRetired: isRetired,
            entry: entry,
            settings: nil
        )
    }

    @Test("the difference names what is added, changed, restored, retired and missing")
    func difference() throws {
        let register = [
            try record("PT-1", ["urv": .number(16), "limits": .map(["high": .number(9)])]),
            try record("PT-2", ["urv": .number(1)]),
            try record("PT-3", ["urv": .number(1)]),
            try record("PT-4", ["urv": .number(1)], isRetired: true),
        ]
        func item(_ tag: String, _ entry: [String: RegisterValue]) throws -> InstrumentList.Item {
            InstrumentList.Item(tag: try #require(Tag(tag)), entry: entry)
        }
        let list = [
            try item("PT-1", ["urv": .number(10), "nominal": .number(5)]),
            try item("PT-2", ["urv": .number(1)]),
            try item("PT-4", ["urv": .number(1)]),
            try item("PT-5", ["urv": .number(2)]),
        ]
        let difference = RegisterDifference(from: register, to: list, retiresMissing: false)
        #expect(
            difference.lines == [
                "~ PT-1",
                "    limits.high: 9 → –",
                "    nominal: – → 5",
                "    urv: 16 → 10",
                "+ PT-4  is retired, and is restored",
                "+ PT-5  urv: 2",
                "= 1 unchanged",
                "? PT-3: in the register and not in the file; they stay",
            ]
        )
        #expect(difference.summary == "1 added, 1 changed, 1 restored, 1 not in the file")
        let strict = RegisterDifference(from: register, to: list, retiresMissing: true)
        #expect(strict.changes.last?.kind == .retired)
        #expect(strict.lines.contains("- PT-3  is retired; its history stays"))
        #expect(
            RegisterDifference(from: register, to: list.dropLast(4), retiresMissing: false)
                .changes.isEmpty
        )
    }

    @Test("the fingerprint tells any change of the list, and nothing else")
    func fingerprint() throws {
        let list = try Self.loaded().list
        #expect(list.fingerprint == (try Self.loaded().list.fingerprint))
        var other = list
        other.entries[0].entry["urv"] = .number(121)
        #expect(other.fingerprint != list.fingerprint)
    }
}
