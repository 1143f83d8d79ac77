#include "conn.h"
#include "show.h"

static ssize_t connect_to(struct call *c)
{
    ip_endp_t local = endp("0.0.0.0:0"), remote = endp(c->remote);

    return tcp_cmd_open(&local, &remote, 1);
}

/* We open the connection. The first SYN is lost. */
void exchange(void)
{
    static struct call open;

    bench_start(WIRE_RAW);
    connection('A', "192.0.2.2:0", "192.0.2.1:10007", PEER_ISN);
    lose();
    call_start(&open, connect_to, .remote = "192.0.2.1:10007");
    show_all();
    pass(3000);
    host("S. 0:0(0) ack 1 win 65535 <mss 1460>");
    host("P. 1:6(5) ack 1 win 65535 'hello'");
    tcp_cmd_close((int)open.ret);
}
