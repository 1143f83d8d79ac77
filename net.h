#ifndef NET_H
#define NET_H

#include <stddef.h>
#include <stdint.h>

#include "util.h"

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

struct net_device {
    struct net_device *next;
    unsigned int index;
    char name[NET_DEVICE_NAME_SIZE];
    uint16_t type;  /* NET_DEVICE_TYPE_ */
    uint16_t mtu;   /* bytes of payload that one frame carries at most */
    _Atomic uint16_t flags; /* NET_DEVICE_FLAG_; atomic, for others look while UP changes */
    uint16_t hlen;  /* bytes of the link header */
    uint16_t alen;  /* bytes of a hardware address */
    uint8_t addr[NET_DEVICE_ADDR_LEN];
    uint8_t broadcast[NET_DEVICE_ADDR_LEN];
};

/* Starts the platform. Returns 0, or -1 (started already, or the platform failed). */
int net_init(void);
/* Lets the platform run and opens the devices; one that fails is logged, the rest still opens.
 * Returns 0, or -1 (net_init not called, running already, or the platform failed). */
int net_run(void);
/* Stops all: closes the devices and gives back memory. Returns 0, or -1 (not started). */
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

#endif
