#include "driver/ether_tap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "ether.h"
#include "net.h"
#include "platform.h"
#include "util.h"

#include "intr.h"

/*
 * ether_tap: an Ethernet device on a TAP interface of Linux.
 *
 * A TAP interface is a network card with a program instead of a cable. A frame that the host sends
 * through tap0 is read from a descriptor; a frame written to the descriptor is received by the host
 * on tap0. So the stack and the host are the two stations of an Ethernet.
 *
 * The interface must exist (`make tap` creates it). The kernel would create a missing one for a
 * privileged program, and a mistyped name would give an interface that leads nowhere.
 *
 * The device owns struct ether_tap as its priv. The lock guards the descriptor: closing it waits
 * until another thread has written its frame. Frames are read on the interrupt thread.
 *
 * An interface that is down or removed is logged once, not for each frame, and sending fails with
 * ENETDOWN.
 */

#define TUN_DEVICE "/dev/net/tun"
#define READ_MAX 64 /* frames that one interrupt takes, so that others get their turn */
#define ASK_INTERVAL 1 /* seconds after which a removed interface is missed at the latest */

struct ether_tap {
    char name[IFNAMSIZ];
    unsigned int irq;
    atomic_int fd;   /* -1 unless the device is open */
    lock_t lock;     /* held to write and to close */
    atomic_int down; /* the interface is down, and this is logged */
    atomic_int gone; /* it was removed, and this is logged */
};

/* Attaches fd to the interface. Returns 0, or -1 with errno. */
static int ether_tap_attach(int fd, const struct ether_tap *tap)
{
    struct ifreq ifr = {.ifr_flags = IFF_TAP | IFF_NO_PI};

    memcpy(ifr.ifr_name, tap->name, sizeof(ifr.ifr_name));
    if (ioctl(fd, TUNSETIFF, &ifr) == -1) {
        return -1;
    }
    return intr_watch(fd, tap->irq);
}

static int ether_tap_open(struct net_device *dev)
{
    struct ether_tap *tap = dev->priv;
    int fd, err;

    if (if_nametoindex(tap->name) == 0) {
        errorf("there is no interface %s, dev=%s", tap->name, dev->name);
        errno = ENODEV;
        return -1;
    }
    fd = open(TUN_DEVICE, O_RDWR | O_CLOEXEC);
    if (fd == -1) {
        err = errno;
        errorf("open(%s): %s, dev=%s", TUN_DEVICE, strerror(err), dev->name);
        errno = err;
        return -1;
    }
    atomic_store(&tap->fd, fd);
    if (ether_tap_attach(fd, tap) == -1) {
        err = errno;
        errorf("%s: %s, dev=%s", tap->name, strerror(err), dev->name);
        atomic_store(&tap->fd, -1);
        close(fd);
        errno = err;
        return -1;
    }
    return 0;
}

static int ether_tap_close(struct net_device *dev)
{
    struct ether_tap *tap = dev->priv;
    int fd;

    lock_acquire(&tap->lock);
    fd = atomic_exchange(&tap->fd, -1);
    lock_release(&tap->lock);
    return close(fd);
}

/* After a failed read or write: logs a change of the interface once, not for each frame. */
static void ether_tap_failed(struct net_device *dev, int err)
{
    struct ether_tap *tap = dev->priv;

    if (err == EIO) { /* the interface is down */
        if (!atomic_exchange(&tap->down, 1)) {
            warnf("%s is down, dev=%s", tap->name, dev->name);
        }
    } else if (err == EBADFD) { /* the interface was removed */
        if (!atomic_exchange(&tap->gone, 1)) {
            count(dev->stats.gone);
            errorf("%s is gone, dev=%s", tap->name, dev->name);
        }
    } else {
        debugf("%s: %s, dev=%s", tap->name, strerror(err), dev->name);
    }
}

