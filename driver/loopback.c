#include "driver/loopback.h"

#include "net.h"
#include "platform.h"

static int loopback_output(struct net_device *dev, uint16_t type, const uint8_t *data, size_t len,
                           const void *dst)
{
    (void)dst;
    net_input(type, data, len, dev); /* a drop on input is no failure of output */
    return 0;
}

static const struct net_device_ops loopback_ops = {.output = loopback_output};

struct net_device *loopback_init(void)
{
    struct net_device *dev = net_device_alloc();

    if (!dev) {
        return NULL;
    }
    dev->type = NET_DEVICE_TYPE_LOOPBACK;
    dev->mtu = LOOPBACK_MTU;
    dev->flags = NET_DEVICE_FLAG_LOOPBACK;
    dev->ops = &loopback_ops;
    if (net_device_register(dev) == -1) {
        memory_free(dev);
        return NULL;
    }
    return dev;
}
