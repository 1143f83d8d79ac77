#ifndef NET_H
#define NET_H

#include <stddef.h>
#include <stdint.h>

#include "api.h"
#include "util.h"

MICROPS_BEGIN

#define NET_DEVICE_NAME_SIZE 16 /* with the NUL */
#define NET_DEVICE_ADDR_LEN 16

#define NET_DEVICE_TYPE_NULL     0x0000
#define NET_DEVICE_TYPE_LOOPBACK 0x0001
#define NET_DEVICE_TYPE_ETHERNET 0x0002

#define NET_DEVICE_FLAG_UP        0x0001
#define NET_DEVICE_FLAG_LOOPBACK  0x0010
#define NET_DEVICE_FLAG_BROADCAST 0x0020
#define NET_DEVICE_FLAG_NEED_ARP  0x0100

#define NET_DEVICE_IS_UP(x) ((x)->flags & NET_DEVICE_FLAG_UP)
#define NET_DEVICE_STATE(x) (NET_DEVICE_IS_UP(x) ? "up" : "down")

#define NET_PROTOCOL_TYPE_IP  0x0800
#define NET_PROTOCOL_TYPE_ARP 0x0806

#define NET_IFACE_FAMILY_IP 1

#define NET_IFACE(x) ((struct net_iface *)(x))

/* A device's counters. Ethernet and drivers count dropped and gone; the core, the others. */
struct net_device_stats {
    uint64_t received;    /* payloads handed to net_input */
    uint64_t dropped;     /* frames dropped before net_input, such as another station's */
    uint64_t sent;        /* payloads accepted by the driver */
    uint64_t send_failed; /* device down, too long, or refused by the driver */
    uint64_t gone;        /* removals of the host's interface */
};

struct net_device {
    struct net_device *next;
    struct net_iface *ifaces;
    unsigned int index;
    char name[NET_DEVICE_NAME_SIZE];
    uint16_t type;                  /* NET_DEVICE_TYPE_ */
    MICROPS_ATOMIC(uint16_t) mtu;   /* maximum payload of a frame in bytes; atomic: it may change */
    uint16_t mru;                   /* the same for received frames, if larger; otherwise 0 */
    MICROPS_ATOMIC(uint16_t) flags; /* NET_DEVICE_FLAG_; atomic: read while UP changes */
    uint16_t hlen;                  /* length of the link header in bytes */
    uint16_t alen;                  /* length of a hardware address in bytes */
    uint8_t addr[NET_DEVICE_ADDR_LEN];
    uint8_t broadcast[NET_DEVICE_ADDR_LEN];
    struct net_device_stats stats;
    const struct net_device_ops *ops;
    void *priv; /* the driver's data, from memory_alloc; freed with the device */
};

/* A driver's operations. Each returns 0, or -1 with errno. open and close may be NULL. Any thread
 * may call output, which borrows data for the call. */
struct net_device_ops {
    int (*open)(struct net_device *dev);
    int (*close)(struct net_device *dev);
    int (*output)(struct net_device *dev, uint16_t type, const uint8_t *data, size_t len,
                  const void *dst);
};

/* A device's address in one family. The family's own structure begins with it. */
struct net_iface {
    struct net_iface *next;
    struct net_device *dev;
    int family; /* NET_IFACE_FAMILY_ */
};

struct net_stats {
    uint64_t received;         /* payloads handed to net_input */
    uint64_t sent;             /* payloads accepted by a driver */
    uint64_t send_failed;      /* device down, too long, or refused by the driver */
    uint64_t delivered;        /* payloads handed to a protocol */
    uint64_t unknown_protocol; /* dropped: no protocol has this type */
    uint64_t queue_full;       /* dropped: the protocol's input queue is full */
    uint64_t no_memory;        /* dropped: no memory for a queue entry */
};

/* Initializes the platform and the layers. Returns 0, or -1 with errno: initialized already
 * (EALREADY), no memory (ENOMEM), or in a child forked while initialized (ENETDOWN). */
int net_init(void);
/* Starts the platform, then opens the devices. Returns 0, or -1 with errno: net_init not called
 * (ENETDOWN), running already (EALREADY), or the platform failed: then no device is open, and
 * net_run may be called again. Also -1 if a device did not open: errno is its driver's, the others
 * are open, and the stack runs until net_shutdown. */
int net_run(void);
/* Stops the stack: wakes sleeping threads, closes the devices, frees all memory. Other threads may
 * sleep in the stack, but not run in it. Waits up to TCP_SHUTDOWN_TIMEOUT for peers to acknowledge
 * sent data; INTR_IRQ_USER ends the wait. Returns 0, or -1: not initialized (ENETDOWN). */
int net_shutdown(void);

/* Returns a device for a driver to fill in and register, or NULL (no memory). */
struct net_device *net_device_alloc(void);
/* Adds a device and names it net0, net1, ... Call between net_init and net_run. Returns 0 or -1. */
int net_device_register(struct net_device *dev);
/* Sends len bytes of protocol type (host byte order) to the hardware address dst, which may be NULL
 * if the device has no addresses. Returns 0, or -1 with errno: device down (ENETDOWN), len above
 * its MTU (EMSGSIZE), or that of its driver. */
int net_device_output(struct net_device *dev, uint16_t type, const uint8_t *data, size_t len,
                      const void *dst);

/* Returns the device registered after dev, the first one if dev is NULL, or NULL at the end. */
struct net_device *net_device_next(const struct net_device *dev);
/* Adds an interface to a device, which then owns it. Returns 0, or -1 (the device has one of this
 * family). */
int net_device_add_iface(struct net_device *dev, struct net_iface *iface);
/* Returns the device's interface of a family, or NULL. */
struct net_iface *net_device_get_iface(struct net_device *dev, int family);

/* Registers the handler of a protocol type (host byte order). Call before net_run. The handler
 * borrows data for the call. Returns 0, or -1 (registered already, no memory). */
int net_protocol_register(uint16_t type,
                          void (*handler)(const uint8_t *data, size_t len, struct net_device *dev));

/* Registers a handler that the softirq calls when it has delivered all that was queued, on the
 * interrupt thread. Call between net_init and net_run. Returns 0, or -1 (there is one). */
int net_batch_end_register(void (*handler)(void));

/* For drivers: takes a payload of protocol type (host byte order) that dev has received. data is
 * borrowed for the call. Returns 0, or -1 when it was dropped. */
int net_input(uint16_t type, const uint8_t *data, size_t len, struct net_device *dev);
/* The same for a link-layer broadcast or multicast. */
int net_input_broadcast(uint16_t type, const uint8_t *data, size_t len, struct net_device *dev);
/* In a protocol's handler: returns whether its payload came by net_input_broadcast. RFC 1122 2.4 */
int net_is_link_broadcast(void);

MICROPS_END

/* The softirq, on the interrupt thread: hands queued payloads to their protocols, and counts each
 * as delivered; net_input does not. */
int net_softirq_handler(unsigned int irq, void *arg);

MICROPS_BEGIN

enum net_direction { NET_IN, NET_OUT };

/* Calls hook for every payload received, and for every payload to send, before the driver gets it;
 * NULL removes it. type is in host byte order. Call while no thread runs in the stack. */
void net_set_capture(void (*hook)(const struct net_device *dev, enum net_direction direction,
                                  uint16_t type, const uint8_t *data, size_t len));
/* Copies the counters. */
void net_get_stats(struct net_stats *stats);

MICROPS_END

#endif
