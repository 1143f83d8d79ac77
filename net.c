#include "net.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "platform.h"
#include "util.h"

#include "arp.h"
#include "icmp.h"
#include "ip.h"
#include "ip_frag.h"
#include "sock.h"
#include "tcp.h"
#include "udp.h"

/*
 * net: the core, between the devices below and the protocols above.
 *
 *     net_init();                      the platform, then every layer
 *     dev = loopback_init();           drivers register their devices
 *     net_run();                       the platform runs, the devices open
 *     net_device_output(dev, ...);     any thread: a payload goes to the device's driver
 *     net_input(type, ...);            a driver: a copy goes into the queue of the protocol
 *     net_softirq_handler();           interrupt thread: queued payloads go to their handlers
 *     net_shutdown();                  the platform stops, the devices close, memory is freed
 *
 * Devices, interfaces and protocols are registered before net_run, fixed from then on, and freed by
 * net_shutdown, so no lock guards them. An interface and priv belong to their device. A payload is
 * borrowed for the call in both directions; the queue's copy is freed when its handler returns.
 *
 * queue_lock guards the input queues. It comes last: no other lock is taken under it, so net_input
 * may be called under any lock. Handlers are called without a lock.
 *
 * A protocol's queue takes NET_QUEUE_LIMIT payloads and NET_QUEUE_BYTES; then new payloads are
 * dropped.
 */

static enum { NET_OFF, NET_INITIALIZED, NET_RUNNING } net_state;

/* Limits of a protocol's input queue, in payloads and in bytes. */
#define NET_QUEUE_LIMIT 1024
#define NET_QUEUE_BYTES (8 * 1024 * 1024)

/* A received payload, until the softirq delivers it. */
struct net_queue_entry {
    struct queue_entry link;
    struct net_device *dev;
    int link_broadcast; /* a link-layer broadcast or multicast */
    size_t len;
    uint8_t data[];
};

struct net_protocol {
    struct net_protocol *next;
    uint16_t type;
    void (*handler)(const uint8_t *data, size_t len, struct net_device *dev);
    struct queue_head queue; /* guarded by queue_lock, as is bytes */
    size_t bytes;            /* sum of the payloads in the queue */
};

static struct net_device *devices;
static struct net_protocol *protocols;
static lock_t queue_lock = LOCK_INITIALIZER; /* no lock is taken under it */
static struct net_stats stats;
static int link_broadcast; /* of the payload being handled; interrupt thread only */
static void (*batch_end)(void);
static void (*capture)(const struct net_device *dev, enum net_direction direction, uint16_t type,
                       const uint8_t *data, size_t len);

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

struct net_device *net_device_next(const struct net_device *dev)
{
    return dev ? dev->next : devices;
}

/* Opens a device; it is up once its driver has opened it. Returns 0, or -1 with errno: up already
 * (EALREADY), or that of the driver. */
static int net_device_open(struct net_device *dev)
{
    if (NET_DEVICE_IS_UP(dev)) {
        errorf("already opened, dev=%s", dev->name);
        errno = EALREADY;
        return -1;
    }
    if (dev->ops->open && dev->ops->open(dev) == -1) {
        errorf("failure, dev=%s", dev->name);
        return -1;
    }
    dev->flags |= NET_DEVICE_FLAG_UP;
    infof("dev=%s, state=%s", dev->name, NET_DEVICE_STATE(dev));
    return 0;
}

static int net_device_down(struct net_device *dev)
{
    dev->flags &= (uint16_t)~NET_DEVICE_FLAG_UP;
    return dev->ops->close ? dev->ops->close(dev) : 0;
}

/* Closes a device; it is down before its driver closes it. Returns 0, or -1: not up, or the driver
 * failed, which is logged. */
static int net_device_close(struct net_device *dev)
{
    if (!NET_DEVICE_IS_UP(dev)) {
        return -1; /* not open; a failure to open was logged */
    }
    if (net_device_down(dev) == -1) {
        errorf("failure, dev=%s", dev->name);
        return -1;
    }
    infof("dev=%s, state=%s", dev->name, NET_DEVICE_STATE(dev));
    return 0;
}

int net_device_add_iface(struct net_device *dev, struct net_iface *iface)
{
    if (net_device_get_iface(dev, iface->family)) {
        errorf("already exists, dev=%s, family=%d", dev->name, iface->family);
        return -1;
    }
    iface->dev = dev;
    iface->next = dev->ifaces;
    dev->ifaces = iface;
    return 0;
}

struct net_iface *net_device_get_iface(struct net_device *dev, int family)
{
    struct net_iface *iface;

    for (iface = dev->ifaces; iface; iface = iface->next) {
        if (iface->family == family) {
            return iface;
        }
    }
    return NULL;
}

/* Shows a payload to the capture hook, then passes it to the driver. Counts it for the device and
 * for the stack. Returns 0, or -1 with the driver's errno. */
