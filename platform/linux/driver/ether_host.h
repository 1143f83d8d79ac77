#ifndef ETHER_HOST_H
#define ETHER_HOST_H

#include <net/if.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "net.h"
#include "platform.h"

/* An interface of the host that an Ethernet device uses. The driver's own structure begins with it
 * and is the device's priv. */
struct ether_host {
    const struct ether_host_ops *ops;
    char name[IFNAMSIZ];
    atomic_uint ifindex;
    unsigned int irq;
    unsigned int asked; /* tick of the last question about the interface */
    lock_t lock;        /* held to write a frame and to replace fd */
    atomic_int fd;      /* -1 unless the device is open */
    atomic_int down;    /* the interface is down, and this is logged */
    atomic_int gone;    /* it was removed, and this is logged */
};

/* A driver's operations. Each returns -1 with errno on failure. */
struct ether_host_ops {
    const char *by; /* the kernel's facility, for messages */
    /* Returns a new descriptor on the interface. */
    int (*connect)(const struct ether_host *host);
    /* Sends a frame. Returns 0. */
    int (*write)(int fd, const uint8_t *frame, size_t flen);
    /* Hands the next frame to ether_input. Returns 0; none: -1 with EAGAIN. */
    int (*read)(struct net_device *dev, int fd);
};

/* Adds an Ethernet device on the interface name. addr: its hardware address as text; NULL: a random
 * one. size: that of the driver's structure in bytes. Returns the device, or NULL (name too long,
 * bad address, no memory). */
struct net_device *ether_host_init(const char *name, const char *addr,
                                   const struct ether_host_ops *ops, size_t size);

#endif
