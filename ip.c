#include "ip.h"

#include <stdio.h>
#include <string.h>

#include "net.h"
#include "util.h"

/*
 * ip: the Internet Protocol, RFC 791: carries datagrams between hosts, without a guarantee.
 *
 *     ip_input(data, ...);    a received datagram: checks its header
 *
 * A received datagram is borrowed for the call. One that fails a check is dropped and counted.
 * Left out: reassembly (step 44), multicast. Options are ignored.
 */

const ip_addr_t IP_ADDR_ANY = 0x00000000;
const ip_addr_t IP_ADDR_BROADCAST = 0xffffffff;

static struct ip_stats stats;

/*
 * Addresses
 */

/* Reads one number of at most three digits, up to 255. Returns its end, or NULL. */
static const char *ip_octet_pton(const char *p, uint8_t *octet)
{
    unsigned int value = 0;
    int digits;

    for (digits = 0; digits < 3 && *p >= '0' && *p <= '9'; digits++) {
        value = value * 10 + (unsigned int)(*p++ - '0');
    }
    if (digits == 0 || value > UINT8_MAX) {
        return NULL;
    }
    *octet = (uint8_t)value;
    return p;
}

int ip_addr_pton(const char *p, ip_addr_t *n)
{
    uint8_t octets[IP_ADDR_LEN];
    size_t i;

    for (i = 0; i < countof(octets); i++) {
        p = ip_octet_pton(p, &octets[i]);
        if (!p || *p != (i < countof(octets) - 1 ? '.' : '\0')) {
            return -1;
        }
        p++;
    }
    memcpy(n, octets, sizeof(octets));
    return 0;
}

char *ip_addr_ntop(ip_addr_t n, char *p, size_t size)
{
    uint8_t octets[IP_ADDR_LEN];

    if (size < IP_ADDR_STR_LEN) {
        return NULL;
    }
    memcpy(octets, &n, sizeof(octets));
    snprintf(p, size, "%u.%u.%u.%u", octets[0], octets[1], octets[2], octets[3]);
    return p;
}

/* data must hold a header. */
static void ip_dump(const uint8_t *data, size_t len)
{
    const struct ip_hdr *hdr = (const struct ip_hdr *)data;
    char addr[IP_ADDR_STR_LEN];
    uint16_t offset;

    if (!log_enabled(LOG_LEVEL_DEBUG)) {
        return;
    }
    offset = ntoh16(hdr->offset);
    log_begin();
    log_text("        vhl: 0x%02x [v: %u, hl: %u (%zu)]\n", hdr->vhl, hdr->vhl >> 4,
             hdr->vhl & 0x0f, IP_HDR_SIZE(hdr));
    log_text("        tos: 0x%02x\n", hdr->tos);
    log_text("      total: %u (len: %zu)\n", ntoh16(hdr->total), len);
    log_text("         id: %u\n", ntoh16(hdr->id));
    log_text("     offset: 0x%04x [flags=%x, offset=%u]\n", offset, offset >> 13,
             offset & IP_HDR_OFFSET_MASK);
    log_text("        ttl: %u\n", hdr->ttl);
    log_text("   protocol: %u\n", hdr->protocol);
    log_text("        sum: 0x%04x\n", ntoh16(hdr->sum));
    log_text("        src: %s\n", ip_addr_ntop(hdr->src, addr, sizeof(addr)));
    log_text("        dst: %s\n", ip_addr_ntop(hdr->dst, addr, sizeof(addr)));
    log_end();
}

/*
 * Input
 */

/* Checks the header of len received bytes, before any other use of it. Returns 0 or -1. */
static int ip_check_hdr(const uint8_t *data, size_t len)
{
    const struct ip_hdr *hdr = (const struct ip_hdr *)data;
    size_t hlen;

    if (len < IP_HDR_SIZE_MIN) {
        return drop(stats.too_short, "shorter than a header, len=%zu", len);
    }
    if (hdr->vhl >> 4 != IP_VERSION_IPV4) {
        return drop(stats.bad_version, "version=%u", hdr->vhl >> 4);
    }
    hlen = IP_HDR_SIZE(hdr);
    if (hlen < IP_HDR_SIZE_MIN) {
        return drop(stats.bad_header, "header length=%zu", hlen);
    }
    if (len < hlen) {
        return drop(stats.too_short, "shorter than its header, len=%zu, header length=%zu", len,
                    hlen);
    }
    if (ntoh16(hdr->total) < hlen || ntoh16(hdr->total) > len) {
        return drop(stats.bad_length, "total=%u, header length=%zu, len=%zu", ntoh16(hdr->total),
                    hlen, len);
    }
    if (cksum16(data, hlen, 0) != 0) {
        return drop(stats.bad_checksum, "sum=0x%04x", ntoh16(hdr->sum));
    }
    if (ntoh16(hdr->offset) & (IP_HDR_FLAG_MF | IP_HDR_OFFSET_MASK)) {
        /* left out: reassembly (step 44) */
        return drop(stats.fragment, "fragment, offset=0x%04x", ntoh16(hdr->offset));
    }
    return 0;
}

/* Checks first: only a datagram that passes is counted as delivered, logged and dumped. net_input has
 * dumped its bytes. */
static void ip_input(const uint8_t *data, size_t len, struct net_device *dev)
{
    count(stats.received);
    if (ip_check_hdr(data, len) == -1) {
        return;
    }
    count(stats.delivered);
    debugf("dev=%s, len=%zu", dev->name, len);
    ip_dump(data, len);
}

/*
 * Start and stop
 */

int ip_init(void)
{
    if (net_protocol_register(NET_PROTOCOL_TYPE_IP, ip_input) == -1) {
        return -1;
    }
    return 0;
}

void ip_get_stats(struct ip_stats *out)
{
    counters_copy(out, &stats, sizeof(stats));
}
