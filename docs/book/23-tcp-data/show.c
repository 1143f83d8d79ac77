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

/* Data in, acknowledged; an echo; the same segment again; and one that leaves a hole. */
void exchange(void)
{
    int desc = open_by_host();
    char buf[100];

    host("P. 1:6(5) ack 1 win 65535 'hello'");
    stack(tcp_cmd_send(desc, buf, (size_t)tcp_cmd_receive(desc, buf, sizeof(buf)) % sizeof(buf)));
    host(". 6:6(0) ack 6 win 65535");
    remark("the first segment comes again");
    host("P. 1:6(5) ack 6 win 65535 'hello'");
    remark("the segment before this one is missing");
    host("P. 16:26(10) ack 6 win 65535");
    tcp_cmd_close(desc);
}
