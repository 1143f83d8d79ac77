#include "ether.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net.h"
#include "platform.h"
#include "util.h"

/*
 * ether: Ethernet frames, between the drivers and the core.
 *
 *     ether_setup_helper(dev);               a driver's init
 *     ether_set_mtu(dev, mtu);               when the MTU is known, or has changed
 *     ether_output(dev, ..., write);         a driver's output: any thread
 *     ether_input(dev, frame, flen);         for each received frame: interrupt thread
 *
 * A frame has a header of 14 bytes, a payload of 46 bytes up to the MTU, and an FCS, which is left
 * to the hardware. ether_output pads short payloads; ether_input cannot tell padding from payload,
 * so protocols rely on their own length fields. A frame is borrowed for the call in both
 * directions; ether_output builds it in memory of its own.
 *
 * Frames to this station and to the broadcast address are taken. Others are dropped and counted:
 * multicast groups are not supported. There is no state but counters and a hook that is set before
 * net_run, and so no lock.
 */

/* The header on the wire */
struct ether_hdr {
    uint8_t dst[ETHER_ADDR_LEN];
    uint8_t src[ETHER_ADDR_LEN];
    uint16_t type; /* in network byte order */
} __attribute__((packed));

_Static_assert(sizeof(struct ether_hdr) == ETHER_HDR_SIZE, "an Ethernet header has 14 bytes");

const uint8_t ETHER_ADDR_ANY[ETHER_ADDR_LEN] = {0x00, 0x00, 0x00, 0x00, 0x00, 0x00};
const uint8_t ETHER_ADDR_BROADCAST[ETHER_ADDR_LEN] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

static struct ether_stats stats;
static void (*capture)(const struct net_device *dev, enum net_direction direction,
                       const uint8_t *frame, size_t flen);

int ether_addr_pton(const char *p, uint8_t *n)
{
    uint8_t addr[ETHER_ADDR_LEN];
    size_t i;

    for (i = 0; i < ETHER_ADDR_LEN; i++, p += 3) {
        char digits[3] = {p[0], p[0] ? p[1] : '\0', '\0'};

        if (!isxdigit((unsigned char)digits[0]) || !isxdigit((unsigned char)digits[1])) {
            return -1;
        }
        if (p[2] != (i < ETHER_ADDR_LEN - 1 ? ':' : '\0')) {
            return -1;
        }
        addr[i] = (uint8_t)strtol(digits, NULL, 16);
    }
    for (i = 0; i < ETHER_ADDR_LEN; i++) {
        n[i] = addr[i];
    }
    return 0;
}

char *ether_addr_ntop(const uint8_t *n, char *p, size_t size)
{
    if (size < ETHER_ADDR_STR_LEN) {
        return NULL;
    }
    snprintf(p, size, "%02x:%02x:%02x:%02x:%02x:%02x", n[0], n[1], n[2], n[3], n[4], n[5]);
    return p;
}

void ether_print(const uint8_t *frame, size_t flen)
{
    const struct ether_hdr *hdr = (const struct ether_hdr *)frame;
    char addr[ETHER_ADDR_STR_LEN];

    log_begin();
    if (flen < sizeof(*hdr)) {
        log_text("      frame: %zu bytes, shorter than a header\n", flen);
    } else {
        log_text("        src: %s\n", ether_addr_ntop(hdr->src, addr, sizeof(addr)));
        log_text("        dst: %s\n", ether_addr_ntop(hdr->dst, addr, sizeof(addr)));
        log_text("       type: 0x%04x\n", ntoh16(hdr->type));
    }
    log_end();
    hexdump(frame, flen);
}

void ether_setup_helper(struct net_device *dev)
{
    dev->type = NET_DEVICE_TYPE_ETHERNET;
    dev->mtu = ETHER_PAYLOAD_SIZE_MAX;
    dev->flags = NET_DEVICE_FLAG_BROADCAST | NET_DEVICE_FLAG_NEED_ARP;
    dev->hlen = ETHER_HDR_SIZE;
    dev->alen = ETHER_ADDR_LEN;
    memcpy(dev->broadcast, ETHER_ADDR_BROADCAST, ETHER_ADDR_LEN);
}

void ether_set_mtu(struct net_device *dev, unsigned int mtu)
{
    uint16_t now = mtu < UINT16_MAX ? (uint16_t)mtu : UINT16_MAX;

    if (now != dev->mtu) {
        dev->mtu = now;
        infof("dev=%s, mtu=%u", dev->name, now);
    }
}