static int net_device_transmit(struct net_device *dev, uint16_t type, const uint8_t *data,
                               size_t len, const void *dst)
{
    if (capture) {
        capture(dev, NET_OUT, type, data, len);
    }
    if (dev->ops->output(dev, type, data, len, dst) == -1) {
        count(dev->stats.send_failed);
        return drop(stats.send_failed, "driver failed, dev=%s, len=%zu", dev->name, len);
    }
    count(dev->stats.sent);
    count(stats.sent);
    return 0;
}

int net_device_output(struct net_device *dev, uint16_t type, const uint8_t *data, size_t len,
                      const void *dst)
{
    if (!NET_DEVICE_IS_UP(dev)) {
        errno = ENETDOWN;
        count(dev->stats.send_failed);
        return drop(stats.send_failed, "device down, dev=%s", dev->name);
    }
    if (len > dev->mtu) {
        errno = EMSGSIZE;
        count(dev->stats.send_failed);
        return drop(stats.send_failed, "too long, dev=%s, mtu=%u, len=%zu", dev->name, dev->mtu,
                    len);
    }
    debugf("dev=%s, type=0x%04x, len=%zu", dev->name, type, len);
    hexdump(data, len);
    return net_device_transmit(dev, type, data, len, dst);
}

/*
 * Protocols
 */

/* Returns the protocol of a type (host byte order), or NULL. */
static struct net_protocol *net_protocol_select(uint16_t type)
{
    struct net_protocol *proto;

    for (proto = protocols; proto; proto = proto->next) {
        if (proto->type == type) {
            return proto;
        }
    }
    return NULL;
}

int net_protocol_register(uint16_t type,
                          void (*handler)(const uint8_t *data, size_t len, struct net_device *dev))
{
    struct net_protocol *proto;

    if (net_protocol_select(type)) {
        errorf("already registered, type=0x%04x", type);
        return -1;
    }
    proto = memory_alloc(sizeof(*proto));
    if (!proto) {
        errorf("memory_alloc() failure");
        return -1;
    }
    proto->type = type;
    proto->handler = handler;
    queue_init(&proto->queue);
    proto->next = protocols;
    protocols = proto;
    infof("registered, type=0x%04x", type);
    return 0;
}

int net_batch_end_register(void (*handler)(void))
{
    if (batch_end) {
        errorf("already registered");
        return -1;
    }
    batch_end = handler;
    return 0;
}

/*
 * Input
 */

/* Queues a copy of a payload, which it allocates before it takes the lock; the caller raises
 * INTR_IRQ_SOFT afterwards. A full queue refuses the new payload and keeps those it holds. Returns
 * 0, or -1: dropped, and counted as no_memory or queue_full. */
static int net_queue_push(struct net_protocol *proto, const uint8_t *data, size_t len,
                          struct net_device *dev, int broadcast)
{
    struct net_queue_entry *entry = memory_alloc(sizeof(*entry) + len);
    int full;

    if (!entry) {
        return drop(stats.no_memory, "no memory, type=0x%04x, len=%zu", proto->type, len);
    }
    entry->dev = dev;
    entry->link_broadcast = broadcast;
    entry->len = len;
    memcpy(entry->data, data, len);
    lock_acquire(&queue_lock);
    full = proto->queue.num == NET_QUEUE_LIMIT || len > NET_QUEUE_BYTES - proto->bytes;
    if (!full) {
        queue_push(&proto->queue, entry);
        proto->bytes += len;
    }
    lock_release(&queue_lock);
    if (full) {
        memory_free(entry);
        return drop(stats.queue_full, "queue full, type=0x%04x, len=%zu", proto->type, len);
    }
    return 0;
}

/* Takes all entries of a protocol's queue. Later ones wait for the next softirq, so that a flood
 * does not starve the other interrupts. */
static struct queue_head net_queue_take(struct net_protocol *proto)
{
    struct queue_head taken;

    lock_acquire(&queue_lock);
    taken = proto->queue;
    queue_init(&proto->queue);
    proto->bytes = 0;
    lock_release(&queue_lock);
    return taken;
}

/* Queues a payload; the softirq delivers it. The result of intr_raise is ignored: it fails only
 * when the platform does not run, and net_shutdown frees what is queued then. */
static int net_input_push(uint16_t type, const uint8_t *data, size_t len, struct net_device *dev,
                          int broadcast)
{
    struct net_protocol *proto;

    debugf("dev=%s, type=0x%04x, len=%zu", dev->name, type, len);
    hexdump(data, len);
    count(dev->stats.received);
    count(stats.received);
    if (capture) {
        capture(dev, NET_IN, type, data, len);
    }
    proto = net_protocol_select(type);
    if (!proto) {
        return drop(stats.unknown_protocol, "unknown protocol, dev=%s, type=0x%04x", dev->name,
                    type);
    }
    if (net_queue_push(proto, data, len, dev, broadcast) == -1) {
        return -1;
    }
    intr_raise(INTR_IRQ_SOFT);
    return 0;
}

