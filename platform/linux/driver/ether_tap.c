#include "driver/ether_tap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ether.h"
#include "net.h"
#include "platform.h"
#include "util.h"

#include "intr.h"

/*
 * ether_tap: an Ethernet device on a TAP interface of Linux.
 *
 * A TAP interface is a network card without a cable. In the cable's place is a program: what the
 * host sends through tap0 can be read from a descriptor, one frame at a time, and a frame that is
 * written to the descriptor is received by the host on tap0. So the host is our neighbour on an
 * Ethernet of two stations.
 *
 * The interface must exist (`make tap` creates it); we attach to it. Without the privilege to
 * create one, any other name would be refused anyway; with it, a slip in the name would create a
 * second interface that leads nowhere.
 */

#define TUN_DEVICE "/dev/net/tun"
#define READ_MAX 64 /* frames that one interrupt takes; then the others have their turn */
#define ASK_INTERVAL 1 /* seconds after which a change of the interface is noticed at the latest */

struct ether_tap {
    char name[IFNAMSIZ];
    unsigned int irq;
    unsigned int asked; /* the tick when the kernel was asked about the interface */
    atomic_int fd;   /* -1 unless the device is open */
    lock_t lock;     /* close takes it, and waits for the write of another thread */
    atomic_int down; /* the interface is down, which has been logged */
    atomic_int gone; /* it has been removed, which has been logged */
    uint8_t frame[ETHER_JUMBO_SIZE_MAX + 1]; /* the interrupt's; one byte more shows what is cut */
};

static unsigned int ticks; /* of the timer; the interrupt thread's alone */

/* Attaches fd to the interface. An earlier user may have allowed it to leave checksums and cutting
 * to him, and it stays so until another says otherwise. Returns 0, or -1 with errno. */
static int ether_tap_attach(int fd, const struct ether_tap *tap)
{
    struct ifreq ifr = {.ifr_flags = IFF_TAP | IFF_NO_PI};

    memcpy(ifr.ifr_name, tap->name, sizeof(ifr.ifr_name));
    if (ioctl(fd, TUNSETIFF, &ifr) == -1) {
        return -1;
    }
    return ioctl(fd, TUNSETOFFLOAD, 0UL);
}

/* Takes over the MTU that the host has given the interface. */
static void ether_tap_ask_mtu(struct net_device *dev)
{
    const struct ether_tap *tap = dev->priv;
    struct ifreq ifr = {.ifr_mtu = 0};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (fd == -1) {
        return; /* until the next time */
    }
    memcpy(ifr.ifr_name, tap->name, sizeof(ifr.ifr_name));
    if (ioctl(fd, SIOCGIFMTU, &ifr) == 0 && ifr.ifr_mtu > 0) {
        ether_set_mtu(dev, (unsigned int)ifr.ifr_mtu);
    }
    close(fd);
}

/* Connects a new descriptor with the interface. Returns it, or -1 with errno. */
static int ether_tap_connect(const struct ether_tap *tap)
{
    int fd, err;

    if (if_nametoindex(tap->name) == 0) {
        errno = ENODEV;
        return -1;
    }
    fd = open(TUN_DEVICE, O_RDWR | O_CLOEXEC);
    if (fd == -1) {
        return -1;
    }
    if (ether_tap_attach(fd, tap) == -1) {
        err = errno;
        close(fd);
        errno = err;
        return -1;
    }
    return fd;
}

static int ether_tap_open(struct net_device *dev)
{
    struct ether_tap *tap = dev->priv;
    int fd = ether_tap_connect(tap), err;

    if (fd == -1) {
        errorf("%s by %s: %s, dev=%s", tap->name, TUN_DEVICE, strerror(errno), dev->name);
        return -1;
    }
    atomic_store(&tap->fd, fd);
    if (intr_watch(fd, tap->irq) == -1) {
        err = errno;
        errorf("%s can't be watched: %s, dev=%s", tap->name, strerror(err), dev->name);
        atomic_store(&tap->fd, -1);
        close(fd);
        errno = err;
        return -1;
    }
    ether_tap_ask_mtu(dev);
    return 0;
}

