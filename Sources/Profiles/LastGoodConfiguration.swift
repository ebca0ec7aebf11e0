import Foundation

/// Keeps a copy of the last configuration that was right, so that a box with a bad file goes on.
///
/// One file, `last-good.json`, in the state folder, holds all files and overriding variables of
/// that configuration; it is replaced atomically and only when something changed.
public struct LastGoodConfiguration: Sendable {
    /// What is kept.
    private struct Copy: Codable {
        var format: Int
        var path: String
        var files: [LoadedConfiguration.File]
        var environment: [String: String]
    }

    private static let format = 1
    /// The copy's file.
    public let file: String

    /// The copy in `folder`, the daemon's state folder.
    public init(folder: String) { file = folder + "/last-good.json" }

    /// Keeps `loaded`; true where the file was written, false where it already held the same.
    @discardableResult
    public func save(_ loaded: LoadedConfiguration) throws(FileFault) -> Bool {
        // The next start may come from another working folder.
        let files = loaded.files.map { file in
            LoadedConfiguration.File(
                path: ConfigurationLoader.absolute(file.path),
                text: file.text
            )
        }
        let copy = Copy(
            format: LastGoodConfiguration.format,
            path: files.first?.path ?? "",
            files: files,
            environment: loaded.environment
        )
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
        let data: Data
        do {
            data = try encoder.encode(copy)
        } catch {
            throw FileFault(what: "the copy cannot be written: \(error)", mend: "report this")
        }
        if case .success(let old) = KeptFile.read(file), old == Array(data) { return false }
        try KeptFile.replace(file, with: Array(data))
        return true
    }

    /// Checks the kept copy with `loader`: its files and variables in place of the present ones.
    ///
    /// Files that the copy does not hold, such as profiles of a package, are read where they are.
    public func load(
        with loader: ConfigurationLoader
    ) -> Result<LoadedConfiguration, RefusedConfiguration> {
        let copy: Copy
        switch KeptFile.read(file) {
        case .failure(let fault): return .failure(refused(fault))
        case .success(let bytes):
            guard let decoded = try? JSONDecoder().decode(Copy.self, from: Data(bytes)),
                decoded.format == LastGoodConfiguration.format
            else {
                return .failure(
                    refused(
                        FileFault(
                            what: "the copy of the last good configuration is damaged",
                            mend: "mend the present configuration; a new copy is then made"
                        )
                    )
                )
            }
            copy = decoded
        }
        return loader.replaying(copy.files, environment: copy.environment).load(copy.path)
    }

    private func refused(_ fault: FileFault) -> RefusedConfiguration {
        RefusedConfiguration(
            problems: [
                Problem(at: Place(file: file), key: "", what: fault.what, mend: fault.mend)
            ],
            warnings: [],
            uncounted: 0,
            loads: []
        )
    }
}

extension ConfigurationLoader {
    /// What a start found.
    public enum Start: Sendable {
        /// The present configuration is right and kept; `unkept`: why it could not be kept.
        case present(LoadedConfiguration, unkept: FileFault?)
        /// The present configuration is refused; the last good one holds.
        case lastGood(LoadedConfiguration, instead: RefusedConfiguration)
        /// Neither is right.
        case nothing(RefusedConfiguration, lastGood: RefusedConfiguration)
    }

    /// Loads the configuration at `path`; where it is refused, the last good one.
    public func start(_ path: String, lastGood: LastGoodConfiguration) -> Start {
        switch load(path) {
        case .success(let loaded):
            do throws(FileFault) {
                try lastGood.save(loaded)
                return .present(loaded, unkept: nil)
            } catch {
                return .present(loaded, unkept: error)
            }
        case .failure(let refused):
            switch lastGood.load(with: self) {
            case .success(let loaded): return .lastGood(loaded, instead: refused)
            case .failure(let other): return .nothing(refused, lastGood: other)
            }
        }
    }
}

/// Files that are whole or not there: written beside, synced, and renamed over.
enum KeptFile {
    /// The most bytes a kept file may have: two files of a configuration, quoted.
    static let mostBytes = 4 * DocumentLimits.fileBytes

    /// The bytes of `path`.
    static func read(_ path: String) -> Result<[UInt8], FileFault> {
        FileFault.read(path, most: mostBytes)
    }

    /// Replaces `path` by `bytes`, readable by its owner alone. After a crash at any moment the
    /// file holds either the old bytes or the new ones.
    static func replace(_ path: String, with bytes: [UInt8]) throws(FileFault) {
        let beside = path + ".new"
        let descriptor = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw fault(beside) }
        var written = 0
        while written < bytes.count {
            let count = bytes.withUnsafeBytes { buffer in
                write(descriptor, buffer.baseAddress.map { $0 + written }, bytes.count - written)
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                let fault = fault(beside)
                close(descriptor)
                unlink(beside)
                throw fault
            }
            written += count
        }
        let synced = fsync(descriptor)
        let code = errno
        close(descriptor)
        guard synced == 0 else {
            errno = code
            let fault = fault(beside)
            unlink(beside)
            throw fault
        }
        guard rename(beside, path) == 0 else { throw fault(path) }
        // The rename itself lasts only once the folder is on the disk.
        let folder = open((path as NSString).deletingLastPathComponent, O_RDONLY | O_DIRECTORY)
        guard folder >= 0 else { throw fault(path) }
        fsync(folder)
        close(folder)
    }

    private static func fault(_ path: String) -> FileFault {
        FileFault(
            what: "\(path) cannot be written: \(String(cString: strerror(errno)))",
            mend: "make the state folder writable for the daemon and free space on its disk"
        )
    }
}
