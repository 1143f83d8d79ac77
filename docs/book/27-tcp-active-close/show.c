#include "conn.h"
#include "show.h"

/* The host opens the connection. Returns our descriptor. */
static int open_by_host(void)
{
    static struct call open;

    bench_start(WIRE_RAW);
    open_start(&open, PEER_ISN);
    host("S 0:0(0) win 65535 <mss 1460>");
    host(". 1:1(0) ack 1 win 65535");
    return (int)open.ret;
}

/* We close first, and stay in TIME-WAIT for a minute. */
void exchange(void)
{
    int desc = open_by_host();

    stack(tcp_cmd_close(desc));
    host(". 1:1(0) ack 2 win 65535");
    host("F. 1:1(0) ack 2 win 65535");
    remark("the host has lost our ACK, and sends its FIN again");
    host("F. 1:1(0) ack 2 win 65535");
    remark("a minute and a second go by");
    pass(61000);
}
