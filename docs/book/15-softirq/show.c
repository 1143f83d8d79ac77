#include "show.h"
#include "sim.h"

/* Three packets come before the softirq can run. They wait in the queue, and are answered then. */
void exchange(void)
{
    uint8_t buf[128];
    struct packet p = {buf, 0, 0, 0};

    bench_start(WIRE_RAW);
    for (int i = 1; i <= 3; i++) {
        char text[64];

        snprintf(text, sizeof(text), "IP 192.0.2.1 > 192.0.2.2 ICMP echo id 1 seq %d len 20", i);
        sim_build(text, DIR_IN, 0, &p, NULL);
        sim_remember(&p, DIR_IN);
        sim_wire_send(sim_wire_now, &p);
    }
    show_all();
}
