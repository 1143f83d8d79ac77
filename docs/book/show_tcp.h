#ifndef SHOW_TCP_H
#define SHOW_TCP_H

/*
 * Words for exchanges from step 23 on
 */

#include "conn.h"
#include "show.h"

/* The host opens connection A, to port 7. Returns our descriptor. */
static inline int open_by_host(void)
{
    static struct call open;

    bench_start(WIRE_RAW);
    open_start(&open, PEER_ISN);
    host("S 0:0(0) win 65535 <mss 1460>");
    host(". 1:1(0) ack 1 win 65535");
    return (int)open.ret;
}

#if STEP >= 25
static inline ssize_t open_active(struct call *c)
{
    ip_endp_t local = endp("0.0.0.0:0"), remote = endp(c->remote);

    return tcp_cmd_open(&local, &remote, 1);
}

/* The stack opens connection A, to the host's port 10007: open->ret will be our descriptor. */
static inline void open_by_stack(struct call *open)
{
    connection('A', "192.0.2.2:0", "192.0.2.1:10007", PEER_ISN);
    call_start(open, open_active, .remote = "192.0.2.1:10007");
    show_all();
}
#endif

#endif
