#include "driver/ether_host.h"

#include <errno.h>
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
 * ether_host: an Ethernet device on an interface of the host; the common part of its drivers,
 * ether_tap and ether_pcap.
 *
 *     ether_host_init(name, addr, &ops, size)    the driver's init: adds the device
 *     ops->connect                               net_run: opens it; again after a removal
 *     ops->write                                 sends a frame, on the caller's thread
 *     ops->read                                  takes a frame, on the interrupt thread
 *
 * The device owns struct ether_host as its priv; the driver's own fields follow it in the same
 * allocation. The lock guards the descriptor: closing or replacing it waits until another thread
 * has written its frame.
 *
 * An interface that is down or removed is logged once, not for each frame, and sending fails with
 * ENETDOWN. The kernel signals frames, but neither a removal nor a new MTU: the driver asks once a
 * second or more often, and attaches to an interface that was removed and made again.
 */

#define READ_MAX 64 /* frames that one interrupt takes, so that others get their turn */
#define ASK_INTERVAL 1 /* seconds: the interval of each device's timer */

static unsigned int ticks; /* of all devices' timers; interrupt thread only */

/* Returns a new descriptor, or -1 with errno. */
static int ether_host_connect(struct ether_host *host)
{
    unsigned int ifindex = if_nametoindex(host->name);

    if (ifindex == 0) {
        errno = ENODEV;
        return -1;
    }
    atomic_store(&host->ifindex, ifindex);
    return host->ops->connect(host);
}

/* Adopts the MTU of the interface. */
static void ether_host_ask_mtu(struct net_device *dev)
{
    const struct ether_host *host = dev->priv;
    struct ifreq ifr = {.ifr_mtu = 0};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (fd == -1) {
        return; /* until the next tick */
    }
    memcpy(ifr.ifr_name, host->name, sizeof(ifr.ifr_name));
    if (ioctl(fd, SIOCGIFMTU, &ifr) == 0 && ifr.ifr_mtu > 0) {
        ether_set_mtu(dev, (unsigned int)ifr.ifr_mtu);
    }
    close(fd);
}

static int ether_host_open(struct net_device *dev)
{
    struct ether_host *host = dev->priv;
    int fd = ether_host_connect(host), err;

    if (fd == -1) {
        errorf("%s by %s: %s, dev=%s", host->name, host->ops->by, strerror(errno), dev->name);
        return -1;
    }
    atomic_store(&host->fd, fd);
    if (intr_watch(fd, host->irq) == -1) {
        err = errno;
        errorf("%s: intr_watch() failure: %s, dev=%s", host->name, strerror(err), dev->name);
        atomic_store(&host->fd, -1);
        close(fd);
        errno = err;
        return -1;
    }
    ether_host_ask_mtu(dev);
    return 0;
}

/* Replaces the descriptor, and closes the old one when no thread writes to it. */
static int ether_host_replace(struct ether_host *host, int fd)
{
    int old;

    lock_acquire(&host->lock);
    old = atomic_exchange(&host->fd, fd);
    lock_release(&host->lock);
    return close(old);
}

/* After a removal: attaches to the interface if it exists again. */
static void ether_host_reopen(struct net_device *dev)
{
    struct ether_host *host = dev->priv;
    int fd = ether_host_connect(host);

    if (fd == -1) {
        return; /* until the next tick */
    }
    ether_host_replace(host, fd);
    atomic_store(&host->down, 0);
    atomic_store(&host->gone, 0);
    intr_watch(fd, host->irq);
    infof("%s is there again, dev=%s", host->name, dev->name);
}

static int ether_host_close(struct net_device *dev)
{
    return ether_host_replace(dev->priv, -1);
}

static int err_is_unusable(int err)
{
    return err == EIO || err == EBADFD || err == ENETDOWN || err == ENXIO || err == ENODEV;
}

/* After a failed read or write: logs a change of the interface once, not for each frame. */
static void ether_host_failed(struct net_device *dev, int err)
{
    struct ether_host *host = dev->priv;
    char name[IFNAMSIZ];

    if (!err_is_unusable(err)) {
        debugf("%s: %s, dev=%s", host->name, strerror(err), dev->name);
    } else if (if_indextoname(atomic_load(&host->ifindex), name)) {
        if (!atomic_exchange(&host->down, 1)) {
            warnf("%s is down, dev=%s", host->name, dev->name);
        }
    } else if (!atomic_exchange(&host->gone, 1)) {
        count(dev->stats.gone);
        errorf("%s is gone, dev=%s", host->name, dev->name);
    }
}

