#include "tcp.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "ip.h"
#include "platform.h"
#include "util.h"

/*
 * tcp: the Transmission Control Protocol, RFC 9293. In this step there is no connection yet: each
 * segment is answered by a RST, unless it is one. Left out: connections (step 22).
 *
 * Data
 *   struct tcp_pcb      the transmission control block (TCB) of a connection; `pcbs` is the table
 *   struct tcp_segment  a received segment in host byte order; its text is borrowed from IP
 *
 * Map by section of RFC 9293
 *   3.1      header           tcp_check_hdr, tcp_segment_parse, tcp_dump
 *   3.3      control blocks   tcp_pcb_select
 *   3.10.6   STATUS           tcp_get_view
 *   3.10.7   SEGMENT ARRIVES  tcp_segment_arrives: tcp_closed
 *
 * Lock. `lock` guards the table and its blocks. Order: tcp, ip, arp.
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

/* A received segment, in host byte order. RFC 9293 3.3.1 */
struct tcp_segment {
    uint32_t seq;
    uint32_t ack;
    uint32_t len; /* SEG.LEN: data, SYN and FIN */
    uint16_t wnd;
    uint8_t flg;
    const uint8_t *data;
    size_t data_len;
};

/* The transmission control block, RFC 9293 3.3.1. Sequence numbers in host byte order. */
struct tcp_pcb {
    enum tcp_state state;
    int desc;               /* index in pcbs, the user's descriptor */
    ip_endp_t local;
    ip_endp_t remote;
    struct {
        uint32_t una;
        uint32_t nxt;
        uint32_t wnd;
        uint32_t wl1;
        uint32_t wl2;
    } snd;
    uint32_t iss;
    struct {
        uint32_t nxt;
        uint32_t wnd;
    } rcv;
    uint32_t irs;
};

static lock_t lock = LOCK_INITIALIZER; /* guards pcbs and the blocks; order: tcp, ip, arp */
static struct tcp_pcb *pcbs[TCP_PCB_SIZE];
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

/* SEG.LEN: the sequence numbers of data, SYN and FIN. RFC 9293 3.4 */
static uint32_t tcp_seq_len(uint8_t flg, size_t len)
{
    return (uint32_t)len + TCP_FLG_ISSET(flg, TCP_FLG_SYN) + TCP_FLG_ISSET(flg, TCP_FLG_FIN);
}

/*
 * Control blocks. The caller of the static functions must hold the lock.
 */

const char *tcp_state_ntoa(enum tcp_state state)
{
    static const char *const names[] = {
        "CLOSED", "LISTEN", "SYN_SENT", "SYN_RECEIVED", "ESTABLISHED", "FIN_WAIT1",
        "FIN_WAIT2", "CLOSING", "TIME_WAIT", "CLOSE_WAIT", "LAST_ACK",
    };

    return (size_t)state < countof(names) ? names[state] : "UNKNOWN";
}

static int tcp_endp_is_equal(const ip_endp_t *a, const ip_endp_t *b)
{
    return a->addr == b->addr && a->port == b->port;
}

/* Returns the connection between local and remote, or NULL. */
static struct tcp_pcb *tcp_pcb_find(const ip_endp_t *local, const ip_endp_t *remote)
{
    struct tcp_pcb **slot, *pcb;

    assert(lock_held(&lock));
    for (slot = pcbs; slot < tailof(pcbs); slot++) {
        pcb = *slot;
        if (!pcb || pcb->state == TCP_STATE_CLOSED || pcb->state == TCP_STATE_LISTEN) {
            continue;
        }
        if (tcp_endp_is_equal(&pcb->local, local) && tcp_endp_is_equal(&pcb->remote, remote)) {
            return pcb;
        }
    }
    return NULL;
}

/* Returns the block for a segment, or NULL. */
static struct tcp_pcb *tcp_pcb_select(const ip_endp_t *local, const ip_endp_t *remote)
{
    return tcp_pcb_find(local, remote); /* left out: listeners (step 22) */
}

int tcp_get_view_at(size_t place, struct tcp_view *view)
{
    const struct tcp_pcb *pcb = NULL;

    lock_acquire(&lock);
    if (place < countof(pcbs)) {
        pcb = pcbs[place];
    }
    if (pcb) {
        *view = (struct tcp_view){
            .desc = (int)place,
            .state = pcb->state,
            .local = pcb->local,
            .remote = pcb->remote,
            .snd = {pcb->snd.una, pcb->snd.nxt, pcb->snd.wnd, pcb->snd.wl1, pcb->snd.wl2},
            .iss = pcb->iss,
            .rcv = {pcb->rcv.nxt, pcb->rcv.wnd},
            .irs = pcb->irs,
        };
    }
    lock_release(&lock);
    return pcb ? 0 : -1;
}

/* A descriptor is its block's place in the table. */
int tcp_get_view(int desc, struct tcp_view *view)
{
    if (tcp_get_view_at((size_t)desc, view) == -1) {
        errno = EBADF;
        return -1;
    }
    return 0;
}

/*
 * Output
 */

/* Sends a segment; numbers in host byte order. Counts sent or send_failed. Returns len, or -1: as
 * if lost on the wire. */
