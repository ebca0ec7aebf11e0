#ifndef LOOPGATE_CMODBUS_SHIM_H
#define LOOPGATE_CMODBUS_SHIM_H

#include <errno.h>
#include <linux/serial.h>
#include <modbus.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>

// Swift sees glibc without _GNU_SOURCE, which hides this declaration.
int ppoll(struct pollfd *, nfds_t, const struct timespec *, const sigset_t *);

/// Waits for `events` on one descriptor, to the nanosecond as the kernel's timers go.
/// Returns what poll reported (0 once `nanoseconds` have passed), or -errno.
static inline int cmodbus_wait(int descriptor, short events, int64_t nanoseconds) {
    struct pollfd entry = {descriptor, events, 0};
    if (nanoseconds < 0) nanoseconds = 0;
    struct timespec time = {nanoseconds / 1000000000, nanoseconds % 1000000000};
    int count = ppoll(&entry, 1, &time, NULL);
    if (count < 0) return -errno;
    return count == 0 ? 0 : (unsigned short)entry.revents;
}

/// Puts the driver into its RS-485 mode and leaves its delays as they were. 0, or errno.
static inline int cmodbus_set_kernel_rs485(int descriptor, int high_while_sending) {
    struct serial_rs485 mode;
    memset(&mode, 0, sizeof mode);
    if (ioctl(descriptor, TIOCGRS485, &mode) < 0 && errno != EINVAL) return errno;
    mode.flags |= SER_RS485_ENABLED;
    mode.flags &= ~(unsigned)(SER_RS485_RTS_ON_SEND | SER_RS485_RTS_AFTER_SEND);
    mode.flags |= high_while_sending ? SER_RS485_RTS_ON_SEND : SER_RS485_RTS_AFTER_SEND;
    return ioctl(descriptor, TIOCSRS485, &mode) < 0 ? errno : 0;
}

/// Whether the port has modem lines to toggle: 0, or errno.
static inline int cmodbus_has_modem_lines(int descriptor) {
    int lines = 0;
    return ioctl(descriptor, TIOCMGET, &lines) < 0 ? errno : 0;
}

/// Lets nobody else open the port (1), or anybody (0). 0, or errno.
static inline int cmodbus_set_exclusive(int descriptor, int exclusive) {
    return ioctl(descriptor, exclusive ? TIOCEXCL : TIOCNXCL) < 0 ? errno : 0;
}

#endif
