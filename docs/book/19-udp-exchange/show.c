#include "call.h"
#include "endp.h"
#include "show.h"
#include "udp.h"

static ssize_t echo(struct call *c)
{
    ip_endp_t remote;
    ssize_t len = udp_cmd_recvfrom(c->desc, c->buf, c->len, &remote);

    return len == -1 ? -1 : udp_cmd_sendto(c->desc, c->buf, (size_t)len, &remote);
}

/* A thread sleeps in recvfrom until a datagram comes, and sends it back. Then we begin. */
void exchange(void)
{
    static struct call server;
    ip_endp_t local, remote;
    int desc;

    bench_start(WIRE_RAW);
    local = endp("0.0.0.0:7");
    remote = endp("192.0.2.1:10007");
    desc = udp_cmd_open();
    udp_cmd_bind(desc, &local);
    call_start(&server, echo, .desc = desc, .len = 100);
    pass(1000);
    host("UDP 192.0.2.1.5000 > 192.0.2.2.7 'twenty bytes of text'");
    stack(udp_cmd_sendto(desc, "and we begin", 12, &remote));
    udp_cmd_close(desc);
}
