#include "driver/ether_tap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "driver/ether_host.h"
#include "ether.h"
#include "net.h"

/*
 * ether_tap: an Ethernet device on a TAP interface of Linux.
 *
 * A TAP interface is a network card with a program instead of a cable. A frame that the host sends
 * through tap0 is read from a descriptor; a frame written to the descriptor is received by the host
 * on tap0. So the stack and the host are the two stations of an Ethernet.
 *
 * The interface must exist (`make tap` creates it). The kernel would create a missing one for a
 * privileged program, and a mistyped name would give an interface that leads nowhere.
 */

#define TUN_DEVICE "/dev/net/tun"

struct ether_tap {
    struct ether_host host;
    uint8_t frame[ETHER_JUMBO_SIZE_MAX + 1]; /* interrupt thread only; + 1 shows truncation */
};

/* Attaches fd to the interface, and turns off offloads that an earlier program may have left on:
 * unfinished checksums and joined segments. Returns 0, or -1 with errno. */
static int ether_tap_attach(int fd, const char *name)
{
    struct ifreq ifr = {.ifr_flags = IFF_TAP | IFF_NO_PI};

    memcpy(ifr.ifr_name, name, sizeof(ifr.ifr_name));
    if (ioctl(fd, TUNSETIFF, &ifr) == -1) {
        return -1;
    }
    return ioctl(fd, TUNSETOFFLOAD, 0UL);
}

static int ether_tap_connect(const struct ether_host *host)
{
    int fd = open(TUN_DEVICE, O_RDWR | O_CLOEXEC), err;

    if (fd == -1) {
        return -1;
    }
    if (ether_tap_attach(fd, host->name) == -1) {
        err = errno;
        close(fd);
        errno = err;
        return -1;
    }
    return fd;
}

static int ether_tap_write(int fd, const uint8_t *frame, size_t flen)
{
    return write(fd, frame, flen) == -1 ? -1 : 0;
}

static int ether_tap_read(struct net_device *dev, int fd)
{
    struct ether_tap *tap = dev->priv;
    ssize_t flen = read(fd, tap->frame, sizeof(tap->frame));

    if (flen == -1) {
        return -1;
    }
    ether_input(dev, tap->frame, (size_t)flen);
    return 0;
}

static const struct ether_host_ops ether_tap_ops = {
    .by = TUN_DEVICE,
    .connect = ether_tap_connect,
    .write = ether_tap_write,
    .read = ether_tap_read,
};

struct net_device *ether_tap_init(const char *name, const char *addr)
{
    return ether_host_init(name, addr, &ether_tap_ops, sizeof(struct ether_tap));
}
