import Foundation

/// A file that its owner alone may read.
public struct SecretFile: Sendable {
    public let path: String

    public init(_ path: String) { self.path = path }

    /// What reading a secret can come to.
    public enum Contents: Equatable, Sendable {
        case bytes([UInt8])
        case missing
        /// Others may read it, or it cannot be read: why.
        case unfit(String)
    }

    /// The bytes; a file that others may read is unfit, for nobody knows who has read it.
    ///
    /// - most: a longer file is unfit.
    public func read(most: Int = 64 * 1024) -> Contents {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            return errno == ENOENT ? .missing : .unfit(String(cString: strerror(errno)))
        }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            return .unfit("it is no file")
        }
        guard status.st_mode & 0o077 == 0 else { return .unfit("others may read it") }
        var bytes = [UInt8](repeating: 0, count: most + 1)
        let count = Glibc.read(descriptor, &bytes, bytes.count)
        guard count >= 0 else { return .unfit(String(cString: strerror(errno))) }
        guard count <= most else { return .unfit("it is longer than \(most) bytes") }
        return .bytes(Array(bytes.prefix(count)))
    }

    /// Puts `bytes` in the file, whole or not at all, with mode 0600.
    ///
    /// - Throws: `SecretFault` where the folder cannot be written.
    public func write(_ bytes: [UInt8]) throws(SecretFault) {
        let fresh = path + ".new"
        unlink(fresh)
        let descriptor = open(fresh, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw fault() }
        let written = Glibc.write(descriptor, bytes, bytes.count)
        let isKept = written == bytes.count && fsync(descriptor) == 0
        close(descriptor)
        guard isKept, rename(fresh, path) == 0 else {
            let fault = fault()
            unlink(fresh)
            throw fault
        }
    }

    private func fault() -> SecretFault {
        SecretFault("\(path) cannot be written: \(String(cString: strerror(errno)))")
    }
}

/// Why a secret could not be made or kept, in words.
public struct SecretFault: Error, Hashable, Sendable, CustomStringConvertible {
    public let description: String
    public init(_ description: String) { self.description = description }
}
