import Foundation

/// Reads whole small files, bounded, with errors that say what to do.
enum FileBytes {
    /// Why a file could not be read.
    struct Fault: Error {
        var what: String
        var mend: String
    }

    /// The bytes of the regular file at `path`, at most `DocumentLimits.fileBytes`.
    static func read(_ path: String) -> Result<[UInt8], Fault> {
        // O_NONBLOCK: a pipe put in the file's place must not hold the daemon's start for ever.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { return .failure(fault(errno, path)) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { return .failure(fault(errno, path)) }
        guard status.st_mode & S_IFMT == S_IFREG else {
            return .failure(Fault(what: "it is no regular file", mend: "name a YAML file"))
        }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 64 * 1024)
        while bytes.count <= DocumentLimits.fileBytes {
            let count = Glibc.read(descriptor, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { return .failure(fault(errno, path)) }
            if count == 0 { return .success(bytes) }
            bytes += chunk[..<count]
        }
        return .failure(
            Fault(
                what: "the file has more than \(DocumentLimits.fileBytes) bytes",
                mend: "give it only what it is meant to hold"
            )
        )
    }

    private static func fault(_ code: Int32, _ path: String) -> Fault {
        switch code {
        case ENOENT, ENOTDIR:
            Fault(what: "there is no such file", mend: "create it or correct the path")
        case EACCES, EPERM:
            Fault(
                what: "no permission to read it",
                mend: "let the user of the daemon read it: chgrp loopgate, chmod 640"
            )
        case EISDIR: Fault(what: "it is a folder", mend: "name the file inside")
        default:
            Fault(
                what: "it cannot be read: \(String(cString: strerror(code)))",
                mend: "check the disk and the path"
            )
        }
    }
}
