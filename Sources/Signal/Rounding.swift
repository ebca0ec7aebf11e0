extension Double {
    /// The number to so many parts of one (1000: to thousandths), halves away from zero. What is
    /// nothing then has no sign: never `-0.0`.
    public func rounded(parts: Double) -> Double { (self * parts).rounded() / parts + 0 }
}
