import Foundation

/// Why a file could not be read, and what to do.
public struct FileFault: Error, Hashable, Sendable {
    /// What is wrong.
    public var what: String
    /// How to mend it.
    public var mend: String
    /// Whether there is simply no such file.
    public var isMissing: Bool

    /// A fault in words.
    public init(what: String, mend: String, isMissing: Bool = false) {
        self.what = what
        self.mend = mend
        self.isMissing = isMissing
    }

    /// The bytes of the regular file at `path`, at most `DocumentLimits.fileBytes`.
    public static let readFile: @Sendable (String) -> Result<[UInt8], FileFault> = {
        read($0, most: DocumentLimits.fileBytes)
    }

    static func read(_ path: String, most: Int) -> Result<[UInt8], FileFault> {
        // O_NONBLOCK: a pipe put in the file's place must not hold the daemon's start for ever.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { return .failure(fault(errno, path)) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { return .failure(fault(errno, path)) }
        guard status.st_mode & S_IFMT == S_IFREG else {
            return .failure(FileFault(what: "it is no regular file", mend: "name a YAML file"))
        }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 64 * 1024)
        while bytes.count <= most {
            let count = Glibc.read(descriptor, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { return .failure(fault(errno, path)) }
            if count == 0 { return .success(bytes) }
            bytes += chunk[..<count]
        }
        return .failure(
            FileFault(
                what: "the file has more than \(most) bytes",
                mend: "give it only what it is meant to hold"
            )
        )
    }

    private static func fault(_ code: Int32, _ path: String) -> FileFault {
        switch code {
        case ENOENT, ENOTDIR:
            FileFault(
                what: "there is no such file",
                mend: "create it or correct the path",
                isMissing: true
            )
        case EACCES, EPERM:
            FileFault(
                what: "no permission to read it",
                mend: "let the user of the daemon read it: chgrp loopgate, chmod 640"
            )
        case EISDIR: FileFault(what: "it is a folder", mend: "name the file inside")
        default:
            FileFault(
                what: "it cannot be read: \(String(cString: strerror(code)))",
                mend: "check the disk and the path"
            )
        }
    }
}
