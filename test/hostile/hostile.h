#ifndef HOSTILE_H
#define HOSTILE_H

/*
 * Helpers for the tests of hostile packets. The catalogue has a row for each kind of packet that
 * harmed a stack, E-1 to T-40, and for each fault of the original microps, B-1 to B-18. Each is a
 * behaviour here, which checks reply, state and counter.
 */

#include <stdio.h>

#include "arp.h"
#include "bench.h"
#include "call.h"
#include "endp.h"
#include "ether.h"
#include "icmp.h"
#include "ip.h"
#include "ip_frag.h"
#include "net.h"
#include "platform.h"
#include "tcp.h"
#include "udp.h"
#include "util.h"

#define PEER_ISN 1000

/* Returns the number of packets dropped so far, for any reason. Defined in drops.h. */
static inline uint64_t drops(void);

/*
 * State that a dropped packet must not change
 */
#define PICTURE_PLACES 64 /* blocks looked at; low ones are used first */
#define PICTURE_VIEWS 16

struct picture {
    size_t memory;
    size_t num; /* connections */
    struct tcp_view views[PICTURE_VIEWS]; /* of the first connections */
};

static inline struct picture picture_take(void)
{
    struct picture p = {0};
    struct tcp_view view;

    for (size_t i = 0; i < PICTURE_PLACES; i++) {
        if (tcp_get_view_at(i, &view) == -1) {
            continue;
        }
        if (p.num < PICTURE_VIEWS) {
            p.views[p.num] = view;
        }
        p.num++;
    }
    p.memory = memory_in_use();
    return p;
}

static inline void picture_check_view(const struct tcp_view *a, const struct tcp_view *b)
{
    check_str(tcp_state_ntoa(b->state), tcp_state_ntoa(a->state));
    check_int(b->snd.una, a->snd.una);
    check_int(b->snd.nxt, a->snd.nxt);
    check_int(b->snd.wnd, a->snd.wnd);
    check_int(b->rcv.nxt, a->rcv.nxt);
    check_int(b->rcv.wnd, a->rcv.wnd);
}

/* Checks that the state is unchanged. */
static inline void picture_check(const struct picture *before)
{
    struct picture now = picture_take();

    check_int(now.num, before->num);
    for (size_t i = 0; i < now.num && i < PICTURE_VIEWS; i++) {
        picture_check_view(&before->views[i], &now.views[i]);
    }
    check_int(now.memory, before->memory);
}

/* Checks that the packet is dropped: counted once, not answered, and without effect. */
#define check_ignored(statement) \
    do { \
        struct picture picture_ = picture_take(); \
        uint64_t drops_ = drops(); \
        statement; \
        check_int(drops() - drops_, 1); \
        expect_nothing(0); \
        picture_check(&picture_); \
    } while (0)

/* As check_ignored, and counted under this reason. */
#define check_dropped(module, field, statement) \
    check_counted(module, field, 1, check_ignored(statement))

/* As check_dropped, but answered with reply. */
#define check_refused(module, field, reply, statement) \
    do { \
        struct picture picture_ = picture_take(); \
        check_counted(module, field, 1, statement); \
        expect(reply); \
        expect_nothing(0); \
        picture_check(&picture_); \
    } while (0)

/* Checks that a counter grows by low to high while the statement runs. */
#define check_counted_between(module, field, low, high, statement) \
    do { \
        struct module##_stats first_, last_; \
        module##_get_stats(&first_); \
        statement; \
        module##_get_stats(&last_); \
        check_range(last_.field - first_.field, (low), (high)); \
    } while (0)

/* Returns the number of TCP blocks in use. */
static inline size_t blocks(void)
{
    struct tcp_view view;
    size_t num = 0;

    for (size_t i = 0; i < TCP_PCB_SIZE; i++) {
        num += tcp_get_view_at(i, &view) == 0;
    }
    return num;
}

/*
 * Connections
 */

/* Copies the view of the connection with this remote endpoint. Returns 0, or -1: there is none. */
static inline int view_of(const char *remote, struct tcp_view *view)
{
    ip_endp_t e = endp(remote);

    for (size_t i = 0; i < TCP_PCB_SIZE; i++) {
        if (tcp_get_view_at(i, view) == 0 && view->remote.addr == e.addr &&
            view->remote.port == e.port) {
            return 0;
        }
    }
    return -1;
}

/* Returns the state of connection A: CLOSED if it has no block. */
static inline const char *state(void)
{
    struct tcp_view view;

    return tcp_state_ntoa(view_of("192.0.2.1:5000", &view) == 0 ? view.state : TCP_STATE_CLOSED);
}

/* Returns the descriptor of a listener on port 7. */
static inline int listening(int backlog)
{
    ip_endp_t local = endp("0.0.0.0:7");
    int desc = tcp_cmd_socket();

    check_cmp(desc, !=, -1);
    check_int(tcp_cmd_bind(desc, &local), 0);
    check_int(tcp_cmd_listen(desc, backlog), 0);
    return desc;
}

/* Starts a stack with a listener and connection A from 192.0.2.1:5000, accepted by it. Returns its
 * descriptor. RCV.NXT and SND.NXT are 1, relative to the initial numbers. */
static inline int connected(void)
{
    int listener, desc;

    bench_start(WIRE_RAW);
    listener = listening(8);
    connection('A', "192.0.2.2:7", "192.0.2.1:5000", PEER_ISN);
    handshake("win 65535 <mss 1460>", 65535);
    desc = tcp_cmd_accept(listener, NULL);
    check_cmp(desc, !=, -1);
    expect_nothing(0);
    return desc;
}

/* Connects c->desc to c->remote. */
static inline ssize_t connect_remote(struct call *c)
{
    ip_endp_t remote = endp(c->remote);

    return tcp_cmd_connect(c->desc, &remote);
}

/* Sends c->len bytes, the pattern from relative sequence number 1 on. */
static inline ssize_t send_pattern(struct call *c)
{
    pattern(c->buf, 1, c->len);
    return tcp_cmd_send(c->desc, c->buf, c->len);
}

/* Checks that the connection works: injects data from relative sequence number seq on. */
static inline void check_alive(int desc, uint32_t seq, uint32_t ack)
{
    char line[96], buf[10];

    wire_pending(1);
    snprintf(line, sizeof(line), "P. %u:%u(10) ack %u", seq, seq + 10, ack);
    inject(line);
    snprintf(line, sizeof(line), ". %u:%u(0) ack %u", ack, ack, seq + 10);
    expect_within(500, line);
    check_int(tcp_cmd_receive(desc, buf, sizeof(buf)), 10);
    check_pattern(buf, seq, 10);
    wire_pending(1);
}

#include "drops.h"

#endif
