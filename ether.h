#ifndef ETHER_H
#define ETHER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "net.h"

MICROPS_BEGIN

#define ETHER_ADDR_LEN 6
#define ETHER_ADDR_STR_LEN 18 /* "xx:xx:xx:xx:xx:xx" with the NUL */

#define ETHER_HDR_SIZE 14
#define ETHER_FRAME_SIZE_MIN 60   /* without the FCS */
#define ETHER_FRAME_SIZE_MAX 1514 /* without the FCS */
#define ETHER_PAYLOAD_SIZE_MIN (ETHER_FRAME_SIZE_MIN - ETHER_HDR_SIZE)
#define ETHER_PAYLOAD_SIZE_MAX (ETHER_FRAME_SIZE_MAX - ETHER_HDR_SIZE)
#define ETHER_JUMBO_SIZE_MAX (ETHER_HDR_SIZE + UINT16_MAX) /* on links with a larger MTU */

extern const uint8_t ETHER_ADDR_ANY[ETHER_ADDR_LEN];       /* 00:00:00:00:00:00 */
extern const uint8_t ETHER_ADDR_BROADCAST[ETHER_ADDR_LEN]; /* ff:ff:ff:ff:ff:ff */

struct ether_stats {
    uint64_t received;      /* frames handed to ether_input */
    uint64_t delivered;     /* frames handed to net_input */
    uint64_t sent;          /* frames written by the driver */
    uint64_t send_failed;   /* frame not built, or refused by the driver */
    uint64_t too_short;     /* dropped: shorter than a header */
    uint64_t too_long;      /* dropped: payload above MTU and MRU */
    uint64_t not_for_us;    /* dropped: to another station or a multicast group */
    uint64_t bad_source;    /* dropped: the source is a group address or our own */
};

/* Text to address: 00:00:5e:00:53:01. Returns 0, or -1 for any other text. */
int ether_addr_pton(const char *p, uint8_t *n);
/* Address to text, in a buffer of size bytes. Returns p, or NULL when size is below
 * ETHER_ADDR_STR_LEN. */
char *ether_addr_ntop(const uint8_t *n, char *p, size_t size);
/* Logs a frame of flen bytes at any level: its fields, in lines such as `src: 00:00:5e:00:53:01`,
 * `dst: ...` and `type: 0x0806`, unless it is shorter than a header, and at level dump all its
 * bytes. */
void ether_print(const uint8_t *frame, size_t flen);

/* Sets the fields that all Ethernet devices share: type, MTU, lengths, flags, broadcast address. */
void ether_setup_helper(struct net_device *dev);
/* Sets the MTU of the link in bytes, at any time. Values above 65535 count as 65535. */
void ether_set_mtu(struct net_device *dev, unsigned int mtu);
/* A driver's output: builds the frame of a payload of type (host byte order) to dst, pads it with
 * zeros to 60 bytes and calls write, which returns the number of bytes written, or -1 with errno.
 * Returns 0, or -1 with errno (no dst: EINVAL): then send_failed counts. */
int ether_output(struct net_device *dev, uint16_t type, const uint8_t *data, size_t len,
                 const void *dst, ssize_t (*write)(struct net_device *dev, const uint8_t *frame,
                                                   size_t flen));
/* Checks a received frame (without FCS) and hands its payload to net_input; drivers call it. frame
 * is borrowed for the call. Returns 0, or -1 when the frame was dropped: ether_stats counts the
 * reason, and the device that it dropped one. */
int ether_input(struct net_device *dev, const uint8_t *frame, size_t flen);
/* Calls hook for every received frame, before the check, and for every frame handed to a driver.
 * NULL removes it. Call before net_run. */
void ether_set_capture(void (*hook)(const struct net_device *dev, enum net_direction direction,
                                    const uint8_t *frame, size_t flen));
/* Copies the counters. */
void ether_get_stats(struct ether_stats *stats);

MICROPS_END

#endif