/* The interface has been removed: has it been made again? */
static void ether_tap_reopen(struct net_device *dev)
{
    struct ether_tap *tap = dev->priv;
    int fd = ether_tap_connect(tap), old;

    if (fd == -1) {
        return; /* until the next time */
    }
    lock_acquire(&tap->lock);
    old = atomic_exchange(&tap->fd, fd);
    lock_release(&tap->lock);
    close(old);
    atomic_store(&tap->down, 0);
    atomic_store(&tap->gone, 0);
    intr_watch(fd, tap->irq);
    infof("%s is there again, dev=%s", tap->name, dev->name);
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

/* The interface could not be read or written: says so once, not for each frame. */
static void ether_tap_failed(struct net_device *dev, int err)
{
    struct ether_tap *tap = dev->priv;

    if (err == EIO) { /* the kernel's word for an interface that is down */
        if (!atomic_exchange(&tap->down, 1)) {
            warnf("%s is down, dev=%s", tap->name, dev->name);
        }
    } else if (err == EBADFD) { /* the interface that we were attached to does not exist any more */
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

/* What the kernel tells by no signal is asked at each tick. */
static void ether_tap_ask(struct net_device *dev)
{
    struct ether_tap *tap = dev->priv;

    if (tap->asked != ticks) {
        tap->asked = ticks;
        if (atomic_load(&tap->gone)) {
            ether_tap_reopen(dev);
        }
        ether_tap_ask_mtu(dev);
    }
}

/* The interrupt: frames have come, or the timer wants the kernel asked. */
static int ether_tap_isr(unsigned int irq, void *arg)
{
    struct net_device *dev = arg;
    struct ether_tap *tap = dev->priv;
    ssize_t flen;
    int n;

    if (atomic_load(&tap->fd) == -1) { /* not open yet */
        return 0;
    }
    ether_tap_ask(dev);
    for (n = 0; n < READ_MAX; n++) {
        flen = read(atomic_load(&tap->fd), tap->frame, sizeof(tap->frame));
        if (flen == -1) {
            if (errno != EAGAIN) { /* EAGAIN: that was all */
                ether_tap_failed(dev, errno);
            }
            return 0;
        }
        ether_input(dev, tap->frame, (size_t)flen);
    }
    return intr_raise(irq); /* there may be more */
}

/* The timer. The kernel raises an interrupt for a frame, but not when the interface is removed or
 * has another MTU: so once in a while all devices are asked. */
static void ether_tap_timer(void)
{
    ticks++;
    intr_raise(SIGIO);
}

static const struct net_device_ops ether_tap_ops = {
    .open = ether_tap_open,
    .close = ether_tap_close,
    .output = ether_tap_output,
};

/* Sets dev->addr. Returns 0, or -1 for a bad text. */
static int ether_tap_set_addr(struct net_device *dev, const char *addr)
{
    if (addr) {
        return ether_addr_pton(addr, dev->addr);
    }
    random_bytes(dev->addr, ETHER_ADDR_LEN);
    dev->addr[0] = (dev->addr[0] & 0xfc) | 0x02; /* one station's, and locally administered */
    return 0;
}

static struct ether_tap *ether_tap_alloc(const char *name)
{
    struct ether_tap *tap;

    if (strlen(name) >= sizeof(tap->name)) {
        errorf("too long for the name of an interface: %s", name);
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

/* Makes a device of dev, whose priv has been allocated. Returns 0 or -1. */
static int ether_tap_setup(struct net_device *dev, const char *addr)
{
    struct ether_tap *tap = dev->priv;

    ether_setup_helper(dev);
    dev->ops = &ether_tap_ops;
    if (ether_tap_set_addr(dev, addr) == -1) {
        errorf("not a hardware address: %s", addr);
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