int net_input(uint16_t type, const uint8_t *data, size_t len, struct net_device *dev)
{
    return net_input_push(type, data, len, dev, 0);
}

int net_input_broadcast(uint16_t type, const uint8_t *data, size_t len, struct net_device *dev)
{
    return net_input_push(type, data, len, dev, 1);
}

int net_is_link_broadcast(void)
{
    return link_broadcast;
}

int net_softirq_handler(unsigned int irq, void *arg)
{
    struct net_protocol *proto;
    struct net_queue_entry *entry;
    struct queue_head taken;

    (void)irq;
    (void)arg;
    for (proto = protocols; proto; proto = proto->next) {
        taken = net_queue_take(proto);
        while ((entry = queue_pop(&taken)) != NULL) {
            count(stats.delivered);
            link_broadcast = entry->link_broadcast;
            proto->handler(entry->data, entry->len, entry->dev);
            link_broadcast = 0;
            memory_free(entry);
        }
    }
    if (batch_end) {
        batch_end();
    }
    return 0;
}

void net_set_capture(void (*hook)(const struct net_device *dev, enum net_direction direction,
                                  uint16_t type, const uint8_t *data, size_t len))
{
    capture = hook;
}

void net_get_stats(struct net_stats *out)
{
    counters_copy(out, &stats, sizeof(stats));
}

/*
 * Start and stop
 */

/* The layers in the order in which they start; they stop in reverse. */
static const struct layer {
    const char *name;
    int (*init)(void);
    void (*leave)(void);    /* ends users' calls and connections; the platform still runs */
    void (*shutdown)(void); /* frees its data, after the platform has stopped */
} layers[] = {
    {"arp", arp_init, NULL, arp_shutdown},
    {"ip", ip_init, NULL, ip_shutdown},
    {"ip_frag", ip_frag_init, NULL, ip_frag_shutdown},
    {"icmp", icmp_init, NULL, NULL},
    {"tcp", tcp_init, tcp_shutdown, NULL}, /* leaves last: it may take seconds */
    {"udp", udp_init, udp_shutdown, NULL},
    {"sock", NULL, sock_stop, NULL},
};

static void net_free(void)
{
    struct net_iface *iface;
    struct net_device *dev;
    struct net_protocol *proto;
    struct net_queue_entry *entry;

    while ((dev = devices) != NULL) {
        devices = dev->next;
        while ((iface = dev->ifaces) != NULL) {
            dev->ifaces = iface->next;
            memory_free(iface);
        }
        memory_free(dev->priv);
        memory_free(dev);
    }
    while ((proto = protocols) != NULL) {
        protocols = proto->next;
        while ((entry = queue_pop(&proto->queue)) != NULL) {
            memory_free(entry);
        }
        memory_free(proto);
    }
    batch_end = NULL;
}

/* Calls leave of the layers below end, the highest first. */
static void net_layers_leave(const struct layer *end)
{
    while (end-- > layers) {
        if (end->leave) {
            end->leave();
        }
    }
}

/* Calls shutdown of the layers below end, the highest first. */
static void net_layers_shutdown(const struct layer *end)
{
    while (end-- > layers) {
        if (end->shutdown) {
            end->shutdown();
        }
    }
}

/* In a forked child: closes its copies of the devices' descriptors, which would keep the interfaces
 * busy after the parent's end. */
static void net_forked(void)
{
    struct net_device *dev;

    for (dev = devices; dev; dev = dev->next) {
        if (NET_DEVICE_IS_UP(dev)) {
            net_device_down(dev);
        }
    }
    net_state = NET_OFF;
}

static int net_layers_init(void)
{
    const struct layer *layer;

    for (layer = layers; layer < tailof(layers); layer++) {
        if (layer->init && layer->init() == -1) {
            errorf("%s_init() failure", layer->name);
            net_layers_leave(layer);
            net_layers_shutdown(layer);
            return -1;
        }
    }
    return 0;
}

int net_init(void)
{
    int errnum;

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
    if (intr_register(INTR_IRQ_SOFT, net_softirq_handler, 0, NULL) == -1 ||
        net_layers_init() == -1) {
        errnum = errno;
        net_free();
        platform_shutdown();
        errno = errnum;
        return -1;
    }
    platform_set_child_hook(net_forked);
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

    if (net_state == NET_OFF || platform_is_child()) {
        errorf("not initialized");
        errno = ENETDOWN;
        return -1;
    }
    net_layers_leave(tailof(layers));
    if (platform_shutdown() == -1) {
        errorf("platform_shutdown() failure");
        return -1;
    }
    for (dev = devices; dev; dev = dev->next) {
        net_device_close(dev);
    }
    net_layers_shutdown(tailof(layers));
    net_free();
    net_state = NET_OFF;
    infof("shut down");
    return 0;
}
