import Signal
import Testing

extension Stamp {
    static func second(_ seconds: Double) -> Stamp {
        Stamp(
            monotonic: at(seconds),
            wall: WallTime(nanosecondsSince1970: 1_700_000_000_000_000_000),
            clock: .synced
        )
    }
}

extension DecodedChannel {
    static func current(
        _ milliamps: Double?,
        _ condition: ChannelCondition = .ok
    ) -> DecodedChannel {
        DecodedChannel(raw: 1, milliamps: milliamps, condition: condition)
    }
}

@Suite("The pipeline of one instrument")
struct PipelineTests {
    let span: Span
    init() throws { span = try #require(Span(lrv: 0, urv: 100, unit: "bar")) }

    func pipeline(_ change: (inout SignalSettings) -> Void = { _ in }) -> SignalPipeline {
        var settings = SignalSettings(span: span)
        change(&settings)
        return SignalPipeline(instrument: InstrumentID(rawValue: 7), settings: settings)
    }

    @Test(
        "4 to 20 mA is 0 to 100 % of the span",
        arguments: [(4.0, 0.0), (8, 25), (12, 50), (20, 100)]
    )
    func linear(milliamps: Double, value: Double) {
        var pipeline = pipeline()
        let reading = pipeline.process(.current(milliamps), at: .second(0))
        #expect(reading.value == value)
        #expect(reading.quality == .good)
        #expect(reading.current?.milliamps == milliamps)
        #expect(reading.raw == 1)
        #expect(reading.instrument == InstrumentID(rawValue: 7))
        #expect(reading.stamp == .second(0))
    }

    @Test("a span may start below zero")
    func negativeSpan() throws {
        let span = try #require(Span(lrv: -50, urv: 150, unit: "°C"))
        var pipeline = SignalPipeline(
            instrument: InstrumentID(rawValue: 1),
            settings: SignalSettings(span: span)
        )
        #expect(pipeline.process(.current(8), at: .second(0)).value == 0)
    }

    @Test(
        "outside 4–20 mA a value is uncertain but there",
        arguments: [
            (3.9, Quality.saturatedLow, -0.625), (3.7, .betweenBandsLow, -1.875),
            (3.5, .betweenBandsLow, -3.125), (20.25, .saturatedHigh, 101.5625),
            (20.75, .betweenBandsHigh, 104.6875), (22, .betweenBandsHigh, 112.5),
        ]
    )
    func uncertain(milliamps: Double, quality: Quality, value: Double) throws {
        var pipeline = pipeline()
        let reading = pipeline.process(.current(milliamps), at: .second(0))
        #expect(reading.quality == quality)
        #expect(abs(try #require(reading.value) - value) < 1e-9)
    }

    @Test(
        "a failure current that lasts makes a bad reading that keeps its current",
        arguments: [(3.5, Quality.failLow), (0, .wireBreak), (21.5, .failHigh)]
    )
    func failed(milliamps: Double, quality: Quality) {
        var pipeline = pipeline()
        _ = pipeline.process(.current(milliamps), at: .second(0))
        let reading = pipeline.process(.current(milliamps), at: .second(4))
        #expect(reading.quality == quality)
        #expect(reading.value == nil)
        #expect(reading.current?.milliamps == milliamps)
    }

    @Test(
        "what the module says of a channel decides at once",
        arguments: [
            (ChannelCondition.wireBreak, Quality.wireBreak), (.shortCircuit, .shortCircuit),
            (.moduleFault, .moduleFault), (.notConfigured, .notConfigured),
        ]
    )
    func moduleConditions(condition: ChannelCondition, quality: Quality) {
        var pipeline = pipeline()
        for current in [12.0, nil] {
            let reading = pipeline.process(.current(current, condition), at: .second(0))
            #expect(reading.quality == quality)
            #expect(reading.value == nil)
            #expect(reading.current?.milliamps == current)
        }
    }

    @Test("out of range is uncertain with a current, bad without one")
    func outOfRange() {
        var pipeline = pipeline()
        let under = pipeline.process(.current(4, .underRange), at: .second(0))
        #expect(under.quality == .saturatedLow && under.value == 0)
        let over = pipeline.process(.current(20, .overRange), at: .second(1))
        #expect(over.quality == .saturatedHigh && over.value == 100)
        let below = pipeline.process(.current(nil, .underRange), at: .second(2))
        #expect(below.quality == .failLow && below.value == nil)
        let above = pipeline.process(.current(nil, .overRange), at: .second(3))
        #expect(above.quality == .failHigh && above.value == nil)
    }

    @Test("an ambiguous code is an uncertain value")
    func ambiguous() {
        var pipeline = pipeline()
        let reading = pipeline.process(.current(20, .ambiguous), at: .second(0))
        #expect(reading.quality == .ambiguous)
        #expect(reading.value == 100)
    }

    @Test(
        "no answer is a bad reading without a current",
        arguments: [Quality.communication, .refused]
    )
    func noAnswer(quality: Quality) {
        var pipeline = pipeline()
        let reading = pipeline.fail(quality, at: .second(0))
        #expect(reading.quality == quality)
        #expect(reading.value == nil && reading.current == nil && reading.raw == nil)
    }

    @Test("a current that is not there without a reason is not a number")
    func notANumber() {
        var pipeline = pipeline()
        #expect(pipeline.process(.current(nil), at: .second(0)).quality == .notANumber)
        #expect(pipeline.process(.current(.nan), at: .second(0)).quality == .notANumber)
        #expect(pipeline.process(.current(.infinity), at: .second(0)).quality == .notANumber)
        // The current is finite, but the process value would not be.
        #expect(pipeline.process(.current(1.7e308), at: .second(0)).quality == .notANumber)
        #expect(pipeline.process(.current(12), at: .second(1)).quality == .good)
    }

    @Test("the trim comes before all else")
    func trim() throws {
        var pipeline = pipeline { $0.trim = Trim(offset: -0.1, gain: 1.01) }
        let reading = pipeline.process(.current(12), at: .second(0))
        #expect(abs(try #require(reading.current).milliamps - 12.02) < 1e-12)
        #expect(abs(try #require(reading.value) - 50.125) < 1e-9)
        // 20.88 mA trimmed to 20.9888 is between the bands, not saturated.
        #expect(pipeline.process(.current(20.88), at: .second(1)).quality == .betweenBandsHigh)
    }

    @Test("square root extraction with a cut-off")
    func squareRoot() {
        var pipeline = pipeline { $0.extraction = .squareRoot(lowFlowCutOff: 0.1) }
        #expect(pipeline.process(.current(8), at: .second(0)).value == 50)
        #expect(pipeline.process(.current(4.15), at: .second(1)).value == 0)
        #expect(pipeline.process(.current(3.9), at: .second(2)).value == 0)
    }

    @Test("a good value is never damped with a doubtful one")
    func filterRestarts() throws {
        var pipeline = pipeline { $0.damping = .seconds(1000) }
        #expect(pipeline.process(.current(12), at: .second(0)).value == 50)
        let held = try #require(pipeline.process(.current(20), at: .second(1)).value)
        #expect(held > 50 && held < 51)
        let uncertain = try #require(pipeline.process(.current(20.3), at: .second(2)).value)
        #expect(uncertain < 51)
        #expect(pipeline.process(.current(20), at: .second(3)).value == 100)
        _ = pipeline.fail(.communication, at: .second(4))
        #expect(pipeline.process(.current(4), at: .second(5)).value == 0)
        _ = pipeline.process(.current(4, .wireBreak), at: .second(6))
        #expect(pipeline.process(.current(12), at: .second(7)).value == 50)
    }

    @Test("a change faster than the process can is uncertain, the next value counts again")
    func rateOfChange() {
        var pipeline = pipeline { $0.rateOfChangeLimit = 5 }
        let currents = [12.0, 12.4, 16, 16, 16.1]
        let qualities = currents.enumerated().map {
            pipeline.process(.current($0.element), at: .second(Double($0.offset))).quality
        }
        #expect(qualities == [.good, .good, .rateOfChange, .good, .good])
        // Nothing is compared across bad input.
        _ = pipeline.fail(.communication, at: .second(5))
        #expect(pipeline.process(.current(4), at: .second(6)).quality == .good)
    }

    @Test("the first value after a timeout is uncertain and colours nothing")
    func afterTimeout() {
        var pipeline = pipeline {
            $0.damping = .seconds(100)
            $0.rateOfChangeLimit = 1
        }
        #expect(pipeline.process(.current(12), at: .second(0)).quality == .good)
        let late = pipeline.process(.current(20), at: .second(1), afterTimeout: true)
        #expect(late.quality == .afterTimeout && late.value == 100)
        let next = pipeline.process(.current(12), at: .second(2))
        #expect(next.quality == .good && next.value == 50)
    }

    @Test(
        "the first value after a timeout says nothing of the loop, whatever its current",
        arguments: [0.5, 3.5, 3.7, 20.6, 20.9, 21.5]
    )
    func afterTimeoutBeyondTheBand(milliamps: Double) {
        var pipeline = pipeline { _ in }
        #expect(pipeline.process(.current(12), at: .second(0)).quality == .good)
        for second in 1...20 {
            let late = pipeline.process(
                .current(milliamps),
                at: .second(Double(second)),
                afterTimeout: true
            )
            #expect(late.quality == .afterTimeout)
        }
        #expect(pipeline.process(.current(12), at: .second(21)).quality == .good)
    }

    @Test("whatever comes in, bad has no value, uncertain and good have a finite one")
    func invariant() {
        var generator = SystemRandomNumberGenerator()
        var pipeline = pipeline {
            $0.damping = .seconds(3)
            $0.rateOfChangeLimit = 10
            $0.ne43.startupGrace = .seconds(5)
        }
        for second in 0..<20_000 {
            let stamp = Stamp.second(Double(second) / 2)
            let current: Double? =
                second % 97 == 0
                ? [nil, .nan, .infinity, 1e300, -1e308].randomElement(using: &generator) ?? nil
                : Double.random(in: -1...25, using: &generator)
            let condition = second % 5 == 0 ? ChannelCondition.allCases.randomElement() : .ok
            let reading =
                second % 61 == 0
                ? pipeline.fail(.communication, at: stamp)
                : pipeline.process(
                    .current(current, condition ?? .ok),
                    at: stamp,
                    afterTimeout: second % 31 == 0
                )
            #expect((reading.value == nil) == (reading.quality.level == .bad))
            #expect(reading.value?.isFinite ?? true)
        }
    }
}