static ssize_t ether_tap_write(struct net_device *dev, const uint8_t *frame, size_t flen)
{
    struct ether_tap *tap = dev->priv;
    ssize_t ret;
    int err;

    lock_acquire(&tap->lock);
    ret = write(atomic_load(&tap->fd), frame, flen);
    err = errno;
    lock_release(&tap->lock);
    if (ret == -1) {
        ether_tap_failed(dev, err);
        errno = err == EIO || err == EBADFD ? ENETDOWN : err;
        return -1;
    }
    if (atomic_exchange(&tap->down, 0)) {
        infof("%s is up again, dev=%s", tap->name, dev->name);
    }
    return ret;
}

static int ether_tap_output(struct net_device *dev, uint16_t type, const uint8_t *data, size_t len,
                            const void *dst)
{
    return ether_output(dev, type, data, len, dst, ether_tap_write);
}

/* The interrupt: frames have come. */
static int ether_tap_isr(unsigned int irq, void *arg)
{
    struct net_device *dev = arg;
    struct ether_tap *tap = dev->priv;
    uint8_t frame[ETHER_FRAME_SIZE_MAX + 1]; /* + 1 shows truncation */
    ssize_t flen;
    int n;

    if (atomic_load(&tap->fd) == -1) { /* not open */
        return 0;
    }
    for (n = 0; n < READ_MAX; n++) {
        flen = read(atomic_load(&tap->fd), frame, sizeof(frame));
        if (flen == -1) {
            if (errno != EAGAIN) { /* EAGAIN: no more frames */
                ether_tap_failed(dev, errno);
            }
            return 0;
        }
        ether_input(dev, frame, (size_t)flen);
    }
    return intr_raise(irq); /* there may be more */
}

/* The timer. The kernel raises an interrupt for a frame, but not when the interface is removed: so
 * once in a while all devices are asked. */
static void ether_tap_timer(void)
{
    intr_raise(SIGIO);
}

static const struct net_device_ops ether_tap_ops = {
    .open = ether_tap_open,
    .close = ether_tap_close,
    .output = ether_tap_output,
};

/* Sets dev->addr. Returns 0, or -1 for a bad address. */
static int ether_tap_set_addr(struct net_device *dev, const char *addr)
{
    if (addr) {
        return ether_addr_pton(addr, dev->addr);
    }
    random_bytes(dev->addr, ETHER_ADDR_LEN);
    dev->addr[0] = (dev->addr[0] & 0xfc) | 0x02; /* unicast, locally administered */
    return 0;
}

static struct ether_tap *ether_tap_alloc(const char *name)
{
    struct ether_tap *tap;

    if (strlen(name) >= sizeof(tap->name)) {
        errorf("interface name too long: %s", name);
        return NULL;
    }
    tap = memory_alloc(sizeof(*tap));
    if (!tap) {
        errorf("memory_alloc() failure");
        return NULL;
    }
    strcpy(tap->name, name);
    atomic_init(&tap->fd, -1);
    lock_init(&tap->lock);
    return tap;
}

/* Sets up and registers a device with its priv. Returns 0 or -1. */
static int ether_tap_setup(struct net_device *dev, const char *addr)
{
    struct ether_tap *tap = dev->priv;

    ether_setup_helper(dev);
    dev->ops = &ether_tap_ops;
    if (ether_tap_set_addr(dev, addr) == -1) {
        errorf("bad hardware address: %s", addr);
        return -1;
    }
    tap->irq = intr_free_irq();
    if (!tap->irq) {
        return -1;
    }
    if (net_device_register(dev) == -1) {
        return -1;
    }
    return 0;
}

struct net_device *ether_tap_init(const char *name, const char *addr)
{
    struct ether_tap *tap = ether_tap_alloc(name);
    struct net_device *dev = tap ? net_device_alloc() : NULL;

    if (dev) {
        dev->priv = tap;
    }
    if (!dev || ether_tap_setup(dev, addr) == -1) {
        memory_free(dev);
        memory_free(tap);
        return NULL;
    }
    if (intr_register(tap->irq, ether_tap_isr, 0, dev) == -1 ||
        timer_register((struct timeval){.tv_sec = ASK_INTERVAL}, ether_tap_timer) == -1) {
        return NULL;
    }
    infof("ethernet device initialized, dev=%s", dev->name);
    return dev;
}
