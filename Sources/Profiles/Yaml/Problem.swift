/// Where a value was written: a file with line and column, or an environment variable.
public struct Place: Hashable, Sendable, Comparable, CustomStringConvertible {
    /// The file's path as given, or `$NAME` of an environment variable.
    public var file: String
    /// From 1; 0 where there is no line (an environment variable, an unreadable file).
    public var line: Int
    /// From 1, in Unicode scalars; 0 where there is no line.
    public var column: Int

    /// A place in a file; leave `line` and `column` out for a source without lines.
    public init(file: String, line: Int = 0, column: Int = 0) {
        self.file = file
        self.line = line
        self.column = column
    }

    /// `file:line:column`, or only the file.
    public var description: String { line > 0 ? "\(file):\(line):\(column)" : file }
    /// By file, then line, then column.
    public static func < (a: Place, b: Place) -> Bool {
        (a.file, a.line, a.column) < (b.file, b.line, b.column)
    }
}

/// One thing that is wrong, where, and how to mend it.
public struct Problem: Hashable, Sendable, CustomStringConvertible, Error {
    /// Where it is.
    public var place: Place
    /// The key it is about, as a path: `buses[field1].baud`. Empty: the file as a whole.
    public var keyPath: String
    /// What is wrong, one sentence without a full stop.
    public var what: String
    /// What to do about it, one sentence without a full stop.
    public var mend: String

    /// A problem at `place`.
    public init(at place: Place, key keyPath: String, what: String, mend: String) {
        self.place = place
        self.keyPath = keyPath
        self.what = what
        self.mend = mend
    }

    /// The file's path as given.
    public var file: String { place.file }
    /// The line from 1, or 0.
    public var line: Int { place.line }
    /// The column from 1, or 0.
    public var column: Int { place.column }

    /// `file:line:column: key: what is wrong; how to mend it`.
    public var description: String {
        "\(place): \(keyPath.isEmpty ? "file" : keyPath): \(what); \(mend)"
    }
}

/// Collects problems and warnings while files are read, so that all of them are told at once.
///
/// At `DocumentLimits.problems` further problems are only counted.
public final class ProblemList {
    /// The problems found so far, in the order they were found.
    public private(set) var problems: [Problem] = []
    /// Things that work but deserve a look.
    public private(set) var warnings: [Problem] = []
    /// Problems and warnings beyond the limit.
    public private(set) var uncounted = 0

    /// An empty list.
    public init() {}

    /// Whether nothing is wrong.
    public var isEmpty: Bool { problems.isEmpty }

    /// Notes something wrong.
    public func add(_ problem: Problem) {
        if problems.count < DocumentLimits.problems {
            problems.append(problem)
        } else {
            uncounted += 1
        }
    }

    /// Notes something wrong.
    public func add(at place: Place, key: String, what: String, mend: String) {
        add(Problem(at: place, key: key, what: what, mend: mend))
    }

    /// Notes something that works but deserves a look.
    public func warn(at place: Place, key: String, what: String, mend: String) {
        if warnings.count < DocumentLimits.problems {
            warnings.append(Problem(at: place, key: key, what: what, mend: mend))
        } else {
            uncounted += 1
        }
    }
}

/// Bounds on what a file may ask of us.
public enum DocumentLimits {
    /// Bytes of one file: 10,000 instruments take about 6 MB.
    public static let fileBytes = 16 << 20
    /// Values of one file, aliases written out.
    public static let values = 1_000_000
    /// Maps and lists inside one another.
    public static let depth = 32
    /// Problems that are told; the rest is only counted. The same for warnings.
    public static let problems = 1000
    /// Bytes of one text.
    public static let textBytes = 1024
    /// Bytes of a value that a message quotes.
    public static let quotedBytes = 60
    /// Stack of the thread that parses: libyaml admits 1000 levels, and each takes three calls.
    static let parserStackBytes = 16 << 20
}
