#include "driver/null.h"

#include "net.h"
#include "platform.h"
#include "util.h"

static int null_output(struct net_device *dev, uint16_t type, const uint8_t *data, size_t len,
                       const void *dst)
{
    (void)type;
    (void)data;
    (void)dst;
    debugf("discarded, dev=%s, len=%zu", dev->name, len);
    return 0;
}

static const struct net_device_ops null_ops = {.output = null_output};

struct net_device *null_init(void)
{
    struct net_device *dev = net_device_alloc();

    if (!dev) {
        return NULL;
    }
    dev->type = NET_DEVICE_TYPE_NULL;
    dev->mtu = NULL_MTU;
    dev->ops = &null_ops;
    if (net_device_register(dev) == -1) {
        memory_free(dev);
        return NULL;
    }
    return dev;
}
