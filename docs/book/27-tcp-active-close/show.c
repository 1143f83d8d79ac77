#include "show_tcp.h"

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
