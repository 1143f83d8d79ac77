#include "show_tcp.h"

/* The congestion window begins with one segment, and doubles in each round trip. Then four segments
 * are lost at once, as when a queue overflows. */
void exchange(void)
{
    static struct call open;
    static uint8_t data[7000];
    int desc;

    bench_start(WIRE_RAW);
    open_start(&open, PEER_ISN);
    lose();
    host("S 0:0(0) win 65535 <mss 1000>");
    pass(2000);
    host(". 1:1(0) ack 1 win 65535");
    desc = (int)open.ret;
    stack(tcp_cmd_send(desc, data, sizeof(data)));
    host(". 1:1(0) ack 1001 win 65535");
    remark("the queue is full");
    for (int i = 0; i < 4; i++) {
        lose();
    }
    host(". 1:1(0) ack 3001 win 65535");
    pass(5000);
    host(". 1:1(0) ack 4001 win 65535");
    host(". 1:1(0) ack 6001 win 65535");
    host(". 1:1(0) ack 7001 win 65535");
    tcp_cmd_close(desc);
}
