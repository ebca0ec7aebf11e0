import Testing

@testable import Detection

@Suite struct IsolationForestTests {
    static func windows(_ name: String) throws -> [WindowFeatures] {
        let table = try GoldenTable("golden/\(name).csv")
        let columns = try WindowFeature.allCases.map { try table.numbers($0.name) }
        return table.rows.indices.map { row in WindowFeatures(columns.map { $0[row] }) }
    }

    /// The forest that scikit-learn grew, node by node.
    static func goldenForest() throws -> IsolationForest {
        let table = try GoldenTable("golden/iforest_trees.csv")
        let names = ["tree", "left", "right", "feature", "samples"]
        let columns = try names.map { try table.numbers($0).map { Int($0) } }
        let thresholds = try table.optionals("threshold")
        var trees: [[IsolationForest.Node]] = []
        for row in table.rows.indices {
            if columns[0][row] == trees.count { trees.append([]) }
            trees[trees.count - 1].append(
                .init(
                    left: columns[1][row],
                    right: columns[2][row],
                    feature: columns[3][row],
                    threshold: thresholds[row] ?? 0,
                    samples: columns[4][row]
                )
            )
        }
        return try IsolationForest(trees: trees, subsample: 128)
    }

    @Test("c(n) agrees with the golden table", .enabled(if: GoldenTable.isThere))
    func pathLengths() throws {
        let table = try GoldenTable("golden/iforest_c_of_n.csv")
        for (n, c) in try zip(table.numbers("n"), table.numbers("c")) {
            #expect(abs(IsolationForest.averagePathLength(Int(n)) - c) < 1e-12 * max(c, 1))
        }
        #expect(abs(IsolationForest.averagePathLength(256) - 10.24477092) < 1e-8)
    }

    @Test("The scorer gives the golden scores to 1e-12", .enabled(if: GoldenTable.isThere))
    func golden() throws {
        let forest = try Self.goldenForest()
        let expected = try GoldenTable("golden/iforest_expected.csv")
        let depths = try expected.numbers("mean_depth")
        let scores = try expected.numbers("score")
        let windows = try Self.windows("iforest_test")
        #expect(windows.count == scores.count && forest.trees == 25)
        for (row, window) in windows.enumerated() {
            #expect(abs(forest.meanDepth(window) - depths[row]) < 1e-12)
            #expect(abs(forest.score(window) - scores[row]) < 1e-12)
        }
        let again = try IsolationForest(decoding: forest.encoded)
        #expect(again == forest)
    }

    @Test(
        "The trainer's quality lies inside the spread over 40 seeds of scikit-learn",
        .enabled(if: GoldenTable.isThere)
    )
    func trainer() throws {
        let training = try Self.windows("iforest_train")
        let test = try Self.windows("iforest_test")
        let anomalous = try GoldenTable("golden/iforest_test.csv").numbers("label").map { $0 != 0 }
        var random = SeededGenerator(seed: 42)
        let forest = IsolationForest.train(on: training, settings: .textbook, using: &random)
        let scores = test.map(forest.score)
        let area = areaUnderCurve(scores, positive: anomalous)
        let own = training.map(forest.score).sorted()
        let mean = own.reduce(0, +) / Double(own.count)
        let variance = own.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(own.count)
        #expect(try spread("auc_all").contains(area))
        #expect(try spread("train_mean").contains(mean))
        #expect(try spread("train_sd").contains(variance.squareRoot()))
        #expect(try spread("train_p95").contains(own[Int(0.95 * Double(own.count))]))
    }

    /// What 40 seeds of scikit-learn gave, 150 trees and ψ = 256.
    func spread(_ quantity: String) throws -> ClosedRange<Double> {
        let table = try GoldenTable("golden/iforest_summary.csv")
        let quantities = try table.texts("quantity")
        let trees = try table.numbers("n_estimators")
        let row = try #require(
            quantities.indices.first { quantities[$0] == quantity && trees[$0] == 150 }
        )
        return try table.numbers("min")[row]...table.numbers("max")[row]
    }

    @Test("The same seed grows the same forest, another seed another")
    func seeded() {
        let windows = noise(256, seed: 1)
        func grow(_ seed: UInt64) -> IsolationForest {
            var random = SeededGenerator(seed: seed)
            return .train(on: windows, using: &random)
        }
        #expect(grow(5) == grow(5))
        #expect(grow(5) != grow(6))
    }

    @Test("Background points let the forest tell far from very far")
    func background() {
        let windows = noise(512, seed: 2)
        func scores(_ background: Double) -> (near: Double, far: Double) {
            var random = SeededGenerator(seed: 3)
            let settings = ForestSettings(background: background)
            let forest = IsolationForest.train(on: windows, settings: settings, using: &random)
            func shifted(_ by: Double) -> WindowFeatures {
                WindowFeatures((0..<10).map { Double($0 == 0 ? by : 0) })
            }
            return (forest.score(shifted(3.5)), forest.score(shifted(8)))
        }
        let plain = scores(0)
        let spread = scores(0.2)
        #expect(plain.far - plain.near < 0.02)
        #expect(spread.far - spread.near > plain.far - plain.near)
    }

    @Test("Damaged, foreign and cut models are refused")
    func refusals() throws {
        var random = SeededGenerator(seed: 9)
        let forest = IsolationForest.train(
            on: noise(64, seed: 4),
            settings: ForestSettings(trees: 5),
            using: &random
        )
        let bytes = forest.encoded
        #expect(try IsolationForest(decoding: bytes) == forest)
        var flipped = bytes
        flipped[200] ^= 1
        #expect(throws: CodingFault.checksum) { try IsolationForest(decoding: flipped) }
        #expect(throws: CodingFault.self) { try IsolationForest(decoding: Array(bytes.dropLast())) }
        #expect(throws: CodingFault.self) { try IsolationForest(decoding: []) }
        var foreign = bytes
        foreign[2] = 77
        #expect(throws: CodingFault.featureSet(found: 77, wanted: WindowFeatures.version)) {
            try IsolationForest(decoding: resealed(foreign))
        }
        // A right subtree that begins before its parent must never be walked.
        for index in bytes.indices.dropFirst(8).dropLast(8) {
            var torn = bytes
            torn[index] = 0
            if let forest = try? IsolationForest(decoding: resealed(torn)) {
                let score = forest.score(noise(1, seed: 5)[0])
                #expect(score.isFinite)
            }
        }
    }

    private func resealed(_ bytes: [UInt8]) -> [UInt8] {
        var writer = ByteWriter()
        writer.append(bytes.dropLast(8))
        writer.write(checksum(bytes.dropLast(8)))
        return writer.bytes
    }

    private func noise(_ count: Int, seed: UInt64) -> [WindowFeatures] {
        var random = SeededGenerator(seed: seed)
        return (0..<count).map { _ in WindowFeatures((0..<10).map { _ in random.normal() }) }
    }
}

/// The share of (positive, negative) pairs that `scores` puts in the right order; ties count half.
func areaUnderCurve(_ scores: [Double], positive: [Bool]) -> Double {
    let order = scores.indices.sorted { scores[$0] < scores[$1] }
    var rankSum = 0.0
    var index = 0
    while index < order.count {
        var end = index
        while end < order.count, scores[order[end]] == scores[order[index]] { end += 1 }
        let rank = Double(index + end + 1) / 2
        for place in index..<end where positive[order[place]] { rankSum += rank }
        index = end
    }
    let positives = Double(positive.count { $0 })
    let negatives = Double(positive.count) - positives
    return (rankSum - positives * (positives + 1) / 2) / (positives * negatives)
}
