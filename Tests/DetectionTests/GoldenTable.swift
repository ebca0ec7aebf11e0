import Foundation
import TestSupport

/// A CSV file of `../shared/data`, by column.
struct GoldenTable {
    let rows: [[String]]
    private let columns: [String: Int]

    /// Whether the shared data folder is there at all.
    static var isThere: Bool { sharedData != nil }

    init(_ name: String) throws {
        let path = try Self.folder() + "/" + name
        let text = try String(contentsOfFile: path, encoding: .utf8)
        var lines = text.split(separator: "\n", omittingEmptySubsequences: true).map { line in
            line.split(separator: ",", omittingEmptySubsequences: false).map {
                $0.trimmingCharacters(in: .whitespacesAndNewlines)
            }
        }
        let header = lines.removeFirst()
        columns = Dictionary(uniqueKeysWithValues: header.enumerated().map { ($1, $0) })
        rows = lines
    }

    static func folder() throws -> String {
        guard let sharedData else { throw TestFailure("no shared data beside the project") }
        return sharedData
    }

    /// A column as numbers; empty cells are nil.
    func optionals(_ column: String) throws -> [Double?] {
        guard let index = columns[column] else { throw TestFailure("no column \(column)") }
        return rows.map { index < $0.count ? Double($0[index]) : nil }
    }
    /// A column as numbers, all of them there.
    func numbers(_ column: String) throws -> [Double] {
        try optionals(column).map { cell in
            guard let cell else { throw TestFailure("an empty cell in \(column)") }
            return cell
        }
    }
    /// A column as text.
    func texts(_ column: String) throws -> [String] {
        guard let index = columns[column] else { throw TestFailure("no column \(column)") }
        return rows.map { $0[index] }
    }
}
