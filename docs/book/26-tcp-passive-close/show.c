#include "show_tcp.h"

/* The host closes first, then our side. */
void exchange(void)
{
    int desc = open_by_host();
    char buf[16];

    host("F. 1:1(0) ack 1 win 65535");
    remark("RECEIVE returns %zd: the end of the stream", tcp_cmd_receive(desc, buf, sizeof(buf)));
    stack(tcp_cmd_send(desc, "bye", 3));
    host(". 2:2(0) ack 4 win 65535");
    stack(tcp_cmd_close(desc));
    host(". 2:2(0) ack 5 win 65535");
}
