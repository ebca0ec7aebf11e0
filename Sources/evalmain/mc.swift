import Detection
import Foundation
import Signal

func sec(_ i: Int) -> MonotonicTime { MonotonicTime(nanoseconds: Int64(i) * 1_000_000_000) }
func mc(reps: Int, days: Int) {
    let span = Span(lrv: 0, urv: 100, unit: "bar")!
    let settings = DetectorSettings(instrument: InstrumentID(rawValue: 1), span: span, anomaly: AnomalySettings(leastWindows: 200))
    for phi in [0, 0.5, 0.9, 0.95, 0.99] {
        var delays: [Double] = []; var fa = [0, 0, 0, 0]; var kinds: [String: Int] = [:]; var prov = 0
        var steps: [Double] = []
        for rep in 0..<reps {
            var random = SeededGenerator(seed: UInt64(rep) * 1000 + UInt64(phi * 100))
            var x = random.normal()
            let s = (1 - phi * phi).squareRoot()
            func next() -> Double { x = phi * x + s * random.normal(); return x }
            func reading(_ v: Double, _ t: MonotonicTime) -> Reading {
                Reading(instrument: settings.instrument, stamp: Stamp(monotonic: t, wall: WallTime(nanosecondsSince1970: 0), clock: .synced), raw: Int64((50 + 0.5 * v) * 655.35), current: nil, value: 50 + 0.5 * v, quality: .good)
            }
            var b = Baseline(settings: settings)
            for i in 0..<14_400 { b.add(reading(next(), sec(i)), at: sec(i)) }
            var chance = SeededGenerator(seed: 1)
            let model = try! TrainedModel.train(on: b, settings: settings, using: &chance).model
            if model.anomaly!.isProvisional { prov += 1 }
            var d = InstrumentDetectors(settings: settings, model: model)
            var t = 14_400
            let clean = rep < reps ? days * 86_400 : 0
            for _ in 0..<clean {
                for f in d.process(reading(next(), sec(t)), at: sec(t)) where f.phase == .onset { fa[Int(f.detector.rawValue)] += 1; kinds["\(f.condition)", default: 0] += 1; if f.condition == .anomaly, phi >= 0.9 { print(f.explanation.prefix(1)) } }
                t += 1
            }
            var copy = d; var found = 14_400.0
            let t0 = t
            var saved = random; let savedX = x
            for i in 0..<14_400 {
                let fs = copy.process(reading(next() + 0.01 * Double(i), sec(t0 + i)), at: sec(t0 + i))
                if fs.contains(where: { $0.detector == .drift && $0.phase == .onset }) { found = Double(i + 1); break }
            }
            delays.append(found)
            copy = d; found = 14_400; swap(&random, &saved); x = savedX
            for i in 0..<14_400 {
                let fs = copy.process(reading(next() + 1, sec(t0 + i)), at: sec(t0 + i))
                if fs.contains(where: { $0.detector == .drift && $0.phase == .onset }) { found = Double(i + 1); break }
            }
            steps.append(found)
        }
        delays.sort(); steps.sort()
        let total = Double(reps * days)
        print("phi \(phi): false/day", fa.map { String(format: "%.3f", Double($0) / total) }, kinds, "provisional \(prov) drift .01 median \(delays[reps / 2]) [\(delays[reps/4])-\(delays[reps*3/4])] step1 \(steps[reps / 2])")
    }
}
