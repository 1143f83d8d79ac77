#include "bench.h"
#include "sim.h"

/*
 * The stack's next initial sequence number: the clock that it follows is moved
 */
#define ISN_TICK 4000 /* nanoseconds, RFC 9293 3.4.1 */

void bench_next_isn(uint32_t isn, const char *file, int line)
{
    struct conn *c = sim_conn_now();
    uint64_t when;

    if (!c->known) {
        bench_inject("S 0:0(0)", NULL, file, line);
        bench_expect("S. 0:0(0) ack 1", 0, file, line);
        bench_inject("R 1:1(0)", NULL, file, line);
    }
    when = (c->begun / ISN_TICK + (uint32_t)(isn - c->our_isn)) * ISN_TICK;
    if (when < sim_now) {
        when += (UINT64_C(1) << 32) * ISN_TICK; /* one turn of the clock */
    }
    sim_clock_skip(when - sim_now);
    c->known = 0;
}
