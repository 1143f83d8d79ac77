#include "show_tcp.h"

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
