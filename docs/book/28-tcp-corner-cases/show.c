#include "show_tcp.h"

/* Both ends send a SYN at the same time. Then a RST outside the window, and one inside. */
void exchange(void)
{
    static struct call open;

    bench_start(WIRE_RAW);
    open_by_stack(&open);
    host("S 0:0(0) win 65535 <mss 1460>");
    host("S. 0:0(0) ack 1 win 65535 <mss 1460>");
    host(". 1:1(0) ack 1 win 65535");
    remark("a RST behind the window, from somebody else");
    forger("R 70000:70000(0) win 0");
    remark("a RST at RCV.NXT, from the host");
    host("R 1:1(0) win 0");
    tcp_cmd_close((int)open.ret);
}
