#ifndef ETHER_HOST_H
#define ETHER_HOST_H

#include <net/if.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "net.h"
#include "platform.h"

/* An interface of the host, as an Ethernet device uses it. A driver's own structure begins with it,
 * and is the device's priv. */
struct ether_host {
    const struct ether_host_ops *ops;
    char name[IFNAMSIZ];
    atomic_uint ifindex;
    unsigned int irq;
    unsigned int asked; /* the tick at which the kernel was last asked about the interface */
    lock_t lock;        /* held to write, to close and to replace the descriptor */
    atomic_int fd;      /* -1 unless the device is open */
    atomic_int down;    /* the interface is down, which has been logged */
    atomic_int gone;    /* it has been removed, which has been logged */
};

/* What a driver does. Each returns -1 with errno when it fails. */
struct ether_host_ops {
    const char *by; /* the way to the interface, for messages */
    /* Returns a new descriptor on the interface. */
    int (*connect)(const struct ether_host *host);
    /* Sends a frame. Returns 0. */
    int (*write)(int fd, const uint8_t *frame, size_t flen);
    /* Hands the next frame to ether_input. Returns 0, or -1 when there is none (EAGAIN). */
    int (*read)(struct net_device *dev, int fd);
};

/* Adds an Ethernet device on the interface name; size is that of the driver's structure. addr is
 * its hardware address as text; NULL: a random one. Returns the device, or NULL (bad text, no
 * memory). */
struct net_device *ether_host_init(const char *name, const char *addr,
                                   const struct ether_host_ops *ops, size_t size);

#endif
