import Foundation
import GatewayCore

/// One thing that can be on or off. Used by one thread at a time.
protocol OutputLine: AnyObject {
    /// Makes it energised (or lit), or safe.
    func write(_ isOn: Bool) throws(RelayFault)
    /// What it shows; nil where it cannot be read back.
    func read() throws(RelayFault) -> Bool?
    /// Lets it go as it is.
    func close()
}

extension RelaySettings.Output {
    /// What it hangs on, for people.
    var place: String {
        switch self {
        case .log: "the log only"
        case .gpio(let chip, let line, let isActiveLow):
            "GPIO line \(line) of chip \(chip)" + (isActiveLow ? " (active low)" : "")
        case .processImage(let path, let byte, let bit): "bit \(bit) of byte \(byte) of \(path)"
        case .sysfs(let path, _, _): path
        case .coil(let host, let port, let unit, let address):
            "coil \(address) of unit \(unit) at \(host):\(port)"
        }
    }

    /// Opens it; a GPIO line starts as `isOn` says, the others are not touched yet.
    func open(initially isOn: Bool) throws(RelayFault) -> any OutputLine {
        switch self {
        case .log: LogLine()
        case .gpio(let chip, let line, let isActiveLow):
            try GPIOLine(chip: chip, line: line, isActiveLow: isActiveLow, initially: isOn)
        case .processImage(let path, let byte, let bit):
            try ProcessImageLine(path: path, byte: byte, bit: bit)
        case .sysfs(let path, let energised, let safe):
            try SysfsLine(path: path, energised: energised, safe: safe)
        case .coil(let host, let port, let unit, let address):
            try CoilLine(host: host, port: port, unit: unit, address: address)
        }
    }
}

/// No hardware: what it shows is told by its reports alone.
final class LogLine: OutputLine {
    private var isOn = false

    func write(_ isOn: Bool) { self.isOn = isOn }
    func read() -> Bool? { isOn }
    func close() {}
}
