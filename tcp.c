#include "tcp.h"

#include "ip.h"
#include "util.h"

/*
 * tcp: the Transmission Control Protocol, RFC 9293. In this step it checks, dumps and counts the
 * header of each received segment (3.1): tcp_check_hdr, tcp_dump. Left out: connections (step 21).
 *
 * Lock. None: the counters are atomic.
 */

#define TCP_FLG_FIN 0x01
#define TCP_FLG_SYN 0x02
#define TCP_FLG_RST 0x04
#define TCP_FLG_PSH 0x08
#define TCP_FLG_ACK 0x10
#define TCP_FLG_URG 0x20

#define TCP_FLG_ISSET(x, y) (((x) & (y)) != 0)

#define TCP_OPT_EOL 0
#define TCP_OPT_NOP 1

/* A segment's header on the wire, in network byte order. Its options, if any, follow. */
struct tcp_hdr {
    uint16_t src;
    uint16_t dst;
    uint32_t seq;
    uint32_t ack;
    uint8_t off; /* upper 4 bits: data offset in 32-bit words */
    uint8_t flg;
    uint16_t wnd;
    uint16_t sum;
    uint16_t up; /* urgent pointer */
} __attribute__((packed));

_Static_assert(sizeof(struct tcp_hdr) == TCP_HDR_SIZE_MIN, "a TCP header has 20 bytes");

#define TCP_HDR_SIZE(hdr) ((size_t)((hdr)->off >> 4) << 2) /* bytes, options included */

static struct tcp_stats stats;

/*
 * Header
 */

static const char *tcp_flg_ntoa(uint8_t flg, char *text, size_t size)
{
    static const char names[] = "FSRPAU";
    size_t i;

    for (i = 0; i < sizeof(names) - 1 && i + 1 < size; i++) {
        text[i] = flg & (1 << i) ? names[i] : '-';
    }
    text[i] = '\0';
    return text;
}

/* Prints len bytes of options, up to one with a bad length. */
static void tcp_dump_options(const uint8_t *opt, size_t len)
{
    size_t i = 0;

    while (i < len && opt[i] != TCP_OPT_EOL) {
        if (opt[i] == TCP_OPT_NOP) {
            i++;
            continue;
        }
        if (i + 1 >= len || opt[i + 1] < 2 || opt[i + 1] > len - i) {
            log_text("     option: %u, bad length\n", opt[i]);
            return;
        }
        log_text("     option: %u, len=%u\n", opt[i], opt[i + 1]);
        i += opt[i + 1];
    }
}

/* data holds at least a header with its options. */
static void tcp_dump(const uint8_t *data, size_t len)
{
    const struct tcp_hdr *hdr = (const struct tcp_hdr *)data;
    char flg[sizeof("FSRPAU")];

    if (!log_enabled(LOG_LEVEL_DEBUG)) {
        return;
    }
    log_begin();
    log_text("        src: %u\n", ntoh16(hdr->src));
    log_text("        dst: %u\n", ntoh16(hdr->dst));
    log_text("        seq: %u\n", ntoh32(hdr->seq));
    log_text("        ack: %u\n", ntoh32(hdr->ack));
    log_text("        off: 0x%02x (%zu)\n", hdr->off, TCP_HDR_SIZE(hdr));
    log_text("        flg: 0x%02x (%s)\n", hdr->flg, tcp_flg_ntoa(hdr->flg, flg, sizeof(flg)));
    log_text("        wnd: %u\n", ntoh16(hdr->wnd));
    log_text("        sum: 0x%04x\n", ntoh16(hdr->sum));
    log_text("         up: %u\n", ntoh16(hdr->up));
    tcp_dump_options(data + TCP_HDR_SIZE_MIN, TCP_HDR_SIZE(hdr) - TCP_HDR_SIZE_MIN);
    log_text("       data: %zu\n", len - TCP_HDR_SIZE(hdr));
    log_end();
}

/*
 * Input
 */

/* Accepts segments from one host to a unicast address of ours. Returns 0, or -1. RFC 9293 3.9.2.3,
 * MUST-57 and MUST-63 */
static int tcp_check_endpoints(const struct ip_hdr *iphdr, const struct tcp_hdr *hdr,
                               const struct ip_iface *iface)
{
    if (iphdr->dst != iface->unicast || !ip_addr_is_host(iphdr->src, iface)) {
        return -1;
    }
    if (iphdr->src != iphdr->dst) {
        return 0;
    }
    /* from an address of ours: only on the loopback device, and not from an endpoint to itself */
    if (!(NET_IFACE(iface)->dev->flags & NET_DEVICE_FLAG_LOOPBACK) || hdr->src == hdr->dst) {
        return -1;
    }
    return 0;
}

/* Checks a segment of len bytes before any other field is used. Returns 0, or -1. */
static int tcp_check_hdr(const struct ip_hdr *iphdr, const uint8_t *data, size_t len,
                         const struct ip_iface *iface)
{
    const struct tcp_hdr *hdr = (const struct tcp_hdr *)data;

    if (len < sizeof(*hdr)) {
        return drop(stats.too_short, "shorter than a header, len=%zu", len);
    }
    if (TCP_HDR_SIZE(hdr) < sizeof(*hdr) || TCP_HDR_SIZE(hdr) > len) {
        return drop(stats.bad_offset, "bad data offset=%zu, len=%zu", TCP_HDR_SIZE(hdr), len);
    }
    if (ip_pseudo_cksum(IP_PROTOCOL_TCP, data, len, iphdr->src, iphdr->dst) != 0) {
        return drop(stats.bad_checksum, "sum=0x%04x, len=%zu", ntoh16(hdr->sum), len);
    }
    if (tcp_check_endpoints(iphdr, hdr, iface) == -1) {
        return drop(stats.bad_address, "not unicast, or from an endpoint to itself");
    }
    return 0;
}

static void tcp_input(const struct ip_hdr *iphdr, const uint8_t *data, size_t len,
                      struct ip_iface *iface)
{
    const struct tcp_hdr *hdr = (const struct tcp_hdr *)data;
    ip_endp_t local, remote;
    char local_text[IP_ENDP_STR_LEN], remote_text[IP_ENDP_STR_LEN];

    count(stats.received);
    if (tcp_check_hdr(iphdr, data, len, iface) == -1) {
        return;
    }
    count(stats.delivered);
    local = (ip_endp_t){iphdr->dst, hdr->dst};
    remote = (ip_endp_t){iphdr->src, hdr->src};
    debugf("dev=%s, %s => %s, len=%zu", NET_IFACE(iface)->dev->name,
           ip_endp_ntop(&remote, remote_text, sizeof(remote_text)),
           ip_endp_ntop(&local, local_text, sizeof(local_text)), len);
    tcp_dump(data, len);
}

/*
 * Start and stop
 */

int tcp_init(void)
{
    if (ip_protocol_register(IP_PROTOCOL_TCP, tcp_input) == -1) {
        return -1;
    }
    return 0;
}

void tcp_get_stats(struct tcp_stats *out)
{
    counters_copy(out, &stats, sizeof(stats));
}
