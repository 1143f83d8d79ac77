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

/* A device's counters. The core counts what it sends and takes; Ethernet and drivers, the rest. */
struct net_device_stats {
    uint64_t received;    /* payloads handed to net_input */
    uint64_t dropped;     /* frames dropped before that: another station's, bad length, VLAN */
    uint64_t sent;        /* payloads taken by the driver */
    uint64_t send_failed; /* device down, too long, or refused by the driver */
    uint64_t gone;        /* times that its interface was removed */
};

struct net_device {
    struct net_device *next;
    struct net_iface *ifaces;
    unsigned int index;
    char name[NET_DEVICE_NAME_SIZE];
    uint16_t type;                  /* NET_DEVICE_TYPE_ */
    MICROPS_ATOMIC(uint16_t) mtu;   /* bytes of payload in a frame at most; atomic, it may change */
    uint16_t mru;                   /* the same for what comes in, where it may be more; or 0 */
    MICROPS_ATOMIC(uint16_t) flags; /* NET_DEVICE_FLAG_; atomic, for others look while UP changes */
    uint16_t hlen;                  /* bytes of the link header */
    uint16_t alen;                  /* bytes of a hardware address */
    uint8_t addr[NET_DEVICE_ADDR_LEN];
    uint8_t broadcast[NET_DEVICE_ADDR_LEN];
    struct net_device_stats stats;
    const struct net_device_ops *ops;
    void *priv; /* the driver's, from memory_alloc; freed together with the device */
};

/* What a driver does. Each returns 0, or -1 with errno; open and close may be NULL. data is
 * borrowed for the call. */
struct net_device_ops {
    int (*open)(struct net_device *dev);
    int (*close)(struct net_device *dev);
    int (*output)(struct net_device *dev, uint16_t type, const uint8_t *data, size_t len,
                  const void *dst);
};

/* An address that a device has in one family; a family's own structure begins with it. */
struct net_iface {
    struct net_iface *next;
    struct net_device *dev;
    int family; /* NET_IFACE_FAMILY_ */
};

struct net_stats {
    uint64_t received;         /* payloads handed to net_input */
    uint64_t sent;             /* payloads taken by a device */
    uint64_t send_failed;      /* device down, too long, or refused by the driver */
    uint64_t delivered;        /* payloads handed to a protocol */
    uint64_t unknown_protocol; /* dropped: no protocol has this type */
    uint64_t queue_full;       /* dropped: the protocol's input queue is full */
    uint64_t no_memory;        /* dropped: no memory for a queue entry */
};

/* Starts the platform and the layers. Returns 0, or -1: started already (EALREADY), or one of them
 * failed, with errno (ENOMEM). */
int net_init(void);
/* Lets the platform run and opens the devices. Returns 0, or -1: net_init not called (ENETDOWN),
 * running already (EALREADY), the platform failed; or a device did not open. Then errno is its
 * driver's, the others are open, and the stack runs until net_shutdown. */
int net_run(void);
/* Stops all: wakes sleepers, closes devices, gives back memory. Other threads may sleep in the
 * stack but not be at work in it. It may sleep for TCP_SHUTDOWN_TIMEOUT, so that peers get what was
 * sent to them; INTR_IRQ_USER ends that at once. Returns 0, or -1 (not started: ENETDOWN). */
int net_shutdown(void);

/* Returns a device for a driver to fill in and register, or NULL (no memory). */
struct net_device *net_device_alloc(void);
/* Adds a device and names it net0, net1, ... Before net_run. Returns 0, or -1. */
int net_device_register(struct net_device *dev);
/* Sends len bytes of protocol type to the hardware address dst (may be NULL where the device has
 * none). Returns 0, or -1: the device is down (ENETDOWN), len is above its MTU (EMSGSIZE), or its
 * driver failed. */
int net_device_output(struct net_device *dev, uint16_t type, const uint8_t *data, size_t len,
                      const void *dst);

/* Returns the device that was registered after dev, or the first one if dev is NULL; NULL at the
 * end. */
struct net_device *net_device_next(const struct net_device *dev);
/* Gives a device an interface, which it then owns. Returns 0, or -1 (the device has one of this
 * family). */
int net_device_add_iface(struct net_device *dev, struct net_iface *iface);
/* Returns the device's interface of a family, or NULL. */
struct net_iface *net_device_get_iface(struct net_device *dev, int family);

/* Registers the handler of a protocol type (host byte order), before net_run. data is borrowed for
 * the call. Returns 0, or -1 (registered already, no memory). */
int net_protocol_register(uint16_t type,
                          void (*handler)(const uint8_t *data, size_t len, struct net_device *dev));

/* Takes a payload of protocol type (host byte order) that came in on dev; drivers call it. data is
 * borrowed. Returns 0, or -1 when it was dropped. */
int net_input(uint16_t type, const uint8_t *data, size_t len, struct net_device *dev);
/* The same for a payload that the link brought to more than one station. */
int net_input_broadcast(uint16_t type, const uint8_t *data, size_t len, struct net_device *dev);
/* In a protocol's handler: is what it has been given such a payload? RFC 1122 2.4 */
int net_is_link_broadcast(void);

MICROPS_END

/* The softirq: hands what net_input has queued to the protocols. Runs on the interrupt thread. */
int net_softirq_handler(unsigned int irq, void *arg);

MICROPS_BEGIN

enum net_direction { NET_IN, NET_OUT };

/* Lets hook see every payload that comes in or goes out; NULL ends it. type in host byte order.
 * While no thread is at work in the stack. */
void net_set_capture(void (*hook)(const struct net_device *dev, enum net_direction direction,
                                  uint16_t type, const uint8_t *data, size_t len));
/* Copies the counters. */
void net_get_stats(struct net_stats *stats);

MICROPS_END

#endif
