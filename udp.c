#include "udp.h"

#include "ip.h"
#include "util.h"

/*
 * udp: the User Datagram Protocol, RFC 768.
 */

/* What the checksum covers besides the datagram, in network byte order. */
struct pseudo_hdr {
    ip_addr_t src;
    ip_addr_t dst;
    uint8_t zero;
    uint8_t protocol;
    uint16_t len;
} __attribute__((packed));

/* A datagram's header on the wire, in network byte order. */
struct udp_hdr {
    uint16_t src;
    uint16_t dst;
    uint16_t len; /* bytes of header and data */
    uint16_t sum; /* 0: the sender computed none */
} __attribute__((packed));

_Static_assert(sizeof(struct pseudo_hdr) == 12, "a pseudo-header has 12 bytes");
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
    log_text("        len: %u (came: %zu)\n", ntoh16(hdr->len), len);
    log_text("        sum: 0x%04x\n", ntoh16(hdr->sum));
    log_end();
}

/* The checksum over pseudo-header and datagram: 0 when the one in the datagram is right. */
static uint16_t udp_cksum(const void *datagram, size_t len, ip_addr_t src, ip_addr_t dst)
{
    struct pseudo_hdr pseudo = {src, dst, 0, IP_PROTOCOL_UDP, hton16((uint16_t)len)};

    return cksum16(datagram, len, (uint16_t)~cksum16(&pseudo, sizeof(pseudo), 0));
}

/*
 * Input
 */

/* The one gate for a datagram: len bytes have come. */
static int udp_check(const uint8_t *data, size_t len, ip_addr_t src, ip_addr_t dst)
{
    const struct udp_hdr *hdr = (const struct udp_hdr *)data;

    if (len < sizeof(*hdr)) {
        return drop(stats.too_short, "shorter than a header, len=%zu", len);
    }
    if (ntoh16(hdr->len) < sizeof(*hdr) || ntoh16(hdr->len) > len) {
        return drop(stats.bad_length, "length=%u, len=%zu", ntoh16(hdr->len), len);
    }
    if (hdr->sum != 0 && udp_cksum(data, ntoh16(hdr->len), src, dst) != 0) {
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
