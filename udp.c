#include "udp.h"

#include "ip.h"
#include "util.h"

/*
 * udp: the User Datagram Protocol, RFC 768. Checks received datagrams. Left out: endpoints, their
 * queues and ICMP errors (step 18), sending (step 19).
 */

/* The header on the wire, in network byte order */
struct udp_hdr {
    uint16_t src;
    uint16_t dst;
    uint16_t len; /* bytes of header and data */
    uint16_t sum; /* 0: the sender computed none */
} __attribute__((packed));

_Static_assert(sizeof(struct udp_hdr) == UDP_HDR_SIZE, "a UDP header has 8 bytes");

static struct udp_stats stats;

/* data holds at least a header. */
static void udp_dump(const uint8_t *data, size_t len)
{
    const struct udp_hdr *hdr = (const struct udp_hdr *)data;

    if (!log_enabled(LOG_LEVEL_DEBUG)) {
        return;
    }
    log_begin();
    log_text("        src: %u\n", ntoh16(hdr->src));
    log_text("        dst: %u\n", ntoh16(hdr->dst));
    log_text("        len: %u (bytes: %zu)\n", ntoh16(hdr->len), len);
    log_text("        sum: 0x%04x\n", ntoh16(hdr->sum));
    log_end();
}

/*
 * Input
 */

/* Checks a received datagram of len bytes. Returns 0, or -1 if it is dropped. */
static int udp_check(const uint8_t *data, size_t len, ip_addr_t src, ip_addr_t dst)
{
    const struct udp_hdr *hdr = (const struct udp_hdr *)data;

    if (len < sizeof(*hdr)) {
        return drop(stats.too_short, "shorter than a header, len=%zu", len);
    }
    if (ntoh16(hdr->len) < sizeof(*hdr) || ntoh16(hdr->len) > len) {
        return drop(stats.bad_length, "length=%u, len=%zu", ntoh16(hdr->len), len);
    }
    if (hdr->sum != 0 && ip_pseudo_cksum(IP_PROTOCOL_UDP, data, ntoh16(hdr->len), src, dst) != 0) {
        return drop(stats.bad_checksum, "sum=0x%04x, len=%zu", ntoh16(hdr->sum), len);
    }
    return 0;
}

static void udp_input(const struct ip_hdr *iphdr, const uint8_t *data, size_t len,
                      struct ip_iface *iface)
{
    const struct udp_hdr *hdr = (const struct udp_hdr *)data;
    ip_endp_t src, dst;
    char src_text[IP_ENDP_STR_LEN], dst_text[IP_ENDP_STR_LEN];

    count(stats.received);
    if (udp_check(data, len, iphdr->src, iphdr->dst) == -1) {
        return;
    }
    src = (ip_endp_t){iphdr->src, hdr->src};
    dst = (ip_endp_t){iphdr->dst, hdr->dst};
    debugf("dev=%s, %s => %s, len=%zu", NET_IFACE(iface)->dev->name,
           ip_endp_ntop(&src, src_text, sizeof(src_text)),
           ip_endp_ntop(&dst, dst_text, sizeof(dst_text)), len);
    udp_dump(data, len);
    count(stats.delivered);
}

/*
 * Start and stop
 */

int udp_init(void)
{
    if (ip_protocol_register(IP_PROTOCOL_UDP, udp_input) == -1) {
        return -1;
    }
    return 0;
}

void udp_get_stats(struct udp_stats *out)
{
    counters_copy(out, &stats, sizeof(stats));
}
