#include "show_tcp.h"

/* We open the connection. The first SYN is lost. */
void exchange(void)
{
    static struct call open;

    bench_start(WIRE_RAW);
    lose();
    open_by_stack(&open);
    pass(3000);
    host("S. 0:0(0) ack 1 win 65535 <mss 1460>");
    host("P. 1:6(5) ack 1 win 65535 'hello'");
    tcp_cmd_close((int)open.ret);
}
