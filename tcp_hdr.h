#ifndef TCP_HDR_H
#define TCP_HDR_H

#include <stddef.h>
#include <stdint.h>

#include "ip.h"
#include "tcp.h"

/*
 * tcp_hdr: a segment as bytes on the wire, and as struct tcp_segment. RFC 9293 3.1. Pure: no lock,
 * no clock, no counter, no control block; tcp_dump writes to the log. seq_lt, seq_leq and
 * seq_between stand in tcp.h, since users compare the numbers of a struct tcp_view.
 */

#define TCP_FLG_FIN 0x01
#define TCP_FLG_SYN 0x02
#define TCP_FLG_RST 0x04
#define TCP_FLG_PSH 0x08
#define TCP_FLG_ACK 0x10
#define TCP_FLG_URG 0x20

#define TCP_FLG_ISSET(x, y) (((x) & (y)) != 0)

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

/* Does a received segment call for an ACK? RFC 9293 3.8.6.3 */
enum tcp_ack {
    TCP_ACK_NONE,
    TCP_ACK_LATER, /* it may be delayed */
    TCP_ACK_NOW,
};

/* A segment, received or to send, in host byte order. RFC 9293 3.3.1 */
struct tcp_segment {
    uint32_t seq;
    uint32_t ack;
    uint32_t len; /* SEG.LEN: data, SYN and FIN; not used to send */
    uint32_t untrimmed; /* received: SEG.LEN as it arrived */
    uint16_t wnd;
    uint8_t flg;
    uint16_t mss; /* value of the MSS option; 0: none */
    const uint8_t *data; /* borrowed */
    size_t data_len;
    enum tcp_ack ack_due; /* received: after the last check */
};

/* Returns SEG.LEN: the sequence numbers of len bytes of data, SYN and FIN. RFC 9293 3.4 */
uint32_t tcp_seq_len(uint8_t flg, size_t len);

/*
 * From bytes. The caller has checked len, the data offset and the checksum (tcp_check_hdr).
 */

/* Converts a header, and finds the data: it follows the options, up to len bytes from the header
 * on. */
struct tcp_segment tcp_segment_parse(const struct tcp_hdr *hdr, size_t len);
/* Stores the values of len bytes of options in seg; of an option that is repeated, the first.
 * Ignores unknown ones: RFC 9293 3.1, MUST-6. Returns 0; or, at a bad length, the option's kind,
 * which is not 0: the next option cannot be found, MUST-7. */
int tcp_segment_parse_options(struct tcp_segment *seg, const uint8_t *opt, size_t len);

/*
 * To bytes
 */

/* Returns the size of seg in bytes, with header, options and data. */
size_t tcp_segment_size(const struct tcp_segment *seg);
/* Writes seg, of tcp_segment_size bytes, from local to remote (network byte order): header, the MSS
 * option if mss is not 0, data, and the checksum. */
void tcp_segment_build(const struct tcp_segment *seg, const ip_endp_t *local,
                       const ip_endp_t *remote, struct tcp_hdr *hdr);

/* Logs the header at data, at level debug. len, with the data, holds at least the header with its
 * options. */
void tcp_dump(const uint8_t *data, size_t len);

#endif
