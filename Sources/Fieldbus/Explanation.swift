import Foundation
import GatewayCore

extension BusFault {
    /// The fault in words, with the place and what to do about it.
    public func explained(on bus: BusSettings) -> String {
        let place =
            switch bus.link {
            case .rtu(let serial): serial.path
            case .tcp(let host, let port): "\(host):\(port)"
            }
        switch self {
        case .silent:
            return
                "\(place): no reply in time; check the unit address, the wiring and the baud rate"
        case .refused(let code):
            return "\(place): the unit refused with exception \(code) (\(BusFault.exception(code)))"
        case .garbled(let garble):
            return "\(place): \(BusFault.words(garble))"
        case .portBusy(let holder):
            return "\(place): held by \(holder); stop it first (systemctl stop loopgate)"
        case .linkLost(let code):
            return "\(place): \(BusFault.words(errno: code, bus))"
        }
    }

    /// The meaning of a Modbus exception code (Application Protocol V1.1b3, 7).
    public static func exception(_ code: UInt8) -> String {
        switch code {
        case 1: "illegal function"
        case 2: "illegal data address"
        case 3: "illegal data value"
        case 4: "device failure"
        case 5: "acknowledge, still working"
        case 6: "device busy"
        case 8: "memory parity error"
        case 10: "gateway path unavailable"
        case 11: "gateway target did not respond"
        default: "not a code of the standard"
        }
    }

    private static func words(_ garble: Garble) -> String {
        switch garble {
        case .crc:
            "a damaged frame; check termination, bias, shielding and the line settings"
        case .unit:
            "a reply of another unit; look for two units with one address or a second master"
        case .function:
            "a reply with another function; look for a second master"
        case .length:
            "a reply of the wrong length, cut short or with bytes too many"
        case .transaction:
            "a reply to another transaction; the connection was closed"
        case .unrequested:
            "somebody else speaks on the line; look for a second master or a babbling unit"
        }
    }

    private static func words(errno code: Int32, _ bus: BusSettings) -> String {
        guard case .rtu(let serial) = bus.link else {
            return switch code {
            case ECONNREFUSED: "connection refused; check that the module is up and the port right"
            case ETIMEDOUT, EINPROGRESS: "no connection in time; check the network and the address"
            case EINVAL: "not an IPv4 or IPv6 address or not a legal request"
            default: "connection lost: \(String(cString: strerror(code)))"
            }
        }
        switch code {
        case ENOENT, ENODEV, ENXIO:
            return "no such port; is the adapter plugged in? (ls /dev/serial/by-id)"
        case EACCES:
            return "no permission; add the user to the group dialout"
        case EINVAL:
            return "the port does not take \(serial.baud) baud, \(serial.stopBits) stop bits, "
                + "or the request is not a legal one"
        case ENOTTY:
            return switch serial.direction {
            case .automatic: "not a serial port"
            case .kernel, .kernelInverted:
                "its driver has no RS-485 mode (TIOCSRS485); "
                    + "use direction: automatic if the adapter turns itself round"
            case .rts, .rtsInverted:
                "it has no RTS line; use direction: automatic or kernel"
            }
        default:
            return "port lost: \(String(cString: strerror(code)))"
        }
    }
}
