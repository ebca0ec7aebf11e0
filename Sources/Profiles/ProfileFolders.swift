import Foundation

/// Finds module profiles by name in folders, reading only those that are asked for.
///
/// The profile `name` is the file `modules/name.yaml` of the first folder that has it. Only the
/// files in use are read, so a broken profile nobody uses stops nobody, and those in use can be
/// kept with the rest of the configuration.
public final class ProfileFolders: ModuleCatalogue {
    /// Turns a profile's options into a map.
    public typealias Resolve = (ModuleOptions) -> Result<ResolvedModule, ModuleFault>
    /// Decodes the profile called `id`; nil where it is wrong, which goes to the list.
    public typealias Decode = (_ document: Document, _ id: String, _ problems: ProblemList) ->
        Resolve?

    /// Files of one folder that are listed for suggestions.
    static let mostListed = 1000

    private enum Known {
        case good(Resolve)
        case wrong(ModuleFault)
        case missing
    }

    private let folders: [String]
    private let read: ConfigurationLoader.Read
    private let problems: ProblemList
    private let decode: Decode
    private var known: [String: Known] = [:]

    /// The profiles of `folders`; faults of profiles in use go to `problems`.
    public init(
        folders: [String],
        read: @escaping ConfigurationLoader.Read,
        problems: ProblemList,
        decode: @escaping Decode
    ) {
        self.folders = folders
        self.read = read
        self.problems = problems
        self.decode = decode
    }

    /// The profiles of `folders` as `firmware-profiles/` describes modules.
    public convenience init(
        folders: [String],
        read: @escaping ConfigurationLoader.Read,
        problems: ProblemList
    ) {
        self.init(folders: folders, read: read, problems: problems) { document, id, problems in
            guard let profile = ModuleProfile(document, id: id, problems: problems) else {
                return nil
            }
            return { options in
                if profile.bus == .tcp, options.isOnSerialPort == true {
                    return .failure(
                        ModuleFault(
                            key: "bus",
                            what: "\(profile.vendor) \(profile.model) speaks Modbus TCP, and its "
                                + "bus is a serial port",
                            mend: "put it on a bus with 'link: tcp', or correct 'profile'"
                        )
                    )
                }
                return profile.resolve(options)
            }
        }
    }

    /// The names of all profile files.
    public var names: [String] { ProfileFolders.names(in: folders, below: "modules") }

    /// The names of the profile files in the folder `part` of each of `folders`.
    static func names(in folders: [String], below part: String) -> [String] {
        var names: Set<String> = []
        for folder in folders {
            let files = try? FileManager.default.contentsOfDirectory(atPath: "\(folder)/\(part)")
            for file in (files ?? []).sorted().prefix(ProfileFolders.mostListed)
            where file.hasSuffix(".yaml") && !file.hasPrefix(".") {
                names.insert(String(file.dropLast(".yaml".count)))
            }
        }
        return names.sorted()
    }

    /// The map of the profile called `name` for a module set up as `options` say.
    public func module(
        _ name: String,
        _ options: ModuleOptions
    ) -> Result<ResolvedModule, ModuleFault>? {
        let found = known[name] ?? find(name)
        known[name] = found
        switch found {
        case .good(let resolve): return resolve(options)
        case .wrong(let fault): return .failure(fault)
        case .missing: return nil
        }
    }

    private func find(_ name: String) -> Known {
        // A name is one file's: it must not climb out of the folder.
        guard case .value = Form<String>.name.parse(DocumentValue(text: name)) else {
            return .missing
        }
        for folder in folders {
            let path = "\(folder)/modules/\(name).yaml"
            switch read(path) {
            case .failure(let fault) where fault.isMissing: continue
            case .failure(let fault):
                return .wrong(
                    ModuleFault(key: "profile", what: "\(path): \(fault.what)", mend: fault.mend)
                )
            case .success(let bytes):
                guard let document = Document(file: path, bytes: bytes, problems: problems),
                    let resolve = decode(document, name, problems)
                else {
                    return .wrong(
                        ModuleFault(
                            key: "profile",
                            what: "the profile \(quote(name)) has errors of its own",
                            mend: "mend \(path)"
                        )
                    )
                }
                return .good(resolve)
            }
        }
        return .missing
    }
}
