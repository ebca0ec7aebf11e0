import Testing

@testable import Signal

@Suite struct RoundingTests {
    @Test(
        "Rounded to parts of one, halves go away from zero and nothing has no sign",
        arguments: [
            (-1.2346, 1000, -1.235), (0.125, 100, 0.13), (-0.125, 100, -0.13), (8, 1, 8),
            (-0.000_01, 1000, 0), (-0.4, 1, 0), (-0.0, 10, 0),
        ]
    )
    func rounded(number: Double, parts: Double, result: Double) {
        let rounded = number.rounded(parts: parts)
        #expect(rounded == result)
        #expect(rounded.sign == result.sign)
    }
}
