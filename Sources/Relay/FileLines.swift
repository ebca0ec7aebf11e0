import Foundation

/// One bit of a process image: Revolution Pi's `/dev/piControl0`, or any file of bytes.
///
/// The same byte holds other people's bits (lamps, a watchdog trigger), so the driver's own
/// single-bit call is used where there is one; a plain file has the byte read, changed, written.
final class ProcessImageLine: OutputLine {
    /// The driver's argument: byte address, bit, value.
    private struct BitValue {
        var address: UInt16
        var bit: UInt8
        var value: UInt8
    }
    /// `_IO('K', 15)` and `_IO('K', 16)` of piControl: get and set one bit.
    private static let getBit: UInt = 0x4B0F
    private static let setBit: UInt = 0x4B10

    private let place: String
    private let byte: Int
    private let bit: Int
    private var descriptor: Int32
    private let isDriver: Bool

    init(path: String, byte: Int, bit: Int) throws(RelayFault) {
        guard (0...Int(UInt16.max)).contains(byte), (0...7).contains(bit) else {
            throw .impossible("\(path): byte must be 0 to 65535 and bit 0 to 7")
        }
        place = "bit \(bit) of byte \(byte) of \(path)"
        self.byte = byte
        self.bit = bit
        descriptor = Foundation.open(path, O_RDWR | O_CLOEXEC)
        guard descriptor >= 0 else { throw .file(path, errno: errno) }
        var information = stat()
        isDriver =
            fstat(descriptor, &information) == 0 && information.st_mode & S_IFMT == S_IFCHR
    }

    func write(_ isOn: Bool) throws(RelayFault) {
        if isDriver {
            var value = BitValue(address: UInt16(byte), bit: UInt8(bit), value: isOn ? 1 : 0)
            guard ioctl(descriptor, ProcessImageLine.setBit, &value) >= 0 else {
                throw .file(place, errno: errno)
            }
            return
        }
        let old = try readByte()
        var new = isOn ? old | (1 << UInt8(bit)) : old & ~(1 << UInt8(bit))
        guard pwrite(descriptor, &new, 1, off_t(byte)) == 1 else {
            throw .file(place, errno: errno)
        }
    }

    func read() throws(RelayFault) -> Bool? {
        if isDriver {
            var value = BitValue(address: UInt16(byte), bit: UInt8(bit), value: 0)
            guard ioctl(descriptor, ProcessImageLine.getBit, &value) >= 0 else {
                throw .file(place, errno: errno)
            }
            return value.value != 0
        }
        return try readByte() & (1 << UInt8(bit)) != 0
    }

    private func readByte() throws(RelayFault) -> UInt8 {
        var value: UInt8 = 0
        let count = pread(descriptor, &value, 1, off_t(byte))
        if count == 0 { throw .impossible("\(place): the image ends before that byte") }
        guard count == 1 else { throw .file(place, errno: errno) }
        return value
    }

    func close() {
        guard descriptor >= 0 else { return }
        Foundation.close(descriptor)
        descriptor = -1
    }

    deinit { close() }
}

/// A file that takes one text or another, as below `/sys`. Opened anew for each write: the driver
/// behind it may be unloaded and come back.
final class SysfsLine: OutputLine {
    private let path: String
    private let energised: String
    private let safe: String

    init(path: String, energised: String, safe: String) throws(RelayFault) {
        guard energised != safe else {
            throw .impossible("\(path): the texts for energised and safe are the same")
        }
        self.path = path
        self.energised = energised
        self.safe = safe
        let descriptor = Foundation.open(path, O_WRONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .file(path, errno: errno) }
        Foundation.close(descriptor)
    }

    func write(_ isOn: Bool) throws(RelayFault) {
        // Never O_CREAT: a file that is not there is a driver that is not there.
        let descriptor = Foundation.open(path, O_WRONLY | O_TRUNC | O_CLOEXEC)
        guard descriptor >= 0 else { throw .file(path, errno: errno) }
        defer { Foundation.close(descriptor) }
        let bytes = Array((isOn ? energised : safe).utf8)
        guard Foundation.write(descriptor, bytes, bytes.count) == bytes.count else {
            throw .file(path, errno: errno)
        }
    }

    /// What the file says, where it says one of the two texts. `F` and `S` are a relay contact's
    /// own fault report (Iono Pi Max: open, closed against the demand).
    func read() throws(RelayFault) -> Bool? {
        let descriptor = Foundation.open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { Foundation.close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: RelayLimits.fileBytes)
        let count = Foundation.read(descriptor, &bytes, bytes.count)
        guard count > 0 else { return nil }
        let text = SysfsLine.trimmed(String(decoding: bytes[..<count], as: UTF8.self))
        if text == SysfsLine.trimmed(energised) { return true }
        if text == SysfsLine.trimmed(safe) { return false }
        if text == "F" || text == "S" { throw .disobeyed("\(path) (it reads \(text))") }
        return nil
    }

    func close() {}

    private static func trimmed(_ text: String) -> String {
        text.trimmingCharacters(in: .whitespacesAndNewlines)
    }
}
