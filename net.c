#include "net.h"

#include <errno.h>
#include <stdio.h>

#include "platform.h"
#include "util.h"

/*
 * net: the core, between the devices below and the protocols above.
 *
 *     net_init();                      the platform
 *     net_run();                       the platform runs, the devices open
 *     net_device_output(dev, ...);     a payload goes to the device
 *     net_shutdown();                  the platform stops, the devices close, memory is freed
 *
 * Devices are registered before net_run, fixed from then on, and freed by net_shutdown, so no lock
 * guards them. priv belongs to its device.
 */

static enum { NET_OFF, NET_INITIALIZED, NET_RUNNING } net_state;

static struct net_device *devices;

/*
 * Devices
 */

struct net_device *net_device_alloc(void)
{
    struct net_device *dev = memory_alloc(sizeof(*dev));

    if (!dev) {
        errorf("memory_alloc() failure");
    }
    return dev;
}

int net_device_register(struct net_device *dev)
{
    static unsigned int next_index;
    struct net_device **tail = &devices;

    if (net_state != NET_INITIALIZED) {
        errorf("not between net_init() and net_run()");
        return -1;
    }
    if (!devices) {
        next_index = 0;
    }
    while (*tail) {
        tail = &(*tail)->next;
    }
    *tail = dev;
    dev->index = next_index++;
    snprintf(dev->name, sizeof(dev->name), "net%u", dev->index);
    infof("registered, dev=%s, type=0x%04x", dev->name, dev->type);
    return 0;
}

/* Marks a device up. Returns 0, or -1 with errno: up already (EALREADY). */
static int net_device_open(struct net_device *dev)
{
    if (NET_DEVICE_IS_UP(dev)) {
        errorf("already opened, dev=%s", dev->name);
        errno = EALREADY;
        return -1;
    }
    dev->flags |= NET_DEVICE_FLAG_UP;
    infof("dev=%s, state=%s", dev->name, NET_DEVICE_STATE(dev));
    return 0;
}

/* Marks a device down. Returns 0, or -1: not up. */
static int net_device_close(struct net_device *dev)
{
    if (!NET_DEVICE_IS_UP(dev)) {
        return -1; /* not open; a failure to open was logged */
    }
    dev->flags &= (uint16_t)~NET_DEVICE_FLAG_UP;
    infof("dev=%s, state=%s", dev->name, NET_DEVICE_STATE(dev));
    return 0;
}

int net_device_output(struct net_device *dev, uint16_t type, const uint8_t *data, size_t len,
                      const void *dst)
{
    if (!NET_DEVICE_IS_UP(dev)) {
        errno = ENETDOWN;
        errorf("device down, dev=%s", dev->name);
        return -1;
    }
    if (len > dev->mtu) {
        errno = EMSGSIZE;
        errorf("too long, dev=%s, mtu=%u, len=%zu", dev->name, dev->mtu, len);
        return -1;
    }
    debugf("dev=%s, type=0x%04x, len=%zu", dev->name, type, len);
    hexdump(data, len);
    (void)dst; /* left out: drivers (step 02) */
    return 0;
}

/*
 * Start and stop
 */

static void net_free(void)
{
    struct net_device *dev;

    while ((dev = devices) != NULL) {
        devices = dev->next;
        memory_free(dev);
    }
}

int net_init(void)
{
    if (net_state != NET_OFF) {
        errorf("already initialized");
        errno = EALREADY;
        return -1;
    }
    log_init();
    if (platform_init() == -1) {
        errorf("platform_init() failure");
        return -1;
    }
    net_state = NET_INITIALIZED;
    infof("initialized");
    return 0;
}

/* Opens every device, also after one has failed. Returns 0, or -1 with the errno of the first
 * failure. */
static int net_open_devices(void)
{
    struct net_device *dev;
    int ret = 0, err = 0;

    for (dev = devices; dev; dev = dev->next) {
        if (net_device_open(dev) == -1 && ret == 0) {
            ret = -1;
            err = errno;
        }
    }
    if (ret == -1) {
        errno = err;
    }
    return ret;
}

int net_run(void)
{
    int ret;

    if (net_state != NET_INITIALIZED) {
        errorf("not initialized, or running already");
        errno = net_state == NET_OFF ? ENETDOWN : EALREADY;
        return -1;
    }
    if (platform_run() == -1) {
        errorf("platform_run() failure");
        return -1;
    }
    net_state = NET_RUNNING;
    ret = net_open_devices();
    infof("running");
    return ret;
}

int net_shutdown(void)
{
    struct net_device *dev;

    if (net_state == NET_OFF) {
        errorf("not initialized");
        errno = ENETDOWN;
        return -1;
    }
    if (platform_shutdown() == -1) {
        errorf("platform_shutdown() failure");
        return -1;
    }
    for (dev = devices; dev; dev = dev->next) {
        net_device_close(dev);
    }
    net_free();
    net_state = NET_OFF;
    infof("shut down");
    return 0;
}
