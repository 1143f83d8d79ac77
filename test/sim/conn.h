#ifndef CONN_H
#define CONN_H

/*
 * A TCP connection between our stack and the script, for graders from step 23 on
 *
 *   bench_start(WIRE_RAW);
 *   desc = established(PEER_ISN, "", 65535);
 *   our_side_sends(desc, 1, 10);
 *   expect("P. 1:11(10) ack 1");
 *   peer_acks(11, 65535);
 *
 * Numbers are relative, as in a script. The script's connection is A, and the peer opens it.
 */

#include <stdio.h>
#include <stdlib.h>

#include "bench.h"
#include "call.h"
#include "endp.h"
#include "tcp.h"
#include "util.h"

#define PEER_ISN 1000 /* the peer's initial sequence number */

/*
 * The control block
 */
static inline struct tcp_view view(int desc)
{
    struct tcp_view v;

    check_int(tcp_get_view(desc, &v), 0);
    return v;
}

static inline void check_state(int desc, const char *name)
{
    struct tcp_view v;

    if (tcp_get_view(desc, &v) == -1) {
        fail("descriptor %d has no block, expected one in %s", desc, name);
    }
    check_str(tcp_state_ntoa(v.state), name);
}

/* Returns whether the block has been freed. */
static inline int is_gone(int desc)
{
    struct tcp_view v;

    return tcp_get_view(desc, &v) == -1;
}

static inline void check_gone(int desc)
{
    struct tcp_view v;

    if (tcp_get_view(desc, &v) == 0) {
        fail("descriptor %d still has its block, in %s", desc, tcp_state_ntoa(v.state));
    }
}

static inline size_t blocks_in_use(void)
{
    struct tcp_view v;
    size_t num = 0;

    for (size_t i = 0; i < TCP_PCB_SIZE; i++) {
        num += tcp_get_view_at(i, &v) == 0;
    }
    return num;
}

/*
 * Opening
 */

/* OPEN of c->local for any peer. */
static inline ssize_t open_passive(struct call *c)
{
    ip_endp_t local = endp(c->local);

    return tcp_cmd_open(&local, NULL, 0);
}

/* Starts a passive OPEN of 192.0.2.2:7 and defines connection A, from 192.0.2.1:5000. */
static inline void open_start(struct call *c, uint32_t peer_isn)
{
    connection('A', "192.0.2.2:7", "192.0.2.1:5000", peer_isn);
    call_start(c, open_passive, .local = "192.0.2.2:7");
}

/* Returns the descriptor of a completed OPEN. */
static inline int opened(const struct call *c)
{
    settle();
    check(task_done(c->task));
    check_cmp(c->ret, !=, -1);
    return (int)c->ret;
}

/* Opens a connection, with handshake(syn, win). Returns its descriptor. */
static inline int established(uint32_t peer_isn, const char *syn, unsigned win)
{
    static struct call c;

    open_start(&c, peer_isn);
    handshake(syn, win);
    return opened(&c);
}

/*
 * Our side
 */
static inline ssize_t receive(struct call *c)
{
    return tcp_cmd_receive(c->desc, c->buf, c->len);
}

/* SEND of c->len bytes of the pattern. */
static inline ssize_t send_pattern(struct call *c)
{
    pattern(c->buf, c->from, c->len);
    return tcp_cmd_send(c->desc, c->buf, c->len);
}

/* Sends len bytes of the pattern without sleeping: the window or the buffer has room. */
static inline void our_side_sends(int desc, uint32_t from, size_t len)
{
    static char buf[TCP_RCV_BUF_SIZE];

    pattern(buf, from, len);
    check_int(tcp_cmd_send(desc, buf, len), len);
}

/* Reads at most size bytes, the peer's pattern from number from on. Returns how many. */
static inline uint32_t read_pattern(int desc, uint32_t from, size_t size)
{
    static char buf[70000];
    ssize_t len = tcp_cmd_receive(desc, buf, size < sizeof(buf) ? size : sizeof(buf));

    check_cmp(len, >, 0);
    check_pattern(buf, from, (size_t)len);
    return (uint32_t)len;
}

/* Reads the peer's bytes up to number end, and leaves the rest. */
static inline void read_up_to(int desc, uint32_t from, uint32_t end)
{
    while (from < end) {
        from += read_pattern(desc, from, end - from);
    }
}

/* Reads all received bytes: the peer's up to number end. */
static inline void check_received(int desc, uint32_t from, uint32_t end)
{
    while (from < end) {
        from += read_pattern(desc, from, SIZE_MAX);
    }
    check_int(from, end);
}

/* End of file, again and again. */
static inline void check_end_of_file(int desc)
{
    char byte;

    for (int i = 0; i < 3; i++) {
        check_int(tcp_cmd_receive(desc, &byte, 1), 0);
    }
}

/*
 * The peer
 */
static inline void peer_sends(uint32_t from, uint32_t end)
{
    char line[64];

    snprintf(line, sizeof(line), "P. %u:%u(%u) ack 1", from, end, end - from);
    inject(line);
}

static inline void peer_acks(uint32_t ack, unsigned win)
{
    char line[64];

    snprintf(line, sizeof(line), ". 1:1(0) ack %u win %u", ack, win);
    inject(line);
}

/* A segment of data, or an ACK: from the handshake on all have the ACK flag. */
static inline void check_flags(unsigned flags)
{
    if (!(flags & 0x10)) {
        fail("a segment without ACK went out, tcp.flags=0x%02x", flags);
    }
    if (flags & 0x07) {
        fail("a segment with RST, SYN or FIN went out, tcp.flags=0x%02x", flags);
    }
}

/* Within half a second our side acknowledges everything before ack, without SYN, FIN or RST.
 * Returns the window announced last. */
static inline unsigned check_acked(int desc, uint32_t ack)
{
    uint8_t packet[1500];
    uint32_t acknowledged;

    advance(500);
    if (wire_pending(0) == 0) {
        fail("no ACK went out");
    }
    while (wire_pending(0) > 0) {
        take(0, packet, sizeof(packet));
        check_flags(packet[33]);
    }
    acknowledged = get32(packet + 28) - view(desc).irs;
    check_int(acknowledged, ack);
    return get16(packet + 34);
}

#endif
