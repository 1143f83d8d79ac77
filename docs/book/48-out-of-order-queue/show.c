#include "show_tcp.h"

/* The second of four segments is lost. The host sends it again, and nothing else. */
void exchange(void)
{
    int desc = open_by_host();

    host(". 1:1461(1460) ack 1 win 65535");
    remark("1461:2921 is lost");
    counted(tcp, out_of_order, host(". 2921:4381(1460) ack 1 win 65535"));
    counted(tcp, out_of_order, host("FP. 4381:5841(1460) ack 1 win 65535"));
    host(". 1461:2921(1460) ack 1 win 65535");
    pass(1000);
    tcp_cmd_close(desc);
}
