#include "show_tcp.h"

/* A segment is lost, and sent again after a second. It is lost again, and sent after two more. */
void exchange(void)
{
    int desc = open_by_host();

    lose();
    stack(tcp_cmd_send(desc, "hello", 5));
    lose();
    pass(5000);
    pass(5000);
    host(". 1:1(0) ack 6 win 65535");
    remark("nothing is left to send again");
    pass(5000);
    tcp_cmd_close(desc);
}
