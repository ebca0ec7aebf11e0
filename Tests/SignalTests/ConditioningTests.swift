import Signal
import Testing

@Suite("Conditioning")
struct ConditioningTests {
    @Test(
        "flow is the square root of the differential pressure, and nothing below the cut-off",
        arguments: [
            (-0.1, 0.0), (0, 0), (0.0001, 0), (0.0024, 0), (0.0025, 0.05), (0.01, 0.1),
            (0.25, 0.5), (1, 1), (1.03125, 1.0155),
        ]
    )
    func squareRoot(fraction: Double, share: Double) {
        let extraction = Extraction.squareRoot(lowFlowCutOff: 0.05)
        #expect(abs(extraction.share(ofFraction: fraction) - share) < 1e-4)
    }

    @Test("the inverse of an extraction gives the fraction back", arguments: [0, 0.1, 0.5, 1])
    func inverse(share: Double) {
        for extraction in [Extraction.linear, .squareRoot(lowFlowCutOff: 0.01)] {
            let fraction = extraction.fraction(ofShare: share)
            #expect(abs(extraction.share(ofFraction: fraction) - share) < 1e-12)
        }
    }

    @Test("damping reaches 63.2 % of a step after one time constant, however it is sampled")
    func damping() {
        for steps in [1, 3, 10, 1000] {
            var damping = Damping(timeConstant: .seconds(2))
            #expect(damping.apply(0, at: at(0)) == 0)
            var output = 0.0
            for step in 1...steps {
                output = damping.apply(1, at: at(2 * Double(step) / Double(steps)))
            }
            #expect(abs(output - 0.632120558828558) < 1e-9)
        }
    }

    @Test("damping of zero passes everything")
    func noDamping() {
        var damping = Damping(timeConstant: .zero)
        #expect(damping.apply(1, at: at(0)) == 1)
        #expect(damping.apply(5, at: at(1)) == 5)
    }

    @Test("a restarted filter takes its next input as is")
    func restart() {
        var damping = Damping(timeConstant: .seconds(100))
        _ = damping.apply(0, at: at(0))
        damping.restart()
        #expect(damping.apply(50, at: at(1)) == 50)
    }

    @Test("a clock that stands still or goes back does not move the filter")
    func standingClock() {
        var damping = Damping(timeConstant: .seconds(1))
        _ = damping.apply(1, at: at(10))
        #expect(damping.apply(9, at: at(10)) == 1)
        #expect(damping.apply(9, at: at(5)) == 1)
    }

    @Test("a step costs one unbelievable value, a spike two")
    func rateOfChange() {
        var check = RateOfChangeCheck(limit: 2)
        let step = [(0.0, 10.0), (1, 12), (2, 50), (3, 50), (4, 48)]
        #expect(
            step.map { check.isBelievable($0.1, at: at($0.0)) } == [true, true, false, true, true]
        )
        check.restart()
        let spike = [(10.0, 10.0), (11, 90), (12, 10), (13, 10)]
        #expect(spike.map { check.isBelievable($0.1, at: at($0.0)) } == [true, false, false, true])
    }

    @Test("the rate counts the time between the values, not their number")
    func rateOverTime() {
        var check = RateOfChangeCheck(limit: 2)
        let values = [(0.0, 0.0), (10, 20), (10.1, 21)]
        #expect(values.map { check.isBelievable($0.1, at: at($0.0)) } == [true, true, false])
        var unlimited = RateOfChangeCheck(limit: nil)
        #expect([0, 1e9].map { unlimited.isBelievable($0, at: at(0)) } == [true, true])
    }

    @Test("more than twice the expected interval without a reading is a gap")
    func gap() {
        var check = GapCheck(expectedInterval: .seconds(5), start: at(0))
        #expect(check.deadline == at(10))
        #expect(!check.isGap(at: at(10)))
        #expect(check.isGap(at: at(10.001)))
        #expect(check.received(at: at(8)) == nil)
        #expect(!check.isGap(at: at(18)))
        #expect(check.isGap(at: at(19)))
        #expect(check.received(at: at(20)) == .seconds(12))
        #expect(check.received(at: at(25)) == nil)
    }
}
