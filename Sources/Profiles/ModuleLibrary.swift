import Foundation
import GatewayCore

/// All module profiles of one or more folders: a file `modules/NAME.yaml` is the profile NAME.
///
/// Where two folders have a profile of the same name, the one of the earlier folder counts.
public struct ModuleLibrary: ModuleCatalogue, Sendable {
    /// The profiles, by name.
    public private(set) var profiles: [String: ModuleProfile] = [:]
    /// Names of files that are there but cannot be used.
    public private(set) var broken: Set<String> = []

    /// An empty library.
    public init() {}

    /// The profiles of `folders`, each of which holds `modules/`; what cannot be read is noted.
    ///
    /// A broken file costs its own profile only.
    public init(folders: [String], problems: ProblemList) {
        for folder in folders {
            for (name, path) in ProfileFiles.list("\(folder)/modules", problems: problems)
            where profiles[name] == nil && !broken.contains(name) {
                guard let document = Document(path: path, problems: problems),
                    let profile = ModuleProfile(document, id: name, problems: problems)
                else {
                    broken.insert(name)
                    continue
                }
                profiles[name] = profile
            }
        }
    }

    /// The names of all profiles that can be used.
    public var names: [String] { profiles.keys.sorted() }

    /// The map of the profile called `name` for a module set up as `options` say.
    public func module(
        _ name: String,
        _ options: ModuleOptions
    ) -> Result<ResolvedModule, ModuleFault>? {
        if let profile = profiles[name] { return profile.resolve(options) }
        guard broken.contains(name) else { return nil }
        return .failure(
            ModuleFault(
                key: "profile",
                what: "the profile \(name) has errors of its own",
                mend: "mend its file first"
            )
        )
    }
}

/// Finds profile files.
enum ProfileFiles {
    /// Files of one folder at most.
    static let most = 1000

    /// Name and path of every `.yaml` file of `folder`, by name; a folder that is not there is
    /// empty, one that cannot be read is noted.
    static func list(_ folder: String, problems: ProblemList) -> [(name: String, path: String)] {
        guard FileManager.default.fileExists(atPath: folder) else { return [] }
        do {
            let files = try FileManager.default.contentsOfDirectory(atPath: folder)
            return files.filter { $0.hasSuffix(".yaml") && !$0.hasPrefix(".") }.sorted()
                .prefix(most).map { (String($0.dropLast(5)), "\(folder)/\($0)") }
        } catch {
            problems.add(
                at: Place(file: folder),
                key: "",
                what: "the folder cannot be read",
                mend: "let the gateway's user read it"
            )
            return []
        }
    }
}
