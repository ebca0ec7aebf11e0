import CGPIOD
import Foundation

/// A libgpiod line: requested once, with its first value, and held.
final class GPIOLine: OutputLine {
    private var handle: UnsafeMutablePointer<loopgate_gpio>?
    private let place: String

    init(chip: String, line: String, isActiveLow: Bool, initially isOn: Bool) throws(RelayFault) {
        place = "GPIO line \(line) of chip \(chip)"
        var holder = [CChar](repeating: 0, count: 64)
        var opened: UnsafeMutablePointer<loopgate_gpio>?
        errno = 0
        let outcome = loopgate_gpio_open(
            chip,
            line,
            "loopgate",
            isActiveLow,
            isOn ? 1 : 0,
            &holder,
            holder.count,
            &opened
        )
        let code = errno
        switch UInt32(bitPattern: outcome) {
        case LOOPGATE_GPIO_OK.rawValue: handle = opened
        case LOOPGATE_GPIO_NO_CHIP.rawValue:
            throw code == EACCES || code == EPERM
                ? .forbidden("GPIO chip \(chip)")
                : .missing("GPIO chip \(chip) (gpiodetect lists those that are)")
        case LOOPGATE_GPIO_NO_LINE.rawValue:
            throw .missing("line \(line) of GPIO chip \(chip) (gpioinfo lists those that are)")
        default:
            let end = holder.firstIndex(of: 0) ?? holder.endIndex
            let name = String(decoding: holder[..<end].map(UInt8.init(bitPattern:)), as: UTF8.self)
            switch code {
            case EBUSY: throw .busy(place, holder: name)
            case EACCES, EPERM: throw .forbidden(place)
            default: throw .failed(place, errno: code)
            }
        }
    }

    func write(_ isOn: Bool) throws(RelayFault) {
        guard let handle, loopgate_gpio_write(handle, isOn ? 1 : 0) == 0 else {
            throw .failed(place, errno: errno)
        }
    }

    func read() throws(RelayFault) -> Bool? {
        guard let handle else { return nil }
        let value = loopgate_gpio_read(handle)
        guard value >= 0 else { throw .failed(place, errno: errno) }
        return value != 0
    }

    func close() {
        guard let handle else { return }
        self.handle = nil
        loopgate_gpio_close(handle)
    }

    deinit { close() }
}