static void ether_dump(const uint8_t *frame, size_t flen)
{
    if (log_enabled(LOG_LEVEL_DEBUG)) {
        ether_print(frame, flen);
    }
}

int ether_output(struct net_device *dev, uint16_t type, const uint8_t *data, size_t len,
                 const void *dst, ssize_t (*write)(struct net_device *dev, const uint8_t *frame,
                                                   size_t flen))
{
    size_t flen = ETHER_HDR_SIZE + (len < ETHER_PAYLOAD_SIZE_MIN ? ETHER_PAYLOAD_SIZE_MIN : len);
    struct ether_hdr *hdr; /* followed by the payload */
    int written;

    if (!dst) {
        errno = EINVAL;
        return drop(stats.send_failed, "no destination, dev=%s, len=%zu", dev->name, len);
    }
    hdr = memory_alloc(flen); /* zeros: padding must not reveal memory */
    if (!hdr) {
        errno = ENOMEM;
        return drop(stats.send_failed, "no memory, dev=%s, flen=%zu", dev->name, flen);
    }
    memcpy(hdr->dst, dst, ETHER_ADDR_LEN);
    memcpy(hdr->src, dev->addr, ETHER_ADDR_LEN);
    hdr->type = hton16(type);
    memcpy(hdr + 1, data, len);
    debugf("dev=%s, type=0x%04x, flen=%zu", dev->name, type, flen);
    ether_dump((uint8_t *)hdr, flen);
    if (capture) {
        capture(dev, NET_OUT, (uint8_t *)hdr, flen);
    }
    written = write(dev, (uint8_t *)hdr, flen) == (ssize_t)flen;
    memory_free(hdr);
    if (!written) {
        return drop(stats.send_failed, "not written, dev=%s, flen=%zu", dev->name, flen);
    }
    count(stats.sent);
    return 0;
}

static int ether_is_group(const uint8_t *addr)
{
    return addr[0] & 0x01; /* the first bit on the wire */
}

/* Checks a received frame. Returns 0, or -1 when it is dropped. */
static int ether_check(struct net_device *dev, const uint8_t *frame, size_t flen)
{
    const struct ether_hdr *hdr = (const struct ether_hdr *)frame;

    if (flen < sizeof(*hdr)) {
        return drop(stats.too_short, "shorter than a header, dev=%s, flen=%zu", dev->name, flen);
    }
    if (flen > sizeof(*hdr) + dev->mtu && flen > sizeof(*hdr) + dev->mru) {
        return drop(stats.too_long, "payload above MTU and MRU, dev=%s, flen=%zu", dev->name,
                    flen);
    }
    if (memcmp(hdr->dst, dev->addr, ETHER_ADDR_LEN) != 0 &&
        memcmp(hdr->dst, dev->broadcast, ETHER_ADDR_LEN) != 0) {
        return drop(stats.not_for_us, "for another station, dev=%s", dev->name);
    }
    if (ether_is_group(hdr->src) || memcmp(hdr->src, dev->addr, ETHER_ADDR_LEN) == 0) {
        return drop(stats.bad_source, "bad source address, dev=%s", dev->name);
    }
    return 0;
}

int ether_input(struct net_device *dev, const uint8_t *frame, size_t flen)
{
    const struct ether_hdr *hdr = (const struct ether_hdr *)frame;

    count(stats.received);
    if (capture) {
        capture(dev, NET_IN, frame, flen);
    }
    if (ether_check(dev, frame, flen) == -1) {
        count(dev->stats.dropped);
        return -1;
    }
    debugf("dev=%s, type=0x%04x, flen=%zu", dev->name, ntoh16(hdr->type), flen);
    ether_dump(frame, flen);
    count(stats.delivered);
    if (ether_is_group(hdr->dst)) {
        return net_input_broadcast(ntoh16(hdr->type), (const uint8_t *)(hdr + 1),
                                   flen - sizeof(*hdr), dev);
    }
    return net_input(ntoh16(hdr->type), (const uint8_t *)(hdr + 1), flen - sizeof(*hdr), dev);
}

void ether_set_capture(void (*hook)(const struct net_device *dev, enum net_direction direction,
                                    const uint8_t *frame, size_t flen))
{
    capture = hook;
}

void ether_get_stats(struct ether_stats *out)
{
    counters_copy(out, &stats, sizeof(stats));
}
