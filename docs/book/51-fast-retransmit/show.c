#include "show_tcp.h"

/* Of four segments in flight, the first and the third are lost. The third duplicate ACK comes only
 * because the first two let new segments out. */
void exchange(void)
{
    static struct call open;
    static uint8_t data[12000];
    int desc;

    bench_start(WIRE_RAW);
    open_start(&open, PEER_ISN);
    remark("without the first SYN-ACK, the window is one segment");
    lose();
    host("S 0:0(0) win 65535 <mss 1000>");
    pass(2000);
    host(". 1:1(0) ack 1 win 65535");
    desc = (int)open.ret;
    stack(tcp_cmd_send(desc, data, sizeof(data)));
    host(". 1:1(0) ack 1001 win 65535");
    lose();
    host(". 1:1(0) ack 2001 win 65535");
    lose();
    host(". 1:1(0) ack 3001 win 65535");
    host(". 1:1(0) ack 3001 win 65535");
    host(". 1:1(0) ack 3001 win 65535");
    host(". 1:1(0) ack 3001 win 65535");
    host(". 1:1(0) ack 3001 win 65535");
    host(". 1:1(0) ack 5001 win 65535");
    host(". 1:1(0) ack 9001 win 65535");
    tcp_cmd_close(desc);
}