static ssize_t tcp_output_segment(uint32_t seq, uint32_t ack, uint8_t flg, uint16_t wnd,
                                  const uint8_t *data, size_t len, const ip_endp_t *local,
                                  const ip_endp_t *remote)
{
    size_t total = sizeof(struct tcp_hdr) + len;
    struct tcp_hdr *hdr = memory_alloc(total);
    char from[IP_ENDP_STR_LEN], to[IP_ENDP_STR_LEN];
    ssize_t ret;

    if (!hdr) {
        errno = ENOMEM;
        return drop(stats.send_failed, "memory_alloc() failure");
    }
    hdr->src = local->port;
    hdr->dst = remote->port;
    hdr->seq = hton32(seq);
    hdr->ack = hton32(ack);
    hdr->off = (sizeof(*hdr) >> 2) << 4;
    hdr->flg = flg;
    hdr->wnd = hton16(wnd);
    if (len > 0) {
        memcpy(hdr + 1, data, len);
    }
    hdr->sum = ip_pseudo_cksum(IP_PROTOCOL_TCP, hdr, total, local->addr, remote->addr);
    debugf("%s => %s, len=%zu", ip_endp_ntop(local, from, sizeof(from)),
           ip_endp_ntop(remote, to, sizeof(to)), len);
    tcp_dump((uint8_t *)hdr, total);
    ret = ip_output(IP_PROTOCOL_TCP, (uint8_t *)hdr, total, local->addr, remote->addr);
    memory_free(hdr);
    if (ret == -1) {
        return drop(stats.send_failed, "ip_output() failure");
    }
    count(stats.sent);
    return (ssize_t)len;
}

/* Answers an unacceptable segment with a RST that its sender accepts, and counts it in resets_sent.
 * RFC 9293 3.10.7.1 */
static void tcp_output_reset(const struct tcp_segment *seg, const ip_endp_t *local,
                             const ip_endp_t *remote)
{
    count(stats.resets_sent);
    if (TCP_FLG_ISSET(seg->flg, TCP_FLG_ACK)) {
        tcp_output_segment(seg->ack, 0, TCP_FLG_RST, 0, NULL, 0, local, remote);
    } else {
        tcp_output_segment(0, seg->seq + seg->len, TCP_FLG_RST | TCP_FLG_ACK, 0, NULL, 0, local,
                           remote);
    }
}

/*
 * SEGMENT ARRIVES, RFC 9293 3.10.7.
 */

/* 3.10.7.1 "If the state is CLOSED": "An incoming segment not containing a RST causes a RST to be
 * sent in response." */
static void tcp_closed(const struct tcp_segment *seg, const ip_endp_t *local,
                       const ip_endp_t *remote)
{
    char from[IP_ENDP_STR_LEN];

    drop(stats.no_connection, "no connection, from %s", ip_endp_ntop(remote, from, sizeof(from)));
    if (!TCP_FLG_ISSET(seg->flg, TCP_FLG_RST)) {
        tcp_output_reset(seg, local, remote);
    }
}

static void tcp_segment_arrives(struct tcp_segment *seg, const ip_endp_t *local,
                                const ip_endp_t *remote)
{
    struct tcp_pcb *pcb;

    assert(lock_held(&lock));
    pcb = tcp_pcb_select(local, remote);
    if (!pcb) {
        tcp_closed(seg, local, remote);
        return;
    }
    switch (pcb->state) {
    default:
        break; /* left out: other states (step 22) */
    }
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

/* Converts a header that has been checked, and finds the data: it follows the options, up to len
 * bytes from the header on. */
static struct tcp_segment tcp_segment_parse(const struct tcp_hdr *hdr, size_t len)
{
    struct tcp_segment seg = {0};

    seg.seq = ntoh32(hdr->seq);
    seg.ack = ntoh32(hdr->ack);
    seg.wnd = ntoh16(hdr->wnd);
    seg.flg = hdr->flg;
    seg.data = (const uint8_t *)hdr + TCP_HDR_SIZE(hdr);
    seg.data_len = len - TCP_HDR_SIZE(hdr);
    seg.len = tcp_seq_len(seg.flg, seg.data_len);
    return seg;
}

static void tcp_input(const struct ip_hdr *iphdr, const uint8_t *data, size_t len,
                      struct ip_iface *iface)
{
    const struct tcp_hdr *hdr = (const struct tcp_hdr *)data;
    ip_endp_t local, remote;
    char local_text[IP_ENDP_STR_LEN], remote_text[IP_ENDP_STR_LEN];
    struct tcp_segment seg;

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
    seg = tcp_segment_parse(hdr, len);
    lock_acquire(&lock);
    tcp_segment_arrives(&seg, &local, &remote);
    lock_release(&lock);
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

void tcp_shutdown(void)
{
    size_t i;

    lock_acquire(&lock);
    for (i = 0; i < countof(pcbs); i++) {
        pcbs[i] = NULL;
    }
    lock_release(&lock);
}

void tcp_get_stats(struct tcp_stats *out)
{
    counters_copy(out, &stats, sizeof(stats));
}
