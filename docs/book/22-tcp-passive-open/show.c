#include "call.h"
#include "endp.h"
#include "show.h"
#include "tcp.h"

static ssize_t open_passive(struct call *c)
{
    ip_endp_t local = endp("192.0.2.2:7");

    (void)c;
    return tcp_cmd_open(&local, NULL, 0);
}

/* The host opens a connection. The number of its first byte is near 2^32. */
void exchange(void)
{
    static struct call open;

    bench_start(WIRE_RAW);
    client('A', 0xffffffff);
    call_start(&open, open_passive);
    show_all();
    host("S 0:0(0) win 65535 <mss 1460>");
    host(". 1:1(0) ack 1 win 65535");
    remark("our side closes");
    stack(tcp_cmd_close((int)open.ret));
}
