#include "show_tcp.h"

/* Two full segments, one alone, and one that the user answers. */
void exchange(void)
{
    int desc = open_by_host();
    char buf[100];
    ssize_t len;

    host(". 1:1461(1460) ack 1 win 65535");
    host(". 1461:2921(1460) ack 1 win 65535");
    host("P. 2921:2926(5) ack 1 win 65535 'alone'");
    pass(1000);
    read_up_to(desc, 1, 2921);
    tcp_cmd_receive(desc, buf, sizeof(buf));
    host("P. 2926:2931(5) ack 1 win 65535 'hello'");
    len = tcp_cmd_receive(desc, buf, sizeof(buf));
    stack(tcp_cmd_send(desc, buf, len > 0 ? (size_t)len : 0));
    host(". 2931:2931(0) ack 6 win 65535");
    remark("nothing more is due");
    pass(1000);
    tcp_cmd_close(desc);
}
