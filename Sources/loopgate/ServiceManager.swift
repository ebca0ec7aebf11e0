import CSystemd
import Foundation

/// Word to systemd about how the daemon fares; does nothing where nobody listens.
enum ServiceManager {
    static func ready(_ status: String) { notify("READY=1\nSTATUS=\(status)") }
    static func reloading() {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        let microseconds = Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1_000
        notify("RELOADING=1\nMONOTONIC_USEC=\(microseconds)")
    }
    static func stopping() { notify("STOPPING=1") }
    static func alive() { notify("WATCHDOG=1") }
    static func status(_ text: String) { notify("STATUS=\(text)") }

    private static func notify(_ text: String) { sd_notify(0, text) }
}
