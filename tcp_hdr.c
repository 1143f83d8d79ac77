#include "tcp_hdr.h"

#include <string.h>

#include "ip.h"
#include "util.h"

#define TCP_OPT_EOL 0
#define TCP_OPT_NOP 1
#define TCP_OPT_MSS 2
#define TCP_OPT_MSS_SIZE 4

uint32_t tcp_seq_len(uint8_t flg, size_t len)
{
    return (uint32_t)len + TCP_FLG_ISSET(flg, TCP_FLG_SYN) + TCP_FLG_ISSET(flg, TCP_FLG_FIN);
}

/*
 * Options
 */

/* A walk over the options of a header. */
struct tcp_option {
    const uint8_t *opt; /* the option: its kind, its size, its value; EOL and NOP: only the kind */
    size_t size;        /* in bytes; 0: before the first option, or its length is bad */
    size_t left;        /* bytes from opt on */
};

/* Returns the size of the option at opt, or 0 if its length is bad: below 2, or above the len bytes
 * left. EOL and NOP have no length. RFC 9293 3.1 */
static size_t tcp_option_size(const uint8_t *opt, size_t len)
{
    if (opt[0] == TCP_OPT_EOL || opt[0] == TCP_OPT_NOP) {
        return 1;
    }
    if (len < 2 || opt[1] < 2 || opt[1] > len) {
        return 0;
    }
    return opt[1];
}

/* Moves on to the next option. Returns 1, or 0 at the end. */
static int tcp_option_next(struct tcp_option *at)
{
    at->opt += at->size;
    at->left -= at->size;
    if (at->left == 0 || at->opt[0] == TCP_OPT_EOL) {
        return 0;
    }
    at->size = tcp_option_size(at->opt, at->left);
    return 1;
}

/* Stores an option's value; the first counts. Ignores unknown options: RFC 9293 3.1, MUST-6 */
static void tcp_segment_set_option(struct tcp_segment *seg, const uint8_t *opt, size_t size)
{
    if (opt[0] == TCP_OPT_MSS && size == TCP_OPT_MSS_SIZE && seg->mss == 0) {
        seg->mss = (uint16_t)(opt[2] << 8 | opt[3]);
    }
}

int tcp_segment_parse_options(struct tcp_segment *seg, const uint8_t *opt, size_t len)
{
    struct tcp_option at = {opt, 0, len};

    while (tcp_option_next(&at)) {
        if (at.size == 0) {
            return at.opt[0];
        }
        tcp_segment_set_option(seg, at.opt, at.size);
    }
    return 0;
}

/* Writes the options of seg. */
static void tcp_put_options(uint8_t *opt, const struct tcp_segment *seg)
{
    if (seg->mss) {
        opt[0] = TCP_OPT_MSS;
        opt[1] = TCP_OPT_MSS_SIZE;
        opt[2] = (uint8_t)(seg->mss >> 8);
        opt[3] = (uint8_t)seg->mss;
    }
}

/*
 * Segments
 */

struct tcp_segment tcp_segment_parse(const struct tcp_hdr *hdr, size_t len)
{
    struct tcp_segment seg = {0};

    seg.seq = ntoh32(hdr->seq);
    seg.ack = ntoh32(hdr->ack);
    seg.wnd = ntoh16(hdr->wnd);
    seg.flg = hdr->flg;
    seg.data = (const uint8_t *)hdr + TCP_HDR_SIZE(hdr);
    seg.data_len = len - TCP_HDR_SIZE(hdr);
    seg.len = seg.untrimmed = tcp_seq_len(seg.flg, seg.data_len);
    return seg;
}

size_t tcp_segment_size(const struct tcp_segment *seg)
{
    return TCP_HDR_SIZE_MIN + (seg->mss ? TCP_OPT_MSS_SIZE : 0) + seg->data_len;
}

void tcp_segment_build(const struct tcp_segment *seg, const ip_endp_t *local,
                       const ip_endp_t *remote, struct tcp_hdr *hdr)
{
    size_t total = tcp_segment_size(seg), hlen = total - seg->data_len;

    hdr->src = local->port;
    hdr->dst = remote->port;
    hdr->seq = hton32(seg->seq);
    hdr->ack = hton32(seg->ack);
    hdr->off = (uint8_t)(hlen >> 2 << 4);
    hdr->flg = seg->flg;
    hdr->wnd = hton16(seg->wnd);
    hdr->sum = 0;
    hdr->up = 0;
    tcp_put_options((uint8_t *)(hdr + 1), seg);
    if (seg->data_len > 0) {
        memcpy((uint8_t *)hdr + hlen, seg->data, seg->data_len);
    }
    hdr->sum = ip_pseudo_cksum(IP_PROTOCOL_TCP, hdr, total, local->addr, remote->addr);
}

/*
 * The log
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

static void tcp_dump_options(const uint8_t *opt, size_t len)
{
    struct tcp_option at = {opt, 0, len};

    while (tcp_option_next(&at)) {
        if (at.size == 0) {
            log_text("     option: %u, bad length\n", at.opt[0]);
            return;
        }
        if (at.opt[0] != TCP_OPT_NOP) {
            log_text("     option: %u, len=%zu\n", at.opt[0], at.size);
        }
    }
}

void tcp_dump(const uint8_t *data, size_t len)
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