static ssize_t ether_host_write(struct net_device *dev, const uint8_t *frame, size_t flen)
{
    struct ether_host *host = dev->priv;
    int ret, err;

    lock_acquire(&host->lock);
    ret = host->ops->write(atomic_load(&host->fd), frame, flen);
    err = errno;
    lock_release(&host->lock);
    if (ret == -1) {
        ether_host_failed(dev, err);
        errno = err_is_unusable(err) ? ENETDOWN : err;
        return -1;
    }
    if (atomic_exchange(&host->down, 0)) {
        infof("%s is up again, dev=%s", host->name, dev->name);
    }
    return (ssize_t)flen;
}

static int ether_host_output(struct net_device *dev, uint16_t type, const uint8_t *data, size_t len,
                             const void *dst)
{
    return ether_output(dev, type, data, len, dst, ether_host_write);
}

/* Once a tick, asks the kernel for changes that it does not signal. */
static void ether_host_ask(struct net_device *dev)
{
    struct ether_host *host = dev->priv;

    if (host->asked != ticks) {
        host->asked = ticks;
        if (atomic_load(&host->gone)) {
            ether_host_reopen(dev);
        }
        ether_host_ask_mtu(dev);
    }
}

/* The interrupt: received frames, or a tick. After READ_MAX frames there may be more, which the
 * kernel does not signal again: the handler raises irq. */
static int ether_host_isr(unsigned int irq, void *arg)
{
    struct net_device *dev = arg;
    struct ether_host *host = dev->priv;
    int n;

    if (atomic_load(&host->fd) == -1) { /* not open */
        return 0;
    }
    ether_host_ask(dev);
    for (n = 0; n < READ_MAX; n++) {
        if (host->ops->read(dev, atomic_load(&host->fd)) == -1) {
            if (errno != EAGAIN) { /* EAGAIN: no more frames */
                ether_host_failed(dev, errno);
            }
            return 0;
        }
    }
    return intr_raise(irq); /* there may be more */
}

/* The timer: raises the interrupt of all devices. */
static void ether_host_timer(void)
{
    ticks++;
    intr_raise(SIGIO);
}

static const struct net_device_ops ether_host_device_ops = {
    .open = ether_host_open,
    .close = ether_host_close,
    .output = ether_host_output,
};

/* Sets dev->addr. Returns 0, or -1 for a bad address. */
static int ether_host_set_addr(struct net_device *dev, const char *addr)
{
    if (addr) {
        return ether_addr_pton(addr, dev->addr);
    }
    random_bytes(dev->addr, ETHER_ADDR_LEN);
    dev->addr[0] = (dev->addr[0] & 0xfc) | 0x02; /* unicast, locally administered */
    return 0;
}

static struct ether_host *ether_host_alloc(const char *name, size_t size)
{
    struct ether_host *host;

    if (strlen(name) >= sizeof(host->name)) {
        errorf("interface name too long: %s", name);
        return NULL;
    }
    host = memory_alloc(size);
    if (!host) {
        errorf("memory_alloc() failure");
        return NULL;
    }
    strcpy(host->name, name);
    atomic_init(&host->fd, -1);
    lock_init(&host->lock);
    return host;
}

/* Sets up and registers a device with its priv. Returns 0 or -1. */
static int ether_host_setup(struct net_device *dev, const char *addr)
{
    struct ether_host *host = dev->priv;

    ether_setup_helper(dev);
    dev->ops = &ether_host_device_ops;
    if (ether_host_set_addr(dev, addr) == -1) {
        errorf("bad hardware address: %s", addr);
        return -1;
    }
    host->irq = intr_free_irq();
    if (!host->irq) {
        return -1;
    }
    return net_device_register(dev);
}

struct net_device *ether_host_init(const char *name, const char *addr,
                                   const struct ether_host_ops *ops, size_t size)
{
    struct ether_host *host = ether_host_alloc(name, size);
    struct net_device *dev = host ? net_device_alloc() : NULL;

    if (dev) {
        dev->priv = host;
        host->ops = ops;
    }
    if (!dev || ether_host_setup(dev, addr) == -1) {
        memory_free(dev);
        memory_free(host);
        return NULL;
    }
    if (intr_register(host->irq, ether_host_isr, 0, dev) == -1 ||
        timer_register((struct timeval){.tv_sec = ASK_INTERVAL}, ether_host_timer) == -1) {
        return NULL;
    }
    infof("ethernet device initialized, dev=%s", dev->name);
    return dev;
}
