import RealModule

/// Quantiles of the distributions that thresholds are taken from.
enum Quantiles {
    /// The value that a standard normal variable exceeds with probability `tail`, for tails from
    /// 1e-300 to 0.5, to 4.5e-4
    /// (Abramowitz and Stegun 26.2.23).
    static func normal(tail: Double) -> Double {
        let tail = clip(tail, 1e-300, 0.5)
        let t = (-2 * Double.log(tail)).squareRoot()
        let numerator = 2.515517 + t * (0.802853 + t * 0.010328)
        let denominator = 1 + t * (1.432788 + t * (0.189269 + t * 0.001308))
        return max(0, t - numerator / denominator)
    }

    /// The value that Student's t with `degrees` degrees of freedom exceeds as rarely as a normal
    /// variable exceeds `normal` (Wallace 1959, inverted).
    static func student(normal: Double, degrees: Double) -> Double {
        guard degrees < 1e6 else { return normal }
        let nu = max(degrees, 3)
        let w = normal * (8 * nu + 3) / (8 * nu + 1)
        return (nu * (Double.exp(w * w / nu) - 1)).squareRoot()
    }

    /// By how much a limit of `normal` standard deviations must be widened where the deviation was
    /// estimated from `independent` values.
    static func widening(normal: Double, independent: Double) -> Double {
        student(normal: normal, degrees: independent - 1) / normal
    }

    /// The value that a chi-square variable exceeds with probability `tail` (Wilson and Hilferty).
    static func chiSquare(tail: Double, degrees: Int) -> Double {
        let d = Double(degrees)
        let part = 2 / (9 * d)
        let root = 1 - part + normal(tail: tail) * part.squareRoot()
        return d * root * root * root
    }
}
