#ifndef HOSTILE_H
#define HOSTILE_H

/*
 * What the tests of hostile packets share. The catalogue has a row for each kind of packet that has
 * done harm to a stack before, E-1 to T-40, and for each fault of the model, B-1 to B-18; here each
 * is a behaviour, which looks at the reply, at the state, and at the counter.
 */

#include <stdio.h>

#include "arp.h"
#include "bench.h"
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

/* How many packets have been dropped so far, for whatever reason. Defined in drops.h. */
static inline uint64_t drops(void);

/*
 * State: what a packet that is dropped leaves as it was
 */
#define PICTURE_PLACES 64 /* that are looked at; low ones are taken first */
#define PICTURE_VIEWS 16

struct picture {
    size_t memory;
    size_t num; /* connections */
    struct tcp_view views[PICTURE_VIEWS]; /* the first of them */
};

static inline struct picture picture_take(void)
{
    struct picture p = {0};
    struct tcp_view view;

    for (int desc = 0; desc < PICTURE_PLACES; desc++) {
        if (tcp_get_view(desc, &view) == -1) {
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

/* Fails unless everything is as it was. */
static inline void picture_check(const struct picture *before)
{
    struct picture now = picture_take();

    check_int(now.num, before->num);
    for (size_t i = 0; i < now.num && i < PICTURE_VIEWS; i++) {
        picture_check_view(&before->views[i], &now.views[i]);
    }
    check_int(now.memory, before->memory);
}

/* The packet is dropped: that counts once, nothing is said, and everything stays as it was. */
#define check_ignored(statement) \
    do { \
        struct picture picture_ = picture_take(); \
        uint64_t drops_ = drops(); \
        statement; \
        check_int(drops() - drops_, 1); \
        expect_nothing(0); \
        picture_check(&picture_); \
    } while (0)

/* The same, and it counts under this reason. */
#define check_dropped(module, field, statement) \
    check_counted(module, field, 1, check_ignored(statement))

/* As check_dropped, but the sender is told. */
#define check_refused(module, field, reply, statement) \
    do { \
        struct picture picture_ = picture_take(); \
        check_counted(module, field, 1, statement); \
        expect(reply); \
        expect_nothing(0); \
        picture_check(&picture_); \
    } while (0)

/* A counter grows by low to high while the statement runs. */
#define check_counted_between(module, field, low, high, statement) \
    do { \
        struct module##_stats first_, last_; \
        module##_get_stats(&first_); \
        statement; \
        module##_get_stats(&last_); \
        check(last_.field - first_.field >= (low) && last_.field - first_.field <= (high)); \
    } while (0)

/* All blocks of TCP. */
static inline size_t blocks(void)
{
    struct tcp_view view;
    size_t num = 0;

    for (int desc = 0; desc < TCP_PCB_SIZE; desc++) {
        num += tcp_get_view(desc, &view) == 0;
    }
    return num;
}

/*
 * Connections
 */
static inline ip_addr_t addr(const char *text)
{
    ip_addr_t a;

    check_int(ip_addr_pton(text, &a), 0);
    return a;
}

static inline ip_endp_t endp(const char *text)
{
    ip_endp_t e;

    check_int(ip_endp_pton(text, &e), 0);
    return e;
}

/* The view of the connection with a remote endpoint. Returns 0, or -1 if there is none. */
static inline int view_of(const char *remote, struct tcp_view *view)
{
    ip_endp_t e = endp(remote);

    for (int desc = 0; desc < TCP_PCB_SIZE; desc++) {
        if (tcp_get_view(desc, view) == 0 && view->remote.addr == e.addr &&
            view->remote.port == e.port) {
            return 0;
        }
    }
    return -1;
}

/* The state of connection A; CLOSED is also a block that is gone. */
static inline const char *state(void)
{
    struct tcp_view view;

    return tcp_state_ntoa(view_of("192.0.2.1:5000", &view) == 0 ? view.state : TCP_STATE_CLOSED);
}

/* A socket that listens on port 7. */
static inline int listening(int backlog)
{
    ip_endp_t local = endp("0.0.0.0:7");
    int desc = tcp_cmd_socket();

    check(desc != -1);
    check_int(tcp_cmd_bind(desc, &local), 0);
    check_int(tcp_cmd_listen(desc, backlog), 0);
    return desc;
}

/* A stack with a listener and connection A, from 192.0.2.1:5000, accepted by it. Returns its
 * descriptor. RCV.NXT and SND.NXT are then 1, relative to the first numbers. */
static inline int connected(void)
{
    int listener, desc;

    bench_start(WIRE_RAW);
    listener = listening(8);
    connection('A', "192.0.2.2:7", "192.0.2.1:5000", PEER_ISN);
    inject("S 0:0(0) win 65535 <mss 1460>");
    expect("S. 0:0(0) ack 1");
    inject(". 1:1(0) ack 1");
    desc = tcp_cmd_accept(listener, NULL);
    check(desc != -1);
    expect_nothing(0);
    return desc;
}

/* The connection works: data comes in from relative sequence number seq on, and is answered. */
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
