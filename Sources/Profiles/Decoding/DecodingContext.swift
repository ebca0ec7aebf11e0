import Foundation

/// What all decoders of one configuration share.
struct DecodingContext {
    let problems: ProblemList
    /// Where relative paths start: the folder of `loopgate.yaml`.
    let folder: String
    /// Where systemd puts credentials: `$CREDENTIALS_DIRECTORY`.
    let credentials: String?
    let catalogue: any ModuleCatalogue
    /// What it runs on.
    var box = Box.none

    /// `path`, absolute: relative ones start at the configuration's folder.
    func absolute(_ path: String) -> String {
        if path.hasPrefix("/") { return path }
        return folder == "/" ? "/\(path)" : "\(folder)/\(path)"
    }

    /// The file behind `path` where it exists, links followed; else `path`.
    static func target(of path: String) -> String {
        guard let resolved = realpath(path, nil) else { return path }
        defer { free(resolved) }
        return String(cString: resolved)
    }
}

/// One item of a list while it is checked: its reader for messages, and what was read.
struct Draft<Value> {
    let reader: MapReader
    /// The name as written, for references to it, even where the rest is wrong.
    let name: String?
    /// Nil where something needed is wrong, which has been noted.
    var value: Value?
}

/// Remembers where things were first seen, to name both places of a double.
struct FirstSeen<Thing: Hashable> {
    private var places: [Thing: Place] = [:]

    /// Where `thing` was seen before, or nil, and then `place` is remembered.
    mutating func before(_ thing: Thing, at place: Place) -> Place? {
        if let first = places[thing] { return first }
        places[thing] = place
        return nil
    }
}

extension Place {
    /// `line 12` within the same file, else the whole place.
    func described(from other: Place) -> String {
        file == other.file && line > 0 ? "line \(line)" : description
    }
}
