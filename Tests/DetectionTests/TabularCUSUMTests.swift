import Testing

@testable import Detection

@Suite struct TabularCUSUMTests {
    enum Variant: String, CaseIterable, CustomTestStringConvertible {
        case plain, reset
        case headStart = "fir_reset"
        var testDescription: String { rawValue }
    }

    @Test(
        "The sums and alarms agree with the golden series",
        .enabled(if: GoldenTable.isThere),
        arguments: Variant.allCases
    )
    func golden(variant: Variant) throws {
        let table = try GoldenTable("golden/cusum.csv")
        let up = try table.numbers("\(variant.rawValue)_c_plus")
        let down = try table.numbers("\(variant.rawValue)_c_minus")
        let alarm = try table.numbers("\(variant.rawValue)_alarm")
        var chart = TabularCUSUM(
            k: 0.5,
            h: 5,
            afterAlarm: variant == .plain ? .runOn : .restart,
            headStart: variant == .headStart ? 2.5 : 0
        )
        for (row, z) in try table.numbers("z").enumerated() {
            let side = chart.step(z)
            #expect(abs(chart.up - up[row]) < 1e-9)
            #expect(abs(chart.down - down[row]) < 1e-9)
            #expect((side != nil) == (alarm[row] == 1))
        }
    }

    @Test(
        "Simulated run lengths agree with the table of k = 0.5",
        .enabled(if: GoldenTable.isThere),
        arguments: [4.0, 5.0],
        [0.0, 0.5, 1, 2]
    )
    func runLengths(h: Double, shift: Double) throws {
        let table = try GoldenTable("golden/cusum_arl.csv")
        let rows = try zip(table.numbers("h"), table.numbers("shift_sigma"))
        let row = try #require(Array(rows).firstIndex { $0 == (h, shift) })
        let expected = try table.numbers("arl_two_sided")[row]
        var random = SeededGenerator(seed: 20_240 + UInt64(h * 100 + shift * 10))
        let runs = shift == 0 ? 2_000 : 10_000
        var total = 0
        for _ in 0..<runs {
            var chart = TabularCUSUM(k: 0.5, h: h)
            repeat { total += 1 } while chart.step(random.normal() + shift) == nil
        }
        // A run length is about exponential: its standard error is the mean over √runs.
        let error = expected / Double(runs).squareRoot()
        #expect(abs(Double(total) / Double(runs) - expected) < 4 * error)
    }

    @Test(
        "h for a wanted time between false alarms agrees with the golden table",
        .enabled(if: GoldenTable.isThere)
    )
    func decisionIntervals() throws {
        let table = try GoldenTable("golden/cusum_h_for_arl0.csv")
        for (values, h) in try zip(
            table.numbers("arl0_samples"),
            table.numbers("h_siegmund_k_0.5")
        ) {
            #expect(abs(TabularCUSUM.decisionInterval(forRunLength: values, k: 0.5) - h) < 1e-3)
        }
    }

    @Test("A capped sum comes down in bounded time")
    func cap() {
        var chart = TabularCUSUM(k: 0.5, h: 5, afterAlarm: .runOn, cap: 2)
        for _ in 0..<3_600 { _ = chart.step(1.5) }
        #expect(chart.up == 10)
        var values = 0
        while chart.step(0) != nil { values += 1 }
        #expect(values < 20)
    }
}
