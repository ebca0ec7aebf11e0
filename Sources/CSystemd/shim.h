#include <systemd/sd-daemon.h>
// What the kernel's clock is worth; Glibc's own module leaves it out.
#include <sys/timex.h>
