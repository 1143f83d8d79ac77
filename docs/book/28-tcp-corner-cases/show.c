#include "conn.h"
#include "show.h"

static ssize_t connect_to(struct call *c)
{
    ip_endp_t local = endp("0.0.0.0:0"), remote = endp(c->remote);

    return tcp_cmd_open(&local, &remote, 1);
}

/* Both ends send a SYN at the same time. Then a RST outside the window, and one inside. */
void exchange(void)
{
    static struct call open;

    bench_start(WIRE_RAW);
    connection('A', "192.0.2.2:0", "192.0.2.1:10007", PEER_ISN);
    call_start(&open, connect_to, .remote = "192.0.2.1:10007");
    show_all();
    host("S 0:0(0) win 65535 <mss 1460>");
    host("S. 0:0(0) ack 1 win 65535 <mss 1460>");
    host(". 1:1(0) ack 1 win 65535");
    remark("a RST behind the window, from somebody else");
    forger("R 70000:70000(0) win 0");
    remark("a RST at RCV.NXT, from the host");
    host("R 1:1(0) win 0");
    tcp_cmd_close((int)open.ret);
}
