#ifndef EDGE_SCRIPT_H
#define EDGE_SCRIPT_H

/*
 * For the tests of the watcher: segments at a present time, and what the watcher says of them.
 */

#include <stdio.h>
#include <string.h>

#include "bench.h"
#include "edge.h"
#include "sim.h"

#define MSS 1000
#define WND 60000
#define FIN EDGE_FIN
#define SYN EDGE_SYN
#define RST EDGE_RST
#define ACK EDGE_ACK

static struct edge e;
static uint64_t now; /* in nanoseconds */

/*
 * Segments at the present time
 */
static const char *sends(uint32_t seq, uint32_t len, uint8_t flags, uint32_t ack, uint32_t wnd)
{
    return edge_out(&e, now, &(struct edge_segment){.seq = seq, .len = len, .ack = ack, .wnd = wnd,
                                                    .flags = flags | ACK});
}

/* The same, and then as if it had not. */
static const char *tries(uint32_t seq, uint32_t len, uint8_t flags, uint32_t ack, uint32_t wnd)
{
    struct edge before = e;
    const char *what = sends(seq, len, flags, ack, wnd);

    e = before;
    return what;
}

static const char *gets(uint32_t seq, uint32_t len, uint8_t flags, uint32_t ack, uint32_t wnd)
{
    return edge_in(&e, now, &(struct edge_segment){.seq = seq, .len = len, .ack = ack, .wnd = wnd,
                                                   .flags = flags | ACK});
}

static void right(const char *wrong)
{
    if (wrong) {
        fail("the watcher says: must not %s", wrong);
    }
}

/* The watcher says something that begins so. */
static void wrong(const char *got, const char *want)
{
    if (!got || strncmp(got, want, strlen(want))) {
        fail("expected: %s\ngot: %s", want, got ? got : "nothing");
    }
}

static void out(uint32_t seq, uint32_t len)
{
    right(sends(seq, len, 0, e.nxt, WND));
}

static void acked(uint32_t ack)
{
    right(gets(e.nxt, 0, 0, ack, WND));
}

static void wait_ms(uint64_t ms)
{
    now += ms * SIM_MS;
}

static void start(int step)
{
    edge_start(&e, step, MSS);
    now = SIM_SECOND;
}

/* It opens a connection to a peer with a window of WND. */
static void opened(int step)
{
    start(step);
    right(edge_out(&e, now, &(struct edge_segment){.flags = SYN}));
    wait_ms(1);
    right(gets(0, 0, SYN, 1, WND));
    out(1, 0);
    wait_ms(1);
}

#endif
